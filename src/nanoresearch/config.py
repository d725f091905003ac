"""One tree of settings, one file, KEY=VALUE overrides. Holds values; builds nothing."""

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from nanoresearch.errors import ConfigError
from nanoresearch.schema.learning import LearningSettings
from nanoresearch.schema.record import Record

R = TypeVar("R", bound=Record)


class ExecutionConfig(Record):
    """How experiments are run."""

    executor: Literal["local"] = "local"
    """Where experiments run."""
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


LiteratureSource = Literal["offline", "library", "openalex", "arxiv", "semantic_scholar"]


class LiteratureConfig(Record):
    """Where works are searched. Keys and e-mail address are no settings: they come from the environment."""

    sources: Literal["auto"] | tuple[LiteratureSource, ...] = "auto"
    """Sources in order. Auto: the packaged corpus and the user's library, and for crews that can use it the network."""
    timeout_s: float = Field(10.0, gt=0, le=300)
    """Seconds that a server may be silent."""
    deadline_s: float = Field(30.0, gt=0, le=3600)
    """Seconds for one question with all its pages, pauses and retries."""
    survey_s: float = Field(60.0, gt=0, le=36000)
    """Seconds that one server may take of a survey; what it has not been asked by then is recorded."""
    cache_days: float = Field(30.0, ge=0, le=3650)
    """Days for which an answer is kept; 0 keeps none."""
    cache_mb: float = Field(200.0, gt=0, le=100_000)
    """Megabytes of answers kept, the least recently used going first."""
    openalex_url: str = "https://api.openalex.org"
    """Address of OpenAlex, or of a mirror."""
    arxiv_url: str = "https://export.arxiv.org/api/query"
    """Address of arXiv's search."""
    semantic_scholar_url: str = "https://api.semanticscholar.org/graph/v1"
    """Address of Semantic Scholar."""

    @field_validator("sources")
    @classmethod
    def _some_source(cls, value: Any) -> Any:
        if not value:
            raise ValueError("name at least one source")
        return value

    @field_validator("openalex_url", "arxiv_url", "semantic_scholar_url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address begins with http:// or https:// and a server")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("an address holds no key and no query; keys come from the environment")
        return value


class Config(Record):
    """All settings."""

    crew: Literal["builtin"] = "builtin"
    """Implementation of the roles."""
    profile: str = "default"
    """Profile used when none is named."""
    planner: PlannerConfig = PlannerConfig()
    """Planning and learning."""
    literature: LiteratureConfig = LiteratureConfig()
    """Search for works."""
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
