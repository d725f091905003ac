"""The results section: the answer first, then what explains it. Every number is a reference to records."""

from collections.abc import Sequence

from nanoresearch.crew.builtin.analyst import interaction_contrast, slice_labels
from nanoresearch.crew.builtin.latex_text import literal_numbers
from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer.effects import (
    MANY,
    alone_clauses,
    component_groups,
    component_names,
    decisive,
    primary_changes,
    verdict_clause,
)  # fmt: skip
from nanoresearch.crew.builtin.writer.opening import MEASURES
from nanoresearch.crew.builtin.writer.prose import body, headed, name
from nanoresearch.crew.builtin.writer.study import Outcome, Study
from nanoresearch.evidence.statistics import difference
from nanoresearch.paper.escape import latex
from nanoresearch.schema.analysis import Statistic
from nanoresearch.schema.manuscript import Section


def results(study: Study) -> Section:
    """Primary comparisons, components, ablations, additivity, alternatives, sweep, other metrics, groups."""
    return Section(
        id="results",
        title="Results",
        body=body(
            *_answer(study),
            *_components(study),
            _ablations(study),
            _additivity(study),
            _alternatives(study),
            *_sweep(study),
            *_other_metrics(study),
            *_groups(study),
        ),
    )


def place(study: Study, tables: Sequence[str] = (), figures: Sequence[str] = ()) -> str:
    """The floats themselves, put after the paragraph that speaks of them."""
    lines = [f"\\inputtable{{{item}}}" for item in study.floats(*tables)]
    lines += [f"\\inputfigure{{{item}}}" for item in study.floats(*figures, kind="figure")]
    return "\n".join(lines)


def see(study: Study, table: str = "", figure: str = "") -> str:
    """ "Table 1 and Figure 2", as far as the paper shows them."""
    parts = [f"Table~\\ref{{tab:{table}}}"] if table and study.table(table) else []
    parts += [f"Figure~\\ref{{fig:{figure}}}"] if figure and study.figure(figure) else []
    return listing(parts)


def _answer(study: Study) -> tuple[str, ...]:
    seen = see(study, "comparisons")
    levels = _levels(study)
    table = see(study, "main", "bars")
    return (
        headed(
            "Answer",
            f"{verdict_clause(study)}: {decisive(study)}",
            f"the primary differences are {primary_changes(study, tested=True)}",
            _undecided(study),
            f"{seen} lists every planned comparison" if seen else "",
        ),
        headed("Scores", levels, f"{table} give{'' if ' and ' in table else 's'} every method" if table else ""),
        place(study, ("main", "comparisons"), ("bars",)),
    )


def _undecided(study: Study) -> str:
    """What an absent difference leaves open."""
    open_ = [item for item in study.primary if item.verdict == "no_difference"]
    if not open_ or len(open_) > MANY:
        return ""
    unit = " percentage points" if study.metric.percent else ""
    spans = [
        f"{study.span(difference(item.comparison, 'diff_mean'))}{unit}{study.at(item.comparison.dataset)}"
        for item in open_
    ]
    return (
        "the absence of a reliable difference is no proof of equality: the intervals leave room for differences "
        f"{listing(spans)}"
    )


def _levels(study: Study) -> str:
    ids = study.dataset_ids
    listed = ids if len(ids) <= MANY else [None]
    where = [study.at(item) if item else " over all data sets" for item in listed]
    base = [f"{study.score(study.baseline.id, item)}{at}" for item, at in zip(listed, where, strict=True)]
    ours = [study.score(study.proposed.id, item) for item in listed]
    text = f"the mean {study.metric_name} of the baseline is {listing(base)}; {study.whole} has {listing(ours)}"
    if study.reference:
        trivial = [study.score(study.reference.id, item) for item in listed]
        text += f", and the trivial reference {listing(trivial)}"
    return f"{text}{', in the same order' if len(listed) > 1 else ''}"


