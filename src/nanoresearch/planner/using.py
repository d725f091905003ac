"""Plans as they are used: the model's own, or the usual plan moved by what the adapter has learned. Imports torch."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nanoresearch.planner.branches import Prefix
from nanoresearch.planner.choices import Options
from nanoresearch.planner.lessons import Lesson
from nanoresearch.planner.policy import Policy, Reading, WrittenPlan
from nanoresearch.planner.sdpo import Teacher
from nanoresearch.planner.teacher_plans import readings_of, sample_teacher, teacher_scores

Inclusion = dict[str, float]
LEARNED_SHARE = 0.35
"""Share of sampled plans from which on a directive that the usual plan lacks belongs into the plan in use."""


@dataclass(frozen=True)
class Sampled:
    """Plans, and how the language model that wrote them differs from its base along them."""

    plans: Sequence[WrittenPlan]
    drift: float
    """KL divergence from the base's, summed over a plan's choices: nats a plan."""
    entropy: float
    """Entropy of the model's choices: nats a plan."""
    base_entropy: float
    """The same of the base, along the same plans."""


def usual_plans(lesson: Lesson, count: int) -> list[WrittenPlan]:
    """What the anchor alone amounts to: the usual plan, always."""
    position = {name: i for i, name in enumerate(lesson.names)}
    chosen = tuple(position[directive.id] for directive in lesson.usual)
    return [WrittenPlan(tuple(lesson.menu.write(chosen)), chosen)] * count


def base_plans(policy: Policy, lesson: Lesson, count: int, seed: int, temperature: float = 1.0) -> list[WrittenPlan]:
    """Plans of a user who has said nothing yet."""
    if lesson.anchor is not None:
        return usual_plans(lesson, count)
    return policy.sample(
        lesson.read_by_base(policy), lesson.menu, count, draws(seed), adapter=False, temperature=temperature
    )


def user_plans(policy: Policy, lesson: Lesson, count: int, seed: int, temperature: float = 1.0) -> Sampled:
    """Plans of the user's adapter, beside the base's scores of the same choices."""
    own, base = policy.read(lesson.prompt), lesson.read_by_base(policy)
    sums = torch.zeros(3, dtype=torch.float64)

    def note(own: Tensor, base: Tensor) -> None:
        own, base = own.double().cpu(), base.double().cpu()
        sums.add_(torch.stack([(own.exp() * (own - base)).sum(), -(own.exp() * own).sum(), -(base.exp() * base).sum()]))

    plans = write_as_used(policy, lesson, own, base, count, draws(seed), temperature, note)
    drift, varied, base_varied = (sums / count).tolist()
    return Sampled(plans, max(drift, 0.0), varied, base_varied)


def write_as_used(
    policy: Policy,
    lesson: Lesson,
    own: Prefix,
    base: Prefix,
    count: int,
    generator: torch.Generator,
    temperature: float,
    note: Callable[[Tensor, Tensor], None] = lambda own, base: None,
) -> list[WrittenPlan]:
    """Plans from a prompt as the user's adapter and as the base read it. note: told both's scores of each choice."""

    def mix(scores: Sequence[Tensor], options: Options) -> Tensor:
        note(scores[0], scores[1])
        return scores[0] if lesson.anchor is None else lesson.anchor.scores(options, scores[0] - scores[1])

    return policy.write([Reading(own, True), Reading(base, False)], lesson.menu, count, generator, mix, temperature)


def teacher_plans(
    policy: Policy,
    lesson: Lesson,
    teacher: Teacher | None,
    count: int,
    generator: torch.Generator,
    temperature: float = 1.0,
) -> list[WrittenPlan]:
    """Plans of a teacher. None: the base's with the lesson's bonus, for which an anchored plan needs no model."""
    anchor = lesson.anchor
    if anchor is not None and teacher is None:

        def told(_: Sequence[Tensor], options: Options) -> Tensor:
            return anchor.scores(options, None, lesson.bonus)

        return policy.write([], lesson.menu, count, generator, told, temperature)
    base = lesson.read_by_base(policy)
    aim = teacher or Teacher(base, None, 0.0, lesson.bonus, adapter=False)
    if anchor is None:
        return sample_teacher(policy, lesson.menu, aim, count, generator, temperature)

    silent = replace(aim, bonus=(0.0,) * len(aim.bonus))  # the bonus moves the usual plan, directive by directive

    def mix(scores: Sequence[Tensor], options: Options) -> Tensor:
        return anchor.scores(options, teacher_scores(silent, scores[1:], options) - scores[0], aim.bonus)

    return policy.write([Reading(base, False), *readings_of(aim)], lesson.menu, count, generator, mix, temperature)


def typical(plans: Sequence[WrittenPlan], usual: Collection[int] | None = None) -> WrittenPlan:
    """The plan from which the others differ least, counted in directives: what most of them do, it does.

    usual: positions of the usual plan where plans are anchored to it. What it lacks was learned, so that a wish is
    missed more dearly than one too many is kept: it counts from a smaller share of the plans on (LEARNED_SHARE).
    """
    often = Counter(i for plan in plans for i in plan.chosen)

    def worth(i: int) -> float:
        return often[i] / len(plans) - (0.5 if usual is None or i in usual else LEARNED_SHARE)

    return max(plans, key=lambda plan: sum(map(worth, plan.chosen)))


def shares(plans: Sequence[WrittenPlan], names: Sequence[str]) -> Inclusion:
    """Share of plans with each directive."""
    return {name: sum(i in plan.chosen for plan in plans) / len(plans) for i, name in enumerate(names)}


def average(all_sampled: Sequence[Sampled]) -> Sampled:
    """Several equally large samples as one."""
    count = len(all_sampled)
    return replace(
        all_sampled[0],
        plans=[plan for sampled in all_sampled for plan in sampled.plans],
        drift=sum(sampled.drift for sampled in all_sampled) / count,
        entropy=sum(sampled.entropy for sampled in all_sampled) / count,
        base_entropy=sum(sampled.base_entropy for sampled in all_sampled) / count,
    )


def draws(seed: int) -> torch.Generator:
    """A source of chance that starts at a seed."""
    return torch.Generator().manual_seed(seed)
