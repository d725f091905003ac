"""Runs one program of somebody else's, such as a coding agent, in a sandbox where it may change one folder.

Like the jobs of experiments it has a supervisor, limits and an environment of its own. Unlike them it reports nothing,
and it may be given the network. Whatever it leaves in its folder is for the caller to judge.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nanoresearch.errors import ExecutionError
from nanoresearch.execution import supervision
from nanoresearch.execution.executor import STDERR, STDOUT
from nanoresearch.execution.orders import FIXED, INHERITED, clear, enclose, not_a_program
from nanoresearch.execution.sandbox import Access, private_folders
from nanoresearch.execution.supervise import Ending, Order
from nanoresearch.schema.isolation import Isolation

GRACE_S = 2.0
HOME = "home"
"""Folder beside the output that the program takes for its home."""

PATIENCE_S = 30.0
"""Seconds beyond its limits after which a supervisor is taken for hung."""


@dataclass(frozen=True)
class Command:
    """One program to run."""

    words: tuple[str, ...]
    """Program and arguments."""
    folder: Path
    """Where it works; the only folder that it may change, its home aside."""
    output_folder: Path
    """Where what it prints is kept."""
    timeout_s: float
    """Wall-clock seconds."""
    memory_gb: float = 4.0
    """Memory of all its processes together."""
    output_mb: float = 8.0
    """Output that is kept; at ten times that it is ended."""
    disk_mb: float = 2048.0
    """What its folder may grow to."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables besides the short allow list of all jobs."""
    readable: tuple[Path, ...] = ()
    """Files and folders that it may read besides the system and its folder."""
    hidden: tuple[Path, ...] = ()
    """Files and folders that it must not see."""
    network: bool = False
    """Whether it reaches the network, all of it."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    words: str
    """In words: "exit status 0", "ran out of time", ..."""
    succeeded: bool
    """Whether it ended by itself with status 0."""
    stdout: str
    """What it printed, as far as it was kept."""
    stderr: str
    """Likewise."""


def run_command(command: Command, isolation: Isolation) -> Ended:
    """Run a program to its end, or end it with all that it started when a limit is reached.

    Raises ExecutionError when it cannot be started, SandboxMissing when the sandbox cannot give it what it needs.
    """
    home = command.output_folder.absolute() / HOME
    home.mkdir(parents=True, exist_ok=True)
    order = Order(
        command=list(command.words),
        folder=str(command.folder.absolute()),
        environment=_environment(command, home),
        stdout=str(command.output_folder.absolute() / STDOUT),
        stderr=str(command.output_folder.absolute() / STDERR),
        timeout_s=command.timeout_s,
        grace_s=GRACE_S,
        memory_bytes=int(command.memory_gb * 2**30),
        file_bytes=int(command.disk_mb * 2**20),
        output_bytes=int(command.output_mb * 2**20),
        parent=os.getpid(),
        processes=512,
        disk_bytes=int(command.disk_mb * 2**20),
        disk_folder=str(command.folder.absolute()),
    )
    if fault := not_a_program(order):
        raise ExecutionError(f"The command {' '.join(command.words)!r} cannot be run: {fault}.")
    access = Access(
        readable=command.readable,
        writable=(command.folder.absolute(), home),
        hidden=(*private_folders(), *command.hidden),
        network=command.network,
    )
    ending = _carried_out(enclose(order, isolation, access))
    clear(home)
    said = [_text(command.output_folder / name) for name in (STDOUT, STDERR)]
    return Ended(_words(ending, command), ending.cause == "exit" and ending.exit_code == 0, *said)


def _environment(command: Command, home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return kept | FIXED | {"HOME": str(home), "TMPDIR": str(home)} | dict(command.environment)


def _carried_out(order: Order) -> Ending:
    try:
        process = supervision.start(order)
    except OSError as error:
        raise ExecutionError(f"The command {order.command[0]} cannot be started: {error}.") from error
    try:
        process.wait(timeout=order.timeout_s + order.grace_s + PATIENCE_S)
    except subprocess.TimeoutExpired:  # the kernel then ends what it watched
        process.kill()
    except BaseException:  # Ctrl-C above all: nothing may go on unseen
        supervision.release(process)
        process.wait(timeout=order.grace_s + PATIENCE_S)
        raise
    supervision.release(process)
    return supervision.read_ending(process)


def _words(ending: Ending, command: Command) -> str:
    if ending.cause == "exit":
        return (
            f"exit status {ending.exit_code}" if ending.exit_code is not None else f"killed by signal {ending.signal}"
        )
    if ending.cause == "start":
        raise ExecutionError(f"The command {command.words[0]} could not be run: {ending.message}.")
    return {
        "timeout": f"was still running after {command.timeout_s:g} s and was ended",
        "memory": f"used more than {command.memory_gb:g} GB of memory and was ended",
        "flood": "printed too much and was ended",
        "processes": "started too many processes and was ended",
        "disk": f"wrote more than {command.disk_mb:g} MB and was ended",
        "ended": "was ended from outside",
    }[ending.cause]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() and not path.is_symlink() else ""
