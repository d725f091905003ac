"""A simulated researcher: looks at what a stage has made and says what is missing or too much, or nothing.

Knows nothing of plans and directives; what is said depends on artifacts, seed and round alone.
"""

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.bench.checks import holds, stage_of
from nanoresearch.evidence.number_words import SMALL
from nanoresearch.paths import RunFolder
from nanoresearch.researcher.source import clean
from nanoresearch.schema.benchmark import Check, Persona, Task
from nanoresearch.schema.feedback import Stage

MOST_WISHES = 3
"""Wishes that one comment speaks of: more than a person says at once."""
NUMBERS = SMALL[:13]
"""Numbers that people write as words."""


class Speaker(Protocol):
    """Puts wishes into words."""

    @property
    def name(self) -> str:
        """As recorded with the words."""
        ...

    def say(self, persona: Persona, stage: Stage, wishes: Sequence[Check], summary: str) -> str:
        """A comment on a stage whose artifacts do not meet these wishes."""
        ...


@dataclass(frozen=True)
class PhraseSpeaker:
    """Takes for each wish one of several phrases, by seed, round and stage."""

    seed: int
    round: int
    name: str = "persona"

    def say(self, persona: Persona, stage: Stage, wishes: Sequence[Check], summary: str) -> str:
        """A sentence for each wish."""
        chance = random.Random(f"{persona.role}/{stage}/{self.seed}/{self.round}")
        return " ".join(chance.choice(phrases(wish)) for wish in wishes)


@dataclass(frozen=True)
class SimulatedResearcher:
    """A source of feedback that judges the artifacts of one run by the wishes of its task."""

    task: Task
    folder: RunFolder
    speaker: Speaker
    seed: int
    round: int

    @property
    def name(self) -> str:
        """As recorded with the words."""
        return self.speaker.name

    def ask(self, stage: Stage, summary: str) -> str:
        """What is missing or too much at the end of this stage; empty when nothing is."""
        wishes = self.unmet(stage)
        return clean(self.speaker.say(self.task.extra_context.persona, stage, wishes, summary)) if wishes else ""

    def unmet(self, stage: Stage) -> list[Check]:
        """Wishes that can be judged at this stage and are not met: a few of them, others in other rounds."""
        run = Artifacts(self.folder)
        open_wishes = [
            check for check in self.task.extra_context.checks if stage_of(check) == stage and not holds(check, run)
        ]
        random.Random(f"{self.task.question_id}/{stage}/{self.seed}/{self.round}").shuffle(open_wishes)
        return open_wishes[:MOST_WISHES]


@cache
def wording() -> dict[str, dict[str, Any]]:
    """Phrases by kind of wish, and by value where one has phrases of its own."""
    return tomllib.loads(files(__package__).joinpath("wording.toml").read_text(encoding="utf-8"))


def phrases(check: Check) -> list[str]:
    """Every way to voice a wish."""
    table = wording()[check.kind]
    found = table.get(_key(check.value), table)["says"]
    percent = f"{100 * check.value:g}" if isinstance(check.value, float) else ""
    return [phrase.format(value=_spoken(check.value), percent=percent) for phrase in found]


def _key(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def _spoken(value: object) -> str:
    """A value in words: names without underscores, lists with "and"."""
    if isinstance(value, list):
        parts = [_spoken(item) for item in value]
        return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    if isinstance(value, int) and 0 <= value < len(NUMBERS):
        return NUMBERS[value]
    return str(value).replace("_", " ").replace("|", " or ")
