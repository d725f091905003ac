"""Plans by the teacher itself: what the feedback would give, to be measured and to show it to the student."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nanoresearch.planner.choices import Menu, Options, branch_bonus
from nanoresearch.planner.policy import Policy, Reading, WrittenPlan
from nanoresearch.planner.sdpo import Teacher, combine


def sample_teacher(
    policy: Policy, menu: Menu, teacher: Teacher, count: int, generator: torch.Generator, temperature: float = 1.0
) -> list[WrittenPlan]:
    """Plans from the distribution that `combine` defines."""

    def mix(scores: Sequence[Tensor], options: Options) -> Tensor:
        return teacher_scores(teacher, scores, options)

    return policy.write(readings_of(teacher), menu, count, generator, mix, temperature)


def readings_of(teacher: Teacher) -> list[Reading]:
    """The readings that a teacher is made of: the plain one, and the one that knows the feedback where it counts."""
    used = [teacher.plain] if teacher.informed is None else [teacher.plain, teacher.informed]
    return [Reading(prefix, teacher.adapter, teacher.weights) for prefix in used]


def teacher_scores(teacher: Teacher, scores: Sequence[Tensor], options: Options) -> Tensor:
    """The teacher's log-probabilities of some options, from those of its readings."""
    plain, informed = scores[0], scores[1] if len(scores) > 1 else None
    bonus = plain.new_tensor(branch_bonus(list(options.values()), teacher.bonus))
    return combine(plain, informed, teacher.prompt_weight, bonus)
