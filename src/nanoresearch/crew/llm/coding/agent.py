"""The second sibling of coder and debugger: an external coding agent writes, and is held to the same contract.

The agent works in a folder of its own with the task, the contract, the blueprint and the trusted files. What it leaves
there is read back: Python files only, trusted ones restored, keys taken out. Then come the same static check and dry
run as for any program, and what they find is handed back for further turns. Every turn that ended is kept under
coding/agent/, so that a resumed run pays for none twice.

Isolation: the command runs in the sandbox of experiments, with one folder that it may change, the environment variables
that coding.agent_env names, and no network unless coding.agent_network is set; most agents need it to ask their
provider, and it is then the whole network. In studies of a kit it does not get the data, which are judged from outside.
"""

import hashlib
import os
import re
import shlex
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nanoresearch.config import CodingConfig
from nanoresearch.crew.llm.coding.base_repository import base_repository, built_on, copy_of
from nanoresearch.crew.llm.coding.coder import LlmCoder, study_text, trouble, warn_if_unused
from nanoresearch.crew.llm.coding.contract import MOST_CHARACTERS, RESERVED, Contract, check_program
from nanoresearch.crew.llm.coding.debugger import LlmDebugger, refused, repeated
from nanoresearch.crew.llm.coding.dry_run import can_dry_run, dry_run, places_of, plain_failure
from nanoresearch.crew.llm.coding.edits import PLAIN_WORDS
from nanoresearch.crew.llm.coding.judge import judge_for
from nanoresearch.crew.llm.coding.program import contract_of, finished, is_own, starting_point
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Briefing, Coder, Debugger
from nanoresearch.errors import ConfigError, ExecutionError
from nanoresearch.execution.command import Command, run_command
from nanoresearch.execution.repository import UPSTREAM
from nanoresearch.execution.sandbox import require
from nanoresearch.models.routing import hide, secrets
from nanoresearch.paths import write_atomic
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.dataset import USERS
from nanoresearch.schema.experiment import Attempt, Failure, Patch, Program
from nanoresearch.schema.record import Record
from nanoresearch.schema.setup import PinnedRepository

FOLDER = "coding/agent"
MINI = "mini"
"""What coding.agent is for mini-swe-agent; anything else is a command."""

TASK, CONTRACT, BLUEPRINT, NOTES, CURE = "TASK.md", "CONTRACT.md", "blueprint.json", "NOTES.md", "CURE.md"
DATA_VARIABLE = "NANORESEARCH_DATA"
"""Where run.py looks for data."""

MOST_FILES = 40
TRANSCRIPT_CHARACTERS = 400_000


class Turn(Record):
    """What one turn of an agent left behind."""

    ended: str
    """How it ended, in words."""
    files: dict[str, str]
    """Python files that it wrote or changed, by name, trusted ones left out."""
    undone: tuple[str, ...] = ()
    """Trusted files that it had changed."""
    ignored: tuple[str, ...] = ()
    """What else it left and nobody reads."""
    note: str = ""
    """Its words about a cure, if it was asked for one."""


class Driver(Protocol):
    """One way to let an agent work."""

    def run(self, desk: Desk, folder: Path, name: str, hidden: Sequence[Path], readable: Sequence[Path]) -> str:
        """Let it work in a folder until it ends, and say how it ended. `name` is that of the turn, for its records."""
        ...


