"""Whether two runs that compute one seed at a time keep two cores busy, and what their processes wait for.

Usage: python benchmarks/two_runs.py [--rounds 3] [--topic TOPIC]

Each round makes whole runs (two seeds, no PDF) in homes of their own: two at once and two in turn, in changing order,
so that a busy machine slows both alike. Linux only. Prints one JSON object with, for each round:

    *_s, *_cpu_s    wall-clock seconds, and processor seconds of the runs with all their experiments
    *_idle_s        seconds in which no process of a run could have used a processor, summed over the runs; sampled
    cores_at_once   processor seconds by wall-clock seconds: on a machine that does other things, less than it could be
    cores_wanted    the cores that both at once would keep busy with the machine to themselves: for each run its
                    processor seconds by the sum of these and its idle seconds, added up
    sooner          how much sooner two at once are done than two in turn
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TOPIC = "Do class weights and quantile transforms help logistic regression on the iris table?"
RUN = "from nanoresearch.cli.main import main; main()"
PROFILE = "[statistics]\nseeds = 2\n[compute]\ncores = 1\n"
STEP_S = 0.01


@dataclass
class Run:
    """A run at work, and what is known of it so far."""

    process: "subprocess.Popen[bytes]"
    cpu_s: float = 0.0
    idle_s: float = 0.0
    over: bool = False


def start(topic: str, root: Path) -> Run:
    """A run in a home of its own."""
    (root / "profiles").mkdir(parents=True)
    (root / "profiles" / "default.toml").write_text(PROFILE)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "run", topic, "--feedback", "none", "--set", "paper.latex=off"],
        env={**os.environ, "NANORESEARCH_HOME": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Run(process)


def wants_processor(pid: int) -> bool:
    """Whether a process, or one that it started, runs or could run."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        states = [thread.joinpath("stat").read_text().rpartition(")")[2].split()[0] for thread in threads]
        if "R" in states:
            return True
        return any(wants_processor(int(child)) for item in threads for child in (item / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return False


def follow(*runs: Run) -> float:
    """Wait for runs and watch them; returns the wall-clock seconds that they took together."""
    begin = last = time.perf_counter()
    while not all(run.over for run in runs):
        time.sleep(STEP_S)
        now = time.perf_counter()
        for run in (run for run in runs if not run.over):
            pid, status, usage = os.wait4(run.process.pid, os.WNOHANG)
            if pid:
                run.process.returncode = os.waitstatus_to_exitcode(status)
                run.over, run.cpu_s = True, usage.ru_utime + usage.ru_stime
                if run.process.returncode:
                    raise SystemExit(f"A run ended with status {run.process.returncode}.")
            elif not wants_processor(run.process.pid):
                run.idle_s += now - last
        last = now
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--topic", default=TOPIC)
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(prefix="nanoresearch-") as scratch:
            folder = Path(scratch)
            together: list[Run] = []
            apart: list[Run] = []
            seconds = {}
            for at_once in (True, False) if number % 2 == 0 else (False, True):
                if at_once:
                    together = [start(options.topic, folder / name) for name in "ab"]
                    seconds[at_once] = follow(*together)
                else:
                    seconds[at_once] = 0.0
                    for name in "cd":
                        apart.append(start(options.topic, folder / name))
                        seconds[at_once] += follow(apart[-1])
        used = sum(run.cpu_s for run in together)
        rounds.append(
            {
                "load_before": round(load, 1),
                "at_once_s": round(seconds[True], 1),
                "in_turn_s": round(seconds[False], 1),
                "at_once_cpu_s": round(used, 1),
                "in_turn_cpu_s": round(sum(run.cpu_s for run in apart), 1),
                "at_once_idle_s": round(sum(run.idle_s for run in together), 1),
                "in_turn_idle_s": round(sum(run.idle_s for run in apart), 1),
                "cores_at_once": round(used / seconds[True], 2),
                "cores_wanted": round(sum(run.cpu_s / (run.cpu_s + run.idle_s) for run in together), 2),
                "sooner": round(seconds[False] / seconds[True], 2),
            }
        )
    names = ("cores_at_once", "cores_wanted", "sooner")
    medians = {name: round(statistics.median(item[name] for item in rounds), 2) for name in names}
    print(json.dumps({"cores": os.cpu_count(), "rounds": rounds, "medians": medians}, indent=1))


if __name__ == "__main__":
    main()
