"""Puts a sandbox around an order, so that experiment code reaches only what is its own.

    isolation = require("auto")                 # probes once, raises SandboxMissing when nothing isolates
    order = wrap(order, isolation, Access(readable=(code, data), writable=(scratch, reports)))

`wrap` is a function from an Order to an Order and does nothing else, so it serves wherever an order is carried out;
call `require` on the machine that carries it out.

bubblewrap where it works, else the kernel's own Landlock (confine.py), with namespaces where they are allowed. Either
is believed only after it was started and looked at from inside. Inside there is no network, no environment but the
order's, and of the file system: the system's programs and libraries and this Python, read-only, and what `Access`
names. Does not limit time, memory, processes and disk; the supervisor does. Does not hide the processor, the kernel's
version or, where there is one, the graphics card.
"""

import contextlib
import glob
import json
import os
import secrets
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from nanoresearch.errors import ExecutionError
from nanoresearch.execution import confine, supervise
from nanoresearch.execution.supervise import FILTER, Ending, Order
from nanoresearch.paths import Home
from nanoresearch.schema.isolation import Isolation

Choice = Literal["auto", "bubblewrap", "landlock", "off"]

INSTALL = "apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora, RHEL)"
UNSAFE = "--unsafe-no-sandbox"

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone", "passwd", "group")
"""Files of /etc that libraries look into; no others are seen."""

NETWORK_SETTINGS = (
    "resolv.conf", "hosts", "nsswitch.conf", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust",
    "ca-certificates", "crypto-policies",
)  # fmt: skip
"""Files of /etc that a program needs to find servers and to trust them."""

GRAPHICS = ("/dev/nvidia*", "/dev/kfd", "/dev/dri")
PROCESSES = 512
"""Processes and threads where an order names no number."""

BURST = 2
"""The kernel's own limit of processes, as a multiple: the supervisor is to see the limit passed, and say so."""

TEMPORARY_BYTES = 64 * 2**20
"""Size of /tmp; the folder that TMPDIR names is larger."""

PROBE_S = 20.0


class SandboxMissing(ExecutionError):
    """Nothing here can isolate experiment code; the message says how to change that."""


@dataclass(frozen=True)
class Access:
    """What a command may use beyond the system and this Python."""

    readable: tuple[Path, ...] = ()
    """Files and folders, read-only."""
    writable: tuple[Path, ...] = ()
    """Files and folders that exist. A file cannot be replaced, only written."""
    hidden: tuple[Path, ...] = ()
    """Files and folders that are not seen, whatever else is, beside the private ones of this user on this machine."""
    network: bool = False
    """Whether it reaches the network: never experiments, but coding agents that must ask their provider."""


def wrap(order: Order, isolation: Isolation, access: Access) -> Order:
    """The order inside a sandbox; the same order when the isolation is none."""
    limits = replace(order, processes=order.processes or PROCESSES)
    if isolation.kind == "none":
        return limits
    if isolation.kind == "landlock":
        if access.network:
            raise SandboxMissing(
                f"Only bubblewrap can let a program reach the network and nothing else. Install it: {INSTALL}."
            )
        layers = 2 if isolation.namespaces else 0
        return replace(limits, rules=asdict(_rules(limits, isolation, access)), layers=layers)
    program = confine.filter_program(namespaces=True, unix_sockets=True)
    return replace(limits, command=_bubblewrapped(limits, access), layers=2, filter=program.hex())


def require(choice: Choice, probe: Callable[[Choice], Isolation] | None = None) -> Isolation:
    """What isolates experiment code here. Raises SandboxMissing when nothing does, unless that was chosen."""
    if choice == "off":
        return Isolation(kind="none", missing=("it was switched off",))
    found = (probe or probe_isolation)(choice)
    if found.kind == "none":
        raise SandboxMissing(
            "Experiments are code that nobody has read, and nothing here can keep them from your files, keys and "
            f"network ({'; '.join(found.missing)}). Install bubblewrap: {INSTALL}. To run them all the same, with "
            f"everything that you can read, write and reach, add {UNSAFE}; the paper will say so."
        )
    return found


@cache
def probe_isolation(choice: Choice = "auto") -> Isolation:
    """The first that isolates, as seen from inside; kind none, with the reasons, when none does. Once a process."""
    if sys.platform != "linux":
        return Isolation(kind="none", missing=(f"{sys.platform} is not isolated by this version; Linux is",))
    reasons: list[str] = []
    for candidate in _candidates(choice, reasons):
        fault = _fault(candidate)
        if not fault:
            return candidate.model_copy(update={"missing": tuple(reasons)})
        alone = " without namespaces" if candidate.kind == "landlock" and not candidate.namespaces else ""
        reasons.append(f"{candidate.kind}{alone}: {fault}")
    return Isolation(kind="none", missing=tuple(reasons))


