"""run, resume, status, list, show, audit, export."""

import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

import click

from nanoresearch.cli.main import INTERRUPTED
from nanoresearch.cli.output import json_errors, print_json, progress
from nanoresearch.errors import AuditFailed, NanoResearchError, UsageError
from nanoresearch.paths import Home, RunFolder, held, read_record, walk_all, write_atomic
from nanoresearch.schema.audit import Audit
from nanoresearch.schema.profile import PaperFormat
from nanoresearch.schema.run import PhaseCost, RunRecord

RECALLED = "recalled.json"
run_argument = click.argument("run_id", metavar="RUN_ID", default="latest")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
feedback_option = click.option(
    "--feedback", default="none", metavar="none|console|FILE", help="Where feedback after each stage comes from."
)
minutes_option = click.option(
    "--budget-minutes", type=click.FloatRange(min=0, min_open=True), help="Cap on this sitting, in minutes."
)
usd_option = click.option(
    "--budget-usd", type=click.FloatRange(min=0, min_open=True), help="Cap on what language models cost, in USD."
)
tokens_option = click.option(
    "--budget-tokens", type=click.IntRange(min=1), help="Cap on what language models read and write."
)
unsafe_option = click.option(
    "--unsafe-no-sandbox", "unsafe", is_flag=True, help="Run experiment code with all that you can read and reach."
)


@click.command()
@click.argument("topic")
@click.option("--profile", "profile_name", default=None, help="Profile to work for (default: the configured one).")
@click.option("--crew", type=click.Choice(["builtin", "llm"]), default=None, help="Who fills the roles.")
@click.option("--model", metavar="PROVIDER:NAME", help="Language model for every role; goes with --crew llm.")
@click.option(
    "--executor",
    type=click.Choice(["local", "slurm", "inprocess"]),
    default=None,
    help="Where experiments run (inprocess: without limits and sandbox, for debugging).",
)
@click.option("--format", "paper_format", type=click.Choice(get_args(PaperFormat)), help="Paper layout.")
@feedback_option
@minutes_option
@usd_option
@tokens_option
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="First seed of the experiments."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; may be repeated.")
@click.option("--no-learning", is_flag=True, help="Feedback is recorded, and the planner stays as it is.")
@click.option("--no-skills", is_flag=True, help="Neither use nor learn skills.")
@click.option("--no-memory", is_flag=True, help="Neither recall nor keep memories.")
@click.option("--fetch", is_flag=True, help="Fetch missing data whose licence is stated and permissive.")
@unsafe_option
@json_option
def run(
    topic: str,
    profile_name: str | None,
    crew: str | None,
    model: str | None,
    executor: str | None,
    paper_format: str | None,
    feedback: str,
    budget_minutes: float | None,
    budget_usd: float | None,
    budget_tokens: int | None,
    seed: int,
    overrides: tuple[str, ...],
    no_learning: bool,
    no_skills: bool,
    no_memory: bool,
    fetch: bool,
    unsafe: bool,
    as_json: bool,
) -> None:
    """Turn TOPIC into a paper with real experiments behind it."""
    from nanoresearch.assemble import Limits, RunRequest, create_run
    from nanoresearch.config import load_config
    from nanoresearch.profiles import load_profile
    from nanoresearch.researcher.source import feedback_source

    with json_errors(as_json):
        home = Home.find()
        named = (
            ["planner.learn=false"] * no_learning
            + ["experience.skills=false"] * no_skills
            + ["experience.memory=false"] * no_memory
            + [f"crew={crew or 'llm'}"] * bool(crew or model)
            + [f"models.default={model}"] * bool(model)
            + [f"execution.executor={executor}"] * bool(executor)
            + ["execution.sandbox=off"] * unsafe
            + ["data.fetch=true"] * fetch
        )
        config = load_config(home.config_file, (*overrides, *named))
        profile = load_profile(home, profile_name or config.profile)
        if paper_format:
            writing = profile.writing.model_copy(update={"format": paper_format})
            profile = profile.model_copy(update={"writing": writing})
        if budget_minutes and budget_minutes < profile.compute.minutes:
            compute = profile.compute.model_copy(update={"minutes": budget_minutes})
            profile = profile.model_copy(update={"compute": compute})
        source = feedback_source(feedback)
        if fetch and config.crew == "builtin":
            fetch_for(topic, profile, home)
        folder = create_run(home, RunRequest(topic, profile, config, seed))
    _sit(home, folder, source, Limits(budget_minutes, budget_usd, budget_tokens), as_json)


