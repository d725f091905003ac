"""Which members of a package a card keeps, and under which names.

Knows names only: opens no archive and reads no file.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard, DatasetFile


def select_members(card: DatasetCard, members: Iterable[str]) -> dict[str, str]:
    """Name under the data folder -> member of the package, for every file that the card keeps.

    Raises DatasetError if the package lacks a file of the card, or if a name would leave the data folder.
    """
    available = list(members)
    chosen: dict[str, str] = {}
    for file in card.files:
        matches = _matches(file, available)
        if not matches:
            raise DatasetError(
                f"Data set {card.id}: {card.package} does not contain {file.path}, so nothing was kept. "
                "The package differs from the one that this release of nanoresearch knows: update nanoresearch, "
                f"then run `nanoresearch data fetch {card.id}`."
            )
        for name in matches:
            _refuse_escape(card, name)
        chosen.update(matches)
    return chosen


def fixed_folder(path: str) -> str:
    """The part of a path or pattern that holds no wildcard, as a folder ending in '/', or '' for the top."""
    parts = path.split("/")
    wild = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts) - 1)
    return "".join(part + "/" for part in parts[:wild])


def _matches(file: DatasetFile, members: list[str]) -> dict[str, str]:
    if not file.name.endswith("/"):
        return {file.name: file.path} if file.path in members else {}
    # A name ending in '/' takes a whole group: '*' also crosses '/', and the paths below the fixed part are kept.
    folder = fixed_folder(file.path)
    return {
        file.name + member.removeprefix(folder): member
        for member in members
        if fnmatchcase(member, file.path) and not member.endswith("/")
    }


def _refuse_escape(card: DatasetCard, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise DatasetError(
            f"Data set {card.id}: {card.package} holds a file named {name!r}, which would be written outside the data "
            "folder. Nothing was kept. Do not use this package; report it to its index."
        )
