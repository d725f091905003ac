"""The kits, one folder each; a folder with a kit.py is a kit."""

import importlib
import pkgutil
from functools import cache
from importlib.resources import files

from nanoresearch.crew.builtin.kits.kit import Kit


@cache
def load_kits() -> dict[str, Kit]:
    """All kits by id, in alphabetical order."""
    here = files(__package__)
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if here.joinpath(m.name, "kit.py").is_file())
    kits = [importlib.import_module(f"{__name__}.{name}.kit").KIT for name in names]
    return {kit.id: kit for kit in kits}


def read_code(kit: str, name: str) -> str:
    """Source of one file of a kit's code folder, or of the program text that all kits share."""
    own = files(__package__).joinpath(kit, "code", name)
    shared = files("nanoresearch.crew.builtin").joinpath("codebase", name)
    return (own if own.is_file() else shared).read_text(encoding="utf-8")
