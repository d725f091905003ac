"""Longer instructions for models, as text files beside the code."""

from functools import cache
from importlib.resources import files


@cache
def prompt(name: str) -> str:
    """The text of NAME.md."""
    return files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8")
