"""Drawings of a benchmark: measures by round, a line for each ablation, with intervals."""

from collections.abc import Sequence
from pathlib import Path

from nanoresearch.bench.cells import ABLATIONS
from nanoresearch.bench.summary import Estimate
from nanoresearch.bench.tables import NAMES

BY_ROUND = ("compliance", "implicit", "working_seconds", "failed_attempts")
DIMENSIONS = ("compliance", "executability", "innovation", "expression")
SHARES = ("compliance", "implicit")
STYLES = ("o-", "s--", "^-.", "d:", "x-")
DODGE = 0.05
"""Shift of each ablation along the axis, so that intervals do not cover one another."""


def draw(found: Sequence[Estimate], folder: Path) -> list[Path]:
    """Write rounds.pdf and .png, dimensions.pdf and .png. Returns the paths; none without values."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    whole = [e for e in found if e.domain == "all" and not e.held_out]
    present = [name for name in ABLATIONS if any(e.ablation == name for e in whole)]
    if not present:
        return []
    figure = Figure(figsize=(3.1 * len(BY_ROUND), 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, measure in zip(figure.subplots(1, len(BY_ROUND)), BY_ROUND, strict=True):
        for position, ablation in enumerate(present):
            line = sorted((e for e in whole if (e.ablation, e.measure) == (ablation, measure)), key=lambda e: e.round)
            if line:
                axes.errorbar(
                    [e.round + DODGE * (position - len(present) / 2) for e in line],
                    [e.mean for e in line],
                    yerr=_bars(line),
                    fmt=STYLES[position],
                    capsize=2,
                    label=ablation,
                )
        axes.set_xlabel("round")
        axes.set_xticks(sorted({e.round for e in whole}))
        axes.set_title(NAMES[measure], fontsize="medium")
        most = max((e.high or e.mean for e in whole if e.measure == measure), default=0.0)
        axes.set_ylim(0, 1.05 if measure in SHARES else max(1.0, 1.1 * most))  # seconds and counts are not negative
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(present))
    paths = _save(figure, folder / "rounds")
    last = max(e.round for e in whole)
    figure = Figure(figsize=(7.5, 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    width = 0.8 / len(present)
    for position, ablation in enumerate(present):
        bars = {e.measure: e for e in whole if (e.ablation, e.round) == (ablation, last)}
        shown = [(index, bars[name]) for index, name in enumerate(DIMENSIONS) if name in bars]
        axes.bar(
            [index + width * (position - (len(present) - 1) / 2) for index, _ in shown],
            [e.mean for _, e in shown],
            width,
            yerr=_bars([e for _, e in shown]),
            capsize=2,
            label=ablation,
        )
    axes.set_xticks(range(len(DIMENSIONS)), [NAMES[name] for name in DIMENSIONS])
    axes.set_title(f"round {last}", fontsize="medium")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(present))
    return paths + _save(figure, folder / "dimensions")


def _bars(line: Sequence[Estimate]) -> list[list[float]]:
    """Lengths of the intervals below and above; 0 where there is none."""
    below = [e.mean - e.low if e.low is not None else 0.0 for e in line]
    above = [e.high - e.mean if e.high is not None else 0.0 for e in line]
    return [[max(0.0, value) for value in below], [max(0.0, value) for value in above]]


def _save(figure: object, stem: Path) -> list[Path]:
    paths = [stem.with_suffix(suffix) for suffix in (".pdf", ".png")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)  # type: ignore[attr-defined]
    return paths
