"""Figures in a plane: the metric over a varied condition, and over cost. Computes no values."""

from itertools import pairwise
from typing import TYPE_CHECKING

from nanoresearch.errors import PaperError
from nanoresearch.paper.drawing import Interval, Pen, visible_range
from nanoresearch.paper.escape import transliterate
from nanoresearch.paper.labels import place_labels
from nanoresearch.paper.style import (
    FAINT,
    LEADING,
    OTHER_COLOURS,
    OTHER_MARKERS,
    ROLE_STYLE,
    canvas_of,
    capital,
    legend_above,
    quiet,
    setting,
    wrap,
)
from nanoresearch.schema.analysis import Selection
from nanoresearch.schema.blueprint import MethodSpec, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_MOST_LINES = 6


def sweep(pen: Pen) -> "Canvas":
    """A line for each method over the settings of the sweep, with bands for intervals; minor methods are faint."""
    varied = pen.blueprint.sweep
    if varied is None:
        raise PaperError(f"Figure {pen.figure.id}: the blueprint varies no condition.")
    followed = _followed(pen.methods)
    curves = {method.id: _curve(pen, method, varied, method.id in followed) for method in pen.methods}
    low, high, outside = visible_range(pen, {name: _hull(curve) for name, curve in curves.items()})
    columns = 2 if pen.width_in < 4.5 else 3
    entries = len(followed - outside) + (len(followed) < len(pen.methods))
    canvas = canvas_of(pen.width_in, min(2.3, 0.45 * pen.width_in + 0.45) + 0.13 * -(-entries // columns))
    axes = canvas.subplots()
    places, log = _places(varied.values)
    others = iter(zip(OTHER_COLOURS, OTHER_MARKERS, strict=True))
    for method in pen.methods:
        if method.id in outside:
            continue
        if method.id not in followed:
            axes.plot(places, [centre for centre, *_ in curves[method.id]], color=FAINT, linewidth=0.8, zorder=1)
            continue
        look = next(others) if method.role in ("alternative", "variant") else ROLE_STYLE[method.role]
        _line(axes, places, curves[method.id], look, method, wrap(method.name, 28 if columns == 2 else 36))
    if len(followed) < len(pen.methods):
        axes.plot([], [], color=FAINT, linewidth=0.8, label="other methods")
    axes.set_xscale("log" if log else "linear")
    axes.set_xticks(places, [setting(value) for value in varied.values])
    axes.minorticks_off()
    axes.set_ylim(low, high)
    unit = f" ({transliterate(varied.unit)})" if varied.unit else ""
    axes.set_xlabel(f"{capital(transliterate(varied.name))}{unit}")
    axes.set_ylabel(pen.axis_label("\n"), linespacing=LEADING)
    quiet(axes, "y")
    _note_outside(pen, axes, outside, {name: _hull(curve) for name, curve in curves.items()}, _spans(pen, curves))
    legend_above(canvas, columns)
    return canvas


def cost(pen: Pen) -> "Canvas":
    """A point for each method: the metric with its interval over the time to fit."""
    measure = _cost_measure(pen)
    places = {}
    points = {}
    for method in pen.methods:
        spent = Selection(method=method.id, metric=measure, dataset=pen.figure.dataset)
        of = Selection(method=method.id, metric=pen.metric.id, dataset=pen.figure.dataset)
        places[method.id] = pen.take("mean", spent, mark=f"{method.id}, cost")
        points[method.id] = pen.interval(of, mark=method.id)
    low, high, outside = visible_range(pen, points)
    canvas = canvas_of(pen.width_in, min(2.7, 0.6 * pen.width_in + 0.35))
    axes = canvas.subplots()
    shown = [method for method in pen.methods if method.id not in outside]
    for method in shown:
        place, (centre, bottom, top) = places[method.id], points[method.id]
        colour, marker = ROLE_STYLE[method.role]
        axes.plot([place, place], [bottom, top], color=colour, linewidth=0.9, zorder=2)
        axes.plot([place], [centre], marker=marker, color=colour, markersize=4.5, linestyle="none", zorder=3)
    room = 0.12 * (high - low)  # for the names
    axes.set_ylim(low - room, high + room)
    axes.margins(x=0.2)
    axes.set_xlabel(capital(transliterate(measure.replace("_seconds", " time (s)").replace("_", " "))))
    axes.set_ylabel(pen.axis_label("\n"), linespacing=LEADING)
    spent_by_shown = [places[method.id] for method in shown]
    if min(spent_by_shown) > 0 and max(spent_by_shown) / min(spent_by_shown) > 8:
        _log_axis(axes)
    quiet(axes, "both")
    words = {name: f"{pen.shown(points[name][0])}, {places[name]:.2g} s" for name in outside}
    _note_outside(pen, axes, outside, points, words)
    order = {"proposed": 0, "baseline": 1}
    ranked = sorted(shown, key=lambda method: order.get(method.role, 2))
    place_labels(canvas, axes, [(places[method.id], points[method.id], method) for method in ranked])
    return canvas


def _curve(pen: Pen, method: MethodSpec, varied: Sweep, followed: bool) -> list[Interval]:
    """Mean and interval at every setting; the mean alone where no band is drawn."""
    curve = []
    for value in varied.values:
        condition = f"{varied.id}={value}"
        of = Selection(method=method.id, metric=pen.metric.id, dataset=pen.figure.dataset, condition=condition)
        mark = f"{method.id} at {condition}"
        if followed:
            curve.append(pen.interval(of, mark=mark))
        else:
            centre = pen.take("mean", of, mark=mark)
            curve.append((centre, centre, centre))
    return curve


def _hull(curve: list[Interval]) -> Interval:
    """The first setting's mean, and the ends of all intervals."""
    return curve[0][0], min(low for _, low, _ in curve), max(high for _, _, high in curve)


def _line(
    axes: "Axes", places: list[float], curve: list[Interval], look: tuple[str, str], method: MethodSpec, label: str
) -> None:
    colour, marker = look
    centres, lows, highs = zip(*curve, strict=True)
    main = method.role in ("proposed", "baseline")
    axes.fill_between(places, lows, highs, color=colour, alpha=0.16 if main else 0.08, linewidth=0, zorder=2)
    axes.plot(
        places,
        centres,
        color=colour,
        marker=marker,
        markersize=4 if main else 3.2,
        linewidth=1.4 if main else 0.9,
        dashes=(4, 2) if method.role == "reference" else (None, None),
        zorder=4 if main else 3,
        label=label,
    )


def _spans(pen: Pen, curves: dict[str, list[Interval]]) -> dict[str, str]:
    """Least and greatest mean of each curve, in words."""
    means = {name: [centre for centre, *_ in curve] for name, curve in curves.items()}
    ends = {name: (pen.shown(min(values)), pen.shown(max(values))) for name, values in means.items()}
    return {name: low if low == high else f"{low} to {high}" for name, (low, high) in ends.items()}


def _note_outside(
    pen: Pen, axes: "Axes", outside: set[str], points: dict[str, Interval], words: dict[str, str]
) -> None:
    """Say which reference lies beyond the axis, and where."""
    bottom, _ = axes.get_ylim()
    hidden = [method for method in pen.methods if method.id in outside]
    for line, method in enumerate(hidden):
        below = points[method.id][0] < bottom
        arrow = "\u2193" if below else "\u2191"
        text = f"{arrow} {wrap(method.name, 40)} ({words[method.id]})"
        axes.annotate(
            text,
            (1, 0 if below else 1),
            (-2, (3 + 9 * line) * (1 if below else -1)),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom" if below else "top",
            fontsize=7,
            color="#666666",
        )


def _followed(methods: tuple[MethodSpec, ...]) -> set[str]:
    """Ids of the methods whose lines a reader can tell apart: the most important ones."""
    order = {"proposed": 0, "baseline": 1, "alternative": 2, "reference": 3, "variant": 4}
    chosen: set[str] = set()
    coloured = 0
    for method in sorted(methods, key=lambda method: order[method.role]):
        needs_colour = method.role in ("alternative", "variant")
        if len(chosen) >= _MOST_LINES or (needs_colour and coloured == len(OTHER_COLOURS)):
            continue
        coloured += needs_colour
        chosen.add(method.id)
    return chosen


def _places(values: tuple[float | str, ...]) -> tuple[list[float], bool]:
    """Positions of the settings, and whether the axis is logarithmic; words and crowded numbers are set evenly."""
    numbers = [float(value) for value in values if not isinstance(value, str)]
    even = [float(i) for i in range(len(values))]
    if len(numbers) < len(values):
        return even, False
    ordered = sorted(numbers)
    gaps = [b - a for a, b in pairwise(ordered)]
    if min(gaps) > 0 and (ordered[-1] - ordered[0]) / min(gaps) <= 14:
        return numbers, False
    if ordered[0] > 0 and min(b / a for a, b in pairwise(ordered)) >= 1.25:
        return numbers, True
    return even, False


def _cost_measure(pen: Pen) -> str:
    measures = pen.blueprint.measures
    for wanted in ("fit_seconds", "seconds", "time"):
        for measure in measures:
            if wanted in measure:
                return measure
    raise PaperError(f"Figure {pen.figure.id}: the blueprint records no time ({', '.join(measures) or 'no measures'}).")


def _log_axis(axes: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
