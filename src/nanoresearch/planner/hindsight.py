"""The self-teacher of a lesson: the same model, knowing what the researcher said. Imports torch."""

from torch import Tensor

from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.lessons import Lesson
from nanoresearch.planner.policy import Policy
from nanoresearch.planner.sdpo import Teacher
from nanoresearch.schema.learning import LearningSettings

HINDSIGHT = (
    "{}\n\nThe researcher later said: {}\nChoose directives that satisfy the researcher."  # at the end of the message
)


def make_teacher(
    base: BaseModel,
    policy: Policy,
    lesson: Lesson,
    text: str,
    weights: dict[str, Tensor] | None,
    settings: LearningSettings,
) -> Teacher:
    """The teacher of a lesson. text: the feedback. weights: of the adapter that it carries; None for the base."""
    informed = reading = None
    told = base.chat(HINDSIGHT.format(lesson.message, text)) if settings.prompt_weight else None
    if weights is not None:
        reading = lesson.read_by_base(policy) if lesson.anchor else None
        with policy.holding(weights):
            plain = policy.read(lesson.prompt)
            if told is not None:
                informed = policy.read(told)
    else:
        plain = lesson.read_by_base(policy)
        if told is not None:
            informed = policy.read(told, adapter=False)
    return Teacher(plain, informed, settings.prompt_weight, lesson.bonus, weights is not None, weights, reading)
