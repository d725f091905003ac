"""Code that a program is built on: a repository or folder named in the configuration.

It is pinned and read once, and what was read is kept in the run, so that a resumed run asks the same and builds on the
same. Its files go into the codebase as they are, below upstream/ (execution/upstream.py); models are shown the
interfaces that bear most on the experiment, the README and the list of files.
"""

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from nanoresearch.crew.llm.coding.syntax import interface
from nanoresearch.crew.llm.desk import Desk, material
from nanoresearch.errors import ExecutionError
from nanoresearch.evidence.audit.taboos import forbidden_names
from nanoresearch.execution.clones import kept_copy, origin_problem, pin_folder, pin_repository
from nanoresearch.execution.repository import UPSTREAM
from nanoresearch.execution.upstream import modules_of, reach, source_files
from nanoresearch.paths import walk_all
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.record import Record
from nanoresearch.schema.setup import PinnedRepository

RECORD = "coding/repository.json"
CODE = "coding/code"
"""The codebase of the run."""
MOST_MODULES = 40
MOST_NAMES = 4_000
"""Characters of the list of files."""
MOST_INTERFACES = 12_000
MOST_README = 4_000
MOST_READ = 2_000
"""Python files that are read to find what bears on the experiment."""

_WORD = re.compile(r"[A-Za-z]{3,}")


class BaseRepository(Record):
    """What is kept of a repository in the run."""

    pinned: PinnedRepository
    """The files, by digest."""
    modules: dict[str, tuple[str, ...]]
    """What can be imported, those first that bear most on the experiment -> dotted names that this brings in."""
    installed: tuple[str, ...]
    """Modules that are out of reach, since other packages of these names are installed."""
    files: tuple[str, ...]
    """Paths of its files, the first of them."""
    readme: str
    """Beginning of its README."""
    interfaces: str
    """Classes and functions of its Python files."""

    def within_reach(self, taken: Collection[str], taboos: Sequence[str]) -> frozenset[str]:
        """Modules that a program may import.

        Not those of a taken name, nor those that import one: they would get another module. Nor what brings in
        something that the researcher rules out.
        """
        hidden = {*taken, *self.installed} & {*self.modules, *self.installed}
        return frozenset(
            name
            for name, brought in self.modules.items()
            if name not in taken
            and not hidden & {item.partition(".")[0] for item in brought}
            and not any(forbidden_names(brought, taboos))
        )

    def text(self, reachable: Collection[str]) -> str:
        """The repository as material for a model. reachable: modules that the program may import."""
        names = [name for name in self.modules if name in reachable]
        hidden = sorted({*self.modules, *self.installed} - set(reachable))
        facts = [
            f"modules to import: {_some(names)}",
            *([f"modules out of reach, for their names or for what they import: {_some(hidden)}"] if hidden else []),
        ]
        parts = [*facts, "", self.interfaces, "", self.readme, "", "files:", *self.files]
        limit = MOST_README + MOST_INTERFACES + 2 * MOST_NAMES
        return (
            f"The program is built on this repository, which lies in {UPSTREAM}/ and stays as it is. Import from it "
            "what the experiment needs, each module by its own name, and do not write it anew.\n\n"
            + material("the repository to build on", "\n".join(parts), limit=limit)
        )


def base_repository(desk: Desk, blueprint: Blueprint) -> BaseRepository | None:
    """What the configuration names, as it was when the run first looked; None when it names nothing.

    Raises ExecutionError where it is missing, not allowed, or holds nothing that can be imported.
    """
    if not desk.config.coding.repository:
        return None
    if desk.folder.has(RECORD):
        return desk.folder.load(RECORD, BaseRepository)
    found = _read(desk, _pin(desk), blueprint)
    if not found.modules:
        why = f"{', '.join(found.installed)} is installed here as well" if found.installed else "no Python module"
        raise ExecutionError(f"Nothing can be built on coding.repository {found.pinned.origin}: {why}.")
    for warning in _warnings(found):
        desk.events.emit("warning", f"{found.pinned.origin}: {warning}")
    desk.folder.save(RECORD, found)
    return found


def copy_of(desk: Desk, base: BaseRepository) -> PinnedRepository:
    """The pinned files on this machine: the codebase's own once it is there.

    Raises ExecutionError when they are not what they were.
    """
    own = desk.folder.path(f"{CODE}/{UPSTREAM}")
    if own.is_dir():
        return base.pinned.model_copy(update={"path": own})
    if kept := kept_copy(base.pinned, desk.home.repositories):
        return kept
    again = _pin(desk, base.pinned.commit)
    if again.sha256 != base.pinned.sha256:
        raise ExecutionError(
            f"{base.pinned.origin} is not what it was when the run began, and the copy of that is gone. "
            "Put it back as it was, or start a new run."
        )
    return again