def fetch_for(topic: str, profile: Any, home: Home) -> None:
    """Fetch what the builtin crew would want for a topic and is free to fetch. Raises TopicRefused or DatasetError."""
    from nanoresearch.crew.builtin.designer import wanted_data
    from nanoresearch.crew.builtin.reading import read_topic
    from nanoresearch.datasets.catalogue import load_catalogue
    from nanoresearch.datasets.fetch import fetch_needed

    cards = load_catalogue()
    names = wanted_data(read_topic(" ".join(topic.split()), profile))
    report = fetch_needed(
        [cards[name] for name in names], home.data, set(), progress=lambda text: click.echo(text, err=True)
    )
    for name, reason in report.skipped.items():
        click.echo(f"{name}: {reason}", err=True)
    for name, error in report.failed.items():
        click.echo(f"{name}: {error}", err=True)


@click.command()
@run_argument
@feedback_option
@minutes_option
@usd_option
@tokens_option
@unsafe_option
@json_option
def resume(
    run_id: str,
    feedback: str,
    budget_minutes: float | None,
    budget_usd: float | None,
    budget_tokens: int | None,
    unsafe: bool,
    as_json: bool,
) -> None:
    """Go on with a run where it stopped; finished steps are not done again."""
    from nanoresearch.assemble import Limits
    from nanoresearch.researcher.source import feedback_source

    with json_errors(as_json):
        home = Home.find()
        folder = home.find_run(run_id)
        source = feedback_source(feedback)
    _sit(home, folder, source, Limits(budget_minutes, budget_usd, budget_tokens), as_json, unsafe=unsafe)


def _sit(home: Home, folder: RunFolder, source: Any, limits: Any, as_json: bool, *, unsafe: bool = False) -> None:
    """Carry on with a run and report how it ended."""
    from nanoresearch.session import carry_on

    click.echo(f"run {folder.id}", err=True)
    try:
        with json_errors(as_json, run=folder.id, folder=str(folder.root)), progress() as listener:
            audit = carry_on(home, folder, source, listener, limits=limits, unsafe=unsafe)
    except KeyboardInterrupt:
        click.echo(f"\nStopped. Nothing is lost; go on with: nanoresearch resume {folder.id}", err=True)
        sys.exit(INTERRUPTED)
    except NanoResearchError as error:
        if not isinstance(error, AuditFailed):
            click.echo(f"The run is kept in {folder.root}", err=True)
        raise
    summary = _summary(folder, audit)
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


def _summary(folder: RunFolder, audit: Audit | None) -> dict[str, Any]:
    """What a finished, or unfinished, run amounts to."""
    record = folder.load("run.json", RunRecord)
    found: dict[str, Any] = {
        "run": record.id,
        "folder": str(folder.root),
        "status": record.status,
        "topic": record.topic,
    }
    if record.reason:
        found["reason"] = record.reason
    for name, file, keys in (
        ("blueprint", "planning/blueprint.json", ("title", "hypothesis", "study", "domain")),
        ("analysis", "analysis/analysis.json", ("verdict", "verdict_reason")),
        ("build", "paper/build.json", ("pages", "errors")),
    ):
        if folder.has(file):
            content = folder.load_json(file)
            if isinstance(content, dict):
                found[name] = {key: content.get(key) for key in keys}
    pdf = folder.path("paper/paper.pdf")
    found["pdf"] = str(pdf) if pdf.exists() else None
    if audit:
        found["audit"] = {
            "passed": audit.passed,
            "findings": len(audit.findings),
            "numbers_checked": audit.numbers_checked,
            "citations_checked": audit.citations_checked,
        }
    costs = record.model_dump(include={"attempts", "failed_attempts", "experiment_seconds", "experiment_cpu_seconds"})
    seconds = round(sum(cost.seconds for cost in record.phases.values()), 1)
    return {**found, "seconds": seconds, **costs}


