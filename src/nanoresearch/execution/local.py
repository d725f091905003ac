"""Runs jobs as processes of this machine, each under a supervisor of its own.

Limits time, memory, output and file size and gives the job a nearly empty environment. Does not confine what it can
read, write or reach: that is a sandbox's work.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from nanoresearch.errors import ExecutionError
from nanoresearch.execution import supervise
from nanoresearch.execution.executor import BUDGET_EXHAUSTED, CANCELLED, JobRequest
from nanoresearch.execution.orders import SCRATCH, conclude, make_order, unstarted
from nanoresearch.execution.supervise import Ending
from nanoresearch.schema.experiment import Job

POLL_S = 0.02


@dataclass
class _Running:
    """A job that was started."""

    request: JobRequest
    process: "subprocess.Popen[bytes]"
    timeout_s: float
    cancelled: bool = False

    def release(self) -> None:
        """Close the lifeline: the supervisor ends the job."""
        if self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except OSError:  # the supervisor is gone already
                return


class LocalExecutor:
    """Runs jobs on this machine."""

    name = "local"

    def __init__(self, *, grace_s: float = 2.0) -> None:
        self._grace_s = grace_s

    def run(self, jobs: Sequence[JobRequest], *, parallel: int, on_done: Callable[[Job], None]) -> tuple[Job, ...]:
        """Run jobs, as Executor promises. Raises ExecutionError when a supervisor cannot be started."""
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
                    running[index] = self._start(request)
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

    def _start(self, request: JobRequest) -> _Running:
        output = request.output_folder.absolute()
        timeout_s = min(request.timeout_s, self._time_left(request))
        try:
            order = make_order(request, os.environ, timeout_s=timeout_s, grace_s=self._grace_s, parent=os.getpid())
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", supervise.__file__],
                env=order.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ExecutionError(f"The job for seed {request.seed} cannot be started in {output}: {error}.") from error
        running = _Running(request, process, timeout_s)
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
        shutil.rmtree(item.request.output_folder / SCRATCH, ignore_errors=True)


def _conclude(item: _Running) -> Job:
    """Job of a supervisor that has ended."""
    item.release()
    ending = _read_ending(item.process)
    job = conclude(item.request, ending, timeout_s=item.timeout_s, cancelled=item.cancelled)
    shutil.rmtree(item.request.output_folder / SCRATCH, ignore_errors=True)
    return job


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
