"""The experiment as it will be run: typed, critiqued, then frozen by its hash."""

from typing import Literal

from pydantic import Field

from nanoresearch.schema.dataset import StagedDataset
from nanoresearch.schema.profile import Correction, Domain, PairedTest
from nanoresearch.schema.record import Record

OWN = "own"
"""Study of a blueprint whose data and measures are written for it; any other is the id of a kit."""


class ComponentSpec(Record):
    """Something that can be added to the baseline."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name in code and results."""
    name: str
    """Name in prose."""
    description: str
    """What it does, one sentence."""
    tags: tuple[str, ...] = ()
    """Model families and techniques, for taboos and preferences."""
    citations: tuple[str, ...] = ()
    """Works it comes from."""


class MethodSpec(Record):
    """One row of the study."""

    id: str
    """Name in code and results."""
    name: str
    """Name in prose."""
    role: Literal["reference", "alternative", "baseline", "variant", "proposed"]
    """Trivial reference, established alternative, baseline, a variant between, or the proposal."""
    components: tuple[str, ...] = ()
    """Components switched on."""
    description: str = ""
    """What it is, one sentence."""
    tags: tuple[str, ...] = ()
    """Model families, for taboos."""


class MetricSpec(Record):
    """How a prediction is judged."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name in results."""
    name: str
    """Name in prose."""
    direction: Literal["higher", "lower"]
    """Which way is better."""
    percent: bool = False
    """Whether to print it as a percentage."""
    description: str = ""
    """How it is computed, one sentence."""


class Sweep(Record):
    """A test or training condition that is varied for all methods alike."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name in code."""
    name: str
    """Axis label."""
    values: tuple[int | float | str, ...] = Field(min_length=2)
    """Settings, in order; the first is the standard condition."""
    unit: str = ""
    """Unit of the values."""
    description: str = ""
    """What is varied, one sentence."""


class Protocol(Record):
    """How data are divided and what a seed changes."""

    id: str
    """Name in code."""
    description: str
    """In one or two sentences."""
    test_fraction: float = Field(gt=0, lt=1)
    """Share of the rows that is tested."""
    resampled: bool
    """True when seeds draw overlapping splits of one sample: the variance is then corrected (Nadeau and Bengio)."""
    grouped_by: str | None = None
    """What must not be on both sides, in words."""


class Comparison(Record):
    """A paired comparison fixed before the first result."""

    id: str
    """Name."""
    method: str
    """Method expected to be better."""
    versus: str
    """Method it is compared with."""
    dataset: str | None
    """Data set, or None for the mean over all."""
    metric: str
    """Metric."""
    primary: bool = False
    """Whether it decides about the hypothesis."""


class Budget(Record):
    """What the experiment may cost."""

    minutes: float = Field(gt=0)
    """Wall-clock minutes for the whole experiment."""
    minutes_per_run: float = Field(gt=0)
    """Wall-clock minutes for one seed."""
    memory_gb: float = Field(gt=0)
    """Memory of one process."""
    parallel: int = Field(ge=1)
    """Processes at once."""


class Blueprint(Record):
    """The pre-registered experiment."""

    topic: str
    """The researcher's topic, verbatim."""
    title: str
    """Working title."""
    domain: Domain
    """Field."""
    study: str
    """Experiment family."""
    hypothesis: str
    """The claim under test."""
    prediction: str
    """What must be seen if it holds."""
    datasets: tuple[StagedDataset, ...]
    """Data, with versions and digests."""
    support: tuple[StagedDataset, ...] = ()
    """Further data that those cannot be loaded without."""
    components: tuple[ComponentSpec, ...]
    """Components under study."""
    methods: tuple[MethodSpec, ...]
    """Everything that is run."""
    metrics: tuple[MetricSpec, ...]
    """Primary first."""
    sweep: Sweep | None
    """Varied condition."""
    protocol: Protocol
    """Division of the data."""
    seeds: tuple[int, ...]
    """Repetitions."""
    confidence: float
    """Interval level."""
    test: PairedTest
    """Paired test."""
    correction: Correction
    """Correction over the family of comparisons."""
    comparisons: tuple[Comparison, ...]
    """Planned comparisons."""
    measures: tuple[str, ...]
    """Costs to record."""
    slices: bool = False
    """Whether the primary metric is also reported for each class."""
    budget: Budget
    """Limits."""
    forecast_minutes: float
    """Expected wall-clock minutes for the whole experiment."""
    unanswered: tuple[str, ...] = ()
    """Parts of the topic that this experiment does not answer, in words."""
    informed_by: tuple[str, ...] = ()
    """Skills and memories that shaped it."""


class Critique(Record):
    """One verdict on a draft."""

    round: int
    """Counted from 1."""
    passed: bool
    """Whether the draft may go on."""
    objections: tuple["Objection", ...]
    """What must change."""


class Objection(Record):
    """A defect of a blueprint."""

    kind: Literal[
        "unfair_comparison",
        "missing_baseline",
        "missing_control",
        "missing_data",
        "over_budget",
        "underpowered",
        "taboo",
        "malformed",
    ]
    """What is wrong."""
    text: str
    """In a sentence, with what to do."""
