"""Figures as vector PDF, drawn at the size they are printed, each with a list of the values it shows.

Every drawn value is a `Statistic` that the caller's `derive` computes; nothing is computed here but its place on
paper. The same values give the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from nanoresearch.errors import PaperError
from nanoresearch.paper import linecharts, rowcharts
from nanoresearch.paper.drawing import Derive, Drawing, Pen
from nanoresearch.paper.style import style
from nanoresearch.paths import write_atomic
from nanoresearch.schema.analysis import Figure
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Result


@dataclass(frozen=True)
class FigureFile:
    """A figure on disk."""

    pdf: Path
    json: Path
    drawing: Drawing


_PAINTERS = {
    "bars": rowcharts.bars,
    "sweep": linecharts.sweep,
    "effects": rowcharts.effects,
    "slices": rowcharts.slices,
    "cost": linecharts.cost,
}


def draw(
    figure: Figure, blueprint: Blueprint, results: Iterable[Result], derive: Derive, folder: Path, *, width_in: float
) -> FigureFile:
    """Draw folder/ID.pdf at the given width and list its values in folder/ID.json.

    `derive` computes a statistic over the run's ledgers; `results` tell which class labels there are. Raises PaperError
    when the blueprint lacks what the kind of figure needs.
    """
    prefix = f"{figure.metric}:"
    drawn = (r for r in results if r.metric.startswith(prefix) and figure.dataset in (None, r.dataset))
    labels = sorted({r.metric.removeprefix(prefix) for r in drawn})
    pen = Pen(figure, blueprint, derive, tuple(labels), width_in)
    painter = _PAINTERS.get(figure.kind)
    if painter is None:
        raise PaperError(f"Figure {figure.id} was drawn by a script and is gone; redo the analysis step.")
    with style():
        canvas = painter(pen)
        data = BytesIO()
        canvas.savefig(data, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    drawing = Drawing(figure=figure, values=tuple(pen.values.values()))
    file = FigureFile(folder / f"{figure.id}.pdf", folder / f"{figure.id}.json", drawing)
    write_atomic(file.pdf, data.getvalue())
    write_atomic(file.json, drawing.model_dump_json(indent=1) + "\n")
    return file
