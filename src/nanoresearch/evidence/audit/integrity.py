"""Whether findings and verdict follow from the records, by the auditor's own reckoning, and the text says so."""

import re
from collections import Counter
from collections.abc import Iterator

from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.audit.literals import readings
from nanoresearch.evidence.audit.paperwork import sections
from nanoresearch.evidence.statistics import Ledger, derive, difference, p_value
from nanoresearch.execution.collect import condition_names
from nanoresearch.schema.analysis import Finding, Selection, Statistic, Term
from nanoresearch.schema.blueprint import Comparison
from nanoresearch.schema.manuscript import Review

ARGUING = ("abstract", "results", "discussion", "conclusion")
"""Sections that state the verdict."""
_IS = r"(?:is|was|has been|stands)(?: (?!not\b|neither\b|no\b)[a-z]+ly)?"
STATED = {
    "supported": (
        rf"hypothesis {_IS} (?:supported|confirmed|borne out|upheld|true)",
        r"hypothesis holds",
        r"(?:supports?|confirms?) the hypothesis",
        r"prediction came true",
        r"the claim holds for these data",
    ),
    "refuted": (
        rf"hypothesis {_IS} (?:refuted|rejected|falsified|disproved|false)",
        r"hypothesis fails",
        r"(?:refutes?|falsif(?:y|ies)|contradicts?) the hypothesis",
        r"prediction failed",
        r"the claim should not be repeated",
    ),
    "inconclusive": (
        rf"(?:outcome|verdict|answer|experiment|hypothesis) (?:{_IS}|remains|stays) (?:inconclusive|undecided)",
        r"prediction was not confirmed, and neither was its opposite",
        r"does not settle the question",
        r"the question (?:stays|remains) open",
    ),
}
"""How the verdicts are put into words."""
DENIED = {
    "supported": (
        r"hypothesis (?:is|was|has been) (?:not|never) (?:supported|confirmed|borne out|upheld)",
        r"(?:does|did|do) not (?:support|confirm) the hypothesis",
    ),
    "refuted": (
        r"hypothesis (?:is|was|has been) (?:not|never) (?:refuted|rejected|falsified)",
        r"(?:does|did|do) not (?:refute|falsify|contradict) the hypothesis",
    ),
    "inconclusive": (r"(?:outcome|verdict|answer) (?:is|was) (?:not|never) inconclusive",),
}
"""How they are denied."""
_ASKED = r"(?:\b(?:whether|if|when|unless|until|before) (?:the |this |that |our )?|\b(?:not|nor|never|cannot|neither) )"


def check_integrity(case: Case) -> Iterator[Doubt]:
    """Planned comparisons, the other findings, the verdict, and the counts of run.json."""
    yield from _planned(case)
    for finding in case.analysis.findings:
        if finding.comparison is None:
            yield from _unplanned(case, finding)
    verdict = _verdict(case)
    if case.analysis.verdict != verdict:
        yield names.ANALYSIS, f"calls the hypothesis {case.analysis.verdict}, but the records make it {verdict}"
    yield from _stated(case)
    failed = sum(attempt.outcome != "succeeded" for attempt in case.attempts)
    if (case.run.attempts, case.run.failed_attempts) != (len(case.attempts), failed):
        yield names.RUN, f"does not count the {len(case.attempts)} attempts, {failed} of them failed"
    last = case.lines(names.REVIEWS, Review)[-1]
    if last.revision != case.manuscript.revision:
        yield names.REVIEWS, f"the last review is of revision {last.revision}, the paper is {case.manuscript.revision}"


def _stated(case: Case) -> Iterator[Doubt]:
    """The sections that argue call the hypothesis what the analysis calls it."""
    verdict = case.analysis.verdict
    for passage in sections(case.text(names.PAPER_TEX)):
        if passage.where not in ARGUING:
            continue
        if said := against(verdict, passage.body):
            yield passage.where, f'says "{said[0]}", but the verdict of the analysis is {verdict}'


def against(verdict: str, body: str) -> list[str]:
    """Words of a piece of LaTeX that assert another verdict than this one, or deny this one."""
    texts = [text.lower() for text in readings(body)]
    wrong = [pattern for stated, patterns in STATED.items() if stated != verdict for pattern in patterns]
    return [words for text in texts for pattern in (*wrong, *DENIED[verdict]) for words in _asserted(pattern, text)]


def _asserted(pattern: str, text: str) -> list[str]:
    """What is asserted, not asked or denied."""
    found = re.finditer(rf"\b{pattern}\b", text)
    return [m.group() for m in found if not re.search(rf"{_ASKED}\Z", text[max(0, m.start() - 30) : m.start()])]


