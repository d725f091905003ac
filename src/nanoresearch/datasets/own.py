"""Data that are in no catalogue: files of the user, or from an allowed address, kept read-only under their digest.

    ROOT/staged/SHA256/NAME     the file or folder; the digest says whether it is as it was

Nothing is decoded or unpacked. Originals are copied, never linked: they may change, and their rights stay as they are.
Who asks for a path on this machine must know that the user wants it to be used.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests

from nanoresearch.addresses import is_allowed
from nanoresearch.config import SetupConfig
from nanoresearch.datasets.stage import DatasetCorrupt, DatasetMissing, describe_files, sha256_of, verify_files
from nanoresearch.errors import DatasetError
from nanoresearch.paths import walk_all
from nanoresearch.schema.dataset import DatasetCard, StagedDataset, StagedFile
from nanoresearch.schema.setup import StagedData

STAGED = "staged"
MOST_FILES = 100_000
CHUNK = 1 << 20
SILENT_S = 60.0
"""Seconds that a server may be silent."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ +-]{0,99}")


def stage_file(source: Path, root: Path, *, limit_mb: float = SetupConfig().data_mb) -> StagedData:
    """Copy a file, or a folder with all in it, below the data folder root; no copy when it is there already.

    Raises DatasetError when it is not there, too large, or holds what is neither file nor folder.
    """
    origin = source.expanduser().absolute()
    with _plain_errors(str(origin)), _scratch(root) as scratch:
        real = origin.resolve(strict=True)
        name = _name(origin.name)
        _check(real, origin, limit_mb)
        if real.is_dir():
            shutil.copytree(real, scratch / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(real, scratch / name)
        return _keep(scratch, name, str(origin), root, limit_mb)


def stage_address(address: str, root: Path, settings: SetupConfig, *, sha256: str | None = None) -> StagedData:
    """Fetch one file from an address that the settings allow, below the data folder root.

    With `sha256`, what has that digest is not fetched again, and anything else is refused. Redirections are not
    followed: they could lead away from what is allowed. Raises DatasetError.
    """
    if not is_allowed(address, settings.data):
        raise DatasetError(
            f"{address[:200]!r} may not be fetched. Plain addresses may, below those that execution.setup.data lists "
            f"({', '.join(settings.data) or 'none so far'})."
        )
    name = _name(urlsplit(address).path.rstrip("/").rpartition("/")[2])
    with _plain_errors(address), _scratch(root) as scratch:
        if sha256 is not None and (root / STAGED / sha256 / name).is_file():
            found = _describe(root / STAGED / sha256, name, address)
            if found.sha256 == sha256:
                return found
        _download(address, scratch / name, settings)
        if sha256 is not None and (digest := sha256_of(scratch / name)) != sha256:
            raise DatasetError(f"{address} has the digest {digest}, not {sha256}: it is not the file that was wanted.")
        return _keep(scratch, name, address, root, settings.data_mb)


def check_staged(data: StagedData, root: Path) -> StagedData:
    """The same data, with their place, after every byte was compared. Raises DatasetMissing or DatasetCorrupt."""
    folder = root / data.folder
    verify_files(data.files, folder, data.name, f"Stage {data.origin} again.")
    names = {path.relative_to(folder).as_posix() for path in walk_all(folder)}
    if added := names - {file.name for file in data.files}:
        raise DatasetCorrupt(f"Data set {data.name}: {folder} has files that it did not have: {min(added)}.")
    return data.model_copy(update={"path": (folder / data.name).absolute()})


def as_dataset(data: StagedData, card: DatasetCard) -> StagedDataset:
    """Staged data as a data set of a blueprint: mounted read-only and compared before each attempt, like all others.

    What the card says of carrier, package, version and digest is filled in here.
    """
    carrier = "url" if "://" in data.origin else "file"
    own = {"carrier": carrier, "package": data.origin, "version": "", "sha256": data.sha256, "files": ()}
    card = DatasetCard.model_validate(card.model_dump() | own)
    return StagedDataset(card=card, version=card.version, folder=data.folder, files=data.files)


def _check(real: Path, origin: Path, limit_mb: float) -> None:
    """Raise DatasetError for what must not be copied."""
    total, count = 0, 0
    for path in [real] if not real.is_dir() else walk_all(real):
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            raise DatasetError(f"{path} is a link, or neither a file nor a folder. Put the file itself there.")
        total, count = total + facts.st_size, count + 1
        if total > limit_mb * 2**20 or count > MOST_FILES:
            raise DatasetError(
                f"{origin} has more than {limit_mb:g} MB (execution.setup.data_mb) or {MOST_FILES} files."
            )
    if count == 0:
        raise DatasetError(f"{origin} holds no files.")


def _download(address: str, target: Path, settings: SetupConfig) -> None:
    limit = settings.data_mb * 2**20
    session = requests.Session()
    session.trust_env = False  # passwords of .netrc stay here
    session.proxies = requests.utils.get_environ_proxies(address)
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or True
    try:
        with session.get(address, stream=True, timeout=SILENT_S, allow_redirects=False) as answer:
            if answer.status_code != requests.codes.ok:
                where = f" to {answer.headers['Location'][:200]!r}" if "Location" in answer.headers else ""
                raise DatasetError(f"{address} was not fetched: the server answered {answer.status_code}{where}.")
            taken = 0
            with open(target, "wb") as file:
                for chunk in answer.iter_content(CHUNK):
                    taken += len(chunk)
                    if taken > limit:
                        raise DatasetError(
                            f"{address} has more than {settings.data_mb:g} MB (execution.setup.data_mb)."
                        )
                    file.write(chunk)
    except requests.RequestException as error:
        raise DatasetError(f"{address} was not fetched: {error}. Check the connection, then try again.") from error


def _keep(scratch: Path, name: str, origin: str, root: Path, limit_mb: float) -> StagedData:
    """Put a copy in its place, unless it is there, and make it read-only."""
    _check(scratch / name, Path(origin), limit_mb)  # what was copied, whatever the original is by now
    made = _describe(scratch, name, origin)
    target = root / made.folder
    try:
        return check_staged(made, root)
    except (DatasetMissing, DatasetCorrupt):
        shutil.rmtree(target, ignore_errors=True)
    for path in walk_all(scratch):
        path.chmod(0o444)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".partial.") as folder:
        place = Path(folder) / made.sha256
        place.mkdir()
        (scratch / name).rename(place / name)
        try:
            place.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # which say that another process was faster
                raise
    return check_staged(made, root)


def _describe(folder: Path, name: str, origin: str) -> StagedData:
    """The record of what lies in a folder under a name."""
    files = describe_files(folder)
    alone = (folder / name).is_file()
    digest = files[0].sha256 if alone else _digest(files)
    return StagedData(
        name=name,
        origin=origin,
        sha256=digest,
        bytes=sum(file.size for file in files),
        files=files,
        folder=f"{STAGED}/{digest}",
        path=(folder / name).absolute(),
    )


def _digest(files: tuple[StagedFile, ...]) -> str:
    return hashlib.sha256("".join(f"{file.sha256} {file.name}\n" for file in files).encode()).hexdigest()


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise DatasetError(f"{name[:80]!r} is no plain name: letters, digits, dots, dashes and spaces are accepted.")
    return name


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A folder on the disk of the data, gone afterwards."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".partial-") as folder:
        yield Path(folder)


@contextmanager
def _plain_errors(origin: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DatasetError(f"{origin} cannot be staged: {error.filename or origin} is not there.") from error
    except (OSError, shutil.Error) as error:
        words = "the disk is full" if isinstance(error, OSError) and error.errno == errno.ENOSPC else str(error)
        raise DatasetError(f"{origin} cannot be staged: {words}.") from error
