"""Runs jobs as processes of this machine, each under a supervisor of its own.

Limits time, memory, processes, output and disk and gives the job a nearly empty environment. What it can read, write
and reach is limited by the sandbox around it (sandbox.py): its code and data can be read, its reports and a scratch
folder written, nothing else.
"""

import os
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nanoresearch.errors import ExecutionError
from nanoresearch.execution import supervision
from nanoresearch.execution.executor import BUDGET_EXHAUSTED, CANCELLED, JobRequest
from nanoresearch.execution.orders import (
    access_of,
    conclude,
    enclose,
    make_order,
    never_started,
    not_a_program,
    tidy,
    unstarted,
)
from nanoresearch.execution.sandbox import require
from nanoresearch.schema.experiment import Job
from nanoresearch.schema.isolation import Isolation, Sandbox

POLL_S = 0.02


@dataclass
class _Running:
    """A job that was started."""

    request: JobRequest
    process: "subprocess.Popen[bytes]"
    timeout_s: float
    sandbox: Sandbox
    cancelled: bool = False

    def release(self) -> None:
        """Let the supervisor end the job."""
        supervision.release(self.process)


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
                    finish(index, unstarted(request, "cancelled", CANCELLED))
                elif waiting and self._time_left(waiting[0][1]) <= 0:
                    index, request = waiting.popleft()
                    finish(index, unstarted(request, "timed_out", BUDGET_EXHAUSTED))
                elif waiting and len(running) < max(1, parallel):
                    index, request = waiting.popleft()
                    started = self._start(request, isolation)
                    if isinstance(started, Job):
                        finish(index, started)
                    else:
                        running[index] = started
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

    def clock(self) -> float:
        """Seconds; jobs start at once, so all time is time in which they run."""
        return time.monotonic()

    def adopt(self, request: JobRequest) -> bool:
        """Never: a job ends with the process that started it."""
        return False

    def _time_left(self, request: JobRequest) -> float:
        return float("inf") if request.deadline_s is None else request.deadline_s - self.clock()

    def _start(self, request: JobRequest, isolation: Isolation) -> _Running | Job:
        """A job at work, or at once the Job of one whose program is not there."""
        timeout_s = min(request.timeout_s, self._time_left(request))
        try:
            order = make_order(request, os.environ, timeout_s=timeout_s, grace_s=self._grace_s, parent=os.getpid())
            if fault := not_a_program(order):
                tidy(request.output_folder)
                return conclude(request, never_started(fault), timeout_s=timeout_s, cancelled=False, sandbox=None)
            process = supervision.start(enclose(order, isolation, access_of(request)))
        except OSError as error:
            output = request.output_folder.absolute()
            raise ExecutionError(f"The job for seed {request.seed} cannot be started in {output}: {error}.") from error
        return _Running(request, process, timeout_s, isolation.kind)

    def _await_end(self, item: _Running) -> None:
        try:
            item.process.wait(timeout=self._grace_s + 10)
        except subprocess.TimeoutExpired:  # the kernel then kills its job
            item.process.kill()
        for pipe in (item.process.stdout, item.process.stderr):
            if pipe is not None:
                pipe.close()
        tidy(item.request.output_folder)


def _conclude(item: _Running) -> Job:
    """Job of a supervisor that has ended."""
    item.release()
    ending = supervision.read_ending(item.process)
    job = conclude(item.request, ending, timeout_s=item.timeout_s, cancelled=item.cancelled, sandbox=item.sandbox)
    tidy(item.request.output_folder)
    return job
