"""Runs the chains of a benchmark: as processes of this machine, or as one job array on a SLURM cluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nanoresearch.bench.cells import BenchFolder, Chain
from nanoresearch.config import Config
from nanoresearch.errors import ExecutionError
from nanoresearch.execution.slurmqueue import require_slurm

POLL_S = 0.5
GRACE_S = 10.0
CHAIN_MINUTES = 24 * 60
"""Time limit of a chain's job in minutes, unless execution.slurm.extra has a time: experiments have their own."""
CHAIN_CORES = 2
"""Cores of a chain's job, at least: what a profile lets experiments use."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def command(root: Path, chain: Chain, rounds: int, *, held_out: bool) -> list[str]:
    """What runs one chain in a process of its own."""
    options = ["--task", chain.task, "--ablation", chain.ablation, "--seed", str(chain.seed), "--rounds", str(rounds)]
    flag = "--held-out" if held_out else "--no-held-out"
    start = [sys.executable, "-m", "nanoresearch.bench"]
    return [*start, "--out", str(root), *options, flag]


def unfinished(bench: BenchFolder, chains: Sequence[Chain], rounds: int, *, held_out: bool) -> list[Chain]:
    """Chains that have a cell which has not ended."""
    return [
        chain
        for chain in chains
        if any(bench.load(chain.cell(number)) is None for number in range(1, rounds + 1))
        or (held_out and bench.load(chain.cell(rounds, held_out=True)) is None)
    ]


def run_here(
    commands: Sequence[Sequence[str]],
    jobs: int,
    tell: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Run commands, so many at once. Returns how many ended with an error; Ctrl-C ends them all and is passed on.

    When this process is killed its chains go on; those that another bench run starts wait for them.
    """
    waiting = list(commands)
    running: list[subprocess.Popen[bytes]] = []
    failed = 0
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    environment = {**dict.fromkeys(THREADS, threads), **os.environ}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(subprocess.Popen(waiting.pop(0), env=environment, start_new_session=True))
            for process in [item for item in running if item.poll() is not None]:
                running.remove(process)
                if process.returncode:
                    failed += 1
                    tell(f"a chain ended with exit code {process.returncode}: {' '.join(map(str, process.args))}")  # type: ignore[arg-type]
            pause(POLL_S)
    except BaseException:  # also on Ctrl-C: chains note where they are and go on with the next bench run
        for process in running:
            os.killpg(process.pid, signal.SIGINT)
        for process in running:
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        raise
    return failed


def run_on_slurm(bench: BenchFolder, commands: Sequence[Sequence[str]], config: Config) -> list[str]:
    """Submit one job array with a task for each command, and return the ids of its jobs.

    Raises ExecutionError where SLURM or submitit is missing. Nothing waits here: the same bench run says what is left.
    """
    require_slurm()
    import submitit

    slurm = config.execution.slurm
    folder = bench.root / "slurm"
    executor = submitit.SlurmExecutor(folder=folder)
    wanted: dict[str, Any] = {
        "partition": slurm.partition,
        "account": slurm.account,
        "qos": slurm.qos,
        "time": None if "time" in slurm.extra else CHAIN_MINUTES,
        "additional_parameters": dict(slurm.extra),
        "setup": list(slurm.setup),
    }
    executor.update_parameters(
        job_name="nanoresearch-bench",
        cpus_per_task=max(slurm.cpus, CHAIN_CORES),
        array_parallelism=slurm.max_queued,
        **{key: value for key, value in wanted.items() if value},
    )
    # The process that submitit starts becomes the chain at once: no code is pickled.
    try:
        submitted = executor.map_array(os.execv, [str(item[0]) for item in commands], [list(item) for item in commands])
    except subprocess.CalledProcessError as error:
        raise ExecutionError(f"SLURM did not take the job array: {error}.") from error
    return [str(job.job_id) for job in submitted]
