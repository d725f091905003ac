"""The optimiser of a round: steps of distillation on lessons, with a teacher that stands still or follows.

Imports torch.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nanoresearch.planner.branches import Prefix
from nanoresearch.planner.lessons import Lesson
from nanoresearch.planner.policy import Policy, WrittenPlan
from nanoresearch.planner.sdpo import Teacher, compare, distillation_loss
from nanoresearch.planner.using import teacher_plans, write_as_used
from nanoresearch.schema.learning import LearningSettings

LAST_RATE = 0.2
"""Share of the learning rate that is left at the last step: the round settles and spares what was learned before."""
MakeTeacher = Callable[[Lesson], Teacher]


class Trainer:
    """Steps on a round's lessons; steps can be added after the first were measured."""

    def __init__(
        self,
        policy: Policy,
        settings: LearningSettings,
        lessons: Sequence[Lesson],
        make_teacher: MakeTeacher,
        *,
        seed: int,
        moving: dict[str, Tensor] | None,
        say: Callable[[str], None],
    ) -> None:
        """moving: weights of a teacher that follows the student, which make_teacher uses; None where none follows."""
        self.losses: list[float] = []
        self._policy, self._settings, self._lessons = policy, settings, lessons
        self._make_teacher, self._moving, self._say = make_teacher, moving, say
        self._optimiser = torch.optim.AdamW(policy.parameters().values(), lr=settings.learning_rate, weight_decay=0.0)
        self._generator = torch.Generator().manual_seed(seed)
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}

    def run(self, order: Sequence[int], rate: float = 1.0) -> None:
        """One step on each of these lessons in turn; ends early when all losses have fallen far enough."""
        parameters = self._policy.parameters()
        for parameter in parameters.values():
            parameter.requires_grad_(True)
        for step, index in enumerate(order):
            share = rate * (1 - (1 - LAST_RATE) * step / len(order))
            for group in self._optimiser.param_groups:
                group["lr"] = self._settings.learning_rate * share
            loss = self._step(self._lessons[index])
            self.losses.append(loss)
            self._first.setdefault(index, loss)
            self._last[index] = loss
            self._say(f"step {step + 1} of {len(order)}: {loss:.3f} nats from the teacher")
            if self._settled(set(order)):
                break
        for parameter in parameters.values():
            parameter.requires_grad_(False)

    def _step(self, lesson: Lesson) -> float:
        policy, settings = self._policy, self._settings
        if self._moving is not None and self.losses:
            keep = settings.ema_decay if settings.teacher == "ema" else 0.0
            for name, value in policy.weights().items():
                self._moving[name].mul_(keep).add_(value, alpha=1 - keep)
            lesson.teacher = None
        teacher = lesson.teacher = lesson.teacher or self._make_teacher(lesson)
        prefix = policy.read(lesson.prompt, grad=True)
        plans = self._plans(lesson, teacher, prefix.detach())
        comparison = compare(
            policy, lesson.menu, prefix, plans, teacher, settings.vocabulary, grad=True, anchor=lesson.anchor
        )
        loss = distillation_loss(comparison, len(plans), settings.divergence, settings.top_k)
        self._optimiser.zero_grad(set_to_none=True)
        if loss.requires_grad:  # a menu without any choice has nothing to learn
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(policy.parameters().values(), settings.clip_norm)
            self._optimiser.step()
        return float(loss.detach())

    def _plans(self, lesson: Lesson, teacher: Teacher, prefix: Prefix) -> list[WrittenPlan]:
        """The student's own plans, and some of the teacher's, which show what the student does not do yet."""
        policy, settings, draw = self._policy, self._settings, self._generator
        shown = min(settings.teacher_samples, settings.samples - 1)
        count, warm = settings.samples - shown, settings.temperature
        if lesson.anchor is None:
            plans = policy.sample(prefix, lesson.menu, count, draw, temperature=warm)
        else:
            plans = write_as_used(policy, lesson, prefix, teacher.base_reading, count, draw, warm)
        if not shown:
            return plans
        evidence_alone = not teacher.adapter and teacher.informed is None
        return plans + teacher_plans(policy, lesson, None if evidence_alone else teacher, shown, draw, warm)

    def _settled(self, indices: set[int]) -> bool:
        return all(i in self._last and self._last[i] <= self._settings.stop_at * self._first[i] for i in indices)
