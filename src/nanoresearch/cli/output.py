"""What commands print: progress for people on stderr, one JSON object for programs on stdout."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from nanoresearch.errors import NanoResearchError
from nanoresearch.events import Event, Listener

QUIET_KINDS = ("usage",)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def plain_line(event: Event) -> None:
    """One line for an event, without escape codes."""
    if event.kind not in QUIET_KINDS:
        mark = {"degraded": "degraded: ", "warning": "warning: "}.get(event.kind, "")
        click.echo(f"{event.time[11:19]} {event.kind:8s} {mark}{event.text}", err=True)


@contextmanager
def progress() -> Iterator[Listener]:
    """A listener that shows progress: a moving line on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield plain_line
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    colours = {"decision": "cyan", "warning": "yellow", "degraded": "yellow", "run": "bold green"}
    with console.status("starting", spinner="dots") as status:

        def show(event: Event) -> None:
            if event.kind == "step":
                status.update(f"[dim]{escape(event.text)}[/dim]")
            elif event.kind not in QUIET_KINDS:
                colour = colours.get(event.kind, "dim")
                console.print(
                    f"[dim]{event.time[11:19]}[/dim] [{colour}]{escape(event.text)}[/{colour}]", highlight=False
                )

        yield show


@contextmanager
def json_errors(wanted: bool, **known: Any) -> Iterator[None]:
    """With --json an error is an object on stdout too; the message still goes to stderr."""
    try:
        yield
    except NanoResearchError as error:
        if wanted:
            print_json({**known, "error": str(error), "kind": type(error).__name__, "exit_code": error.exit_code})
        raise
