"""Code that a program may learn from: a repository named in the configuration, shown to models as material.

Read once and kept in the run, so that a resumed run asks the same. Its code is not run and not copied into the program.
"""

from pathlib import Path

from nanoresearch.crew.llm.coding.syntax import interface
from nanoresearch.crew.llm.desk import Desk, material
from nanoresearch.errors import ExecutionError
from nanoresearch.execution.clones import pin_repository
from nanoresearch.schema.record import Record

RECORD = "coding/repository.json"
MOST_FILES = 200
MOST_INTERFACES = 12_000
MOST_README = 4_000
SKIPPED = frozenset({".git", "__pycache__", "node_modules", ".venv", "venv", "build", "dist"})


class BaseRepository(Record):
    """What is shown of a repository."""

    origin: str
    """As the configuration names it."""
    commit: str = ""
    """Commit that was read; empty for a plain folder."""
    files: tuple[str, ...]
    """Paths of its files."""
    readme: str
    """Beginning of its README."""
    interfaces: str
    """Classes and functions of its Python files."""


def repository_text(desk: Desk) -> str:
    """The base repository as material; empty when the configuration names none."""
    origin = desk.config.coding.repository
    if not origin:
        return ""
    if desk.folder.has(RECORD):
        found = desk.folder.load(RECORD, BaseRepository)
    else:
        found = _read(origin, *_checkout(desk))
        desk.folder.save(RECORD, found)
    parts = ["files:", *found.files, "", found.readme, "", found.interfaces]
    return material("a repository to learn from", "\n".join(parts), limit=MOST_README + 2 * MOST_INTERFACES)


def _checkout(desk: Desk) -> tuple[Path, str]:
    """The folder that holds the code, and its commit where it is a repository. Raises ExecutionError."""
    origin, ref = desk.config.coding.repository, desk.config.coding.repository_ref
    folder = Path(origin).expanduser()
    if "://" not in origin:
        if not folder.is_dir():
            raise ExecutionError(f"coding.repository is {origin!r}, and there is no such folder.")
        if not (folder / ".git").exists():
            return folder, ""
        origin = str(folder.absolute())
    pinned = pin_repository(origin, ref, desk.home.repositories, desk.config.execution.setup)
    return pinned.path, pinned.commit


def _read(origin: str, folder: Path, commit: str) -> BaseRepository:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    names = [path.relative_to(folder) for path in paths]
    kept = [name for name in names if not SKIPPED & set(name.parts)][:MOST_FILES]
    readme = next((name for name in kept if name.name.lower().startswith("readme")), None)
    interfaces = ""
    for name in kept:
        if name.suffix == ".py" and len(interfaces) < MOST_INTERFACES:
            interfaces += interface(name.as_posix(), _text(folder / name), registries=False) + "\n"
    return BaseRepository(
        origin=origin,
        commit=commit,
        files=tuple(name.as_posix() for name in kept),
        readme=_text(folder / readme)[:MOST_README] if readme else "",
        interfaces=interfaces[:MOST_INTERFACES],
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
