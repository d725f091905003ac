"""One tree of settings, one file, KEY=VALUE overrides. Holds values; builds nothing."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator

from nanoresearch.errors import ConfigError
from nanoresearch.schema.learning import LearningSettings
from nanoresearch.schema.models import ModelRole, Price
from nanoresearch.schema.profile import Domain
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


def _is_plain_url(value: str) -> str:
    """Settings are written into every run: an address with a password or a key in it must not get there."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('an address begins with http:// or https:// and a server, as in "http://127.0.0.1:8000/v1"')
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("an address holds no key, password or query: keys come from the environment")
    return value.rstrip("/")


def _is_prefix(value: str) -> str:
    """A list of prefixes must not let through more than it seems to: whole folders of one server only."""
    return _is_plain_url(value) + "/"


UrlPrefix = Annotated[str, AfterValidator(_is_prefix)]


class SetupConfig(Record):
    """What may be got for an experiment before it runs. Nothing is fetched from a network unless it is allowed here."""

    environments: Literal["auto", "off"] = "auto"
    """Auto makes an environment for code whose requirements are not installed; off runs it with what is there."""
    wheels: tuple[str, ...] = ()
    """Folders with wheels, looked into before any network."""
    network: bool = False
    """Whether missing packages may be fetched as pip is configured to fetch them."""
    build: bool = False
    """Whether packages without a wheel may be built, which runs their own code outside of any sandbox."""
    repositories: tuple[UrlPrefix, ...] = ()
    """Addresses below which repositories may be cloned, such as https://github.com/OWNER. Local ones always may."""
    repository_mb: float = Field(500.0, gt=0)
    """Megabytes that a clone may take, packed and unpacked."""
    timeout_s: float = Field(1800.0, gt=0)
    """Seconds that one such step may take."""


class ExecutionConfig(Record):
    """How experiments are run."""

    executor: Literal["local", "slurm", "inprocess"] = "local"
    """On this machine, on a SLURM cluster, or inside this process (for debugging: no limits on memory, no sandbox)."""
    slurm: SlurmConfig = SlurmConfig()
    """Settings of the SLURM executor."""
    sandbox: Literal["auto", "bubblewrap", "landlock", "off"] = "auto"
    """What keeps experiments from your files, keys and network; off runs them with all that you can reach."""
    setup: SetupConfig = SetupConfig()
    """Environments and repositories that experiments need beyond what is there."""
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

    kind: Literal["auto", "trainable", "prompt", "fixed"] = "auto"
    """Learning where torch is installed, learning always, keeping feedback as text, or the same plan for everybody."""
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
    """Memories of each kind retrieved for a phase, at most; ideation is told of all claims that were tested."""
    half_life_days: float = Field(60.0, gt=0)
    """Age at which recency is one half."""
    skill_weights: RetrievalWeights = RetrievalWeights()
    """Score of skills."""
    memory_weights: RetrievalWeights = RetrievalWeights(usage=0, confidence=0)
    """Score of memories."""


def _is_model_string(value: str) -> str:
    provider, colon, name = value.partition(":")
    if not (provider and colon and name):
        raise ValueError('a model is named "PROVIDER:NAME", such as "openai:gpt-5", "local:qwen3" or "scripted:FILE"')
    return value


ModelString = Annotated[str, AfterValidator(_is_model_string)]
BaseUrl = Annotated[str, AfterValidator(_is_plain_url)]
EnvName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)]


class RoleModelConfig(Record):
    """The model of one role; what is left out is as for all roles."""

    model: ModelString | None = None
    """Model string."""
    base_url: BaseUrl | None = None
    """Address of the OpenAI-compatible server, for "local:" models."""
    key_env: EnvName | None = None
    """Environment variable with that server's key."""
    max_tokens: int | None = Field(None, ge=1)
    """Longest reply."""
    temperature: float | None = Field(None, ge=0, le=2)
    """Randomness."""


