"""Looks at the machine: what runs need, what makes them better, and the command that gets it."""

import contextlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from nanoresearch.assemble import LIBRARIES, model_problems, require_model_libraries
from nanoresearch.config import ExecutionConfig, ModelsConfig, load_config
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.stage import status
from nanoresearch.errors import ExecutionError, LiteratureError, ModelError, NanoResearchError, StoreError
from nanoresearch.execution.sandbox import INSTALL, UNSAFE, probe_isolation
from nanoresearch.execution.slurmqueue import partition_names
from nanoresearch.experience.store import ExperienceStore
from nanoresearch.literature.library import Library
from nanoresearch.literature.sources import ON_THE_NETWORK, network_client
from nanoresearch.models.routing import Route, routes
from nanoresearch.paper.compile import INSTALL_LATEX, INSTALL_PUBLISHERS, PUBLISHER_PACKAGES, find_latex
from nanoresearch.paths import Home
from nanoresearch.profiles import load_profile
from nanoresearch.schema.record import Record

LEAST_DISK_GB = 0.5
DEVICES = Path("/dev")
ASK_S = 10.0
"""Seconds that a tool of a driver may take."""


class Check(Record):
    """One thing looked at."""

    name: str
    """What."""
    state: Literal["ok", "missing", "essential"]
    """There, missing but not needed for every run, or missing and needed."""
    found: str
    """What was seen."""
    remedy: str = ""
    """Command that mends it."""


def examine(home: Home, *, online: bool = False) -> list[Check]:
    """Every check, in the order in which a run needs them; asks servers only when told to."""
    return [
        *_python(),
        *_home(home),
        *_settings(home),
        *_git(),
        *_isolation(home),
        *_latex(),
        *_machine(),
        *_graphics(),
        *_slurm(home),
        *_data(home),
        *_own_data(home),
        *_experience(home),
        *_library(home),
        *_models(home),
        *(_servers(home) if online else ()),
    ]


def _python() -> Iterator[Check]:
    yield Check(name="Python", state="ok", found=platform.python_version())
    missing = []
    for name in LIBRARIES:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Check(
            name="libraries",
            state="essential",
            found=f"missing: {', '.join(missing)}",
            remedy=f"pip install {' '.join(missing)}",
        )
    else:
        yield Check(name="libraries", state="ok", found=", ".join(f"{name} {version(name)}" for name in LIBRARIES))


def _home(home: Home) -> Iterator[Check]:
    try:
        home.check_writable()
    except NanoResearchError as error:
        yield Check(name="home", state="essential", found=str(error), remedy="export NANORESEARCH_HOME=FOLDER")
        return
    free = shutil.disk_usage(home.root).free / 1e9
    enough = free >= LEAST_DISK_GB
    yield Check(
        name="home",
        state="ok" if enough else "essential",
        found=f"{home.root}, {free:.1f} GB free",
        remedy="" if enough else "free some space, or set NANORESEARCH_HOME to another disk",
    )


def _settings(home: Home) -> Iterator[Check]:
    try:
        config = load_config(home.config_file)
        load_profile(home, config.profile)
    except NanoResearchError as error:
        yield Check(name="settings", state="essential", found=str(error), remedy="edit that file")
        return
    yield Check(name="settings", state="ok", found=f"profile {config.profile}, crew {config.crew}")


def _git() -> Iterator[Check]:
    if shutil.which("git") is None:
        yield Check(name="git", state="essential", found="missing", remedy="apt-get install git")
        return
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    yield Check(name="git", state="ok", found=said)


def _isolation(home: Home) -> Iterator[Check]:
    """What isolates on this machine; nodes of a cluster look for themselves when a job starts."""
    execution = ExecutionConfig()
    with contextlib.suppress(NanoResearchError):  # told under settings
        execution = load_config(home.config_file).execution
    choice, elsewhere = execution.sandbox, execution.executor == "slurm"
    found = probe_isolation("auto" if choice == "off" else choice)
    seen = "; ".join((found.words(), *found.missing))
    if found.kind == "none":
        remedy = f"install bubblewrap: {INSTALL}; or run with {UNSAFE}"
        found_here = f"on this machine {seen}; nodes of the cluster look for themselves" if elsewhere else seen
        yield Check(name="isolation", state="missing" if elsewhere else "essential", found=found_here, remedy=remedy)
    elif choice == "off":
        remedy = "remove execution.sandbox from the configuration"
        yield Check(name="isolation", state="missing", found=f"switched off; there is {found.words()}", remedy=remedy)
    elif found.kind == "landlock":
        yield Check(name="isolation", state="missing", found=seen, remedy=f"better with bubblewrap: {INSTALL}")
    else:
        yield Check(name="isolation", state="ok", found=found.words())


