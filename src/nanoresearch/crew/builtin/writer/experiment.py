"""The set-up section: data, division, settings, metrics, tests, budget and pre-registration."""

import re

from nanoresearch.crew.builtin.judge import judge_of
from nanoresearch.crew.builtin.words import listing, stems
from nanoresearch.crew.builtin.writer.prose import body, headed, name, paragraph, sentence, without_numbers
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.paper.escape import latex
from nanoresearch.paper.tables import SELF_REPORTED
from nanoresearch.schema.dataset import StagedDataset
from nanoresearch.schema.manuscript import Section

CORRECTIONS = {
    "holm": ("the step-down procedure of Holm", "holm1979simple"),
    "bonferroni": ("the Bonferroni inequality", "dunn1961multiple"),
    "fdr_bh": ("the false discovery rate procedure of Benjamini and Hochberg", "benjamini1995controlling"),
}
MEASURES = {
    "fit_seconds": "the time to fit in seconds",
    "latency_ms": "the time to predict one input in milliseconds",
    "parameter_count": "the count of fitted numbers",
    "peak_memory_mb": "the peak memory of the process in megabytes",
}
OBJECTIONS = {
    "unfair_comparison": "an unfair comparison",
    "missing_baseline": "a missing reference",
    "missing_control": "a missing control",
    "missing_data": "missing data",
    "over_budget": "a cost above the budget",
    "underpowered": "too little statistical power",
    "taboo": "a technique that the researcher rules out",
    "malformed": "a malformed plan",
}


def setup(study: Study) -> Section:
    """Everything that is needed to judge or repeat the experiment."""
    return Section(
        id="setup",
        title="Experimental Setup",
        body=body(
            _data(study), _division(study), _scoring(study), _settings(study), _sweep(study), _metrics(study),
            _statistics(study), _registration(study), _caveats(study),
        ),
    )  # fmt: skip


def _data(study: Study) -> str:
    staged = (*study.blueprint.datasets, *study.blueprint.support)
    if len(staged) == 1:
        return headed("Data", f"all results are on {_card(study, staged[0])}", _note(staged[0]))
    items = "\n".join(f"  \\item {paragraph(_card(study, item), _note(item))}" for item in staged)
    return f"\\paragraph{{Data}} The data ship in installable packages.\n\\begin{{itemize}}\n{items}\n\\end{{itemize}}"


def _card(study: Study, staged: StagedDataset) -> str:
    card = staged.card
    summary = _breakable(latex(card.summary.strip().rstrip(".")))
    cited = study.cite(card.citation) if card.citation else ""
    licence = latex(card.licence)
    terms = f"licence {licence}" if not licence.startswith("none") else f"licence: {licence}"
    return (
        f"\\emph{{{latex(card.name)}}}{cited}: {summary}; from {latex(card.package)} {latex(staged.version)}, {terms}"
    )


def _breakable(text: str) -> str:
    """Dotted and underscored names may be broken over lines."""
    return re.sub(r"(?<=\w)\.(?=[a-z])|\\_", lambda match: match.group() + r"\allowbreak{}", text)


def _note(staged: StagedDataset) -> str:
    return latex(staged.card.note)


def _division(study: Study) -> str:
    protocol = study.blueprint.protocol
    grouped = f"Rows of one {latex(protocol.grouped_by)} never stand on both sides" if protocol.grouped_by else ""
    share = f"the test part has {protocol.test_fraction * 100:.0f}\\,\\% of the data" if protocol.resampled else ""
    return headed("Division", latex(protocol.description), share, grouped)


