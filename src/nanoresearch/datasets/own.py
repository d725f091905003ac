"""Staging of the user's own data: a file, a folder or an address becomes a copy below the data folder.

    ROOT/own/SHA256/...        the files, read-only, under the digest of their names and content
    ROOT/.partial/own-.../     work in progress; never counts as present

Only what the configuration names is ever staged. Does not decode anything: experiments read the files as they are.
"""

import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from nanoresearch.datasets.stage import OWN, describe_files, digest_of
from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard, StagedDataset

MOST_FILES = 10_000
"""Files of one folder."""
CHUNK = 1 << 20


def stage_own(card: DatasetCard, root: Path, *, max_mb: float = 1000.0, timeout_s: float = 300.0) -> StagedDataset:
    """Copy what a card of carrier file or url names below the data folder root, and return its record.

    The record's card has the digest, and of a path the last part alone. Raises DatasetError when the source is
    missing, too large, holds links or nothing at all, or cannot be fetched.
    """
    partial = root / ".partial"
    try:
        partial.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=partial, prefix="own-"))
        try:
            if card.carrier == "file":
                _copy(card, work, int(max_mb * 1e6))
            else:
                _download(card, work, int(max_mb * 1e6), timeout_s)
            return _keep(card, work, root)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise DatasetError(
            f"Data set {card.id}: {card.package} cannot be staged below {root}: {error.strerror or error}."
        ) from error


def _keep(card: DatasetCard, work: Path, root: Path) -> StagedDataset:
    files = describe_files(work)
    if not files:
        raise DatasetError(f"Data set {card.id}: {card.package} holds no files.")
    digest = digest_of(files)
    target = root / OWN / digest
    if target.exists() and describe_files(target) != files:  # damaged since: ours is whole
        shutil.rmtree(target)
    if not target.exists():
        for file in files:
            (work / file.name).chmod(0o444)
        target.parent.mkdir(exist_ok=True)
        try:
            work.rename(target)
        except OSError:  # another process may have been faster, with the same content
            if describe_files(target) != files:
                raise
        target.chmod(0o755)
    # Records and papers travel: where it lay on this machine is no business of theirs.
    package = Path(card.package).name if card.carrier == "file" else card.package
    known = card.model_copy(update={"sha256": digest, "package": package})
    return StagedDataset(card=known, version="", folder=f"{OWN}/{digest}", files=files)


def _copy(card: DatasetCard, work: Path, most: int) -> None:
    source = Path(card.package).expanduser()
    if source.is_file():
        if source.stat().st_size > most:
            raise _too_large(card, most)
        shutil.copyfile(source, work / plain_name(source.name))
        return
    if not source.is_dir():
        raise DatasetError(
            f"Data set {card.id}: {card.package} is no file or folder. Correct its path under data.files."
        )
    total = 0
    for number, path in enumerate(_files_below(card, source), start=1):
        total += path.stat().st_size
        if total > most:
            raise _too_large(card, most)
        if number > MOST_FILES:
            raise DatasetError(
                f"Data set {card.id}: {card.package} holds more than {MOST_FILES} files. Pack them into an archive."
            )
        target = work / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _files_below(card: DatasetCard, source: Path) -> Iterator[Path]:
    """Files of a folder without hidden ones. Raises DatasetError at a link: it may lead anywhere."""
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if any(part.startswith(".") for part in inside.parts):
            continue
        if path.is_symlink():
            raise DatasetError(
                f"Data set {card.id}: {inside} in {card.package} is a link. Put the file itself there, or name it "
                "under data.files."
            )
        if stat.S_ISREG(path.stat().st_mode):
            yield path


def _download(card: DatasetCard, work: Path, most: int, timeout_s: float) -> None:
    name = plain_name(unquote(Path(urlsplit(card.package).path).name)) or "data"
    try:
        with requests.Session() as session:
            session.trust_env = False  # passwords of .netrc stay here
            session.proxies.update(requests.utils.get_environ_proxies(card.package))
            with session.get(card.package, stream=True, timeout=timeout_s, allow_redirects=False) as response:
                response.raise_for_status()
                if response.is_redirect:  # it may lead away from what the user allowed
                    target = response.headers.get("location", "")[:200]
                    raise requests.RequestException(f"it redirects to {target}, which would have to be named itself")
                total, end = 0, time.monotonic() + timeout_s
                with open(work / name, "wb") as file:
                    for chunk in response.iter_content(CHUNK):
                        total += len(chunk)
                        if total > most:
                            raise _too_large(card, most)
                        if time.monotonic() > end:
                            raise requests.Timeout(f"not done after {timeout_s:g} s")
                        file.write(chunk)
    except requests.RequestException as error:
        raise DatasetError(
            f"Data set {card.id}: {card.package} cannot be fetched: {str(error)[:200]}. Check the address under "
            "data.urls, or fetch the file yourself and name it under data.files."
        ) from error


def plain_name(name: str) -> str:
    """A file name of plain characters that hides nothing and leads nowhere."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:100]


def _too_large(card: DatasetCard, most: int) -> DatasetError:
    return DatasetError(
        f"Data set {card.id}: {card.package} is larger than {most / 1e6:g} MB. Raise data.max_mb to allow it."
    )
