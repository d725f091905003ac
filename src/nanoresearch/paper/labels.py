"""Names beside points, placed so that they cover neither points nor each other."""

from typing import TYPE_CHECKING, Any

from nanoresearch.paper.drawing import Interval
from nanoresearch.paper.style import LEADING, wrap
from nanoresearch.schema.blueprint import MethodSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.transforms import Bbox

_DIRECTIONS = (
    (1, 0), (-1, 0), (0.7, 0.8), (-0.7, 0.8), (0.7, -0.8), (-0.7, -0.8),
    (0, 1), (0, -1), (1, 1.6), (-1, 1.6), (1, -1.6), (-1, -1.6),
)  # fmt: skip


def place_labels(canvas: "Canvas", axes: "Axes", points: list[tuple[float, Interval, MethodSpec]]) -> None:
    """Name each point beside it, inside the axes, where the name covers no other name or point.

    Where there is no such place the point stays unnamed, unless it is the baseline or the proposal.
    """
    canvas.draw_without_rendering()
    renderer = canvas.canvas.get_renderer()  # type: ignore[attr-defined]
    frame = axes.get_window_extent(renderer)
    unit = canvas.dpi / 72
    taken = []  # boxes of points with their intervals, then of names
    for x, (y, low, high), _ in points:
        across, middle = axes.transData.transform((x, y))
        bottom, top = axes.transData.transform((x, low))[1], axes.transData.transform((x, high))[1]
        taken.append((across - 3 * unit, middle - 3 * unit, across + 3 * unit, middle + 3 * unit))
        taken.append((across - unit, bottom, across + unit, top))
    for x, (y, *_), method in points:
        text = wrap(method.name, 22)
        centred = _extent(axes, text, (x, y), renderer)
        half = (centred.x1 - centred.x0) / 2
        best: tuple[float, float, tuple[float, float, str], tuple[float, float, float, float]] | None = None
        for distance in (5.0, 11.0, 18.0, 27.0):
            for dx, dy in _DIRECTIONS:
                ha = "left" if dx > 0 else "right" if dx < 0 else "center"
                across = dx * distance * unit + {"left": half, "right": -half, "center": 0.0}[ha]
                box = centred.translated(across, dy * distance * unit)
                bounds = (box.x0, box.y0, box.x1, box.y1)
                hidden = sum(_overlap(bounds, other) for other in taken)
                outside = max(0.0, frame.x0 - box.x0, box.x1 - frame.x1) + max(
                    0.0, frame.y0 - box.y0, box.y1 - frame.y1
                )
                penalty = 100 * hidden + 50 * outside * unit + 3 * distance * unit
                if best is None or penalty < best[0]:
                    best = (penalty, hidden + outside, (dx * distance, dy * distance, ha), bounds)
        assert best is not None
        if best[1] > 0 and method.role not in ("baseline", "proposed"):
            continue
        offset_x, offset_y, ha = best[2]
        far = abs(offset_x) + abs(offset_y) > 10
        name = axes.annotate(
            text, (x, y), (offset_x, offset_y), textcoords="offset points", ha=ha, va="center", fontsize=7,
            linespacing=LEADING, zorder=4,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "#888888", "shrinkA": 0, "shrinkB": 3}
            if far else None,
        )  # fmt: skip
        name.set_in_layout(False)  # or the axes would move away from under the names
        taken.append(best[3])


def _extent(axes: "Axes", text: str, point: tuple[float, float], renderer: Any) -> "Bbox":
    """Box of a name around a point, in pixels. Setting type is slow, and beside the point it is as large."""
    label = axes.annotate(
        text, point, (0, 0), textcoords="offset points", ha="center", va="center", fontsize=7, linespacing=LEADING
    )
    box = label.get_window_extent(renderer)
    label.remove()
    return box


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return 10 * width * height if width > 0 and height > 0 else 0.0
