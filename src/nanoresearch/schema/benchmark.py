"""The benchmark: tasks with simulated researchers, what was run for them, and what came out."""

from typing import Any, Literal

from pydantic import Field

from nanoresearch.schema.profile import PairedTest, PaperFormat
from nanoresearch.schema.record import Record
from nanoresearch.schema.run import Status

Ablation = Literal["full", "no-skills", "no-memory", "no-learning", "static"]
Dimension = Literal["compliance", "executability", "effectiveness", "innovation", "expression"]


class Baseline(Record):
    """A score that was verified when the task was written."""

    method: str
    """Method."""
    metric: str
    """Metric, and unit where it has one."""
    verified_value: float | str
    """Score; text where it has several parts."""
    wall_seconds: float
    """What it took."""
    note: str = ""
    """What a reader must know."""


class TaskDataset(Record):
    """Data that a task is about."""

    name: str
    """Name in prose."""
    package: str
    """Package that carries it."""
    version: str
    """Version of that package."""
    licence: str
    """Terms."""
    loader: str
    """How it is read."""
    size: str
    """Rows and columns."""
    target: str = ""
    """What is predicted."""


class Persona(Record):
    """Who the simulated researcher is."""

    role: str
    """Occupation."""
    style: str
    """What this person cares about."""


class Check(Record):
    """Something about the artifacts of a run that this researcher wants."""

    kind: str
    """Name in the closed vocabulary of nanoresearch.bench.checks."""
    value: Any
    """What is wanted, in the form of that kind."""
    implicit: bool = False
    """Whether it is a preference that the requirements do not mention, so that only feedback tells it."""


class Standing(Record):
    """What of the requirements can be said in a profile; every ablation gets it."""

    taboos: tuple[str, ...] = ()
    """What must not be used."""
    minutes: float | None = Field(None, gt=0)
    """Minutes for the experiment; None leaves the profile's default."""
    seeds: int | None = Field(None, ge=2)
    """Repetitions; None leaves the profile's default."""
    test: PairedTest | None = None
    """Paired test; None leaves the profile's default."""
    format: PaperFormat | None = None
    """Page layout; None leaves the profile's default."""


class Yardstick(Record):
    """The verified baseline that a run's proposal is held against."""

    dataset: str | None
    """Data set in the results; None for the mean over all."""
    metric: str
    """Metric in the results."""
    condition: str = ""
    """Setting of the sweep, where results have it."""
    value: float
    """Verified score of the baseline."""
    direction: Literal["higher", "lower"]
    """Which way is better."""


class Compute(Record):
    """What the task was written for."""

    cpu_cores: int
    """Cores."""
    wall_seconds_per_full_run: float
    """Seconds of the experiment."""
    network: str
    """Network that may be used."""
    env: dict[str, str]
    """Environment of the experiment."""


class TaskContext(Record):
    """What a task holds beyond its text."""

    persona: Persona
    """Who asks."""
    checks: tuple[Check, ...]
    """What that person wants to see."""
    honesty_notes: str
    """What must not be claimed."""
    compute: Compute
    """Resources it was written for."""
    standing: Standing = Standing()
    """What goes into the profile."""
    held_out: str
    """Task of the same persona that never gets feedback, by its problem statement."""
    yardstick: Yardstick
    """Baseline to beat."""


class Task(Record):
    """One topic with its researcher."""

    question_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name."""
    domain: str
    """Field."""
    difficulty: Literal["easy", "medium", "hard"]
    """How hard it is."""
    background: str
    """Why the question matters."""
    problem_statement: str
    """The topic, as the system is given it."""
    baselines: tuple[Baseline, ...]
    """Verified scores."""
    datasets: tuple[TaskDataset, ...]
    """Data."""
    user_requirements: tuple[str, ...]
    """What is asked for beside the topic."""
    extra_context: TaskContext
    """Persona, checks, limits."""


class Cell(Record):
    """One run of the benchmark: a round of a task, or its held-out topic."""

    task: str
    """Task."""
    ablation: Ablation
    """What was switched off."""
    seed: int = Field(ge=0)
    """Repetition of the whole chain of rounds."""
    round: int = Field(ge=1)
    """Round after which, or in which, it was run."""
    held_out: bool = False
    """Whether it is the topic that never gets feedback."""


class CellRecord(Record):
    """How a cell went. Scores are not here: they are read from the run's artifacts."""

    cell: Cell
    """Which."""
    home: str
    """Home of its chain, below the benchmark's folder."""
    run: str | None
    """Run; None when none could be started."""
    status: Status
    """How it ended."""
    reason: str = ""
    """Why, when it did not end well."""
    seconds: float
    """Wall-clock time of the last sitting."""
    cpu_seconds: float
    """Processor time of the last sitting, planner and experiments included."""


