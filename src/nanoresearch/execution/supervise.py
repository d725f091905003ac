"""Runs one command under limits, captures what it prints, and says how it ended.

Started as its own small process, `python -I -S supervise.py`, with standard library only. Its standard input is one
line, the Order as JSON, and then the lifeline: when that closes, the command is ended. Its standard output is one line,
the Ending as JSON. Three reasons for a process in between:

- Limits must be set between fork and exec, which is safe only in a process without threads.
- Linux hands the peak memory of the starting process on to the started one. An experiment started by a process that
  holds a model would report that model's memory as its own (measured: 1510 MB instead of 10 MB).
- When the parent is killed, somebody must be left to end the experiment and all that it started.

This is no sandbox: what the command can read, write and reach is for sandbox.py, which puts a sandbox around the
command of an order. Its outermost processes (Order.layers) are then not asked to end, only killed, and not counted.
Without /proc (macOS) memory is watched
through ps and processes that leave their group are not found; on Windows there are no memory and file limits.
"""

import contextlib
import json
import mmap
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

POLL_S = 0.05
MEMORY_POLL_S = 0.25
FLOOD = 10
CHUNK = 1 << 16
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36

LOOK_AT_DISK_S = 0.5
FILTER = 100
"""Open file under which a sandbox finds its system call filter."""

MOST_FILES = 100_000
"""Files that are looked at to see how much was written; more than that is too much."""

Cause = Literal["exit", "timeout", "memory", "flood", "processes", "disk", "ended", "start"]


@dataclass(frozen=True)
class Order:
    """What to run and under which limits."""

    command: list[str]
    """Program and arguments."""
    folder: str
    """Working directory."""
    environment: dict[str, str]
    """The whole environment."""
    stdout: str
    """File for standard output."""
    stderr: str
    """File for standard error."""
    timeout_s: float
    """Wall-clock seconds."""
    grace_s: float
    """Seconds between asking the command to end and killing it."""
    memory_bytes: int
    """Resident memory of the command and all it started."""
    file_bytes: int
    """Largest file."""
    output_bytes: int
    """Output kept of both streams together; ten times that is a flood."""
    parent: int | None = None
    """Process whose death ends the command; None when only the lifeline does."""
    processes: int | None = None
    """Processes and threads of the command and all it started; None for no limit."""
    cpu_seconds: int | None = None
    """Processor time of one process; None for no limit."""
    disk_bytes: int | None = None
    """What the folder that it writes to may hold, deleted files that it keeps open included; None for no limit."""
    disk_folder: str = ""
    """That folder."""
    layers: int = 0
    """Processes of a sandbox between the supervisor and the command."""
    filter: str = ""
    """A system call filter for the sandbox, in hexadecimal."""
    rules: dict[str, Any] = field(default_factory=dict)
    """What confine.py, which lies beside this file, is to confine the command to; nothing when empty."""


@dataclass(frozen=True)
class Ending:
    """How the command ended."""

    cause: Cause
    """exit: by itself; start: it could not be started; ended: from outside; otherwise the limit that ended it."""
    exit_code: int | None
    """Exit status; None when a signal ended it."""
    signal: int | None
    """That signal."""
    seconds: float
    """Wall-clock time."""
    cpu_seconds: float
    """Processor time of the command and all it started."""
    peak_memory_mb: float | None
    """Largest resident set; None where the platform cannot tell."""
    message: str = ""
    """Why it could not be started."""


