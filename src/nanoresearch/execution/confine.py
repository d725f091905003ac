"""Confines a process with what the kernel offers to everybody: for machines without bubblewrap.

The supervisor calls `confine` between fork and exec; standard library only. Landlock keeps files apart, a system call
filter forbids sockets and what Landlock does not cover, capabilities are given up, and where the kernel allows it
namespaces of its own take processes, network and mounts away. Whatever of that fails ends the process with status 125
before the command starts. Also makes the filter that bubblewrap is given.
"""

import os
import platform
import signal
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

try:
    import ctypes
    import resource
except ImportError:  # Windows lacks one, some builds the other; landlock_abi() is 0 there and nothing else is called
    _CAPABLE = False
else:
    _CAPABLE = sys.platform == "linux"

FAILED = 125
"""Exit status when the command was not started."""

LEAST_ABI = 6
"""Landlock without namespaces: before this, signals reach every process of the user."""

LEAST_ABI_NAMESPACES = 1
PROC_FILES = ("cpuinfo", "meminfo", "stat", "loadavg", "uptime", "version", "filesystems", "sys/vm/overcommit_memory")
DEVICES = ("null", "zero", "full", "random", "urandom")

_EPERM, _ENOSYS = 1, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT, _MOUNT_SETATTR = 444, 445, 446, 442
_EXECUTE, _WRITE, _READ, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK, _REFER, _TRUNCATE, _IOCTL = 1 << 6, 1 << 11, 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_NEWNS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_RDONLY, _AT_FDCWD, _AT_RECURSIVE = 1, -100, 0x8000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38

# Numbers of system calls: (x86_64, aarch64); None where there is no such call.
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_NEVER: dict[str, tuple[int | None, int | None]] = {
    # looking into other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "move_pages": (279, 239), "migrate_pages": (256, 238),
    # keys of the session, which are handed on to children and which no namespace hides
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    # a way around this filter: reads, writes and connections made by the kernel
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # namespaces and mounts of its own
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    # the machine itself, and large parts of the kernel that no experiment needs
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "syslog": (103, 116), "sethostname": (170, 161), "setdomainname": (171, 162), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "vhangup": (153, 58), "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip

_NOT_COVERED_BY_LANDLOCK: dict[str, tuple[int | None, int | None]] = {
    "truncate": (76, 45), "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180),
}  # fmt: skip

_PRETENDED: dict[str, tuple[int | None, int | None]] = {
    # Landlock lets the owner of a file do these anywhere. Refused, shutil.copy would fail; so they do nothing.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
}  # fmt: skip

_OF_OTHERS: dict[str, tuple[int | None, int | None]] = {
    # With another process as first argument. Where processes are not apart these would reach the user's own.
    "prlimit64": (302, 261), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274),
}  # fmt: skip

_WITH_KIND: dict[str, tuple[int | None, int | None]] = {"setpriority": (141, 140), "ioprio_set": (251, 30)}

_CLONE, _CLONE3, _SOCKET = (56, 220), (435, 435), (41, 198)
FAMILIES = (1, 2, 10, 16)
"""Sockets that a network namespace confines: unix, IPv4, IPv6, netlink. Others, such as vsock, reach the machine."""


@dataclass(frozen=True)
class Rules:
    """What the command may use."""

    readable: list[str]
    """Files and folders."""
    writable: list[str]
    """Files and folders."""
    listed: list[str] = field(default_factory=list)
    """Folders of which only the names of what lies below are told: some of it is hidden, and imports look at names."""
    devices: list[str] = field(default_factory=list)
    """Device files beyond the harmless ones."""
    namespaces: bool = True
    """Whether to take namespaces of its own."""
    processes: int = 512
    """Processes and threads; counted by the kernel for ordinary users with namespaces only."""
    shared_memory_bytes: int = 1 << 26
    """Size of /dev/shm, which only exists with namespaces."""


class CannotConfine(Exception):
    """The kernel does not allow it."""