def _scoring(study: Study) -> str:
    """Who computed the results, and how far the experiment was kept from the truth."""
    own = {record.dataset for record in study.material.ledger.results if record.scored == "self_reported"}
    names = {staged.card.id: f"\\emph{{{latex(staged.card.name)}}}" for staged in study.blueprint.datasets}
    frozen = [title for id_, title in names.items() if id_ not in own]
    reasons = judge_of(study.blueprint).self_reported
    groups: dict[str, list[str]] = {}
    for id_ in names:
        if id_ in own:
            groups.setdefault(reasons.get(id_, "no sandbox kept the experiment from the truth"), []).append(names[id_])
    costs = "; costs are the experiment's own measurements" if study.blueprint.measures else ""
    return headed(
        "Scoring",
        (
            f"evaluation is frozen on {listing(frozen)}: the experiment got the training part and the test inputs, ran "
            "where neither data nor test labels could be read, and handed in predictions, which a program outside its "
            f"reach scored{costs}"
            if frozen
            else ""
        ),
        *(
            f"{'results' if not frozen else 'Results'} on {listing(titles)} are self-reported ({SELF_REPORTED} in the "
            f"tables), scored by the program that fits the methods and holds the test labels: {latex(why)}"
            for why, titles in groups.items()
        ),
    )


def _settings(study: Study) -> str:
    reasons = [item.patch_reason for item in study.material.attempts if item.patch_reason]
    cures = ["Attempts that failed led to changes, which apply to all methods alike", *reasons] if reasons else []
    return headed("Preparation and settings", study.kit.setting, *_prepared(study), *cures, _software(study))


def _prepared(study: Study) -> list[str]:
    """Cures that earlier studies needed: none of them is known to be needed here."""
    items = study.material.prepared
    if not items:
        return []
    named = listing([f"\\texttt{{{latex(item.fix)}}}" for item in items])
    which, were, them = ("cures", "were", "them") if len(items) > 1 else ("cure", "was", "it")
    return [
        f"The {which} {named} {were} applied from the start and to all methods alike, on the word of earlier studies; "
        f"whether these data need {them} was not tested",
        *(f"As to \\texttt{{{latex(item.fix)}}}, {item.reason[:1].lower()}{item.reason[1:]}" for item in items),
    ]


def _software(study: Study) -> str:
    packages = [latex(item) for item in study.kit.requires]
    keys = {"scikit-learn": "pedregosa2011scikit", "numpy": "harris2020array", "pandas": "mckinney2010data"}
    used = [f"{package}{study.cite(keys[package]) if package in keys else ''}" for package in packages]
    return f"The code uses {listing(used)}" if used else ""


def _sweep(study: Study) -> str:
    sweep = study.blueprint.sweep
    if sweep is None:
        return ""
    unit = f" {latex(sweep.unit)}" if sweep.unit else ""
    head, _, tail = sweep.description.partition(";")
    values = listing([f"{value:g}" if not isinstance(value, str) else name(value) for value in sweep.values])
    return headed(
        "Varied condition",
        f"{study.voice.clause('vary', latex(head))}, in the settings {values}{unit}",
        latex(tail),
        f"The setting {sweep.values[0] if isinstance(sweep.values[0], str) else format(sweep.values[0], 'g')} is the "
        "standard one; planned comparisons average over all settings within a seed",
    )


def _metrics(study: Study) -> str:
    first, *others = study.blueprint.metrics
    better = "higher is better" if first.direction == "higher" else "lower is better"
    described = {
        direction: [f"{name(item.name)} ({latex(item.description)})" for item in others if item.direction == direction]
        for direction in ("higher", "lower")
    }
    measures = [MEASURES.get(item, latex(item)) for item in study.blueprint.measures]
    sliced = f"The {study.metric_name} is also recorded for each class or group" if study.blueprint.slices else ""
    return headed(
        "Metrics",
        f"the primary metric is {study.metric_name}, {latex(first.description)}; {better}",
        (
            "Beside it"
            f" {study.voice.clause('report', listing([name(item.name) for item in others]), many=len(others) > 1)}"
            if others
            else ""
        ),
        *(f"{direction} is better for {listing(items)}" for direction, items in described.items() if items),
        f"As a cost, {study.voice.clause('record', listing(measures), many=len(measures) > 1)}" if measures else "",
        sliced,
    )


