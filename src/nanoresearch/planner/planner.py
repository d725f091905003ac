"""The planner's interface, and the planner that always says the same."""

from dataclasses import dataclass
from typing import Protocol

from nanoresearch.planner.catalogue import load_catalogue
from nanoresearch.schema.experience import Memory, Skill
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


class FixedPlanner:
    """Chooses the catalogue's default directives for every topic, then the researcher's own for the phase."""

    name = "fixed"

    def plan(self, request: PlannerInput) -> Plan:
        """Defaults first, so that the researcher's own directives win; six at most."""
        own = [directive for directive in request.profile.directives if directive.phase == request.phase]
        defaults = [entry.directive for entry in load_catalogue() if entry.default and entry.directive.phase == request.phase]
        chosen = (*defaults[: max(0, 6 - len(own))], *own[:6])
        return Plan(phase=request.phase, directives=chosen, planner=self.name)
