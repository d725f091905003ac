"""Run one kit's program by itself: every data set, component and method, for developing kits.

Usage: python benchmarks/try_kit.py KIT [--datasets A B] [--components C D] [--sweep ID] [--protocol ID] [--seeds N]

Prints mean and standard deviation for each method, and the seconds one method took. No paper, no statistics.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from statistics import mean, pstdev

from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.paths import Home
from nanoresearch.schema.blueprint import MethodSpec


def main() -> None:
    """Assemble, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kit", choices=list(load_kits()))
    parser.add_argument("--datasets", nargs="*")
    parser.add_argument("--components", nargs="*")
    parser.add_argument("--sweep")
    parser.add_argument("--protocol")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    kit = load_kits()[options.kit]
    names = options.components or [component.spec.id for component in kit.components]
    chosen = [("baseline", ())] + [("+".join(c), c) for size in (1, len(names)) for c in combinations(names, size)]
    methods = (
        kit.reference,
        *kit.alternatives,
        *(MethodSpec(id=name, name=name, role="variant", components=parts) for name, parts in dict(chosen).items()),
    )
    sweeps = {option.spec.id: option.spec for option in kit.sweeps}
    protocols = {option.spec.id: option.spec for option in kit.protocols}
    config = study_config(
        datasets=options.datasets or [option.id for option in kit.datasets],
        methods=methods,
        metrics=[metric.spec.id for metric in kit.metrics],
        sweep=sweeps[options.sweep] if options.sweep else None,
        protocol=protocols[options.protocol] if options.protocol else kit.protocols[0].spec,
        measures=["fit_seconds", "latency_ms", "parameter_count", "peak_memory_mb"],
        slices=kit.sliced,
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["NANORESEARCH_DATA"] = str(Home.find().data)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in source_files(kit.id, config).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        for seed in range(options.seeds):
            start = time.perf_counter()
            command = [sys.executable, "run.py", "--seed", str(seed)]
            done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False)
            print(f"seed {seed}: exit {done.returncode}, {time.perf_counter() - start:.1f} s")
        lines = Path(folder, "results.jsonl")
        records = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    values = defaultdict(list)
    for record in records:
        if ":" not in record["metric"]:
            key = (record["dataset"], record["condition"], record["metric"], record["method"])
            values[key].append(record["value"])
    for key, numbers in sorted(values.items()):
        print("  ".join(f"{part:24s}" for part in key), f"{mean(numbers):10.4f} +- {pstdev(numbers):.4f}")


if __name__ == "__main__":
    main()
