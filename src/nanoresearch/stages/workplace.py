"""What every stage works with, and how a step is done once and only once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nanoresearch.config import Config
from nanoresearch.crew.roles import Briefing, Crew
from nanoresearch.events import Events
from nanoresearch.execution.executor import Executor
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.paths import RunFolder
from nanoresearch.planner.planner import Planner, PlannerInput
from nanoresearch.runlog import RunLog
from nanoresearch.schema.plan import Phase, Plan
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.record import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Workplace:
    """The run, its crew and its tools."""

    topic: str
    profile: Profile
    seed: int
    config: Config
    folder: RunFolder
    data_root: Path
    crew: Crew
    planner: Planner
    literature: Sequence[LiteratureClient]
    executor: Executor
    events: Events
    log: RunLog

    def once(self, name: str, kind: type[R], make: Callable[[], R]) -> R:
        """The record of a step: read when the step was finished before, made and saved otherwise."""
        if self.folder.has(name):
            return self.folder.load(name, kind)
        self.log.step(name)
        record = make()
        self.folder.save(name, record)
        return record

    def plan(self, phase: Phase, context: str = "") -> Plan:
        """The plan of a phase, written once."""

        def make() -> Plan:
            request = PlannerInput(phase, self.topic, self.profile, context, seed=self.seed)
            return self.planner.plan(request)

        plan = self.once(f"{phase}/plan.json", Plan, make)
        self.log.planned(phase, plan.adapter_version)
        self.events.emit(
            "decision", f"{phase}: " + " ".join(item.text for item in plan.directives), planner=plan.planner
        )
        return plan

    def briefing(self, plan: Plan) -> Briefing:
        """What the roles of a phase are told."""
        return Briefing(self.topic, self.profile, plan, self.seed)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of a phase, whether it ends well or not."""
        with self.log.timed(name):
            self.events.emit("run", name, phase=name)
            yield