def _components(study: Study) -> tuple[str, ...]:
    figure = see(study, "", "effects")
    shown = f"{figure} draws the effects with their intervals" if figure else ""
    if not study.several:
        return (headed("Effect", shown), place(study, (), ("effects",))) if figure else ()
    groups = [(ids, items) for ids, items in component_groups(study, study.alone) if items]
    if not groups:
        return (headed("Effects", shown), place(study, (), ("effects",))) if figure else ()
    return (
        headed("Each component alone", *alone_clauses(study), _strongest(study), shown),
        place(study, (), ("effects",)),
    )


def _strongest(study: Study) -> str:
    """The largest gain of a single component, and the largest loss if there is a reliable one."""
    sign = 1 if study.metric.direction == "higher" else -1
    items = [(component, item) for component, group in study.alone.items() for item in group]
    if not items:
        return ""

    def gain(pair: tuple[str, Outcome]) -> float:
        return sign * (study.book.value(difference(pair[1].comparison, "diff_mean")) or 0.0)

    best, worst = max(items, key=gain), min(items, key=gain)
    text = f"the most favourable of these differences is {_named_change(study, *best)}"
    if worst[1].verdict == "worse" or not study.brief:
        text += f"; the least favourable is {_named_change(study, *worst)}"
    return text


def _named_change(study: Study, component: str, outcome: Outcome) -> str:
    dataset = outcome.comparison.dataset
    where = study.at(dataset)
    return (
        f"that of {component_names(study, [component])}{where},"
        f" {study.tested(outcome.comparison, full=not study.brief)}"
    )


def _ablations(study: Study) -> str:
    if not study.several or not study.taken_away:
        return ""
    clauses = []
    for ids, items in component_groups(study, study.taken_away):
        parts = []
        subject = f"taking {component_names(study, ids, 'or')} away from the full combination"
        if chosen := study.where(items, "better"):
            parts.append(f"{study.verb('worse')} {study.metric_name} {study.on(chosen)}")
        if chosen := study.where(items, "worse"):
            parts.append(
                f"{study.verb('better')} it {study.on(chosen)}"
                if parts
                else f"{study.verb('better')} {study.metric_name} {study.on(chosen)}"
            )
        if chosen := study.where(items, "no_difference"):
            parts.append(f"makes no reliable difference {study.on_none(chosen)}")
        clauses.append(f"{subject} {listing(parts)}")
    return headed("Taking components away", *clauses, _costliest(study))


def _costliest(study: Study) -> str:
    sign = 1 if study.metric.direction == "higher" else -1
    items = [(component, item) for component, group in study.taken_away.items() for item in group]
    component, item = max(
        items, key=lambda pair: sign * (study.book.value(difference(pair[1].comparison, "diff_mean")) or 0.0)
    )
    dataset = item.comparison.dataset
    where = study.at(dataset)
    return (
        "the largest difference between the full combination and a reduced set is that without "
        f"{component_names(study, [component])}{where}, {study.tested(item.comparison, full=False)}"
    )


def _additivity(study: Study) -> str:
    contrasts = {item: interaction_contrast(study.blueprint, item) for item in study.dataset_ids}
    kept = {item: contrast for item, contrast in contrasts.items() if contrast is not None}
    if not kept or len(kept) > 2 * MANY:
        return ""
    signs = {item: study.excludes_zero(contrast) for item, contrast in kept.items()}
    clear = [item for item, sign in signs.items() if sign]
    higher = study.metric.direction == "higher"
    over = [item for item in clear if (signs[item] > 0) == higher]
    under = [item for item in clear if item not in over]
    parts = [f"the joint effect exceeds the sum {study.on(over)}"] if over else []
    parts += [f"the joint effect falls short of the sum {study.on(under)}"] if under else []
    if rest := [item for item in kept if item not in clear]:
        parts.append(
            "the interval of this contrast includes a difference of"
            f" nil{'' if not clear and len(kept) == 1 else ' ' + study.on(rest)}"
        )
    values = [
        f"{study.change(contrast)} (interval {study.span(contrast)}){study.at(item)}" for item, contrast in kept.items()
    ]
    shown = f"its value is {listing(values)}" if len(values) <= MANY else ""
    return headed(
        "Additivity",
        "the additive contrast compares the joint effect with the sum of the effects of each component alone",
        listing(parts),
        shown,
    )


