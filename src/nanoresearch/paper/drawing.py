"""What a figure shows: each value with its statistic, taken through one function so that none is missed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nanoresearch.errors import PaperError
from nanoresearch.paper.escape import transliterate
from nanoresearch.paper.style import capital
from nanoresearch.schema.analysis import Figure, Selection, Statistic, StatisticKind
from nanoresearch.schema.blueprint import Blueprint, MethodSpec, MetricSpec
from nanoresearch.schema.record import Record

Interval = tuple[float, float, float]
"""Mean and both ends of its confidence interval, as drawn."""
Derive = Callable[[Statistic], float | None]
_SIGN = {"higher": "higher is better", "lower": "lower is better"}


class DrawnValue(Record):
    """One value that a figure shows."""

    mark: str
    """Where in the figure: method, data set, setting or label."""
    value: float
    """In the metric's own unit, unrounded."""
    source: Statistic
    """How to derive it again."""


class Drawing(Record):
    """The values of one figure; figures/ID.json."""

    figure: Figure
    """What was asked for."""
    values: tuple[DrawnValue, ...]
    """Everything drawn."""


@dataclass
class Pen:
    """What the drawing functions share: the study, the unit, and the values taken so far."""

    figure: Figure
    blueprint: Blueprint
    derive: Derive
    labels: tuple[str, ...]
    width_in: float
    values: dict[Statistic, DrawnValue] = field(default_factory=dict)

    @property
    def metric(self) -> MetricSpec:
        """The metric drawn."""
        for metric in self.blueprint.metrics:
            if metric.id == self.figure.metric:
                return metric
        raise PaperError(f"Figure {self.figure.id}: the blueprint has no metric {self.figure.metric!r}.")

    @property
    def scale(self) -> float:
        """Factor from the metric's unit to the drawn one."""
        return 100.0 if self.metric.percent else 1.0

    @property
    def methods(self) -> tuple[MethodSpec, ...]:
        """All methods, in the order of the blueprint."""
        return self.blueprint.methods

    def method(self, role: str) -> MethodSpec:
        """The first method in that role. Raises PaperError when there is none."""
        for method in self.methods:
            if method.role == role:
                return method
        raise PaperError(f"Figure {self.figure.id}: the blueprint has no {role} method.")

    def shown(self, value: float) -> str:
        """A value in words, for what lies beyond an axis."""
        return f"{value:.1f}" if self.metric.percent else f"{value:.3g}"

    def axis_label(self, joint: str = ", ") -> str:
        """Metric, unit and direction; `joint` separates the direction."""
        unit = " (%)" if self.metric.percent else ""
        return f"{capital(transliterate(self.metric.name))}{unit}{joint}{_SIGN[self.metric.direction]}"

    def take(self, kind: StatisticKind, of: Selection, versus: Selection | None = None, *, mark: str) -> float:
        """Derive a value, note it in the sidecar, and return it as it is drawn. NaN where undefined."""
        ledger = "measurements" if of.metric in self.blueprint.measures else "results"
        source = Statistic.model_validate({"kind": kind, "of": of, "versus": versus, "ledger": ledger})
        value = self.derive(source)
        if value is None:
            return float("nan")
        self.values[source] = DrawnValue(mark=mark, value=value, source=source)
        return value * (self.scale if ledger == "results" else 1.0)

    def interval(self, of: Selection, versus: Selection | None = None, *, mark: str) -> Interval:
        """Mean and ends of its confidence interval, as drawn."""
        kinds: tuple[StatisticKind, ...] = ("mean", "ci_low", "ci_high")
        if versus is not None:
            kinds = ("diff_mean", "diff_ci_low", "diff_ci_high")
        centre, low, high = (self.take(kind, of, versus, mark=mark) for kind in kinds)
        return centre, low, high


def visible_range(pen: Pen, points: dict[str, Interval]) -> tuple[float, float, set[str]]:
    """Ends of the axis, and the trivial references so far off that they would flatten all others."""
    references = {method.id for method in pen.methods if method.role == "reference"}
    inner = [end for name, ends in points.items() if name not in references for end in ends]
    everything = [end for ends in points.values() for end in ends]
    low, high = min(inner or everything), max(inner or everything)
    span = max(high - low, 1e-9)
    outside = {name for name in references if points[name][0] < low - 1.5 * span or points[name][0] > high + 1.5 * span}
    kept = [end for name, ends in points.items() if name not in outside for end in ends]
    low, high = min(kept), max(kept)
    margin = 0.06 * max(high - low, 1e-3 * pen.scale)
    low, high = low - margin, high + margin
    room = 0.12 * (high - low) if outside else 0.0
    if any(points[name][0] < low for name in outside):
        low -= room
    if any(points[name][0] > high for name in outside):
        high += room
    return low, high, outside
