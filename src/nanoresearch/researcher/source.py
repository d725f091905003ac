"""Feedback after each stage: asked on the console, read from a file, or none."""

import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nanoresearch.errors import UsageError
from nanoresearch.schema.feedback import Stage

STAGES: tuple[Stage, ...] = ("ideation_and_planning", "experiments", "writing")
LONGEST = 100_000
"""Characters of one comment; more is cut off, and said so."""


class FeedbackSource(Protocol):
    """Gives the researcher's words at the end of a stage."""

    @property
    def name(self) -> str:
        """As recorded with the words."""
        ...

    def ask(self, stage: Stage, summary: str) -> str:
        """What the researcher says about the stage; empty for nothing."""
        ...


class NoFeedback:
    """Says nothing."""

    name = "none"

    def ask(self, stage: Stage, summary: str) -> str:
        """Nothing."""
        return ""


@dataclass(frozen=True)
class ConsoleFeedback:
    """Asks on the terminal; an empty line or the end of the input says nothing."""

    read: Callable[[str], str] = input
    name: str = "console"

    def ask(self, stage: Stage, summary: str) -> str:
        """One line from the researcher."""
        print(f"\n{summary}", file=sys.stderr)
        print(f"Your feedback on {stage.replace('_', ' ')} (empty for none):", file=sys.stderr)
        try:
            return clean(self.read(""))
        except EOFError:
            return ""


class FileFeedback:
    """Reads a file: TOML with a text for each stage, or plain text that is given after every stage."""

    name = "file"

    def __init__(self, path: Path) -> None:
        """Raises UsageError when the file cannot be read or names an unknown stage."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"The feedback file {path} cannot be read: {error}.") from error
        self._texts: dict[str, str] = dict.fromkeys(STAGES, text)
        if path.suffix == ".toml":
            try:
                values = tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                raise UsageError(f"The feedback file {path} is not valid TOML: {error}.") from error
            unknown = sorted(set(values) - set(STAGES))
            if unknown or not all(isinstance(value, str) for value in values.values()):
                raise UsageError(f"The feedback file {path} must give texts for the stages {', '.join(STAGES)}.")
            self._texts = {stage: values.get(stage, "") for stage in STAGES}

    def ask(self, stage: Stage, summary: str) -> str:
        """The text for this stage."""
        return clean(self._texts[stage])


def clean(text: str) -> str:
    """Without control characters, at most LONGEST characters."""
    kept = "".join(letter for letter in text if letter in "\n\t" or letter.isprintable()).strip()
    return kept if len(kept) <= LONGEST else kept[:LONGEST] + " [cut]"


def feedback_source(name: str) -> FeedbackSource:
    """none, console, or a file. Raises UsageError for a file that cannot be used."""
    if name == "none":
        return NoFeedback()
    if name == "console":
        return ConsoleFeedback()
    return FileFeedback(Path(name).expanduser())
