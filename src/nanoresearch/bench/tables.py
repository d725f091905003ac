"""Tables of a benchmark as Markdown, LaTeX and JSON: one description, three ways to write it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from nanoresearch.bench.cells import ABLATIONS
from nanoresearch.bench.summary import Difference, Estimate
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.paper.escape import latex
from nanoresearch.schema.benchmark import Scores

DIMENSIONS = ("compliance", "implicit", "requirements", "executability", "effectiveness", "innovation", "expression")
COSTS = (
    "seconds", "working_seconds", "learning_seconds", "cpu_seconds", "failed_attempts", "model_calls", "tokens",
    "cost_usd", "lost_tokens_estimate", "lost_cost_usd_estimate",
)  # fmt: skip
NAMES = {
    "compliance": "compliance",
    "implicit": "implicit wishes",
    "requirements": "requirements",
    "executability": "executability",
    "effectiveness": "effectiveness",
    "innovation": "innovation",
    "expression": "expression",
    "seconds": "wall s",
    "working_seconds": "coding and execution s",
    "learning_seconds": "learning s",
    "cpu_seconds": "CPU s of experiments",
    "failed_attempts": "failed attempts",
    "model_calls": "model calls",
    "tokens": "tokens",
    "cost_usd": "USD",
    "lost_tokens_estimate": "tokens of lost calls (estimate)",
    "lost_cost_usd_estimate": "USD of lost calls (estimate)",
    "feedback": "stages with comments",
    "learned": "updates accepted",
}
"""Measures as tables call them."""


@dataclass(frozen=True)
class Sheet:
    """A table before it is written."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def sheets(scores: Sequence[Scores], found: Sequence[Estimate], pairs: Sequence[Difference]) -> list[Sheet]:
    """Every table of a report, those without rows left out."""
    made = [
        by_round("Dimensions by ablation and round", found, DIMENSIONS),
        by_round("Costs of a run by ablation and round", found, COSTS),
        by_domain(found),
        held_out(found),
        differences_sheet(pairs),
        wishes(scores),
    ]
    return [sheet for sheet in made if sheet.rows]


def by_round(title: str, found: Sequence[Estimate], measures: Sequence[str]) -> Sheet:
    """A row for each ablation and round."""
    table = {(e.ablation, e.round, e.measure): e for e in found if e.domain == "all" and not e.held_out}
    keys = sorted({(ABLATIONS.index(a), n) for a, n, _ in table})
    rows = []
    for index, number in keys:
        cells = [table.get((ABLATIONS[index], number, measure)) for measure in measures]
        chains = max(cell.chains for cell in cells if cell)
        rows.append((ABLATIONS[index], str(number), str(chains), *map(_shown, cells)))
    return Sheet(title, ("ablation", "round", "chains", *(NAMES[m] for m in measures)), tuple(rows), _note(found))


def by_domain(found: Sequence[Estimate]) -> Sheet:
    """Compliance in every round, a row for each domain and ablation."""
    table = {
        (e.domain, e.ablation, e.round): e
        for e in found
        if e.domain != "all" and not e.held_out and e.measure == "compliance"
    }
    rounds = sorted({number for _, _, number in table})
    domains = list(dict.fromkeys(task.domain for task in load_tasks().values()))
    rows = [
        (domain, ablation, *(_shown(table.get((domain, ablation, number))) for number in rounds))
        for domain in domains
        for ablation in ABLATIONS
        if any((domain, ablation, number) in table for number in rounds)
    ]
    return Sheet("Compliance by domain", ("domain", "ablation", *(f"round {n}" for n in rounds)), tuple(rows))


def held_out(found: Sequence[Estimate]) -> Sheet:
    """Implicit wishes on topics that never got feedback."""
    table = {(e.ablation, e.round): e for e in found if e.domain == "all" and e.held_out and e.measure == "implicit"}
    rows = [(ablation, str(number), str(e.chains), _shown(e)) for (ablation, number), e in table.items()]
    header = ("ablation", "after round", "chains", "implicit wishes met")
    return Sheet("Generalisation: topics that never got feedback", header, tuple(rows))