def supervise(order: Order, ended: threading.Event) -> Ending:
    """Run the command to its end, or end it when a limit is reached or `ended` is set.

    Call it before this process has threads that hold locks: limits are set between fork and exec.
    """
    start = time.monotonic()
    try:
        process = _start(order)
    except (OSError, subprocess.SubprocessError) as error:
        return Ending("start", None, None, time.monotonic() - start, 0.0, None, str(error))
    assert process.stdout is not None
    assert process.stderr is not None
    half = max(1, order.output_bytes // 2)
    streams = ((process.stdout, order.stdout), (process.stderr, order.stderr))
    captures = [Capture(stream.fileno(), path, half) for stream, path in streams]
    meter = MemoryMeter(process.pid, order.memory_bytes, order.layers)
    cause = _watch(process, order, captures, meter, ended, start + order.timeout_s)
    orphaned = order.parent is not None and os.getppid() != order.parent
    if cause != "exit" and not orphaned:  # an orphan must be gone before its run is resumed
        _signal_all(process, asking=True, layers=order.layers)
        _wait_for_all(process, order.grace_s)
    _end_strays(process)
    for capture in captures:
        capture.finish()
    if cause == "exit" and _flooded(captures, order):
        cause = "flood"
    _reap(process)
    status = process.returncode
    if order.layers and status is not None and 128 < status <= 128 + signal.NSIG:
        status = 128 - status  # as shells do, a sandbox cannot itself die of what killed the command
    killed = status is None or status < 0
    cpu_seconds, largest = _usage()
    return Ending(
        cause,
        None if killed else status,
        -status if status is not None and killed else None,
        time.monotonic() - start,
        cpu_seconds,
        max((value for value in (largest, meter.peak_mb) if value is not None), default=None),
    )


class Capture(threading.Thread):
    """Copies a stream to a file: the first half of the cap at once, the last half when it ends, no terminal escapes."""

    def __init__(self, stream: int, path: str, cap: int) -> None:
        super().__init__(daemon=True)
        self.seen = 0
        """Bytes printed so far."""
        self._stream = stream
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by finish
        self._room = cap - cap // 2
        self._tail_cap = cap // 2
        self._tail = bytearray()
        self._dropped = 0
        self._filter = TerminalFilter()
        self._lock = threading.Lock()
        self._closed = False
        self.start()

    def run(self) -> None:
        """Read until the last holder of the other end has closed it."""
        while chunk := os.read(self._stream, CHUNK):
            self.seen += len(chunk)
            with self._lock:
                if not self._closed:
                    self._keep(self._filter.clean(chunk))

    def finish(self) -> None:
        """Write what is kept of the end. A process that escaped and holds the stream is waited for only briefly."""
        self.join(timeout=2)
        with self._lock:
            self._closed = True
            self._keep(self._filter.rest())
            if self._dropped:
                self._write(f"\n[... {self._dropped} bytes dropped ...]\n".encode())
            self._write(bytes(self._tail))
            self._file.close()

    def _keep(self, text: bytes) -> None:
        head, rest = text[: self._room], text[self._room :]
        self._room -= len(head)
        self._write(head)
        self._tail += rest
        excess = len(self._tail) - self._tail_cap
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess

    def _write(self, text: bytes) -> None:
        try:
            self._file.write(text)
        except OSError:  # the disk is full: keep reading, or the command would hang on a full pipe
            self._room = 0


class TerminalFilter:
    """Removes escape sequences and control characters from a stream of bytes, also where chunks cut them."""

    _SEQUENCE = re.compile(
        rb"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor
        rb"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
        rb"|\x1b[ -/]*[0-~]"
        rb"|\xc2[\x80-\x9f]"  # eight-bit controls, in UTF-8
        rb"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
    )
    _UNFINISHED = re.compile(rb"(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,256}\x1b?|[ -/]*)|\r|\xc2)\Z")

    def __init__(self) -> None:
        self._held = b""

    def clean(self, chunk: bytes) -> bytes:
        """What is known to be text of this chunk and what was held back before."""
        data = self._held + chunk
        unfinished = self._UNFINISHED.search(data, max(0, len(data) - 300))
        self._held = data[unfinished.start() :] if unfinished else b""
        return self._strip(data[: unfinished.start()] if unfinished else data)

    def rest(self) -> bytes:
        """What was held back, at the end of the stream."""
        data, self._held = self._held, b""
        return self._strip(data)

    def _strip(self, data: bytes) -> bytes:
        return self._SEQUENCE.sub(b"", data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))


