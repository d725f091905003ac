"""The journal of model calls: every reply that was paid for, found again by what was asked.

The key is the hash of the request, and beside it the step of the run, the lane (which of several equal asks made at
once) and a number: the how-manieth time this is asked in this step and lane. So asking the same thing three times asks
three times, as sampling wants, and a resumed run, which begins its unfinished step anew and counts from one again, is
handed the same three replies in the same order. Counting over the whole run would not do: finished steps are not asked
again, and the second of two equal requests would be given the reply to the first.

A request is noted before it is sent, and the note goes when its reply is kept. A note that a later sitting finds is a
request whose reply was lost with a killed process: it has to be asked again, and the provider may charge for both. No
order of writes here can close that window, since the charge arises elsewhere; so what falls into it is counted. A note
that cannot be read counts as well, as a request of which nothing is known.

Files of a request that several sittings leave behind are numbered, so that none takes another's place.

Knows nothing of providers. Not for several processes: the run's lock keeps others out.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from nanoresearch.errors import CorruptRecord
from nanoresearch.events import Events
from nanoresearch.models.routing import hide
from nanoresearch.paths import RunFolder, read_record, write_atomic
from nanoresearch.schema.models import Call, ModelRole, Sent

FOLDER = "calls"
DAMAGED = ".damaged"
"""Suffix of entries and notes that cannot be read."""
USELESS = ".useless"
"""Suffix of entries of asks that came to nothing: replies that never validated, or were cut off."""
SENT = ".sent"
"""Suffix of notes of requests that are on their way."""
LOST = ".lost"
"""Suffix of such notes whose reply never came to be kept: the process ended in between."""
PART_NOISE = ("timestamp", "id", "provider_name", "provider_details", "tool_call_id", "metadata", "context_id")
"""Of a message's part: times and generated ids."""
TRANSPORT = ("timeout", "request_timeout", "max_retries", "cache", "extra_headers")
"""Settings that say how a request travels, not what is asked; headers can hold keys."""


@dataclass(frozen=True)
class Scope:
    """Where in a run something is asked."""

    phase: str
    step: str
    lane: int = 0


@dataclass(frozen=True)
class Key:
    """Where a reply stands in the journal."""

    request_hash: str
    scope: Scope
    number: int

    @property
    def file(self) -> str:
        """Name of the entry's file."""
        place = f"{self.request_hash}\n{self.scope.step}\n{self.scope.lane}\n{self.number}"
        return f"{FOLDER}/{hashlib.sha256(place.encode()).hexdigest()[:32]}.json"


def describe_request(
    role: ModelRole,
    model: str,
    messages: list[ModelMessage],
    settings: ModelSettings | None,
    parameters: ModelRequestParameters,
) -> dict[str, Any]:
    """What is asked, as JSON values, the same for the same question in any process."""
    names: dict[str, str] = {}
    dumped = ModelMessagesTypeAdapter.dump_python(messages, mode="json")
    return {
        "role": role,
        "model": model,
        "messages": [_stable_message(message, names) for message in dumped],
        "settings": {key: value for key, value in sorted((settings or {}).items()) if key not in TRANSPORT},
        "tools": [_tool(tool) for tool in parameters.function_tools],
        "output_tools": [_tool(tool) for tool in parameters.output_tools],
        "output_schema": parameters.output_object.json_schema if parameters.output_object else None,
        "text_allowed": parameters.allow_text_output,
    }


def _stable_message(message: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    stable: dict[str, Any] = {"kind": message["kind"], "parts": []}
    if message.get("instructions"):
        stable["instructions"] = message["instructions"]
    for part in message["parts"]:
        kept = {key: value for key, value in part.items() if key not in PART_NOISE and value is not None}
        if call := part.get("tool_call_id"):  # which reply belongs to which call does matter; how it is called does not
            kept["call"] = names.setdefault(call, f"call {len(names) + 1}")
        stable["parts"].append(kept)
    return stable


def _tool(tool: Any) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "schema": tool.parameters_json_schema}


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def dump_response(response: ModelResponse) -> dict[str, Any]:
    """A response as JSON values."""
    dumped: dict[str, Any] = ModelMessagesTypeAdapter.dump_python([response], mode="json")[0]
    return dumped


def load_response(values: dict[str, Any]) -> ModelResponse:
    """A response from JSON values. Raises ValueError when they are none."""
    (message,) = ModelMessagesTypeAdapter.validate_python([values])
    if not isinstance(message, ModelResponse):
        raise ValueError("not a response")
    return message


