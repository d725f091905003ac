"""The command nanoresearch and its subcommands. Commands import what they need when they run: --help stays fast."""

import importlib
import sys
from typing import Any, ClassVar

import click

from nanoresearch import __version__
from nanoresearch.errors import NanoResearchError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    places: ClassVar[dict[str, str]] = {
        "run": "runs:run",
        "resume": "runs:resume",
        "status": "runs:status",
        "list": "runs:list_runs",
        "show": "runs:show",
        "audit": "runs:audit",
        "reproduce": "runs:reproduce",
        "export": "runs:export",
        "profile": "profile:profile",
        "data": "data:data",
        "library": "library:library",
        "planner": "planner:planner",
        "skills": "skills:skills",
        "memory": "memory:memory",
        "models": "models:models",
        "bench": "bench:bench",
        "doctor": "doctor:doctor",
    }
    summaries: ClassVar[dict[str, str]] = {
        "run": "Turn a topic into a paper with real experiments.",
        "resume": "Go on with a run where it stopped.",
        "status": "Say where a run stands.",
        "list": "List all runs.",
        "show": "Show what a run did, found and cost.",
        "audit": "Check every number and citation of a run's paper.",
        "reproduce": "Run a run's experiment again and compare the results.",
        "export": "Copy a run's paper, code and results to a folder or zip file.",
        "profile": "Describe who the system works for.",
        "data": "List and fetch data sets.",
        "library": "Add, search and remove literature of your own: BibTeX and PDF files.",
        "planner": "Ask the planner, teach it, see and undo what it learned.",
        "skills": "See, share and correct the procedures that runs have learned.",
        "memory": "See, export and delete what runs remember.",
        "models": "Say which model plays which role and whether it can be reached; fetch the planner's.",
        "bench": "Run the benchmark with simulated researchers, and report on it.",
        "doctor": "Say what is there, what is missing, and what mends it.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a user meets them."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command: click.Command = getattr(importlib.import_module(f"nanoresearch.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summaries[name]) for name in self.places])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nanoresearch")
def cli() -> None:
    """An AI scientist that becomes yours: a topic becomes a paper with real experiments behind it.

    Start with:  nanoresearch run "TOPIC"
    """


def main(arguments: list[str] | None = None) -> Any:
    """Entry point: errors that a user can act on are printed, and their exit code returned."""
    try:
        return cli.main(args=arguments, standalone_mode=True)
    except NanoResearchError as error:
        click.echo(f"nanoresearch: {error}", err=True)
        sys.exit(error.exit_code)
