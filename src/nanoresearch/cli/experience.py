"""What the commands on skills and on memories share: the store, tables, histories."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nanoresearch.paths import Home
from nanoresearch.schema.experience import HistoryEntry

if TYPE_CHECKING:
    from rich.table import Table

    from nanoresearch.experience.store import ExperienceStore

_RETRIEVED = ("used", "credited", "debited")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
TEXT_CHARS = 120
"""Part of a text that a table shows."""


@contextmanager
def experience(home: Home) -> Iterator["ExperienceStore"]:
    """The store of a home. Raises StoreError for a file that is damaged, newer or of something else."""
    from nanoresearch.experience.store import ExperienceStore

    with ExperienceStore(home.experience) as store:
        yield store


def tell_unreadable(problems: Iterable[str]) -> None:
    """Entries that cannot be read, on stderr; the others are shown all the same."""
    for problem in problems:
        click.echo(f"nanoresearch: {printable(problem)}", err=True)


def print_table(headings: Sequence[str], rows: Iterable[tuple[Sequence[str], str, str]]) -> None:
    """Short cells, a name and its text below the name; as wide as the terminal, 80 columns elsewhere.

    The name stands last, so that it is whole and can be copied.
    """
    from rich.text import Text

    table = _table()
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("sure", "used") else "left", no_wrap=True)
    table.add_column("name", ratio=1, overflow="fold")
    for cells, name, text in rows:
        last = Text.assemble((printable(name), "bold"), "\n", (printable(short(text)), "dim"))
        table.add_row(*(Text(printable(cell)) for cell in cells), last)
    _print(table)


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Labelled texts, wrapped beside their labels. Those without text are left out."""
    from rich.text import Text

    table = _table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for label, text in fields:
        if text:
            table.add_row(Text(printable(label)), Text(printable(text)))
    _print(table)


def _table(show_header: bool = True) -> "Table":
    from rich.table import Table

    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_header=show_header)


def _print(table: "Table") -> None:
    from rich.console import Console

    console = Console(file=sys.stdout)
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def print_history(entries: Sequence[HistoryEntry]) -> None:
    """What happened when, oldest first."""
    for entry in entries:
        run = f" in {entry.run}" if entry.run else ""
        note = f": {entry.note}" if entry.note else ""
        click.echo(printable(f"  {entry.time[:16].replace('T', ' ')}  {entry.event}{run}{note}"))


def runs_of(entries: Iterable[HistoryEntry]) -> list[str]:
    """Runs in which an entry was retrieved, as its history tells, each once."""
    return list(dict.fromkeys(entry.run for entry in entries if entry.run and entry.event in _RETRIEVED))


def short(text: str) -> str:
    """A text for a cell of a table: one line, cut at a word."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_CHARS else line[: TEXT_CHARS - 1].rsplit(" ", 1)[0] + "…"


def printable(text: str) -> str:
    """Without what a terminal would obey: words come from models and from files of others."""
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "\ufffd" for c in text)