def _print_summary(summary: dict[str, Any]) -> None:
    rows = [("run", summary["run"]), ("status", summary["status"])]
    if "reason" in summary:
        rows.append(("reason", summary["reason"]))
    if blueprint := summary.get("blueprint"):
        rows += [("title", blueprint["title"]), ("hypothesis", blueprint["hypothesis"])]
    if analysis := summary.get("analysis"):
        rows.append(("verdict", f"{analysis['verdict']}: {analysis['verdict_reason']}"))
    if summary["pdf"] and "build" in summary:
        rows.append(("paper", f"{summary['pdf']} ({summary['build']['pages']} pages)"))
    elif build := summary.get("build"):
        rows.append(("paper", " ".join(build["errors"])))
    if audit := summary.get("audit"):
        word = "passed" if audit["passed"] else "FAILED"
        counted = f"{audit['numbers_checked']} numbers and {audit['citations_checked']} citations checked"
        rows.append(("audit", f"{word}, {counted}, {audit['findings']} findings"))
    rows.append(
        ("cost", f"{summary['seconds']} s, {summary['attempts']} attempts, {summary['failed_attempts']} failed")
    )
    for name, value in rows:
        click.echo(f"{name:11s} {value}")


def _load_audit(folder: RunFolder) -> Audit | None:
    return folder.load("audit.json", Audit) if folder.has("audit.json") else None


def current_record(folder: RunFolder) -> RunRecord:
    """The head record; a run that nobody works on any more is interrupted, whatever it last wrote."""
    record = folder.load("run.json", RunRecord)
    if record.status == "running" and not held(folder):
        return record.model_copy(update={"status": "interrupted", "reason": "its process ended without a word"})
    return record


@click.command()
@run_argument
@json_option
def status(run_id: str, as_json: bool) -> None:
    """Say where a run stands."""
    with json_errors(as_json):
        record = current_record(Home.find().find_run(run_id))
    if as_json:
        print_json(record.model_dump(mode="json", include={"id", "status", "step", "reason", "updated", "topic"}))
        return
    click.echo(f"{record.id}: {record.status}, at {record.step or 'the start'}, last heard of {record.updated}")
    if record.reason:
        click.echo(record.reason)
    if record.status in ("interrupted", "stopped_by_budget", "failed", "running"):
        click.echo(f"Go on with: nanoresearch resume {record.id}")


@click.command("list")
@json_option
def list_runs(as_json: bool) -> None:
    """List all runs, oldest first."""
    records, broken = [], []
    for folder in Home.find().run_folders():
        try:
            records.append(current_record(folder))
        except NanoResearchError as error:
            broken.append({"id": folder.id, "error": str(error)})
    if as_json:
        fields = {"id", "status", "topic", "created"}
        print_json({"runs": [record.model_dump(mode="json", include=fields) for record in records], "broken": broken})
        return
    for record in records:
        click.echo(f"{record.id:66s} {record.status:18s} {record.topic[:60]}")
    for item in broken:
        click.echo(f"{item['id']:66s} unreadable: {item['error']}", err=True)
    if not records and not broken:
        click.echo('No runs yet. Start one with: nanoresearch run "TOPIC"')


