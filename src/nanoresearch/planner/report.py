"""Plots of what a planner learned. Imports matplotlib when it draws."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from nanoresearch.paths import write_atomic
from nanoresearch.schema.learning import PhaseMeasure, UpdateRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 18
"""Directives in one plot: those that moved most."""


def draw_report(records: Sequence[UpdateRecord], current: int, folder: Path) -> list[Path]:
    """One plot for each measured phase of each update, and one of drift and entropy over all. Returns the files."""
    files = []
    for record in records:
        for measure in record.measures:
            path = folder / f"version-{record.version}-{measure.phase}.png"
            _save(_inclusion_plot(record, measure), path)
            files.append(path)
    path = folder / "drift-and-entropy.png"
    _save(_course_plot(records, current), path)
    return [*files, path]


def _inclusion_plot(record: UpdateRecord, measure: PhaseMeasure) -> "Figure":
    from matplotlib.figure import Figure

    moved = {name: max(abs(measure.teacher.get(name, 0) - before), abs(measure.after.get(name, 0) - before))
             for name, before in measure.before.items()}  # fmt: skip
    names = sorted(moved, key=lambda name: -moved[name])[:SHOWN]
    figure = Figure(figsize=(7, 1.4 + 0.28 * len(names)), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(reversed(names)):
        before, after = measure.before.get(name, 0.0), measure.after.get(name, 0.0)
        axes.annotate("", (after, row), (before, row), arrowprops={"arrowstyle": "->", "color": "#888888"})
        axes.plot(before, row, "o", color="#0072B2", markersize=6)
        axes.plot(measure.teacher.get(name, 0.0), row, "|", color="#000000", markersize=12, markeredgewidth=2)
        axes.plot(after, row, "D", color="#D55E00", markersize=5)
    axes.set_yticks(range(len(names)), list(reversed(names)), fontsize=8)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("share of sampled plans with the directive")
    for marker, colour, label in (("o", "#0072B2", "before"), ("|", "#000000", "teacher"), ("D", "#D55E00", "after")):
        axes.plot([], [], marker, color=colour, label=label)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    verdict = "accepted" if measure.phase in record.phases else "refused"
    words = record.feedback if len(record.feedback) <= 90 else record.feedback[:87] + "..."
    axes.set_title(f"Version {record.version}, {measure.phase}, {verdict}\n{words}", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _course_plot(records: Sequence[UpdateRecord], current: int) -> "Figure":
    from matplotlib.figure import Figure

    measured = [record for record in records if record.drift is not None and record.entropy is not None]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for axes, values, label in (
        (upper, [record.drift for record in measured], "drift from the base\n(nats a plan)"),
        (lower, [record.entropy for record in measured], "entropy\n(share of the base's)"),
    ):
        axes.plot([record.version for record in measured], values, "-", color="#BBBBBB", zorder=1)
        for record, value in zip(measured, values, strict=True):
            colour = "#D55E00" if record.accepted else "white"
            axes.plot(record.version, value, "o", color="#D55E00", markerfacecolor=colour, zorder=2)
        axes.set_ylabel(label, fontsize=8)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    if measured:
        settings = measured[-1].settings
        upper.axhline(settings.max_drift, color="#444444", linewidth=0.8, linestyle="--")
        lower.axhline(settings.min_entropy, color="#444444", linewidth=0.8, linestyle="--")
    lower.set_xticks([record.version for record in measured])
    lower.set_xlabel("version (hollow: refused; dashed: bound)")
    upper.set_title(f"In use: version {current}", fontsize=9)
    return figure


def _save(figure: "Figure", path: Path) -> None:
    data = BytesIO()
    figure.savefig(data, format="png", dpi=120)
    write_atomic(path, data.getvalue())
