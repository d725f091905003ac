"""What happens during a run, told to whoever listens: the file of the run, the terminal, later the web page."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

EventKind = Literal["run", "step", "progress", "decision", "degraded", "warning", "usage"]
Clock = Callable[[], datetime]
EVENTS = "events.jsonl"
"""What happened in a run, one event a line."""


_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"  # and what turns text around
)


def plain(text: str) -> str:
    """Text without anything that a terminal would act on: what experiments wrote may end up in it."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def now_utc() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    kind: EventKind
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    time: str = ""


Listener = Callable[[Event], None]


class Events:
    """Hands each event to every listener, in order."""

    def __init__(self, *listeners: Listener, clock: Clock = now_utc) -> None:
        self._listeners = listeners
        self._clock = clock

    def emit(self, kind: EventKind, text: str, **data: Any) -> None:
        """Tell all listeners."""
        event = Event(kind, plain(text), data, self._clock().isoformat(timespec="milliseconds"))
        for listener in self._listeners:
            listener(event)


class EventFile:
    """A listener that appends to events.jsonl."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: Event) -> None:
        """Append one line. A full disk must not end a run over its log: the next record written says so."""
        line = {
            "time": event.time,
            "kind": event.kind,
            "text": event.text,
            **({"data": event.data} if event.data else {}),
        }
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        except OSError:
            return
