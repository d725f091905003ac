"""Runs jobs as processes of this machine, each under a supervisor of its own.

Limits time, memory, processes, output and disk and gives the job a nearly empty environment. What it can read, write
and reach is limited by the sandbox around it (sandbox.py): its code and data can be read, its reports and a scratch
folder written, nothing else.
"""

import json
import math
import os
import shutil
import signal
import site
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nanoresearch.errors import ExecutionError
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
from nanoresearch.execution.sandbox import Access, require, wrap
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
POLL_S = 0.02
SCRATCH = "scratch"
PREDICTIONS = "predictions"
"""Folder of the scratch folder for the predictions that a study may save: the code folder cannot be written."""


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


@dataclass
class _Running:
    """A job that was started."""

    request: JobRequest
    process: "subprocess.Popen[bytes]"
    timeout_s: float
    sandbox: Sandbox
    cancelled: bool = False

    def release(self) -> None:
        """Close the lifeline: the supervisor ends the job."""
        if self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except OSError:  # the supervisor is gone already
                return


class LocalExecutor:
    """Runs jobs on this machine, in a sandbox unless it is given the isolation "none"."""

    name = "local"

    def __init__(self, isolation: Isolation | None = None, *, grace_s: float = 2.0) -> None:
        self._isolation = isolation
        self._grace_s = grace_s

    def run(self, jobs: Sequence[JobRequest], *, parallel: int, on_done: Callable[[Job], None]) -> tuple[Job, ...]:
        """Run jobs, as Executor promises.

        Raises ExecutionError when a supervisor cannot be started, SandboxMissing when no isolation was given and
        nothing isolates.
        """
        isolation = self._isolation or require("auto")
        waiting = deque(enumerate(jobs))
        running: dict[int, _Running] = {}
        done: dict[int, Job] = {}

        def finish(index: int, job: Job) -> None:
            done[index] = job
            if job.outcome not in ("succeeded", "cancelled"):
                for other in running.values():
                    other.cancelled = True
                    other.release()
            on_done(job)

        try:
            while len(done) < len(jobs):
                failed = any(job.outcome != "succeeded" for job in done.values())
                if waiting and failed:
                    index, request = waiting.popleft()
                    finish(index, _unstarted(request, "cancelled", CANCELLED))
                elif waiting and _time_left(waiting[0][1]) <= 0:
                    index, request = waiting.popleft()
                    finish(index, _unstarted(request, "timed_out", BUDGET_EXHAUSTED))
                elif waiting and len(running) < max(1, parallel):
                    index, request = waiting.popleft()
                    if fault := _not_a_program(request):
                        finish(index, _unstarted(request, "failed", f"could not be run: {fault}"))
                    else:
                        running[index] = self._start(request, isolation)
                else:
                    ended = [index for index, item in running.items() if item.process.poll() is not None]
                    for index in ended:
                        finish(index, _conclude(running.pop(index)))
                    if not ended:
                        time.sleep(POLL_S)
        except BaseException:  # Ctrl-C above all: no experiment may go on unseen
            for item in running.values():
                item.release()
            for item in running.values():
                self._await_end(item)
            raise
        return tuple(done[index] for index in range(len(jobs)))

    def _start(self, request: JobRequest, isolation: Isolation) -> _Running:
        output = request.output_folder.absolute()
        scratch = output / SCRATCH
        timeout_s = min(request.timeout_s, _time_left(request))
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            (output / RESULTS).unlink(missing_ok=True)  # the harness appends
            (output / RESULTS).touch()  # a sandbox lets it be written, and not be replaced
            environment = job_environment(request, scratch, os.environ)
            order = Order(
                command=list(request.command),
                folder=str(request.code_folder.absolute()),
                environment=environment,
                stdout=str(output / STDOUT),
                stderr=str(output / STDERR),
                timeout_s=timeout_s,
                grace_s=self._grace_s,
                memory_bytes=int(request.memory_gb * 2**30),
                file_bytes=int(request.file_mb * 2**20),
                output_bytes=int(request.output_mb * 2**20),
                parent=os.getpid(),
                processes=request.processes,
                cpu_seconds=math.ceil(timeout_s * (os.cpu_count() or 1)) + 1,
                disk_bytes=int(request.disk_mb * 2**20),
                disk_folder=str(scratch),
            )
            readable = (request.code_folder.absolute(), *request.readable)
            access = Access(readable=readable, writable=(scratch, output / RESULTS), hidden=request.hidden)
            order = wrap(order, isolation, access)
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", supervise.__file__],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ExecutionError(f"The job for seed {request.seed} cannot be started in {output}: {error}.") from error
        running = _Running(request, process, timeout_s, isolation.kind)
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:  # it died at once; its ending says why
            running.release()
        except BaseException:  # also on Ctrl-C: leave no supervisor behind
            process.kill()
            raise
        return running

    def _await_end(self, item: _Running) -> None:
        try:
            item.process.wait(timeout=self._grace_s + 10)
        except subprocess.TimeoutExpired:  # the kernel then kills its job
            item.process.kill()
        for pipe in (item.process.stdout, item.process.stderr):
            if pipe is not None:
                pipe.close()
        _clear(item.request.output_folder / SCRATCH)


