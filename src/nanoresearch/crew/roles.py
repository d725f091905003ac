"""The roles of a crew: what each is given and must return. Implementations are chosen in the configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nanoresearch.evidence.statistics import Ledger
from nanoresearch.execution.evaluation import JudgeOf, nobody
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.novelty import Comparison
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Analysis
from nanoresearch.schema.blueprint import Blueprint, Critique
from nanoresearch.schema.experience import Conditions, Lessons, Memory, Recall, Skill
from nanoresearch.schema.experiment import Attempt, Failure, Patch, Preparation, Program
from nanoresearch.schema.feedback import Stage
from nanoresearch.schema.idea import Hypothesis, Ideas, NoveltyReport, NoveltyVerdict, Proposal, Survey
from nanoresearch.schema.manuscript import Build, Manuscript, Review
from nanoresearch.schema.paper import Paper
from nanoresearch.schema.plan import Plan
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.setup import PinnedRepository


@dataclass(frozen=True)
class Briefing:
    """What every role of a phase is told."""

    topic: str
    profile: Profile
    plan: Plan
    seed: int = 0
    skills: tuple[Skill, ...] = ()
    """Retrieved for this phase, best first."""
    memories: tuple[Memory, ...] = ()
    """Likewise."""


class Surveyor(Protocol):
    """Finds what is known."""

    def accept(self, topic: str, profile: Profile) -> None:
        """Raise TopicRefused, saying what the crew can do instead, when it cannot serve the topic honestly."""
        ...

    def survey(self, briefing: Briefing, literature: Sequence[LiteratureClient]) -> Survey:
        """Works, reported scores and gaps."""
        ...


class Ideator(Protocol):
    """Finds what could be tried."""

    def propose(self, briefing: Briefing, survey: Survey) -> Ideas:
        """Candidate hypotheses, preferred first; none of those that the survey sets aside."""
        ...


@dataclass(frozen=True)
class NoveltyReading:
    """What came of reading the closest works."""

    verdicts: tuple[NoveltyVerdict, ...]
    """One for each proposal, in their order."""
    works: tuple[Paper, ...]
    """Every work that a verdict names."""


class NoveltyReader(Protocol):
    """Reads what the novelty search found, where a comparison of terms alone is not enough."""

    def read(self, briefing: Briefing, proposals: Sequence[Proposal], found: Sequence[Comparison]) -> NoveltyReading:
        """A verdict for each proposal, none milder than the one by terms."""
        ...


class Designer(Protocol):
    """Turns a hypothesis into an experiment."""

    def design(
        self,
        briefing: Briefing,
        hypothesis: Hypothesis,
        previous: tuple[Blueprint, Critique] | None,
        data_root: Path,
    ) -> Blueprint:
        """A draft, or the previous draft mended as its critique asks. Raises DatasetError when data are missing."""
        ...


class Critic(Protocol):
    """Finds what is wrong with an experiment before it is run."""

    def critique(self, briefing: Briefing, blueprint: Blueprint, number: int, data_root: Path) -> Critique:
        """Objections; none means that the draft passes."""
        ...


class Coder(Protocol):
    """Writes the codebase."""

    def write(self, briefing: Briefing, blueprint: Blueprint) -> Program:
        """The codebase, with the cures that the briefing's skills and memories call for already in it."""
        ...


class Debugger(Protocol):
    """Mends the codebase."""

    def patch(
        self,
        briefing: Briefing,
        blueprint: Blueprint,
        files: dict[str, str],
        failure: Failure,
        attempts: Sequence[Attempt],
    ) -> Patch | None:
        """A change that may cure the failure, or None when it knows none. Attempts are those before, oldest first."""
        ...


class Analyst(Protocol):
    """Says what the results mean."""

    def analyse(self, briefing: Briefing, ledger: Ledger, folder: RunFolder) -> Analysis:
        """Statistics, findings, tables and figures."""
        ...


@dataclass(frozen=True)
class WritingMaterial:
    """Everything that a paper is written from."""

    blueprint: Blueprint
    survey: Survey
    novelty: NoveltyReport
    critiques: tuple[Critique, ...]
    analysis: Analysis
    prepared: tuple[Preparation, ...]
    attempts: tuple[Attempt, ...]
    ledger: Ledger
    folder: RunFolder
    base: PinnedRepository | None = None
    """Code of others that the program is built on."""


class Writer(Protocol):
    """Writes the paper."""

    def write(self, briefing: Briefing, material: WritingMaterial) -> Manuscript:
        """The first version, section by section."""
        ...

    def revise(
        self, briefing: Briefing, material: WritingMaterial, manuscript: Manuscript, review: Review
    ) -> Manuscript:
        """The next version, with the remarks answered."""
        ...

    def mend(self, material: WritingMaterial, manuscript: Manuscript, build: Build) -> Manuscript:
        """The manuscript changed so that LaTeX can set it; the same when the writer knows no cure."""
        ...


class Reviewer(Protocol):
    """Judges the paper from outside: sees no plan, skills or memories."""

    def review(
        self, manuscript: Manuscript, analysis: Analysis, blueprint: Blueprint, build: Build, threshold: float
    ) -> Review:
        """Scores and remarks."""
        ...


@dataclass(frozen=True)
class Trajectory:
    """What a run has done so far, as far as it is recorded. What has not happened yet is None or empty."""

    stage: Stage
    """The stage that has just ended: reflect on this one."""
    run: str
    project: str
    topic: str
    profile: Profile
    recalls: tuple[Recall, ...] = ()
    """What was retrieved in this stage."""
    survey: Survey | None = None
    ideas: Ideas | None = None
    novelty: NoveltyReport | None = None
    critiques: tuple[Critique, ...] = ()
    blueprint: Blueprint | None = None
    prepared: tuple[Preparation, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    ledger: Ledger | None = None
    analysis: Analysis | None = None
    manuscript: Manuscript | None = None
    """As first written."""
    reviews: tuple[Review, ...] = ()


class Reflector(Protocol):
    """Draws lessons from what happened."""

    def situate(
        self, topic: str, profile: Profile, hypothesis: Hypothesis | None, blueprint: Blueprint | None
    ) -> tuple[tuple[str, ...], Conditions]:
        """Tags, and conditions known to hold, for retrieval: the more is decided, the more conditions are known."""
        ...

    def reflect(self, trajectory: Trajectory) -> Lessons:
        """Skills, memories, and what came of the skills that were used in this stage. Skills carry no ids of runs."""
        ...


def _nothing(failure: BaseException | None) -> None:
    """A crew that holds nothing."""


@dataclass(frozen=True)
class Crew:
    """One implementation of every role."""

    name: str
    surveyor: Surveyor
    ideator: Ideator
    designer: Designer
    critic: Critic
    coder: Coder
    debugger: Debugger
    analyst: Analyst
    writer: Writer
    reviewer: Reviewer
    reflector: Reflector
    judge: JudgeOf = nobody
    """Which results of a study are scored from outside, and by what."""
    close: Callable[[BaseException | None], None] = _nothing
    """Gives back what the roles hold, such as connections; is given what ended the sitting, if anything did."""
    novelty: NoveltyReader | None = None
    """Who reads the works closest to a hypothesis; None leaves novelty to the comparison of terms."""
