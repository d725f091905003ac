"""Carries out one order on a node of a cluster and leaves what happened as files on the shared file system.

Started by the batch system as `python -m nanoresearch.execution.node FOLDER`. The folder holds errand.json;
started.json and ending.json are added. It lies outside of what the job is given to write in.

Nodes differ, so each looks for itself what isolates experiments on it; where nothing does and the user has not chosen
to go without, nothing is run. The supervisor is a process of its own: what the looking took is not the job's.

Knows nothing of queues. A job that the batch system ends and starts again (preemption) begins anew from the untouched
code; one whose ending is known already does nothing the second time.
"""

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nanoresearch.execution import supervision
from nanoresearch.execution.orders import enclose, never_started, not_a_program, prepare
from nanoresearch.execution.sandbox import Access, Choice, SandboxMissing, require
from nanoresearch.execution.supervise import POLL_S, Ending, Order
from nanoresearch.schema.isolation import Isolation

ERRAND, STARTED, ENDING = "errand.json", "started.json", "ending.json"
CODE = "code"
"""Untouched copy of the code, beside the errand."""

FAILED = "failed"
"""Beside the errands of one submission: a job of it did not succeed, and no other need start."""

NOTICE_S = 0.5
"""How much later than the job this process may learn that the batch system ends both."""

OWN = ("PYTHONPATH", "SLURM_JOB_ID", "SLURM_RESTART_COUNT")


@dataclass(frozen=True)
class Errand:
    """What a node is to do."""

    order: Order
    """For the supervisor."""
    inherited: tuple[str, ...]
    """Variables that the job takes over as they are on the node: its devices, what modules added to PATH."""
    sandbox: Choice
    """What is to keep the job from the user's files, keys and network."""
    readable: tuple[str, ...]
    """Access.readable."""
    writable: tuple[str, ...]
    """Access.writable: the scratch folder and the file of reports. What an earlier start left there is removed."""
    hidden: tuple[str, ...]
    """Access.hidden."""

    @classmethod
    def make(cls, order: Order, inherited: tuple[str, ...], sandbox: Choice, access: Access) -> "Errand":
        """An errand with this access. Jobs never have a network, so that is not handed on."""
        kept = (tuple(map(str, paths)) for paths in (access.readable, access.writable, access.hidden))
        return cls(order, inherited, sandbox, *kept)

    @property
    def access(self) -> Access:
        """What the job may use."""
        readable, writable, hidden = (tuple(map(Path, paths)) for paths in (self.readable, self.writable, self.hidden))
        return Access(readable, writable, hidden)


@dataclass(frozen=True)
class Started:
    """That a job began to run."""

    time: float
    """Seconds since the epoch, by the node's clock."""
    host: str
    """The node."""
    starts: int
    """1, and more after each preemption."""
    isolation: dict[str, Any] | None
    """What isolates on the node, as a record; None when nothing does, and nothing is run."""

    def found(self) -> Isolation | None:
        """What kept the job apart."""
        return Isolation.model_validate(self.isolation) if self.isolation else None


def final(ending: Ending) -> bool:
    """Whether an ending stands whatever the batch system says: only a job ended from outside may start again."""
    return ending.cause != "ended"


def read_errand(folder: Path) -> Errand:
    """Raises OSError, ValueError or TypeError."""
    values = json.loads((folder / ERRAND).read_bytes())
    order = Order(**values.pop("order"))
    return Errand(order, sandbox=values.pop("sandbox"), **{name: tuple(items) for name, items in values.items()})


def read_started(folder: Path) -> Started | None:
    """When the job began, None when it has not."""
    try:
        return Started(**json.loads((folder / STARTED).read_bytes()))
    except (OSError, ValueError, TypeError):  # not there yet, or not seen whole yet on this file system
        return None


def read_ending(folder: Path) -> Ending | None:
    """How the job ended, None when that is not known."""
    try:
        return Ending(**json.loads((folder / ENDING).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def forget(folder: Path) -> None:
    """Make as if the errand had never been begun."""
    for name in (STARTED, ENDING):
        (folder / name).unlink(missing_ok=True)


def write(path: Path, record: Errand | Started | Ending) -> None:
    """Write a record whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(asdict(record), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def confine(order: Order, isolation: Isolation, access: Access) -> Order:
    """The order as this node carries it out. A sandbox wraps the command here, and only here."""
    return enclose(replace(order, parent=os.getpid()), isolation, access)


def carry_out(folder: Path, environment: Mapping[str, str], ended: threading.Event) -> None:
    """Run what the folder's errand says and leave ending.json."""
    earlier = read_ending(folder)
    if earlier is not None and final(earlier):
        return
    errand, before = read_errand(folder), read_started(folder)
    (folder / ENDING).unlink(missing_ok=True)
    starts = before.starts + 1 if before else 1
    if (folder.parent / FAILED).exists():
        write(folder / STARTED, Started(time.time(), socket.gethostname(), starts, None))
        write(folder / ENDING, Ending("ended", None, None, 0.0, 0.0, None, "another job failed first"))
        return
    fault, isolation = "", None
    try:
        isolation = require(errand.sandbox)
    except SandboxMissing as error:
        fault = f"on node {socket.gethostname()}: {error}"
    write(
        folder / STARTED,
        Started(time.time(), socket.gethostname(), starts, isolation.model_dump(mode="json") if isolation else None),
    )
    if before:
        shutil.rmtree(errand.order.folder, ignore_errors=True)
        shutil.copytree(folder / CODE, errand.order.folder, symlinks=True)
        prepare(*errand.access.writable)
    here = {name: environment[name] for name in errand.inherited if name in environment}
    order = replace(errand.order, environment=errand.order.environment | here)
    if isolation is None or (fault := not_a_program(order)):
        ending = never_started(fault)
    else:
        ending = _attend(confine(order, isolation, errand.access), ended)
    if ending.cause in ("exit", "start") and ending.exit_code != 0 and ended.wait(NOTICE_S):
        # The batch system signals all processes: the job, or what was looking for a sandbox, went before we did.
        ending = replace(ending, cause="ended", message="")
    if final(ending) and (ending.cause, ending.exit_code) != ("exit", 0):
        (folder.parent / FAILED).touch()
    write(folder / ENDING, ending)


def _attend(order: Order, ended: threading.Event) -> Ending:
    """Have a supervisor carry out an order, and end it when `ended` is set."""
    start = time.monotonic()
    try:
        process = supervision.start(order)
    except OSError as error:
        return never_started(str(error))
    while process.poll() is None:
        if ended.wait(POLL_S):
            supervision.release(process)
            process.wait()
    supervision.release(process)
    ending = supervision.read_ending(process)
    if process.returncode == -signal.SIGKILL:  # by the batch system, which tells why, or for lack of memory
        return Ending("exit", None, signal.SIGKILL, time.monotonic() - start, 0.0, None)
    return ending


def main() -> None:
    """Carry out the errand in the folder that is named, with as little in the environment as a job may see."""
    folder = Path(sys.argv[1])
    wanted = {*read_errand(folder).inherited, *OWN}
    if not wanted.issuperset(os.environ.keys() - {"LC_CTYPE"}):  # what a process began with can be read by its children
        kept = {name: value for name, value in os.environ.items() if name in wanted}
        os.execve(sys.executable, [sys.executable, "-m", "nanoresearch.execution.node", str(folder)], kept)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    carry_out(folder, os.environ, ended)


if __name__ == "__main__":
    main()
