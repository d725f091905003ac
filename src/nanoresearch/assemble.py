"""The only place where objects are wired together."""

import platform
import re
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanoresearch import __version__
from nanoresearch.config import Config, validate
from nanoresearch.crew.builtin.crew import builtin_crew
from nanoresearch.crew.roles import Crew
from nanoresearch.errors import ConfigError, ModelError, NanoResearchError, StoreError, UsageError
from nanoresearch.events import EVENTS, EventFile, Events, Listener, now_utc
from nanoresearch.execution.clones import origin_problem
from nanoresearch.execution.environment import EnvironmentOf, environment_for, this_python
from nanoresearch.execution.executor import Executor
from nanoresearch.execution.inprocess import InProcessExecutor
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.sandbox import UNSAFE, Choice, SandboxMissing, require
from nanoresearch.execution.slurm import SlurmExecutor
from nanoresearch.execution.slurmqueue import require_slurm
from nanoresearch.experience.store import ExperienceStore
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.library import Library
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.literature.sources import clients_for
from nanoresearch.models.routing import Route, routes
from nanoresearch.paper.template import check_template
from nanoresearch.paths import Home, RunFolder
from nanoresearch.planner.adapters import AdapterStore
from nanoresearch.planner.planner import DeferredPlanner, FixedPlanner, Planner
from nanoresearch.planner.problems import PlannerError
from nanoresearch.planner.promptonly import PromptOnlyPlanner
from nanoresearch.planner.threads import share_cores
from nanoresearch.planner.usual import PatientPlanner
from nanoresearch.runlog import RUN_FILE, RunLog
from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.models import CREW_ROLES
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import RunRecord
from nanoresearch.stages.workplace import Workplace

if TYPE_CHECKING:
    from nanoresearch.planner.trainable import TrainablePlanner

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "statsmodels", "networkx", "matplotlib")
INSTALL_PLANNER = "Install it with: pip install 'nanoresearch[planner]'"
ANALYSIS_DONE = "analysis/analysis.json"
EXPERIMENT_DONE = "execution/results.jsonl"
"""File of a run that is there when no experiment is left to run."""


@dataclass(frozen=True)
class Limits:
    """Caps on a run; None is no cap."""

    minutes: float | None = None
    """Wall-clock minutes of this sitting."""
    usd: float | None = None
    """What language models may cost, earlier sittings included."""
    tokens: int | None = None
    """What they may read and write, earlier sittings included."""


@dataclass(frozen=True)
class RunRequest:
    """What a user asks for."""

    topic: str
    profile: Profile
    config: Config
    seed: int = 0


def create_run(home: Home, request: RunRequest) -> RunFolder:
    """A new run folder with its head record, once the crew accepts the topic.

    Raises UsageError for an empty topic, TopicRefused for one that the crew cannot serve, ModelError when a language
    model is missing, ExecutionError when SLURM is asked for and cannot be reached, SandboxMissing when nothing keeps
    experiments apart, and NanoResearchError when the home cannot be written. Nothing is left behind then.
    """
    topic = " ".join(request.topic.split())
    if not topic:
        raise UsageError('The topic is empty. Say what to study: nanoresearch run "TOPIC"')
    accept(topic, request.profile, request.config)
    if request.config.execution.executor == "slurm":
        require_slurm()
    isolation_for(request.config)
    check_template(request.profile.writing)
    home.check_writable()
    if shutil.which("git") is None:
        raise NanoResearchError(
            "git is missing, and the code of a run is kept in a git repository: apt-get install git"
        )
    now = now_utc()
    folder = _new_folder(home, topic, now)
    record = RunRecord(
        id=folder.id,
        topic=topic,
        profile=request.profile,
        config=_from_anywhere(request.config).model_dump(mode="json"),
        seed=request.seed,
        versions=library_versions(),
        status="running",
        created=now.isoformat(timespec="seconds"),
        updated=now.isoformat(timespec="seconds"),
    )
    folder.save(RUN_FILE, record)
    return folder


def _from_anywhere(config: Config) -> Config:
    """The configuration with the whole path of a folder of code: a run may be gone on with in another folder."""
    origin = config.coding.repository
    if not origin or "://" in origin:
        return config
    coding = config.coding.model_copy(update={"repository": str(Path(origin).expanduser().absolute())})
    return config.model_copy(update={"coding": coding})


def accept(topic: str, profile: Profile, config: Config) -> None:
    """Raise TopicRefused, ModelError or ConfigError when the crew cannot serve a topic here. Asks no model."""
    if origin := config.coding.repository:
        if config.crew != "llm":
            raise ConfigError("coding.repository is set, and only the language-model crew builds on it: --crew llm.")
        if problem := origin_problem(origin, config.execution.setup):
            raise ConfigError(f"coding.repository is {origin!r}, {problem}.")
    if config.crew == "builtin":
        builtin_crew(OfflineCorpus()).surveyor.accept(topic, profile)
        return
    require_model_libraries()
    from nanoresearch.crew.llm.ideas.surveyor import accept_topic

    if problems := model_problems(config):
        raise ModelError(
            f"The crew of language models cannot start. {' '.join(problems)} "
            "See who plays what: nanoresearch models. Without a model: --crew builtin."
        )
    from nanoresearch.crew.llm.coding.agent import driver_for

    if config.coding.agent:
        driver_for(config.coding)
    accept_topic(topic)


