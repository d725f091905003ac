"""Whether figures show recorded values: each sidecar derives again and lists what drawing again would show."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.audit.literals import literals
from nanoresearch.evidence.audit.paperwork import proper_names
from nanoresearch.evidence.statistics import derive
from nanoresearch.execution.sandbox import probe_isolation
from nanoresearch.paper.drawing import Drawing
from nanoresearch.paper.escape import latex
from nanoresearch.paper.figures import draw
from nanoresearch.paper.render import render_figure
from nanoresearch.paper.sketch import run_sketch, script_faults
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
    if figure.kind == "script":
        yield from _run_again(case, figure, sidecar, kept)
    else:
        yield from _drawn_again(case, figure, sidecar, kept)


def _run_again(case: Case, figure: Figure, sidecar: str, kept: Drawing) -> Iterator[Doubt]:
    """The script is the one that drew the figure, and draws it again from the recorded values in a sandbox."""
    where = f"{names.DRAWINGS}/{figure.id}.py"
    values = {value.mark: value.value for value in kept.values}
    code = case.text(where)
    if case.digest(where) != figure.script_sha256:
        yield where, "is not the script that the analysis names"
        return
    if faults := script_faults(code, values):
        yield where, f"must not be run: {faults[0]}"
        return
    isolation = probe_isolation()
    if isolation.kind == "none":
        case.unverified.append(f"the figure {figure.id} was not drawn again: nothing isolates its script here")
        return
    width = layout_of(format_of(case.run.profile.writing)).figure_width(figure.wide)
    sketch, pdf = run_sketch(code, values, width, isolation)
    if sketch.error:
        yield where, f"does not draw the figure from the records: {sketch.error}"
    elif set(sketch.taken) != set(values):
        yield sidecar, "does not list what the script draws"
    elif _same_library(case) and pdf != case.folder.path(f"{names.DRAWINGS}/{figure.id}.pdf").read_bytes():
        yield f"{names.DRAWINGS}/{figure.id}.pdf", "is not what its script draws from the records"
    typed = [number for text in sketch.texts for number in literals(latex(text), proper_names(case))]
    if typed:
        yield where, f"typed numbers: {', '.join(typed)}"


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
