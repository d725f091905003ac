"""The Python that a codebase runs with: the one that is there, or one made for what it asks for.

    CACHE/environments/ID/              bin/python, lib/...
    CACHE/environments/ID/environment.json     written last: without it the environment is not there
    CACHE/environments/wheels/          packages that were fetched, for the next environment
    CACHE/environments/.locks/ID.lock

An environment is made only when something is missing or has another version, from folders of wheels first and from a
package index only where the configuration allows that. Only wheels are installed, which runs nothing of theirs unless
`execution.setup.build` is set. Outside of the sandbox the Python of an environment is not started any more once
packages are in it: a package may run code whenever its Python starts. It is made where it stays, since the programs in
it know their place.
"""

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from nanoresearch.config import SetupConfig
from nanoresearch.errors import CorruptRecord, ExecutionError
from nanoresearch.events import plain
from nanoresearch.execution.cache import alone
from nanoresearch.execution.orders import clear
from nanoresearch.execution.requirements import (
    RequirementsUnmet,
    installed_packages,
    read_requirements,
    site_folders,
    unmet,
)
from nanoresearch.paths import read_record, write_atomic
from nanoresearch.schema.setup import SoftwareEnvironment

RECORD = "environment.json"
WHEELS = "wheels"
HANDED_ON = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "TMPDIR")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
LAST_WORDS = 3


@dataclass(frozen=True)
class Environment:
    """What experiment code is started with."""

    python: Path = Path(sys.executable)
    """Program."""
    readable: tuple[Path, ...] = ()
    """What must be readable beside this Python and the system."""
    packages: Path | None = None
    """Folder of its packages; None for this Python."""
    record: SoftwareEnvironment | None = None
    """What was made; None for this Python."""

    def copies(self, files: Iterable[Path]) -> tuple[Path, ...]:
        """Where this environment would have its own copies of files of this Python's packages."""
        if self.packages is None:
            return ()
        folders = site_folders()
        return tuple(
            self.packages / file.relative_to(folder)
            for file in files
            for folder in folders
            if file.is_relative_to(folder)
        )


HERE = Environment()
"""This Python, which runs NanoResearch."""

EnvironmentOf = Callable[[str], Environment]
"""From the text of a requirements.txt, empty when there is none. Raises RequirementsUnmet and ExecutionError."""


def this_python(requirements: str) -> Environment:
    """This Python, if it has what is asked for. Raises RequirementsUnmet, saying what is missing."""
    if missing := unmet(read_requirements(requirements)):
        raise RequirementsUnmet(
            f"The code asks for what this Python does not have: {'; '.join(missing)}. Install that, or use the local "
            "or the SLURM executor, which make environments."
        )
    return HERE


def environment_for(
    requirements: str, cache: Path, settings: SetupConfig, *, tell: Callable[[str], None] = lambda text: None
) -> Environment:
    """This Python if it has what is asked for, else an environment that has, made when it is not there yet.

    Raises RequirementsUnmet when that cannot be had under these settings, ExecutionError when it cannot be made for
    other reasons (disk, time, a lock). `tell` hears what is made, and what is missing where environments are off.
    """
    wanted = read_requirements(requirements)
    missing = unmet(wanted)
    if not missing:
        return HERE
    if settings.environments == "off":
        tell(f"Environments are off, and the code runs without what it asks for: {'; '.join(missing)}")
        return HERE
    name = _identity(wanted)
    folder = cache.absolute() / name
    with alone(cache, name, settings.timeout_s, "an environment for the code"):
        ready = _ready(folder, wanted)
        if ready is None:
            tell(f"Making an environment for the code: {'; '.join(missing)}")
            ready = _make(name, folder, wanted, missing, settings)
    return Environment(folder / "bin" / "python", (folder,), _packages(folder), ready)


def _identity(wanted: Sequence[Requirement]) -> str:
    """Digest of what is asked for and of the Python that it is for."""
    here = [sys.implementation.name, platform.python_version(), platform.machine(), sys.base_prefix]
    text = json.dumps([here, sorted(map(str, wanted))])
    return hashlib.sha256(text.encode()).hexdigest()


def _ready(folder: Path, wanted: Sequence[Requirement]) -> SoftwareEnvironment | None:
    """The record of an environment that is there and whole."""
    if not (folder / RECORD).is_file():
        return None
    try:
        record = read_record(folder / RECORD, SoftwareEnvironment)
    except CorruptRecord:
        return None
    whole = record.packages == installed_packages(_packages(folder)) and not unmet(wanted, [_packages(folder)])
    return record if whole else None