def model_problems(config: Config) -> list[str]:
    """Why roles of the crew have no model, or no key for it; each problem once, for the first role that has it."""
    found: dict[str, str] = {}
    for role, way in routes(config.models).items():
        if role not in CREW_ROLES:
            continue
        if not isinstance(way, Route):
            found.setdefault(str(way).replace(role, "ROLE"), str(way))
        elif way.key_needed and way.key() is None:
            found.setdefault(way.model, f"{way.model}: {way.key_state()}.")
    return list(found.values())


def open_workplace(
    home: Home, folder: RunFolder, *listeners: Listener, limits: Limits | None = None, unsafe: bool = False
) -> Workplace:
    """Everything that a run needs, as its head record asks. `unsafe` runs its experiments without a sandbox.

    `limits` cap this sitting. Call `crew.close` when done.

    Raises CorruptRecord, ConfigError, or SandboxMissing when experiments are still to run and nothing here isolates
    them; nodes of a cluster look for themselves when a job starts.
    """
    record: RunRecord = folder.load(RUN_FILE, RunRecord)
    config = validate(Config, record.config, f"{folder.path(RUN_FILE)}: config")
    events = Events(EventFile(folder.path(EVENTS)), *listeners)
    corpus = OfflineCorpus()
    limits = limits or Limits()
    log = RunLog(folder, events, minutes=limits.minutes)
    isolation = None
    if not folder.has(EXPERIMENT_DONE):
        isolation = isolation_for(config, unsafe=unsafe)
        if isolation is not None:
            log.isolated(isolation)
    elif config.crew == "llm" and not folder.has(ANALYSIS_DONE):  # figures are drawn by programs of models
        try:
            isolation = isolation_for(config, unsafe=unsafe)
        except SandboxMissing as error:
            events.emit("degraded", f"No further figures are drawn: {error}")
    literature = clients_for(config.literature, home, network=config.crew != "builtin", corpus=corpus)
    if config.crew == "builtin":
        crew = builtin_crew(corpus)
    else:
        crew = language_crew(config, home, folder, events, log, literature, isolation, limits)
    return Workplace(
        topic=record.topic,
        profile=record.profile,
        seed=record.seed,
        config=config,
        folder=folder,
        data_root=home.data,
        crew=crew,
        planner=DeferredPlanner(lambda: planner_for(config, home, record.profile, events)),
        literature=literature,
        executor=executor_for(config, isolation, log, events, unsafe=unsafe),
        judge_executor=None if folder.has(EXPERIMENT_DONE) else judge_executor_for(config, events, unsafe=unsafe),
        environments=environments_for(config, home, events),
        events=events,
        log=log,
        store=store_for(config, home, events),
    )


def isolation_for(config: Config, *, unsafe: bool = False) -> Isolation | None:
    """What isolates experiments on this machine; None with SLURM, whose nodes look for themselves.

    Raises SandboxMissing.
    """
    choice = _choice(config, unsafe)
    if config.execution.executor == "slurm":
        return None
    if config.execution.executor == "inprocess" and choice != "off":
        raise SandboxMissing(
            "Inside this process nothing can keep experiments from your files, keys and network. For code that you "
            f"trust, add {UNSAFE}; the paper will say so."
        )
    return require(choice)


def executor_for(
    config: Config, isolation: Isolation | None, log: RunLog, events: Events, *, unsafe: bool = False
) -> Executor:
    """The executor that the configuration names. What it has to say about queues goes to whoever listens."""
    if config.execution.executor == "slurm":
        return SlurmExecutor(
            config.execution.slurm,
            sandbox=_choice(config, unsafe),
            isolated=log.isolated,
            tell=lambda text: events.emit("progress", text),
        )
    return InProcessExecutor() if config.execution.executor == "inprocess" else LocalExecutor(isolation)


def judge_executor_for(config: Config, events: Events, *, unsafe: bool = False) -> Executor | None:
    """What divides data and scores predictions on this machine, where experiments run on the nodes of a cluster.

    None where they run here, and where nothing would keep the truth from them; the latter is told as a degradation.
    """
    choice = _choice(config, unsafe)
    if config.execution.executor != "slurm" or choice == "off":
        return None
    try:
        return LocalExecutor(require(choice))
    except SandboxMissing as error:
        events.emit("degraded", f"Results are the experiments' own word, since this machine has no sandbox: {error}")
        return None


