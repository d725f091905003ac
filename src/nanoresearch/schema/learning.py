"""What is kept of a planner's learning: the model it stands on, each update with its evidence, and the settings."""

from typing import Literal

from pydantic import Field

from nanoresearch.schema.plan import Phase
from nanoresearch.schema.record import Record

Divergence = Literal["reverse_kl", "forward_kl", "jensen_shannon"]
TeacherWeights = Literal["base", "frozen", "ema", "live"]
Vocabulary = Literal["allowed", "all"]


class ModelRecord(Record):
    """A base model in the models folder, as it was made."""

    name: str
    """Folder name."""
    origin: str
    """Package and version, or hub name."""
    licence: str
    """Terms as the origin states them."""
    source_sha256: str
    """Digest of the file that the weights were converted from."""
    files: dict[str, str]
    """File name -> SHA-256 of its bytes."""


class LearningSettings(Record):
    """How one round of learning is done. What was measured, and with which of them, is in docs/log.md."""

    steps: int = Field(8, ge=1, le=500)
    """Optimiser steps for each phase that the feedback speaks of, at most."""
    samples: int = Field(4, ge=1, le=64)
    """Plans scored at each step."""
    teacher_samples: int = Field(2, ge=0, le=63)
    """How many of them the teacher writes; the others are the student's own, at least one."""
    learning_rate: float = Field(4e-4, gt=0, lt=1)
    """AdamW step size."""
    lora_rank: int = Field(16, ge=1, le=512)
    """Rank of the adapter."""
    lora_alpha: int = Field(32, ge=1)
    """Scale of the adapter."""
    clip_norm: float = Field(1.0, gt=0)
    """Largest norm of a step's gradient."""
    divergence: Divergence = "forward_kl"
    """What is minimised between student and teacher; the paper uses reverse KL."""
    teacher: TeacherWeights = "base"
    """Weights of the self-teacher: no adapter, those at the round's start, a moving average, or the student's."""
    ema_decay: float = Field(0.9, ge=0, lt=1)
    """Share of the old weights kept at each step of an EMA teacher."""
    vocabulary: Vocabulary = "allowed"
    """Compare distributions over the tokens that the catalogue allows, or over the whole vocabulary."""
    top_k: int | None = Field(None, ge=1)
    """With the whole vocabulary: tokens compared one by one, the others as one bucket; None compares all."""
    prompt_weight: float = Field(0.0, ge=0, le=4)
    """How much the feedback in the prompt changes the teacher: 1 is the plain self-teacher, more sharpens it."""
    evidence_weight: float = Field(1.0, ge=0, le=10)
    """How much of the feedback's evidence about each directive enters the teacher."""
    evidence_cap: float = Field(5.0, gt=0, le=20)
    """Largest bonus of one directive in nats."""
    stop_at: float = Field(0.05, ge=0, lt=1)
    """End the round early when the loss has fallen to this share of its first value."""
    replay: bool = True
    """Earlier feedback on a phase that still stands is trained on again with the new one."""
    temperature: float = Field(1.0, gt=0, le=5)
    """Temperature of plans, in training and use."""
    anchored: bool = True
    """Plans in use are the usual plan moved by what was learned; without, they are the model's own from the start."""
    sharpness: float = Field(2.0, gt=0, le=10)
    """How much what was learned weighs in anchored plans."""
    probes: int = Field(16, ge=4, le=512)
    """Plans sampled for each phase to measure inclusion, drift and entropy, on topics that are never trained on."""
    repairs: int = Field(1, ge=0, le=10)
    """How often steps are added where an earlier preference slips or the new one is not reached."""
    repair_steps: int = Field(4, ge=1, le=100)
    """Steps added each time."""
    gain_share: float = Field(0.7, ge=0, le=1)
    """Share of the way from base to teacher at which a new preference counts as reached."""
    max_drift: float = Field(20.0, gt=0)
    """Largest KL divergence of a plan's distribution from the base, in nats a plan."""
    min_entropy: float = Field(0.15, ge=0, le=1)
    """Least entropy of plans as a share of the base's."""
    max_strays: float = Field(1.0, gt=0)
    """Most directives a plan that nobody asked for, in anchored plans of any phase."""
    keep_share: float = Field(0.5, ge=0, le=1)
    """Least share of an earlier preference's gain that an update must leave."""
    prompt_tokens: int = Field(640, ge=128, le=32000)
    """Length of the planner's prompt, at most."""
    feedback_tokens: int = Field(160, ge=16, le=8000)
    """Length of the feedback read, at most; the middle of a longer one is left out."""


