"""Statistics as named functions of result records, and what they say."""

from typing import Literal

from nanoresearch.schema.record import Record

StatisticKind = Literal[
    "mean", "sd", "ci_low", "ci_high", "median", "min", "max", "n",
    "diff_mean", "diff_ci_low", "diff_ci_high", "effect_size", "p_value", "p_adjusted", "wins",
]  # fmt: skip

FindingKind = Literal["primary", "component", "ablation", "alternative", "interaction", "sweep", "cost", "reference"]
FindingVerdict = Literal["better", "worse", "no_difference", "note"]
Verdict = Literal["supported", "refuted", "inconclusive"]


class Selection(Record):
    """Which records: None means all, averaged within each seed."""

    method: str
    """Method id."""
    metric: str
    """Metric or measure id."""
    dataset: str | None = None
    """Data set id."""
    condition: str | None = None
    """Setting of the sweep."""
    seed: int | None = None
    """Repetition."""


class Term(Record):
    """A weighted selection in a contrast."""

    weight: float
    """Factor."""
    selection: Selection
    """Records."""


class Statistic(Record):
    """A named statistic over per-seed values of a selection, of the paired difference of two, or of a contrast."""

    kind: StatisticKind
    """Which."""
    of: Selection
    """Records."""
    versus: Selection | None = None
    """Records subtracted, paired by seed."""
    terms: tuple[Term, ...] = ()
    """Further records added with weights, paired by seed, for contrasts such as an interaction."""
    ledger: Literal["results", "measurements"] = "results"
    """Which file the records are in."""


class Field(Record):
    """A value that stands in a record of the run."""

    file: str
    """Path under the run folder."""
    pointer: str
    """JSON pointer (RFC 6901)."""
    count: bool = False
    """Whether the number of elements there is meant."""


class Number(Record):
    """A number as the paper prints it, with where it comes from."""

    key: str
    """Name in the manuscript."""
    text: str
    """As printed, LaTeX."""
    value: float | str
    """Unrounded."""
    source: Statistic | Field
    """How to derive it again."""
    form: str
    """Format: a Python format specification, or percent:SPEC, p, text, seconds."""


class Finding(Record):
    """One thing learned."""

    id: str
    """Name."""
    kind: FindingKind
    """What it is about."""
    verdict: FindingVerdict
    """Direction, in the sense of the metric, after correction."""
    method: str | None = None
    """Method concerned."""
    versus: str | None = None
    """Method it is compared with."""
    dataset: str | None = None
    """Data set concerned; None for all."""
    metric: str | None = None
    """Metric concerned."""
    condition: str | None = None
    """Setting concerned."""
    comparison: str | None = None
    """Planned comparison it rests on."""
    text: str = ""
    """Free words, without numbers."""


class Figure(Record):
    """A drawing of recorded values."""

    id: str
    """Name of the file, without ending."""
    kind: Literal["bars", "sweep", "effects", "slices", "cost", "script"]
    """Which drawing; script: by generated code that is kept beside it."""
    caption: str
    """LaTeX."""
    dataset: str | None = None
    """Data set drawn; None for all."""
    metric: str
    """Metric drawn."""
    wide: bool = False
    """Spans both columns."""
    script_sha256: str = ""
    """SHA-256 of the generated code; empty for the program's own drawings."""


class Table(Record):
    """Rows of number keys."""

    id: str
    """Name of the file, without ending."""
    caption: str
    """LaTeX."""
    header: tuple[str, ...]
    """LaTeX cells."""
    rows: tuple[tuple[str, ...], ...]
    """LaTeX cells; numbers only as \\result{key}."""
    align: str = ""
    """Column letters; empty for l followed by r."""
    wide: bool = False
    """Spans both columns."""
    note: str = ""
    """Line below."""


class Analysis(Record):
    """The report on an experiment."""

    verdict: Verdict
    """What the primary comparisons say about the hypothesis."""
    verdict_reason: str
    """In a sentence, without numbers."""
    findings: tuple[Finding, ...]
    """Most important first."""
    figures: tuple[Figure, ...]
    """Drawings."""
    tables: tuple[Table, ...]
    """Tables."""
    numbers: tuple[Number, ...]
    """Every number that tables, figures and text may use."""
    cautions: tuple[str, ...] = ()
    """What limits the conclusions, in words."""