@click.command()
@run_argument
@json_option
def show(run_id: str, as_json: bool) -> None:
    """Show what a run did, found and cost."""
    with json_errors(as_json):
        folder = Home.find().find_run(run_id)
        summary = _summary(folder, _load_audit(folder))
        record = folder.load("run.json", RunRecord)
        recalled = _recalled(folder, record)
    if as_json:
        print_json({**record.model_dump(mode="json"), "summary": summary, "recalled": recalled})
        return
    _print_summary(summary)
    for phase, cost in record.phases.items():
        click.echo(f"  {phase:10s} {cost.seconds:8.1f} s{_asked(cost)}")
    for item in recalled:
        click.echo(f"  recalled for {item['where']}: {item['kind']} {item['id']}, {item['why']}")
        click.echo(f"    {item['text']}")


def _asked(cost: PhaseCost) -> str:
    """What language models took in a phase; what lost calls may have cost is told apart, as an estimate."""
    said = ""
    if cost.model_calls:
        unpriced = f", {cost.unpriced_calls} of unknown price" if cost.unpriced_calls else ""
        said = f", {cost.model_calls} model calls{unpriced}, {cost.tokens} tokens, {cost.cost_usd:.4f} USD"
    if cost.lost_calls:
        unknown = cost.lost_calls - cost.lost_priced_calls
        said += (
            f"; not in these: {cost.lost_calls} lost calls, by estimate at most {cost.lost_tokens_estimate} tokens, "
            f"{cost.lost_cost_usd_estimate:.4f} USD" + (f" ({unknown} of them without an estimate)" if unknown else "")
        )
    return said


def _recalled(folder: RunFolder, record: RunRecord) -> list[dict[str, Any]]:
    """Every skill and memory that was retrieved in a run, with the parts of its score."""
    from nanoresearch.config import Config, validate
    from nanoresearch.experience.retrieve import explain
    from nanoresearch.schema.experience import Recall

    settings = validate(Config, record.config, "run.json: config").experience
    rows = []
    for path in sorted(folder.root.rglob(RECALLED), key=lambda path: path.stat().st_mtime):
        recall = read_record(path, Recall)
        where = str(path.parent.relative_to(folder.root))
        for found in recall.skills:
            text, why = f"{found.skill.when} {found.skill.what}", explain(found.score, settings.skill_weights)
            rows.append({"where": where, "kind": "skill", "id": found.skill.id, "text": text, "why": why})
        for item in recall.memories:
            why = explain(item.score, settings.memory_weights)
            rows.append({"where": where, "kind": "memory", "id": item.memory.id, "text": item.memory.text, "why": why})
    return rows


@click.command()
@run_argument
@json_option
def audit(run_id: str, as_json: bool) -> None:
    """Check every number and citation of a run's paper from its files alone. Exits with 4 when something fails."""
    from nanoresearch.evidence.audit import audit_run

    with json_errors(as_json):
        folder = Home.find().find_run(run_id)
        result = audit_run(folder)
        with folder.lock():
            folder.save("audit.json", result)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        for finding in result.findings:
            click.echo(f"{finding.check:11s} {finding.where}: {finding.text}")
        for gap in result.unverified:
            click.echo(f"not checked: {gap}")
        word = "passed" if result.passed else "FAILED"
        click.echo(f"{word}: {result.numbers_checked} numbers, {result.citations_checked} citations checked")
    if not result.passed:
        sys.exit(AuditFailed.exit_code)