def _statistics(study: Study) -> str:
    blueprint, voice = study.blueprint, study.voice
    level = f"{blueprint.confidence * 100:g}\\,\\%"
    primary = sum(item.primary for item in blueprint.comparisons)
    others = len(blueprint.comparisons) - primary
    correction, key = CORRECTIONS[blueprint.correction]
    test = (
        "a paired $t$ test"
        if blueprint.test == "paired_t"
        else f"the Wilcoxon signed-rank test{study.cite('wilcoxon1945individual')}"
    )
    overlap = (
        "Since seeds draw overlapping splits of the same rows, the variance of every $t$ statistic and interval is "
        f"corrected for the overlap{study.cite('nadeau2003inference', 'bouckaert2004evaluating')}"
        if blueprint.protocol.resampled
        else (
            "The test data are the same under every seed, so that intervals speak of the randomness of the methods and"
            " not of that of the data"
        )
    )
    families = (
        f"the {primary} primary comparison{'s' if primary > 1 else ''} of {study.whole} against the baseline form"
        f"{'' if primary > 1 else 's'} one family and decide{'' if primary > 1 else 's'} about the hypothesis"
    )
    return headed(
        "Statistics",
        f"every method runs under the same {len(blueprint.seeds)} seeds ({_seeds(study)})",
        f"{voice.clause('test', 'differences', f'within seeds by {test} and {level} intervals', many=True)}",
        overlap,
        (
            f"Two families of comparisons were fixed in advance: {families}, the {others} others explain it"
            if others
            else families
        ),
        f"Within a family $p$-values are corrected by {correction}{study.cite(key)}",
        f"A difference is called reliable when its corrected $p$-value is below {1 - blueprint.confidence:.2g}; effect"
        f" sizes are Cohen's $d$ of the paired differences{study.cite('cohen1988statistical')}. Whatever was not"
        " planned is reported as description, with uncorrected intervals",
    )


def _seeds(study: Study) -> str:
    seeds = study.blueprint.seeds
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return listing([str(seed) for seed in seeds])


def _registration(study: Study) -> str:
    blueprint = study.blueprint
    budget = blueprint.budget
    rounds = study.material.critiques
    raised = [OBJECTIONS[kind] for kind in dict.fromkeys(o.kind for item in rounds for o in item.objections)]
    review = ""
    if raised:
        review = f"An automatic design review objected to {listing(raised)}, and the draft was mended before it passed"
    elif rounds:
        review = "An automatic design review of its fairness, controls, power and cost raised no objection"
    return headed(
        "Budget and pre-registration",
        f"the experiment may take {budget.minutes:g} minutes on {budget.parallel}"
        f" process{'es' if budget.parallel > 1 else ''} with {budget.memory_gb:g}\\,GB each;"
        f" {blueprint.forecast_minutes:.1f} minutes were forecast",
        review,
        *_experience(study),
        "Then the design was frozen, before the experiment ran; its SHA-256 digest, "
        f"\\texttt{{{blueprint.digest()[:16]}}}, is stamped on every result",
    )


def _experience(study: Study) -> list[str]:
    """What earlier experiments had to do with the choice of this one."""
    told = []
    refuted = [sorted(stems(item.statement)) for item in study.material.survey.set_aside]
    if sorted(stems(study.blueprint.hypothesis)) in refuted:
        told.append(
            "An earlier experiment of the same researcher had refuted this very hypothesis on these data; no other was"
            " left, and it is tested again as a replication"
        )
    elif refuted:
        told.append(
            "Claims that earlier experiments of the same researcher had refuted on these data were not tested again, so"
            " that the hypothesis was chosen among those that were left"
        )
    if study.blueprint.informed_by:
        told.append("Size and cost of the first draft took up what earlier experiments had shown")
    return told


def _caveats(study: Study) -> str:
    _, numeric = without_numbers((*study.kit.cautions, *study.analysis.cautions), study.proper_names)
    return headed("Known in advance", *numeric) if numeric else ""


def plain_cautions(study: Study) -> list[str]:
    """Cautions without numbers, for the limitations."""
    free, _ = without_numbers((*study.kit.cautions, *study.analysis.cautions), study.proper_names)
    return [sentence(text) for text in free]
