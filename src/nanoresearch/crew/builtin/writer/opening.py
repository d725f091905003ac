"""Title, keywords, abstract and introduction."""

from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer.effects import (
    MANY,
    alone_summary,
    decisive,
    primary_changes,
    reservations,
    verdict_clause,
)  # fmt: skip
from nanoresearch.crew.builtin.writer.prose import body, name, paragraph, quoted, title, worded
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.paper.escape import latex, was_transliterated
from nanoresearch.schema.manuscript import Section

DOMAINS = {
    "nlp": "natural language processing",
    "cv": "computer vision",
    "multimodal": "multimodal learning",
    "tabular": "tabular data",
    "time_series": "time series",
    "graph": "graphs",
    "audio": "audio",
}
MEASURES = {
    "fit_seconds": ("fitting time", r"\,s"),
    "latency_ms": ("prediction time for each input", r"\,ms"),
    "parameter_count": ("number of fitted parameters", ""),
    "peak_memory_mb": ("peak memory", r"\,MB"),
}
"""Costs in prose, with their units."""


def paper_title(study: Study) -> str:
    """The blueprint's title as a heading."""
    return title(study.blueprint.title)


def keywords(study: Study) -> tuple[str, ...]:
    """Field, family, components and kind of study."""
    words = [
        *filter(None, [DOMAINS.get(study.blueprint.domain)]),
        study.kit.name,
        *(item.name for item in study.components),
    ]
    words += ["component study", *(["negative result"] if study.analysis.verdict == "refuted" else [])]
    return tuple(latex(word) for word in dict.fromkeys(words))


def abstract(study: Study) -> Section:
    """Question, study, answer, emphasis and scope; the answer first where the plan asks for it."""
    answered_first = study.guidance.lead == "answer"
    answer = paragraph(
        f"{verdict_clause(study)}: {decisive(study, short=not answered_first)}",
        f"the mean difference is {primary_changes(study, tested=False)}",
    )
    study_made = paragraph(_study_made(study))
    asked = paragraph(_question(study))
    rest = paragraph(emphasis(study), *reservations(study), _scope(study))
    order = (answer, study_made, rest) if answered_first else (asked, study_made, answer, rest)
    return Section(id="abstract", title="", body=" ".join(part for part in order if part))


def _question(study: Study) -> str:
    verb = study.verb("better").removesuffix("s")
    return f"Does {study.adding} {verb} {study.metric_name} in {name(study.kit.name)}?"


def _study_made(study: Study) -> str:
    data = study.data(study.dataset_ids)
    if len(study.dataset_ids) > MANY:
        data = f"{study.count('/datasets')} data sets"
    varied = f", varying the {name(study.blueprint.sweep.name)}" if study.blueprint.sweep else ""
    compared = study.voice.clause("compare", f"a set of {study.count('/methods')} methods", f"on {data}")
    return (
        f"{compared} with {study.count('/seeds')} seeds{varied}, under a design that was frozen before any result was"
        " seen"
    )


def emphasis(study: Study) -> str:
    """The sentence that the researcher's idea of a contribution asks for."""
    contribution = study.briefing.profile.contribution
    if contribution == "efficiency" and (cost := cost_clause(study)):
        return cost
    if contribution == "performance":
        return ranking_clause(study)
    if contribution == "robustness" and (swept := robustness_clause(study)):
        return swept
    if contribution == "reproducibility":
        return (
            "code, records and design are kept with the run, and every reported number can be derived from them again"
        )
    return alone_summary(study) if study.several else ""


def cost_clause(study: Study) -> str:
    """What the proposal costs beside the baseline."""
    for measure in study.blueprint.measures:
        before, after = study.measured(study.baseline.id, measure), study.measured(study.proposed.id, measure)
        if before and after and measure in MEASURES:
            what, unit = MEASURES[measure]
            return f"the mean {what} goes from {before}{unit} for the baseline to {after}{unit} for {study.whole}"
    return ""


def ranking_clause(study: Study) -> str:
    """Methods in the order of their mean score."""
    ranked = study.better_first(method for method in study.blueprint.methods if method.role != "reference")
    shown = [f"{name(method.name)} ({study.score(method.id, None)})" for method in ranked[:3]]
    return f"by mean {study.metric_name}, the order begins with {listing(shown)}"


def robustness_clause(study: Study) -> str:
    """How baseline and proposal change along the sweep."""
    if study.blueprint.sweep is None:
        return ""
    last = len(study.blueprint.sweep.values) - 1
    ends = [
        (study.score(method, None, None, study.condition(0)), study.score(method, None, None, study.condition(last)))
        for method in (study.baseline.id, study.proposed.id)
    ]
    return (
        f"between the ends of the varied condition ({name(study.blueprint.sweep.name)}: {study.setting(0)} and "
        f"{study.setting(last)}), mean {study.metric_name} goes from {ends[0][0]} to {ends[0][1]} for the baseline and "
        f"from {ends[1][0]} to {ends[1][1]} for {study.whole}"
    )


def _scope(study: Study) -> str:
    data = "these data sets" if len(study.dataset_ids) > 1 else "this data set"
    scope = f"the conclusions concern {data} and the settings tried only"
    if study.blueprint.unanswered:
        return f"{scope}, and parts of the topic stay unanswered"
    return scope