def _candidates(choice: Choice, reasons: list[str]) -> Iterator[Isolation]:
    if choice in ("auto", "bubblewrap"):
        if program := shutil.which("bwrap"):
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            yield Isolation(kind="bubblewrap", namespaces=True, detail=said.strip().removeprefix("bubblewrap "))
        else:
            reasons.append("bubblewrap: not installed")
    if choice in ("auto", "landlock"):
        if abi := confine.landlock_abi():
            yield Isolation(kind="landlock", namespaces=True, detail=f"ABI {abi}")
            yield Isolation(kind="landlock", namespaces=False, detail=f"ABI {abi}")
        else:
            reasons.append("landlock: this kernel has none, or does not use it")


_LOOK = """
import json, os, socket, sys
job, secret, home, seen, port, parent, spaces = json.loads(sys.argv[1])
def can(do):
    try:
        do()
    except OSError:
        return False
    return True
def home_is_open():
    if set(os.listdir(home)) - set(seen):
        return True
    raise OSError
def send():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))
    if not spaces:  # there the parent sees whether anything arrives
        return
    raise OSError
if os.path.exists("/proc/self/status"):
    held = open("/proc/self/status").read().split("CapEff:")[1].split()[0]
else:
    held = "0"
found = {
    "it can read other files": can(lambda: open(secret).read()),
    "it can read the home": can(home_is_open),
    "it can change the kernel's settings": can(lambda: open("/proc/sys/kernel/core_pattern", "r+")),
    "it can reach the network": can(lambda: socket.create_connection(("127.0.0.1", port), 2)) or can(send),
    "it keeps what root may do": int(held, 16) != 0,
    "it sees other processes": os.readlink("/proc/self/ns/pid") == spaces if spaces else can(
        lambda: os.kill(parent, 0)
    ),
    "it cannot write its own files": not can(lambda: open(os.path.join(job, "own"), "w")),
}
can(lambda: open(secret, "a").write("x"))  # whether that arrives is seen from outside
print(json.dumps([words for words, is_so in found.items() if is_so]))
"""


def _fault(isolation: Isolation) -> str:
    """What a program inside can do that it should not, or why it cannot be started; empty when all is well."""
    with (
        tempfile.TemporaryDirectory(prefix="nanoresearch-probe-") as folder,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mailbox,
    ):
        root = Path(folder).resolve()
        job, secret = root / "job", root / "secret"
        job.mkdir()
        token = secrets.token_hex()
        secret.write_text(token)
        port = _listen(listener, mailbox)
        home = Path.home().resolve()
        access = Access(writable=(job,))
        shown = (*_readable(access), *access.writable)
        seen = [path.relative_to(home).parts[0] for path in shown if path.is_relative_to(home) and path != home]
        spaces = str(Path("/proc/self/ns/pid").readlink()) if isolation.namespaces else ""
        told = json.dumps([str(job), str(secret), str(home), seen, port, os.getpid(), spaces])
        order = Order(
            command=[sys.executable, "-I", "-S", "-c", _LOOK, told],
            folder=str(job),
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            stdout=str(root / "stdout"), stderr=str(root / "stderr"), timeout_s=PROBE_S, grace_s=0.0,
            memory_bytes=2**30, file_bytes=2**20, output_bytes=2**20,
        )  # fmt: skip
        try:
            said, status = _run(wrap(order, isolation, access))
        except (OSError, ValueError, TypeError, confine.CannotConfine) as error:
            return f"it could not be tried: {error}"
        try:
            faults = [str(words) for words in json.loads(said)]
        except ValueError:
            return said.strip().splitlines()[-1] if said.strip() else f"the probe ended with status {status}"
        if secret.read_text() != token:
            faults.append("it can write other files")
        for box in (listener, mailbox):
            box.setblocking(False)
            try:
                box.accept() if box is listener else box.recv(1)
            except BlockingIOError:
                continue
            faults.append("something arrived from inside")
        return ", ".join(faults)


def _listen(listener: socket.socket, mailbox: socket.socket) -> int:
    """Both on one port of this machine."""
    for _ in range(20):
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
        try:
            mailbox.bind(("127.0.0.1", port))
        except OSError:
            continue
        listener.listen(1)
        return port
    raise SandboxMissing("No port of this machine is free to try a sandbox with.")