def differences_sheet(pairs: Sequence[Difference]) -> Sheet:
    """Paired differences, each with its interval."""
    shown = (*DIMENSIONS, "working_seconds", "failed_attempts")
    rows = [
        (item.what, NAMES[item.measure], str(item.chains), _signed(item)) for item in pairs if item.measure in shown
    ]
    return Sheet("Differences, chain by chain", ("what", "measure", "chains", "difference"), tuple(rows))


def wishes(scores: Sequence[Scores]) -> Sheet:
    """How often each kind of wish was met, by ablation, in the last round."""
    rounds = [item for item in scores if not item.cell.held_out]
    last = max((item.cell.round for item in rounds), default=0)
    counts: dict[tuple[str, str], list[bool]] = {}
    for item in rounds:
        if item.cell.round == last:
            for result in item.checks:
                name = f"{result.check.kind}{' (implicit)' if result.check.implicit else ''}"
                counts.setdefault((name, item.cell.ablation), []).append(result.holds)
    present = [ablation for ablation in ABLATIONS if any(key[1] == ablation for key in counts)]
    rows = [
        (name, *(f"{sum(counts[name, a])} of {len(counts[name, a])}" if (name, a) in counts else "" for a in present))
        for name in sorted({key[0] for key in counts})
    ]
    return Sheet(f"Wishes met in round {last}, by kind", ("wish", *present), tuple(rows))


def markdown(made: Sequence[Sheet]) -> str:
    """All tables as Markdown."""
    parts = []
    for sheet in made:
        lines = [f"### {sheet.title}", ""] + ([sheet.note, ""] if sheet.note else [])
        lines += [_row(sheet.header), "|" + "---|" * len(sheet.header), *map(_row, sheet.rows)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def latex_tables(made: Sequence[Sheet]) -> str:
    """All tables as LaTeX for booktabs, ready to be read by a document."""
    parts = []
    for sheet in made:
        width = len(sheet.header)
        body = "\n".join(" & ".join(map(latex, row)) + r" \\" for row in sheet.rows)
        parts.append(
            "\\begin{table}\n\\centering\\small\n"
            f"\\caption{{{latex(sheet.title)}. {latex(sheet.note)}}}\n"
            f"\\begin{{tabular}}{{l{'r' * (width - 1)}}}\n\\toprule\n"
            f"{' & '.join(map(latex, sheet.header))} \\\\\n\\midrule\n{body}\n\\bottomrule\n"
            "\\end{tabular}\n\\end{table}"
        )
    return "\n\n".join(parts) + "\n"


def json_text(scores: Sequence[Scores], found: Sequence[Estimate], pairs: Sequence[Difference]) -> str:
    """Everything, for programs."""
    content = {
        "scores": [item.model_dump(mode="json") for item in scores],
        "estimates": [item.model_dump(mode="json") for item in found],
        "differences": [item.model_dump(mode="json") for item in pairs],
    }
    return json.dumps(content, indent=1) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return _number(estimate.mean)
    if estimate.low == estimate.high:
        return _number(estimate.mean)
    return f"{_number(estimate.mean)} [{_number(estimate.low)}, {_number(estimate.high)}]"


def _signed(item: Difference) -> str:
    if item.low is None or item.high is None:
        return f"{_number(item.mean, '+')}"
    return f"{_number(item.mean, '+')} [{_number(item.low, '+')}, {_number(item.high, '+')}]"


def _number(value: float, sign: str = "") -> str:
    return (
        f"{value:{sign}.0f}"
        if abs(value) >= 100
        else f"{value:{sign}.1f}"
        if abs(value) >= 10
        else f"{value:{sign}.2f}"
    )


def _note(found: Sequence[Estimate]) -> str:
    kinds = sorted({e.interval for e in found if e.domain == "all" and not e.held_out and e.interval != "none"})
    return f"Means over chains with 95 % intervals ({', '.join(kinds)})." if kinds else "Means over chains."