class BenchSettings(Record):
    """What all cells of a benchmark share."""

    config: dict[str, Any]
    """Configuration before ablations."""
    data: str
    """Folder of the data sets, read only."""
    models: str
    """Folder of base models and what is measured on them."""
    unsafe: bool = False
    """Whether experiments run without a sandbox."""


class CheckResult(Record):
    """What became of one wish."""

    check: Check
    """The wish."""
    stage: str
    """Stage at whose end it can be seen."""
    holds: bool
    """Whether the artifacts have it."""


class Expression(Record):
    """How the paper is written; every part from 0 to 1."""

    structure: float
    """Share of the standard sections that are there, in order."""
    acronyms: float
    """Share of the acronyms used that are explained."""
    floats: float
    """Share of tables and figures that the text refers to, less references without target."""
    readability: float
    """Flesch reading ease, as a share of 100, within 0 and 1."""
    layout: float
    """1 for a PDF without lines that stick out, less for each; 0 without a PDF."""
    reviewer: float
    """Least score of the run's own reviewer, as a share of 10."""


class Judgement(Record):
    """What a language model said of one dimension."""

    dimension: Dimension
    """Which."""
    scores: tuple[float, ...]
    """Score of each asking, 0 to 10."""
    mean: float
    """Mean."""
    variance: float
    """Variance over the askings."""
    model: str
    """Model string."""
    prompt_sha256: str
    """Digest of instructions and prompt."""


class Scores(Record):
    """What the artifacts of a cell amount to."""

    cell: Cell
    """Which."""
    status: Status
    """How it ended."""
    checks: tuple[CheckResult, ...]
    """Every wish of the persona."""
    compliance: float
    """Share of all checks that hold."""
    requirements: float | None
    """Share of the explicit ones; None where the topic is not the one they were written for."""
    implicit: float
    """Share of the implicit ones."""
    executability: float
    """1 when a topic became a PDF that passes its audit, else 0."""
    effectiveness: float | None
    """Relative gain over the verified baseline, positive is better; None when the run did not measure that."""
    measured: float | None
    """Score that this rests on."""
    innovation: float | None
    """1 less the likeness to the closest work or earlier run, whichever is nearer; None without hypothesis."""
    from_works: float | None
    """1 less the likeness to the closest work."""
    from_earlier: float | None
    """1 less the likeness to the most alike hypothesis of earlier rounds; None in the first."""
    expression: float
    """Mean of the parts."""
    parts: Expression
    """Parts of expression."""
    seconds: float
    """Wall-clock time of the run, learning left out."""
    working_seconds: float
    """Wall-clock time of coding and execution."""
    learning_seconds: float
    """Wall-clock time of learning."""
    cpu_seconds: float
    """Processor time of the experiments."""
    attempts: int
    """Executions of the experiment."""
    failed_attempts: int
    """Those that did not succeed."""
    model_calls: int
    """Calls of language models."""
    tokens: int
    """Tokens in and out."""
    cost_usd: float
    """Price, as far as it is known."""
    lost_tokens_estimate: int = 0
    """Tokens that calls lost with a killed process may have taken at most; `tokens` has none of them."""
    lost_cost_usd_estimate: float = 0.0
    """Price of those, likewise apart from `cost_usd`."""
    feedback: int
    """Stages on which the persona had something to say."""
    learned: int
    """Updates of the planner that were accepted."""
    judged: tuple[Judgement, ...] = ()
    """What a language model said, where one is configured."""