def _run(order: Order) -> tuple[str, int]:
    """What an order prints, and its status, carried out as those of experiments are."""
    supervisor = [sys.executable, "-I", "-S", supervise.__file__]
    with subprocess.Popen(supervisor, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        process.stdin.flush()
        ending = Ending(**json.loads(process.stdout.readline() or b"{}"))
    said = ending.message if ending.cause == "start" else Path(order.stdout).read_text(errors="replace")
    complaint = "" if said else Path(order.stderr).read_text(errors="replace")
    return said or complaint, ending.exit_code if ending.exit_code is not None else -1


def _rules(order: Order, isolation: Isolation, access: Access) -> confine.Rules:
    return confine.Rules(
        readable=[str(path) for path in _readable(access, order)],
        writable=[str(path.absolute()) for path in access.writable],
        listed=[
            str(path) for path in _readable(replace(access, hidden=()), order) if list(_covered(path, access.hidden))
        ],
        devices=_graphics(),
        namespaces=isolation.namespaces,
        processes=BURST * (order.processes or PROCESSES),
        shared_memory_bytes=order.memory_bytes // 4,
    )


def _bubblewrapped(order: Order, access: Access) -> list[str]:
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    # Root keeps its files: without the remount, /proc/sys can be written by an experiment that root starts.
    command += ["--cap-drop", "ALL", "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    command += ["--size", str(order.memory_bytes // 4), "--tmpfs", "/dev/shm"]
    command += ["--size", str(TEMPORARY_BYTES), "--tmpfs", "/tmp"]
    for device in _graphics():
        command += ["--dev-bind", device, device]
    visible = _readable(replace(access, hidden=()), order)
    for path in visible:
        target = _link(path)
        command += ["--symlink", target, str(path)] if target else ["--ro-bind", str(path), str(path)]
    command += [word for path in visible for word in _covered(path, access.hidden)]
    for path in access.writable:
        command += ["--bind", str(path.absolute()), str(path.absolute())]
    if access.network:
        command.insert(2, "--share-net")
    command += ["--remount-ro", "/", "--chdir", order.folder, "--seccomp", str(FILTER), "--"]
    counter = shutil.which("prlimit")
    if counter and os.getuid() != 0:  # the kernel counts the processes of everybody but root
        most = BURST * (order.processes or PROCESSES)
        command += [counter, f"--nproc={most}:{most}", "--"]
    return command + order.command


def _covered(path: Path, hidden: tuple[Path, ...]) -> Iterator[str]:
    """Puts nothing over what is hidden below a folder: binding all that stands beside it takes far longer."""
    real = path.resolve()
    for item in {item.resolve() for item in hidden}:
        if item.exists() and item.is_relative_to(real):
            place = str(path / item.relative_to(real))
            yield from ("--tmpfs", place, "--remount-ro", place) if item.is_dir() else ("--ro-bind", os.devnull, place)


def _link(path: Path) -> str:
    """Where a folder of the system leads, when it is a link into another (/bin to usr/bin)."""
    return str(path.readlink()) if str(path) in SYSTEM and path.is_symlink() else ""


def _readable(access: Access, order: Order | None = None) -> list[Path]:
    """Everything that may be read, in the order in which it is put in place."""
    system = [Path(name) for name in SYSTEM] + [Path("/etc", name) for name in SETTINGS]
    system += [Path("/etc", name) for name in NETWORK_SETTINGS if access.network]
    system.append(Path("/sys" if _graphics() else "/sys/devices/system"))
    libraries = order.environment.get("LD_LIBRARY_PATH", "") if order else ""
    system += [Path(name) for name in libraries.split(os.pathsep) if name.startswith("/")]
    private = [folder.resolve() for folder in (*private_folders(), *access.hidden)]
    allowed = [piece for path in (*system, *_python()) if _there(path) for piece in _without(path, private)]
    named = [path.absolute() for path in access.readable if _there(path)]
    return list(dict.fromkeys([*allowed, *named]))


def private_folders() -> tuple[Path, ...]:
    """Folders of this user that no experiment sees, whatever else it sees."""
    return (Path.home(), Home.find().root)


def _without(path: Path, private: list[Path]) -> Iterator[Path]:
    """A path, or what is in it besides private folders."""
    real = path.resolve()
    inside = [folder for folder in private if folder.is_relative_to(real)]
    if not inside:
        yield path
    elif real not in inside and real.is_dir():
        with contextlib.suppress(PermissionError):  # then nobody inside could list it either
            for child in sorted(path.iterdir()):
                yield from _without(child, inside)


def _python() -> list[Path]:
    """This Python, its virtual environment and its packages, also where they lie in the home."""
    program = Path(sys.executable)
    prefixes = [Path(sys.prefix), Path(sys.exec_prefix), Path(sys.base_prefix), program.resolve().parent.parent]
    parts = ("bin", "lib", "lib64", "libexec", "include", "share", "ssl", "pyvenv.cfg")
    found = [prefix / part for prefix in dict.fromkeys(prefixes) if prefix != Path("/usr") for part in parts]
    found += [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [Path(name) for name in site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        found.append(Path(site.getusersitepackages()))
    return found


def _graphics() -> list[str]:
    return sorted(path for pattern in GRAPHICS for path in glob.glob(pattern))  # noqa: PTH207 - patterns from the root


def _there(path: Path) -> bool:
    """Whether a path exists, as far as this user can see."""
    try:
        return path.exists()
    except PermissionError:
        return False
