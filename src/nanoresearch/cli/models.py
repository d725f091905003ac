"""models list, models fetch."""

from typing import Any

import click

from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.paths import Home


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """Say which model plays which role and whether it can be reached; fetch the planner's base model."""
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
@click.option("--check", is_flag=True, help="Ask each model for one word, to see whether it can be reached.")
@click.option("--model", metavar="PROVIDER:NAME", help="As with run: the model of every role without one of its own.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def list_models(
    check: bool = False, model: str | None = None, overrides: tuple[str, ...] = (), as_json: bool = False
) -> None:
    """Say which model plays which role, whether its key is there, and whether the planner's model is here."""
    from nanoresearch.config import load_config

    with json_errors(as_json):
        home = Home.find()
        config = load_config(home.config_file, (*overrides, *([f"models.default={model}"] if model else [])))
        rows = [_planner_row(config, home), *_role_rows(config.models, check)]
    if as_json:
        print_json({"models": rows})
        return
    for row in rows:
        click.echo(_line(row))
    if all(row["model"] is None for row in rows[1:]):
        click.echo("No language model is configured. The builtin crew needs none.")
        click.echo(f"For one, set models.default in {home.config_file}.")
    for reason in dict.fromkeys(row["said"] for row in rows if row.get("reachable") is False):
        click.echo(reason)


def _planner_row(config: Any, home: Home) -> dict[str, Any]:
    from nanoresearch.planner.smollm import CARD, DEFAULT_MODEL, intact

    row = {"role": "planner", "model": config.planner.model, "default": config.planner.model == DEFAULT_MODEL}
    if row["default"]:
        here = intact(home.models / DEFAULT_MODEL)
        row |= {"present": here, "licence": CARD.licence, "origin": f"{CARD.package} {CARD.version}"}
    return row


def _role_rows(config: Any, check: bool) -> list[dict[str, Any]]:
    from nanoresearch.models.routing import Route, routes

    ways = routes(config)
    reached: dict[Any, Any] = {}
    if check:
        from nanoresearch.assemble import require_model_libraries

        require_model_libraries()
        from nanoresearch.models.check import check as ask

        reached = ask(way for way in ways.values() if isinstance(way, Route))
    rows: list[dict[str, Any]] = []
    for role, way in ways.items():
        if not isinstance(way, Route):
            own = config.roles.get(role)
            rows.append({"role": role, "model": (own and own.model) or config.default, "problem": str(way)})
            continue
        row: dict[str, Any] = {"role": role, "model": way.model, "base_url": way.base_url, "key": way.key_state()}
        if found := reached.get((way.model, way.base_url)):
            row |= {"reachable": found.ok, "said": found.said}
        rows.append(row)
    return rows


def _line(row: dict[str, Any]) -> str:
    parts: list[str | None] = [row["model"] or "none"]
    if row["role"] == "planner" and row["default"]:
        parts.append("here" if row["present"] else "missing: get it with `nanoresearch models fetch`")
    elif row["role"] != "planner" and row["model"]:
        parts += [row.get("base_url"), row.get("key"), row.get("problem")]
    if "reachable" in row:
        parts.append(row["said"] if row["reachable"] else "NOT REACHABLE")
    return f"{row['role']:10s} " + "  ".join(part for part in parts if part)


@models.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def fetch(as_json: bool) -> None:
    """Fetch the planner's default model (93 MB) and convert it; needs the extra "planner"."""
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
