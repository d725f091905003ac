"""How a paper is written, measured on its text and its PDF."""

import re

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.crew.builtin.latex_text import split_sentences
from nanoresearch.crew.builtin.reviewer import (
    ACRONYM,
    ORDERED,
    REQUIRED,
    Case,
    check_acronyms,
    check_floats,
)
from nanoresearch.schema.benchmark import Expression

NOTHING = Expression(structure=0, acronyms=0, floats=0, readability=0, layout=0, reviewer=0)


def measure_expression(run: Artifacts) -> Expression:
    """Parts from 0 to 1; all 0 without a paper."""
    if run.manuscript is None or run.analysis is None or run.blueprint is None or run.build is None:
        return NOTHING
    case = Case(run.manuscript, run.analysis, run.blueprint, run.build)
    return Expression(
        structure=_structure(list(run.sections)),
        acronyms=_acronyms(case, run.text()),
        floats=_floats(case),
        readability=min(1.0, max(0.0, flesch_reading_ease(run.text()) / 100)),
        layout=1 / (1 + len(run.build.overfull)) if run.build.ok else 0.0,
        reviewer=_reviewer(run),
    )


def mean_expression(parts: Expression) -> float:
    """The mean of all parts."""
    values = list(parts.model_dump().values())
    return float(sum(values) / len(values))


def flesch_reading_ease(text: str) -> float:
    """206.835 - 1.015 words per sentence - 84.6 syllables per word; 0 for no words. Higher reads more easily.

    Syllables are groups of vowels, a silent e at the end left out. Source: Flesch (1948).
    """
    found = [piece for paragraph in text.split("\n\n") for piece in split_sentences(paragraph)]
    words = re.findall(r"[A-Za-z]+", text)
    if not words or not found:
        return 0.0
    return 206.835 - 1.015 * len(words) / len(found) - 84.6 * sum(map(_syllables, words)) / len(words)


def _syllables(word: str) -> int:
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = word.lower().endswith("e") and not word.lower().endswith(("le", "ee")) and len(groups) > 1
    return max(1, len(groups) - silent)


def _structure(sections: list[str]) -> float:
    """Share of the required sections; halved when their order is not that of an argument."""
    present = [name for name in sections if name in ORDERED]
    in_order = present == [name for name in ORDERED if name in present]
    share = sum(name in sections for name in REQUIRED) / len(REQUIRED)
    return share if in_order else share / 2


def _acronyms(case: Case, text: str) -> float:
    used = set(ACRONYM.findall(text))
    unexplained = len({remark.text for remark in check_acronyms(case)})
    return max(0.0, 1 - unexplained / len(used)) if used else 1.0


def _floats(case: Case) -> float:
    shown = [
        name for section in case.manuscript.sections for name in re.findall(r"\\input(?:table|figure)\{", section.body)
    ]
    wrong = len(list(check_floats(case))) + len(case.build.undefined)
    return max(0.0, 1 - wrong / max(1, len(shown)))


def _reviewer(run: Artifacts) -> float:
    if not run.reviews:
        return 0.0
    last = run.reviews[-1]
    return min(last.coherence, last.claims, last.formatting) / 10
