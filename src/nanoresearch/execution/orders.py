"""From a request to the order that a supervisor carries out, and from its ending to a Job: the same for every executor.

    order, access = make_order(request, ...), access_of(request)    # where the run is
    order = enclose(order, isolation, access)                       # where the job runs: here, or on a node
    job = conclude(request, ending, ...); tidy(request.output_folder)    # where the run is

Starts no job and reads no clock but that of the caller.
"""

import math
import os
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nanoresearch.events import plain
from nanoresearch.execution import supervise
from nanoresearch.execution.executor import (
    BUDGET_EXHAUSTED,
    CANCELLED,
    DISK_EXCEEDED,
    MEMORY_EXCEEDED,
    OUTPUT_FLOOD,
    PROCESSES_EXCEEDED,
    RESULTS,
    STDERR,
    STDOUT,
    TIME_EXCEEDED,
    JobRequest,
)
from nanoresearch.execution.sandbox import Access, private_folders, wrap
from nanoresearch.execution.supervise import Ending, Order
from nanoresearch.schema.experiment import Job, Outcome
from nanoresearch.schema.isolation import Isolation, Sandbox

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
PREDICTIONS = "predictions"
"""Folder of the scratch folder for the predictions that a study may save: the code folder cannot be written."""
SAVED = ".pickle"
"""Ending of predictions that are kept because the plan asks for them."""


def job_environment(request: JobRequest, scratch: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a job: an allow list, so that no key of the user reaches experiment code."""
    environment = {name: inherited[name] for name in INHERITED if name in inherited}
    home = str(scratch)
    environment |= FIXED | {"HOME": home, "TMPDIR": home}
    if sys.platform == "win32":
        environment |= {"USERPROFILE": home, "TEMP": home, "TMP": home}
    if site.ENABLE_USER_SITE:
        environment["PYTHONUSERBASE"] = site.getuserbase()  # packages of `pip install --user` are found through HOME
    own = {
        "NANORESEARCH_RESULTS": str(scratch.parent / RESULTS),
        "NANORESEARCH_PREDICTIONS": str(scratch / PREDICTIONS),
    }
    return environment | dict(request.environment) | own


def make_order(
    request: JobRequest, inherited: Mapping[str, str], *, timeout_s: float, grace_s: float, parent: int | None = None
) -> Order:
    """What a supervisor is told, without a sandbox. Makes the output folder ready."""
    output = request.output_folder.absolute()
    scratch = output / SCRATCH
    prepare(scratch, output / RESULTS)
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
        processes=request.processes,
        disk_bytes=int(request.disk_mb * 2**20),
        disk_folder=str(scratch),
    )


def prepare(scratch: Path, reports: Path) -> None:
    """Make the places that a job writes to as they are before its first start: nothing counts as reported."""
    clear(scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    reports.unlink(missing_ok=True)  # the harness appends
    reports.touch()  # a sandbox lets it be written, and not be replaced


def access_of(request: JobRequest) -> Access:
    """What a job may use. Holds on other machines too, where the home may not be known."""
    output = request.output_folder.absolute()
    return Access(
        readable=(request.code_folder.absolute(), *request.readable),
        writable=(output / SCRATCH, output / RESULTS),
        hidden=(*private_folders(), *request.hidden),
    )


def enclose(order: Order, isolation: Isolation, access: Access) -> Order:
    """The order as this machine carries it out: inside a sandbox, with the limits that depend on the machine."""
    cpu_seconds = math.ceil(order.timeout_s * (os.cpu_count() or 1)) + 1
    return wrap(replace(order, cpu_seconds=cpu_seconds), isolation, access)


def not_a_program(order: Order) -> str:
    """Why the first word of the command cannot be started here, or nothing: a sandbox would say it less clearly."""
    name = order.command[0]
    return "" if shutil.which(name, path=order.environment.get("PATH", os.defpath)) else f"there is no program {name}"


def never_started(reason: str) -> Ending:
    """Ending of an order that no supervisor was given."""
    return Ending("start", None, None, 0.0, 0.0, None, reason)


def unstarted(request: JobRequest, outcome: Outcome, reason: str) -> Job:
    """Job of a request that never ran."""
    return Job(
        seed=request.seed, outcome=outcome, exit_code=None, seconds=0, cpu_seconds=0, peak_memory_mb=None, reason=reason
    )


def conclude(request: JobRequest, ending: Ending, *, timeout_s: float, cancelled: bool, sandbox: Sandbox | None) -> Job:
    """Job of an order that has ended. `timeout_s` is what it allowed: less than asked near a deadline."""
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
        reason=plain(reason),
        sandbox=sandbox,
    )


def tidy(output: Path) -> None:
    """Remove from an output folder what nobody needs once its job is judged: scratch files, reports without a word.

    Predictions that the study saved stay, under predictions/.
    """
    reports = output / RESULTS
    if not reports.is_symlink() and reports.is_file() and reports.stat().st_size == 0:
        reports.unlink()
    _keep_predictions(output)
    clear(output / SCRATCH)


def _keep_predictions(output: Path) -> None:
    """Move the predictions that a study was asked to save out of the scratch folder; links stay behind."""
    made, kept = output / SCRATCH / PREDICTIONS, output / PREDICTIONS
    if any(folder.is_symlink() for folder in (made.parent, made, kept)) or not made.is_dir():
        return
    for path in sorted(made.glob(f"*{SAVED}")):
        if path.is_file() and not path.is_symlink():
            kept.mkdir(exist_ok=True)
            path.rename(kept / path.name)


def clear(folder: Path) -> None:
    """Delete what a job left, also where it made that hard: folders without rights, or nested thousands deep."""
    if folder.is_symlink():  # made by a job without a sandbox: what it leads to is not ours
        folder.unlink()
        return
    try:
        for root, names, _ in os.walk(folder):
            for name in names:
                if not (path := Path(root, name)).is_symlink():
                    path.chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
    except (OSError, RecursionError):
        pass
    if folder.exists() and (remover := shutil.which("rm")):
        subprocess.run([remover, "-rf", "--", str(folder)], capture_output=True, check=False)


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
        case "processes":
            return "failed", f"{PROCESSES_EXCEEDED}: more than {request.processes}, threads included"
        case "disk":
            return "failed", f"{DISK_EXCEEDED}: more than {request.disk_mb:g} MB"
        case "ended":
            return ("cancelled", CANCELLED) if cancelled else ("failed", "ended from outside")
        case "start":
            return ("cancelled", CANCELLED) if cancelled else ("failed", f"could not be run: {ending.message}")