def filter_program(*, namespaces: bool, unix_sockets: bool) -> bytes:
    """A system call filter (classic BPF) for this machine's architecture. Raises CannotConfine on others.

    Without namespaces it also forbids what Landlock leaves open. `unix_sockets` may be had where no socket of the
    machine lies in sight.
    """
    if platform.machine() not in _ARCHITECTURES:
        raise CannotConfine(f"there is no system call filter for {platform.machine()} yet")
    column, audit = _ARCHITECTURES[platform.machine()]
    code: list[tuple[int, int, int, int]] = []

    def load(offset: int) -> None:
        code.append((0x20, 0, 0, offset))

    def give(errno: int | None) -> tuple[int, int, int, int]:
        return (0x06, 0, 0, 0x7FFF0000 if errno is None else 0x00050000 | errno)

    def when(number: int | None, *then: tuple[int, int, int, int]) -> None:
        if number is not None:
            code.append((0x15, 0, len(then), number))
            code.extend(then)

    load(4)
    code += [(0x15, 1, 0, audit), (0x06, 0, 0, 0x80000000)]  # another architecture's calls: killed
    load(0)
    if column == 0:
        code += [(0x35, 0, 1, 0x40000000), give(_EPERM)]  # x32 has numbers of its own
    denied = _NEVER | ({} if namespaces else _NOT_COVERED_BY_LANDLOCK)
    for numbers in denied.values():
        when(numbers[column], give(_EPERM))
    for numbers in () if namespaces else _PRETENDED.values():
        when(numbers[column], give(0))
    for numbers in () if namespaces else _OF_OTHERS.values():
        when(numbers[column], (0x20, 0, 0, 16), (0x15, 0, 1, 0), give(None), give(_EPERM))
    for numbers in () if namespaces else _WITH_KIND.values():
        when(numbers[column], give(_EPERM))
    when(_CLONE3[column], give(_ENOSYS))  # its flags lie in memory, where no filter sees them; libraries then use clone
    when(_CLONE[column], (0x20, 0, 0, 16), (0x45, 0, 1, _NEWUSER), give(_EPERM), give(None))
    families = FAMILIES if namespaces and unix_sockets else ()
    allowed = [step for family in families for step in ((0x15, 0, 1, family), give(None))]
    when(_SOCKET[column], (0x20, 0, 0, 16), *allowed, give(_EPERM))
    code.append(give(None))
    return b"".join(struct.pack("HBBI", *step) for step in code)


def landlock_abi() -> int:
    """Version of the kernel's interface; 0 where it has none or does not use it."""
    if not _CAPABLE or platform.machine() not in _ARCHITECTURES:
        return 0
    return max(0, int(ctypes.CDLL(None, use_errno=True).syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)))


def confine(rules: Rules) -> None:
    """Confine this process, which must have one thread; with namespaces, return in a child that takes its place.

    Ends the process when that cannot be done: never return to what would then start the command without a sandbox.
    """
    try:
        least = LEAST_ABI_NAMESPACES if rules.namespaces else LEAST_ABI
        if landlock_abi() < least:
            raise CannotConfine(f"Landlock ABI {landlock_abi()}, and {least} is needed")
        if rules.namespaces:
            _enter_namespaces(rules)
            limit = resource.getrlimit(resource.RLIMIT_NPROC)[1]
            limit = rules.processes if limit == resource.RLIM_INFINITY else min(limit, rules.processes)
            resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _drop_capabilities()
        _restrict_files(rules)
        _restrict_calls(filter_program(namespaces=rules.namespaces, unix_sockets=False))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the command must not start
        _fail(error)


def _enter_namespaces(rules: Rules) -> None:
    """Return in a process of new namespaces, its second; the caller stays behind and ends as that process ends."""
    parent, folder = os.getppid(), str(Path.cwd())
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NEWUSER | _NEWNS | _NEWPID | _NEWNET | _NEWIPC)
    _die_with(parent)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path(f"/proc/self/{name}").write_text(text)
    outlet, inlet = os.pipe()
    child = os.fork()
    if child:
        _close_all_but(outlet)
        _end_as(_told(outlet), child)
    os.close(outlet)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _own_mounts(rules)
    os.chdir(folder)
    child = os.fork()
    if child == 0:
        os.close(inlet)
        return
    _close_all_but(inlet)
    while True:  # the first process of a process namespace collects all that others leave
        pid, status = os.wait()
        if pid == child:
            os.write(inlet, struct.pack("i", status))
            os._exit(0)


