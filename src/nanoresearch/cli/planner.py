"""planner plan, learn, history, report, rollback."""

import sys
from pathlib import Path
from typing import Any, get_args

import click

from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.errors import UsageError
from nanoresearch.paths import Home
from nanoresearch.schema.plan import Phase

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
profile_option = click.option(
    "--profile", "profile_name", default=None, help="Whose planner (default: the configured one)."
)
set_option = click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting.")
topic_option = click.option("--topic", required=True, help="Topic to plan for.")
phase_option = click.option("--phase", required=True, type=click.Choice(get_args(Phase)), help="Phase to plan.")


@click.group()
def planner() -> None:
    """Ask the planner, teach it, and see or undo what it learned."""


def _open(profile_name: str | None, overrides: tuple[str, ...]) -> tuple[Home, Any, Any]:
    """Home, profile and the trainable planner of a user. Raises PlannerError where torch is missing."""
    from nanoresearch.assemble import trainable_planner
    from nanoresearch.config import load_config
    from nanoresearch.profiles import load_profile

    home = Home.find()
    config = load_config(home.config_file, overrides)
    profile = load_profile(home, profile_name or config.profile)
    home.check_writable()
    return home, profile, trainable_planner(config, home, profile, lambda text: click.echo(text, err=True))


@planner.command()
@topic_option
@phase_option
@profile_option
@click.option("--samples", type=click.IntRange(1, 4096), default=32, show_default=True, help="Plans to sample.")
@click.option("--feedback", default=None, help="Also show what the planner would do if it knew these words.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the sampling.")
@set_option
@json_option
def plan(
    topic: str,
    phase: Phase,
    profile_name: str | None,
    samples: int,
    feedback: str | None,
    seed: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show a plan, and how often each directive is chosen."""
    from nanoresearch.planner.planner import PlannerInput

    with json_errors(as_json):
        _, profile, mind = _open(profile_name, overrides)
        found = mind.report(PlannerInput(phase, topic, profile, seed=seed), samples, feedback)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    for item in found.directives:
        click.echo(f"- {item['text']}")
    teacher = found.teacher_inclusion or {}
    for name, share in sorted(found.inclusion.items(), key=lambda pair: -pair[1]):
        told = f"  knowing the feedback {teacher[name]:.2f}" if name in teacher else ""
        click.echo(f"{share:5.2f}  {name}{told}")
    if found.adapter_version is None and mind.settings.anchored:
        click.echo("Nothing was learned yet: this is the plan that everybody gets.")
    click.echo(f"model {found.model}, version {found.adapter_version or 0}")


@planner.command()
@topic_option
@phase_option
@profile_option
@click.option("--feedback", required=True, help="What you say about the plan, in your own words.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the sampling.")
@set_option
@json_option
def learn(
    topic: str,
    phase: Phase,
    profile_name: str | None,
    feedback: str,
    seed: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Learn from feedback outside a run. Exits with 1 when the update was not accepted."""
    from nanoresearch.planner.planner import PlannerInput

    with json_errors(as_json):
        _, profile, mind = _open(profile_name, overrides)
        request = PlannerInput(phase, topic, profile, seed=seed)
        record = mind.learn([(request, mind.plan(request))], feedback)
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        click.echo(f"version {record.version}: {'accepted' if record.accepted else 'not accepted'}. {record.reason}")
        if record.losses:
            click.echo(f"loss {record.losses[0]:.3f} -> {record.losses[-1]:.3f} nats in {len(record.losses)} steps")
        if record.drift is not None and record.entropy is not None:
            click.echo(f"drift {record.drift:.2f} nats a plan, entropy {record.entropy:.2f} of the base's")
        click.echo(f"{record.seconds:.1f} s")
    if not record.accepted and feedback.strip():
        sys.exit(1)


@planner.command()
@profile_option
@json_option
def history(profile_name: str | None, as_json: bool) -> None:
    """List every update: the words, whether it was accepted, and what it did."""
    with json_errors(as_json):
        _, records, current = _history(profile_name)
    if as_json:
        print_json({"current": current, "updates": [record.model_dump(mode="json") for record in records]})
        return
    for record in records:
        mark = "*" if record.version == current else " "
        verdict = "accepted" if record.accepted else "refused"
        drift = "" if record.drift is None else f" drift {record.drift:.2f} entropy {record.entropy:.2f}"
        click.echo(
            f"{mark}{record.version:4d} from {record.parent:<4d} {record.time} {verdict}{drift}: {record.feedback[:80]}"
        )
        if record.phases:
            click.echo(f"       {', '.join(record.phases)}")
        if not record.accepted or any(measure.phase not in record.phases for measure in record.measures):
            click.echo(f"       {record.reason}")
    click.echo(f"in use: version {current}{' (the base model)' if current == 0 else ''}")


@planner.command()
@profile_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=None, help="Folder for the plots.")
@json_option
def report(profile_name: str | None, out: Path | None, as_json: bool) -> None:
    """Draw what each update did: directives before, teacher and after; drift and entropy over versions."""
    from nanoresearch.planner.report import draw_report

    with json_errors(as_json):
        folder, records, current = _history(profile_name)
        if not records:
            raise UsageError("This planner has not learned anything yet: there is nothing to draw.")
        files = draw_report(records, current, out or folder / "report")
    if as_json:
        print_json({"files": [str(path) for path in files]})
    else:
        for path in files:
            click.echo(str(path))


@planner.command()
@click.argument("version", type=click.IntRange(0))
@profile_option
@json_option
def rollback(version: int, profile_name: str | None, as_json: bool) -> None:
    """Use an earlier VERSION again; 0 is the base model. Nothing is deleted."""
    from nanoresearch.planner.adapters import AdapterStore

    with json_errors(as_json):
        folder, records, _ = _history(profile_name)
        store = AdapterStore(folder)
        bases = {record.version: record.model_sha256 for record in records}
        with store.lock():
            store.rollback(version, bases.get(version, store.in_use().model_sha256))
    if as_json:
        print_json({"current": version})
    else:
        click.echo(f"in use: version {version}{' (the base model)' if version == 0 else ''}")


def _history(profile_name: str | None) -> tuple[Path, list[Any], int]:
    """Folder, updates and version in use of a user's planner; needs no torch."""
    from nanoresearch.config import load_config
    from nanoresearch.planner.adapters import AdapterStore
    from nanoresearch.profiles import load_profile

    home = Home.find()
    config = load_config(home.config_file)
    profile = load_profile(home, profile_name or config.profile)
    folder = home.planners / profile.name
    store = AdapterStore(folder)
    return folder, store.history(), store.in_use().version
