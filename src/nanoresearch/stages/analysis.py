"""Stage II, last part: from records to a report."""

from nanoresearch.crew.roles import Briefing
from nanoresearch.evidence.statistics import Ledger, derive
from nanoresearch.paper.figures import draw
from nanoresearch.paper.template import format_of, layout_of
from nanoresearch.schema.analysis import Analysis
from nanoresearch.stages.workplace import Workplace

DRAWINGS = "analysis/figures"


def analyse(work: Workplace, briefing: Briefing, ledger: Ledger) -> Analysis:
    """The analysis of the results, made once."""
    analysis = work.once(
        "analysis/analysis.json",
        Analysis,
        lambda: work.crew.analyst.analyse(briefing, ledger, work.folder),
    )
    _draw(work, analysis, ledger)
    work.events.emit("decision", f"hypothesis {analysis.verdict}: {analysis.verdict_reason}")
    return analysis


def _draw(work: Workplace, analysis: Analysis, ledger: Ledger) -> None:
    """Draw what is not drawn yet, at the width at which the profile's format prints it."""
    layout = layout_of(format_of(work.profile.writing))
    for figure in analysis.figures:
        if not all(work.folder.has(f"{DRAWINGS}/{figure.id}.{ending}") for ending in ("pdf", "json")):
            draw(
                figure,
                ledger.blueprint,
                ledger.results,
                lambda statistic: derive(statistic, ledger),
                work.folder.path(DRAWINGS),
                width_in=layout.figure_width(figure.wide),
            )
