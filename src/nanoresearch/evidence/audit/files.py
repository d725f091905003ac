"""Whether everything that a finished run has is there and readable, and nothing that a paper could take in besides."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from nanoresearch.errors import NanoResearchError
from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.paper.template import format_of, own_file
from nanoresearch.paths import walk_files
from nanoresearch.schema.analysis import Analysis
from nanoresearch.schema.blueprint import Blueprint, Critique
from nanoresearch.schema.experiment import Attempt, Patch, Result
from nanoresearch.schema.idea import Ideas, NoveltyReport, Survey
from nanoresearch.schema.manuscript import Build, Manuscript, Review
from nanoresearch.schema.paper import Evidence
from nanoresearch.schema.plan import Plan
from nanoresearch.schema.record import Record
from nanoresearch.schema.run import RunRecord

RECORDS: dict[str, type[Record]] = {
    names.RUN: RunRecord,
    "ideation/plan.json": Plan,
    names.SURVEY: Survey,
    "ideation/hypotheses.json": Ideas,
    "ideation/novelty.json": NoveltyReport,
    "planning/plan.json": Plan,
    names.BLUEPRINT: Blueprint,
    "coding/plan.json": Plan,
    names.ANALYSIS: Analysis,
    "writing/plan.json": Plan,
    "writing/manuscript.json": Manuscript,
    names.MANUSCRIPT: Manuscript,
    names.BUILD: Build,
}
LINES: dict[str, type[Record]] = {
    names.CRITIQUES: Critique,
    names.RESULTS: Result,
    names.REVIEWS: Review,
}
MAYBE_EMPTY: dict[str, type[Record]] = {names.EVIDENCE: Evidence, names.MEASUREMENTS: Result}
TEXTS = (names.SEAL, names.PAPER_TEX, names.NUMBERS_TEX, names.BIBLIOGRAPHY)


def check_files(case: Case) -> Iterator[Doubt]:
    """Presence, kind and form of every file."""
    for name, kind in RECORDS.items():
        yield from _readable(name, partial(case.record, name, kind))
    for name, kind in LINES.items():
        yield from _readable(name, partial(case.lines, name, kind))
    for name, kind in MAYBE_EMPTY.items():
        yield from _readable(name, partial(case.lines, name, kind, empty=True))
    for name in TEXTS:
        yield from _readable(name, partial(case.text, name))
    if not case.folder.path(names.CODE).is_dir():
        yield names.CODE, "the codebase is missing"
    yield from _links(case)
    yield from _attempts(case)
    yield from _floats(case)


def _readable(name: str, read: Callable[[], object]) -> Iterator[Doubt]:
    try:
        read()
    except NanoResearchError as error:
        yield name, _reason(error, name)


def _reason(error: NanoResearchError, name: str) -> str:
    """What is wrong, without the way out for a run that is still going on."""
    if isinstance(error.__cause__, FileNotFoundError):
        return "is missing"
    text = str(error).partition(" Delete that file")[0]
    return (text.partition(name)[2] or text).strip(" .,")


def _links(case: Case) -> Iterator[Doubt]:
    """A link can lead to what is no part of the run."""
    for path in sorted(case.folder.root.rglob("*")):
        if path.is_symlink():
            yield _name(case, path), "is a link, not a file"


def _attempts(case: Case) -> Iterator[Doubt]:
    folder = case.folder.path(names.ATTEMPTS)
    present = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not present:
        yield names.ATTEMPTS, "there is no attempt"
        return
    numbers = [str(number) for number in range(1, len(present) + 1)]
    for name in sorted(set(present) ^ set(numbers)):
        what = "is not one of the attempts counted from one" if name in present else "is missing"
        yield f"{names.ATTEMPTS}/{name}", what
    for name in sorted(set(present) & set(numbers), key=int):
        where = f"{names.ATTEMPTS}/{name}"
        yield from _readable(f"{where}/attempt.json", partial(case.record, f"{where}/attempt.json", Attempt))
        if case.folder.has(f"{where}/patch.json"):
            yield from _readable(f"{where}/patch.json", partial(case.record, f"{where}/patch.json", Patch))


def _floats(case: Case) -> Iterator[Doubt]:
    """Tables and figures are those of the analysis, and the paper's folder has nothing else that TeX could read."""
    figures = [figure.id for figure in case.analysis.figures]
    tables = [table.id for table in case.analysis.tables]
    drawings = {f"{names.DRAWINGS}/{name}.{ending}" for name in figures for ending in ("pdf", "json")}
    drawings |= {f"{names.DRAWINGS}/{item.id}.py" for item in case.analysis.figures if item.kind == "script"}
    paper = {names.PAPER_TEX, names.NUMBERS_TEX, names.BIBLIOGRAPHY, names.BUILD}
    if own := own_file(format_of(case.run.profile.writing)):
        paper.add(f"{names.PAPER}/{own}")
    paper |= {f"{names.PAPER}/tables/{name}.tex" for name in tables}
    paper |= {f"{names.PAPER}/figures/{name}.{ending}" for name in figures for ending in ("pdf", "tex")}
    for folder, wanted, allowed in (
        (names.DRAWINGS, drawings, set()),
        (names.PAPER, paper, {names.PDF, f"{names.PAPER}/paper.log"}),
    ):
        present = {_name(case, path) for path in walk_files(case.folder.path(folder))}
        for name in sorted((wanted - present) - set(TEXTS) - {names.BUILD}):
            yield name, "is missing"
        for name in sorted(present - wanted - allowed):
            yield name, "is not a file of the paper"


def _name(case: Case, path: Path) -> str:
    return path.relative_to(case.folder.root).as_posix()
