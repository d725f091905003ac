"""How figures look: type, colours, canvas, axes and words. Knows nothing of what is drawn."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nanoresearch.paper.escape import transliterate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

# Okabe and Ito's palette, safe for colour-blind readers; shapes tell the roles apart in grey.
ROLE_STYLE: dict[str, tuple[str, str]] = {
    "reference": ("#8C8C8C", "x"),
    "alternative": ("#000000", "o"),
    "baseline": ("#0072B2", "s"),
    "variant": ("#56B4E9", "o"),
    "proposed": ("#D55E00", "D"),
}
OTHER_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
OTHER_MARKERS = ("o", "^", "v", "P")
LEADING = 0.96  # line spacing; the font asks for more than its letters need
FAINT, GRID, INK = "#C9C9C9", "#E4E4E4", "#222222"


@contextmanager
def style() -> Iterator[None]:
    """Type and lines of the paper, whatever the user's matplotlibrc says."""
    import matplotlib

    settings: dict[str, Any] = {
        "font.family": "serif",
        "font.serif": ["STIXGeneral"],
        "mathtext.fontset": "stix",
        "text.parse_math": False,
        "axes.unicode_minus": True,
        "pdf.fonttype": 42,
        "font.size": 8,
        "axes.labelsize": 8,
        "axes.titlesize": 8,
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "axes.axisbelow": True,
        "lines.linewidth": 1.2,
        "lines.markersize": 4,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)  # type: ignore[arg-type]
        yield


def canvas_of(width_in: float, height_in: float) -> "Canvas":
    """An empty figure whose contents are laid out so that nothing is cut off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.03, hspace=0.05)
    canvas = Canvas(figsize=(width_in, height_in), layout=engine)
    FigureCanvasAgg(canvas)  # measures text; savefig writes PDF all the same
    return canvas


def quiet(axes: "Axes", grid: str, *, ticks: int = 5) -> None:
    """A light grid and few ticks."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    which: Any = grid
    axes.grid(axis=which, color=GRID, linewidth=0.5)
    for axis, letter in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        numeric = axis.get_scale() == "linear" and not isinstance(axis.get_major_locator(), FixedLocator)
        if grid in (letter, "both") and numeric:
            axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))


def rows_of(names: list[str]) -> tuple[list[float], float]:
    """Vertical places of labelled rows, taller where a label has several lines, and their total height in rows."""
    places, top = [], 0.0
    for name in names:
        height = 1 + 0.62 * name.count("\n")
        places.append(top + height / 2)
        top += height
    return places, top


def label_rows(axes: "Axes", names: list[str], places: list[float], height: float) -> None:
    """Name the rows from top to bottom, without an axis line."""
    axes.set_yticks(places, names, linespacing=LEADING)
    axes.set_ylim(height, 0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def legend_above(canvas: "Canvas", columns: int) -> None:
    """A frameless legend over the axes."""
    legend = canvas.legend(
        loc="outside upper center", ncols=columns, handlelength=1.6, columnspacing=1.0, handletextpad=0.4,
        borderaxespad=0.1, labelspacing=0.35, fontsize=7,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_linespacing(LEADING)


def wrap(text: str, width: int) -> str:
    """At most three lines; what is longer ends in an ellipsis."""
    shown = transliterate(text)
    if len(shown) <= width:
        return shown
    lines = textwrap.wrap(shown, width, max_lines=3, placeholder=" \u2026")
    if len(lines) == 2:  # even out
        balanced = textwrap.wrap(shown, max(len(shown) // 2 + 3, max(map(len, shown.split()))))
        lines = balanced if len(balanced) == 2 and max(map(len, balanced)) <= width else lines
    return "\n".join(lines)


def setting(value: float | str) -> str:
    """A setting of a sweep as a tick label."""
    return transliterate(value) if isinstance(value, str) else f"{value:g}"


def capital(text: str) -> str:
    """Upper-case first letter."""
    return text[:1].upper() + text[1:]


def small(text: str) -> str:
    """Lower-case first letter, unless it is part of an abbreviation."""
    return text[:1].lower() + text[1:] if len(text) > 1 and text[1].islower() else text
