"""One tree of settings, one file, KEY=VALUE overrides. Holds values; builds nothing."""

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from nanoresearch.errors import ConfigError
from nanoresearch.schema.learning import LearningSettings
from nanoresearch.schema.record import Record

R = TypeVar("R", bound=Record)


class SlurmConfig(Record):
    """What SLURM is asked for. Run folders and data must lie where its nodes see them."""

    partition: str = ""
    """Partition; empty for the cluster's default."""
    account: str = ""
    """Account that is charged."""
    qos: str = ""
    """Quality of service."""
    gpus: int = Field(0, ge=0)
    """GPUs of one job."""
    cpus: int = Field(1, ge=1)
    """Cores of one job. Experiments use one thread unless they ask for more."""
    extra: dict[str, str | int] = Field(default_factory=dict)
    """Further options of sbatch by their long names, such as constraint or reservation."""
    setup: tuple[str, ...] = ()
    """Shell lines that run on the node first, such as module load cuda."""
    folder: str = ""
    """Folder for submissions, seen by all nodes; empty for one beside the jobs."""
    poll_s: float = Field(2.0, gt=0)
    """Seconds between two questions to the controller at first; they grow while nothing changes."""
    poll_max_s: float = Field(60.0, gt=0)
    """Most seconds between two questions."""
    max_queued: int = Field(100, ge=1)
    """Most jobs in the queue at once; the next are submitted when those have ended."""


class ExecutionConfig(Record):
    """How experiments are run."""

    executor: Literal["local", "slurm", "inprocess"] = "local"
    """On this machine, on a SLURM cluster, or inside this process (for debugging: no limits on memory, no sandbox)."""
    slurm: SlurmConfig = SlurmConfig()
    """Settings of the SLURM executor."""
    sandbox: Literal["auto", "bubblewrap", "landlock", "off"] = "auto"
    """What keeps experiments from your files, keys and network; off runs them with all that you can reach."""
    attempts: int = Field(8, ge=1, le=50)
    """Executions of the experiment before giving up."""
    output_mb: float = Field(8.0, gt=0)
    """Output kept of one process; what it prints beyond is dropped and it is stopped at ten times that."""


class ReviewConfig(Record):
    """When a paper is good enough."""

    threshold: float = Field(7.0, ge=0, le=10)
    """Least score in coherence, claims and formatting."""
    revisions: int = Field(3, ge=0, le=10)
    """Revisions before giving up."""


class DesignConfig(Record):
    """How blueprints are refined."""

    rounds: int = Field(5, ge=1, le=20)
    """Drafts before giving up."""


class PaperConfig(Record):
    """How the PDF is made."""

    latex: Literal["auto", "off"] = "auto"
    """Off writes the LaTeX sources only."""
    timeout_s: float = Field(120.0, gt=0)
    """Seconds for one compilation."""


class PlannerConfig(Record):
    """Who plans, and how it learns."""

    kind: Literal["fixed", "trainable", "prompt", "auto"] = "fixed"
    """Fixed, learning from feedback (experimental), keeping feedback as text, or learning where torch is installed."""
    model: str = "smollm2-135m-instruct"
    """Base model: the default one, a local folder, or a hub name."""
    learn: bool = True
    """Whether feedback on a run changes the planner."""
    learning: LearningSettings = LearningSettings()
    """How a round of learning is done."""


class RetrievalWeights(Record):
    """What each part of a retrieval score weighs. Parts lie between 0 and 1."""

    keyword: float = Field(1.0, ge=0)
    """Match of words."""
    tags: float = Field(0.7, ge=0)
    """Match of tags."""
    recency: float = Field(0.2, ge=0)
    """How new it is."""
    usage: float = Field(0.2, ge=0)
    """How often it was used; skills only."""
    confidence: float = Field(0.6, ge=0)
    """How sure it is to help; skills only."""


class ExperienceConfig(Record):
    """What is carried from run to run."""

    skills: bool = True
    """Whether skills are retrieved and learned."""
    memory: bool = True
    """Whether memories are retrieved and kept."""
    top_skills: int = Field(5, ge=0, le=50)
    """Skills retrieved for a phase, at most."""
    top_memories: int = Field(5, ge=0, le=50)
    """Memories retrieved for a phase, at most."""
    half_life_days: float = Field(60.0, gt=0)
    """Age at which recency is one half."""
    skill_weights: RetrievalWeights = RetrievalWeights()
    """Score of skills."""
    memory_weights: RetrievalWeights = RetrievalWeights(usage=0, confidence=0)
    """Score of memories."""


class Config(Record):
    """All settings."""

    crew: Literal["builtin"] = "builtin"
    """Implementation of the roles."""
    profile: str = "default"
    """Profile used when none is named."""
    planner: PlannerConfig = PlannerConfig()
    """Planning and learning."""
    experience: ExperienceConfig = ExperienceConfig()
    """Skills and memory."""
    execution: ExecutionConfig = ExecutionConfig()
    """Experiments."""
    design: DesignConfig = DesignConfig()
    """Blueprints."""
    review: ReviewConfig = ReviewConfig()
    """Review."""
    paper: PaperConfig = PaperConfig()
    """Typesetting."""


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file. Raises ConfigError with line and column."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error


def validate(kind: type[R], values: dict[str, Any], origin: str) -> R:
    """Make a record of parsed values. Raises ConfigError: each problem by key, unknown keys with the valid ones."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{origin}: " + "; ".join(_explain(kind, problem) for problem in error.errors())) from error


def load_config(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """The configuration file, if there is one, with KEY=VALUE overrides such as review.revisions=1."""
    values = read_toml(path) if path.exists() else {}
    for override in overrides:
        _apply(values, override)
    return validate(Config, values, str(path) if not overrides else f"{path} with overrides")


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, raw = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"Override {override!r} is not of the form key=value.")
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw  # a bare word is a string
    node = values
    *parents, last = key.strip().split(".")
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError(f"Override {override!r}: {parent} is a value, not a group of settings.")
    node[last] = value


def _explain(kind: type[Record], problem: Any) -> str:
    where = [str(part) for part in problem["loc"]]
    name = ".".join(where) or "the whole"
    if problem["type"] == "extra_forbidden":
        return f"unknown key {name}; valid here: {', '.join(_valid_keys(kind, where[:-1]))}"
    return f"{name}: {problem['msg']}"


def _valid_keys(kind: type[Record], path: list[str]) -> list[str]:
    fields = kind.model_fields
    for part in path:
        annotation = fields[part].annotation if part in fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, Record)):
            break
        fields = annotation.model_fields
    return sorted(fields)
