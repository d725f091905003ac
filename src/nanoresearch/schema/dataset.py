"""Data sets: where their bytes come from, under which terms, and what was staged for a run."""

from typing import Literal

from pydantic import Field

from nanoresearch.schema.profile import Domain
from nanoresearch.schema.record import Record

USERS = ("file", "url")
"""Carriers of data of the user's own."""


class DatasetFile(Record):
    """One file that is kept of a package."""

    path: str
    """Path inside the package."""
    name: str
    """Name under the data folder."""


class DatasetCard(Record):
    """What is known about a data set before it is loaded."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name on the command line and in the code."""
    name: str
    """Name in prose."""
    domain: Domain
    """Field it belongs to."""
    summary: str
    """One sentence: what a row is, how many, what is predicted."""
    carrier: Literal["library", "wheel", "debian", "file", "url", "program"]
    """Part of a library we depend on, riding in a wheel or a Debian package, the user's own file or folder, fetched
    from an address that the user allowed, or made by the experiment's own program from its seed."""
    package: str
    """Package that carries it; path (once staged, its last part), address, or empty for the last three."""
    version: str
    """Pinned version of that package; for a library, the oldest that carries it; empty for the last three."""
    sha256: str | None = None
    """Digest of the wheel file; None for libraries, and for Debian packages, which the signed index vouches for."""
    files: tuple[DatasetFile, ...] = ()
    """What is kept of the package; empty for libraries."""
    licence: str
    """Terms as the package states them."""
    by_name_only: bool = False
    """True where the package is AGPL or states no licence: fetched only when asked for by name."""
    note: str = ""
    """What a reader must know to judge results on it."""
    citation: str | None = None
    """Key of the work that introduced it, in the packaged corpus."""
    aliases: tuple[str, ...] = ()
    """Other names by which a topic may ask for it, lower case."""


class StagedFile(Record):
    """A file as it lies in the data folder."""

    name: str
    """Path under the data set's folder."""
    sha256: str
    """Digest of its bytes."""
    size: int
    """Bytes."""


class StagedDataset(Record):
    """A data set made ready for a run."""

    card: DatasetCard
    """What it is."""
    version: str
    """Version of the package that it was read from."""
    folder: str | None
    """Folder below the data root; None for data that a library carries."""
    files: tuple[StagedFile, ...] = ()
    """Its files; empty for data that a library carries."""
