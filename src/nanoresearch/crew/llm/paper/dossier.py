"""The study as a writing model is shown it: design, findings, works. The same text for every section."""

import re
from collections.abc import Iterable

from nanoresearch.crew.builtin.analyst import label
from nanoresearch.crew.llm.desk import material
from nanoresearch.crew.llm.paper.proofs import VERDICTS
from nanoresearch.schema.analysis import Analysis, Finding
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.idea import Survey

ABSTRACT_CHARACTERS = 900
"""Of each work's abstract."""
MEANS = {
    "better": "reliably better",
    "worse": "reliably worse",
    "no_difference": "no reliable difference",
    "note": "a description, not tested",
}


def study_told(blueprint: Blueprint, analysis: Analysis) -> str:
    """Design and findings, without any result."""
    parts = [
        f"Title of the plan: {blueprint.title}",
        f"Hypothesis, fixed before the experiment: {blueprint.hypothesis}",
        f"Prediction: {blueprint.prediction}",
        _list("Data", [f"{item.card.id}: {item.card.name}. {item.card.summary}" for item in blueprint.datasets]),
        _list("Components", [f"{item.id}: {item.name}. {item.description}" for item in blueprint.components]),
        _list(
            "Methods",
            [
                f"{item.id} ({item.role}; in tables: {label(item, blueprint)}): {item.name}. {item.description}"
                + (f" Components: {', '.join(item.components)}." if item.components else "")
                for item in blueprint.methods
            ],
        ),
        _list(
            "Metrics, primary first",
            [f"{item.id}: {item.name}, {item.direction} is better. {item.description}" for item in blueprint.metrics],
        ),
        f"Division of the data: {blueprint.protocol.description}",
        f"Varied condition: {blueprint.sweep.name}. {blueprint.sweep.description}" if blueprint.sweep else "",
        _list("Parts of the topic left unanswered", blueprint.unanswered),
        f"Verdict, in the agreed words: {VERDICTS[analysis.verdict]}; for {analysis.verdict_reason}.",
        _list("Findings, most important first", [finding_told(item, blueprint) for item in analysis.findings]),
        _list("Cautions of the analyst", analysis.cautions),
        _list("Names that hold digits, to be written as \\name{...}", _numbered(blueprint)),
    ]
    return material("study", "\n\n".join(part for part in parts if part))


def finding_told(finding: Finding, blueprint: Blueprint) -> str:
    """A finding in a line."""
    names = {method.id: method.name for method in blueprint.methods}
    data = {staged.card.id: staged.card.name for staged in blueprint.datasets}
    about = [names.get(finding.method or "", ""), "against " + names[finding.versus] if finding.versus in names else ""]
    about += [f"on {data.get(finding.dataset or '', 'all data')}", f"in {finding.metric}" if finding.metric else ""]
    about += [f"at {finding.condition}" if finding.condition else ""]
    words = " ".join(item for item in about if item)
    said = f" Analyst: {finding.text}" if finding.text and finding.text != "descriptive" else ""
    means = MEANS[finding.verdict]
    if finding.kind == "reference":  # compared by its mean alone
        means = means.replace("reliably ", "") + " by its mean, not tested"
    return f"{finding.id} ({finding.kind}): {words}: {means}.{said}"


def works_told(survey: Survey) -> str:
    """Works that may be cited, with what is known of each."""
    lines = []
    for paper in survey.papers:
        who = ", ".join(paper.authors[:3]) + (" and others" if len(paper.authors) > 3 else "")
        known = paper.abstract[:ABSTRACT_CHARACTERS] if paper.abstract else "(only the title is known)"
        lines.append(f"[{paper.key}] {paper.title}. {who or 'unknown authors'}, {paper.year or 'undated'}. {known}")
    return material("works that may be cited, by key", "\n".join(lines), limit=60_000)


def evidence_told(survey: Survey) -> str:
    """Scores that works report, in their words."""
    if not survey.evidence:
        return ""
    return material("what works report", "\n".join(f"[{item.paper}] {item.quote}" for item in survey.evidence[:30]))


def gaps_told(survey: Survey) -> str:
    """What the survey found open."""
    return material("open questions found in the survey", "\n".join(gap.text for gap in survey.gaps[:10]))


def floats_told(analysis: Analysis, labels: Iterable[str]) -> str:
    """Tables and figures that may be referred to."""
    wanted = set(labels)
    captions = {f"tab:{item.id}": item.caption for item in analysis.tables}
    captions |= {f"fig:{item.id}": item.caption for item in analysis.figures}
    plain = {name: re.sub(r"\\result\{[^{}]*\}", "...", text) for name, text in captions.items()}
    lines = [f"{name}: {text}" for name, text in plain.items() if name in wanted]
    lines.append("Sections: " + ", ".join(sorted(name for name in wanted if name.startswith("sec:"))))
    return material("tables, figures and sections", "\n".join(lines))


def _list(title: str, items: Iterable[str]) -> str:
    lines = [f"- {item}" for item in items]
    return "\n".join([f"{title}:", *lines]) if lines else ""


def _numbered(blueprint: Blueprint) -> list[str]:
    given = [*(item.name for item in blueprint.methods), *(item.name for item in blueprint.components)]
    given += [*(item.name for item in blueprint.metrics), *(item.card.name for item in blueprint.datasets)]
    return [name for name in dict.fromkeys(given) if re.search(r"\d", name)]
