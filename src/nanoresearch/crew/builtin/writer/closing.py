"""Discussion, limitations, conclusion, and the sections that a plan may add."""

from pathlib import PurePath

from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer.effects import (
    MANY,
    component_names,
    decisive,
    harmful,
    idle,
    paying,
    reservations,
    verdict_clause,
)  # fmt: skip
from nanoresearch.crew.builtin.writer.experiment import breakable, plain_cautions
from nanoresearch.crew.builtin.writer.opening import cost_clause, ranking_clause, robustness_clause
from nanoresearch.crew.builtin.writer.prose import body, headed, name, paragraph, sentence, worded
from nanoresearch.crew.builtin.writer.results import cost_paragraphs, group_paragraphs, place, see
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.paper.escape import latex
from nanoresearch.schema.experiment import Attempt, Preparation
from nanoresearch.schema.manuscript import Section

FEW_SEEDS = 10
"""Below this, intervals rest on few degrees of freedom."""


def discussion(study: Study) -> Section:
    """What the findings mean, beginning with what this researcher counts as a contribution."""
    return Section(
        id="discussion",
        title="Discussion",
        body=body(
            _meaning(study), paragraph(*reservations(study)), _practice(study), _emphasis(study), _generality(study)
        ),
    )


def _meaning(study: Study) -> str:
    reason = sentence(worded(study.analysis.verdict_reason, study.proper_names)).rstrip(".")
    said = {
        "supported": "By the rule fixed in advance, the prediction came true",
        "refuted": "By the rule fixed in advance, the prediction failed, and the failure is the result",
        "inconclusive": "By the rule fixed in advance, the prediction was not confirmed, and neither was its opposite",
    }[study.analysis.verdict]
    next_ = {
        "supported": "This supports the hypothesis for the data and settings at hand and does not extend it to others",
        "refuted": (
            "A negative outcome under a design that could have shown the opposite narrows what the addition can be "
            "expected to do for a baseline of this kind"
        ),
        "inconclusive": (
            "The honest reading is that this experiment does not settle the question: more seeds or more data "
            "could move the answer either way"
        ),
    }[study.analysis.verdict]
    return paragraph(f"{said}: {reason[:1].lower()}{reason[1:]}", next_)


def _practice(study: Study) -> str:
    if not study.several:
        return paragraph(_single_advice(study))
    good, bad, nothing = paying(study), harmful(study), idle(study)
    mixed = [item for item in good if item in bad]
    clean = [item for item in good if item not in bad]
    parts = []
    if clean:
        parts.append(
            f"among the components, the case for {component_names(study, clean)} is the clearest: adding or removing"
            f" {'it' if len(clean) == 1 else 'them'} moves {study.metric_name} reliably in the expected direction"
            " somewhere and nowhere in the opposite"
        )
    if mixed:
        parts.append(
            f"{component_names(study, mixed)} must be judged on the data at hand, since the effect changes its sign"
        )
    if harm := [item for item in bad if item not in good]:
        parts.append(f"nothing here speaks for {component_names(study, harm)}, and something speaks against")
    if overlapping(study):
        parts.append(
            "taking any of them away from the full combination makes no reliable difference, however: they seem to do"
            " much the same work, and fewer may be enough"
        )
    if nothing:
        them = "it" if len(nothing) == 1 else "them"
        parts.append(
            f"for {component_names(study, nothing)} no reliable effect was seen in either direction; leaving {them} out"
            " is the simpler choice until there is evidence to the contrary"
        )
    return paragraph(*parts)


def overlapping(study: Study) -> bool:
    """Whether several components help alone, and the full combination misses none of them."""
    singles = {item.method for item in study.analysis.findings if item.kind == "component" and item.verdict == "better"}
    ablations = [item.verdict for item in study.analysis.findings if item.kind == "ablation"]
    return len(singles) > 1 and bool(ablations) and set(ablations) == {"no_difference"}