def environments_for(config: Config, home: Home, events: Events) -> EnvironmentOf:
    """How a codebase gets the Python that it asks for; inside this process there is only this one."""
    if config.execution.executor == "inprocess":
        return this_python
    setup = config.execution.setup

    def tell(text: str) -> None:
        events.emit("degraded" if setup.environments == "off" else "progress", text)

    return lambda requirements: environment_for(requirements, home.environments, setup, tell=tell)


def _choice(config: Config, unsafe: bool) -> Choice:
    return "off" if unsafe else config.execution.sandbox


def store_for(config: Config, home: Home, events: Events) -> ExperienceStore | None:
    """Skills and memories, unless both are switched off. A store that cannot be used is told as a degradation."""
    if not (config.experience.skills or config.experience.memory):
        return None
    try:
        return ExperienceStore(home.experience)
    except StoreError as error:
        events.emit("degraded", f"This run goes without skills and memories: {error}")
        return None


def planner_for(config: Config, home: Home, profile: Profile, events: Events) -> Planner:
    """The planner that the configuration names. Raises PlannerError where "trainable" is asked for without torch.

    With "auto", what keeps a planner from using or changing its weights is told as a degradation, and costs no run.
    """
    kind = config.planner.kind
    if kind == "fixed":
        return FixedPlanner()
    folder = home.planners / profile.name
    if kind == "trainable":
        require_torch()
    if kind == "prompt" or missing_for_learning():
        planner = PromptOnlyPlanner(folder)
        if kind == "auto" and (version := AdapterStore(folder).in_use().version):
            lacking = ", ".join(missing_for_learning())
            events.emit("degraded", f"Version {version} of your planner needs {lacking}. {INSTALL_PLANNER}")
        return planner

    def make() -> "TrainablePlanner":
        return trainable_planner(config, home, profile, lambda text: events.emit("progress", text))

    if not config.planner.learning.anchored:
        return make()

    def cannot(error: Exception) -> None:
        events.emit("degraded", f"What your planner learned is not used: {error}")

    return PatientPlanner(make, lambda: AdapterStore(folder).in_use().version, cannot if kind == "auto" else None)


def trainable_planner(config: Config, home: Home, profile: Profile, say: Callable[[str], None]) -> "TrainablePlanner":
    """A user's trainable planner. Raises PlannerError where torch or the model is missing."""
    require_torch()
    share_cores()
    from nanoresearch.planner.base_model import load_base
    from nanoresearch.planner.trainable import TrainablePlanner

    base = load_base(config.planner.model, home.models)
    readout = home.models / "readouts" / f"{base.fingerprint[:16]}.safetensors"
    folder = home.planners / profile.name
    return TrainablePlanner(base, folder, config.planner.learning, readout=readout, progress=say)


def missing_for_learning() -> list[str]:
    """Libraries that the trainable planner needs and that are not installed."""
    return [name for name in ("torch", "transformers", "peft", "safetensors") if find_spec(name) is None]


def require_torch() -> None:
    """Raise PlannerError naming the command that installs what is missing."""
    missing = missing_for_learning()
    if missing:
        raise PlannerError(f"A planner that learns needs {', '.join(missing)}. {INSTALL_PLANNER}")


def language_crew(
    config: Config,
    home: Home,
    folder: RunFolder,
    events: Events,
    log: RunLog,
    literature: Sequence[LiteratureClient],
    isolation: Isolation | None,
    limits: Limits,
) -> Crew:
    """The crew of language models, at the desk of one run. Raises ModelError where libraries or models are missing."""
    require_model_libraries()
    from nanoresearch.crew.llm.crew import llm_crew
    from nanoresearch.crew.llm.desk import Desk
    from nanoresearch.models.access import Models
    from nanoresearch.models.accounting import Budget

    models = Models(config.models, folder, events, log, Budget(limits.usd, limits.tokens, limits.minutes))
    events.emit("progress", str(models.forecast()))
    library = Library(home.library) if Library(home.library).exists() else None
    return llm_crew(Desk(models, literature, library, config, folder, events, isolation, home))


def require_model_libraries() -> None:
    """Raise ModelError naming the command that installs what is missing."""
    missing = [name for name in ("pydantic_ai", "genai_prices") if find_spec(name) is None]
    if missing:
        raise ModelError(f"Language models need {', '.join(missing)}. Install it with: pip install 'nanoresearch[llm]'")


def _new_folder(home: Home, topic: str, now: datetime) -> RunFolder:
    ascii_topic = unicodedata.normalize("NFKD", topic).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", ascii_topic)[:5]
    stem = "-".join([now.strftime("%Y%m%d-%H%M%S"), *words])[:64].rstrip("-")
    for number in range(1, 1000):
        path = home.runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return RunFolder(path)
    raise UsageError(f"Too many runs called {stem}.")


def library_versions() -> dict[str, str]:
    """Python, this package and what experiments import, as installed here."""
    found: dict[str, Any] = {"python": platform.python_version(), "nanoresearch": __version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an optional library: its absence is worth recording too
            found[name] = "missing"
    return found
