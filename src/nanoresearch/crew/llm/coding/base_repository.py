"""Code that a program is built on: a repository or folder named in the configuration.

It is pinned and read once, and what was read is kept in the run, so that a resumed run asks the same and builds on the
same. Its files go into the codebase as they are, below upstream/ (execution/upstream.py); models are shown their list,
the README and the interfaces that bear most on the experiment.
"""

import re
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path

from nanoresearch.crew.llm.coding.syntax import interface
from nanoresearch.crew.llm.desk import Desk, material
from nanoresearch.errors import ExecutionError
from nanoresearch.execution.clones import kept_copy, pin_folder, pin_repository
from nanoresearch.execution.repository import UPSTREAM
from nanoresearch.execution.upstream import NO_MODULES, modules_of
from nanoresearch.paths import walk_all
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.record import Record
from nanoresearch.schema.setup import PinnedRepository

RECORD = "coding/repository.json"
MOST_FILES = 200
MOST_INTERFACES = 12_000
MOST_README = 4_000
MOST_READ = 2_000
"""Python files that are read to find what bears on the experiment."""

_WORD = re.compile(r"[A-Za-z]{3,}")


class BaseRepository(Record):
    """What is kept of a repository in the run."""

    pinned: PinnedRepository
    """The files, by digest."""
    modules: tuple[str, ...]
    """What can be imported from it."""
    installed: tuple[str, ...]
    """Modules that are out of reach, since packages of these names are installed."""
    files: tuple[str, ...]
    """Paths of its files, the first of them."""
    readme: str
    """Beginning of its README."""
    interfaces: str
    """Classes and functions of its Python files."""

    def text(self, reachable: Collection[str]) -> str:
        """The repository as material for a model. reachable: modules that the program may import."""
        parts = ["files:", *self.files, "", self.readme, "", self.interfaces]
        shown = material("the repository to build on", "\n".join(parts), limit=MOST_README + 2 * MOST_INTERFACES)
        hidden = sorted({*self.modules, *self.installed} - set(reachable))
        return (
            f"The program is built on this repository, which lies in {UPSTREAM}/ and stays as it is. Import from it "
            f"what the experiment needs, and do not write it anew. Its modules: {', '.join(reachable) or 'none'}."
            + (f" Out of reach, since other modules have these names: {', '.join(hidden)}." if hidden else "")
            + f"\n\n{shown}"
        )


def base_repository(desk: Desk, blueprint: Blueprint) -> BaseRepository | None:
    """What the configuration names, as it was when the run first looked; None when it names nothing.

    Raises ExecutionError where it is missing, not allowed, or holds nothing that can be imported.
    """
    if not desk.config.coding.repository:
        return None
    if desk.folder.has(RECORD):
        return desk.folder.load(RECORD, BaseRepository)
    found = _read(_pin(desk), blueprint)
    if not found.modules:
        why = f"{', '.join(found.installed)} is installed here as well" if found.installed else "no Python module"
        raise ExecutionError(f"Nothing can be built on coding.repository {found.pinned.origin}: {why}.")
    if found.installed:
        names = ", ".join(found.installed)
        desk.events.emit("warning", f"of {found.pinned.origin}, {names} cannot be imported: installed here as well")
    desk.folder.save(RECORD, found)
    return found


def copy_of(desk: Desk, base: BaseRepository) -> PinnedRepository:
    """The pinned files on this machine. Raises ExecutionError when they are not what they were."""
    if kept := kept_copy(base.pinned, desk.home.repositories):
        return kept
    again = _pin(desk, base.pinned.commit)
    if again.sha256 != base.pinned.sha256:
        raise ExecutionError(
            f"{base.pinned.origin} is not what it was when the run began, and the copy of that is gone. "
            "Put it back as it was, or start a new run."
        )
    return again


def _pin(desk: Desk, commit: str = "") -> PinnedRepository:
    """The files that the configuration names. commit: that of a repository, where it is known already."""
    origin, ref = desk.config.coding.repository, desk.config.coding.repository_ref
    setup = desk.config.execution.setup
    folder = Path(origin).expanduser()
    if "://" not in origin:
        if not folder.is_dir():
            raise ExecutionError(f"coding.repository is {origin!r}, and there is no such folder.")
        if not (folder / ".git").exists():
            return pin_folder(folder, desk.home.repositories, setup)
        origin = str(folder.absolute())
    return pin_repository(origin, commit or ref, desk.home.repositories, setup)


def _read(pinned: PinnedRepository, blueprint: Blueprint) -> BaseRepository:
    root = pinned.path
    modules = modules_of(root)
    installed = {name for name in modules if find_spec(name) is not None}
    paths = list(walk_all(root))
    names = [path.relative_to(root) for path in paths]
    readme = next((path for path in paths if path.parent == root and path.name.lower().startswith("readme")), None)
    return BaseRepository(
        pinned=pinned,
        modules=tuple(name for name in modules if name not in installed),
        installed=tuple(sorted(installed)),
        files=tuple(name.as_posix() for name in names[:MOST_FILES]),
        readme=_text(readme)[:MOST_README] if readme else "",
        interfaces=_interfaces({name: path for name, path in modules.items() if name not in installed}, blueprint),
    )


def _interfaces(modules: dict[str, Path], blueprint: Blueprint) -> str:
    """Interfaces of importable files, those first that share most words with the experiment."""
    wanted = _words(blueprint.model_dump_json(include={"topic", "title", "hypothesis", "components", "methods"}))
    found = []
    for name, text in _sources(modules):
        shown = interface(name, text, registries=False)
        found.append((len(wanted & _words(shown)), shown))
    found.sort(key=lambda item: -item[0])  # stable: by name where as many are shared
    chosen: list[str] = []
    left = MOST_INTERFACES
    for _, shown in found:
        if len(shown) <= left or not chosen:
            chosen.append(shown[:left])
            left -= len(chosen[-1]) + 1
    return "\n".join(chosen)


def _sources(modules: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Name under which a file is imported, and its text."""
    read = 0
    for module, path in modules.items():
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            parts = file.relative_to(path.parent).with_suffix("").parts
            if NO_MODULES & set(parts) or read == MOST_READ:
                continue
            read += 1
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or module, _text(file)


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
