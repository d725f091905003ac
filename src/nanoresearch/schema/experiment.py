"""What ran and what it reported."""

from typing import Literal

from nanoresearch.schema.isolation import Sandbox
from nanoresearch.schema.record import Record
from nanoresearch.schema.setup import PinnedRepository, SoftwareEnvironment

Outcome = Literal["succeeded", "failed", "timed_out", "cancelled", "invalid"]

Scored = Literal["frozen", "self_reported"]
"""frozen: by NanoResearch, from predictions of code that never saw the truth; self_reported: by the experiment."""


class Report(Record):
    """One line that experiment code wrote through its harness, before the ledger takes it in."""

    method: str
    """Method id of the blueprint."""
    dataset: str
    """Data set id of the blueprint."""
    metric: str
    """Metric or measure id; a slice is written metric:label."""
    value: float
    """A finite number."""
    seed: int
    """Repetition."""
    condition: str = ""
    """Setting of the sweep, or empty."""
    kind: Literal["result", "measurement"] = "result"
    """Measurements (time, memory) depend on the machine; results do not."""
    scored: Scored = "self_reported"
    """Who computed the value; never what the experiment says of itself."""


class Result(Record):
    """A reported value with its provenance."""

    id: str
    """r00001 for results, m00001 for measurements."""
    method: str
    """Method id."""
    dataset: str
    """Data set id."""
    metric: str
    """Metric id."""
    value: float
    """The value."""
    seed: int
    """Repetition."""
    condition: str
    """Setting of the sweep, or empty."""
    attempt: int
    """Attempt that produced it."""
    commit: str
    """Commit of the codebase that produced it."""
    blueprint: str
    """SHA-256 of the frozen blueprint."""
    scored: Scored = "self_reported"
    """Who computed the value; records from before there was a difference are self-reported."""


class Job(Record):
    """One process of an attempt: one seed."""

    seed: int
    """Repetition."""
    outcome: Outcome
    """How it ended."""
    exit_code: int | None
    """Exit status, None when it was killed."""
    seconds: float
    """Wall-clock time."""
    cpu_seconds: float
    """Processor time of the process and its children."""
    peak_memory_mb: float | None
    """Largest resident set seen; None where the platform cannot tell."""
    reason: str = ""
    """Why it failed, in words."""
    sandbox: Sandbox | None = None
    """What kept it apart; None when it was not started, or in records from before there were sandboxes."""


class Failure(Record):
    """What a debugger is given."""

    outcome: Outcome
    """How the job ended."""
    signature: str
    """Exception, last frame inside the codebase, and normalised message."""
    message: str
    """The error's own words."""
    file: str | None
    """File of the codebase where it arose."""
    line: int | None
    """Line in that file."""
    tail: str
    """End of the error output."""
    refused: tuple[str, ...] = ()
    """Why earlier proposals for its cure were not taken, for a debugger that can think of another."""


class Patch(Record):
    """A change of the codebase meant to cure a failure."""

    fix: str
    """Name of the cure."""
    reason: str
    """Why it should help, one sentence."""
    files: dict[str, str]
    """New content of each changed file."""
    skill: str | None = None
    """Skill that it came from."""


class Preparation(Record):
    """A cure that was applied before the first run, because earlier studies needed it."""

    fix: str
    """Name of the cure."""
    reason: str
    """Why, LaTeX-safe sentence."""
    skill: str
    """Skill or memory that it came from."""
    remembered: bool = False
    """Whether that is a memory: those are the user's own, and no paper names them."""


class Program(Record):
    """A codebase as a coder hands it over."""

    files: dict[str, str]
    """Content of each file by its path."""
    prepared: tuple[Preparation, ...] = ()
    """Cures it already holds."""
    base: PinnedRepository | None = None
    """Code of others that the files are added to."""
    proven_by: str | None = None
    """Memory of a run in which all of this worked on the same data, so that a reduced run would show nothing new."""


class Attempt(Record):
    """One execution of the whole experiment at one commit."""

    number: int
    """Counted from 1."""
    commit: str
    """Commit of the codebase."""
    smoke: bool
    """A reduced run that only shows that the code works."""
    outcome: Outcome
    """How it ended."""
    jobs: tuple[Job, ...]
    """Its processes."""
    started: str
    """ISO time, UTC."""
    seconds: float
    """Wall-clock time."""
    failure: Failure | None = None
    """What went wrong."""
    patch: str | None = None
    """Cure applied after it, by name."""
    patch_reason: str | None = None
    """Why."""
    skill: str | None = None
    """Skill that the cure came from."""
    environment: SoftwareEnvironment | None = None
    """Environment that was made for the codebase; None where it ran with the Python that runs NanoResearch."""
