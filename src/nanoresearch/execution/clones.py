"""Repositories of others, pinned by commit: the files of one commit, fetched once, kept read-only.

    CACHE/repositories/ORIGIN/COMMIT/files/...            plain files
    CACHE/repositories/ORIGIN/COMMIT/repository.json      PinnedRepository

git only fetches and lists; nothing of the repository is run, and files are written from here, not checked out. So no
hook, filter, attribute, submodule or large-file server of a repository has any effect. What is no plain file with a
plain name is left out and named. Addresses must be allowed by the configuration; who asks for a path on this machine
must know that the user wants it. A plain folder is pinned likewise, by the digest of its code.
"""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nanoresearch.addresses import is_allowed
from nanoresearch.config import SetupConfig
from nanoresearch.errors import CorruptRecord, ExecutionError
from nanoresearch.events import plain
from nanoresearch.execution.cache import alone
from nanoresearch.execution.orders import clear
from nanoresearch.execution.repository import PatchRefused, check_path
from nanoresearch.paths import read_record, walk_all, write_atomic
from nanoresearch.schema.setup import PinnedRepository

FILES = "files"
RECORD = "repository.json"
MOST_FILES = 50_000
MOST_NAMED = 200
"""Names of what was left out, in a record."""
LEFTOVERS = frozenset({".git", ".venv", "venv", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache",
                       ".ruff_cache", ".tox", ".ipynb_checkpoints"})  # fmt: skip
"""Folders that tools leave behind in a folder of code."""
CODE = frozenset({".py", ".pyi", ".md", ".rst"})
"""Endings of what is taken of a plain folder: no configuration, where keys often stand."""
PAPERS = frozenset({"README", "LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS", "CITATION"})
"""And files of these names, whatever their endings."""
POLL_S = 0.05
POINTER = b"version https://git-lfs.github.com/spec/"
POINTER_BYTES = 1024
HANDED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "http_proxy", "https_proxy", "no_proxy")
SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "credential.helper": "",
    "gc.auto": "0",
    "http.followRedirects": "false",  # they could lead away from what is allowed
    "init.defaultBranch": "main",
    "protocol.version": "2",
    "submodule.recurse": "false",
}
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")


class RepositoryRefused(ExecutionError):
    """A repository, or a version of it, cannot be had under these settings."""


@dataclass(frozen=True)
class _Blob:
    """A plain file of a commit."""

    name: str
    hash: str
    size: int
    executable: bool


def pin_repository(source: str, ref: str, cache: Path, settings: SetupConfig) -> PinnedRepository:
    """The files of one commit, from the cache or fetched.

    `source` is an address that the settings allow, or the path of a repository on this machine; `ref` a whole commit, a
    tag or a branch. Raises RepositoryRefused when it is not allowed, not there or too large, ExecutionError when it
    cannot be fetched for other reasons.
    """
    address, origin = _address(source, settings)
    _check_ref(ref)
    shelf = _shelf(cache, origin)
    with alone(shelf.parent, shelf.name, settings.timeout_s, "the copy of a repository"):
        if _COMMIT.fullmatch(ref) and (kept := _kept(shelf / ref)):
            return kept
        with tempfile.TemporaryDirectory(dir=shelf.parent, prefix=".partial.") as scratch:
            git = _Git(Path(scratch), settings)
            commit = git.fetch(address, ref)
            if kept := _kept(shelf / commit):
                return kept
            made = _unpack(git, origin, commit, Path(scratch) / "new", settings)
            clear(shelf / commit)
            shelf.mkdir(exist_ok=True)
            (Path(scratch) / "new").rename(shelf / commit)
            return made.model_copy(update={"path": shelf / commit / FILES})


def pin_folder(folder: Path, cache: Path, settings: SetupConfig) -> PinnedRepository:
    """The code of a folder that is no repository, as it is now; the digest of all files is the commit.

    Only files that are Python, its documentation or its licence by their names are taken: nobody has chosen what to
    publish of a plain folder, which may hold data and keys. Raises RepositoryRefused when there are none, or too many
    or too large ones.
    """
    folder = folder.resolve()
    origin = str(folder)
    shelf = _shelf(cache, origin)
    with alone(shelf.parent, shelf.name, settings.timeout_s, "the copy of a folder"):
        blobs, left_out = _found(folder, cache.absolute().parent)
        _check_size(origin, blobs, settings)
        with tempfile.TemporaryDirectory(dir=shelf.parent, prefix=".partial.") as scratch:
            contents = ((blob, (folder / blob.name).read_bytes()) for blob in blobs)
            made = _write(Path(scratch) / "new", origin, "", contents, left_out)
            if kept := _kept(shelf / made.commit):
                return kept
            clear(shelf / made.commit)
            shelf.mkdir(exist_ok=True)
            (Path(scratch) / "new").rename(shelf / made.commit)
            return made.model_copy(update={"path": shelf / made.commit / FILES})


