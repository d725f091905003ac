"""The paper as it was typeset: paper.tex in sections, captions and cells, and the names that may hold digits."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case
from nanoresearch.evidence.audit.literals import UNITS, literals
from nanoresearch.paper.escape import latex

DESIGN_SECTIONS = ("introduction", "related_work", "method", "setup", "reproducibility")
"""Sections that say what was planned and what others did: their numbers are settings, and none may be a result."""

_SECTION = re.compile(r"^\\section\{(?P<title>.*)\}\\label\{sec:(?P<id>[A-Za-z0-9_-]+)\}$", re.MULTILINE)
_ABSTRACT = re.compile(r"\\begin\{abstract\}\n(.*?)\n\\end\{abstract\}|\\item\\relax\n(.*?)\\end\{list\}", re.DOTALL)
_KEYWORDS = re.compile(r"^\\textbf\{Keywords:\} .*\n\Z", re.MULTILINE)
_END = re.compile(
    r"^(?:\\FloatBarrier|\\clearpage|\\begingroup\n\\small\n\\raggedright|\\appendix|\\end\{document\})", re.MULTILINE
)


@dataclass(frozen=True)
class Passage:
    """A piece of the paper's text."""

    where: str
    body: str
    results: bool
    """Whether all of its numbers must come from records."""


def sections(tex: str) -> Iterator[Passage]:
    """Abstract and sections as they stand in paper.tex. Raises CorruptRecord when there are none."""
    heads = list(_SECTION.finditer(tex))
    abstract = _ABSTRACT.search(tex)
    if not heads or abstract is None or abstract.start() > heads[0].start():
        raise CorruptRecord(f"{names.PAPER_TEX} has no abstract or no sections.")
    # In two of the layouts the keywords stand below the abstract; they are a passage of their own.
    yield Passage("abstract", _KEYWORDS.sub("", abstract[1] or abstract[2]), results=True)
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        end = _END.search(tex, head.end())
        stop = min(following.start() if following else len(tex), end.start() if end else len(tex))
        body = f"{head['title']}\n{tex[head.end() : stop]}"
        yield Passage(head["id"], body, results=head["id"] not in DESIGN_SECTIONS)


def floats(case: Case) -> Iterator[Passage]:
    """Captions, headers, cells and notes. A group's own label, which the data give, is left out."""
    groups = {latex(r.metric.partition(":")[2]) for r in case.results if ":" in r.metric}
    for table in case.analysis.tables:
        where = f"tables/{table.id}"
        yield Passage(where, f"{table.caption}\n{table.note}", results=True)
        yield Passage(where, "\n".join(table.header), results=True)
        for row in table.rows:
            cells = row[1:] if row and row[0] in groups and len(row) > 1 else row
            yield Passage(where, "\n".join(cells), results=True)
    for figure in case.analysis.figures:
        yield Passage(f"figures/{figure.id}", figure.caption, results=True)


def front(case: Case, note: str, given: set[str]) -> Iterator[Passage]:
    """Title, keywords that are no names, and the note at the foot of the first page."""
    yield Passage("title", case.manuscript.title, results=True)
    keywords = [word for word in case.manuscript.keywords if not is_named(word, case, given)]
    yield Passage("keywords", "\n".join(keywords), results=True)
    yield Passage("first-page note", note, results=True)


def proper_names(case: Case) -> set[str]:
    """Names in LaTeX that were given before any result: of data, methods, components, metrics and settings."""
    blueprint = case.blueprint
    given = [text for method in blueprint.methods for text in (method.name, method.id)]
    given += [text for component in blueprint.components for text in (component.name, component.id)]
    given += [text for metric in blueprint.metrics for text in (metric.name, metric.id)]
    for staged in (*blueprint.datasets, *blueprint.support):
        given += [staged.card.name, staged.card.id, staged.card.package]
    if blueprint.sweep:
        settings = [value for value in blueprint.sweep.values if isinstance(value, str)]
        given += [blueprint.sweep.name, blueprint.sweep.unit, *settings]
    return {latex(name) for name in given if re.search("[A-Za-z]", name)}


def is_named(content: str, case: Case, given: set[str]) -> bool:
    r"""Whether what stands in \name{} is a given name, or a surveyed work's title, source or venue, whole.

    So is the field at the end of the frozen hypothesis ("... in FIELD"), as long as it only says how many things
    there are.
    """
    content = content.strip()
    works = {latex(text) for paper in case.survey.papers for text in (paper.title, paper.source, paper.venue or "")}
    if content in works:
        return True
    if not re.search("[A-Za-z]", content):
        return False
    if {word.lower() for word in literals(content)} <= set(UNITS):
        field = latex(case.blueprint.hypothesis).rpartition(" in ")[2].rstrip(".")
        if content.lower() == field.lower():
            return True
    return content.lower() in {name.lower() for name in given}