def introduction(study: Study) -> Section:
    """The researcher's question, why it matters, what is done, what is new, what is left out."""
    return Section(
        id="introduction",
        title="Introduction",
        body=body(_occasion(study), _gap(study), _approach(study), contributions(study), unanswered(study)),
    )


def _occasion(study: Study) -> str:
    topic = study.blueprint.topic.strip()
    note = ""
    if was_transliterated(topic):
        note = (
            r"\footnote{Parts of the topic are printed in Latin letters, since the typesetting system lacks fonts for "
            "their script; the record of the run keeps the original.}"
        )
    return paragraph(
        f"This study starts from a topic as a researcher put it: {quoted(topic)}{note}",
        f"Behind it stands a general question: {latex(study.kit.question)}",
        f"Here it is asked of {name(study.baseline.name)} as the starting point and of {study.all_components} as "
        "what may be added to it",
        *_reasons(study),
    )


def _reasons(study: Study) -> list[str]:
    """Why each component may help, as far as the kit says."""
    known = [(item, study.known_component(item.id)) for item in study.components]
    said = [(name(item.name), latex(kit.why)) for item, kit in known if kit]
    first = [f"the reason to expect a gain from {shown} is that {why}" for shown, why in said[:1]]
    return first + [f"for {shown} it is that {why}" for shown, why in said[1:]]


def _gap(study: Study) -> str:
    others = [item.spec.name for item in study.kit.components if item.spec not in study.components]
    fitting = [gap.text for gap in study.material.survey.gaps if not any(other in gap.text for other in others)]
    gaps = [worded(text, study.proper_names) for text in fitting[:2]]
    if not gaps:
        return ""
    opening = "no surveyed work "
    silent = [gap.removeprefix(opening) for gap in gaps if gap.startswith(opening)]
    stated = [gap for gap in gaps if not gap.startswith(opening)]
    searched = len({paper.key for paper in study.material.survey.papers})
    return paragraph(
        f"The search behind this paper kept {searched} works"
        + (f", none of which {listing(silent, 'or')}" if silent else ""),
        *stated,
        (
            "Papers that introduce a technique usually report it as part of a whole, which leaves open what each part"
            " adds and whether the parts need one another"
            if study.several
            else ""
        ),
    )


def _approach(study: Study) -> str:
    blueprint, voice = study.blueprint, study.voice
    direction = "raise" if study.metric.direction == "higher" else "lower"
    them = "them" if voice.we else "they"
    combos = study.all_components if not study.several else "every combination of them" if _factorial(study) else them
    added = voice.clause("add", combos, "to the baseline", many=combos == them)
    sweep = (
        f", under {len(blueprint.sweep.values)} settings of the {name(blueprint.sweep.name)}" if blueprint.sweep else ""
    )
    return paragraph(
        f"{added}, all else being equal, and {voice.clause('measure', study.metric_name)} on"
        f" {study.data(study.dataset_ids)} with {len(blueprint.seeds)} seeds{sweep}",
        (
            f"The hypothesis, fixed with the whole design before the experiment ran, is that {study.adding} will"
            f" {direction} {study.metric_name} on every data set"
            if len(study.dataset_ids) > 1
            else (
                f"The hypothesis, fixed with the whole design before the experiment ran, is that {study.adding} will"
                f" {direction} {study.metric_name}"
            )
        ),
    )


def _factorial(study: Study) -> bool:
    return study.several and len(study.variants) == 2 ** len(study.components) - 2


def contributions(study: Study) -> str:
    """What the paper adds, as prose or as bullets."""
    items = [
        "an answer to that hypothesis with intervals and corrected tests on shared splits of the data",
        _part_by_part(study),
        (
            "a frozen design, the code and every raw result, kept together so that each printed number can be derived"
            " again"
        ),
    ]
    opening = "The contribution is modest and checkable"
    if not study.guidance.bullet_contributions:
        return paragraph(f"{opening}: {items[0]}, and {items[1]}", f"added to this are {items[2]}")
    lines = "\n".join(f"  \\item {paragraph(item)}" for item in items)
    return f"{opening}:\n\\begin{{itemize}}\n{lines}\n\\end{{itemize}}"


def _part_by_part(study: Study) -> str:
    if study.several and study.variants:
        alone = ["what each component does alone"] if study.alone else []
        joint = ["whether the effects add up"] if _factorial(study) else []
        lost = "what is lost without it" if alone else "what is lost without each component"
        return f"an account of {listing([*alone, lost, *joint])}"
    return "an account of where the effect appears and where it does not"


def unanswered(study: Study) -> str:
    """Plain words about the parts of the topic that the experiment does not answer."""
    left = study.blueprint.unanswered
    sentences_ = [item for item in left if " " in item]
    words = [item for item in left if " " not in item]
    parts = []
    if words:
        shown = listing([quoted(word) for word in words])
        plural = len(words) > 1
        parts.append(
            "Not everything in the topic is answered: the experiment has no counterpart for the"
            f" word{'s' if plural else ''} {shown}, and whatever {'they ask' if plural else 'it asks'} for beyond the"
            " comparison described here stays open"
        )
    for item in sentences_:
        head, found, tail = item.partition('"')
        inner, _, rest = tail.partition('"')
        shown = f"{latex(head)} {quoted(inner)}{latex(rest)}" if found else latex(item)
        parts.append(f"The design could not act on {shown}")
    return paragraph(*parts)
