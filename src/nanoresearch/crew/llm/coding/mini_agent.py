"""mini-swe-agent as a library: its loop, our models and our sandbox.

Its model is the role coder or debugger of the run, asked through the journal, so that it is budgeted and a resumed run
pays nothing twice. Its shell is the sandbox of experiments without any network. What each command printed is kept: a
turn that was cut off is walked through again with the same words.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage

from nanoresearch.config import CodingConfig
from nanoresearch.crew.llm.coding.agent import DATA_VARIABLE, FOLDER, TASK, keep_transcript
from nanoresearch.crew.llm.coding.dry_run import places_of
from nanoresearch.crew.llm.desk import RULES, Desk, material
from nanoresearch.errors import ModelError
from nanoresearch.execution.command import Command, run_command
from nanoresearch.execution.sandbox import require
from nanoresearch.paths import append_line, read_lines
from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.record import Record

COMMAND_S = 180.0
"""Seconds that one command may take."""

SHOWN_CHARACTERS = 10_000
DONE = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""What mini-swe-agent takes for the end of its task."""

INSTRUCTIONS = f"""{RULES}
You are a software engineer at a shell. In every step you give one bash command and see what it prints. You work in the
current folder alone; there is no network. Read {TASK}, CONTRACT.md, blueprint.json and NOTES.md first. Write files with
cat <<'EOF' > name.py. Try what you write. When the task is done, set `done`.
"""


class Step(BaseModel, use_attribute_docstrings=True):
    """One step at the shell."""

    thought: str = Field(max_length=4000)
    """What you want to find out or do, and why."""
    command: str = Field("", max_length=60_000)
    """A bash command."""
    done: bool = False
    """Whether the task is done; then no command is run."""


class Printed(Record):
    """What one command of a turn printed."""

    command: str
    """The command."""
    status: int
    """Exit status; -1 when it was ended."""
    output: str
    """Both streams, cut, without paths of this machine."""


class MiniAgent:
    """A driver of mini-swe-agent."""

    def __init__(self, config: CodingConfig) -> None:
        """Raises ModelError when it is not installed."""
        self._config = config
        try:
            _library()
        except ImportError as error:
            raise ModelError(
                f'coding.agent is "mini", and mini-swe-agent cannot be imported ({error}). '
                "Install it with: pip install 'nanoresearch[agent]'"
            ) from error

    def run(self, desk: Desk, folder: Path, name: str, hidden: Sequence[Path], readable: Sequence[Path]) -> str:
        """Let it work until it is done or its steps are spent."""
        default_agent = _library()
        shell = _Shell(desk, folder, name, tuple(hidden), tuple(readable))
        agent = default_agent(
            _Model(desk, "debugger" if name.startswith("debug") else "coder"),
            shell,
            system_template="{{task}}",
            instance_template="Begin.",
            step_limit=self._config.agent_steps,
            cost_limit=0.0,  # the run's own budget holds
            wall_time_limit_seconds=int(self._config.agent_timeout_s),
        )
        ended = str(agent.run((folder / TASK).read_text(encoding="utf-8")).get("exit_status", ""))
        said = "\n\n".join(f"{item.get('role')}: {item.get('content')}" for item in agent.messages)
        keep_transcript(desk, name, said)
        return {
            "Submitted": "done",
            "LimitsExceeded": "its steps were spent",
            "TimeExceeded": "its time was spent",
        }.get(ended, ended)


def _library() -> Any:
    """mini-swe-agent's agent. Its import would read settings of its own, keys included, into the environment."""
    with tempfile.TemporaryDirectory() as empty:
        before = {name: os.environ.get(name) for name in ("MSWEA_SILENT_STARTUP", "MSWEA_GLOBAL_CONFIG_DIR")}
        os.environ |= {"MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": empty}
        try:
            from minisweagent.agents.default import DefaultAgent
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    return DefaultAgent