class MemoryMeter:
    """Resident memory of a process and all below it."""

    def __init__(self, pid: int, limit: int, layers: int = 0) -> None:
        self.peak_mb: float | None = None
        """Largest sum seen; shared pages count once where the limit is near."""
        self._pid = pid
        self._layers = layers
        self._limit = limit
        self._next_look = 0.0

    def exceeded(self) -> bool:
        """Look, if it is time to, and say whether the limit is passed."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + (MEMORY_POLL_S if _has_proc() else 4 * MEMORY_POLL_S)
        used = self._resident()
        if used is None:
            return False
        self.peak_mb = max(self.peak_mb or 0.0, used / 2**20)
        return used > self._limit

    def _resident(self) -> int | None:
        if _has_proc():
            pids = _below(os.getpid(), self._layers)
            used = sum(_resident_bytes(pid) for pid in pids)
            return used if used <= self._limit else sum(_proportional_bytes(pid) for pid in pids)
        return None if sys.platform == "win32" else _resident_by_ps(self._pid)


def _has_proc() -> bool:
    return sys.platform == "linux" and Path("/proc/self/statm").exists()


def _below(root: int, layers: int = 0) -> list[int]:
    """Living processes started, directly or not, by this one; `layers` generations of them left out."""
    return [pid for pid, _ in _tasks_below(root, layers)]


def _tasks_below(root: int, layers: int = 0) -> list[tuple[int, int]]:
    """Living processes below this one, each with the number of its threads."""
    children: dict[int, list[tuple[int, int]]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                state, parent, threads = fields[0], int(fields[1]), int(fields[17])
            except (OSError, ValueError, IndexError):  # it ended meanwhile
                continue
            if state not in (b"Z", b"X"):
                children.setdefault(parent, []).append((int(folder.name), threads))
    found: list[tuple[int, int]] = []
    generation = [root]
    while generation:
        below = [child for pid in generation for child in children.get(pid, [])]
        if layers > 0:
            layers -= 1
        else:
            found += below
        generation = [pid for pid, _ in below]
    return found


class DiskMeter:
    """What a folder holds, together with deleted files that processes keep open on the same disk."""

    def __init__(self, folder: str, limit: int, layers: int) -> None:
        self._folder = folder
        self._limit = limit
        self._layers = layers
        self._next_look = 0.0

    def exceeded(self) -> bool:
        """Look, if it is time to, and say whether the limit is passed."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        exceeded = self._used() > self._limit
        done = time.monotonic()
        self._next_look = done + max(LOOK_AT_DISK_S, 10 * (done - now))  # many files must not keep the supervisor busy
        return exceeded

    def _used(self) -> float:
        """Bytes; infinite where it cannot be told: too many files, no right to look, nested too deep to have a name."""
        used, files = 0, 0
        queue = [self._folder]
        while queue:
            try:
                for entry in os.scandir(queue.pop()):
                    files += 1
                    if files > MOST_FILES:
                        return float("inf")
                    with contextlib.suppress(FileNotFoundError):  # one that is gone must not hide those beside it
                        used += _allocated(entry.stat(follow_symlinks=False))
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
            except (FileNotFoundError, NotADirectoryError):  # gone meanwhile
                continue
            except OSError:
                return float("inf")
        return used + self._deleted()

    def _deleted(self) -> int:
        """Bytes of files that have no name any more and are held open."""
        seen: dict[tuple[int, int], int] = {}
        for pid in _below(os.getpid(), self._layers) if _has_proc() else []:
            with contextlib.suppress(OSError):
                for number in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - as text, and many
                    with contextlib.suppress(OSError):
                        found = os.stat(f"/proc/{pid}/fd/{number}")  # noqa: PTH116
                        if found.st_nlink == 0 and stat.S_ISREG(found.st_mode):
                            seen[found.st_dev, found.st_ino] = _allocated(found)
        return sum(seen.values())


