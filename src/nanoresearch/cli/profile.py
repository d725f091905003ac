"""profile init, show, list, edit."""

import copy
import sys
from typing import Any, get_args

import click

from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.config import validate
from nanoresearch.errors import ConfigError, UsageError
from nanoresearch.paths import Home
from nanoresearch.profiles import list_profiles, load_profile, profile_path, profile_toml, save_profile
from nanoresearch.schema.profile import Contribution, Correction, Domain, PairedTest, PaperFormat, Profile

# Path in the profile, question, choices. Every answer is a flag as well.
QUESTIONS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("domain", "domain", "Your field (empty for any)", get_args(Domain)),
    ("contribution", "contribution", "What counts as a contribution", get_args(Contribution)),
    ("preferences", "preference", "Method preferences, separated by commas", ()),
    ("taboos", "taboo", 'What must not be used, separated by commas (such as "no deep learning")', ()),
    ("compute.cores", "cores", "Processor cores for experiments", ()),
    ("compute.memory_gb", "memory-gb", "Memory for one experiment process, in GB", ()),
    ("compute.gpus", "gpus", "GPUs for experiments", ()),
    ("compute.minutes", "minutes", "Minutes that the experiments of one run may take", ()),
    ("statistics.seeds", "seeds", "Repetitions of each experiment", ()),
    ("statistics.confidence", "confidence", "Confidence level of intervals", ()),
    ("statistics.test", "test", "Paired test", get_args(PairedTest)),
    ("statistics.correction", "correction", "Correction for multiple comparisons", get_args(Correction)),
    ("writing.format", "format", "Paper format", get_args(PaperFormat)),
    ("writing.template", "template", "Path of a class or style file of your own, used instead (empty for none)", ()),
    ("writing.author", "author", "Your name, as printed (empty for none)", ()),
    ("writing.affiliation", "affiliation", "Your affiliation (empty for none)", ()),
    ("writing.person", "person", 'Voice: "we" or passive', ("we", "passive")),
    ("writing.detail", "detail", "Length of the paper", ("full", "brief")),
    ("coding.docstrings", "docstrings", "Docstrings in generated code", ("yes", "no")),
    ("coding.type_hints", "type-hints", "Type annotations in generated code", ("yes", "no")),
    ("coding.comments", "comments", "Comments in generated code", ("yes", "no")),
)
LISTS = ("preferences", "taboos")


@click.group()
def profile() -> None:
    """Describe who the system works for."""


def answer_options(command: Any) -> Any:
    """A flag for every question."""
    for path, flag, question, choices in reversed(QUESTIONS):
        kind = click.Choice(choices) if choices else click.STRING
        name = path.replace(".", "_")
        command = click.option(f"--{flag}", name, type=kind, multiple=path in LISTS, default=None, help=question)(
            command
        )
    return command


@profile.command()
@click.option("--name", default="default", show_default=True, help="Name of the profile.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: take defaults for what no flag gives.")
@click.option("--force", is_flag=True, help="Replace a profile of that name.")
@answer_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def init(name: str, yes: bool, force: bool, as_json: bool, **flags: Any) -> None:
    """Interview the researcher and write a profile; every answer can be given as a flag."""
    with json_errors(as_json):
        home = Home.find()
        path = profile_path(home, name)
        if path.exists() and not force:
            raise UsageError(f"The profile {path} exists already. Edit it by hand, or replace it with --force.")
        home.check_writable()
        ask = not yes and _interactive()
        values: dict[str, Any] = {"name": name}
        for key, _, question, choices in QUESTIONS:
            given = flags[key.replace(".", "_")]
            if given not in (None, ()):
                _put(values, key, given)
            elif ask:
                _ask_until_valid(values, key, question, choices)
        made = validate(Profile, values, "profile")
        save_profile(home, made)
    if as_json:
        print_json({"path": str(path), "profile": made.model_dump(mode="json")})
    else:
        click.echo(f"{path} written. Edit it by hand as you like.")


@profile.command()
@click.argument("name", default="default")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def show(name: str, as_json: bool) -> None:
    """Print a profile."""
    with json_errors(as_json):
        found = load_profile(Home.find(), name)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        click.echo(profile_toml(found), nl=False)


@profile.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def list_all(as_json: bool) -> None:
    """List profiles."""
    names = list_profiles(Home.find())
    if as_json:
        print_json({"profiles": names})
        return
    for name in names:
        click.echo(name)
    if not names:
        click.echo("No profiles yet; runs use built-in defaults. Make one with: nanoresearch profile init")


@profile.command()
@click.argument("name", default="default")
def edit(name: str) -> None:
    """Open a profile in $EDITOR; it is checked before it is kept."""
    home = Home.find()
    path = profile_path(home, name)
    before = path.read_text(encoding="utf-8") if path.exists() else profile_toml(load_profile(home, name))
    after = click.edit(before, extension=".toml")
    if after is None or after == before:
        click.echo("Nothing changed.")
        return
    import tomlkit
    from tomlkit.exceptions import ParseError

    from nanoresearch.paths import write_atomic

    try:
        values = tomlkit.parse(after).unwrap()
    except ParseError as error:
        raise UsageError(f"The edited profile is not valid TOML and was not kept: {error}.") from error
    validate(Profile, {"name": name, **values}, "the edited profile, which was not kept")
    write_atomic(path, after)
    click.echo(f"{path} written.")


def _ask_until_valid(values: dict[str, Any], key: str, question: str, choices: tuple[str, ...]) -> None:
    """Put an answer into the values; an answer that is not valid is asked for again, and all others are kept."""
    while True:
        answer = _ask(key, question, choices)
        if answer is None:
            return
        trial = copy.deepcopy(values)
        _put(trial, key, answer)
        try:
            validate(Profile, trial, "that answer")
        except ConfigError as error:
            click.echo(str(error), err=True)
            continue
        _put(values, key, answer)
        return


def _interactive() -> bool:
    return sys.stdin.isatty()


def _ask(key: str, question: str, choices: tuple[str, ...]) -> Any:
    default = _get(Profile().model_dump(mode="json"), key)
    shown = "" if default is None or isinstance(default, list) else default
    if isinstance(default, bool):
        shown = "yes" if default else "no"
    kind = (
        click.Choice((*choices, ""))
        if choices and key == "domain"
        else click.Choice(choices)
        if choices
        else click.STRING
    )
    answer = click.prompt(
        question, default=str(shown), type=kind, show_default=bool(shown != ""), show_choices=True, err=True
    )
    return None if answer == "" else answer


def _put(values: dict[str, Any], key: str, answer: Any) -> None:
    if key in LISTS:
        parts = answer if isinstance(answer, tuple) else (answer,)
        answer = [item.strip() for part in parts for item in part.split(",") if item.strip()]
    elif answer in ("yes", "no"):
        answer = answer == "yes"
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
    values[last] = answer


def _get(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values
