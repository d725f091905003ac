"""What a round of learning trains and measures on: planner inputs, made ready for the model. Imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass

from nanoresearch.planner.anchor import Anchor, anchor_to
from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.branches import Prefix
from nanoresearch.planner.choices import Menu
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.policy import Policy
from nanoresearch.planner.prompt import clean, compose, menu_of
from nanoresearch.planner.replay import rivals
from nanoresearch.planner.sdpo import Teacher
from nanoresearch.planner.usual import usual_plan
from nanoresearch.schema.learning import LearningSettings, PlannedRequest
from nanoresearch.schema.plan import Directive, Phase, Plan


@dataclass
class Lesson:
    """One planner input, ready for the model."""

    phase: Phase
    topic: str
    message: str
    directives: tuple[Directive, ...]
    """The menu, in order."""
    usual: tuple[Directive, ...]
    """The plan of a planner without preferences."""
    menu: Menu
    prompt: list[int]
    rivals: Mapping[str, frozenset[str]]
    anchor: Anchor | None
    """None where plans are the model's alone."""
    bonus: tuple[float, ...] = ()
    teacher: Teacher | None = None
    base: Prefix | None = None
    """The prompt as the base reads it, once it was read."""

    @property
    def names(self) -> list[str]:
        """Ids of the menu, in order."""
        return [directive.id for directive in self.directives]

    @property
    def sentences(self) -> dict[str, str]:
        """Id -> sentence, in order of the menu."""
        return {directive.id: directive.text for directive in self.directives}

    def read_by_base(self, policy: Policy) -> Prefix:
        """The prompt as the base reads it, which never changes."""
        if self.base is None:
            self.base = policy.read(self.prompt, adapter=False)
        return self.base


def prepare(base: BaseModel, request: PlannerInput, settings: LearningSettings) -> Lesson:
    """A planner input as the model sees it."""
    directives = menu_of(request)
    against = rivals(directives)
    position = {directive.id: i for i, directive in enumerate(directives)}
    barred = tuple(frozenset(position[name] for name in against[directive.id]) for directive in directives)
    message = compose(request, directives, base.count, settings.prompt_tokens)
    usual = usual_plan(request)
    return Lesson(
        phase=request.phase,
        topic=clean(request.topic)[:400],
        message=message,
        directives=directives,
        usual=usual,
        menu=base.menu([directive.text for directive in directives], barred),
        prompt=base.chat(message),
        rivals=against,
        anchor=anchor_to([*position], usual, settings.sharpness) if settings.anchored and usual else None,
    )


def describe(lesson: Lesson, plan: Plan | None) -> PlannedRequest:
    """What is kept of a planner input in the record of an update."""
    return PlannedRequest(
        phase=lesson.phase,
        topic=lesson.topic,
        prompt=lesson.message,
        directives=lesson.sentences,
        plans=(tuple(directive.id for directive in plan.directives),) if plan else (),
    )