def _allocated(found: os.stat_result) -> int:
    return int(getattr(found, "st_blocks", found.st_size // 512)) * 512


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except (OSError, IndexError):
        return 0


def _proportional_bytes(pid: int) -> int:
    """Resident memory with shared pages divided among those who share them."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
    except (OSError, StopIteration):
        return _resident_bytes(pid)


def _resident_by_ps(group: int) -> int | None:
    try:
        command = ["ps", "-axo", "pgid=,rss="]
        table = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    rows = (line.split() for line in table.splitlines())
    return sum(int(row[1]) * 1024 for row in rows if len(row) == 2 and row[0] == str(group))


def end_with(parent: int) -> bool:
    """Have the kernel send this process SIGTERM when its parent ends, and say whether that is still there.

    Linux only: elsewhere nothing is done, and True said.
    """
    prctl = _prctl()
    if not prctl:
        return True
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent


def _prctl() -> Callable[[int, int], int] | None:
    """Linux's prctl, or None."""
    if sys.platform != "linux":
        return None
    import ctypes

    try:
        library = ctypes.CDLL(None, use_errno=True)
        call = library.prctl
    except (OSError, AttributeError):
        return None
    return lambda option, value: int(call(option, ctypes.c_ulong(value), 0, 0, 0))


def _start(order: Order) -> "subprocess.Popen[bytes]":
    common: dict[str, Any] = {
        "cwd": order.folder,
        "env": order.environment,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "bufsize": 0,
    }
    if sys.platform == "win32":
        return subprocess.Popen(order.command, creationflags=subprocess.CREATE_NEW_PROCESS_GROUP, **common)
    import resource

    prctl, supervisor = _prctl(), os.getpid()
    confine = _confinement(order.rules) if order.rules else None
    # The data segment, not the address space: numerical libraries reserve far more addresses than they use.
    wanted = [("RLIMIT_DATA", order.memory_bytes), ("RLIMIT_FSIZE", order.file_bytes), ("RLIMIT_CORE", 0)]
    if order.cpu_seconds is not None:
        wanted.append(("RLIMIT_CPU", order.cpu_seconds))
    limits = [(getattr(resource, name), value) for name, value in wanted if hasattr(resource, name)]

    def limit() -> None:
        if prctl:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(127)
        for kind, value in limits:
            hard = resource.getrlimit(kind)[1]
            allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
            try:
                resource.setrlimit(kind, (allowed, allowed))
            except (OSError, ValueError):  # a platform that knows the name but not the limit
                continue
        if confine:
            confine()

    if prctl:
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # processes that leave the group stay below this one, and are found
    if order.filter:
        common["pass_fds"] = (_hand_over(bytes.fromhex(order.filter)),)
    try:
        return subprocess.Popen(order.command, start_new_session=True, preexec_fn=limit, **common)
    finally:
        for held in common.get("pass_fds", ()):
            os.close(held)


def _confinement(rules: dict[str, Any]) -> Callable[[], None]:
    """A function that confines the process which calls it. It is read from its file: nothing can be imported here."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("confine", Path(__file__).with_name("confine.py"))
    if spec is None or spec.loader is None:
        raise OSError("confine.py, which makes the sandbox, is not beside the supervisor")
    module = module_from_spec(spec)
    sys.modules["confine"] = module
    spec.loader.exec_module(module)
    wanted = module.Rules(**rules)
    return lambda: module.confine(wanted)


def _hand_over(content: bytes) -> int:
    """Open file FILTER, from which the content can be read."""
    outlet, inlet = os.pipe()
    os.write(inlet, content)  # far less than a pipe holds
    os.close(inlet)
    os.dup2(outlet, FILTER)
    os.close(outlet)
    return FILTER


def _watch(
    process: "subprocess.Popen[bytes]",
    order: Order,
    captures: list[Capture],
    meter: MemoryMeter,
    ended: threading.Event,
    deadline: float,
) -> Cause:
    disk = DiskMeter(order.disk_folder, order.disk_bytes, order.layers) if order.disk_bytes is not None else None
    while not _exited(process):
        if ended.wait(POLL_S):
            return "exit" if _exited(process) else "ended"
        if time.monotonic() > deadline:
            return "exit" if _exited(process) else "timeout"
        if _flooded(captures, order):
            return "flood"
        if meter.exceeded():
            return "memory"
        if order.processes is not None and _has_proc() and _tasks(order.layers) > order.processes:
            return "processes"
        if disk and disk.exceeded():
            return "disk"
    return "exit"


def _tasks(layers: int) -> int:
    return sum(threads for _, threads in _tasks_below(os.getpid(), layers))


def _flooded(captures: list[Capture], order: Order) -> bool:
    return sum(capture.seen for capture in captures) > FLOOD * order.output_bytes


def _exited(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it ended. Leaves it unreaped where possible: its number then cannot be given to another group."""
    if sys.platform != "win32" and hasattr(os, "waitid") and process.returncode is None:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def _signal_all(process: "subprocess.Popen[bytes]", *, asking: bool, layers: int = 0) -> None:
    """Ask the group, and all others below, to end; or kill them. A sandbox is not asked: it would take all with it."""
    if sys.platform == "win32":
        force = [] if asking else ["/F"]
        subprocess.run(["taskkill", "/T", *force, "/PID", str(process.pid)], capture_output=True, check=False)
        return
    number = signal.SIGTERM if asking else signal.SIGKILL
    if not (asking and layers):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says so with the second
            os.killpg(process.pid, number)
    for pid in _below(os.getpid(), layers if asking else 0) if _has_proc() else []:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _wait_for_all(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (not _exited(process) or (_has_proc() and _below(os.getpid()))):
        time.sleep(POLL_S / 2)


def _end_strays(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left; again, while new ones appear."""
    for _ in range(20):
        _signal_all(process, asking=False)
        _wait_for_all(process, 0.25)
        if _exited(process) and not (_has_proc() and _below(os.getpid())):
            return


def _reap(process: "subprocess.Popen[bytes]") -> None:
    """Collect the ended processes, so that their processor time counts."""
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:  # stuck in the kernel, where no signal reaches it
        return
    if sys.platform == "win32":
        return
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _usage() -> tuple[float, float | None]:
    """Processor seconds and largest resident set, in megabytes, of ended children."""
    if sys.platform == "win32":
        return 0.0, None
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit


def main() -> None:
    """Read the order, carry it out, print the ending."""
    ended = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    order = Order(**json.loads(sys.stdin.buffer.readline()))
    if order.parent is not None and not end_with(order.parent):  # the lifeline may be held open by a fork of it
        ended.set()

    def hold_lifeline() -> None:
        while os.read(0, CHUNK):
            pass
        ended.set()

    threading.Thread(target=hold_lifeline, daemon=True).start()
    ending = supervise(order, ended)
    try:
        print(json.dumps(asdict(ending)), flush=True)
    except OSError:  # nobody is left to read it
        os._exit(0)


if __name__ == "__main__":
    main()