class _Model:
    """What mini-swe-agent takes for a model: a role of the run."""

    def __init__(self, desk: Desk, role: Any) -> None:
        self.config: dict[str, Any] = {}
        self._desk = desk
        self._role = role
        self._agent = Agent(name="mini-swe-agent", output_type=Step, instructions=INSTRUCTIONS, retries=3)
        self._history: list[ModelMessage] = []
        self._told = 0

    def query(self, messages: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        """The next step."""
        new = [str(item["content"]) for item in messages[self._told :] if item["role"] != "assistant"]
        self._told = len(messages)
        answer = self._desk.models.ask(self._role, self._agent, "\n\n".join(new), history=self._history)
        self._history = answer.messages
        step = answer.output
        command = f"echo {DONE}" if step.done else step.command
        content = f"{step.thought}\n$ {command}"
        return {"role": "assistant", "content": content, "extra": {"actions": [{"command": command}], "cost": 0.0}}

    def format_message(self, **message: Any) -> dict[str, Any]:
        """A message as it is kept."""
        return message

    def format_observation_messages(
        self, message: dict[str, Any], outputs: list[dict[str, Any]], template_vars: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """What a command printed, as material."""
        return [
            {"role": "user", "content": f"exit status {item['returncode']}\n{material('output', item['output'])}"}
            for item in outputs
        ]

    def get_template_vars(self, **_: Any) -> dict[str, Any]:
        """Nothing: no prompt depends on the machine."""
        return {}

    def serialize(self) -> dict[str, Any]:
        """Nothing that is not in the journal."""
        return {}


class _Shell:
    """What mini-swe-agent takes for an environment: the sandbox."""

    def __init__(
        self, desk: Desk, folder: Path, name: str, hidden: tuple[Path, ...], readable: tuple[Path, ...]
    ) -> None:
        self.config: dict[str, Any] = {}
        self._desk = desk
        self._folder = folder
        self._name = name
        self._hidden = hidden
        self._readable = readable
        self._isolation: Isolation = desk.isolation or require(desk.config.execution.sandbox)
        self._log = desk.folder.path(f"{FOLDER}/{name}.jsonl")
        self._kept = read_lines(self._log, Printed)
        self._number = 0

    def execute(self, action: dict[str, Any], cwd: str = "") -> dict[str, Any]:
        """Run a command. What it printed the first time is what counts."""
        command = str(action.get("command", ""))
        if command == f"echo {DONE}":
            from minisweagent.exceptions import Submitted

            raise Submitted({"role": "exit", "content": "", "extra": {"exit_status": "Submitted", "submission": ""}})
        ran = self._run(command)
        earlier = self._kept[self._number] if self._number < len(self._kept) else None
        self._number += 1
        if earlier is not None and earlier.command == command:
            ran = earlier
        else:
            append_line(self._log, ran)
        return {"output": ran.output, "returncode": ran.status, "exception_info": ""}

    def get_template_vars(self, **_: Any) -> dict[str, Any]:
        """Nothing: no prompt depends on the machine."""
        return {}

    def serialize(self) -> dict[str, Any]:
        """Nothing that is not in the transcript."""
        return {}

    def _run(self, command: str) -> Printed:
        output = self._desk.folder.path(f"{FOLDER}/{self._name}-shell")
        output.mkdir(parents=True, exist_ok=True)
        ended = run_command(
            Command(
                words=("bash", "-c", command or "true"),
                folder=self._folder,
                output_folder=output,
                timeout_s=COMMAND_S,
                environment={DATA_VARIABLE: str(self._desk.home.data)},
                hidden=self._hidden,
                readable=self._readable,
            ),
            self._isolation,
        )
        text = (ended.stdout + ended.stderr)[-SHOWN_CHARACTERS:]
        for place, word in sorted(places_of(self._desk).items(), key=lambda item: -len(str(item[0]))):
            text = text.replace(str(place), word)
        text = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)
        status = ended.words.removeprefix("exit status ")
        code = int(status) if status.isdigit() else -1
        return Printed(command=command, status=code, output=text if code >= 0 else f"{text}\n[it {ended.words}]")