def _short_form(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class ModelsConfig(Record):
    """Which language model plays which role. Keys come from the environment, never from here."""

    default: ModelString | None = None
    """Model string of every role without one of its own."""
    roles: dict[ModelRole, Annotated[RoleModelConfig, BeforeValidator(_short_form)]] = Field(default_factory=dict)
    """Models of single roles: a model string, or a table."""
    base_url: BaseUrl | None = None
    """Address of the OpenAI-compatible server (vLLM, llama.cpp, Ollama, LM Studio), for "local:" models."""
    key_env: EnvName = "LOCAL_API_KEY"
    """Environment variable with that server's key, if it wants one."""
    timeout_s: float = Field(300.0, gt=0)
    """Seconds to wait for one reply."""
    max_tokens: int = Field(8192, ge=1)
    """Longest reply."""
    longer_max_tokens: int = Field(16384, ge=0)
    """Limit with which a reply that was cut off is asked for once more; not above max_tokens means never."""
    temperature: float | None = Field(None, ge=0, le=2)
    """Randomness; left to the provider when not set, since some models refuse it."""
    retries: int = Field(6, ge=0, le=20)
    """Repeats of a request that failed for a passing reason. Six outlast a minute of refusals."""
    concurrency: int = Field(4, ge=1, le=64)
    """Requests on the way at once."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """USD per million tokens by model string, for models whose price is not known or is another."""


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
    openalex_url: BaseUrl = "https://api.openalex.org"
    """Address of OpenAlex, or of a mirror."""
    arxiv_url: BaseUrl = "https://export.arxiv.org/api/query"
    """Address of arXiv's search."""
    semantic_scholar_url: BaseUrl = "https://api.semanticscholar.org/graph/v1"
    """Address of Semantic Scholar."""

    @field_validator("sources")
    @classmethod
    def _some_source(cls, value: Any) -> Any:
        if not value:
            raise ValueError("name at least one source")
        return value


class OwnData(Record):
    """Data of the user's own that a study may use."""

    name: str = Field("", max_length=80)
    """Name in prose; empty for the id."""
    summary: str = Field("", max_length=600)
    """What a row is, how many, what is predicted."""
    licence: str = Field("private", max_length=200)
    """Terms under which it may be used."""
    domain: Domain = "other"
    """Field it belongs to."""


class OwnFile(OwnData):
    """A file or folder on this machine."""

    path: str = Field(min_length=1)
    """Where it is."""


class OwnUrl(OwnData):
    """An address that may be fetched."""

    url: BaseUrl
    """Address."""


DataId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


def _path_form(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _url_form(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class DataConfig(Record):
    """Data that studies of the language-model crew may use, beside the catalogue's. Nothing else is ever read."""

    files: dict[DataId, Annotated[OwnFile, BeforeValidator(_path_form)]] = Field(default_factory=dict)
    """Files and folders of yours by the id that a study calls them by: a path, or a table."""
    urls: dict[DataId, Annotated[OwnUrl, BeforeValidator(_url_form)]] = Field(default_factory=dict)
    """Addresses that may be fetched, likewise."""
    fetch: bool = False
    """Whether sets of the catalogue that are not here may be chosen, and are then fetched from the package registry."""
    preview: bool = True
    """Whether a design may be made with names and types of the columns of your tables in sight; never with values."""
    program: bool = True
    """Whether a study may use data that its own program makes."""
    max_mb: float = Field(1000.0, gt=0)
    """Megabytes that one file, folder or address may hold."""
    timeout_s: float = Field(300.0, gt=0)
    """Seconds for one address."""


class CodingConfig(Record):
    """How language models write the program of an experiment."""

    packages: tuple[str, ...] | None = None
    """Modules that it may import besides Python's own; when not set, the scientific stack that is installed."""
    rounds: int = Field(4, ge=1, le=20)
    """Corrections of one file, and of the whole program, before giving up."""
    dry_run_s: float = Field(300.0, gt=0)
    """Seconds that one dry run may take; none takes longer than a seed of the experiment may."""
    repository: str = ""
    """Folder, or address of a repository that execution.setup.repositories allows, that the program is built on: its
    files go into the codebase as they are, below upstream/, and the program imports them."""
    repository_ref: str = "HEAD"
    """Commit, tag or branch of it; the commit is recorded, and the paper names it."""
    agent: str = ""
    """Coding agent that writes instead: empty for none, "mini" for mini-swe-agent, or a command with {folder} and
    {task_file}, such as "codex exec --cd {folder} {task_file}"."""
    agent_timeout_s: float = Field(1800.0, gt=0)
    """Seconds that the agent may take for one turn."""
    agent_steps: int = Field(60, ge=1, le=500)
    """Steps of mini-swe-agent in one turn."""
    agent_env: tuple[EnvName, ...] = ()
    """Environment variables that the agent's command is given, such as its provider's key; no others are."""
    agent_network: bool = False
    """Whether the agent's command reaches the network, all of it: most must, to ask their provider."""
    agent_data: bool = False
    """Whether the agent may read data of your own: what it looks at goes to its provider."""
    agent_readable: tuple[str, ...] = ()
    """Files and folders that the agent's command may read besides the system and its own folder."""


class Config(Record):
    """All settings."""

    crew: Literal["builtin", "llm"] = "builtin"
    """Who fills the roles: programs for component studies, or language models for any topic."""
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
    data: DataConfig = DataConfig()
    """Data of your own."""
    coding: CodingConfig = CodingConfig()
    """Programs that language models write."""
    review: ReviewConfig = ReviewConfig()
    """Review."""
    paper: PaperConfig = PaperConfig()
    """Typesetting."""
    models: ModelsConfig = ModelsConfig()
    """Language models."""


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
