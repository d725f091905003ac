"""data list, data fetch."""

import difflib
import sys

import click

from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.errors import UsageError
from nanoresearch.paths import Home


@click.group()
def data() -> None:
    """List and fetch data sets."""


@data.command("list")
@click.option("--domain", help="Only this domain.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def list_data(domain: str | None, as_json: bool) -> None:
    """List every data set, whether it is here, and its licence."""
    from nanoresearch.datasets.catalogue import load_catalogue
    from nanoresearch.datasets.stage import status

    root = Home.find().data
    cards = [card for card in load_catalogue().values() if domain in (None, card.domain)]
    rows = [(card, status(card, root)) for card in cards]
    if as_json:
        print_json(
            {"datasets": [{**card.model_dump(mode="json", exclude={"files"}), "status": state} for card, state in rows]}
        )
        return
    for card, state in rows:
        mark = " (only when asked for by name)" if card.by_name_only else ""
        click.echo(f"{card.id:24s} {card.domain:12s} {state:8s} {card.name}; {card.licence[:60]}{mark}")
    missing = sum(state != "present" for _, state in rows)
    if missing:
        click.echo(
            f"{missing} not here. Get one with: nanoresearch data fetch NAME, or all freely licensed ones with: all"
        )


@data.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...|all")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch data sets by name; "all" leaves out those whose package is AGPL or states no licence."""
    from nanoresearch.datasets.catalogue import load_catalogue
    from nanoresearch.datasets.fetch import fetch_needed

    with json_errors(as_json):
        home = Home.find()
        cards = load_catalogue()
        named = set(names) - {"all"}
        unknown = sorted(named - set(cards))
        if unknown:
            near = [match for name in unknown for match in difflib.get_close_matches(name, cards, n=3)]
            hint = f"Do you mean {', '.join(near)}?" if near else "See them all with: nanoresearch data list"
            raise UsageError(f"There is no data set {', '.join(unknown)}. {hint}")
        home.check_writable()
        chosen = list(cards.values()) if "all" in names else [cards[name] for name in dict.fromkeys(names)]
        report = fetch_needed(chosen, home.data, named, progress=lambda text: click.echo(text, err=True))
    if as_json:
        print_json(
            {
                "fetched": sorted(report.staged),
                "skipped": dict(report.skipped),
                "failed": {name: str(error) for name, error in report.failed.items()},
            }
        )
    else:
        click.echo(f"{len(report.staged)} data sets are here.")
        for name, reason in report.skipped.items():
            click.echo(f"skipped {name}: {reason}")
    for name, error in report.failed.items():
        click.echo(f"{name}: {error}", err=True)
    if report.failed:
        sys.exit(1)
