"""A manuscript and its analysis as the LaTeX sources of a run's paper folder."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nanoresearch.errors import PaperError
from nanoresearch.literature.bibtex import bibtex
from nanoresearch.paper.numbers import numbers_tex
from nanoresearch.paper.tables import render_table
from nanoresearch.paper.template import layout_of, paper_tex
from nanoresearch.paths import read_record, write_atomic
from nanoresearch.schema.analysis import Analysis, Figure, Number
from nanoresearch.schema.manuscript import Manuscript
from nanoresearch.schema.paper import Paper
from nanoresearch.schema.run import RunRecord

_CITE = re.compile(r"\\cite[a-zA-Z]*\*?\s*(?:\[[^\]]*\]\s*){0,2}\{([^{}]*)\}")
UNISOLATED = (
    " Experiment code ran without a sandbox, by the user's choice: nothing but its own text kept it from the"
    " network and from other files."
)


@dataclass(frozen=True)
class RenderedPaper:
    """What was written."""

    files: tuple[str, ...]
    """Every source of the paper, relative to its folder."""
    changed: tuple[str, ...]
    """Those whose content is new."""
    removed: tuple[str, ...]
    """Tables and figures of an earlier revision that are gone."""
    uncited: tuple[str, ...]
    """Keys that the text cites and no record has."""


def render_paper(
    manuscript: Manuscript,
    analysis: Analysis,
    papers: Iterable[Paper],
    folder: Path,
    *,
    drawings: Path,
    note: str = "",
) -> RenderedPaper:
    """Write paper.tex, numbers.tex, references.bib, tables/ and figures/ into the folder, only what changed.

    `drawings` has ID.pdf for every figure of the analysis; `note` is LaTeX at the foot of the first page, which also
    says when run.json beside the folder tells of experiments without a sandbox. Only works that the text cites get
    into references.bib. Raises PaperError for a missing drawing or an unusable number.
    """
    cited = cited_keys(manuscript, analysis)
    known = {paper.key: paper for paper in papers}
    found = [known[key] for key in sorted(cited) if key in known]
    layout = layout_of(manuscript.format)
    numbers = _numbers(manuscript, analysis)
    texts = {number.key: number.text for number in numbers}
    sources: dict[str, str | bytes] = {
        "paper.tex": paper_tex(manuscript, cited=bool(cited), note=note + _isolation(folder)),
        "numbers.tex": numbers_tex(numbers),
        "references.bib": bibtex(found),
    }
    for table in analysis.tables:
        sources[f"tables/{table.id}.tex"] = render_table(table, layout.two_column, texts)
    for figure in analysis.figures:
        sources[f"figures/{figure.id}.tex"] = render_figure(figure, layout.two_column)
        sources[f"figures/{figure.id}.pdf"] = _drawing(drawings, figure)
    changed = tuple(name for name, data in sources.items() if _write(folder / name, data))
    return RenderedPaper(
        files=tuple(sorted(sources)),
        changed=changed,
        removed=_remove_others(folder, set(sources)),
        uncited=tuple(sorted(cited - set(known))),
    )


def cited_keys(manuscript: Manuscript, analysis: Analysis | None = None) -> set[str]:
    """Keys of the works that text, captions and table notes cite."""
    texts = [section.body for section in manuscript.sections]
    if analysis:
        texts += [figure.caption for figure in analysis.figures]
        texts += [text for table in analysis.tables for text in (table.caption, table.note, *sum(table.rows, ()))]
    groups = [match for text in texts for match in _CITE.findall(text)]
    return {key.strip() for group in groups for key in group.split(",") if key.strip()}


def render_figure(figure: Figure, two_column: bool) -> str:
    """The content of figures/ID.tex: a float with the drawing, its caption and the label fig:ID."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", figure.id):
        raise PaperError(f"Figure id {figure.id!r} is not a file name of letters, digits, - and _.")
    environment = "figure*" if figure.wide and two_column else "figure"
    lines = [
        f"\\begin{{{environment}}}[tb]",
        r"\centering",
        f"\\includegraphics[max width=\\linewidth]{{figures/{figure.id}.pdf}}",
        f"\\caption{{{figure.caption}}}",
        f"\\label{{fig:{figure.id}}}",
        f"\\end{{{environment}}}",
    ]
    return "\n".join(lines) + "\n"


def _numbers(manuscript: Manuscript, analysis: Analysis) -> list[Number]:
    return [*manuscript.numbers, *analysis.numbers]


def _isolation(folder: Path) -> str:
    path = folder.parent / "run.json"
    isolation = read_record(path, RunRecord).isolation if path.exists() else None
    return UNISOLATED if isolation and isolation.kind == "none" else ""


def _drawing(drawings: Path, figure: Figure) -> bytes:
    path = drawings / f"{figure.id}.pdf"
    try:
        return path.read_bytes()
    except OSError as error:
        raise PaperError(f"The drawing {path} of figure {figure.id} is missing; redo the analysis step.") from error


def _write(path: Path, data: str | bytes) -> bool:
    payload = data.encode() if isinstance(data, str) else data
    if path.is_file() and path.read_bytes() == payload:
        return False
    write_atomic(path, payload)
    return True


def _remove_others(folder: Path, keep: set[str]) -> tuple[str, ...]:
    """Delete what an earlier revision left in tables/ and figures/."""
    old = [path for kind in ("tables", "figures") for path in sorted((folder / kind).glob("*"))]
    stale = [path for path in old if path.relative_to(folder).as_posix() not in keep and path.is_file()]
    for path in stale:
        path.unlink()
    return tuple(path.relative_to(folder).as_posix() for path in stale)