class PlannedRequest(Record):
    """A planner input as the model saw it, and the plans written for it."""

    phase: Phase
    """Phase planned."""
    topic: str
    """Topic."""
    prompt: str
    """What the planner was shown, without feedback."""
    directives: dict[str, str]
    """The catalogue at that time: id -> sentence."""
    plans: tuple[tuple[str, ...], ...] = ()
    """Ids of the plans written for it in the run that the feedback is about."""


class Preference(Record):
    """What one feedback says about the directives of one phase, by the model's own reading."""

    phase: Phase
    """Phase."""
    bonus: dict[str, float]
    """Directive -> nats that the feedback adds to its log-probability; near zero where it says nothing."""
    relevance: dict[str, float] = Field(default_factory=dict)
    """Directive -> nats by which the feedback makes it likelier than the typical directive."""
    attitude: dict[str, float] = Field(default_factory=dict)
    """Directive -> from -1, unwanted, to 1, wanted."""
    base: dict[str, float] = Field(default_factory=dict)
    """Inclusion in the base's plans when it was learned."""
    teacher: dict[str, float] = Field(default_factory=dict)
    """Inclusion in the teacher's plans."""
    reached: dict[str, float] = Field(default_factory=dict)
    """Inclusion in the plans after the update."""


class PhaseMeasure(Record):
    """Before, teacher and after, for one planner input."""

    phase: Phase
    """Phase."""
    topic: str
    """Topic."""
    before: dict[str, float]
    """Share of sampled plans with each directive before the update."""
    teacher: dict[str, float]
    """The same under the teacher."""
    after: dict[str, float]
    """The same after the update."""
    drift: float
    """KL divergence of a plan's distribution from the base's after the update, nats a plan."""
    entropy: float
    """Entropy of a plan's distribution after the update, nats a plan."""
    base_entropy: float
    """The same of the base, along the same plans."""


class UpdateRecord(Record):
    """One round of learning: what was said, what was done, what came of it."""

    version: int
    """Number of this update; its adapter has the same number."""
    parent: int
    """Version that it started from; 0 is the base without an adapter."""
    accepted: bool
    """Whether anything that was learned is used."""
    phases: tuple[Phase, ...] = ()
    """Phases whose adapters this update made."""
    reason: str
    """Why, or why not, in a sentence for each phase."""
    feedback: str
    """The words, cleaned of control characters."""
    truncated: bool = False
    """Whether the words were longer than the model was given to read."""
    model: str
    """Base model."""
    model_sha256: str
    """Digest that names the base model's weights."""
    settings: LearningSettings
    """As used."""
    requests: tuple[PlannedRequest, ...] = ()
    """The planner inputs that the feedback is about."""
    preferences: tuple[Preference, ...] = ()
    """What the feedback says, by phase; also of phases in which nothing was learned."""
    superseded: dict[int, tuple[str, ...]] = Field(default_factory=dict)
    """Earlier version -> directives on which this feedback takes its place."""
    losses: tuple[float, ...] = ()
    """Divergence from the teacher at each step, phase after phase, nats a plan."""
    measures: tuple[PhaseMeasure, ...] = ()
    """Before, teacher and after."""
    kept: dict[int, float] = Field(default_factory=dict)
    """Earlier version -> share of its gain that is left after this update."""
    drift: float | None = None
    """Largest drift over the measured inputs."""
    entropy: float | None = None
    """Least share of the base's entropy over the measured inputs."""
    seconds: float = 0.0
    """Wall-clock time of the round."""
    cpu_seconds: float = 0.0
    """Processor time of the round."""
    time: str
    """ISO time, UTC."""


class CurrentVersion(Record):
    """Which adapter a user's planner uses."""

    version: int
    """0 is the base without an adapter."""
    model_sha256: str
    """Base model that the adapters belong to."""


class PlanReport(Record):
    """What the planner would do, measured."""

    directives: tuple[dict[str, str], ...]
    """The plan: id and text of each directive, in order."""
    inclusion: dict[str, float]
    """Share of sampled plans with each directive."""
    teacher_inclusion: dict[str, float] | None
    """The same when the feedback is at hand; None without feedback."""
    adapter_version: int | None
    """Version used."""
    model: str
    """Base model."""