class CommandAgent:
    """Any agent with a command line."""

    def __init__(self, config: CodingConfig) -> None:
        """Raises ConfigError when the template is not one."""
        self._config = config
        try:
            self._words = shlex.split(config.agent)
            for word in self._words:
                word.format(folder="", task_file="")
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise ConfigError(
                f"coding.agent {config.agent!r} is no command: it may hold {{folder}} and {{task_file}} ({error})."
            ) from error

    def run(self, desk: Desk, folder: Path, name: str, hidden: Sequence[Path], readable: Sequence[Path]) -> str:
        """Run the command. Raises ExecutionError when there is no such program."""
        config = self._config
        given = {key: os.environ[key] for key in config.agent_env if key in os.environ}
        if missing := sorted(set(config.agent_env) - set(given)):
            desk.events.emit("warning", f"the coding agent goes without {', '.join(missing)}: not in the environment")
        isolation = desk.isolation or require(desk.config.execution.sandbox)
        if isolation.kind == "none":
            desk.events.emit("warning", "the coding agent runs without a sandbox: with all that you can read and reach")
        output = desk.folder.path(f"{FOLDER}/{name}")
        output.mkdir(parents=True, exist_ok=True)
        command = Command(
            words=tuple(word.format(folder=folder, task_file=folder / TASK) for word in self._words),
            folder=folder,
            output_folder=output,
            timeout_s=config.agent_timeout_s,
            environment={DATA_VARIABLE: str(desk.home.data)} | given,
            readable=(*(Path(item).expanduser() for item in config.agent_readable), *readable),
            hidden=tuple(hidden),
            network=config.agent_network,
        )
        try:
            ended = run_command(command, isolation)
        finally:
            shutil.rmtree(output, ignore_errors=True)  # what it printed may hold keys; the transcript does not
        said = f"$ {config.agent}\n{ended.words}\n\n{ended.stdout}\n{ended.stderr}"
        keep_transcript(desk, name, said)
        return ended.words


def keep_transcript(desk: Desk, name: str, text: str) -> None:
    """Write what an agent said in a turn, without keys."""
    clean = hide(text, secrets(desk.config.coding.agent_env))
    write_atomic(desk.folder.path(f"{FOLDER}/{name}.log"), clean[-TRANSCRIPT_CHARACTERS:])


def driver_for(config: CodingConfig) -> Driver:
    """The agent that the configuration names. Raises ConfigError, or ModelError where mini-swe-agent is missing."""
    if config.agent == MINI:
        from nanoresearch.crew.llm.coding.mini_agent import MiniAgent

        return MiniAgent(config)
    return CommandAgent(config)


def coder_for(desk: Desk) -> Coder:
    """An external agent where the configuration names one, else a language model that writes file by file."""
    return AgentCoder(desk) if desk.config.coding.agent else LlmCoder(desk)


def debugger_for(desk: Desk) -> Debugger:
    """Likewise."""
    return AgentDebugger(desk) if desk.config.coding.agent else LlmDebugger(desk)


class AgentCoder:
    """A coder that is an external agent."""

    def __init__(self, desk: Desk, driver: Driver | None = None) -> None:
        self._desk = desk
        self._driver = driver or driver_for(desk.config.coding)

    def write(self, briefing: Briefing, blueprint: Blueprint) -> Program:
        """The codebase, which ran once. Raises ExecutionError when the agent's turns are spent before."""
        base = base_repository(self._desk, blueprint)
        contract = contract_of(briefing, blueprint, self._desk.config.coding, base)
        notes = study_text(self._desk, briefing, blueprint, contract, base)
        start = starting_point(blueprint)
        written: dict[str, str] = {"models.py": start} if start else {}
        found, ended = "", ""
        for number in range(1, self._desk.config.coding.rounds + 2):
            name = f"write-{number}"
            pinned = copy_of(self._desk, base) if base else None
            turn = take_turn(self._desk, self._driver, name, blueprint, contract, written, notes, found, pinned)
            written, ended = turn.files, turn.ended
            pinned = copy_of(self._desk, base) if base else None  # an agent without a sandbox can have changed it
            complaints = check_program({**written, **contract.trusted}, contract)
            failure: Failure | None = None
            if not complaints:
                files = finished(briefing, blueprint, contract, written, pinned)
                run = dry_run(self._desk, blueprint, files, pinned) if can_dry_run(self._desk) else None
                if run is None or run.failure is None:
                    warn_if_unused(self._desk, contract, files, pinned)
                    return Program(files=files, base=pinned)
                failure = run.failure
            found = trouble(complaints, failure)
        what = failure.signature if failure else "; ".join(complaints[:3])
        for path in self._desk.folder.path(FOLDER).glob("write-*.json*"):
            path.rename(path.with_name(f"{path.name}.useless"))  # a resumed run asks the agent anew
        raise ExecutionError(
            f"The coding agent took {number} turns, and its program still does not work: {what}. "
            f"Its last turn: {ended}. What it said is in {self._desk.folder.path(FOLDER)}."
        )


