"""bench run, bench report."""

import os
import sys
from pathlib import Path
from typing import get_args

import click

from nanoresearch.cli.main import INTERRUPTED
from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.errors import NanoResearchError

ABLATIONS = ("full", "no-skills", "no-memory", "no-learning", "static")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


@click.group()
def bench() -> None:
    """Twenty tasks with simulated researchers: rounds of runs and honest tables."""


@bench.command()
@click.option("--tasks", multiple=True, metavar="NAME", help="Task, or the beginning of its name; all by default.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds of each task.")
@click.option(
    "--ablation", "ablations", type=click.Choice(ABLATIONS), multiple=True, help="May be repeated; all by default."
)
@click.option("--crew", metavar="NAME", default=None, help="Who fills the roles, as for run.")
@click.option("--executor", type=click.Choice(["local", "slurm"]), default="local", show_default=True,
              help="Processes of this machine, or one job array with a task for each chain of rounds.")  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Chains at once on this machine."
)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Repetitions of each chain.")
@click.option("--held-out/--no-held-out", default=True, show_default=True,
              help="Whether each chain ends with a topic that never got feedback.")  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; may be repeated.")
@click.option(
    "--unsafe-no-sandbox", "unsafe", is_flag=True, help="Run experiment code with all that you can read and reach."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the benchmark.")
@json_option
def run(
    tasks: tuple[str, ...],
    rounds: int,
    ablations: tuple[str, ...],
    crew: str | None,
    executor: str,
    jobs: int,
    seeds: int,
    held_out: bool,
    overrides: tuple[str, ...],
    unsafe: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Run what has not been run yet; kill it at any time and start it again."""
    from nanoresearch.assemble import require_torch
    from nanoresearch.bench.cells import BenchFolder, Chain
    from nanoresearch.bench.runner import command, run_here, run_on_slurm, unfinished
    from nanoresearch.bench.tasks import choose_tasks
    from nanoresearch.config import load_config
    from nanoresearch.paths import Home
    from nanoresearch.schema.benchmark import Ablation, BenchSettings

    with json_errors(as_json):
        home = Home.find()
        named = [f"crew={crew}"] * bool(crew)
        config = load_config(home.config_file, ("planner.kind=trainable", *overrides, *named))
        chosen = choose_tasks(tasks)
        kinds: tuple[Ablation, ...] = tuple(item for item in get_args(Ablation) if item in (ablations or ABLATIONS))
        if config.planner.kind == "trainable" and set(kinds) != {"static"}:
            require_torch()
        folder = BenchFolder(out.expanduser().resolve())
        folder.begin(
            BenchSettings(
                config=config.model_dump(mode="json"),
                data=str(home.data.resolve()),
                models=str(home.models.resolve()),
                unsafe=unsafe,
            )
        )
        chains = [Chain(task.question_id, kind, seed) for seed in range(seeds) for task in chosen for kind in kinds]
        waiting = unfinished(folder, chains, rounds, held_out=held_out)
        parent = os.getpid() if executor == "local" else None
        commands = [command(folder.root, chain, rounds, held_out=held_out, parent=parent) for chain in waiting]
        click.echo(f"{len(waiting)} of {len(chains)} chains have something left to run", err=True)
        if executor == "slurm" and commands:
            ids = run_on_slurm(folder, commands, config)
            click.echo(
                f"submitted {len(ids)} jobs, the first {ids[0]}; run the same command again when they end", err=True
            )
            if as_json:
                print_json({"out": str(folder.root), "chains": len(chains), "submitted": ids})
            return
        try:
            failed = run_here(commands, jobs, lambda text: click.echo(text, err=True))
        except KeyboardInterrupt:
            click.echo("\nStopped, all chains too. Nothing is lost; go on with the same command.", err=True)
            sys.exit(INTERRUPTED)
        left = unfinished(folder, chains, rounds, held_out=held_out)
        if as_json:
            print_json({"out": str(folder.root), "chains": len(chains), "unfinished": [chain.name for chain in left]})
        if failed or left:
            raise NanoResearchError(
                f"{len(left)} of {len(chains)} chains have cells that did not end; run the same command again."
            )
        click.echo(f"All {len(chains)} chains are done. See: nanoresearch bench report {folder.root}", err=True)


@bench.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@json_option
def report(folder: Path, as_json: bool) -> None:
    """Tables and plots of what has been run so far in FOLDER, written to FOLDER/report."""
    from nanoresearch.bench.cells import BenchFolder
    from nanoresearch.bench.report import write_report

    with json_errors(as_json):
        made = write_report(BenchFolder(folder.expanduser().resolve()))
    if as_json:
        print_json(
            {
                "files": [str(path) for path in made.files],
                "estimates": [item.model_dump(mode="json") for item in made.estimates],
                "differences": [item.model_dump(mode="json") for item in made.differences],
            }
        )
        return
    click.echo(made.text)
    click.echo("Written: " + ", ".join(str(path) for path in made.files), err=True)