def _alternatives(study: Study) -> str:
    if not study.against_alternatives:
        return ""
    clauses = []
    for method in study.alternatives:
        items = [item for item in study.against_alternatives if item.comparison.versus == method.id]
        parts = []
        for verdict, word in (("better", "better"), ("worse", "worse")):
            if chosen := study.where(items, verdict):
                parts.append(f"{word} {study.on(chosen)}")
        if chosen := study.where(items, "no_difference"):
            parts.append(f"not reliably different {study.on_none(chosen)}")
        clauses.append(f"against {name(method.name)}, {study.whole} is {listing(parts)}")
        if len(items) <= MANY:
            values = [study.tested(item.comparison, full=False) + study.at(item.comparison.dataset) for item in items]
            clauses[-1] += (
                f", with differences of {listing(values)}" if len(values) > 1 else f", with a difference of {values[0]}"
            )
    return headed("Established methods", *clauses)


def _sweep(study: Study) -> tuple[str, ...]:
    sweep = study.blueprint.sweep
    if sweep is None:
        return ()
    gaps = [
        study.against(study.proposed.id, study.baseline.id, None, None, study.condition(index))
        for index in range(len(sweep.values))
    ]
    seen = see(study, "sweep", "sweep")
    last = len(gaps) - 1
    shifts = [study.shift(method, 0, last) for method in (study.baseline.id, study.proposed.id)]
    return (
        headed(
            "Varied condition",
            f"{study.averaged}the difference between {study.whole} and the baseline is {study.change(gaps[0])}"
            f" (interval {study.span(gaps[0])}) at the standard setting ({name(sweep.name)}: {study.setting(0)}) and"
            f" {study.change(gaps[last])} ({study.span(gaps[last])}) at {study.setting(last)}",
            sweep_reading(study, gaps),
            f"from {study.setting(0)} to {study.setting(last)}, the {study.metric_name} of the baseline changes by"
            f" {study.change(shifts[0])} (interval {study.span(shifts[0])}) and that of {study.whole} by"
            f" {study.change(shifts[1])} ({study.span(shifts[1])})",
            f"{seen} show{'s' if ' and ' not in seen else ''} all settings" if seen else "",
        ),
        place(study, ("sweep",), ("sweep",)),
    )


def sweep_reading(study: Study, gaps: Sequence[Statistic]) -> str:
    """Where along the sweep the difference stands out, without correction."""
    signs = [study.excludes_zero(gap) for gap in gaps]
    higher = 1 if study.metric.direction == "higher" else -1
    gains = [index for index, sign in enumerate(signs) if sign == higher]
    losses = [index for index, sign in enumerate(signs) if sign == -higher]
    if len(gains) == len(gaps):
        return "at every setting the interval lies on the favourable side"
    if len(losses) == len(gaps):
        return "at every setting the interval lies on the unfavourable side"
    if not gains and not losses:
        return "at no setting does the interval exclude a difference of nil"
    parts = []
    if gains:
        parts.append(f"the interval lies on the favourable side at {listing([study.setting(i) for i in gains])}")
    if losses:
        parts.append(
            f"{'on' if parts else 'the interval lies on'} the unfavourable side at"
            f" {listing([study.setting(i) for i in losses])}"
        )
    return (
        f"{listing(parts)}, and includes a difference of nil elsewhere"
        if len(gains) + len(losses) < len(gaps)
        else listing(parts)
    )


