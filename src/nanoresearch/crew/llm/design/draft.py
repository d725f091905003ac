"""A design as a language model writes it: less than a blueprint, which the designer completes and checks.

Lengths are bounded here; what ids and names must be like is said by rules.py in words that a model can act on.
"""

from typing import Annotated, Literal

from pydantic import Field

from nanoresearch.schema.plan import Measure
from nanoresearch.schema.profile import Domain
from nanoresearch.schema.record import Record

Sentence = Annotated[str, Field(max_length=700)]
Label = Annotated[str, Field(max_length=80)]
Names = Annotated[tuple[Label, ...], Field(max_length=12)]
SeedEffect = Literal["split", "made_data", "randomness"]


class MethodDraft(Record):
    """A method that is a program of its own."""

    id: Label
    """Lower case letters, digits and underscores, such as random_forest."""
    name: Label
    """Name in prose."""
    description: Sentence
    """What it does and with which settings, one or two sentences: enough to program it."""
    tags: Names = ()
    """Model families and techniques it belongs to, such as neural, tree, kernel."""


class BaselineDraft(Record):
    """What components are added to. Its id is always baseline."""

    name: Label
    """Name in prose, short: variants are called by it with their components."""
    description: Sentence
    """What it does and with which settings, enough to program it."""
    tags: Names = ()
    """Model families and techniques."""


class ComponentDraft(Record):
    """Something that can be switched on in the baseline. The proposal is the baseline with all components."""

    id: Label
    """Lower case letters, digits and underscores."""
    name: Label
    """Name in prose; no component's name may be part of another's."""
    description: Sentence
    """Exactly what it changes in the baseline, enough to program it."""
    tags: Names = ()
    """Techniques it belongs to."""
    citations: Names = ()
    """Keys of listed works that it comes from; none if none is listed."""


class MetricDraft(Record):
    """How predictions are judged. Of a kit's metric only the id counts."""

    id: Label
    """Lower case letters, digits and underscores."""
    name: Label = ""
    """Name in prose."""
    direction: Literal["higher", "lower"] | None = None
    """Which way is better."""
    percent: bool = False
    """True for shares between 0 and 1 that are to be printed as percentages."""
    description: Sentence = ""
    """How it is computed."""


class ProtocolDraft(Record):
    """How data are divided. Of a kit's protocol only the id counts."""

    id: Label
    """Lower case letters, digits and underscores."""
    description: Sentence = ""
    """How each seed divides the data, and what keeps the test part unseen."""
    test_fraction: float | None = None
    """Share that is tested, between 0 and 1."""
    seed_changes: SeedEffect | None = None
    """What a seed changes: the split of one sample, the data that the program makes, or methods' randomness alone."""
    grouped_by: Label | None = None
    """What must not be on both sides, such as the patient."""


class SweepDraft(Record):
    """A condition that is varied for all methods alike."""

    id: Label
    """Lower case letters, digits and underscores."""
    values: Annotated[tuple[int | float | str, ...], Field(max_length=12)]
    """Settings, the standard one first."""
    name: Label = ""
    """Axis label."""
    unit: Label = ""
    """Unit of the values, if any."""
    description: Sentence = ""
    """What is varied."""


class MadeData(Record):
    """Data that the experiment's own program makes from its seed."""

    id: Label
    """Lower case letters, digits and dashes."""
    name: Label
    """Name in prose."""
    summary: Sentence
    """How it is made, what a row or a problem is, how many, what is asked of a method."""


class PairDraft(Record):
    """A further comparison, beside those that are made anyway."""

    method: Label
    """Id of the method expected to be better."""
    versus: Label
    """Id of the method it is compared with."""


class CostDraft(Record):
    """What the study takes, generously."""

    seconds_per_fit: float
    """Seconds on one core for one method, one data set, one seed and one setting of the sweep, loading included."""
    memory_gb: float
    """Memory of the largest process, in GB."""
    because: Sentence
    """What the estimate rests on: rows, columns, steps, sizes."""


class AnswerDraft(Record):
    """How this draft meets an objection to the one before."""

    objection: int
    """Its number."""
    answer: Sentence
    """What was changed for it, and where."""


class Draft(Record):
    """A design of an experiment that can refute the hypothesis."""

    study: Label
    """Id of a kit, or own."""
    title: Annotated[str, Field(max_length=160)]
    """Working title."""
    claim: Sentence
    """The hypothesis as this design tests it: not wider than the one given, never about something else."""
    prediction: Sentence
    """What must be seen in the primary metric if it holds, and what would refute it."""
    domain: Domain = "other"
    """Field; a kit's own counts."""
    datasets: Names = ()
    """Ids of data sets on offer."""
    made_data: Annotated[tuple[MadeData, ...], Field(max_length=6)] = ()
    """Data that the program makes; only in a study of your own."""
    reference: MethodDraft | None = None
    """A trivial method that shows what the metric is worth without learning or search; null takes the kit's."""
    baseline: BaselineDraft | None = None
    """A strong and simple contender; null takes the kit's."""
    alternatives: Annotated[tuple[MethodDraft, ...], Field(max_length=60)] = ()
    """Established other methods."""
    components: Annotated[tuple[ComponentDraft, ...], Field(max_length=60)]
    """What the hypothesis adds to the baseline, one to three."""
    ablation: Literal["none", "leave_one_out", "factorial"] = "leave_one_out"
    """Which combinations of components are run besides the proposal."""
    metrics: Annotated[tuple[MetricDraft, ...], Field(max_length=20)]
    """The primary one first: it decides."""
    protocol: ProtocolDraft
    """Division of the data."""
    sweep: SweepDraft | None = None
    """Varied condition, if the hypothesis is about one."""
    tuning: Sentence
    """How settings of all methods are chosen, the same way and with the same effort for each."""
    measures: tuple[Measure, ...] = ()
    """Costs to record."""
    further_comparisons: Annotated[tuple[PairDraft, ...], Field(max_length=60)] = ()
    """Beside proposal against baseline, against each alternative, and the ablations."""
    cost: CostDraft
    """What it takes."""
    unanswered: Annotated[tuple[Sentence, ...], Field(max_length=12)] = ()
    """Parts of the topic that this design does not answer."""
    informed_by: Names = ()
    """Ids of skills and memories that shaped it."""
    answers: Annotated[tuple[AnswerDraft, ...], Field(max_length=60)] = ()
    """One for each objection to the previous draft."""
