"""Code of others that a program is built on: where it lies in a codebase, and what of it can be imported.

    CODEBASE/upstream/...       the files of one commit, as they were, in a commit of their own
    CODEBASE/*.py               the program, which imports them

harness.py puts the folder, and src/ below it, at the end of Python's search path: nothing in it can take the place of a
module of the program, of Python or of an installed package. A repository that is a package itself is imported as
`upstream`.
"""

import ast
import keyword
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nanoresearch.execution.repository import UPSTREAM

LAYOUTS = ("", "src")
"""Folders below the repository's root from which modules are imported."""
NO_MODULES = frozenset({"build", "conftest", "dist", "doc", "docs", "example", "examples", "noxfile", "setup", "test",
                        "tests", "venv"})  # fmt: skip
"""What lies beside the modules of many repositories and is none."""
MOST_BYTES = 1_000_000
"""Longer files are tables of data as a rule: they are not read to see what they import."""


@dataclass(frozen=True)
class Reach:
    """What importing a module may bring in."""

    modules: frozenset[str]
    """Top-level modules, upstream or not."""
    names: frozenset[str]
    """Dotted names, as they are imported."""


def is_upstream(name: str) -> bool:
    """Whether a file of a codebase is code of others."""
    return name.startswith(f"{UPSTREAM}/")


def modules_of(root: Path) -> dict[str, Path]:
    """What can be imported from a repository: module -> its file, or the folder of a package."""
    if (root / "__init__.py").is_file():
        return {UPSTREAM: root}
    found: dict[str, Path] = {}
    for layout in LAYOUTS:
        folder = root / layout
        for path in sorted(folder.iterdir()) if folder.is_dir() and folder not in found.values() else ():
            name = path.name if path.is_dir() else path.stem
            bare_src = name == "src" and not (path / "__init__.py").is_file()
            if _is_module(name) and _holds_code(path) and not bare_src:
                found.setdefault(name, path)
    return found


def source_files(module: str, path: Path) -> Iterator[tuple[str, Path]]:
    """Python files of a module of a sensible size, each with the name under which it is imported."""
    if not path.is_dir():
        files = [path]
    else:
        files = [file for file in sorted(path.rglob("*.py")) if not NO_MODULES & set(file.relative_to(path).parts[:-1])]
    for file in files:
        if file.stat().st_size <= MOST_BYTES:
            below = file.relative_to(path).with_suffix("").parts if path.is_dir() else ()
            yield ".".join((module, *(part for part in below if part != "__init__"))), file


def reach(modules: Mapping[str, Path], used: Collection[str]) -> Reach:
    """What upstream modules import, the upstream modules that they import included.

    used: names of upstream modules. Every file of a module counts, whether the program gets to it or not.
    """
    names: set[str] = set()
    seen = frontier = set(used) & modules.keys()
    while frontier:
        imported = set().union(*(_imports(name, modules[name]) for name in frontier))
        names |= imported
        frontier = _roots(imported) & modules.keys() - seen
        seen = seen | frontier
    return Reach(frozenset(_roots(names)), frozenset(names))


def _is_module(name: str) -> bool:
    known = name in sys.stdlib_module_names or name.lower() in NO_MODULES or name.startswith("__")
    return name.isidentifier() and not known and not keyword.iskeyword(name)


def _holds_code(path: Path) -> bool:
    """Whether it is a Python file, or a folder with one, at most one folder further down."""
    if path.is_dir():
        return any(path.glob("*.py")) or any(path.glob("*/*.py"))
    return path.suffix == ".py"


def _roots(names: Collection[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@cache
def _imports(module: str, path: Path) -> frozenset[str]:
    """Dotted names that a module imports by their whole names."""
    return frozenset(name for _, file in source_files(module, path) for name in _imports_of(file))


def _imports_of(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
