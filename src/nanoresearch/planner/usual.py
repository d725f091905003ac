"""The plan of somebody who has said nothing yet, and a planner that needs its model only from the first feedback on.

Imports no torch.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.planner.problems import FAULTS
from nanoresearch.planner.prompt import menu_of
from nanoresearch.planner.replay import rivals
from nanoresearch.schema.learning import UpdateRecord
from nanoresearch.schema.plan import Directive, Plan


def usual_plan(request: PlannerInput) -> tuple[Directive, ...]:
    """The fixed plan as far as it is on the menu; of rivals the last, as a plan's later directives win."""
    menu = menu_of(request)
    against, on_menu = rivals(menu), {directive.id for directive in menu}
    plan = [directive for directive in FixedPlanner().plan(request).directives if directive.id in on_menu]
    return tuple(
        directive
        for i, directive in enumerate(plan)
        if not any(later.id in against[directive.id] for later in plan[i + 1 :])
    )


class LearningPlanner(Protocol):
    """A planner with weights."""

    name: str

    def plan(self, request: PlannerInput) -> Plan:
        """The plan for one phase."""
        ...

    def learn(self, requests: Sequence[tuple[PlannerInput, Plan | None]], feedback: str) -> UpdateRecord:
        """One round of learning."""
        ...


class PatientPlanner:
    """Plans as usual until something was learned; the model is loaded when feedback or a version asks for it."""

    name = "trainable"

    def __init__(
        self,
        make: Callable[[], LearningPlanner],
        version: Callable[[], int],
        cannot: Callable[[Exception], None] | None = None,
    ) -> None:
        """version: the one in use, 0 for none. cannot: told when the model cannot plan; None lets the error rise."""
        self._make, self._version, self._cannot = make, version, cannot
        self._made: LearningPlanner | None = None

    def plan(self, request: PlannerInput) -> Plan:
        """The usual plan, or the plan of the version in use."""
        try:
            if self._version():
                return self._real().plan(request)
        except FAULTS as error:
            if self._cannot is None:
                raise
            self._cannot(error)
        return Plan(phase=request.phase, directives=usual_plan(request), planner=self.name)

    def learn(self, requests: Sequence[tuple[PlannerInput, Plan | None]], feedback: str) -> UpdateRecord:
        """One round of learning. Raises PlannerError where the model cannot be had."""
        return self._real().learn(requests, feedback)

    def _real(self) -> LearningPlanner:
        if self._made is None:
            self._made = self._make()
        return self._made
