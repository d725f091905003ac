"""The reviewer of the language-model crew: remarks that quote nothing do not count, and the lower score does."""

from typing import Any

import pytest

from nanoresearch.crew.builtin.reviewer import BuiltinReviewer
from nanoresearch.crew.builtin.writer.writer import UNBUILT, BuiltinWriter
from nanoresearch.crew.llm.paper.reviewer import LlmReviewer
from nanoresearch.schema.manuscript import Manuscript, Review

from .conftest import Sit, Writing, complaints

GROUNDED = {
    "section": "discussion",
    "quote": "This supports the hypothesis for the data and settings at hand",
    "kind": "claim",
    "severity": "major",
    "text": "Say which settings are meant.",
}


def judgement(*remarks: dict[str, str], **scores: float) -> dict[str, Any]:
    return {"coherence": 8, "claims": 8, "formatting": 8, **scores, "remarks": list(remarks)}


def reviewed(sit: Sit, *replies: Any) -> tuple[Writing, Manuscript, Review]:
    writing = sit({"reviewer": list(replies)})
    manuscript = BuiltinWriter().write(writing.briefing, writing.material)
    analysis, blueprint = writing.material.analysis, writing.material.blueprint
    return writing, manuscript, LlmReviewer(writing.desk).review(manuscript, analysis, blueprint, UNBUILT, 7.0)


def test_both_judgements_count_and_the_lower_score_does(sit: Sit) -> None:
    writing, manuscript, review = reviewed(sit, judgement(GROUNDED, claims=5.5))
    checked = BuiltinReviewer().review(
        manuscript, writing.material.analysis, writing.material.blueprint, UNBUILT, threshold=7.0
    )
    assert checked.passed
    assert not review.passed
    assert review.claims == 5.5
    assert review.coherence == min(8, checked.coherence)
    assert set(checked.remarks) < set(review.remarks)
    assert GROUNDED["quote"] in review.remarks[-1].text
    (asked,) = writing.asked("reviewer")
    assert "taboos" not in asked  # the reviewer is told nothing of the researcher
    assert "planner asks" not in asked
    assert "\\result" not in asked


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"section": "appendix_z"}, "there is no section"),
        ({"quote": "The earth is flat and everybody knows it"}, "does not say"),
        ({"quote": "the"}, "too short"),
        ({"text": " "}, "does not say what is wrong"),
    ],
)
def test_a_remark_without_ground_is_refused_and_then_dropped(sit: Sit, change: dict[str, str], complaint: str) -> None:
    bad = judgement(GROUNDED | change, GROUNDED, claims=6)
    writing, _, review = reviewed(sit, bad, bad, bad)
    assert complaint in complaints(writing, "reviewer")
    assert len([item for item in review.remarks if item.text.startswith("On ")]) == 1


def test_a_low_score_needs_a_reason(sit: Sit) -> None:
    bad = judgement(coherence=2)
    writing, _, review = reviewed(sit, bad, bad, bad)
    assert "coherence is below 7" in complaints(writing, "reviewer")
    assert review.coherence >= 7


def test_without_a_usable_model_the_program_reviews_alone(sit: Sit) -> None:
    writing, manuscript, review = reviewed(sit, "not JSON", '{"coherence": 11}', "none")
    checked = BuiltinReviewer().review(
        manuscript, writing.material.analysis, writing.material.blueprint, UNBUILT, threshold=7.0
    )
    assert review == checked
    assert any("reviewed by the program alone" in text for text in writing.told("degraded"))
