"""library add, list, search, remove."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nanoresearch.cli.experience import json_option, print_fields, printable, short
from nanoresearch.cli.main import INTERRUPTED
from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.paths import Home

if TYPE_CHECKING:
    from nanoresearch.literature.library import Holding, Library

EMPTY = "The library is empty. Add BibTeX and PDF files: nanoresearch library add FOLDER"
MOST_PROBLEMS = 20
_TELL_EVERY_S = 2.0


@click.group()
def library() -> None:
    """Add, search and remove literature of your own: BibTeX and PDF files. Runs search it and cite it."""


@library.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def add(paths: tuple[Path, ...], as_json: bool) -> None:
    """Take in BibTeX and PDF files, and all of them below folders. Files known already are not read again."""
    with json_errors(as_json):
        held = _library()
        try:
            came = held.add(paths, _progress())
        except KeyboardInterrupt:
            click.echo("Interrupted. What was read is kept; go on with the same command.", err=True)
            sys.exit(INTERRUPTED)
        works, files = held.counts()
    if as_json:
        print_json({**came._asdict(), "library": {"works": works, "files": files}})
        return
    for problem in came.problems[:MOST_PROBLEMS]:
        click.echo(printable(problem), err=True)
    if len(came.problems) > MOST_PROBLEMS:
        click.echo(f"... and {len(came.problems) - MOST_PROBLEMS} more; see all with --json", err=True)
    click.echo(
        f"{came.works} works from {came.files} files; {came.unchanged} files unchanged, {len(came.problems)} problems. "
        f"The library holds {works} records of {files} files."
    )


@library.command("list")
@json_option
def list_works(as_json: bool) -> None:
    """List all works, in the order in which they came."""
    with json_errors(as_json):
        holdings = list(_library().list())
    if as_json:
        print_json({"works": [_as_json(held) for held in holdings]})
    elif not holdings:
        click.echo(EMPTY)
    for held in holdings if not as_json else ():
        click.echo(_line(held))


@library.command()
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Works shown, at most.")
@json_option
def search(query: str, limit: int, as_json: bool) -> None:
    """Search titles, abstracts, authors and the text of PDF files."""
    with json_errors(as_json):
        held = _library()
        found = held.find(query, limit)
        works, _ = held.counts()
    if as_json:
        print_json({"works": [{**_as_json(item), "score": score} for item, score in found]})
    elif not works:
        click.echo(EMPTY)
    elif not found:
        click.echo("No work has these words.")
    for item, _ in found if not as_json else ():
        click.echo(_line(item))
        print_fields([("  in", ", ".join(item.files))])


@library.command()
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget a work by its key, or a file, or all files below a folder. The files themselves stay."""
    with json_errors(as_json):
        works, files = _library().remove(name)
    if as_json:
        print_json({"works": works, "files": files})
    else:
        click.echo(f"Forgotten: works {works}, files {files}.")


def _library() -> "Library":
    from nanoresearch.literature.library import Library

    return Library(Home.find().library)


def _progress() -> Callable[[int, Path], None]:
    """Tells how far it is, every other second."""
    last = time.monotonic()

    def tell(number: int, path: Path) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_EVERY_S:
            last = time.monotonic()
            click.echo(f"file {number}: {printable(short(path.name))}", err=True)

    return tell


def _line(held: "Holding") -> str:
    paper = held.paper
    who = paper.authors[0] + (" et al." if len(paper.authors) > 1 else "") if paper.authors else "no authors"
    text = ", with text" if held.searchable else ""
    return printable(f"{paper.key}  {short(paper.title)} ({who}, {paper.year or 'no year'}{text})")


def _as_json(held: "Holding") -> dict[str, Any]:
    return {**held.paper.model_dump(mode="json"), "files": held.files, "searchable": held.searchable}