def _close_all_but(kept: int) -> None:
    """Close what belongs to the command: whoever waits for its exec waits for these to be closed."""
    os.closerange(3, kept)
    os.closerange(kept + 1, 4096)


def _told(outlet: int) -> int:
    """Status of the command as the first process of the namespace tells it."""
    told = os.read(outlet, 4)
    return int(struct.unpack("i", told)[0]) if len(told) == 4 else -1


def _end_as(status: int, child: int) -> NoReturn:
    """End all of the namespace and then as the command did."""
    os.kill(child, signal.SIGKILL)
    _, first = os.waitpid(child, 0)
    if status == -1:  # the first process failed, or was killed
        status = first
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        signal.signal(number, signal.SIG_DFL) if number not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _own_mounts(rules: Rules) -> None:
    """Everything read-only but what is writable; /proc of the own processes; a small /dev/shm."""
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    for path in rules.writable:
        _mount(path, path, None, _MS_BIND)
    _set_readonly("/", on=True)
    for path in rules.writable:
        _set_readonly(path, on=False)
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    if Path("/dev/shm").is_dir():
        size = f"size={rules.shared_memory_bytes},mode=1777"
        _mount("tmpfs", "/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, size)


def _restrict_files(rules: Rules) -> None:
    abi = landlock_abi()
    known = (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1
    attributes = struct.pack("QQQ", known, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = _syscall(_LANDLOCK_CREATE, attributes[:size], ctypes.c_size_t(size), 0)
    reading = _EXECUTE | _READ | _READ_DIR
    writing = known & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL)
    device = _READ | _WRITE | _IOCTL
    allowed = [(path, reading) for path in rules.readable] + [(path, writing) for path in rules.writable]
    allowed += [(path, _READ_DIR) for path in rules.listed]
    allowed += [(f"/dev/{name}", _READ | _WRITE) for name in DEVICES] + [(path, device) for path in rules.devices]
    if rules.namespaces:
        allowed += [("/proc", reading), ("/dev/shm", writing)]
    else:
        allowed += [(f"/proc/{name}", _READ) for name in PROC_FILES] + [("/proc/self", reading)]
    for path, access in allowed:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not on this machine
            continue
        fits = access if Path(path).is_dir() else access & _OF_FILES
        _syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", fits & known, handle), 0)
        os.close(handle)
    _syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _restrict_calls(program: bytes) -> None:
    steps = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    if _libc().prctl(_PR_SET_SECCOMP, 2, ctypes.c_char_p(header), 0, 0) != 0:
        raise CannotConfine(f"system calls cannot be filtered: {os.strerror(ctypes.get_errno())}")


def _drop_capabilities() -> None:
    """Give up what root may do, for good: also for programs that are started."""
    for number in range(64):
        _libc().prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0)
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    if _libc().capset(header, none) != 0:
        raise CannotConfine("capabilities cannot be given up")
    if os.getuid() == 0 and _bounded():
        raise CannotConfine("capabilities would come back with the next program")


def _bounded() -> bool:
    """Whether some capability can still be had by starting a program."""
    return any(_libc().prctl(23, ctypes.c_ulong(number), 0, 0, 0) == 1 for number in range(41))


def _die_with(parent: int) -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(FAILED)


def _libc() -> "ctypes.CDLL":
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise CannotConfine(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc(), name)(*arguments) != 0:
        raise CannotConfine(f"{name}: {os.strerror(ctypes.get_errno())}")


def _syscall(number: int, *arguments: object) -> int:
    found = int(_libc().syscall(ctypes.c_long(number), *arguments))
    if found < 0:
        raise CannotConfine(f"system call {number}: {os.strerror(ctypes.get_errno())}")
    return found


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    if _libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]) != 0:
        raise CannotConfine(f"mounting {target}: {os.strerror(ctypes.get_errno())}")


def _set_readonly(path: str, *, on: bool) -> None:
    attributes = struct.pack("QQQQ", _RDONLY if on else 0, 0 if on else _RDONLY, 0, 0)
    recursive = _AT_RECURSIVE if on else 0
    _syscall(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), recursive, attributes, ctypes.c_size_t(len(attributes)))


def _fail(error: BaseException) -> NoReturn:
    os.write(2, f"sandbox: {error}\n".encode())
    os._exit(FAILED)
