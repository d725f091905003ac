"""From a request to the order that a supervisor carries out, and from its ending to a Job: the same for every executor.

Starts nothing and reads no clock but that of the caller.
"""

import signal
import site
import sys
from collections.abc import Mapping
from pathlib import Path

from nanoresearch.execution import supervise
from nanoresearch.execution.executor import (
    BUDGET_EXHAUSTED,
    CANCELLED,
    MEMORY_EXCEEDED,
    OUTPUT_FLOOD,
    RESULTS,
    STDERR,
    STDOUT,
    TIME_EXCEEDED,
    JobRequest,
)
from nanoresearch.execution.supervise import Ending, Order
from nanoresearch.schema.experiment import Job, Outcome

INHERITED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",  # some Pythons of clusters do not start without it
    "CUDA_VISIBLE_DEVICES",  # a promise to others about which devices are ours
    "SYSTEMROOT",  # Python does not start on Windows without it
)
FIXED = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    # One thread a process: two processes side by side are then not slower than one (docs/log.md has the measurement).
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
SCRATCH = "scratch"


def job_environment(request: JobRequest, scratch: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a job: an allow list, so that no key of the user reaches experiment code."""
    environment = {name: inherited[name] for name in INHERITED if name in inherited}
    home = str(scratch)
    environment |= FIXED | {"HOME": home, "TMPDIR": home}
    if sys.platform == "win32":
        environment |= {"USERPROFILE": home, "TEMP": home, "TMP": home}
    if site.ENABLE_USER_SITE:
        environment["PYTHONUSERBASE"] = site.getuserbase()  # packages of `pip install --user` are found through HOME
    return environment | dict(request.environment) | {"NANORESEARCH_RESULTS": str(scratch.parent / RESULTS)}


def make_order(
    request: JobRequest, inherited: Mapping[str, str], *, timeout_s: float, grace_s: float, parent: int | None = None
) -> Order:
    """What a supervisor is told. Makes the output folder ready: nothing of an earlier run counts as reported."""
    output = request.output_folder.absolute()
    scratch = output / SCRATCH
    scratch.mkdir(parents=True, exist_ok=True)
    (output / RESULTS).unlink(missing_ok=True)  # the harness appends
    return Order(
        command=list(request.command),
        folder=str(request.code_folder.absolute()),
        environment=job_environment(request, scratch, inherited),
        stdout=str(output / STDOUT),
        stderr=str(output / STDERR),
        timeout_s=timeout_s,
        grace_s=grace_s,
        memory_bytes=int(request.memory_gb * 2**30),
        file_bytes=int(request.file_mb * 2**20),
        output_bytes=int(request.output_mb * 2**20),
        parent=parent,
    )


def unstarted(request: JobRequest, outcome: Outcome, reason: str) -> Job:
    """Job of a request that never ran."""
    return Job(
        seed=request.seed, outcome=outcome, exit_code=None, seconds=0, cpu_seconds=0, peak_memory_mb=None, reason=reason
    )


def conclude(request: JobRequest, ending: Ending, *, timeout_s: float, cancelled: bool) -> Job:
    """Job of a supervisor that has ended. `timeout_s` is what its order allowed: less than asked near a deadline."""
    outcome, reason = _judge(request, ending, timeout_s, cancelled)
    if outcome == "succeeded" and (fault := request.check(request.output_folder)):
        outcome, reason = "invalid", fault
    return Job(
        seed=request.seed,
        outcome=outcome,
        exit_code=ending.exit_code,
        seconds=ending.seconds,
        cpu_seconds=ending.cpu_seconds,
        peak_memory_mb=ending.peak_memory_mb,
        reason=reason,
    )


def _judge(request: JobRequest, ending: Ending, timeout_s: float, cancelled: bool) -> tuple[Outcome, str]:
    match ending.cause:
        case "exit" if ending.exit_code == 0:
            return "succeeded", ""
        case "exit" if ending.signal is not None:
            name = signal.Signals(ending.signal).name if ending.signal in set(signal.Signals) else str(ending.signal)
            hint = ", which is often the system running out of memory" if name == "SIGKILL" else ""
            return ("cancelled", CANCELLED) if cancelled else ("failed", f"killed by {name}{hint}")
        case "exit":
            return ("cancelled", CANCELLED) if cancelled else ("failed", f"exit status {ending.exit_code}")
        case "timeout" if timeout_s < request.timeout_s:
            return "timed_out", f"{BUDGET_EXHAUSTED}: this job had {timeout_s:.0f} s left"
        case "timeout":
            return "timed_out", f"{TIME_EXCEEDED} {request.timeout_s:g} s"
        case "memory":
            return "failed", f"{MEMORY_EXCEEDED}: more than {request.memory_gb:g} GB"
        case "flood":
            limit = supervise.FLOOD * request.output_mb
            return "failed", f"{OUTPUT_FLOOD}: more than {limit:g} MB, ten times what is kept"
        case "ended":
            return ("cancelled", CANCELLED) if cancelled else ("failed", "ended from outside")
        case "start":
            return ("cancelled", CANCELLED) if cancelled else ("failed", f"could not be run: {ending.message}")