class Journal:
    """Replies of one run."""

    def __init__(self, folder: RunFolder, events: Events, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        self._folder = folder
        self._events = events
        self._secrets = secrets
        self._asked: Counter[tuple[str, str, int]] = Counter()

    def key(self, request_hash: str, scope: Scope) -> Key:
        """The key of a request that is made now: one more of its kind."""
        place = (request_hash, scope.step, scope.lane)
        self._asked[place] += 1
        return Key(request_hash, scope, self._asked[place])

    def find(self, key: Key) -> tuple[Call, ModelResponse] | None:
        """The reply to a request, or None when it must be asked. Damaged entries are told and put aside."""
        path = self._folder.path(key.file)
        if not path.exists():
            return None
        try:
            call = _read(path.read_bytes())
            if call.request_hash != key.request_hash:
                raise ValueError("it answers another request")
            return call, load_response(call.response)
        except (OSError, ValueError) as error:
            aside = path.with_suffix(DAMAGED)
            reason = str(error).splitlines()[0]
            self._events.emit(
                "warning", f"{path} is damaged ({reason}): it is put aside as {aside.name} and asked again"
            )
            path.replace(aside)
            return None

    def sending(self, key: Key, sent: Sent) -> None:
        """Note that a request is about to be sent. Raises NanoResearchError when the disk is full: nothing is paid."""
        write_atomic(self._note(key), sent.model_dump_json() + "\n")

    def failed(self, key: Key) -> None:
        """Take the note back: the request got no reply, and whoever asked is told why."""
        self._note(key).unlink(missing_ok=True)

    def keep(self, key: Key, call: Call) -> None:
        """Write an entry, whole or not at all. Raises NanoResearchError when the disk is full."""
        text = hide(call.model_dump_json(), self._secrets())
        write_atomic(self._folder.path(key.file), text + "\n")
        self._note(key).unlink(missing_ok=True)

    def lost(self) -> list[Sent | None]:
        """Requests of earlier sittings whose replies were lost. To be called before anything is sent.

        None stands for one whose note cannot be read; such notes are told and put aside.
        """
        folder = self._folder.path(FOLDER)
        for note in sorted(folder.glob(f"*{SENT}")):
            if note.with_suffix(".json").exists():  # killed between keeping the reply and taking the note away
                note.unlink()
                continue
            note.replace(_unused(note, LOST))
        read = [self._read_note(path) for path in sorted(folder.glob(f"*{LOST}"))]
        known: list[Sent | None] = [sent for sent in read if sent is not None]
        return known + [None] * len(list(folder.glob(f"*{LOST}{DAMAGED}")))

    def _read_note(self, path: Path) -> Sent | None:
        try:
            return read_record(path, Sent)
        except CorruptRecord as error:
            aside = path.with_name(path.name + DAMAGED)
            reason = str(error.__cause__).splitlines()[0]
            self._events.emit(
                "warning",
                f"{path} is damaged ({reason}): it is put aside as {aside.name}, and counted as a call of a language "
                "model of which nothing is known.",
            )
            path.replace(aside)
            return None

    def _note(self, key: Key) -> Path:
        return self._folder.path(key.file).with_suffix(SENT)

    def set_aside(self, keys: Iterable[Key]) -> None:
        """Keep entries for the accounts alone: handed out again on resume, they would end a run for ever."""
        for key in keys:
            path = self._folder.path(key.file)
            if path.exists():
                path.replace(_unused(path, USELESS))

    def calls(self) -> Iterator[Call]:
        """Every entry that can be read, useless ones included."""
        for path in sorted(self._folder.path(FOLDER).glob("*")):
            if path.suffix not in (".json", USELESS):
                continue
            try:
                yield _read(path.read_bytes())
            except (OSError, ValueError):  # told when its request is made again
                continue


def _unused(path: Path, suffix: str) -> Path:
    """The first numbered name of this kind beside a file that no other has taken, be it damaged by now."""
    number = 1
    while any(path.with_name(f"{path.stem}.{number}{suffix}{end}").exists() for end in ("", DAMAGED)):
        number += 1
    return path.with_name(f"{path.stem}.{number}{suffix}")


def _read(text: bytes) -> Call:
    try:
        call = Call.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    if digest(call.response) != call.response_hash:
        raise ValueError("its reply is not the one that was written")
    return call