def _single_advice(study: Study) -> str:
    verdicts = {item.verdict for item in study.primary}
    component = component_names(study, [study.components[0].id])
    if verdicts == {"better"}:
        return f"whoever works with {name(study.baseline.name)} on data like these has reason to try {component}"
    if "worse" in verdicts and "better" in verdicts:
        return (
            f"whether {component} should be added must be judged on the data at hand, since the effect changes its sign"
        )
    if "worse" in verdicts:
        return (
            f"nothing here speaks for {component} on top of {name(study.baseline.name)}, and something speaks against"
        )
    return f"leaving {component} out is the simpler choice until there is evidence to the contrary"


def _emphasis(study: Study) -> str:
    contribution = study.briefing.profile.contribution
    parts = {
        "efficiency": [
            cost_clause(study),
            "whether a difference in score is worth a difference in cost depends on the use",
        ],
        "performance": [
            ranking_clause(study),
            "such an order describes the means; only the planned comparisons say which of its steps are reliable",
        ],
        "robustness": [
            robustness_clause(study),
            (
                "a method that is chosen for hard conditions should be compared under them and not only at the standard"
                " setting"
            ),
        ],
        "reproducibility": [
            "the value of the study lies as much in its protocol as in its outcome: what would count as success was "
            "written down beforehand, and the failures on the way are part of the record"
        ],
        "understanding": [_stops(study)],
    }[contribution]
    return paragraph(*parts) if parts[0] else paragraph(_stops(study))


def _stops(study: Study) -> str:
    """Where along the sweep the gain fades, if it does."""
    sweep = study.blueprint.sweep
    if sweep is None:
        return ""
    higher = 1 if study.metric.direction == "higher" else -1
    gaps = [
        study.against(study.proposed.id, study.baseline.id, None, None, study.condition(i))
        for i in range(len(sweep.values))
    ]
    fades = [i for i, gap in enumerate(gaps) if study.excludes_zero(gap) != higher]
    if not fades:
        return f"along the varied condition ({name(sweep.name)}), no point was found at which the addition stops paying"
    if len(fades) == len(gaps):
        return f"no setting of the varied condition ({name(sweep.name)}) was found at which the addition is seen to pay"
    where = listing([study.setting(i) for i in fades])
    return (
        f"not at every setting of the varied condition ({name(sweep.name)}) is the addition seen to pay: at {where},"
        " the interval of the difference includes nil or lies on the unfavourable side"
    )


def _generality(study: Study) -> str:
    if study.brief:
        return ""
    return paragraph(
        f"All of this concerns {name(study.baseline.name)} on {study.data(study.dataset_ids)} as prepared here",
        "A stronger baseline or other data may leave less, or more, for an addition to do",
    )


def limitations(study: Study) -> Section:
    """What the reader should hold against the study."""
    parts = plain_cautions(study)
    seeds = len(study.blueprint.seeds)
    if seeds < FEW_SEEDS:
        parts.append(
            f"With {study.count('/seeds')} seeds the intervals rest on few repetitions, and small effects can be missed"
        )
    if not study.blueprint.protocol.resampled:
        parts.append(
            "The seeds share their test data, so that the intervals leave out the uncertainty that other test data"
            " would bring"
        )
    if any(staged.card.note for staged in study.blueprint.datasets):
        parts.append("The notes on the data in Section~\\ref{sec:setup} limit what can be concluded from them")
    parts.append(
        "The baseline was written for this study and its settings were not searched; it is no substitute for a tuned"
        " system"
    )
    return Section(
        id="limitations", title="Limitations", body=body(paragraph(*parts), _survey_limits(study), _authorship(study))
    )


def _survey_limits(study: Study) -> str:
    survey = study.material.survey
    parts = []
    if survey.degraded:
        parts.append("Some sources of literature failed during the survey, so that relevant work may be missing")
    if not any(paper.abstract for paper in survey.papers):
        parts.append(
            "The survey saw titles and no abstracts, so that nothing can be said here about what earlier works found"
        )
    parts.append("The verdict on novelty is no stronger than the collection it was searched in")
    return paragraph(*parts)


def _authorship(study: Study) -> str:
    if study.authorship:
        return study.authorship
    return paragraph(
        "This text was composed by a deterministic program from the records of the run; no language model wrote or"
        " judged it",
        "It can state what the records show, and it lacks the judgement of an expert who knows the field",
    )


