"""The only place where objects are wired together."""

import platform
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nanoresearch import __version__
from nanoresearch.config import Config, validate
from nanoresearch.crew.builtin.crew import builtin_crew
from nanoresearch.crew.roles import Crew
from nanoresearch.errors import UsageError
from nanoresearch.events import EventFile, Events, Listener, now_utc
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.paths import Home, RunFolder
from nanoresearch.planner.planner import FixedPlanner
from nanoresearch.runlog import RUN_FILE, RunLog
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import RunRecord
from nanoresearch.stages.workplace import Workplace

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "statsmodels", "networkx", "matplotlib")


@dataclass(frozen=True)
class RunRequest:
    """What a user asks for."""

    topic: str
    profile: Profile
    config: Config
    seed: int = 0


def create_run(home: Home, request: RunRequest) -> RunFolder:
    """A new run folder with its head record, once the crew accepts the topic.

    Raises UsageError for an empty topic, TopicRefused for one that the crew cannot serve, and NanoResearchError when
    the home cannot be written. Nothing is left behind then.
    """
    topic = " ".join(request.topic.split())
    if not topic:
        raise UsageError('The topic is empty. Say what to study: nanoresearch run "TOPIC"')
    crew_for(request.config, OfflineCorpus()).surveyor.accept(topic, request.profile)
    home.check_writable()
    now = now_utc()
    folder = _new_folder(home, topic, now)
    record = RunRecord(
        id=folder.id,
        topic=topic,
        profile=request.profile,
        config=request.config.model_dump(mode="json"),
        seed=request.seed,
        versions=library_versions(),
        status="running",
        created=now.isoformat(timespec="seconds"),
        updated=now.isoformat(timespec="seconds"),
    )
    folder.save(RUN_FILE, record)
    return folder


def open_workplace(home: Home, folder: RunFolder, *listeners: Listener, minutes: float | None = None) -> Workplace:
    """Everything that a run needs, as its head record asks. Raises CorruptRecord or ConfigError."""
    record: RunRecord = folder.load(RUN_FILE, RunRecord)
    config = validate(Config, record.config, f"{folder.path(RUN_FILE)}: config")
    events = Events(EventFile(folder.path("events.jsonl")), *listeners)
    corpus = OfflineCorpus()
    return Workplace(
        topic=record.topic,
        profile=record.profile,
        seed=record.seed,
        config=config,
        folder=folder,
        data_root=home.data,
        crew=crew_for(config, corpus),
        planner=FixedPlanner(),
        literature=(corpus,),
        executor=LocalExecutor(),
        events=events,
        log=RunLog(folder, events, minutes=minutes),
    )


def crew_for(config: Config, corpus: OfflineCorpus) -> Crew:
    """The crew that the configuration names."""
    crews = {"builtin": builtin_crew}
    return crews[config.crew](corpus)


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