def built_on(desk: Desk, blueprint: Blueprint) -> BaseRepository | None:
    """What the codebase that is there was built on, for those who mend it."""
    return base_repository(desk, blueprint) if desk.folder.path(f"{CODE}/{UPSTREAM}").is_dir() else None


def _pin(desk: Desk, commit: str = "") -> PinnedRepository:
    """The files that the configuration names. commit: that of a repository, where it is known already."""
    origin, ref = desk.config.coding.repository, desk.config.coding.repository_ref
    setup = desk.config.execution.setup
    if problem := origin_problem(origin, setup):
        raise ExecutionError(f"coding.repository is {origin!r}, {problem}.")
    if "://" in origin:
        return pin_repository(origin, commit or ref, desk.home.repositories, setup)
    folder = Path(origin).expanduser().absolute()
    if (folder / ".git").exists():
        desk.events.emit("decision", f"of {folder} the commit at {ref} is taken, and nothing that is not committed")
        return pin_repository(str(folder), commit or ref, desk.home.repositories, setup)
    return pin_folder(folder, desk.home.repositories, setup)


def _read(desk: Desk, pinned: PinnedRepository, blueprint: Blueprint) -> BaseRepository:
    root = pinned.path
    modules = modules_of(root)
    installed = {name for name in modules if _is_installed(name, desk.config.coding.repository)}
    usable = {name: path for name, path in modules.items() if name not in installed}
    paths = list(walk_all(root))
    names = [path.relative_to(root).as_posix() for path in paths]
    readme = next((path for path in paths if path.parent == root and path.name.lower().startswith("readme")), None)
    ranked = _by_relevance(usable, blueprint)
    first = {name.partition(".")[0]: None for name, _ in ranked}
    return BaseRepository(
        pinned=pinned,
        modules={name: tuple(sorted(reach(modules, {name}).names)) for name in [*first, *(usable.keys() - first)]},
        installed=tuple(sorted(installed)),
        files=tuple(_within(names, MOST_NAMES)),
        readme=_text(readme)[:MOST_README] if readme else "",
        interfaces=_interfaces(ranked),
    )


def _is_installed(name: str, repository: str) -> bool:
    """Whether something else of that name would be imported; the named folder itself, if it is installed, is not."""
    spec = find_spec(name)
    if spec is None:
        return False
    own = Path(repository).expanduser().resolve() if "://" not in repository else None
    places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or [])
    return own is None or not any(Path(str(place)).resolve().is_relative_to(own) for place in places)


def _warnings(base: BaseRepository) -> Iterator[str]:
    """What a user should know of before a model is paid to build on it."""
    if base.installed:
        yield f"{', '.join(base.installed)} cannot be imported from it, since packages of these names are installed"
    if base.pinned.left_out:
        yield f"{len(base.pinned.left_out)} entries are not taken, such as {', '.join(base.pinned.left_out[:3])}"
    roots = {item.partition(".")[0] for brought in base.modules.values() for item in brought}
    missing = sorted(root for root in roots - {*base.modules, *base.installed} if not _is_there(root))
    if missing:
        yield f"it imports {_some(missing)}, which is not installed here"


def _is_there(name: str) -> bool:
    return name in sys.stdlib_module_names or find_spec(name) is not None


def _by_relevance(modules: Mapping[str, Path], blueprint: Blueprint) -> list[tuple[str, str]]:
    """Names and interfaces of files, those first that share most words with the experiment."""
    wanted = _words(blueprint.model_dump_json(include={"topic", "title", "hypothesis", "components", "methods"}))
    found: list[tuple[int, str, str]] = []
    for module, path in modules.items():
        for name, file in source_files(module, path):
            if len(found) < MOST_READ:
                shown = interface(name, _text(file), registries=False)
                found.append((len(wanted & _words(shown)), name, shown))
    found.sort(key=lambda item: -item[0])  # stable: by name where as many are shared
    return [(name, shown) for _, name, shown in found]


def _interfaces(ranked: Sequence[tuple[str, str]]) -> str:
    chosen: list[str] = []
    left = MOST_INTERFACES
    for _, shown in ranked:
        if len(shown) <= left or not chosen:
            chosen.append(shown[:left])
            left -= len(chosen[-1]) + 1
    return "\n".join(chosen)


def _within(names: Sequence[str], characters: int) -> Iterator[str]:
    for name in names:
        characters -= len(name) + 1
        if characters < 0:
            return
        yield name


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_MODULES} more" if len(names) > MOST_MODULES else ""
    return (", ".join(names[:MOST_MODULES]) or "none") + more


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
