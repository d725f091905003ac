"""Clauses about outcomes that several sections need: what an addition does, which components pay, how much."""

from collections.abc import Mapping, Sequence

from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer.prose import names
from nanoresearch.crew.builtin.writer.study import Outcome, Study
from nanoresearch.evidence.statistics import difference

MANY = 3
"""More data sets than this are summarised instead of listed."""


def effect(study: Study, subject: str, outcomes: Sequence[Outcome], *, metric: str | None = None) -> str:
    """ "SUBJECT raises accuracy on A, lowers it on B and makes no reliable difference on C"."""
    parts = []
    metric = metric or study.metric_name
    for verdict in ("better", "worse"):
        if chosen := study.where(outcomes, verdict):
            parts.append(f"{study.verb(verdict)} {metric} {study.on(chosen)}")
            metric = "it"
    if chosen := study.where(outcomes, "no_difference"):
        to = f" to {metric}" if metric != "it" else ""
        parts.append(f"makes no reliable difference{to} {study.on_none(chosen)}")
    return f"{subject} {listing(parts)}"


def decisive(study: Study, *, short: bool = False) -> str:
    """What the primary comparisons show, in a clause; the short form follows a sentence that names the components."""
    subject = f"adding {'them' if study.several else 'it'}" if short else study.adding
    return effect(study, subject, study.primary)


def verdict_clause(study: Study) -> str:
    """The verdict on the hypothesis, in a clause."""
    return {
        "supported": "the hypothesis is supported",
        "refuted": "the hypothesis is refuted",
        "inconclusive": "the outcome is inconclusive",
    }[study.analysis.verdict]


def primary_changes(study: Study, *, tested: bool) -> str:
    """The primary differences: each data set's, or the least and the greatest of many."""
    shown = list(study.primary)
    if len(shown) > MANY:
        shown.sort(key=lambda item: study.book.value(difference(item.comparison, "diff_mean")) or 0.0)
        return f"between {_change(study, shown[0], tested)} and {_change(study, shown[-1], tested)}"
    return listing([_change(study, item, tested) for item in shown])


def component_groups(
    study: Study, outcomes: Mapping[str, Sequence[Outcome]]
) -> list[tuple[list[str], Sequence[Outcome]]]:
    """Components whose outcomes are alike, those that help first."""
    groups: dict[tuple[tuple[str | None, str], ...], list[str]] = {}
    for component, items in outcomes.items():
        pattern = tuple((item.comparison.dataset, item.verdict) for item in items)
        groups.setdefault(pattern, []).append(component)
    order = sorted(groups, key=lambda pattern: -sum(verdict == "better" for _, verdict in pattern))
    return [(groups[pattern], outcomes[groups[pattern][0]]) for pattern in order]


def component_names(study: Study, ids: Sequence[str], word: str = "and") -> str:
    """Names of components."""
    return names([item.name for item in study.components if item.id in ids], word)


def alone_summary(study: Study) -> str:
    """What each component does when it is added alone, in one sentence."""
    clauses = alone_clauses(study)
    return f"taken separately, {'; '.join(clauses)}" if clauses else ""


def alone_clauses(study: Study) -> list[str]:
    """A clause for each group of components that fare alike; the metric is named once."""
    clauses: list[str] = []
    for ids, items in component_groups(study, study.alone):
        if items:
            metric = "it" if clauses else None
            clauses.append(effect(study, f"adding {component_names(study, ids, 'or')}", items, metric=metric))
    return clauses


def reservations(study: Study) -> list[str]:
    """What a reader must know beside the verdict: rivals that win, parts that do harm, data that teach nothing."""
    clauses = []
    for method in study.alternatives:
        losing = [item for item in study.against_alternatives if item.comparison.versus == method.id]
        if chosen := study.where(losing, "worse"):
            clauses.append(f"against {names([method.name])}, {study.whole} is reliably worse {study.on(chosen)}")
    for component, items in study.taken_away.items():
        if chosen := study.where(items, "worse"):
            what = component_names(study, [component])
            clauses.append(f"{study.whole} does reliably better without {what} {study.on(chosen)}")
    if study.reference:
        sign = 1 if study.metric.direction == "higher" else -1
        trivial = study.reference.id
        lost = [
            dataset
            for dataset in study.dataset_ids
            if sign * study.mean_value(study.baseline.id, dataset) <= sign * study.mean_value(trivial, dataset)
        ]
        if lost:
            clauses.append(
                f"the baseline does not beat the trivial reference {study.on(lost)}, so that comparisons there"
                " say little"
            )
    return clauses


def paying(study: Study) -> list[str]:
    """Components whose addition or removal makes a reliable difference in the right direction somewhere."""
    return [item.id for item in study.components if "better" in _verdicts(study, item.id)]


def harmful(study: Study) -> list[str]:
    """Components that do reliable harm somewhere."""
    return [item.id for item in study.components if "worse" in _verdicts(study, item.id)]


def idle(study: Study) -> list[str]:
    """Components for which nothing reliable was seen."""
    return [item.id for item in study.components if not {"better", "worse"} & _verdicts(study, item.id)]


def _verdicts(study: Study, component: str) -> set[str]:
    return {item.verdict for item in (*study.alone.get(component, ()), *study.taken_away.get(component, ()))}


def _change(study: Study, outcome: Outcome, tested: bool) -> str:
    comparison = outcome.comparison
    change = study.tested(comparison) if tested else study.change(difference(comparison, "diff_mean"))
    return change + (study.at(comparison.dataset) if comparison.dataset else " over all data sets")
