"""Constrained decoding for plans: which tokens may come next, and which directives each of them leads to.

A plan is written as lines, one directive a line, and ends with the model's end token. The lines that may follow
depend on those already there (no directive twice, three to six in all), which a grammar library can state only by
listing permutations; a filter over the catalogue's token sequences states it exactly in a page, tells which tokens
are forced, and knows the directives behind every branch, which the teacher needs. Knows nothing of models.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nanoresearch.errors import ConfigError

Options = dict[int, tuple[int, ...]]
"""Allowed token -> positions in the catalogue of the directives it can still become; the end token leads to none."""


@dataclass(frozen=True)
class Progress:
    """A plan while it is written."""

    chosen: tuple[int, ...] = ()
    """Positions in the catalogue of the directives written so far."""
    typed: tuple[int, ...] = ()
    """Tokens of the line being written."""
    done: bool = False
    """Whether the end token was written."""


@dataclass(frozen=True)
class Branch:
    """A place in a plan where more than one token was allowed."""

    position: int
    """Index of the chosen token in the plan."""
    tokens: tuple[int, ...]
    """Allowed tokens, in order of the catalogue."""
    leads_to: tuple[tuple[int, ...], ...]
    """For each of them, the directives it can still become."""
    taken: int
    """Index into tokens of the one that was chosen."""


@dataclass(frozen=True)
class Menu:
    """The lines that a plan can be made of."""

    lines: tuple[tuple[int, ...], ...]
    """Token ids of each directive's line, line break included."""
    end: int
    """The token that ends a plan."""
    least: int = 3
    """Fewest directives in a plan, where the catalogue has as many."""
    most: int = 6
    """Most directives in a plan."""
    rivals: tuple[frozenset[int], ...] = ()
    """For each directive, those that no plan can hold beside it; empty where there are none at all."""

    def __post_init__(self) -> None:
        """Raise ConfigError unless every line can be told from the others."""
        if not self.lines:
            raise ConfigError("The catalogue holds no directive for this phase; a planner needs at least one.")
        for i, line in enumerate(self.lines):
            for other in self.lines[:i] + self.lines[i + 1 :]:
                if other[: len(line)] == line:
                    raise ConfigError("Two directives of one phase read alike to the model; reword one of them.")

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest possible plan."""
        return sum(sorted(map(len, self.lines))[-self.most :]) + 1

    def options(self, at: Progress) -> Options:
        """What may come next; empty when the plan is done."""
        if at.done:
            return {}
        depth = len(at.typed)
        found: dict[int, list[int]] = {}
        if len(at.chosen) < self.most:
            barred = set(at.chosen).union(*(self.rivals[index] for index in at.chosen if self.rivals))
            for index, line in enumerate(self.lines):
                if index not in barred and line[:depth] == at.typed:
                    found.setdefault(line[depth], []).append(index)
        options: Options = {token: tuple(leaves) for token, leaves in found.items()}
        if not at.typed and (len(at.chosen) >= self.least or not options):
            options[self.end] = ()
        return options

    def advance(self, at: Progress, token: int) -> Progress:
        """The plan after one more token, which must be among the options."""
        if token == self.end and not at.typed:
            return Progress(at.chosen, (), True)
        typed = (*at.typed, token)
        for index, line in enumerate(self.lines):
            if line == typed and index not in at.chosen:
                return Progress((*at.chosen, index))
        return Progress(at.chosen, typed)

    def force(self, at: Progress) -> tuple[list[int], Progress, Options]:
        """Follow the plan while only one token is allowed: those tokens, where they lead, and the options there."""
        tokens: list[int] = []
        options = self.options(at)
        while len(options) == 1:
            (token,) = options
            tokens.append(token)
            at = self.advance(at, token)
            options = self.options(at)
        return tokens, at, options

    def write(self, chosen: Sequence[int]) -> list[int]:
        """The tokens of the plan with these directives in this order."""
        return [token for index in chosen for token in self.lines[index]] + [self.end]

    def branches(self, tokens: Sequence[int]) -> list[Branch]:
        """The places in a written plan where there was a choice. Raises ValueError if the plan is not on the menu."""
        at, found = Progress(), []
        for position, token in enumerate(tokens):
            options = self.options(at)
            if token not in options:
                raise ValueError(f"Token {token} at {position} is not on the menu.")
            if len(options) > 1:
                allowed = tuple(options)
                found.append(Branch(position, allowed, tuple(options.values()), allowed.index(token)))
            at = self.advance(at, token)
        if not at.done:
            raise ValueError("The plan has no end.")
        return found


def branch_bonus(leads_to: Sequence[Sequence[int]], bonus: Sequence[float]) -> list[float]:
    """What directives' bonuses add to the log-probability of each branch: the log of the mean odds behind it.

    leads_to: the directives behind each branch; bonus: nats per directive. Ending the plan has bonus zero.
    """
    return [_log_mean_exp([bonus[i] for i in leaves]) if leaves else 0.0 for leaves in leads_to]


def _log_mean_exp(values: list[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values) / len(values))
