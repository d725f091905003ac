"""Who the system works for: the researcher's profile, kept as hand-editable TOML."""

from typing import Literal

from pydantic import Field

from nanoresearch.schema.plan import Directive
from nanoresearch.schema.record import Record

Domain = Literal["nlp", "cv", "multimodal", "tabular", "time_series", "graph", "audio", "other"]
Contribution = Literal["understanding", "performance", "efficiency", "robustness", "reproducibility"]
Correction = Literal["holm", "bonferroni", "fdr_bh"]
PairedTest = Literal["paired_t", "wilcoxon"]
PaperFormat = Literal["article", "twocolumn", "ieee", "acmart", "llncs", "elsarticle"]


class Compute(Record):
    """What one run may use."""

    cores: int = Field(2, ge=1, le=4096)
    """Processor cores that experiments may use at once."""
    memory_gb: float = Field(4.0, gt=0)
    """Memory that one experiment process may use, in GB."""
    gpus: int = Field(0, ge=0)
    """GPUs that experiments may use."""
    minutes: float = Field(10.0, gt=0)
    """Wall-clock minutes for all experiments of one run."""


class StatisticsHabits(Record):
    """How this researcher judges a difference."""

    seeds: int = Field(5, ge=2, le=200)
    """Repetitions of every experiment."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Level of every interval."""
    test: PairedTest = "paired_t"
    """Paired test between methods."""
    correction: Correction = "holm"
    """Correction for multiple comparisons."""


class WritingStyle(Record):
    """How papers should read and look."""

    format: PaperFormat = "article"
    """Page layout: one column, two columns, or the class of IEEE conferences, ACM conferences, LNCS or Elsevier."""
    template: str = Field("", max_length=400)
    """Path of a class (.cls) or style (.sty) file of one's own, used instead of the format; empty for none."""
    author: str = Field("", max_length=200)
    """Name printed under the title; empty prints none."""
    affiliation: str = Field("", max_length=300)
    """Affiliation printed under the name."""
    person: Literal["we", "passive"] = "we"
    """Whether the text says "we compare" or "the methods are compared"."""
    detail: Literal["brief", "full"] = "full"
    """Brief leaves out secondary tables and the per-dataset discussion."""


class CodingStyle(Record):
    """How generated code should look."""

    docstrings: bool = True
    """Keep docstrings in generated code."""
    type_hints: bool = True
    """Keep type annotations in generated code."""
    comments: bool = True
    """Keep explanatory comments in generated code."""


class Profile(Record):
    """A researcher's standing wishes, part of every decision of a run."""

    name: str = Field("default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """File name of the profile, without ending."""
    domain: Domain | None = None
    """Home field; decides between domains when a topic fits several."""
    contribution: Contribution = "understanding"
    """What counts as a contribution for this researcher."""
    preferences: tuple[str, ...] = ()
    """Method preferences in words, such as "linear models"."""
    taboos: tuple[str, ...] = ()
    """What must not be used, in words, such as "deep learning"."""
    compute: Compute = Compute()
    """Resource limits."""
    statistics: StatisticsHabits = StatisticsHabits()
    """Statistical habits."""
    writing: WritingStyle = WritingStyle()
    """Writing style and venue format."""
    coding: CodingStyle = CodingStyle()
    """Coding style."""
    directives: tuple[Directive, ...] = ()
    """The researcher's own additions to the planner's catalogue."""
