"""Runs jobs inside this process, one after the other: for debugging experiment code, and for tests without processes.

A breakpoint in experiment code works, and libraries are loaded once. The price: nothing limits memory or the size of
files, what the job starts is not captured and not ended, a crash of the interpreter is ours, and no sandbox is
possible: experiment code can reach whatever this process holds. Use it for code that you trust. Runs are given it only
together with the choice to go without a sandbox.
"""

import ctypes
import importlib
import io
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from nanoresearch.errors import ExecutionError
from nanoresearch.execution.executor import BUDGET_EXHAUSTED, CANCELLED, JobRequest
from nanoresearch.execution.orders import conclude, make_order, tidy, unstarted
from nanoresearch.execution.supervise import FLOOD, POLL_S, Capture, Cause, Ending, Order
from nanoresearch.schema.experiment import Job


class _Ended(BaseException):
    """A limit ended the job. No Exception, so that experiment code does not catch it by accident."""


class InProcessExecutor:
    """Runs the Python programs of jobs in this interpreter, without a sandbox."""

    name = "inprocess"

    def clock(self) -> float:
        """Seconds; jobs start at once, so all time is time in which they run."""
        return time.monotonic()

    def adopt(self, request: JobRequest) -> bool:
        """Never: a job ends with this process."""
        return False

    def run(self, jobs: Sequence[JobRequest], *, parallel: int, on_done: Callable[[Job], None]) -> tuple[Job, ...]:
        """Run jobs, as Executor promises, but one at a time. Raises ExecutionError when a folder cannot be written."""
        done: list[Job] = []
        for request in jobs:
            left_s = float("inf") if request.deadline_s is None else request.deadline_s - self.clock()
            if any(job.outcome != "succeeded" for job in done):
                job = unstarted(request, "cancelled", CANCELLED)
            elif left_s <= 0:
                job = unstarted(request, "timed_out", BUDGET_EXHAUSTED)
            else:
                job = _run(request, min(left_s, request.timeout_s))
            done.append(job)
            on_done(job)
        return tuple(done)


def _run(request: JobRequest, timeout_s: float) -> Job:
    try:
        ending = _play(make_order(request, os.environ, timeout_s=timeout_s, grace_s=0))
        return conclude(request, ending, timeout_s=timeout_s, cancelled=False, sandbox="none")
    except OSError as error:
        raise ExecutionError(f"The job for seed {request.seed} cannot be run here: {error}.") from error
    finally:
        tidy(request.output_folder)


def _play(order: Order) -> Ending:
    """Run the program that the order names."""
    start, cpu_start = time.monotonic(), time.process_time()
    program = Path(order.folder, *order.command[1:2])
    if "python" not in Path(order.command[0]).name.lower() or not program.is_file():
        return Ending("start", None, None, 0.0, 0.0, None, f"{' '.join(order.command)} is no Python program")
    half = max(1, order.output_bytes // 2)
    with _captured(order.stdout, half) as out, _captured(order.stderr, half) as err:

        def fault() -> Cause | None:
            flooded = out.capture.seen + err.capture.seen > FLOOD * order.output_bytes
            late = time.monotonic() - start > order.timeout_s
            return "timeout" if late else "flood" if flooded else None

        with _borrowed(order, out.stream, err.stream), _Watch(fault) as watch:
            status = _execute(program)
    cause: Cause = watch.cause or ("flood" if fault() == "flood" else "exit")
    exit_code = status if cause == "exit" else None
    return Ending(cause, exit_code, None, time.monotonic() - start, time.process_time() - cpu_start, None)


def _execute(program: Path) -> int:
    """Exit status of a program; what escapes from it is printed as Python would."""
    try:
        runpy.run_path(str(program), run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except _Ended:
        return 1
    except Exception as error:  # noqa: BLE001 - whatever experiment code raises is its result, not our failure
        traceback.print_exception(type(error), error, _from(error.__traceback__, str(program)))
        return 1
    return 0


def _from(trace: TracebackType | None, program: str) -> TracebackType | None:
    """A trace without our own frames."""
    first = trace
    while first is not None and first.tb_frame.f_code.co_filename != program:
        first = first.tb_next
    return first or trace


class _Stream:
    """A text stream whose end is a capture, as a process's output would be."""

    def __init__(self, path: str, cap: int) -> None:
        reading, writing = os.pipe()
        self.capture = Capture(reading, path, cap)
        self.stream = io.TextIOWrapper(os.fdopen(writing, "wb"), encoding="utf-8", errors="replace", newline="\n")
        self._reading = reading

    def close(self) -> None:
        """Let the capture read to the end."""
        self.stream.close()
        self.capture.finish()
        os.close(self._reading)


@contextmanager
def _captured(path: str, cap: int) -> Iterator[_Stream]:
    made = _Stream(path, cap)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def _borrowed(order: Order, out: io.TextIOWrapper, err: io.TextIOWrapper) -> Iterator[None]:
    """This process as the job expects its own: environment, folder, arguments, streams, modules. Put back after."""
    environment, folder, modules = dict(os.environ), Path.cwd(), set(sys.modules)
    kept = sys.argv, sys.path[:], sys.stdin, sys.stdout, sys.stderr, sys.dont_write_bytecode
    try:
        os.environ.clear()
        os.environ.update(order.environment)
        os.chdir(order.folder)
        sys.argv, sys.path = list(order.command[1:]), [order.folder, *sys.path]
        sys.stdin, sys.stdout, sys.stderr, sys.dont_write_bytecode = io.StringIO(), out, err, True
        importlib.invalidate_caches()
        yield
    finally:
        sys.argv, sys.path, sys.stdin, sys.stdout, sys.stderr, sys.dont_write_bytecode = kept
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        for name in set(sys.modules) - modules:  # the next job has other modules of the same names
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(order.folder):
                del sys.modules[name]


class _Watch:
    """Ends the code of a with block when a fault is found. A call that does not return to Python can be ended only in
    the main thread, where a signal interrupts it.
    """

    def __init__(self, fault: Callable[[], Cause | None]) -> None:
        self.cause: Cause | None = None
        """The fault that ended it."""
        self._fault = fault
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._watched = threading.get_ident()
        self._signal = getattr(signal, "SIGUSR2", None)
        if threading.current_thread() is not threading.main_thread():
            self._signal = None

    def __enter__(self) -> "_Watch":
        if self._signal is not None:
            self._before = signal.signal(self._signal, self._interrupt)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._over.set()
        self._thread.join()
        if self._signal is not None:
            signal.signal(self._signal, self._before)
        return kind is _Ended  # it came after the program had ended

    def _interrupt(self, *_: object) -> None:
        if not self._over.is_set():
            raise _Ended

    def _look(self) -> None:
        while not self._over.wait(POLL_S):
            if self.cause is None:
                self.cause = self._fault()
            if self.cause is not None:
                self._end()
                self._over.wait(1)  # code that caught it is told again

    def _end(self) -> None:
        if self._signal is not None:
            signal.pthread_kill(self._watched, self._signal)
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._watched), ctypes.py_object(_Ended))
