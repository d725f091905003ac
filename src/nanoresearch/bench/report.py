"""Writes the report of a benchmark: tables, plots, and everything as JSON. Scores are read from the artifacts anew."""

from dataclasses import dataclass
from pathlib import Path

from nanoresearch.bench.cells import BenchFolder
from nanoresearch.bench.plots import draw
from nanoresearch.bench.summary import Difference, Estimate, collect, differences, estimates
from nanoresearch.bench.tables import json_text, latex_tables, markdown, sheets
from nanoresearch.errors import UsageError
from nanoresearch.paths import write_atomic
from nanoresearch.schema.benchmark import Scores


@dataclass(frozen=True)
class Report:
    """What a benchmark amounts to, and the files that say so."""

    scores: list[Scores]
    estimates: list[Estimate]
    differences: list[Difference]
    text: str
    files: list[Path]


def write_report(bench: BenchFolder) -> Report:
    """Write BENCH/report/. Raises UsageError where no cell has ended."""
    bench.settings()
    scores = collect(bench)
    if not scores:
        raise UsageError(
            f"No cell of {bench.root} has ended yet. Go on with: nanoresearch bench run --out {bench.root}"
        )
    found, pairs = estimates(scores), differences(scores)
    made = sheets(scores, found, pairs)
    folder = bench.root / "report"
    text = markdown(made)
    files = {
        folder / "tables.md": text,
        folder / "tables.tex": latex_tables(made),
        folder / "report.json": json_text(scores, found, pairs),
    }
    for path, content in files.items():
        write_atomic(path, content)
    return Report(scores, found, pairs, text, [*files, *draw(found, folder)])