def _make(
    name: str, folder: Path, wanted: Sequence[Requirement], missing: Sequence[str], settings: SetupConfig
) -> SoftwareEnvironment:
    """Make an environment anew, from wheels at hand if that is possible."""
    try:
        kept = folder.parent / WHEELS
        folders = [Path(item).expanduser() for item in settings.wheels] + [kept]
        complaint = _install(folder, wanted, folders, settings)
        if complaint and settings.network:
            complaint = _fetch(folder, wanted, kept, settings) or _install(folder, wanted, folders, settings)
        if complaint:
            raise RequirementsUnmet(_advice(missing, complaint, settings, kept))
        if still := unmet(wanted, [_packages(folder)]):
            raise RequirementsUnmet(f"pip did not install what the code asks for: {'; '.join(still)}.")
        packages = installed_packages(_packages(folder))
        record = SoftwareEnvironment(
            id=name, python=platform.python_version(), requirements=tuple(map(str, wanted)), packages=packages
        )
        write_atomic(folder / RECORD, record.model_dump_json(indent=1) + "\n")
    except BaseException:  # also on Ctrl-C: a part of an environment is of no use
        clear(folder)
        raise
    return record


def _install(folder: Path, wanted: Sequence[Requirement], wheels: Sequence[Path], settings: SetupConfig) -> str:
    """Install from folders of wheels into a new environment, reaching no network. pip's complaint, or nothing."""
    _empty(folder)
    sources = [f"--find-links={item}" for item in wheels if item.is_dir()]
    alone = {"PIP_CONFIG_FILE": os.devnull}  # the configuration may name indexes, and folders at addresses
    return _pip(folder, settings, alone, "install", "--no-index", "--only-binary=:all:", *sources, *map(str, wanted))


def _fetch(folder: Path, wanted: Sequence[Requirement], kept: Path, settings: SetupConfig) -> str:
    """Fetch, or build where that is allowed, the wheels of everything that is wanted. pip's complaint, or nothing."""
    _empty(folder)
    kept.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower() in PROXIES}
    only = [] if settings.build else ["--only-binary=:all:"]
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".wheels.") as scratch:
        sources = [f"--wheel-dir={scratch}", f"--find-links={kept}"]
        if complaint := _pip(folder, settings, own, "wheel", *only, *sources, *map(str, wanted)):
            return complaint
        for wheel in Path(scratch).glob("*.whl"):
            wheel.replace(kept / wheel.name)
    return ""


def _empty(folder: Path) -> None:
    """A new environment without packages, whose Python may still be started."""
    clear(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        venv.EnvBuilder(symlinks=True, with_pip=find_spec("pip") is None).create(folder)
    except subprocess.CalledProcessError as error:
        raise ExecutionError(
            "An environment for the code cannot be made: there is no pip for it. Install it: apt-get install "
            "python3-pip python3-venv (Debian, Ubuntu), or python -m ensurepip."
        ) from error


def _pip(folder: Path, settings: SetupConfig, own: dict[str, str], *words: str) -> str:
    """Run pip for an environment that has no packages yet. Its complaint, or nothing. Raises ExecutionError."""
    python = str(folder / "bin" / "python")
    program = (
        [sys.executable, "-I", "-m", "pip", "--python", python] if find_spec("pip") else [python, "-I", "-m", "pip"]
    )
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ} | own
    options = ["--no-input", "--disable-pip-version-check", "--quiet"]
    with subprocess.Popen(
        [*program, words[0], *options, *words[1:]],
        env=environment | {"LC_ALL": "C", "PYTHONUTF8": "1"},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=settings.timeout_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise ExecutionError(
                f"An environment was not ready within {settings.timeout_s:g} s (execution.setup.timeout_s)."
            ) from error
        except BaseException:  # Ctrl-C reaches only us
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode == 0:
        return ""
    text = plain(said.decode(errors="replace"))
    if "No space left on device" in text or "Disk quota exceeded" in text:
        raise ExecutionError(f"The disk is full: an environment for the code does not fit into {folder.parent}.")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.partition("ERROR:")[2].strip() for line in lines if line.startswith("ERROR:")]
    return " / ".join((errors or lines)[-LAST_WORDS:]) or f"pip ended with status {process.returncode}"


def _advice(missing: Sequence[str], complaint: str, settings: SetupConfig, kept: Path) -> str:
    ways = [] if settings.network else ["allow it to be fetched with execution.setup.network=true"]
    ways += [f"put its wheels into {kept} or a folder of execution.setup.wheels", "ask for what is installed"]
    return (
        f"The code asks for what this Python does not have ({'; '.join(missing)}), and it could not be installed: "
        f"{complaint}. To go on, {', or '.join(ways)}. With execution.setup.environments=off it runs without."
    )


def _packages(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder), "platbase": str(folder)}))
