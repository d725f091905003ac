"""What a planner says: directives, each with its effect as data, gathered into a plan for one phase.

An effect names fields of the phase's guidance record and the values they take. Crews read the guidance, never
the sentence; language-model crews are shown both.
"""

from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from nanoresearch.schema.record import Record

Phase = Literal["ideation", "planning", "coding", "writing"]
Measure = Literal["parameter_count", "fit_seconds", "latency_ms", "peak_memory_mb"]
SectionName = Literal[
    "reproducibility", "broader_impact", "ethics", "data_availability", "error_analysis", "cost", "plain_summary",
    "next_steps", "notation", "settings",
]  # fmt: skip


class IdeationGuidance(Record):
    """How wide to search and which hypotheses to prefer."""

    papers: int = Field(24, ge=6, le=60)
    """Papers to keep in the survey."""
    order: Literal["relevance", "recent", "classic"] = "relevance"
    """Which of the relevant papers come first, and are kept when there are too many."""
    hypotheses: int = Field(4, ge=2, le=8)
    """Candidate hypotheses to propose."""
    strategy: Literal["any", "combine", "pairs", "isolate"] = "any"
    """How many components a hypothesis should join: no matter, as many as can be, two, or one alone."""
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
    correction: Literal["holm", "bonferroni", "fdr_bh"] | None = None
    """Correction for multiple comparisons; None leaves it to the profile."""
    components: int = Field(3, ge=1, le=3)
    """Components in the study."""
    datasets: int = Field(2, ge=1, le=6)
    """Data sets in the study, where as many are at hand."""
    ablation: Literal["none", "leave_one_out", "factorial"] = "leave_one_out"
    """Which combinations of components are run."""
    sweep: bool | None = None
    """Vary a condition (noise, labels, length, ...) always, or never unless the topic asks; None: where it is usual."""
    secondary_metrics: bool = True
    """Report the family's secondary metrics beside the primary one."""
    reference: bool = True
    """Include the trivial reference method."""
    alternatives: int = Field(0, ge=0, le=5)
    """Established alternative methods to compare with, where as many are at hand."""
    avoid_tags: tuple[str, ...] = ()
    """Tags of alternative methods to leave out, such as "neural"."""
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
    smoke_run: bool = False
    """Run a reduced experiment before the full one."""
    log: Literal["quiet", "conditions", "methods"] = "conditions"
    """What gets a line in the log once it is done: nothing, every condition, or every method."""
    log_times: bool = False
    """Print the seconds of every step, and those of the processor at the end."""
    log_versions: bool = False
    """Print the versions of Python and the packages first."""
    save_predictions: bool = False
    """Write the predictions of every method to the attempt's folder."""
    requirements: Literal["pinned", "ranges"] = "pinned"
    """Whether requirements.txt pins versions or gives the least ones."""
    cluster_script: bool = True
    """Write submit.sbatch."""
    unit_tests: bool = False
    """Write a tests.py beside the experiment."""
    summary_script: bool = False
    """Write a summary.py that prints means from the results."""
    run_all: bool = False
    """Write a run_all.sh that runs every seed."""
    makefile: bool = False
    """Write a Makefile."""
    container: bool = False
    """Write a Dockerfile."""
    conda: bool = False
    """Write an environment.yml."""
    licence: Literal["none", "MIT"] = "none"
    """Licence to put the code under, in a file LICENSE."""
    citation_file: bool = False
    """Write a CITATION.cff."""


class WritingGuidance(Record):
    """How the paper is told."""

    detail: Literal["brief", "full"] | None = None
    """Length; None leaves it to the profile."""
    person: Literal["we", "passive"] | None = None
    """Voice; None leaves it to the profile."""
    lead: Literal["question", "answer"] = "question"
    """Whether the abstract opens with the question or with what was found."""
    related_work: Literal["early", "after_method", "late"] = "early"
    """Related work after the introduction, after the method, or before the conclusion."""
    extra_sections: tuple[SectionName, ...] = ()
    """Sections beyond the standard ones, which limitations belong to."""
    figures: Literal["usual", "more", "none"] = "usual"
    """Figures; more adds the scores of every method as bars."""
    per_seed_table: bool = False
    """Add a table with the value of every seed."""
    equations: bool = True
    """State the estimators as equations."""
    bullet_contributions: bool = False
    """List the contributions as bullets in the introduction."""


GUIDANCE: dict[Phase, type[Record]] = {
    "ideation": IdeationGuidance,
    "planning": PlanningGuidance,
    "coding": CodingGuidance,
    "writing": WritingGuidance,
}
"""The record whose fields the effects of a phase's directives name."""


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

    @model_validator(mode="after")
    def _fits_its_phase(self) -> "Directive":
        """Raise ValueError, naming directive and valid fields, when guidance of the phase has no such effect."""
        kind = GUIDANCE[self.phase]
        where = f"directive {self.id}"
        unknown = sorted(set(self.effect) - set(kind.model_fields))
        if unknown:
            valid = ", ".join(sorted(kind.model_fields))
            raise ValueError(f"{where}: {self.phase} has no effect {', '.join(unknown)}; valid here: {valid}")
        try:
            kind.model_validate(self.effect)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
            raise ValueError(f"{where}: {'; '.join(problems)}") from error
        return self


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
