"""Runs the chains of a benchmark: as processes of this machine, or as one job array on a SLURM cluster."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nanoresearch.bench.cells import BenchFolder, Chain
from nanoresearch.config import Config
from nanoresearch.errors import ExecutionError
from nanoresearch.execution.slurmqueue import require_slurm

POLL_S = 0.5
GRACE_S = 20.0
"""Time for chains to end by themselves: an executor ends its experiments first, and the run notes where it is."""
CHAIN_MINUTES = 24 * 60
"""Time limit of a chain's job in minutes, unless execution.slurm.extra has a time: experiments have their own."""
CHAIN_CORES = 2
"""Cores of a chain's job, at least: what a profile lets experiments use."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def command(root: Path, chain: Chain, rounds: int, *, held_out: bool, parent: int | None = None) -> list[str]:
    """What runs one chain in a process of its own. `parent`: the process that it must not outlive."""
    options = ["--task", chain.task, "--ablation", chain.ablation, "--seed", str(chain.seed), "--rounds", str(rounds)]
    flag = "--held-out" if held_out else "--no-held-out"
    start = [sys.executable, "-m", "nanoresearch.bench"]
    bound = [] if parent is None else ["--parent", str(parent)]
    return [*start, "--out", str(root), *options, flag, *bound]


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
    """Run commands, so many at once. Returns how many ended with an error.

    Ctrl-C and SIGTERM end them all, and are passed on as KeyboardInterrupt. Not from a thread other than the main one.
    """
    waiting = list(commands)
    running: list[subprocess.Popen[bytes]] = []
    failed = 0
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    environment = {**dict.fromkeys(THREADS, threads), **os.environ}
    with _termination_as_interrupt():
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
            _end([process for process in running if process.returncode is None])
            raise
    return failed


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt inside, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(chains: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Ask chains to end, and kill what is left of them and of their groups after GRACE_S, or when interrupted again.

    Not SIGINT: started in the background by a script, processes ignore it. Experiments are in groups of their own;
    their supervisors end them when the chain is gone.
    """
    try:
        _signal_groups(chains, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while time.monotonic() < deadline and not all(map(_ended, chains)):
            time.sleep(POLL_S)
    finally:
        _signal_groups(chains, signal.SIGKILL)
        for process in chains:
            process.wait()


def _signal_groups(chains: Sequence["subprocess.Popen[bytes]"], number: signal.Signals) -> None:
    for process in chains:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says so with the second
            os.killpg(process.pid, number)


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it ended. It is not reaped: its number cannot be given to another group as long."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


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