def _time_left(request: JobRequest) -> float:
    return float("inf") if request.deadline_s is None else request.deadline_s - time.monotonic()


def _not_a_program(request: JobRequest) -> str:
    """Why the first word of the command cannot be started, or nothing: a sandbox would say it less clearly."""
    name = request.command[0]
    environment = job_environment(request, request.output_folder / SCRATCH, os.environ)
    return "" if shutil.which(name, path=environment.get("PATH", os.defpath)) else f"there is no program {name}"


def _unstarted(request: JobRequest, outcome: Outcome, reason: str) -> Job:
    return Job(
        seed=request.seed, outcome=outcome, exit_code=None, seconds=0, cpu_seconds=0, peak_memory_mb=None, reason=reason
    )


def _conclude(item: _Running) -> Job:
    """Job of a supervisor that has ended."""
    item.release()
    ending = _read_ending(item.process)
    outcome, reason = _judge(item, ending)
    if outcome == "succeeded" and (fault := item.request.check(item.request.output_folder)):
        outcome, reason = "invalid", fault
    reports = item.request.output_folder / RESULTS
    if not reports.is_symlink() and reports.is_file() and reports.stat().st_size == 0:
        reports.unlink()
    _clear(item.request.output_folder / SCRATCH)
    return Job(
        seed=item.request.seed,
        outcome=outcome,
        exit_code=ending.exit_code,
        seconds=ending.seconds,
        cpu_seconds=ending.cpu_seconds,
        peak_memory_mb=ending.peak_memory_mb,
        reason=plain(reason),
        sandbox=item.sandbox,
    )


def _clear(folder: Path) -> None:
    """Delete what a job left, also where it made that hard: folders without rights, or nested thousands deep."""
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


def _read_ending(process: "subprocess.Popen[bytes]") -> Ending:
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        line, complaint = process.stdout.read(), process.stderr.read()
    try:
        return Ending(**json.loads(line))
    except (ValueError, TypeError):
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        message = f"its supervisor ended with status {process.returncode}" + "".join(f": {text}" for text in last)
        return Ending("start", None, None, 0.0, 0.0, None, message)


def _judge(item: _Running, ending: Ending) -> tuple[Outcome, str]:
    request = item.request
    match ending.cause:
        case "exit" if ending.exit_code == 0:
            return "succeeded", ""
        case "exit" if ending.signal is not None:
            name = signal.Signals(ending.signal).name if ending.signal in set(signal.Signals) else str(ending.signal)
            hint = ", which is often the system running out of memory" if name == "SIGKILL" else ""
            return ("cancelled", CANCELLED) if item.cancelled else ("failed", f"killed by {name}{hint}")
        case "exit":
            return ("cancelled", CANCELLED) if item.cancelled else ("failed", f"exit status {ending.exit_code}")
        case "timeout" if item.timeout_s < request.timeout_s:
            return "timed_out", f"{BUDGET_EXHAUSTED}: this job had {item.timeout_s:.0f} s left"
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
            return ("cancelled", CANCELLED) if item.cancelled else ("failed", "ended from outside")
        case "start":
            return ("cancelled", CANCELLED) if item.cancelled else ("failed", f"could not be run: {ending.message}")
