"""A tiny OpenAI-compatible server on this machine that answers as it is told, for what goes wrong on the wire."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Said:
    """One HTTP response."""

    body: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0


@dataclass(frozen=True)
class Got:
    """One HTTP request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def completion(
    text: str | None = "ok", *, tool: tuple[str, Any] | None = None, finish: str = "stop", usage: bool = True
) -> dict[str, Any]:
    """The body of a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if tool:
        name, args = tool
        call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    return body | ({"usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}} if usage else {})


def problem(status: int, message: str, code: str | None = None, **headers: str) -> Said:
    """An error as OpenAI sends it."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said({"error": {"message": message, "type": "error", "code": code}}, status, fields)


class FakeServer:
    """Answers in the order of `script`; the last one again and again. Entries may be functions of the request."""

    def __init__(self) -> None:
        self.script: list[Said | dict[str, Any] | Callable[[Got], Any]] = [completion()]
        self.got: list[Got] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                got = Got(
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    json.loads(self.rfile.read(length)),
                )
                with outer._lock:
                    outer.got.append(got)
                    outer._now += 1
                    outer.most_at_once = max(outer.most_at_once, outer._now)
                    said: Any = outer.script[min(len(outer.got), len(outer.script)) - 1]
                said = said(got) if callable(said) else said
                said = said if isinstance(said, Said) else Said(said)
                time.sleep(said.after_s)
                with outer._lock:
                    outer._now -= 1
                data = (said.body if isinstance(said.body, str) else json.dumps(said.body)).encode()
                try:
                    self.send_response(said.status)
                    for name, value in ({"Content-Type": "application/json"} | said.headers).items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:  # the client gave up waiting
                    return

            def log_message(self, *_: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
