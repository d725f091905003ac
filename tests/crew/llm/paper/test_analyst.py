"""The analyst of the language-model crew: verdicts are the program's, words are a model's, numbers are nobody's."""

from typing import Any

import pytest

from nanoresearch.crew.builtin.analyst import BuiltinAnalyst
from nanoresearch.crew.llm.paper.analyst import LlmAnalyst
from nanoresearch.schema.analysis import Analysis

from .conftest import Sit, Writing, complaints

DECIDES = "main.proposed.baseline.wine"
ASIDE = "alternative.proposed.gradient_boosting.iris"
GOOD = {
    "readings": [
        {"finding": ASIDE, "text": "Even a boosted ensemble stays behind on these small tables."},
        {"finding": DECIDES, "text": "The weights move the decision where classes differ in size."},
    ],
    "cautions": ["Both tables are nearly separable, so that little room is left for any method."],
}


def analysed(sit: Sit, *replies: Any) -> tuple[Writing, Analysis, Analysis]:
    writing = sit({"analyst": list(replies)})
    material = writing.material
    plain = BuiltinAnalyst().analyse(writing.briefing, material.ledger, material.folder)
    return writing, plain, LlmAnalyst(writing.desk).analyse(writing.briefing, material.ledger, material.folder)


def test_a_model_orders_and_explains_what_the_program_found(sit: Sit) -> None:
    _, plain, analysis = analysed(sit, GOOD)
    assert {item.id: item.verdict for item in analysis.findings} == {item.id: item.verdict for item in plain.findings}
    assert (analysis.verdict, analysis.numbers, analysis.tables) == (plain.verdict, plain.numbers, plain.tables)
    ids = [item.id for item in analysis.findings]
    assert ids[0] == DECIDES
    assert ids.index(ASIDE) == 2
    assert "boosted ensemble" in analysis.findings[2].text
    assert analysis.cautions[-1].startswith("Both tables")


BAD = {
    "a number": ({"finding": DECIDES, "text": "It gains 4.7 points."}, "it has numbers"),
    "a number in words": ({"finding": DECIDES, "text": "It helps on two tables."}, "it has numbers"),
    "another finding": ({"finding": "main.magic", "text": "It is so."}, "there is no finding"),
    "another verdict": ({"finding": DECIDES, "text": "So the hypothesis is refuted."}, "but the hypothesis is"),
    "a direction": ({"finding": "cost.fit_seconds", "text": "It beats the baseline in time."}, "claims a direction"),
}


@pytest.mark.parametrize("kind", BAD)
def test_words_beyond_the_findings_are_refused_and_then_left_out(sit: Sit, kind: str) -> None:
    reading, complaint = BAD[kind]
    bad = {"readings": [*GOOD["readings"], reading], "cautions": ["It took 3 attempts.", *GOOD["cautions"]]}
    writing, plain, analysis = analysed(sit, bad, bad, bad)
    told = complaints(writing, "analyst")
    assert complaint in told
    assert "caution" in told
    assert reading["text"] not in [item.text for item in analysis.findings]
    assert analysis.cautions == (*plain.cautions, *GOOD["cautions"])


def test_without_a_usable_model_the_statistics_stand(sit: Sit) -> None:
    writing, plain, analysis = analysed(sit, "?", "??", "???")
    assert analysis == plain
    assert any("No model interpreted" in text for text in writing.told("degraded"))
