"""Whether every number of the paper comes from a record, and no other number stands where results are told."""

import re
from collections.abc import Generator, Iterator, Set
from decimal import Decimal
from functools import lru_cache

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.audit.literals import (
    NAME,
    RESULT,
    bare_references,
    literals,
    unknown_macros,
    without_comments,
)
from nanoresearch.evidence.audit.paperwork import Passage, floats, front, is_named, proper_names, sections
from nanoresearch.evidence.audit.told import NUMBER, numbers_told, spelt, told_text
from nanoresearch.evidence.numbers import derive_number
from nanoresearch.paper.numbers import read_numbers_tex
from nanoresearch.paper.render import cited_keys
from nanoresearch.paper.tables import render_table
from nanoresearch.paper.template import layout_of, paper_tex
from nanoresearch.schema.analysis import Field, Number

SOURCES = re.compile(
    r"run\.json|ideation/(?:survey|hypotheses|novelty)\.json|planning/blueprint\.json|execution/attempts/\d+/attempt\.json"
    r"|(?:ideation|planning|coding|writing)/plan\.json"
)
"""Records that a number may be a field of. Those that the paper is made of, such as the manuscript, prove nothing."""
COUNTED = re.compile(r"/(?:findings|figures|tables|cautions)")
"""Lists of the analysis whose length may be told."""
VOLATILE = ("/phases", "/updated", "/status", "/step", "/reason")
"""Fields of run.json that go on changing after the paper is written."""

_SHARE = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)(?=[\s~]*(?:\\,)?[\s~]*(?:\\%|per\s?cent\b|percentage))"
    r"|(?<![A-Za-z])p(?:-value)?\$?\s*(?:of|is|[=<>]|\$[=<>]\$|\\leq?)\s*\$?\s*(\d+(?:\.\d+)?)"
)
_DECIMAL = re.compile(r"(?<![\w.])(\d+\.\d+)(?![\d.]*\d)")
TOLD = ("introduction", "related_work")
"""Design sections that tell and define nothing: any number there must be known."""
_NOTE = re.compile(r"^\\firstpagenote\{(.*)\}$", re.MULTILINE)


def check_numbers(case: Case) -> Iterator[Doubt]:
    """Definitions, references, sources as rendered, and typed numbers."""
    tex = case.text(names.PAPER_TEX)
    note = match[1] if (match := _NOTE.search(tex)) else ""
    texts = yield from _definitions(case)
    yield from _as_rendered(case, tex, note, texts)
    given = proper_names(case)
    known = known_values(case)
    for passage in (*front(case, note, given), *sections(tex), *floats(case)):
        yield from _references(passage, texts)
        yield from typed(passage, case, given, known)


def _definitions(case: Case) -> Generator[Doubt, None, dict[str, str]]:
    """Every definition of numbers.tex is a number that is derived again to the same text. Returns the texts."""
    printed = read_numbers_tex(case.text(names.NUMBERS_TEX))
    backed: dict[str, Number] = {}
    for number in case.numbers:
        if backed.setdefault(number.key, number) != number:
            yield names.NUMBERS_TEX, f"{number.key} has two meanings"
    for key in sorted(set(printed) - set(backed)):
        yield names.NUMBERS_TEX, f"{key} is backed by no record"
    for key in sorted(set(backed) - set(printed)):
        yield names.NUMBERS_TEX, f"{key} is not defined"
    for key, number in sorted(backed.items()):
        case.numbers_checked += 1
        yield from _derived(case, number, printed.get(key, number.text))
    return printed


def _derived(case: Case, number: Number, printed: str) -> Iterator[Doubt]:
    if isinstance(number.source, Field) and (problem := _circular(number.source)):
        yield names.NUMBERS_TEX, f"{number.key} {problem}"
        return
    try:
        again = derive_number(number.key, number.source, number.form, case.ledger, case.folder)
    except (KeyError, ValueError, CorruptRecord) as error:
        yield names.NUMBERS_TEX, f"{number.key} cannot be derived: {error}"
        return
    if printed != again.text:
        yield names.NUMBERS_TEX, f"{number.key} is printed as {printed}, but the records give {again.text}"
    elif (number.text, number.value) != (again.text, again.value):
        yield names.NUMBERS_TEX, f"{number.key} is kept as {number.value}, but the records give {again.value}"


def _circular(source: Field) -> str:
    """Why a field is no evidence, or nothing."""
    if source.file == names.ANALYSIS and source.count and COUNTED.fullmatch(source.pointer):
        return ""
    if not SOURCES.fullmatch(source.file):
        return f"is read from {source.file}, which is no record of the run"
    if source.file == names.RUN and source.pointer.startswith(VOLATILE):
        return f"is read from {source.pointer} of {names.RUN}, which changes after the paper is written"
    return ""