def conclusion(study: Study) -> Section:
    """The answer once more, in a few sentences."""
    endings = {
        "supported": "The claim holds for these data and this protocol; replication on others is the natural next step",
        "refuted": "The claim should not be repeated for this kind of baseline without new evidence",
        "inconclusive": (
            "The question stays open, and the frozen design can be run again with more seeds to narrow the answer"
        ),
    }
    good, nothing = paying(study), idle(study)
    parts = []
    if study.several and good:
        parts.append(f"a reliable gain, alone or within the combination, is tied to {component_names(study, good)}" + (
            f", while nothing reliable was seen for {component_names(study, nothing)}" if nothing else ""))  # fmt: skip
    asked = f"the question was whether {study.adding} pays"
    return Section(
        id="conclusion",
        title="Conclusion",
        body=paragraph(
            asked,
            f"Under a frozen design, {verdict_clause(study)}: {decisive(study, short=True)}",
            *parts,
            *reservations(study),
            endings[study.analysis.verdict],
        ),
    )


def cost(study: Study) -> Section | None:
    """Costs, if they were measured."""
    paragraphs = cost_paragraphs(study)
    return Section(id="cost", title="Cost", body=body(*paragraphs)) if paragraphs else None


def error_analysis(study: Study) -> Section:
    """Groups that gain and lose, if the experiment reports them, and the seeds that do."""
    groups = group_paragraphs(study) if study.blueprint.slices else ()
    return Section(id="error_analysis", title="Error Analysis", body=body(*groups, seed_paragraph(study)))


def seed_paragraph(study: Study) -> str:
    """In how many seeds the proposal is ahead, and how far the differences of single seeds lie apart."""
    listed = study.dataset_ids if len(study.dataset_ids) <= MANY else [None]
    parts = []
    for dataset in listed:
        change = study.against(study.proposed.id, study.baseline.id, dataset)
        ahead = study.book.statistic(change.model_copy(update={"kind": "wins"}), ".0f")
        ends = [study.change(change.model_copy(update={"kind": kind})) for kind in ("min", "max")]
        where = study.at(dataset) if dataset else " over all data sets"
        parts.append(
            f"{study.whole} is ahead of the baseline in {ahead} of {study.count('/seeds')} seeds{where}, and the"
            f" differences of single seeds lie between {ends[0]} and {ends[1]}"
        )
    return headed("Seeds", *parts)


def broader_impact(study: Study) -> Section:
    """Short and honest."""
    return Section(
        id="broader_impact",
        title="Broader Impact",
        body=paragraph(
            "The experiment trains small models on public data, costs little energy and collects nothing about people"
            " beyond what those data already hold",
            "Its likeliest harm is to be over-read: a result on packaged data is no reason to deploy a method where"
            " errors have consequences",
            "Its likeliest use is as a check that others can repeat before they build on the same components",
        ),
    )


def reproducibility(study: Study) -> Section:
    """Commit and the attempts that failed, always; commands and versions where the plan asks how to reproduce."""
    full = "reproducibility" in study.guidance.extra_sections
    run = latex(study.material.folder.id).replace("-", r"-\allowbreak{}")
    commands = (
        f"\\texttt{{nanoresearch audit {run}}} derives every number of this paper again from the raw results and checks"
        f" every citation, and \\texttt{{nanoresearch reproduce {run}}} runs the experiment anew and compares"
    )
    return Section(
        id="reproducibility",
        title="Reproducibility" if full else "Record of the Run",
        body=body(
            paragraph(_provenance(study), _built_on(study), *((commands, _versions(study)) if full else ())),
            paragraph(*_prepared(study.material.prepared), *_attempts(study.material.attempts)),
        ),
        appendix=True,
    )