def _latex() -> Iterator[Check]:
    if find_latex() is None:
        yield Check(
            name="LaTeX",
            state="missing",
            found="missing: papers stay without PDF",
            remedy=f"{INSTALL_LATEX} {' '.join(PUBLISHER_PACKAGES)}",
        )
        return
    yield Check(name="LaTeX", state="ok", found=str(find_latex()))
    finder = shutil.which("kpsewhich")
    there = finder and subprocess.run([finder, "IEEEtran.cls"], capture_output=True, check=False).returncode == 0
    yield Check(
        name="IEEE format",
        state="ok" if there else "missing",
        found="IEEEtran.cls" if there else "missing: --format ieee will not compile",
        remedy="" if there else INSTALL_PUBLISHERS,
    )


def _machine() -> Iterator[Check]:
    yield Check(name="cores", state="ok", found=str(os.cpu_count() or "unknown"))


def _graphics() -> Iterator[Check]:
    """Graphics cards that experiments see; none is no fault."""
    found = [*_nvidia(), *_amd()]
    yield from found or [Check(name="GPU", state="ok", found="none: experiments run on the processor")]


def _nvidia() -> Iterator[Check]:
    devices = sorted(path.name for path in DEVICES.glob("nvidia[0-9]*"))
    if shutil.which("nvidia-smi") is None:
        if devices:
            yield Check(
                name="GPU",
                state="missing",
                found=f"{', '.join(devices)}, but no nvidia-smi to ask",
                remedy="install NVIDIA's driver with its tools",
            )
        return
    said, complaint = _ask("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    rows = [[word.strip() for word in line.split(",")] for line in said.splitlines() if line.count(",") == 2]
    if complaint or not rows:
        remedy = "mend NVIDIA's driver; a restart often does"
        yield Check(name="GPU", state="missing", found=f"nvidia-smi: {complaint or 'no card'}", remedy=remedy)
        return
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    only = "" if hidden is None else f"; experiments see CUDA_VISIBLE_DEVICES={hidden!r}"
    for name, memory, driver in rows:
        yield Check(name="GPU", state="ok", found=f"{name}, {memory}, driver {driver}{only}")


def _amd() -> Iterator[Check]:
    if shutil.which("rocm-smi") is None:
        if (DEVICES / "kfd").exists():
            yield Check(
                name="GPU",
                state="missing",
                found="/dev/kfd, but no rocm-smi to ask",
                remedy="install AMD's ROCm with its tools",
            )
        return
    said, complaint = _ask("rocm-smi", "--showproductname", "--json")
    try:
        cards = [facts for name, facts in json.loads(said).items() if name.startswith("card")]
        names = [str(facts.get("Card Series") or facts.get("Card series") or "AMD") for facts in cards]
    except (ValueError, AttributeError):
        names, complaint = [], complaint or "its answer cannot be read"
    if complaint or not names:
        yield Check(name="GPU", state="missing", found=f"rocm-smi: {complaint or 'no card'}", remedy="mend ROCm")
    for name in names:
        yield Check(name="GPU", state="ok", found=name)


def _ask(*command: str) -> tuple[str, str]:
    """What a tool says, and why it failed if it did."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=False, errors="replace")
    except subprocess.TimeoutExpired:
        return "", f"no answer in {ASK_S:g} s"
    except OSError as error:
        return "", str(error)
    words = " ".join((done.stderr or done.stdout).split())[:200]
    return done.stdout, (words or f"status {done.returncode}") if done.returncode else ""


def _slurm(home: Home) -> Iterator[Check]:
    """Whether experiments can run on a cluster: essential when the configuration says that they do."""
    wanted = False
    with contextlib.suppress(NanoResearchError):  # which _settings tells
        wanted = load_config(home.config_file).execution.executor == "slurm"
    without: Literal["missing", "essential"] = "essential" if wanted else "missing"
    if shutil.which("sinfo") is None:
        remedy = "run on a login node of the cluster, or set execution.executor to local" if wanted else ""
        yield Check(name="SLURM", state=without, found="not on this machine; --executor slurm needs it", remedy=remedy)
        return
    try:
        partitions = partition_names()
    except ExecutionError as error:
        yield Check(name="SLURM", state=without, found=str(error), remedy="ask who runs the cluster, or try sinfo")
        return
    missing = find_spec("submitit") is None
    yield Check(
        name="SLURM",
        state=without if missing else "ok",
        found=f"partitions {', '.join(partitions)}" + ("; submitit is missing" if missing else ""),
        remedy="pip install 'nanoresearch[slurm]'" if missing else "",
    )


def _data(home: Home) -> Iterator[Check]:
    cards = load_catalogue()
    states = {name: status(card, home.data) for name, card in cards.items()}
    free = [name for name, card in cards.items() if states[name] == "missing" and not card.by_name_only]
    broken = [name for name, state in states.items() if state == "corrupt"]
    here = sum(state == "present" for state in states.values())
    yield Check(
        name="data",
        state="missing" if free else "ok",
        found=f"{here} of {len(cards)} data sets are here",
        remedy="nanoresearch data fetch all" if free else "",
    )
    if broken:
        yield Check(
            name="damaged data",
            state="missing",
            found=", ".join(broken),
            remedy=f"nanoresearch data fetch {' '.join(broken)}",
        )


def _own_data(home: Home) -> Iterator[Check]:
    """Files and folders that data.files names. Addresses are not asked."""
    try:
        files = load_config(home.config_file).data.files
    except NanoResearchError:
        return  # told above
    for name, file in files.items():
        problem = _unreadable(Path(file.path).expanduser())
        yield Check(
            name=f"data.files.{name}",
            state="missing" if problem else "ok",
            found=problem or str(file.path),
            remedy=f"correct the path in {home.config_file}, or its permissions" if problem else "",
        )


def _unreadable(path: Path) -> str:
    """Why a file, or a folder with all that is in it, cannot be read; empty when it can."""
    try:
        if path.is_file():
            path.open("rb").close()
            return ""
        if not path.is_dir():
            return f"{path} is no file or folder"
        files = [item for item in sorted(path.rglob("*")) if item.is_file()]
        for file in files:
            file.open("rb").close()
    except OSError as error:
        return f"{error.filename or path} cannot be read: {error.strerror or error}"
    return "" if files else f"{path} holds no files"


def _experience(home: Home) -> Iterator[Check]:
    """A damaged store keeps runs from learning, not from running."""
    try:
        with ExperienceStore(home.experience) as store:
            skills, memories = store.skills(), store.memories(current=False)
            problems = store.unreadable()
    except StoreError as error:
        yield Check(name="experience", state="missing", found=str(error))  # which says what to do
        return
    trusted = sum(skill.status == "trusted" for skill in skills)
    yield Check(
        name="experience",
        state="ok",
        found=f"{len(skills)} skills, {trusted} of them trusted; {len(memories)} memories",
    )
    if problems:
        yield Check(
            name="unreadable experience",
            state="missing",
            found=f"{len(problems)}: {' '.join(problems[:3])}" + (" ..." if len(problems) > 3 else ""),
            remedy="restore a copy of experience.db; until then they are skipped",
        )


def _library(home: Home) -> Iterator[Check]:
    """A damaged library is told by runs as a degraded survey."""
    try:
        works, files = Library(home.library).counts()
    except LiteratureError as error:
        yield Check(name="library", state="missing", found=str(error))  # which says what to do
        return
    yield Check(name="library", state="ok", found=f"{works} works of {files} files" if files else "empty")


def _models(home: Home) -> Iterator[Check]:
    """Whether every role of the language-model crew has a model and a key; nothing is asked."""
    try:
        config = load_config(home.config_file)
    except NanoResearchError:
        return  # told above
    if config.crew != "llm" and config.models == ModelsConfig():
        yield Check(name="models", state="ok", found="none configured; the builtin crew needs none")
        return
    try:
        require_model_libraries()
    except ModelError as error:
        yield Check(name="models", state="missing", found=str(error))
        return
    problems = model_problems(config)
    names = {way.model for way in routes(config.models).values() if isinstance(way, Route)}
    yield Check(
        name="models",
        state="missing" if problems else "ok",
        found=" ".join(problems) or f"{', '.join(sorted(names))}; reachable? nanoresearch models list --check",
    )


def _servers(home: Home) -> Iterator[Check]:
    """One question to each literature server. Answers that are kept do not count: the server itself must answer."""
    try:
        settings = load_config(home.config_file).literature.model_copy(update={"cache_days": 0.0})
    except NanoResearchError:
        return  # told above
    for name in ON_THE_NETWORK:
        try:
            found = f"answers, {len(network_client(name, settings, home).search('machine learning', 1))} hit"
        except LiteratureError as error:
            yield Check(name=name, state="missing", found=str(error))
            continue
        yield Check(name=name, state="ok", found=found)
