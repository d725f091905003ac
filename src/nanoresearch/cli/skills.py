"""skills list, show, export, import, retire, restore, merge."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from nanoresearch.cli.experience import (
    experience,
    json_option,
    print_fields,
    print_history,
    print_table,
    printable,
    runs_of,
    tell_unreadable,
)
from nanoresearch.cli.output import json_errors, print_json
from nanoresearch.errors import NanoResearchError, UsageError
from nanoresearch.paths import Home
from nanoresearch.schema.experience import HistoryEntry, Situation, Skill, SkillKind, SkillStatus

if TYPE_CHECKING:
    from nanoresearch.experience.store import ExperienceStore

EMPTY = (
    'No skills yet. Runs learn them: nanoresearch run "TOPIC". '
    "Or take one in: nanoresearch skills import FOLDER --kind KIND"
)
EVERY = 1_000_000
"""More skills than anybody has."""

name_argument = click.argument("name")
kind_choice = click.Choice(get_args(SkillKind))


@click.group()
def skills() -> None:
    """See, share and correct the procedures that runs have learned."""


@skills.command("list")
@click.option("--kind", type=kind_choice, help="Only those of this phase.")
@click.option("--status", type=click.Choice(get_args(SkillStatus)), help="Only those of this status.")
@json_option
def list_skills(kind: SkillKind | None, status: SkillStatus | None, as_json: bool) -> None:
    """List skills, the surest first."""
    from nanoresearch.experience.life_cycle import confidence

    with json_errors(as_json), experience(Home.find()) as store:
        found = store.skills(kind, status)
        problems = store.unreadable()
        any_at_all = bool(found or store.skills())
    tell_unreadable(problems)
    if as_json:
        rows = [{**skill.model_dump(mode="json"), "confidence": confidence(skill)} for skill in found]
        print_json({"skills": rows, "unreadable": problems})
    elif found:
        print_table(
            ("kind", "status", "sure", "used"),
            (
                ((skill.kind, skill.status, f"{confidence(skill):.2f}", str(skill.uses)), skill.id, skill.when)
                for skill in found
            ),
        )
    elif not problems:
        click.echo("No skill is of that kind and status." if any_at_all else EMPTY)


@skills.command()
@name_argument
@click.option("--for", "text", metavar="TEXT", help="Explain how well it fits this topic, hypothesis or error.")
@click.option("--kind", type=kind_choice, help="Phase for which TEXT asks (default: the skill's own).")
@json_option
def show(name: str, text: str | None, kind: SkillKind | None, as_json: bool) -> None:
    """Show a skill: its words, its record, why it has its status, and its history."""
    from nanoresearch.experience.life_cycle import confidence

    with json_errors(as_json):
        if kind and text is None:
            raise UsageError("--kind says for what TEXT asks: give it together with --for TEXT.")
        home = Home.find()
        with experience(home) as store:
            skill = store.skill(name)
            past = store.history(skill.id)
            fit = _fit(home, store, skill, kind or skill.kind, text) if text is not None else None
    if as_json:
        print_json(
            {
                **skill.model_dump(mode="json"),
                "confidence": confidence(skill),
                "why": _why(skill, past),
                "used_in": runs_of(past),
                "history": [entry.model_dump(mode="json") for entry in past],
                **({"fit": fit} if fit else {}),
            }
        )
        return
    click.echo(printable(f"{skill.id} ({skill.kind}, {skill.status})"))
    print_fields([*_fields(skill, past), *([("fits", str(fit["text"]))] if fit else [])])
    if past:
        click.echo("history")
        print_history(past)


@skills.command()
@name_argument
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--force", is_flag=True, help="Replace a skill that is there; let out paths and numbers.")
@json_option
def export(name: str, folder: Path, force: bool, as_json: bool) -> None:
    """Write a skill to FOLDER/NAME/SKILL.md in the Agent Skills format, without projects, runs and dates."""
    from nanoresearch.experience.agent_skills import export_skill

    with json_errors(as_json):
        home = Home.find()
        with experience(home) as store:
            skill = store.skill(name)
        file = export_skill(skill, folder, force=force, forbidden=_people(home))
    if as_json:
        print_json({"skill": skill.id, "file": str(file)})
    else:
        click.echo(f"{file} written.")


@skills.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--kind", type=kind_choice, help="Phase it serves; needed where the file does not say.")
@click.option(
    "--force", is_flag=True, help="Take in departures from the format, paths, numbers; never orders to models."
)
@json_option
def import_(path: Path, kind: SkillKind | None, force: bool, as_json: bool) -> None:
    """Take in a folder with a SKILL.md as an unproven candidate. Scripts beside it are neither run nor taken in."""
    from nanoresearch.experience.agent_skills import import_skill, read_package

    with json_errors(as_json):
        package = read_package(path)
        skill = import_skill(package, kind=kind, force=force)
        note = f"licence, as the file says: {package.licence[:100]}" if package.licence else ""
        with experience(Home.find()) as store:
            held = store.skill(store.put_skill(skill, event="imported", note=note))
            merged = len(store.history(held.id)) > 1
    if as_json:
        result = {"skill": held.id, "merged": merged, "kind": held.kind, "status": held.status}
        print_json({**result, "licence": package.licence, "left_out": list(package.left_out)})
        return
    if merged:
        click.echo(f"{held.id} ({held.kind}, {held.status}) says the same and took it in.")
    else:
        click.echo(f"{held.id} is in, as a {held.status} for {held.kind}.")
        click.echo(f"See it with: nanoresearch skills show {held.id}")
    if held.status == "retired":
        click.echo(f"It is out of use. To use it again: nanoresearch skills restore {held.id}")
    if skill.remedy is not None:
        click.echo(f"It asks for: {_remedy(skill)}. A crew does that only where it knows that cure itself.")
    if package.licence:
        click.echo(f"Licence, as the file says: {printable(package.licence)}")
    if package.left_out:
        more = f" and {len(package.left_out) - 5} more" if len(package.left_out) > 5 else ""
        click.echo(f"Left alone, neither run nor taken in: {', '.join(package.left_out[:5])}{more}")


@skills.command()
@name_argument
@click.option("--note", default="", help="Why, for its history.")
@json_option
def retire(name: str, note: str, as_json: bool) -> None:
    """Take a skill out of use. It stays known, so that it does not come back under another name."""
    with json_errors(as_json), experience(Home.find()) as store:
        skill = store.retire(name, note)
    _told(skill, "is out of use", as_json)


@skills.command()
@name_argument
@json_option
def restore(name: str, as_json: bool) -> None:
    """Put a retired skill in use again."""
    with json_errors(as_json), experience(Home.find()) as store:
        was = store.skill(name)
        skill = store.restore(name)
    _told(skill, f"is in use, as {skill.status}" if was.status == "retired" else "was not out of use", as_json)


@skills.command()
@click.argument("keep")
@click.argument("other")
@json_option
def merge(keep: str, other: str, as_json: bool) -> None:
    """Make one skill of two that say the same: KEEP gives name and words, the record of OTHER is added."""
    with json_errors(as_json), experience(Home.find()) as store:
        dropped = store.skill(other).id
        skill = store.merge(keep, other)
    _told(skill, f"took in {dropped}", as_json)


def _told(skill: Skill, what: str, as_json: bool) -> None:
    if as_json:
        print_json(skill.model_dump(mode="json"))
    else:
        click.echo(printable(f"{skill.id} {what}."))


def _fields(skill: Skill, past: list[HistoryEntry]) -> list[tuple[str, str]]:
    from nanoresearch.experience.life_cycle import confidence

    outcome = f"{skill.successes} went well, {skill.failures} did not; confirmed in {_projects(len(skill.projects))}"
    return [
        ("when", skill.when),
        ("what", skill.what),
        ("trigger", skill.trigger),
        ("tags", ", ".join(skill.tags)),
        ("remedy", _remedy(skill)),
        ("origin", f"{skill.origin}, distilled {_times(skill.seen)}" if skill.origin == "reflected" else skill.origin),
        ("record", f"used {_times(skill.uses)}: {outcome}" if skill.uses else "not used yet"),
        ("confidence", f"{confidence(skill):.2f}, the mean of Beta({1 + skill.successes}, {1 + skill.failures})"),
        ("status", f"{skill.status}: {_why(skill, past)}"),
        ("used in", ", ".join(runs_of(past))),
        ("created", skill.created),
        ("updated", skill.updated if skill.updated != skill.created else ""),
    ]


def _why(skill: Skill, past: list[HistoryEntry]) -> str:
    """Why a skill has its status."""
    from nanoresearch.experience.life_cycle import PROJECTS_FOR_TRUST, harm

    if skill.status == "trusted":
        return f"it went well in {_projects(len(skill.projects))}, and {PROJECTS_FOR_TRUST} are asked for"
    if skill.status == "candidate":
        return (
            f"trusted after {PROJECTS_FOR_TRUST} successes in as many projects; so far {skill.successes} in "
            f"{_projects(len(skill.projects))}"
        )
    last = next((entry for entry in reversed(past) if entry.event == "retired"), None)
    if last is not None and not last.run:
        return f"by hand on {last.time[:10]}" + (f" ({last.note})" if last.note else "")
    return f"it probably harms: {harm(skill):.0%} that it goes well less than half the time"


def _fit(home: Home, store: "ExperienceStore", skill: Skill, kind: SkillKind, text: str) -> dict[str, Any]:
    """How a skill scores against a text, and where that puts it."""
    from nanoresearch.config import load_config
    from nanoresearch.experience.retrieve import explain, retrieve_skills

    config = load_config(home.config_file)
    settings = config.experience
    situation = Situation(kind=kind, profile=config.profile, project="", text=text)
    found = retrieve_skills(
        store, situation, limit=EVERY, weights=settings.skill_weights, half_life_days=settings.half_life_days
    )
    for place, item in enumerate(found, start=1):
        if item.skill.id == skill.id:
            words = explain(item.score, settings.skill_weights)
            taken = "retrieved" if place <= settings.top_skills else f"not retrieved, as {settings.top_skills} are"
            told = f"{words}; place {place} of {len(found)} for {kind}: {taken}"
            return {"retrieved": place <= settings.top_skills, "place": place, "of": len(found), "text": told} | {
                "score": item.score.model_dump(mode="json")
            }
    if skill.status == "retired":
        reason = "it is retired, and those are never retrieved"
    elif skill.kind != kind:
        reason = f"it serves {skill.kind}, and the text asks for {kind}"
    else:
        reason = "it shares no word and no trigger with that text"
    return {"retrieved": False, "place": None, "of": len(found), "text": f"not at all: {reason}", "score": None}


def _remedy(skill: Skill) -> str:
    if skill.remedy is None:
        return ""
    scope = f", in {skill.remedy.scope}" if skill.remedy.scope else ""
    return printable(f"{skill.remedy.action} {skill.remedy.target} (crew {skill.remedy.crew}{scope})")


def _people(home: Home) -> list[str]:
    """Names of this home's users, which no exported skill may have in it. Data sets are called like everyday words."""
    from nanoresearch.profiles import list_profiles, load_profile

    names = list_profiles(home)
    authors = []
    for name in names:
        try:
            authors.append(load_profile(home, name).writing.author)
        except NanoResearchError:  # a profile that cannot be read does not keep a skill from being shared
            continue
    return [name for name in (*names, *authors) if len(name) > 2]  # shorter ones, such as ml, are words of the field


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _projects(count: int) -> str:
    return "1 project" if count == 1 else f"{count} projects"