@click.command()
@run_argument
@unsafe_option
@json_option
def reproduce(run_id: str, unsafe: bool, as_json: bool) -> None:
    """Run a run's experiment again from its commit and compare every result. Exits with 1 when one differs."""
    from nanoresearch.assemble import environments_for, library_versions
    from nanoresearch.config import load_config
    from nanoresearch.crew.llm.coding.judge import judge_for
    from nanoresearch.events import Events
    from nanoresearch.evidence.reproduce import reproduce_run
    from nanoresearch.execution.local import LocalExecutor
    from nanoresearch.execution.sandbox import require

    with json_errors(as_json):
        home = Home.find()
        folder = home.find_run(run_id)
        config = load_config(home.config_file)
        isolation = require("off" if unsafe else config.execution.sandbox)
        with progress() as listener:
            executor, events = LocalExecutor(isolation), Events(listener)
            environments = environments_for(config, home, events)
            found = reproduce_run(folder, executor, home.data, events, library_versions(), judge_for, environments)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        for line in found.versions_differ:
            click.echo(f"other version: {line}")
        for item in found.discrepancies[:20]:
            click.echo(f"{item.result}: {item.recorded!r} was recorded, {item.reproduced!r} came out")
        click.echo(
            f"{found.compared} results compared: {found.identical} identical, {len(found.discrepancies)} differ, "
            f"{found.seconds} s"
        )
    if found.discrepancies:
        sys.exit(1)


@click.command()
@run_argument
@click.option("--to", "target", type=click.Path(path_type=Path), help="Folder or .zip file (default: RUN_ID.zip here).")
@click.option("--failing", is_flag=True, help="Export a paper that fails its audit, marked as failing.")
@json_option
def export(run_id: str, target: Path | None, failing: bool, as_json: bool) -> None:
    """Copy paper, code and results to a folder or zip file, after a fresh audit."""
    from nanoresearch.evidence.audit import audit_run

    with json_errors(as_json):
        folder = Home.find().find_run(run_id)
        result = audit_run(folder)
        if not result.passed and not failing:
            raise AuditFailed(
                f"Run {folder.id} fails its audit with {len(result.findings)} findings and is not exported. "
                f"See them with: nanoresearch audit {folder.id}. To export it marked as failing, add --failing."
            )
        destination = target or Path.cwd() / f"{folder.id}.zip"
        if destination.exists() and (destination.is_file() or any(destination.iterdir())):
            raise UsageError(f"{destination} exists already. Name another target with --to.")
        files = _export_files(folder)
        if not result.passed:
            findings = "".join(f"{item.check} {item.where}: {item.text}\n" for item in result.findings)
            files["AUDIT-FAILED.txt"] = f"This paper failed its audit.\n\n{findings}".encode()
        _write_export(files, destination)
    if as_json:
        print_json(
            {"run": folder.id, "target": str(destination), "files": sorted(files), "audit_passed": result.passed}
        )
    else:
        click.echo(f"{len(files)} files in {destination}")


def _export_files(folder: RunFolder) -> dict[str, bytes]:
    """Paper with sources, code with its history left out, results, and the records that the audit needs."""
    from nanoresearch.execution.repository import Codebase

    # Memories, and the text of the user's PDFs, are the user's own and no part of the paper.
    read = folder.path("ideation/read")
    kept = ("paper/", "ideation/", "planning/", "analysis/", "review/")
    files = {
        str(path.relative_to(folder.root)): path.read_bytes()
        for prefix in kept
        for path in sorted(folder.path(prefix).rglob("*"))
        if path.is_file() and path.name != RECALLED and path.parent != read
    }
    for name in ("execution/results.jsonl", "execution/measurements.jsonl", "run.json", "audit.json"):
        if folder.has(name):
            files[name] = folder.path(name).read_bytes()
    if folder.has("coding/code"):
        codebase = Codebase(folder.path("coding/code"))
        with tempfile.TemporaryDirectory() as scratch:
            code = Path(scratch) / "code"
            codebase.export(codebase.head(), code)
            files |= {f"code/{path.relative_to(code).as_posix()}": path.read_bytes() for path in walk_all(code)}
    return files


def _write_export(files: dict[str, bytes], destination: Path) -> None:
    if destination.suffix != ".zip":
        for name, content in files.items():
            write_atomic(destination / name, content)
        return
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(name, content)
    write_atomic(destination, buffer.getvalue())
