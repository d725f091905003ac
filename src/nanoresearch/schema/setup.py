"""What was made ready for an experiment before it ran: packages, code of others."""

from pathlib import Path

from pydantic import Field

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
