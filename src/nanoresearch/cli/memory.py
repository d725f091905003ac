"""memory list, show, forget, export."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from nanoresearch.cli.experience import (
    experience,
    json_option,
    print_fields,
    print_history,
    print_table,
    printable,
    short,
    tell_unreadable,
)
from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.errors import UsageError
from nanoresearch.paths import Home, write_atomic
from nanoresearch.schema.experience import Memory, MemoryKind

EMPTY = 'No memories yet. Runs make them: nanoresearch run "TOPIC"'

name_argument = click.argument("name")
profile_option = click.option("--profile", "profile_name", default=None, help="Only those of this profile.")


@click.group()
def memory() -> None:
    """See, export and delete what runs remember."""


@memory.command("list")
@profile_option
@click.option("--kind", type=click.Choice(get_args(MemoryKind)), help="Only those of this kind.")
@click.option("--all", "every", is_flag=True, help="Also expired and superseded ones.")
@json_option
def list_memories(profile_name: str | None, kind: MemoryKind | None, every: bool, as_json: bool) -> None:
    """List memories, the newest first."""
    with json_errors(as_json), experience(Home.find()) as store:
        found = store.memories(profile_name, kind, current=not every)
        problems = store.unreadable()
        other = 0 if found else len(store.memories(current=False))
        states = {item.id: _state(item, store.now()) for item in found}
    tell_unreadable(problems)
    if as_json:
        rows = [{**item.model_dump(mode="json"), "state": states[item.id]} for item in found]
        print_json({"memories": rows, "unreadable": problems})
    elif found:
        print_table(
            ("kind", "outcome", "of", *(["state"] if every else []), "date"),
            ((_cells(item, states[item.id] if every else ""), item.id, item.text) for item in found),
        )
    elif other:
        click.echo(f"No memory fits. There are {other} in all, with expired ones: nanoresearch memory list --all")
    elif not problems:
        click.echo(EMPTY)


@memory.command()
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a memory: its words, the conditions under which it holds, and its history."""
    with json_errors(as_json), experience(Home.find()) as store:
        item = store.memory(name)
        past = store.history(item.id)
        state = _state(item, store.now())
    if as_json:
        history = [entry.model_dump(mode="json") for entry in past]
        print_json({**item.model_dump(mode="json"), "state": state, "history": history})
        return
    click.echo(printable(f"{item.id} ({item.kind}, {item.outcome})"))
    print_fields(
        [
            ("text", item.text),
            *((f"where {key}", " or ".join(values)) for key, values in sorted(item.conditions.items())),
            ("facts", json.dumps(item.facts, ensure_ascii=False) if item.facts else ""),
            ("tags", ", ".join(item.tags)),
            ("of", f"profile {item.profile}, project {item.project[:12]}"),
            ("run", item.run),
            ("seen", "once" if item.seen == 1 else f"{item.seen} times"),
            ("state", state),
            ("created", item.created),
            ("updated", item.updated if item.updated != item.created else ""),
            ("expires", item.expires or ""),
        ]
    )
    if past:
        click.echo("history")
        print_history(past)


@memory.command()
@name_argument
@click.option("--yes", "-y", is_flag=True, help="Do not ask. NAME must then be the whole name.")
@json_option
def forget(name: str, yes: bool, as_json: bool) -> None:
    """Delete a memory for good, with its history."""
    with json_errors(as_json), experience(Home.find()) as store:
        item = store.memory(name)
        if yes and item.id != name:
            raise UsageError(f"{name!r} is only the beginning of {item.id}. With --yes, give the whole name.")
        if not yes:
            if as_json or not _interactive():
                raise UsageError(f"{item.id} would be deleted for good. To do that without being asked, add --yes.")
            click.echo(printable(f"{item.id}: {short(item.text)}"), err=True)
            if not click.confirm("Delete it for good?", err=True):
                click.echo("It stays.")
                return
        store.forget(item.id)
    if as_json:
        print_json({"forgotten": item.id})
    else:
        click.echo(f"{item.id} is forgotten.")


@memory.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@profile_option
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
def export(file: Path, profile_name: str | None, force: bool, as_json: bool) -> None:
    """Write all memories to FILE as JSON, also expired and superseded ones."""
    with json_errors(as_json):
        if file.exists() and not force:
            raise UsageError(f"{file} exists already. Name another file, or replace it with --force.")
        with experience(Home.find()) as store:
            found = store.memories(profile_name, current=False)
            problems = store.unreadable()
        content = {"memories": [item.model_dump(mode="json") for item in found]}
        write_atomic(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    tell_unreadable(problems)
    if as_json:
        print_json({"file": str(file), "memories": len(found), "unreadable": problems})
    else:
        click.echo(f"{len(found)} memories in {file}")


def _cells(item: Memory, state: str) -> tuple[str, ...]:
    word = [state.split(" ")[0]] if state else []
    return (item.kind, item.outcome, item.profile, *word, item.updated[:10])


def _state(item: Memory, now: datetime) -> str:
    """Whether it is recalled."""
    from nanoresearch.experience.store import is_current

    if item.superseded_by is not None:
        return f"superseded by {item.superseded_by}"
    return "current" if is_current(item, now) else "expired"


def _interactive() -> bool:
    return sys.stdin.isatty()
