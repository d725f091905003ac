"""Sections and appendices that a plan may ask for and no paper needs: summary, ethics, availability, tables."""

import re

from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer.experiment import PACKAGED, origin
from nanoresearch.crew.builtin.writer.prose import body, name, paragraph, sentence, worded
from nanoresearch.crew.builtin.writer.revision import EXPANSIONS
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.schema.manuscript import Section


def plain_summary(study: Study) -> Section:
    """What was asked and what came out, without terms of statistics."""
    reason = sentence(worded(study.analysis.verdict_reason, study.proper_names)).rstrip(".")
    outcome = {
        "supported": "It did, as far as this experiment can tell",
        "refuted": "It did not",
        "inconclusive": "The experiment gives no clear answer",
    }[study.analysis.verdict]
    both = study.voice.clause("compare", f"{name(study.baseline.name)} alone", f"with {study.whole}")
    return Section(
        id="plain_summary",
        title="Plain Summary",
        body=paragraph(
            f"This paper is about {name(study.kit.name)}, and about whether {study.all_components} "
            f"make{'' if study.several else 's'} a simple method better at it",
            f"{both}, on the same data and under the same rules, which were written down beforehand",
            f"{outcome}: {reason[:1].lower()}{reason[1:]}",
            "Whether the same would be seen on other data is not known",
        ),
    )


def ethics(study: Study) -> Section:
    """What was and was not looked into."""
    return Section(
        id="ethics",
        title="Ethics Statement",
        body=paragraph(
            "The experiment recruits nobody and collects nothing: it uses data that others published, under the"
            " licences that Section~\\ref{sec:setup} gives",
            "Where such data describe people, their consent and the fairness of the collection were not examined here",
            "No method of this study was tried on anyone, and none should decide about anyone on the strength of it",
        ),
    )


def next_steps(study: Study) -> Section:
    """What this experiment leaves to do."""
    steps = [
        {
            "supported": "repeat the comparison on other data of this kind, where the addition has not been tried",
            "refuted": "find out under which circumstances the addition does harm, before it is used anywhere",
            "inconclusive": "run the frozen design again with more seeds, since the intervals leave the question open",
        }[study.analysis.verdict]
    ]
    if study.blueprint.sweep is None and study.kit.sweeps:
        steps.append(f"vary the {name(study.kit.sweeps[0].spec.name)}, which was left at its standard setting here")
    if not study.alternatives:
        steps.append("compare the proposal with an established method of another kind")
    if study.blueprint.unanswered:
        steps.append("take up the parts of the topic that the introduction lists as unanswered")
    steps.append("search the settings of the baseline, so that the addition has to prove itself against a tuned one")
    items = "\n".join(f"  \\item {sentence(step)}" for step in steps)
    opening = "What this experiment leaves to do, most urgent first:"
    return Section(
        id="next_steps", title="Next Steps", body=f"{opening}\n\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
    )


def data_availability(study: Study) -> Section:
    """Where data and code are."""
    staged = (*study.blueprint.datasets, *study.blueprint.support)
    packaged = [item for item in staged if item.card.carrier in PACKAGED]
    shown = [f"{name(item.card.name)} in the package {name(item.card.package)}" for item in packaged]
    others = [f"{name(item.card.name)} ({origin(item)})" for item in staged if item not in packaged]
    return Section(
        id="data_availability",
        title="Availability of Data and Code",
        body=paragraph(
            f"The data ship in packages that anyone can install: {listing(shown)}" if shown else "",
            f"Not in any package {'are' if len(others) > 1 else 'is'} {listing(others)}" if others else "",
            "Versions and licences stand in Section~\\ref{sec:setup}",
            "Code, raw results and the frozen design lie in the folder of the run, at the commit that"
            " Section~\\ref{sec:reproducibility} names",
            "The program that wrote this text has deposited them nowhere else",
        ),
    )


def settings(study: Study) -> Section | None:
    """The table of everything that was fixed before the run."""
    if study.table("settings") is None:
        return None
    return Section(
        id="settings",
        title="Settings of the Experiment",
        body="Table~\\ref{tab:settings} lists what the frozen design fixes.\n\n\\inputtable{settings}",
        appendix=True,
    )


def notation(study: Study) -> Section | None:
    """The table of symbols and short names, and abbreviations spelt out."""
    if study.table("notation") is None:
        return None
    used = [short for short in EXPANSIONS if any(re.search(rf"\b{short}\b", item) for item in study.proper_names)]
    spelt = [f"{short} stands for {EXPANSIONS[short]}" for short in used]
    return Section(
        id="notation",
        title="Notation and Abbreviations",
        body=body(
            paragraph(
                "Table~\\ref{tab:notation} explains the symbols and the short names that tables and figures use",
                listing(spelt) if spelt else "",
            ),
            "\\inputtable{notation}",
        ),
        appendix=True,
    )
