"""The directives that a planner can choose from, kept as data in catalogue.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from nanoresearch.schema.plan import Directive


@dataclass(frozen=True)
class Entry:
    """A directive, and whether a planner without preferences chooses it."""

    directive: Directive
    default: bool


@cache
def load_catalogue() -> tuple[Entry, ...]:
    """All directives, in the order of the file."""
    data = tomllib.loads(files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8"))
    return tuple(
        Entry(Directive(id=name, phase=phase, text=item["text"], effect=item["effect"]), item.get("default", False))
        for phase, items in data.items()
        for name, item in items.items()
    )