def _other_metrics(study: Study) -> tuple[str, ...]:
    others = study.blueprint.metrics[1:]
    if not others:
        return ()
    good: list[str] = []
    bad: list[str] = []
    open_: list[str] = []
    for metric in others:
        sign = study.excludes_zero(study.against(study.proposed.id, study.baseline.id, None, metric.id))
        (open_ if not sign else good if (sign > 0) == (metric.direction == "higher") else bad).append(metric.name)
    parts = []
    for chosen, words in (
        (good, "favour the full combination"),
        (bad, "favour the baseline"),
        (open_, "leave the matter open"),
    ):
        if chosen:
            verb = words if len(chosen) > 1 else words.replace("favour", "favours").replace("leave", "leaves")
            parts.append(f"{listing([name(item) for item in chosen])} {verb}")
    seen = see(study, "metrics")
    if not study.several:
        parts = [part.replace("the full combination", "the addition") for part in parts]
    return (
        headed(
            "Other metrics",
            f"{study.averaged}judged by uncorrected intervals, {', while '.join(parts)}",
            f"{seen} has the values" if seen else "",
        ),
        place(study, ("metrics",)),
    )


def _groups(study: Study) -> tuple[str, ...]:
    if not study.blueprint.slices or study.brief or "error_analysis" in study.guidance.extra_sections:
        return ()
    return group_paragraphs(study)


def group_paragraphs(study: Study) -> tuple[str, ...]:
    """Which classes or groups gain and lose most, by data set."""
    paragraphs = []
    for dataset in study.dataset_ids:
        labels = slice_labels(study.material.ledger, dataset)
        if not labels:
            continue
        gaps = {item: study.against(study.proposed.id, study.baseline.id, dataset, item) for item in labels}
        sign = 1 if study.metric.direction == "higher" else -1
        ranked = sorted(gaps, key=lambda item: -sign * (study.book.value(gaps[item]) or 0.0))
        ends = [_group(study, item.partition(":")[2], gaps[item]) for item in (ranked[0], ranked[-1])]
        seen = see(study, f"slices-{dataset}", f"slices-{dataset}")
        paragraphs.append(
            headed(
                f"Groups of {study.data([dataset])}",
                f"the difference to the baseline is {ends[0]} for the group that fares best with {study.whole}, and"
                f" {ends[1]} for the group that fares worst",
                f"{seen} {'shows' if ' and ' not in seen else 'show'} the groups" if seen else "",
            )
        )
        paragraphs.append(place(study, (f"slices-{dataset}",), (f"slices-{dataset}",)))
    return tuple(paragraphs)


def _group(study: Study, label: str, change: Statistic) -> str:
    """A difference with the group it belongs to; a label that is a number could be taken for a result."""
    return study.change(change) + ("" if literal_numbers(latex(label)) else f" ({latex(label)})")


def cost_paragraphs(study: Study) -> tuple[str, ...]:
    """Measured costs, where there are any."""
    rows = []
    for measure in study.blueprint.measures:
        methods = [study.baseline, study.proposed, *study.alternatives[:1]]
        values = [study.measured(method.id, measure) for method in methods]
        if measure not in MEASURES or any(value is None for value in values):
            continue
        what, unit = MEASURES[measure]
        labels = ["the baseline", study.whole, *(name(method.name) for method in study.alternatives[:1])]
        shown = [f"{value}{unit} for {label}" for value, label in zip(values, labels, strict=True)]
        rows.append(f"the mean {what} is {listing(shown)}")
    if not rows:
        return ()
    seen = see(study, "costs", "cost")
    closing = "these are measurements on the machine of this run and carry no test"
    return (
        headed(
            "Measured costs",
            *rows,
            closing,
            f"{seen} {'has' if ' and ' not in seen else 'have'} every method" if seen else "",
        ),
        place(study, ("costs",), ("cost",)),
    )
