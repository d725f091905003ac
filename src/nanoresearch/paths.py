"""Where things are kept: the home and the folder of one run. Writes are whole or not at all.

Knows file names, not what is in the files.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import platformdirs
from filelock import FileLock, Timeout
from pydantic import ValidationError

from nanoresearch.errors import CorruptRecord, NanoResearchError, RunLocked, UsageError
from nanoresearch.schema.record import Record

R = TypeVar("R", bound=Record)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file whole: a reader sees the old content or the new, never a part.

    Raises NanoResearchError naming the path when the disk is full or the folder cannot be written.
    """
    payload = data.encode() if isinstance(data, str) else data
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:  # also on Ctrl-C: leave no half-written file behind
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NanoResearchError(
            f"Cannot write {path}: {error.strerror or error}. Free space or fix permissions, then resume the run."
        ) from error


def read_record(path: Path, kind: type[R]) -> R:
    """Read a JSON record. Raises CorruptRecord with the reason and the way out."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, ValueError) as error:
        way_out = "Delete that file and resume: its step is done again and all others are kept."
        if path.name == "run.json":  # the head of a run: without it there is nothing to resume
            way_out = "It cannot be made again; restore it from a copy, or start a new run. All else is kept."
        raise CorruptRecord(
            f"{path} cannot be read as {kind.__name__}: {str(error).splitlines()[0]}. {way_out}"
        ) from error


def read_lines(path: Path, kind: type[R]) -> list[R]:
    """Read a JSON-lines file; a file that is not there is empty. Raises CorruptRecord naming the line."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptRecord(f"{path} cannot be read: {error}.") from error
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(kind.model_validate_json(line))
        except ValidationError as error:
            reason = str(error).splitlines()[0]
            raise CorruptRecord(f"{path}, line {number}, cannot be read as {kind.__name__}: {reason}.") from error
    return records


def append_line(path: Path, record: Record) -> None:
    """Append one JSON line in a single write."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            file.write(record.model_dump_json().encode() + b"\n")
    except OSError as error:
        raise NanoResearchError(f"Cannot write {path}: {error.strerror or error}.") from error


def json_lines(records: Iterable[Record]) -> str:
    """JSON-lines text of records."""
    return "".join(record.model_dump_json() + "\n" for record in records)


@dataclass(frozen=True)
class Home:
    """The user's folder: configuration, profiles, data, runs."""

    root: Path

    @classmethod
    def find(cls) -> "Home":
        """$NANORESEARCH_HOME, or the platform's user data folder. Creates nothing."""
        value = os.environ.get("NANORESEARCH_HOME")
        return cls(Path(value).expanduser() if value else Path(platformdirs.user_data_dir("nanoresearch")))

    @property
    def config_file(self) -> Path:
        """config.toml"""
        return self.root / "config.toml"

    @property
    def profiles(self) -> Path:
        """Folder of profile files."""
        return self.root / "profiles"

    @property
    def data(self) -> Path:
        """Folder of fetched data sets."""
        return self.root / "data"

    @property
    def experience(self) -> Path:
        """Database of skills and memories."""
        return self.root / "experience.db"

    @property
    def library(self) -> Path:
        """Folder of the user's own literature."""
        return self.root / "library"

    @property
    def literature_cache(self) -> Path:
        """Database of answers of literature servers; may be deleted at any time."""
        return self.root / "cache" / "literature.db"

    @property
    def environments(self) -> Path:
        """Folder of Python environments of experiments; may be deleted while no run goes on."""
        return self.root / "cache" / "environments"

    @property
    def repositories(self) -> Path:
        """Folder of repositories that experiments build on; may be deleted while no run goes on."""
        return self.root / "cache" / "repositories"

    @property
    def models(self) -> Path:
        """Folder of base models."""
        return self.root / "models"

    @property
    def planners(self) -> Path:
        """Folder with a folder for each user's planner."""
        return self.root / "planners"

    @property
    def runs(self) -> Path:
        """Folder of runs."""
        return self.root / "runs"

    def check_writable(self) -> None:
        """Raise NanoResearchError when runs cannot be kept here."""
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.runs):
                pass
        except OSError as error:
            raise NanoResearchError(
                f"The home {self.root} cannot be written: {error.strerror or error}. "
                "Set NANORESEARCH_HOME to a folder that can."
            ) from error

    def run_folders(self) -> list["RunFolder"]:
        """All runs, oldest first."""
        if not self.runs.is_dir():
            return []
        return [RunFolder(path) for path in sorted(self.runs.iterdir()) if (path / "run.json").exists()]

    def find_run(self, name: str) -> "RunFolder":
        """The run with this id, unique prefix, or "latest". Raises UsageError naming what there is."""
        folders = self.run_folders()
        if not folders:
            raise UsageError(f'There are no runs in {self.runs} yet. Start one with: nanoresearch run "TOPIC"')
        if name == "latest":
            return folders[-1]
        exact = [folder for folder in folders if folder.id == name]
        matches = exact or [folder for folder in folders if folder.id.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        problem = "No run is" if not matches else "Several runs are"
        known = ", ".join(folder.id for folder in (matches or folders)[-8:])
        raise UsageError(f"{problem} called {name!r}. Known: {known}.")


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    root: Path

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.root.name

    def path(self, name: str) -> Path:
        """Path of a file of the run."""
        return self.root / name

    def has(self, name: str) -> bool:
        """Whether a file of the run is there."""
        return self.path(name).exists()

    def save(self, name: str, record: Record) -> None:
        """Write a record, whole."""
        write_atomic(self.path(name), record.model_dump_json(indent=1) + "\n")

    def load(self, name: str, kind: type[R]) -> R:
        """Read a record."""
        return read_record(self.path(name), kind)

    def save_lines(self, name: str, records: Iterable[Record]) -> None:
        """Write records as JSON lines, whole."""
        write_atomic(self.path(name), json_lines(records))

    def load_lines(self, name: str, kind: type[R]) -> list[R]:
        """Read JSON lines; a file that is not there is empty."""
        return read_lines(self.path(name), kind)

    def append(self, name: str, record: Record) -> None:
        """Append a JSON line."""
        append_line(self.path(name), record)

    def load_json(self, name: str) -> object:
        """Read any JSON file of the run. Raises CorruptRecord."""
        try:
            return json.loads(self.path(name).read_bytes())
        except (OSError, ValueError) as error:
            raise CorruptRecord(f"{self.path(name)} cannot be read: {error}.") from error

    def lock(self) -> "RunLock":
        """A context in which no other process works on this run."""
        return RunLock(self)


def held(folder: RunFolder) -> bool:
    """Whether a process is working on a run now."""
    lock = FileLock(folder.path(".lock"), timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True


class RunLock:
    """Holds a run for one process; released when the process ends, however it ends."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        # A killed process can leave a child that has not reached its exec yet and shares the lock for a moment.
        self._lock = FileLock(folder.path(".lock"), timeout=2)

    def __enter__(self) -> "RunLock":
        """Raise RunLocked when another process holds the run."""
        try:
            self._lock.acquire()
        except Timeout as error:
            raise RunLocked(
                f"Another process is working on run {self._folder.id}. Wait for it, or end it and resume."
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def walk_files(root: Path) -> Iterator[Path]:
    """Files below a folder, sorted, without hidden folders."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def walk_all(root: Path) -> Iterator[Path]:
    """Files and links below a folder, sorted. Follows no links."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path
