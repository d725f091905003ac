"""A model that replies from a script: for tests, and to replay a demonstration without a provider.

It is no language model, and everything it touches says so: its name begins with "scripted:" in run.json, the journal
and the paper. It never makes up a reply; when the script runs out, it fails.

A script file is JSON, with replies by role in the order in which they are asked for:

    {"roles": {"ideator": [{"tools": [{"name": "search", "args": {"query": "x"}}]}, {"output": {...}}],
               "writer": [{"text": "..."}]}}
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from nanoresearch.errors import ModelError
from nanoresearch.schema.models import ModelRole
from nanoresearch.schema.record import Record


@dataclass(frozen=True)
class ToolCall:
    """A reply that calls a tool."""

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)


Reply = str | BaseModel | Mapping[str, Any] | ToolCall | Sequence[ToolCall] | ModelResponse | Exception
"""Text; structured output, as a record or as values; one or several tool calls; a whole response; an error."""
Replies = Sequence[Reply] | Callable[[list[ModelMessage], AgentInfo], Reply]
"""Replies in order, or a function from what is asked."""


@dataclass(frozen=True)
class Asked:
    """One request that a script was given."""

    messages: list[ModelMessage]
    info: AgentInfo

    @property
    def text(self) -> str:
        """All that the user's side said, instructions first."""
        said = [self.info.instructions or ""]
        for message in self.messages:
            for part in message.parts:
                if isinstance(part, UserPromptPart):
                    content = [part.content] if isinstance(part.content, str) else part.content
                    said += [item for item in content if isinstance(item, str)]
        return "\n".join(said)


class ScriptedModel(FunctionModel):
    """Plays one role from a script, and records what it was asked."""

    def __init__(self, role: ModelRole, replies: Replies, *, name: str = "scripted:test", start: int = 0) -> None:
        """`start` is how many replies were given in earlier sittings of this run: the journal has those."""
        super().__init__(self._reply, model_name=name)
        self.role = role
        self.asked: list[Asked] = []
        self._replies = replies
        self._next = start

    def _reply(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked.append(Asked(messages, info))
        if callable(self._replies):
            reply = self._replies(messages, info)
        elif self._next < len(self._replies):
            reply = self._replies[self._next]
        else:
            raise ModelError(
                f"The script {self.model_name} has run out: the role {self.role} asks for reply number "
                f"{self._next + 1}, and there are {len(self._replies)}. Last asked: {self.asked[-1].text[-200:]!r}"
            )
        self._next += 1
        return self._response(reply, info)

    def _response(self, reply: Reply, info: AgentInfo) -> ModelResponse:
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, ModelResponse):
            return reply
        if isinstance(reply, str):
            return ModelResponse(parts=[TextPart(reply)], finish_reason="stop")
        if isinstance(reply, ToolCall):
            reply = [reply]
        if isinstance(reply, BaseModel):
            reply = reply.model_dump(mode="json")
        if isinstance(reply, Mapping):
            if not info.output_tools:
                return ModelResponse(parts=[TextPart(json.dumps(reply, ensure_ascii=False))], finish_reason="stop")
            return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, dict(reply))])
        return ModelResponse(parts=[ToolCallPart(call.name, dict(call.args)) for call in reply])


class ScriptedTool(Record):
    """A tool call in a script file."""

    name: str
    """Of the tool."""
    args: dict[str, Any] = Field(default_factory=dict)
    """Its arguments."""


class ScriptedReply(Record):
    """One reply in a script file: exactly one of the three."""

    text: str | None = None
    """Plain text."""
    output: dict[str, Any] | None = None
    """Structured output."""
    tools: tuple[ScriptedTool, ...] | None = None
    """Tool calls."""

    @model_validator(mode="after")
    def _one(self) -> "ScriptedReply":
        if sum(item is not None for item in (self.text, self.output, self.tools)) != 1:
            raise ValueError("give exactly one of text, output, tools")
        return self

    def reply(self) -> Reply:
        """As ScriptedModel takes it."""
        if self.tools is not None:
            return [ToolCall(tool.name, tool.args) for tool in self.tools]
        return self.text if self.text is not None else self.output or {}


class ScriptFile(Record):
    """A script for several roles."""

    roles: dict[ModelRole, tuple[ScriptedReply, ...]]
    """Replies by role."""


def read_script(path: Path) -> dict[ModelRole, list[Reply]]:
    """Replies by role from a file. Raises ModelError saying what is wrong with it."""
    try:
        script = ScriptFile.model_validate_json(path.expanduser().read_bytes())
    except OSError as error:
        raise ModelError(f"The script {path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelError(f"The script {path} is not one: {place}: {first['msg']}.") from error
    return {role: [item.reply() for item in replies] for role, replies in script.roles.items()}
