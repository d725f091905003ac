"""Figures with a row for each method or class: dots with intervals, differences, pairs. Computes no values."""

from typing import TYPE_CHECKING

from nanoresearch.errors import PaperError
from nanoresearch.paper.drawing import Pen, visible_range
from nanoresearch.paper.escape import transliterate
from nanoresearch.paper.style import (
    INK,
    LEADING,
    ROLE_STYLE,
    canvas_of,
    label_rows,
    legend_above,
    quiet,
    rows_of,
    small,
    wrap,
)
from nanoresearch.schema.analysis import Selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST_SLICES = 30
_ROW_IN = 0.16


def bars(pen: Pen) -> "Canvas":
    """Every method's mean and interval, in a panel for each data set."""
    datasets = [(d.card.id, d.card.name) for d in pen.blueprint.datasets if pen.figure.dataset in (None, d.card.id)]
    if not datasets:
        raise PaperError(f"Figure {pen.figure.id}: the blueprint has no data set {pen.figure.dataset!r}.")
    columns = min(len(datasets), 3) if pen.width_in >= 4.5 else 1
    rows = -(-len(datasets) // columns)
    names = [wrap(method.name, 26 if columns == 1 else 30) for method in pen.methods]
    places, lines = rows_of(names)
    canvas = canvas_of(pen.width_in, min(rows * (_ROW_IN * lines + 0.42) + 0.2, 8.6))
    grid = canvas.subplots(rows, columns, sharey=True, squeeze=False)
    for position, axes in enumerate(grid.flat):
        if position >= len(datasets):
            axes.set_visible(False)
            continue
        _dots(pen, axes, places, *datasets[position])
        label_rows(axes, names, places, lines)
        quiet(axes, "x", ticks=3 if columns > 2 else 5)
    grid[-1][min(columns - 1, columns // 2) if len(datasets) == rows * columns else 0].set_xlabel(pen.axis_label())
    return canvas


def _dots(pen: Pen, axes: "Axes", places: list[float], dataset: str, name: str) -> None:
    points = {}
    for method in pen.methods:
        of = Selection(method=method.id, metric=pen.metric.id, dataset=dataset)
        points[method.id] = pen.interval(of, mark=f"{method.id} on {dataset}")
    low, high, outside = visible_range(pen, points)
    for row, method in zip(places, pen.methods, strict=True):
        centre, left, right = points[method.id]
        colour, marker = ROLE_STYLE[method.role]
        if method.id in outside:
            edge, glyph, ha, shift = (low, "<", "left", 6) if centre < low else (high, ">", "right", -6)
            axes.plot([edge], [row], marker=glyph, color=colour, clip_on=False, zorder=3, markersize=3.5)
            axes.annotate(
                pen.shown(centre),
                (edge, row),
                (shift, 0),
                textcoords="offset points",
                ha=ha,
                va="center",
                fontsize=6.5,
                color=INK,
            )
            continue
        axes.plot([left, right], [row, row], color=colour, linewidth=1.1, solid_capstyle="butt", zorder=2)
        axes.plot([centre], [row], marker=marker, color=colour, markersize=4, zorder=3)
    baseline = next((method.id for method in pen.methods if method.role == "baseline"), None)
    if baseline is not None:
        axes.axvline(points[baseline][0], color=ROLE_STYLE["baseline"][0], linewidth=0.6, dashes=(4, 3), zorder=1)
    axes.set_xlim(low, high)
    axes.set_title(wrap(name, 34), loc="left", fontsize=8, pad=3)


def effects(pen: Pen) -> "Canvas":
    """Paired difference of every method to the baseline; hollow where the interval holds zero."""
    baseline = pen.method("baseline")
    methods = [method for method in pen.methods if method.role not in ("reference", "baseline")]
    if not methods:
        raise PaperError(f"Figure {pen.figure.id}: the blueprint has nothing to compare with the baseline.")
    names = [wrap(method.name, 26 if pen.width_in < 4.5 else 40) for method in methods]
    places, lines = rows_of(names)
    canvas = canvas_of(pen.width_in, _ROW_IN * lines + 0.68)
    axes = canvas.subplots()
    against = Selection(method=baseline.id, metric=pen.metric.id, dataset=pen.figure.dataset)
    ends = [0.0]
    for row, method in zip(places, methods, strict=True):
        of = against.model_copy(update={"method": method.id})
        centre, left, right = pen.interval(of, against, mark=f"{method.id} against {baseline.id}")
        colour, marker = ROLE_STYLE[method.role]
        decided = left > 0 or right < 0
        axes.plot([left, right], [row, row], color=colour, linewidth=1.2, solid_capstyle="butt", zorder=2)
        face = colour if decided else "white"
        axes.plot([centre], [row], marker=marker, color=colour, markerfacecolor=face, markersize=4.5, zorder=3)
        ends += [left, right]
    reach = 1.08 * max(abs(end) for end in ends) or 1.0
    low, high = min(ends) - 0.08 * reach, max(ends) + 0.08 * reach
    low, high = min(low, -0.28 * (high - low)), max(high, 0.28 * (high - low))
    axes.set_title(" ", fontsize=7, pad=2)  # keeps room for the words beside zero
    axes.axvline(0, color=INK, linewidth=0.7, zorder=1)
    axes.set_xlim(low, high)
    label_rows(axes, names, places, lines)
    better = pen.metric.direction == "higher"
    for x, ha, text in ((-6, "right", "worse" if better else "better"), (6, "left", "better" if better else "worse")):
        arrow = f"\u2190 {text}" if ha == "right" else f"{text} \u2192"
        axes.annotate(
            arrow, (0, 1), (x, 2), xycoords=("data", "axes fraction"), textcoords="offset points", ha=ha, va="bottom",
            fontsize=7, color="#555555",
        )  # fmt: skip
    points = " (percentage points)" if pen.metric.percent else ""
    name = transliterate(pen.metric.name)
    # The label is centred below the axes, which begin right of the methods' names: about 18 letters an inch fit there.
    room = int(18 * (pen.width_in - (1.3 if pen.width_in < 4.5 else 2.0)))
    label = wrap(f"Difference in {small(name)} to {transliterate(baseline.name)}{points}", room)
    axes.set_xlabel(label, linespacing=LEADING)
    quiet(axes, "x")
    return canvas


def slices(pen: Pen) -> "Canvas":
    """The metric for each class, baseline joined to proposal."""
    pair = (pen.method("baseline"), pen.method("proposed"))
    if not pen.labels:
        raise PaperError(f"Figure {pen.figure.id}: no result has the metric {pen.figure.metric} for a class.")
    rows: list[tuple[str, float, float]] = []
    for label in pen.labels:
        metric = f"{pen.figure.metric}:{label}"
        sides = [Selection(method=method.id, metric=metric, dataset=pen.figure.dataset) for method in pair]
        before, after = (pen.take("mean", of, mark=f"{of.method} on class {label}") for of in sides)
        rows.append((label, before, after))
    kept = sorted(sorted(rows, key=lambda row: -abs(row[2] - row[1]))[:_MOST_SLICES], key=lambda row: -row[1])
    names = [wrap(row[0], 26) for row in kept]
    places, lines = rows_of(names)
    canvas = canvas_of(pen.width_in, _ROW_IN * lines + 0.78)
    axes = canvas.subplots()
    for position, (_, before, after) in zip(places, kept, strict=True):
        axes.plot([before, after], [position, position], color="#B5B5B5", linewidth=1.4, zorder=1)
    width = 28 if pen.width_in < 4.5 else 50
    for method, column in zip(pair, (1, 2), strict=True):
        colour, marker = ROLE_STYLE[method.role]
        axes.plot(
            [row[column] for row in kept], places, linestyle="none", marker=marker, color=colour,
            markersize=4 if column == 1 else 3.6, zorder=1 + column, label=wrap(method.name, width),
        )  # fmt: skip
    label_rows(axes, names, places, lines)
    axes.margins(x=0.05)
    label = pen.axis_label()
    if len(kept) < len(rows):
        label += f"\n{len(kept)} of {len(rows)} classes: those that differ most"
    axes.set_xlabel(label, linespacing=LEADING)
    quiet(axes, "both")
    legend_above(canvas, 2)
    return canvas