def origin_problem(source: str, settings: SetupConfig) -> str:
    """What is wrong with an address, or with the path of a folder of this machine, as far as it shows at once."""
    if "://" in source:
        return "" if is_allowed(source, settings.repositories) else "which execution.setup.repositories does not allow"
    try:
        there = Path(source).expanduser().is_dir()
    except (RuntimeError, OSError):  # ~ of nobody
        there = False
    return "" if there else "and there is no such folder"


def kept_copy(pinned: PinnedRepository, cache: Path) -> PinnedRepository | None:
    """The copy of what was pinned before, with its path; None when the cache does not have it any more."""
    return _kept(_shelf(cache, pinned.origin) / pinned.commit)


def content_digest(files: Mapping[str, str]) -> str:
    """SHA-256 of files, given the SHA-256 of each by its path."""
    return hashlib.sha256("".join(f"{digest} {name}\n" for name, digest in sorted(files.items())).encode()).hexdigest()


def _shelf(cache: Path, origin: str) -> Path:
    return cache.absolute() / hashlib.sha256(origin.encode()).hexdigest()[:16]


def _address(source: str, settings: SetupConfig) -> tuple[str, str]:
    """What git is told, and how the origin is called."""
    if is_allowed(source, settings.repositories):
        return source, source
    path = Path(source).expanduser()
    if "://" not in source and "::" not in source and path.is_absolute() and path.is_dir():
        return path.resolve().as_uri(), str(path.resolve())
    if "://" in source or "::" in source or ":" in source.partition("/")[0]:
        raise RepositoryRefused(
            f"{plain(source)[:200]} may not be cloned. Plain https addresses may, below those that "
            f"execution.setup.repositories lists ({', '.join(settings.repositories) or 'none so far'})."
        )
    raise RepositoryRefused(f"{plain(source)[:200]!r} is no folder of this machine, with its whole path.")


def _check_ref(ref: str) -> None:
    unusual = not _NAME.fullmatch(ref) or ".." in ref or "//" in ref or ref.endswith((".lock", "/", "."))
    if unusual or len(ref) > 200:
        raise RepositoryRefused(f"{plain(ref)[:80]!r} is no commit, tag or branch.")
    if re.fullmatch(r"[0-9a-f]{7,39}", ref):
        raise RepositoryRefused(f"{ref} is a part of a commit's name; give all 40 characters, or a tag or branch.")


class _Git:
    """git in a bare repository of its own, without anybody's configuration and credentials."""

    def __init__(self, scratch: Path, settings: SetupConfig) -> None:
        self.root = scratch / "git"
        self._scratch = scratch
        self._settings = settings
        self._deadline = time.monotonic() + settings.timeout_s
        self.root.mkdir()
        self.ask("init", "--quiet", "--bare", "--template=", ".")

    def fetch(self, address: str, ref: str) -> str:
        """Fetch one version without its history; returns the commit."""
        self.ask("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", address, ref)
        commit = self.ask("rev-parse", "--verify", "FETCH_HEAD^{commit}").decode().strip()
        if _COMMIT.fullmatch(ref) and commit != ref:
            raise RepositoryRefused(f"{address} answered with {commit}, not with {ref}.")
        return commit

    def ask(self, *words: str) -> bytes:
        """What git prints. Raises RepositoryRefused with its words, or when a limit of size or time is passed."""
        with self.stream(*words) as said:
            return said.read()

    @contextmanager
    def stream(self, *words: str, given: bytes = b"") -> Iterator[IO[bytes]]:
        """The same, to be read piece by piece."""
        with (
            tempfile.TemporaryFile(dir=self._scratch) as said,
            tempfile.TemporaryFile(dir=self._scratch) as complaint,
            tempfile.TemporaryFile(dir=self._scratch) as told,
        ):
            told.write(given)
            told.seek(0)
            try:
                process = subprocess.Popen(
                    self._command(*words), cwd=self.root, env=self._environment(), stdin=told, stdout=said,
                    stderr=complaint, start_new_session=True,
                )  # fmt: skip
            except FileNotFoundError as error:
                raise ExecutionError("git is missing: apt-get install git") from error
            try:
                self._watch(process, words[0])
            except BaseException:  # also on Ctrl-C, which reaches only us
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            said.seek(0)
            complaint.seek(0)
            if process.returncode:
                lines = plain(complaint.read().decode(errors="replace")).strip().splitlines()
                raise RepositoryRefused(f"git {words[0]} failed: {' / '.join(lines[-2:]) or process.returncode}.")
            yield said

    def _watch(self, process: "subprocess.Popen[bytes]", word: str) -> None:
        limit = self._settings.repository_mb
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_S)
                return
            if time.monotonic() > self._deadline:
                raise RepositoryRefused(f"git {word} took more than {self._settings.timeout_s:g} s.")
            if _size(self.root) > limit * 2**20:
                raise RepositoryRefused(f"The repository takes more than {limit:g} MB (execution.setup.repository_mb).")

    def _command(self, *words: str) -> list[str]:
        settings = [item for name, value in SETTINGS.items() for item in ("-c", f"{name}={value}")]
        return ["git", f"--git-dir={self.root}", *settings, *words]

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
        return kept | {
            "HOME": str(self._scratch),  # where git and its libraries look for passwords
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "GIT_ALLOW_PROTOCOL": "file:http:https",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "LC_ALL": "C",
        }