class AgentDebugger:
    """A debugger that is an external agent."""

    def __init__(self, desk: Desk, driver: Driver | None = None) -> None:
        self._desk = desk
        self._driver = driver or driver_for(desk.config.coding)

    def patch(
        self,
        briefing: Briefing,
        blueprint: Blueprint,
        files: dict[str, str],
        failure: Failure,
        attempts: Sequence[Attempt],
    ) -> Patch | None:
        """What the agent changed, if that is within a debugger's reach; None when it changes nothing that helps."""
        base = built_on(self._desk, blueprint)
        contract = contract_of(briefing, blueprint, self._desk.config.coding, base)
        notes = study_text(self._desk, briefing, blueprint, contract, base, anew=False)
        pinned = copy_of(self._desk, base) if base else None
        error = trouble([], plain_failure(failure, places_of(self._desk), blueprint))
        own = {name: text for name, text in files.items() if name.endswith(".py") and name not in RESERVED}
        current = {name: text for name, text in own.items() if name not in contract.trusted}
        found, written = f"{prompt('debugger')}\n{error}", current
        for number in range(1, self._desk.config.coding.rounds + 2):
            name = f"debug-{_digest(files, failure, attempts)}-{number}"
            turn = take_turn(
                self._desk, self._driver, name, blueprint, contract, written, notes, found, pinned, cure=True
            )
            changed = {name: text for name, text in turn.files.items() if current.get(name) != text}
            if not changed or repeated(self._desk, changed, failure, attempts):
                self._desk.events.emit("decision", f"the coding agent knows no cure ({turn.ended})")
                return None
            complaints = [words] if (words := refused(files, changed, contract)) else []
            complaints = complaints or check_program({**current, **changed, **contract.trusted}, contract)
            if not complaints:
                fix, reason = _cure(turn.note, sorted(changed), attempts)
                return Patch(fix=fix, reason=reason, files=changed)
            written = current | {name: text for name, text in changed.items() if not words}
            found = f"{prompt('debugger')}\n{error}\n\n{trouble(complaints, None)}"
        return None


def take_turn(
    desk: Desk,
    driver: Driver,
    name: str,
    blueprint: Blueprint,
    contract: Contract,
    written: Mapping[str, str],
    notes: str,
    found: str,
    base: PinnedRepository | None,
    *,
    cure: bool = False,
) -> Turn:
    """One turn of an agent, or the record of it. `found` is what is wrong with what it, or somebody, wrote before.

    `base`: code of others to build on, which the agent reads and cannot change.
    """
    record = f"{FOLDER}/{name}.json"
    if desk.folder.has(record):
        return desk.folder.load(record, Turn)
    folder = desk.folder.path(f"{FOLDER}/work")
    shutil.rmtree(folder, ignore_errors=True)
    private = () if desk.config.coding.agent_data else USERS
    shown = [item for item in blueprint.datasets if item.folder and item.card.carrier not in private]
    data = [desk.home.data / str(staged.folder) for staged in shown if is_own(blueprint)]
    placed = {
        **written,
        **contract.trusted,
        TASK: _task(blueprint, contract, found, built=base is not None, cure=cure),
        CONTRACT: prompt("contract"),
        BLUEPRINT: blueprint.model_dump_json(indent=1) + "\n",
        NOTES: notes,
    }
    for path, text in placed.items():
        write_atomic(folder / path, text)
    if base:
        (folder / UPSTREAM).symlink_to(base.path)
        data.append(base.path)
    desk.events.emit("progress", f"the coding agent begins turn {name}")
    ended = driver.run(desk, folder, name, judge_for(blueprint).hidden, data)
    turn = _read_back(desk, folder, placed, contract, ended)
    shutil.rmtree(folder, ignore_errors=True)
    desk.folder.save(record, turn)
    desk.events.emit("progress", f"the coding agent's turn {name}: {ended}; files: {', '.join(sorted(turn.files))}")
    if turn.undone:
        desk.events.emit("warning", f"the coding agent changed {', '.join(turn.undone)}: the originals were put back")
    return turn