def _judge(case: Case, comparison: Comparison) -> str:
    """Which way a planned comparison went: a difference counts when its corrected p-value is below the level."""
    mean = derive(difference(comparison, "diff_mean"), case.ledger)
    return _direction(mean, case.ledger.p_values[comparison.id][1], comparison.metric, case.ledger)


def _planned(case: Case) -> Iterator[Doubt]:
    """Each planned comparison has one finding, which says what the records say."""
    planned = {comparison.id: comparison for comparison in case.blueprint.comparisons}
    found = [finding for finding in case.analysis.findings if finding.comparison is not None]
    told = Counter(finding.comparison for finding in found)
    for name in planned:
        if told[name] != 1:
            yield names.ANALYSIS, f"the planned comparison {name} has {told[name]} findings"
    for finding in found:
        comparison = planned.get(finding.comparison or "")
        if comparison is None:
            yield names.ANALYSIS, f"{finding.id} rests on {finding.comparison}, which was not planned"
            continue
        about = (finding.method, finding.versus, finding.dataset, finding.metric)
        if about != (comparison.method, comparison.versus, comparison.dataset, comparison.metric) or finding.condition:
            yield names.ANALYSIS, f"{finding.id} is about something else than the comparison {comparison.id}"
        if (finding.kind == "primary") != comparison.primary:
            yield names.ANALYSIS, f"{finding.id} is not of the rank that the blueprint gave it"
        verdict = _judge(case, comparison)
        if finding.verdict != verdict:
            yield names.ANALYSIS, f"{finding.id} says {finding.verdict}, but the records say {verdict}"


def _unplanned(case: Case, finding: Finding) -> Iterator[Doubt]:
    """A finding beside the plan says what its own kind of contrast says, and never decides."""
    if finding.kind == "primary":
        yield names.ANALYSIS, f"{finding.id} is called primary, but rests on no planned comparison"
    if finding.verdict == "note":
        return
    statistic = _contrast(case, finding)
    if statistic is None:
        yield names.ANALYSIS, f"{finding.id} says {finding.verdict}, which nothing planned or known can test"
        return
    mean = derive(statistic, case.ledger)
    p = 0.0 if finding.kind == "reference" else p_value(case.ledger.sample(statistic), case.blueprint)
    verdict = _direction(mean, p, statistic.of.metric, case.ledger)
    if finding.kind == "reference" and verdict == "no_difference":
        verdict = "worse"  # descriptive: a method that equals the trivial one has not beaten it
    if finding.verdict != verdict:
        yield names.ANALYSIS, f"{finding.id} says {finding.verdict}, but the records say {verdict}"


def _contrast(case: Case, finding: Finding) -> Statistic | None:
    if finding.method is None or finding.metric is None:
        return None
    of = Selection(method=finding.method, metric=finding.metric, dataset=finding.dataset, condition=finding.condition)
    if finding.kind == "interaction":
        return _interaction(case, of)
    if finding.kind == "sweep" and finding.condition is not None:
        standard = of.model_copy(update={"condition": condition_names(case.blueprint)[0]})
        return Statistic(kind="diff_mean", of=of, versus=standard)
    if finding.kind == "reference" and finding.versus is not None:
        return Statistic(kind="diff_mean", of=of, versus=of.model_copy(update={"method": finding.versus}))
    return None


def _interaction(case: Case, of: Selection) -> Statistic | None:
    """Joint gain of all components less the sum of the gains of each alone; None when some were not run alone."""
    methods = case.blueprint.methods
    baseline = next((method.id for method in methods if method.role == "baseline"), None)
    single = [method.id for method in methods if method.role == "variant" and len(method.components) == 1]
    if baseline is None or len(single) != len(case.blueprint.components):
        return None
    base = of.model_copy(update={"method": baseline})
    terms = [Term(weight=-1, selection=of.model_copy(update={"method": method})) for method in single]
    terms.append(Term(weight=len(single), selection=base))
    return Statistic(kind="diff_mean", of=of, versus=base, terms=tuple(terms))


def _direction(mean: float | None, p: float, metric: str, ledger: Ledger) -> str:
    directions = {item.id: item.direction for item in ledger.blueprint.metrics}
    if not mean or p >= 1 - ledger.blueprint.confidence:
        return "no_difference"
    return "better" if (mean > 0) == (directions.get(metric, "lower") == "higher") else "worse"


def _verdict(case: Case) -> str:
    """Supported when better in every primary comparison, refuted when worse in some and better in none."""
    verdicts = {_judge(case, item) for item in case.blueprint.comparisons if item.primary}
    if verdicts == {"better"}:
        return "supported"
    return "refuted" if "worse" in verdicts and "better" not in verdicts else "inconclusive"
