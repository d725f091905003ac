"""Whether figures show recorded values: each sidecar derives again and lists what drawing again would show."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.statistics import derive
from nanoresearch.paper.drawing import Drawing
from nanoresearch.paper.figures import draw
from nanoresearch.paper.render import render_figure
from nanoresearch.paper.template import format_of, layout_of
from nanoresearch.schema.analysis import Figure


def check_figures(case: Case) -> Iterator[Doubt]:
    """Every figure of the analysis."""
    two_column = layout_of(case.manuscript.format).two_column
    for figure in case.analysis.figures:
        source = f"{names.PAPER}/figures/{figure.id}.tex"
        if case.text(source) != render_figure(figure, two_column):
            yield source, "is not what the analysis renders to"
        yield from _bytes(case, figure)
        yield from _values(case, figure)


def _bytes(case: Case, figure: Figure) -> Iterator[Doubt]:
    """The paper has the drawing that the analysis made."""
    printed, drawn = f"{names.PAPER}/figures/{figure.id}.pdf", f"{names.DRAWINGS}/{figure.id}.pdf"
    digest = case.digest(printed)
    if digest is None or digest != case.digest(drawn):
        yield printed, f"is not the drawing {drawn}"


def _values(case: Case, figure: Figure) -> Iterator[Doubt]:
    sidecar = f"{names.DRAWINGS}/{figure.id}.json"
    kept = case.record(sidecar, Drawing)
    if kept.figure != figure:
        yield sidecar, "describes another figure than the analysis"
    if not kept.values:
        yield sidecar, "lists no value"
    for value in kept.values:
        case.numbers_checked += 1
        try:
            again = derive(value.source, case.ledger)
        except KeyError as error:
            yield sidecar, f"{value.mark} cannot be derived: {error}"
            continue
        if again != value.value:
            yield sidecar, f"{value.mark} is drawn at {value.value}, but the records give {again}"
    yield from _drawn_again(case, figure, sidecar, kept)


def _drawn_again(case: Case, figure: Figure, sidecar: str, kept: Drawing) -> Iterator[Doubt]:
    """The sidecar leaves nothing out, and with the same library the drawing itself comes out the same."""
    width = layout_of(format_of(case.run.profile.writing)).figure_width(figure.wide)
    with tempfile.TemporaryDirectory() as scratch:
        file = draw(
            figure,
            case.blueprint,
            case.results,
            lambda statistic: derive(statistic, case.ledger),
            Path(scratch),
            width_in=width,
        )
        if file.drawing.values != kept.values:
            yield sidecar, "does not list what the records draw"
        same = file.pdf.read_bytes() == case.folder.path(f"{names.DRAWINGS}/{figure.id}.pdf").read_bytes()
        if not same and _same_library(case):
            yield f"{names.DRAWINGS}/{figure.id}.pdf", "is not what the records draw"


def _same_library(case: Case) -> bool:
    from matplotlib import __version__

    return case.run.versions.get("matplotlib") == __version__
