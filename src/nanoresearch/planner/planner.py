"""The planner's interface, and the planner that always says the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nanoresearch.planner.catalogue import load_catalogue
from nanoresearch.schema.experience import Memory, Skill
from nanoresearch.schema.learning import UpdateRecord
from nanoresearch.schema.plan import Phase, Plan
from nanoresearch.schema.profile import Profile


@dataclass(frozen=True)
class PlannerInput:
    """What a planner sees before it plans a phase."""

    phase: Phase
    topic: str
    profile: Profile
    context: str = ""
    skills: tuple[Skill, ...] = ()
    memories: tuple[Memory, ...] = ()
    seed: int = 0


class Planner(Protocol):
    """Writes the plan of a phase."""

    name: str

    def plan(self, request: PlannerInput) -> Plan:
        """The plan for one phase."""
        ...


@runtime_checkable
class Learner(Protocol):
    """A planner whose plans change with feedback."""

    def learn(self, requests: Sequence[tuple[PlannerInput, Plan | None]], feedback: str) -> UpdateRecord:
        """One round on these inputs; says whether it was accepted."""
        ...


class DeferredPlanner:
    """Makes the real planner when it is first asked: a finished run needs none, and a model takes time to load."""

    name = "deferred"

    def __init__(self, make: Callable[[], Planner]) -> None:
        self._make = make
        self._made: Planner | None = None

    def real(self) -> Planner:
        """The planner itself."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def plan(self, request: PlannerInput) -> Plan:
        """The plan for one phase."""
        return self.real().plan(request)


class FixedPlanner:
    """Chooses the catalogue's default directives for every topic, then the researcher's own for the phase."""

    name = "fixed"

    def plan(self, request: PlannerInput) -> Plan:
        """Defaults first, so that the researcher's own directives win; six at most."""
        own = [directive for directive in request.profile.directives if directive.phase == request.phase]
        defaults = [
            entry.directive for entry in load_catalogue() if entry.default and entry.directive.phase == request.phase
        ]
        chosen = (*defaults[: max(0, 6 - len(own))], *own[:6])
        return Plan(phase=request.phase, directives=chosen, planner=self.name)
