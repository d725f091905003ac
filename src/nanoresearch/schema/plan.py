"""What a planner says: directives, each with its effect as data, gathered into a plan for one phase.

An effect names fields of the phase's guidance record and the values they take. Crews read the guidance, never
the sentence; language-model crews are shown both.
"""

from typing import Any, Literal

from pydantic import Field

from nanoresearch.schema.record import Record

Phase = Literal["ideation", "planning", "coding", "writing"]
Measure = Literal["parameter_count", "fit_seconds", "latency_ms", "peak_memory_mb"]
SectionName = Literal["limitations", "broader_impact", "reproducibility", "error_analysis", "cost"]


class IdeationGuidance(Record):
    """How wide to search and which hypotheses to prefer."""

    papers: int = Field(24, ge=6, le=60)
    """Papers to keep in the survey."""
    recent_first: bool = False
    """Prefer recent papers when relevance is equal."""
    hypotheses: int = Field(4, ge=2, le=8)
    """Candidate hypotheses to propose."""
    strategy: Literal["combine", "isolate", "simplify"] = "combine"
    """Test components together, one alone, or whether fewer suffice."""
    prefer: Literal["gain", "robustness", "efficiency", "calibration", "none"] = "none"
    """Which kind of effect candidate components should promise."""
    avoid_tags: tuple[str, ...] = ()
    """Component tags to leave out, such as "neural"."""
    prefer_tags: tuple[str, ...] = ()
    """Component tags to put first."""


class PlanningGuidance(Record):
    """How the experiment is designed."""

    seeds: int | None = Field(None, ge=2, le=200)
    """Repetitions; None leaves it to the profile."""
    confidence: float | None = Field(None, gt=0.5, lt=1)
    """Interval level; None leaves it to the profile."""
    test: Literal["paired_t", "wilcoxon"] | None = None
    """Paired test; None leaves it to the profile."""
    components: int = Field(3, ge=1, le=3)
    """Components in the study."""
    datasets: int = Field(2, ge=1, le=6)
    """Data sets in the study, where as many are at hand."""
    ablation: Literal["none", "leave_one_out", "factorial"] = "factorial"
    """Which combinations of components are run."""
    sweep: bool = True
    """Vary the family's test condition (noise, labels, length, ...) when the topic or the family has one."""
    secondary_metrics: bool = True
    """Report the family's secondary metrics beside the primary one."""
    reference: bool = True
    """Include the trivial reference method."""
    alternatives: bool = True
    """Include an established alternative method for comparison."""
    measures: tuple[Measure, ...] = ("fit_seconds",)
    """Costs to measure for each method."""
    slices: bool = False
    """Report the primary metric for each class or subgroup where the family can."""


class CodingGuidance(Record):
    """How the codebase is written and run."""

    docstrings: bool | None = None
    """Keep docstrings; None leaves it to the profile."""
    type_hints: bool | None = None
    """Keep annotations; None leaves it to the profile."""
    comments: bool | None = None
    """Keep comments; None leaves it to the profile."""
    unit_tests: bool = False
    """Write a tests.py beside the experiment."""
    smoke_run: bool = True
    """Run a reduced experiment before the full one."""
    log_progress: bool = True
    """Print a line for every finished method."""
    save_predictions: bool = False
    """Write the predictions of every method to the attempt's folder."""
    cluster_script: bool = True
    """Write submit.sbatch."""


class WritingGuidance(Record):
    """How the paper is told."""

    detail: Literal["brief", "full"] | None = None
    """Length; None leaves it to the profile."""
    person: Literal["we", "passive"] | None = None
    """Voice; None leaves it to the profile."""
    lead: Literal["question", "answer"] = "question"
    """Whether the abstract opens with the question or with what was found."""
    method_first: bool = True
    """Method before related work."""
    extra_sections: tuple[SectionName, ...] = ("limitations", "reproducibility")
    """Sections beyond the standard ones."""
    figures: bool = True
    """Include figures."""
    per_seed_table: bool = False
    """Add a table with the value of every seed."""
    equations: bool = True
    """State the estimators as equations."""
    bullet_contributions: bool = False
    """List the contributions as bullets in the introduction."""


class Directive(Record):
    """One short instruction that a researcher would say, with its effect on a phase's guidance."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,47}$")
    """Stable name."""
    phase: Phase
    """Where it applies."""
    text: str = Field(min_length=4, max_length=160)
    """The sentence, imperative."""
    effect: dict[str, Any] = Field(min_length=1)
    """Fields of the phase's guidance and their values; tuples are added to, all else is set."""


class Plan(Record):
    """A planner's decision for one phase."""

    phase: Phase
    """The phase planned."""
    directives: tuple[Directive, ...] = Field(max_length=6)
    """In the order chosen; a later one wins where two disagree."""
    text: str = ""
    """Free text, for crews that read prose."""
    planner: str
    """Which planner wrote it."""
    adapter_version: int | None = None
    """Version of the user's weights; None when the planner has none."""
