"""Which claims count as one that was refuted. The pairs are the measurement that the line was drawn by."""

import pytest

from nanoresearch.crew.llm.ideas.refuted import SAME_CLAIM, alike, refuted_before, refuted_claims
from tests.crew.llm.ideas.conftest import refuted

WEIGHTS = "Adding class weights to logistic regression raises balanced accuracy in imbalanced classification"
WHERE = "balanced accuracy in imbalanced classification"
DECODING = "Self-consistency decoding reduces hallucinated citations in small language models"


@pytest.mark.parametrize(
    ("claim", "other"),
    [
        (WEIGHTS, "Class weights raise the balanced accuracy of logistic regression on imbalanced data"),
        (WEIGHTS, f"Weighting the classes of logistic regression improves {WHERE}"),
        (WEIGHTS, "For imbalanced classification, class weights in logistic regression improve balanced accuracy"),
        (DECODING, "Small language models hallucinate fewer citations when decoding with self-consistency"),
        (DECODING, "Decoding with self-consistency lowers the rate of hallucinated citations of small language models"),
        ("类别权重提高逻辑回归的准确率", "类别权重提高逻辑回归的准确率。"),
    ],
)
def test_one_claim_in_other_words(claim: str, other: str) -> None:
    assert alike(claim, other) >= SAME_CLAIM


@pytest.mark.parametrize(
    ("claim", "other"),
    [
        (WEIGHTS, f"Adding SMOTE oversampling to logistic regression raises {WHERE}"),
        (WEIGHTS, "Adding class weights to random forests raises balanced accuracy in imbalanced classification"),
        (WEIGHTS, "Adding class weights to logistic regression lowers calibration error in imbalanced classification"),
        (WEIGHTS, f"{WEIGHTS.replace('weights', 'weights and threshold tuning')}"),
        (WEIGHTS, "Label smoothing improves calibration of small transformers under distribution shift"),
        (DECODING, "Retrieval augmentation reduces hallucinated citations in small language models"),
        (DECODING, "Self-consistency decoding reduces arithmetic errors in small language models"),
    ],
)
def test_another_claim_in_like_words(claim: str, other: str) -> None:
    assert alike(claim, other) < SAME_CLAIM


def test_components_tell_claims_apart_where_both_are_known() -> None:
    memory = refuted(WEIGHTS, components=["class_weights"])
    known = refuted_claims([memory], "class weights in logistic regression")
    assert refuted_before(WEIGHTS, ["Class weights"], known, [memory]) is known[0]
    assert refuted_before(WEIGHTS, ["focal loss"], known, [memory]) is None
    assert refuted_before(WEIGHTS, ["focal loss"], known, []) is known[0]


def test_superseded_and_foreign_claims_are_not_set_aside() -> None:
    gone = refuted(WEIGHTS).model_copy(update={"superseded_by": "hypothesis-two"})
    assert refuted_claims([gone], WEIGHTS) == ()
    assert refuted_claims([refuted(WEIGHTS)], "Do solar cells age faster at sea?") == ()
