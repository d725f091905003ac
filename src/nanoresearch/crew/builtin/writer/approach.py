"""The method section: baseline, components, combinations and estimators."""

from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer.prose import body, headed, name, paragraph, sentence
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.paper.escape import latex
from nanoresearch.schema.manuscript import Section


def method(study: Study) -> Section:
    """What is run, exactly."""
    return Section(
        id="method",
        title="Method",
        body=body(
            _baseline(study),
            *(_component(study, index) for index in range(len(study.components))),
            _combinations(study),
            _yardsticks(study),
            estimators(study) if study.guidance.equations else _estimators_in_words(study),
        ),
    )


def _baseline(study: Study) -> str:
    keys = study.kit.citations[:1]
    return headed(
        "Baseline",
        f"the starting point is called {name(study.baseline.name)}:"
        f" {latex(study.baseline.description)}{study.cite(*keys)}",
        "Everything that is compared with it shares its data, its preparation and its random numbers as far as they"
        " apply",
    )


def _component(study: Study, index: int) -> str:
    item = study.components[index]
    known = study.known_component(item.id)
    opening = f"this component {latex(item.description)}{study.cite(*item.citations)}"
    if known is None:
        return headed(sentence(name(item.name)).rstrip("."), opening)
    return headed(
        sentence(name(item.name)).rstrip("."), f"{opening}; it may help because {latex(known.why)}", known.detail
    )


def _combinations(study: Study) -> str:
    if not study.several:
        return headed(
            "Comparison",
            f"{study.voice.clause('compare', 'the baseline', 'with the same method once the component is added')}, and "
            "nothing else differs between them",
            "The latter is the proposal that the tables speak of",
        )
    count = len(study.variants)
    if count == 2 ** len(study.components) - 2:
        which = (
            study.voice.clause("run", "every subset of the components")
            + f", so that {count + 2} methods form a full factorial design"
        )
    elif count:
        which = "besides the baseline and the full combination, " + study.voice.clause(
            "run", "the combination without each component"
        )
    else:
        which = (
            study.voice.clause("compare", "the baseline", "with the full combination only")
            + ", so that the shares of the components cannot be told apart"
        )
    return headed(
        "Combinations",
        which,
        "A method is named by what it adds to the baseline; the full combination is the proposal that the tables"
        " speak of",
    )


def _yardsticks(study: Study) -> str:
    parts = []
    if study.alternatives:
        shown = [f"{name(item.name)} ({latex(item.description)})" for item in study.alternatives]
        parts.append(f"as an established alternative, {study.voice.clause('run', listing(shown), many=len(shown) > 1)}")
    if study.reference:
        parts.append(
            f"a trivial reference, {name(study.reference.name)}, {latex(study.reference.description)}; a method that"
            " does not beat it has learnt nothing from the inputs"
        )
    return headed("Yardsticks", *parts)


def estimators(study: Study) -> str:
    """Effects as equations."""
    gain = "a positive effect is a gain" if study.metric.direction == "higher" else "a negative effect is a gain"
    lines = [
        r"\paragraph{Effects} "
        + paragraph(
            f"Let $y_S(s)$ be the {study.metric_name} of the baseline with the components in $S$ under seed $s$, and "
            r"$\bar y_S$ its mean over the $n$ seeds"
        ),
        f"The effect of a set and its standard error are\n{_effect(study)}",
    ]
    lines.append(f"so that {gain}{_error_note(study)}.")
    if study.several and study.variants:
        contrast = (
            "and the additive contrast compares the joint effect with the sum of the effects of each component alone,\n"
            "\\begin{equation}\nI = \\Delta_C - \\sum_{c \\in C} \\Delta_{\\{c\\}},\n\\end{equation}\n"
            "which is zero when the effects add up. "
        )
        lines.append(
            "What the full set $C$ loses without component $c$ is\n"
            "\\begin{equation}\n\\Lambda_c = \\bar y_C - \\bar y_{C \\setminus \\{c\\}}"
            + (",\n\\end{equation}\n" + contrast if study.alone else ".\n\\end{equation}\n")
            + "All differences are taken within a seed, so that what the seeds share cancels."
        )
    return "\n".join(lines[:3]) + ("\n\n" + lines[3] if len(lines) > 3 else "")


def _effect(study: Study) -> str:
    overlap = r"\frac{1}{n} + \frac{q}{1-q}" if study.blueprint.protocol.resampled else r"\frac{1}{n}"
    return (
        "\\begin{equation}\n"
        "\\Delta_S = \\frac{1}{n} \\sum_s \\bigl( y_S(s) - y_\\emptyset(s) \\bigr), \\qquad\n"
        f"\\mathrm{{se}}(\\Delta_S) = \\hat\\sigma_S \\sqrt{{{overlap}}},\n"
        "\\end{equation}"
    )


def _error_note(study: Study) -> str:
    spread = r"; $\hat\sigma_S$ is the standard deviation of the differences over seeds"
    if study.blueprint.protocol.resampled:
        return f"{spread}, and $q$ is the share of the data that is tested{study.cite('nadeau2003inference')}"
    return spread


def _estimators_in_words(study: Study) -> str:
    parts = ["the effect of a set of components is the mean over seeds of the paired difference to the baseline"]
    if study.several and study.variants:
        parts += [
            (
                "what a component contributes to the whole is the difference between the full combination and the same "
                "without it"
            ),
        ]
        if study.alone:
            parts.append(
                "whether effects add up is judged by the joint effect less the sum of the effects of each component"
                " alone"
            )
    return headed("Effects", *parts)
