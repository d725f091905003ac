"""What every stage works with, and how a step is done once and only once."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_args

from nanoresearch.config import Config
from nanoresearch.crew.roles import Briefing, Crew
from nanoresearch.errors import StoreError
from nanoresearch.events import Events
from nanoresearch.execution.environment import EnvironmentOf, this_python
from nanoresearch.execution.executor import Executor
from nanoresearch.experience.retrieve import retrieve_memories, retrieve_skills
from nanoresearch.experience.store import ExperienceStore
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.paths import RunFolder
from nanoresearch.planner.planner import DeferredPlanner, Learner, Planner, PlannerInput
from nanoresearch.planner.problems import FAULTS
from nanoresearch.planner.promptonly import PromptOnlyPlanner
from nanoresearch.runlog import RunLog
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Lessons, MemoryKind, Recall, Situation, SkillKind
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.plan import Phase, Plan
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.record import Record

R = TypeVar("R", bound=Record)
MANY_CLAIMS = 200
"""Claims tested before that ideation is told of, at most."""


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
    judge_executor: Executor | None = None
    """Divides data and scores predictions on this machine where experiments run elsewhere; None where they run here."""
    environments: EnvironmentOf = this_python
    """The Python for what a codebase asks for."""
    store: ExperienceStore | None = None
    """Skills and memories; None when both are switched off or cannot be used."""
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

    @property
    def project(self) -> str:
        """Digest of what this run is about: runs on one topic are one project."""
        return hashlib.sha256(" ".join(self.topic.casefold().split()).encode()).hexdigest()[:16]

    def begin(
        self, phase: Phase, context: str = "", hypothesis: Hypothesis | None = None, blueprint: Blueprint | None = None
    ) -> Briefing:
        """What the roles of a phase are told: what earlier runs taught, and the plan made with it. Made once."""
        text = f"{self.topic}\n{context}"
        recall = self.recall(f"{phase}/recalled.json", phase, text, hypothesis, blueprint)
        self.log.recalled(phase, len(recall.skills), len(recall.memories))
        skills = tuple(item.skill for item in recall.skills)
        memories = tuple(item.memory for item in recall.memories)
        request = PlannerInput(phase, self.topic, self.profile, context, skills, memories, self.seed)
        plan = self.once(f"{phase}/plan.json", Plan, lambda: self.planner.plan(request))
        self.requests[phase] = request, plan
        self.log.planned(phase, plan.adapter_version)
        self.events.emit(
            "decision", f"{phase}: " + " ".join(item.text for item in plan.directives), planner=plan.planner
        )
        return Briefing(self.topic, self.profile, plan, self.seed, skills, memories)

    def recall(
        self,
        name: str,
        kind: SkillKind,
        text: str,
        hypothesis: Hypothesis | None = None,
        blueprint: Blueprint | None = None,
    ) -> Recall:
        """What earlier runs taught about this moment, retrieved once and kept in the run under that name."""
        tags, conditions = self.crew.reflector.situate(self.topic, self.profile, hypothesis, blueprint)
        situation = Situation(
            kind=kind, profile=self.profile.name, project=self.project, text=text, tags=tags, conditions=conditions
        )
        return self.once(name, Recall, lambda: self._retrieve(situation))

    def _retrieve(self, situation: Situation) -> Recall:
        if self.store is None:
            return Recall(situation=situation)
        wanted, half_life = self.config.experience, self.config.experience.half_life_days
        try:
            skills = retrieve_skills(
                self.store,
                situation,
                limit=wanted.top_skills if wanted.skills else 0,
                weights=wanted.skill_weights,
                half_life_days=half_life,
            )
            memories = retrieve_memories(
                self.store,
                situation,
                limit=self._room(situation.kind) if wanted.memory else 0,
                weights=wanted.memory_weights,
                half_life_days=half_life,
            )
        except StoreError as error:  # what was learned before helps a run, but must not cost one
            self.events.emit("degraded", f"skills and memories could not be read: {error}")
            return Recall(situation=situation)
        earlier = tuple(item for item in memories if item.memory.run != self.folder.id)
        return Recall(situation=situation, skills=skills, memories=earlier)

    def _room(self, kind: SkillKind) -> dict[MemoryKind, int]:
        """How many memories of each kind. Ideation must know every claim that was tested, not only the nearest."""
        room = dict.fromkeys(get_args(MemoryKind), self.config.experience.top_memories)
        return {**room, "hypothesis": MANY_CLAIMS} if kind == "ideation" and room["hypothesis"] else room

    def absorb(self, stage: str, lessons: Lessons) -> None:
        """Put a stage's lessons into the store, once for each run and stage."""
        if self.store is None:
            return
        wanted = self.config.experience
        lessons = Lessons(
            skills=lessons.skills if wanted.skills else (),
            credits=lessons.credits if wanted.skills else (),
            memories=lessons.memories if wanted.memory else (),
        )
        try:
            done = self.store.absorb(lessons, run=self.folder.id, stage=stage, project=self.project)
        except StoreError as error:
            self.events.emit("degraded", f"nothing of {stage} was kept for later runs: {error}")
            return
        self.folder.save(f"experience/{stage}-absorbed.json", done)
        news = {name: len(ids) for name, ids in done.model_dump().items() if ids}
        if news:
            self.events.emit(
                "decision", "experience: " + ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in news.items())
            )

    def learn(self, phases: Sequence[Phase], feedback: str) -> tuple[int | None, str]:
        """Let the planner learn from what was said about its plans. Returns its version, if any, and what became of it.

        A planner that cannot learn now is told as a degradation: feedback must not cost a run.
        """
        if not self.config.planner.learn:
            return None, "recorded; learning is switched off"
        try:
            real = self.planner.real() if isinstance(self.planner, DeferredPlanner) else self.planner
            if isinstance(real, PromptOnlyPlanner):
                return None, real.remember(feedback)
            if not isinstance(real, Learner):
                return None, "recorded; this planner does not learn"
            record = real.learn([self.requests[phase] for phase in phases if phase in self.requests], feedback)
        except FAULTS as error:
            self.events.emit("degraded", f"nothing was learned: {error}")
            return None, f"recorded; nothing was learned: {error}"
        return (record.version if record.accepted else None), record.reason

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of a phase, whether it ends well or not."""
        with self.log.timed(name):
            self.events.emit("run", name, phase=name)
            yield