def _provenance(study: Study) -> str:
    succeeded = [attempt for attempt in study.material.attempts if attempt.outcome == "succeeded" and not attempt.smoke]
    commit = (
        f"commit \\texttt{{{latex(succeeded[-1].commit[:12])}}} of the run's code" if succeeded else "the run's code"
    )
    return (
        f"the results come from {commit} under the frozen design with digest "
        f"\\texttt{{{study.blueprint.digest()[:16]}}}; each value was written by the program itself, once for each seed"
    )


def _built_on(study: Study) -> str:
    """Whose code the program uses. Of a place on the researcher's machine only the last part is named."""
    base = study.material.base
    if base is None:
        return ""
    origin = base.origin if "://" in base.origin else PurePath(base.origin).name
    version = "files with the digest" if base.commit == base.sha256 else "commit"
    return (
        f"the program is built on the code of {breakable(latex(origin))}, {version}"
        f" \\texttt{{{latex(base.commit[:12])}}}, which it holds unchanged"
    )


def _versions(study: Study) -> str:
    folder = study.material.folder
    if not folder.has("run.json"):
        return ""
    record = folder.load_json("run.json")
    versions = record.get("versions", {}) if isinstance(record, dict) else {}
    if isinstance(record, dict) and (own := record.get("environment")):  # the code did not run with these libraries
        versions = {"python": own["python"], "nanoresearch": versions.get("nanoresearch", "")} | own["packages"]
    shown = [f"{latex(str(package))} {latex(str(version))}" for package, version in sorted(versions.items())]
    return f"Versions: {listing(shown)}" if shown else ""


def _prepared(items: tuple[Preparation, ...]) -> list[str]:
    """Cures that the code held from the start, and where they come from."""
    if not items:
        return []
    named = listing([f"{_typed(item.fix)} (from {_source(item)})" for item in items])
    return [f"The code held from the start, on the word of earlier studies, {named}"]


def _source(item: Preparation) -> str:
    return "an earlier run of the same researcher" if item.remembered else _typed(item.skill)


def _typed(name: str) -> str:
    """A long name that may be broken over lines."""
    marked = latex(name).replace("-", r"-\allowbreak{}").replace(r"\_", r"\_\allowbreak{}")
    return f"\\texttt{{{marked}}}"


def _attempts(attempts: tuple[Attempt, ...]) -> list[str]:
    if not attempts:
        return []
    failed = [attempt for attempt in attempts if attempt.outcome != "succeeded"]
    smoke = sum(attempt.smoke for attempt in attempts)
    seconds = sum(attempt.seconds for attempt in attempts)
    times = "once" if len(attempts) == 1 else f"{len(attempts)} times"
    reduced = f", {smoke} of them reduced to see that it works" if smoke and len(attempts) > 1 else ""
    lines = [f"The code was run {times}{reduced}, in {seconds:.0f} seconds altogether"]
    if not failed:
        return [*lines, "No run failed"]
    return lines + [_failure(attempt) for attempt in failed]


def _failure(attempt: Attempt) -> str:
    message = attempt.failure.message if attempt.failure else attempt.outcome.replace("_", " ")
    text = f"Run {attempt.number} ended with the message ``{latex(_short(message))}''"
    if attempt.patch:
        reason = f": {attempt.patch_reason.rstrip('.')}" if attempt.patch_reason else ""
        return f"{text}; the cure \\texttt{{{latex(attempt.patch)}}} was applied{reason}"
    return text


def _short(text: str, limit: int = 160) -> str:
    line = text.strip().splitlines()[-1] if text.strip() else "no message"
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + " ..."


def seed_values(study: Study) -> Section | None:
    """The value of every seed, if the plan asks for it."""
    seen = next((item for item in study.analysis.tables if item.id == "seeds"), None)
    if seen is None or not study.guidance.per_seed_table:
        return None
    return Section(
        id="seeds",
        title="Values of Every Seed",
        body=(
            "Table~\\ref{tab:seeds} gives the primary metric of baseline and proposal under each"
            " seed.\n\n\\inputtable{seeds}"
        ),
        appendix=True,
    )


__all__ = [
    "broader_impact",
    "conclusion",
    "cost",
    "discussion",
    "error_analysis",
    "limitations",
    "place",
    "reproducibility",
    "see",
    "seed_values",
]
