"""doctor: what is there, what is missing, and what mends it."""

import sys

import click

from nanoresearch.cli.output import print_json
from nanoresearch.paths import Home


@click.command()
@click.option("--online", is_flag=True, help="Also ask each literature server one question.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def doctor(online: bool, as_json: bool) -> None:
    """Say what is there, what is missing, and what mends it. Exits with 1 when something essential is missing."""
    from nanoresearch.doctor import examine

    checks = examine(Home.find(), online=online)
    if as_json:
        print_json({"checks": [check.model_dump(mode="json") for check in checks]})
    else:
        for check in checks:
            mark = {"ok": "ok", "missing": "--", "essential": "!!"}[check.state]
            click.echo(
                f"[{mark}] {check.name}: {check.found}"
                + (f"\n     mend it with: {check.remedy}" if check.remedy else "")
            )
    if any(check.state == "essential" for check in checks):
        sys.exit(1)
