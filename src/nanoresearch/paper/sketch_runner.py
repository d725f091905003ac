"""Runs one generated figure script inside a sandbox and says what it drew. A program: it is copied, never imported.

Reads figure.py and values.json of its folder; leaves figure.pdf and drawn.json in NANORESEARCH_PREDICTIONS. The script
defines draw(figure, value): `figure` is an empty matplotlib figure, `value(key)` a recorded value. Every mark that it
draws must show such values.
"""

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARGIN = 1e-9
STEPS = 40
"""Places along an axis that are no values are multiples of 1/STEPS, such as rows and offsets within a row."""


def main() -> None:
    """Draw, look at what was drawn, save. Ends with words on standard error when something is wrong."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    given = json.loads(Path("values.json").read_text(encoding="utf-8"))
    values: dict[str, float] = given["values"]
    taken: list[str] = []

    def value(key: str) -> float:
        if key not in values:
            raise KeyError(f"there is no value {key!r}")
        taken.append(key)
        return values[key]

    matplotlib.rcParams.update({"font.family": "serif", "font.size": 8, "pdf.fonttype": 42, "legend.frameon": False})
    figure = Figure(figsize=(given["width_in"], given["height_in"]), layout="constrained")
    FigureCanvasAgg(figure)
    scope: dict[str, Any] = {}
    exec(compile(Path("figure.py").read_text(encoding="utf-8"), "figure.py", "exec"), scope)
    scope["draw"](figure, value)
    known = [values[key] for key in taken]
    if not known:
        sys.exit("REFUSED: nothing was drawn from recorded values")
    for axes in figure.axes:
        for mark in marks(axes):
            if not shows(mark, known):
                sys.exit(f"REFUSED: a mark at {tuple(round(float(v), 4) for v in mark)} shows no recorded value")
    target = Path(os.environ["NANORESEARCH_PREDICTIONS"])
    target.mkdir(parents=True, exist_ok=True)
    figure.savefig(target / "figure.pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    drawn = {"taken": sorted(set(taken)), "texts": texts(figure)}
    (target / "drawn.json").write_text(json.dumps(drawn), encoding="utf-8")


def marks(axes: Any) -> Iterator[tuple[float, float]]:
    """Points of everything drawn in data coordinates: (x, y) pairs, without lines that only mark zero."""
    for line in axes.lines:
        points = [(float(x), float(y)) for x, y in line.get_xydata()]
        if not all(v in (0.0, 1.0) for point in points for v in point):
            yield from points
    for collection in axes.collections:
        offsets = collection.get_offsets()
        if type(collection).__name__ == "PathCollection":
            yield from ((float(x), float(y)) for x, y in offsets)
        else:
            for path in collection.get_paths():
                yield from ((float(x), float(y)) for x, y in path.vertices)
    for patch in axes.patches:
        if type(patch).__name__ != "Rectangle":
            sys.exit(f"REFUSED: {type(patch).__name__} is no mark that can be checked")
        x, y, width, height = patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height()
        yield (float(x + width), float(y + height))
    if axes.images or axes.tables:
        sys.exit("REFUSED: images and tables cannot be checked")


def shows(mark: tuple[float, float], known: list[float]) -> bool:
    """Whether one coordinate is a recorded value, and the other one too or a mere place."""
    flags = [any(abs(v - k) <= MARGIN * max(1.0, abs(k)) for k in known) for v in mark]
    places = [math.isfinite(v) and abs(v * STEPS - round(v * STEPS)) < 1e-6 for v in mark]
    return any(flags) and all(flag or place for flag, place in zip(flags, places, strict=True))


def texts(figure: Any) -> list[str]:
    """Every text that the script itself set."""
    import matplotlib.text
    from matplotlib.ticker import FixedFormatter

    automatic = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            automatic.add(id(axis.get_offset_text()))
            if not isinstance(axis.get_major_formatter(), FixedFormatter):
                ticks = (*axis.get_major_ticks(), *axis.get_minor_ticks())
                automatic |= {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    found = [item for item in figure.findobj(matplotlib.text.Text) if id(item) not in automatic]
    return sorted({item.get_text() for item in found if item.get_text()})


if __name__ == "__main__":
    main()
