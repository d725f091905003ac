"""Whether two runs that compute one seed at a time keep two cores busy: both at once against one after the other.

Usage: python benchmarks/two_runs.py [--rounds 3] [--topic TOPIC]

Each round makes whole runs (two seeds, no PDF) in homes of their own: two at once and two in turn, in changing order,
so that a busy machine slows both alike. Prints one JSON object: for each round the wall-clock seconds, the processor
seconds of the runs with all their experiments, the cores that were kept busy, and how much sooner two at once are done.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOPIC = "Do class weights and quantile transforms help logistic regression on the iris table?"
RUN = "from nanoresearch.cli.main import main; main()"
PROFILE = "[statistics]\nseeds = 2\n[compute]\ncores = 1\n"


def start(topic: str, root: Path) -> "subprocess.Popen[bytes]":
    """A run in a home of its own."""
    (root / "profiles").mkdir(parents=True)
    (root / "profiles" / "default.toml").write_text(PROFILE)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, "run", topic, "--feedback", "none", "--set", "paper.latex=off"],
        env={**os.environ, "NANORESEARCH_HOME": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def finish(process: "subprocess.Popen[bytes]") -> float:
    """Processor seconds of a run and all that it started."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"A run ended with status {process.returncode}.")
    return usage.ru_utime + usage.ru_stime


def at_once(topic: str, folder: Path) -> tuple[float, float]:
    """Wall-clock and processor seconds of two runs side by side."""
    begin = time.perf_counter()
    processes = [start(topic, folder / name) for name in "ab"]
    used = sum(map(finish, processes))
    return time.perf_counter() - begin, used


def in_turn(topic: str, folder: Path) -> tuple[float, float]:
    """Wall-clock and processor seconds of two runs one after the other."""
    begin = time.perf_counter()
    used = sum(finish(start(topic, folder / name)) for name in "cd")
    return time.perf_counter() - begin, used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--topic", default=TOPIC)
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        load = os.getloadavg()[0]
        measured = {}
        for measure in (at_once, in_turn) if number % 2 == 0 else (in_turn, at_once):
            with tempfile.TemporaryDirectory(prefix="nanoresearch-") as scratch:
                measured[measure.__name__] = measure(options.topic, Path(scratch))
        (together_s, together_cpu_s), (apart_s, apart_cpu_s) = measured["at_once"], measured["in_turn"]
        rounds.append(
            {
                "load_before": round(load, 1),
                "at_once_s": round(together_s, 1),
                "in_turn_s": round(apart_s, 1),
                "at_once_cpu_s": round(together_cpu_s, 1),
                "in_turn_cpu_s": round(apart_cpu_s, 1),
                "cores_at_once": round(together_cpu_s / together_s, 2),
                "cores_in_turn": round(apart_cpu_s / apart_s, 2),
                "sooner": round(apart_s / together_s, 2),
            }
        )
    medians = {name: statistics.median(item[name] for item in rounds) for name in ("cores_at_once", "sooner")}
    print(json.dumps({"cores": os.cpu_count(), "rounds": rounds, "medians": medians}, indent=1))


if __name__ == "__main__":
    main()
