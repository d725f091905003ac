"""What happens during a run, told to whoever listens: the file of the run, the terminal, later the web page."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

EventKind = Literal["run", "step", "progress", "decision", "degraded", "warning", "usage"]
Clock = Callable[[], datetime]


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
        event = Event(kind, text, data, self._clock().isoformat(timespec="milliseconds"))
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
