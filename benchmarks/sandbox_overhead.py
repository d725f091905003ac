"""What a sandbox costs a process: paired runs of a program that does nothing, with and without.

Usage: python benchmarks/sandbox_overhead.py [--pairs 30]

Each pair runs the program once without and once with every sandbox that works here, in turn, so that a busy machine
slows both alike. Prints one JSON object: the median of the differences in milliseconds and their quartiles, the median
of the ratios, and the mean difference in processor time, which other work on the machine lengthens less.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from nanoresearch.execution.executor import JobRequest
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.sandbox import probe_isolation
from nanoresearch.schema.isolation import Isolation


def seconds(isolation: Isolation, folder: Path) -> tuple[float, float]:
    """Wall-clock time of one job, from request to record, and processor time of all its processes."""
    code = folder / "code"
    code.mkdir(exist_ok=True)
    (code / "run.py").write_text("pass\n")
    command = (sys.executable, "-I", "-S", "run.py")
    request = JobRequest(0, command, code, folder, timeout_s=60, memory_gb=1, output_mb=1)
    before, start = os.times(), time.perf_counter()
    (job,) = LocalExecutor(isolation).run([request], parallel=1, on_done=lambda job: None)
    took, after = time.perf_counter() - start, os.times()
    if job.outcome != "succeeded":
        raise SystemExit(f"{isolation.words()}: {job.reason}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return took, used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30)
    options = parser.parse_args()
    bare = Isolation(kind="none")
    candidates = [probe_isolation("bubblewrap"), probe_isolation("landlock")]
    if candidates[1].kind == "landlock" and candidates[1].namespaces:
        candidates.append(candidates[1].model_copy(update={"namespaces": False}))
    found = {}
    with tempfile.TemporaryDirectory(prefix="nanoresearch-") as scratch:
        folder = Path(scratch)
        for isolation in (item for item in candidates if item.kind != "none"):
            seconds(isolation, folder), seconds(bare, folder)  # the first of each warms the disk
            pairs = [(seconds(bare, folder), seconds(isolation, folder)) for _ in range(options.pairs)]
            extra_cpu_s = statistics.mean(inside[1] - without[1] for without, inside in pairs)
            wall = [(without[0], inside[0]) for without, inside in pairs]
            low, middle, high = statistics.quantiles([1000 * (inside - without) for without, inside in wall], n=4)
            found[isolation.words()] = {
                "overhead_ms": round(middle, 1),
                "quartiles_ms": [round(low, 1), round(high, 1)],
                "ratio": round(statistics.median(inside / without for without, inside in wall), 2),
                "cpu_overhead_ms": round(1000 * extra_cpu_s, 1),
                "without_ms": round(1000 * statistics.median(without for without, _ in wall), 1),
            }
    print(json.dumps({"pairs": options.pairs, "load": os.getloadavg()[0], "sandboxes": found}, indent=1))


if __name__ == "__main__":
    main()
