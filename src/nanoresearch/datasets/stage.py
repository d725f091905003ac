"""Whether a data set is ready for a run: a quick look, and a full check with digests. Fetches nothing."""

import hashlib
import importlib.util
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard, StagedDataset, StagedFile

RECORD_NAME = "dataset.json"
OWN = "own"
"""Folder below the data root in which the user's own data lie, each under its digest."""
IMPORT_NAMES = {"scikit-learn": "sklearn"}


class DatasetMissing(DatasetError):
    """The data set is not there."""


class DatasetCorrupt(DatasetError):
    """The data set is there, but not as it was fetched."""


def status(card: DatasetCard, root: Path) -> Literal["present", "missing", "corrupt"]:
    """A quick look without reading the data: libraries are searched for, files compared by size."""
    try:
        _inspect(card, root, digests=False)
    except DatasetMissing:
        return "missing"
    except DatasetCorrupt:
        return "corrupt"
    return "present"


def stage(card: DatasetCard, root: Path) -> StagedDataset:
    """Check every byte of a data set below the data folder root and return its record.

    Raises DatasetMissing or DatasetCorrupt, naming the damaged file and the command that mends it.
    """
    return _inspect(card, root, digests=True)


def verify(staged: StagedDataset, root: Path) -> None:
    """Check every byte of a data set against the record that a run has of it.

    Raises DatasetMissing or DatasetCorrupt.
    """
    if stage(staged.card, root).files != staged.files:
        raise DatasetCorrupt(
            f"Data set {staged.card.id}: what lies in {root} is not what the run was designed with. Start a new run."
        )


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(folder: Path) -> tuple[StagedFile, ...]:
    """Every file below a folder with its digest and size, in order of name."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return tuple(
        StagedFile(name=name, sha256=sha256_of(folder / name), size=(folder / name).stat().st_size) for name in names
    )


def digest_of(files: Sequence[StagedFile]) -> str:
    """Digest of the names and digests of files: equal content under another name is other data to a program."""
    listed = "".join(f"{file.name}\0{file.sha256}\n" for file in sorted(files, key=lambda file: file.name))
    return hashlib.sha256(listed.encode()).hexdigest()


def _inspect(card: DatasetCard, root: Path, *, digests: bool) -> StagedDataset:
    if card.carrier == "library":
        return _inspect_library(card)
    if card.carrier == "program":
        return StagedDataset(card=card, version="", folder=None)
    if card.carrier in ("file", "url"):
        return _inspect_own(card, root, digests=digests)
    staged = _read_record(card, root)
    if _bytes_wanted(staged.card) != _bytes_wanted(card):
        raise DatasetMissing(
            f"Data set {card.id}: {root / card.id} holds {staged.card.package} {staged.card.version}, but "
            f"{card.package} {card.version} is wanted. Run `nanoresearch data fetch {card.id}`."
        )
    for file in staged.files:
        if damage := _damage(root / card.id / file.name, file, digests=digests):
            raise DatasetCorrupt(
                f"Data set {card.id}: {root / card.id / file.name} {damage}. "
                f"Run `nanoresearch data fetch {card.id}` to fetch it again."
            )
    return staged.model_copy(update={"card": card})


def _inspect_library(card: DatasetCard) -> StagedDataset:
    if importlib.util.find_spec(IMPORT_NAMES.get(card.package, card.package)) is None:
        raise DatasetMissing(
            f"Data set {card.id} is part of {card.package}, which this Python cannot import. "
            f"Run `pip install {card.package}`."
        )
    return StagedDataset(card=card, version=metadata.version(card.package), folder=None)


def _inspect_own(card: DatasetCard, root: Path, *, digests: bool) -> StagedDataset:
    """The user's own data lie under their digest, so that a folder which is there is the one that is meant."""
    name = f"{OWN}/{card.sha256}"
    if card.sha256 is None or not (root / name).is_dir():
        raise DatasetMissing(
            f"Data set {card.id}: the copy of {card.package} that was staged is not in {root}. Name it under "
            "data.files or data.urls of the configuration and run again."
        )
    if not digests:
        return StagedDataset(card=card, version="", folder=name)
    files = describe_files(root / name)
    if digest_of(files) != card.sha256:
        raise DatasetCorrupt(
            f"Data set {card.id}: {root / name} has other content than when it was staged. Delete that folder and run "
            "again."
        )
    return StagedDataset(card=card, version="", folder=name, files=files)


def _read_record(card: DatasetCard, root: Path) -> StagedDataset:
    path = root / card.id / RECORD_NAME
    try:
        return StagedDataset.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DatasetMissing(
            f"Data set {card.id} is not in {root}. Run `nanoresearch data fetch {card.id}`."
        ) from error
    except (OSError, ValidationError) as error:
        raise DatasetCorrupt(
            f"Data set {card.id}: {path} cannot be read ({str(error).splitlines()[0]}). "
            f"Run `nanoresearch data fetch {card.id}` to fetch it again."
        ) from error


def _bytes_wanted(card: DatasetCard) -> tuple[object, ...]:
    # What decides the bytes; prose may change between releases. A Debian package's version is the system's choice.
    return card.package, card.carrier, card.sha256, frozenset(card.files)


def _damage(path: Path, file: StagedFile, *, digests: bool) -> str | None:
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"has {size} bytes instead of {file.size}"
        if digests and sha256_of(path) != file.sha256:
            return "has other content than when it was fetched"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None
