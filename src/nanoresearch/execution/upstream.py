"""Code of others that a program is built on: where it lies in a codebase, and what of it can be imported.

    CODEBASE/upstream/...       the files of one commit, as they were, in a commit of their own
    CODEBASE/*.py               the program, which imports them

harness.py puts the folder, and src/ below it, at the end of Python's search path: nothing in it can take the place of a
module of the program, of Python or of an installed package.
"""

import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from nanoresearch.execution.repository import UPSTREAM

LAYOUTS = ("", "src")
"""Folders below the repository's root from which modules are imported."""
NO_MODULES = frozenset({"build", "conftest", "dist", "doc", "docs", "example", "examples", "noxfile", "setup", "test",
                        "tests", "venv"})  # fmt: skip
"""What lies beside the modules of many repositories and is none."""


def is_upstream(name: str) -> bool:
    """Whether a file of a codebase is code of others."""
    return name.startswith(f"{UPSTREAM}/")


def modules_of(root: Path) -> dict[str, Path]:
    """What can be imported from a repository: module -> its file, or the folder of a package."""
    found: dict[str, Path] = {}
    for layout in LAYOUTS:
        folder = root / layout
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = path.name if path.is_dir() else path.stem
            if _is_module(name) and _holds_code(path) and name != "src":
                found.setdefault(name, path)
    return found


def reached(modules: Mapping[str, Path], used: Collection[str]) -> set[str]:
    """Modules, upstream or not, that upstream modules import, those that they import in turn included.

    used: names of upstream modules. Every file of a module counts, whether the program gets to it or not.
    """
    found, frontier = set[str](), set(used) & modules.keys()
    seen = set(frontier)
    while frontier:
        imported = set().union(*(_imports(modules[name]) for name in frontier))
        found |= imported
        frontier = imported & modules.keys() - seen
        seen |= frontier
    return found


def _is_module(name: str) -> bool:
    known = name in sys.stdlib_module_names or name.lower() in NO_MODULES or name.startswith("__")
    return name.isidentifier() and not known


def _holds_code(path: Path) -> bool:
    if path.is_dir():
        return any(item.suffix == ".py" for item in path.iterdir())
    return path.suffix == ".py"


@cache
def _imports(path: Path) -> frozenset[str]:
    """Top-level modules that a module imports by their whole names."""
    return frozenset(name for file in _files(path) for name in _imports_of(file))


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*.py")):
        if not NO_MODULES & set(file.relative_to(path).parts[:-1]):
            yield file


def _imports_of(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
