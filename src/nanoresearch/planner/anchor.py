"""The usual plan as an anchor: what plans in use are made of, beside what the weights have learned.

A small language model's own choice among directives is noise. Plans in use therefore start from the plan that every
researcher gets (planner.FixedPlanner), and the adapter moves them:

    log p(v) = log usual(v) + sharpness (log p_adapter(v) - log p_base(v)) + const

at every choice v of a plan. What the base model prefers by itself cancels; what it learned stays. The usual plan is a
soft one: each of its directives has USUAL_NATS, ending the plan END_NATS, every other directive none. Imports torch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nanoresearch.planner.choices import Options
from nanoresearch.schema.plan import Directive

USUAL_NATS = 10.0
"""So far above the end that a usual directive is left out of few plans, and below what clear feedback adds or takes."""
END_NATS = 7.0
"""So far above nothing that the other directives together enter few plans unless something was learned."""


@dataclass(frozen=True)
class Anchor:
    """The usual plan over the directives of a menu."""

    nats: tuple[float, ...]
    """For each directive of the menu."""
    sharpness: float
    """How much what was learned weighs."""

    def scores(self, options: Options, learned: Tensor | None, bonus: Sequence[float] | None = None) -> Tensor:
        """Logits of some options (A,). learned: log-probabilities above the base's, (A,), in nats; None for nothing.

        bonus: nats that a feedback adds to each directive of the menu; a branch weighs what all behind it weigh then.
        """
        nats = self.nats if bonus is None else [n + self.sharpness * b for n, b in zip(self.nats, bonus, strict=True)]
        usual = [_log_sum_exp([nats[i] for i in leaves]) if leaves else END_NATS for leaves in options.values()]
        if learned is None:
            return torch.tensor(usual)
        return learned.new_tensor(usual) + self.sharpness * learned


def anchor_to(menu: Sequence[str], usual: Sequence[Directive], sharpness: float) -> Anchor:
    """The anchor for a menu, given by its ids."""
    named = {directive.id for directive in usual}
    return Anchor(tuple(USUAL_NATS if name in named else 0.0 for name in menu), sharpness)


def _log_sum_exp(values: list[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