def _unpack(git: _Git, origin: str, commit: str, target: Path, settings: SetupConfig) -> PinnedRepository:
    """Write the plain files of a commit, and the record beside them."""
    blobs, left_out = _listing(git, commit)
    _check_size(f"{origin} at {commit[:12]}", blobs, settings)
    with git.stream("cat-file", "--batch", given="".join(f"{blob.hash}\n" for blob in blobs).encode()) as contents:

        def read() -> Iterator[tuple[_Blob, bytes]]:
            for blob in blobs:
                contents.readline()
                yield blob, contents.read(blob.size + 1)[:-1]

        return _write(target, origin, commit, read(), left_out)


def _check_size(where: str, blobs: Sequence[_Blob], settings: SetupConfig) -> None:
    total = sum(blob.size for blob in blobs)
    if len(blobs) > MOST_FILES or total > settings.repository_mb * 2**20:
        raise RepositoryRefused(
            f"{where} has {len(blobs)} files of {total / 2**20:.0f} MB together; "
            f"{MOST_FILES} files and {settings.repository_mb:g} MB are accepted (execution.setup.repository_mb)."
        )


def _write(
    target: Path, origin: str, commit: str, contents: Iterable[tuple[_Blob, bytes]], left_out: set[str]
) -> PinnedRepository:
    """Write files, and the record beside them. An empty commit stands for the digest of the files."""
    digests, size = {}, 0
    for blob, content in contents:
        if len(content) < POINTER_BYTES and content.startswith(POINTER):
            left_out.add(blob.name)
            continue
        path = target / FILES / blob.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o555 if blob.executable else 0o444)
        digests[blob.name] = hashlib.sha256(content).hexdigest()
        size += len(content)
    if not digests:
        what = f"plain files at {commit[:12]}" if commit else "files of code"
        raise RepositoryRefused(f"{origin} has no {what}.")
    names = sorted(left_out)
    if len(names) > MOST_NAMED:
        names[MOST_NAMED:] = [f"and {len(names) - MOST_NAMED} more"]
    made = PinnedRepository(
        origin=origin,
        commit=commit or content_digest(digests),
        sha256=content_digest(digests),
        files=len(digests),
        bytes=size,
        left_out=tuple(names),
    )
    write_atomic(target / RECORD, made.model_dump_json(indent=1) + "\n")
    return made


def _found(folder: Path, home: Path) -> tuple[list[_Blob], set[str]]:
    """Plain files of code below a folder, and the names of all else that is no leftover of tools. Not the home."""
    blobs: list[_Blob] = []
    left_out: set[str] = set()
    for path in walk_all(folder):
        name = path.relative_to(folder)
        if LEFTOVERS & set(name.parts) or (home.is_relative_to(folder) and path.is_relative_to(home)):
            continue
        if not _is_plain(name.as_posix()):
            left_out.add(plain(os.fsencode(name.as_posix()).decode(errors="backslashreplace")))
        elif path.is_file() and not path.is_symlink() and _is_code(name):
            found = path.stat()
            blobs.append(_Blob(name.as_posix(), "", found.st_size, bool(found.st_mode & 0o100)))
        else:
            left_out.add(name.as_posix())
    return blobs, left_out


def _listing(git: _Git, commit: str) -> tuple[list[_Blob], set[str]]:
    """Plain files of a commit with plain names, and the names of all else."""
    blobs: list[_Blob] = []
    left_out: set[str] = set()
    for entry in git.ask("ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0")[:-1]:
        facts, _, raw = entry.partition(b"\t")
        mode, kind, name_hash, size = facts.decode().split()
        name = raw.decode(errors="surrogateescape")
        if not _is_plain(name):
            name = raw.decode(errors="backslashreplace")
            left_out.add(plain(name.partition("/")[0] + "/" if name.startswith(".git") and "/" in name else name))
            continue
        if kind == "blob" and mode in ("100644", "100755"):
            blobs.append(_Blob(name, name_hash, int(size), mode == "100755"))
        else:
            left_out.add(name)
    return blobs, left_out


def _is_plain(name: str) -> bool:
    """Whether a name may stand in a codebase and in records."""
    try:
        name.encode()
        check_path(name)
    except (UnicodeEncodeError, PatchRefused):
        return False
    return True


def _is_code(name: Path) -> bool:
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and (name.suffix.lower() in CODE or name.stem.upper() in PAPERS)


def _kept(folder: Path) -> PinnedRepository | None:
    """What the cache has of a commit, if it is whole."""
    try:
        record = read_record(folder / RECORD, PinnedRepository)
    except CorruptRecord:  # as a rule there is none
        return None
    names = {path.relative_to(folder / FILES).as_posix(): path for path in walk_all(folder / FILES)}
    if any(path.is_symlink() for path in names.values()):
        return None
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items()}
    return record.model_copy(update={"path": folder / FILES}) if content_digest(digests) == record.sha256 else None


def _size(folder: Path) -> int:
    """Bytes of the files below a folder that another process is changing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size  # noqa: PTH118 - asked twenty times a second
            except FileNotFoundError:
                continue
    return total