def _as_rendered(case: Case, tex: str, note: str, texts: dict[str, str]) -> Iterator[Doubt]:
    """Sources are byte for byte what manuscript and analysis render to with this version of the package."""
    manuscript = case.manuscript
    again = paper_tex(manuscript, cited=bool(cited_keys(manuscript, case.analysis)), note=note)
    if tex != again:
        changed = [s.id for s in manuscript.sections if s.body.strip() not in tex or s.title not in tex]
        where = f" in {', '.join(changed)}" if changed else ""
        yield names.PAPER_TEX, f"is not what the manuscript renders to{where}"
    two_column = layout_of(manuscript.format).two_column
    # Widths depend on the printed texts, so the manuscript's own are taken: a changed numbers.tex is found above.
    shown = {number.key: number.text for number in case.numbers}
    for table in case.analysis.tables:
        name = f"{names.PAPER}/tables/{table.id}.tex"
        if case.text(name) != render_table(table, two_column, shown):
            yield name, "is not what the analysis renders to"


def _references(passage: Passage, texts: dict[str, str]) -> Iterator[Doubt]:
    for key in sorted(set(RESULT.findall(without_comments(passage.body)))):
        if key not in texts:
            yield passage.where, f"the result {key} is not defined"


def typed(passage: Passage, case: Case, given: set[str], known: set[Decimal]) -> Iterator[Doubt]:
    """Typed numbers, false names, and commands that might print a number; `known` is what `known_values` gives."""
    for content in NAME.findall(without_comments(passage.body)):
        if not is_named(content, case, given):
            yield passage.where, f"\\name{{{content}}} is no name of the blueprint or the survey"
    if bare := bare_references(passage.body):
        yield passage.where, f"references that stand like numbers: {' '.join(bare)}"
    if passage.results:
        if found := literals(passage.body, given):
            yield passage.where, f"typed numbers: {', '.join(found)}"
        if unknown := unknown_macros(passage.body):
            yield passage.where, f"commands that might print a number: {' '.join(unknown)}"
        return
    plain = NAME.sub(" ", without_comments(passage.body))
    telling = passage.where in TOLD
    shown = [share or p for share, p in _SHARE.findall(plain)]
    shown += _DECIMAL.findall(plain) if telling else []
    strange = [text for text in dict.fromkeys(shown) if not is_known(text, known)]
    if telling:
        strange += [
            text for text in numbers_told(passage.body) if text not in strange and not _is_told(text, case, known)
        ]
        strange += spelt(told_text(passage.body), case.told)
    if strange:
        yield passage.where, f"shares or measured values that no record of the design has: {', '.join(strange)}"


def _is_told(text: str, case: Case, known: Set[Decimal]) -> bool:
    """Whether a number stands in the design or in what was read; whole numbers of the code would be almost any."""
    if "." in text:
        return is_known(text, known)
    return is_known(text, _told_values(case.told)) or Decimal(text) in _lengths(case)


@lru_cache(maxsize=8)
def _told_values(told: str) -> frozenset[Decimal]:
    """Numbers of a text, with their shares in percent."""
    values = {Decimal(token) for token in NUMBER.findall(told)}
    return frozenset(values | {100 * value for value in values if 0 < value < 1})


def _lengths(case: Case) -> set[int]:
    """How many there are of what design and survey list: seeds, settings, works, queries."""
    lists = [*case.blueprint.model_dump().values(), *case.survey.model_dump().values()]
    sweep = case.blueprint.sweep.values if case.blueprint.sweep else ()
    queries = {query.text for query in case.survey.queries}
    return {len(items) for items in (*lists, sweep, queries) if isinstance(items, list | tuple | set)}


def known_values(case: Case) -> set[Decimal]:
    """Numbers of the design, the surveyed works, the profile and the code, with their shares in percent."""
    texts = [case.blueprint.canonical_json(), case.survey.canonical_json(), case.run.profile.canonical_json()]
    texts += [case.text(names.NOVELTY), *case.history.sources(case.history.commits[-1]).values()]
    texts += [case.run.topic, *case.run.versions.values()]
    texts += case.run.environment.packages.values() if case.run.environment else ()
    values = {Decimal(token) for text in texts for token in NUMBER.findall(text)}
    shares = {value for value in values if 0 < value < 1}
    shares |= {1 - share for share in shares}
    return values | shares | {100 * share for share in shares}


def is_known(text: str, known: Set[Decimal]) -> bool:
    """Whether a typed number is one of the known values, or one of them rounded."""
    value = Decimal(text)
    return any(abs(value - item) < Decimal("1e-9") or _rounds_to(item, value) for item in known)


def _rounds_to(item: Decimal, value: Decimal) -> bool:
    places = -int(value.as_tuple().exponent)
    return bool(places) and len(item.as_tuple().digits) > places + 3 and round(item, places) == value