def _read_back(desk: Desk, folder: Path, placed: Mapping[str, str], contract: Contract, ended: str) -> Turn:
    """What lies in the folder: plain Python files of a sensible size; links and all else are left alone."""
    files: dict[str, str] = {}
    undone, ignored, note = [], [], ""
    hidden = secrets(desk.config.coding.agent_env)
    for path in sorted(folder.iterdir()):
        text = _plain_text(path)
        if path.name in contract.trusted:
            undone += [path.name] if text != contract.trusted[path.name] else []
        elif text is not None and path.name == CURE:
            note = hide(text, hidden)[:1000]
        elif text is not None and path.suffix == ".py" and len(files) < MOST_FILES:
            files[path.name] = hide(text, hidden)
        elif path.name not in placed and path.name not in ("__pycache__", UPSTREAM):
            ignored.append(path.name)
    undone += [name for name in contract.trusted if not (folder / name).exists()]
    return Turn(ended=ended, files=files, undone=tuple(undone), ignored=tuple(ignored[:MOST_FILES]), note=note)


def _plain_text(path: Path) -> str | None:
    """Text of a regular file that is not too long; None for everything else."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > 4 * MOST_CHARACTERS:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _task(blueprint: Blueprint, contract: Contract, found: str, *, built: bool, cure: bool) -> str:
    own = is_own(blueprint)
    text = prompt("agent").format(
        files=", ".join(contract.written),
        trusted=", ".join(sorted(contract.trusted)),
        packages=", ".join(sorted(contract.packages)),
        python=Path(sys.executable).name,
        seed=blueprint.seeds[0],
        data="it finds the data by itself" if own else "but the data are not here, so that nobody sees the test part",
    )
    if built:
        text += f"- {UPSTREAM}/ holds code to build on and stays as it is. `NOTES.md` lists its modules.\n"
    if cure:
        text += (
            f"\nWrite the name of the cure (small letters and _) and, below it, its reason in a sentence to {CURE}.\n"
        )
    return f"{text}\n# What is wrong with the program as it is\n\n{found}\n" if found else text


def _cure(note: str, changed: Sequence[str], attempts: Sequence[Attempt]) -> tuple[str, str]:
    """Name and reason of a cure, in words that a paper can print; plain ones where the agent gave none."""
    first, _, rest = note.strip().partition("\n")
    tried = {attempt.patch for attempt in attempts}
    name, reason = first.strip().lower().replace(" ", "_"), " ".join(rest.split())
    if not re.fullmatch(r"[a-z][a-z_]{2,47}", name) or name in tried:
        name = "change_by_agent" + "_again" * sum(1 for item in tried if (item or "").startswith("change_by_agent"))
    if not reason or not re.match(PLAIN_WORDS, reason):
        reason = f"The coding agent changed {', '.join(item.removesuffix('.py') for item in changed)}."
    return name, reason


def _digest(files: Mapping[str, str], failure: Failure, attempts: Sequence[Attempt]) -> str:
    parts = [*(f"{name}\0{text}" for name, text in sorted(files.items())), failure.signature, str(len(attempts))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
