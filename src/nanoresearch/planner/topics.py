"""Topics that ship with the planner: some to learn on, others to measure on, kept apart as data (topics.toml)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Topics:
    """Topics of no researcher."""

    lessons: tuple[str, ...]
    """To learn on."""
    probes: tuple[str, ...]
    """To measure on; nothing is ever learned on them."""


@cache
def load_topics() -> Topics:
    """The topics of the file."""
    data = tomllib.loads(files(__package__).joinpath("topics.toml").read_text(encoding="utf-8"))
    return Topics(tuple(data["lessons"]), tuple(data["probes"]))
