"""What was made ready for an experiment before it ran: packages, code of others, data."""

from pathlib import Path

from pydantic import Field

from nanoresearch.schema.dataset import StagedFile
from nanoresearch.schema.record import Record


class SoftwareEnvironment(Record):
    """An environment of Python that was made for a codebase."""

    id: str
    """SHA-256 of the requirements and the Python that it is for."""
    python: str
    """Version of Python."""
    requirements: tuple[str, ...]
    """What the codebase asks for."""
    packages: dict[str, str]
    """Version of each package in it."""


class PinnedRepository(Record):
    """The files of one commit of somebody's repository."""

    origin: str
    """Address, or path on this machine."""
    commit: str
    """Commit, whole."""
    sha256: str
    """Digest of all names, modes and contents."""
    files: int
    """Number of files."""
    bytes: int
    """Their size."""
    left_out: tuple[str, ...] = ()
    """What of the commit was not taken: links, submodules, large files kept elsewhere, settings of git."""
    path: Path = Field(Path(), exclude=True)
    """Where the read-only copy lies on this machine; not kept in records."""


class StagedData(Record):
    """A file or folder of the user, or from an address, as it lies read-only below the data folder."""

    name: str
    """Name of the file or folder."""
    origin: str
    """Where it came from."""
    sha256: str
    """Digest of the file; of all names and digests, for a folder."""
    bytes: int
    """Size."""
    files: tuple[StagedFile, ...]
    """Every file, by its path below `folder`."""
    folder: str
    """Its own folder below the data folder."""
    path: Path = Field(Path(), exclude=True)
    """Where the copy lies on this machine; not kept in records."""
