"""What every stage works with, and how a step is done once and only once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from nanoresearch.config import Config
from nanoresearch.crew.roles import Briefing, Crew
from nanoresearch.events import Events
from nanoresearch.execution.executor import Executor
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.paths import RunFolder
from nanoresearch.planner.planner import DeferredPlanner, Learner, Planner, PlannerInput
from nanoresearch.planner.problems import PlannerError
from nanoresearch.planner.promptonly import PromptOnlyPlanner
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
    requests: dict[Phase, tuple[PlannerInput, Plan]] = field(default_factory=dict)
    """What the planner was asked in this sitting and what it answered, for learning from feedback."""

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
        request = PlannerInput(phase, self.topic, self.profile, context, seed=self.seed)
        plan = self.once(f"{phase}/plan.json", Plan, lambda: self.planner.plan(request))
        self.requests[phase] = request, plan
        self.log.planned(phase, plan.adapter_version)
        self.events.emit(
            "decision", f"{phase}: " + " ".join(item.text for item in plan.directives), planner=plan.planner
        )
        return plan

    def learn(self, phases: Sequence[Phase], feedback: str) -> tuple[int | None, str]:
        """Let the planner learn from what was said about its plans. Returns its version, if any, and what became of it.

        A planner that cannot learn now is told as a degradation: feedback must not cost a run.
        """
        if not self.config.planner.learn:
            return None, "recorded; learning is switched off"
        real = self.planner.real() if isinstance(self.planner, DeferredPlanner) else self.planner
        try:
            if isinstance(real, PromptOnlyPlanner):
                return None, real.remember(feedback)
            if not isinstance(real, Learner):
                return None, "recorded; this planner does not learn"
            record = real.learn([self.requests[phase] for phase in phases if phase in self.requests], feedback)
        except PlannerError as error:
            self.events.emit("degraded", f"nothing was learned: {error}")
            return None, f"recorded; nothing was learned: {error}"
        return (record.version if record.accepted else None), record.reason

    def briefing(self, plan: Plan) -> Briefing:
        """What the roles of a phase are told."""
        return Briefing(self.topic, self.profile, plan, self.seed)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of a phase, whether it ends well or not."""
        with self.log.timed(name):
            self.events.emit("run", name, phase=name)
            yield
