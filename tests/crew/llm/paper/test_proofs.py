"""Each kind of thing that a model could make up, before and after it was proofread."""

import pytest

from nanoresearch.crew.llm.paper.proofs import Proofreader, without
from nanoresearch.evidence.audit.case import Case
from nanoresearch.paths import RunFolder

from .replies import FABRICATIONS, honest


@pytest.fixture(scope="module")
def proofreader(finished: RunFolder) -> Proofreader:
    analysis = Case(finished).analysis
    kinds = ("diff", "low", "high", "p")
    results = {f"{kind}.main.proposed.baseline.wine" for kind in kinds}
    results |= {"mean.baseline.wine", "mean.proposed.wine", "n.methods", "n.datasets", "n.seeds"}
    return Proofreader(finished, analysis, results, {"tab:main", "tab:comparisons", "fig:effects"})


@pytest.mark.parametrize("kind", FABRICATIONS)
def test_a_fabrication_is_found_and_can_be_left_out(proofreader: Proofreader, kind: str) -> None:
    section, sentence, complaint = FABRICATIONS[kind]
    good = str(honest(section))
    assert [fault for fault in proofreader.faults(section, good) if fault.hard] == []
    body = f"{good} {sentence}"
    assert sentence.split()[-1] in body
    faults = [fault for fault in proofreader.faults(section, body) if fault.hard]
    assert any(complaint in fault.complaint for fault in faults)
    left = without(body, faults)
    assert [fault for fault in proofreader.faults(section, left) if fault.hard] == []
    assert " ".join(left.split()) == " ".join(good.split()) or len(left) < len(body)


@pytest.mark.parametrize(
    ("section", "text", "complaint"),
    [
        ("discussion", "Adding class weighting proves that it always helps.", "promise"),
        ("conclusion", "Nothing is said of the outcome here.", "verdict is not stated"),
        ("results", "Adding class weighting lowers balanced accuracy on Iris.", "no finding supports"),
    ],
)
def test_overstatements_are_complained_of_and_not_taken_out(
    proofreader: Proofreader, section: str, text: str, complaint: str
) -> None:
    (fault, *_) = proofreader.faults(section, text)
    assert not fault.hard
    assert complaint in fault.complaint or "back" in fault.complaint
    assert without(text, [fault]) == text


def test_a_number_of_the_design_and_one_of_a_cited_work_may_stand(proofreader: Proofreader) -> None:
    year = r"This was asked in 2021~\citep{gorishniy2021revisiting}."
    assert proofreader.faults("related_work", year) == []
    assert proofreader.faults("related_work", "This was asked in 2021.")[0].hard


CITED = r"\citep{gorishniy2021revisiting}"


@pytest.mark.parametrize(
    "told",
    [
        rf"One method reaches an accuracy of $93$ {CITED}.",
        rf"One method reaches an accuracy of $.93$ {CITED}.",
        rf"One method reaches ninety-three percent accuracy {CITED}.",
        rf"One method reaches ninety-\emph{{three}} per~cent accuracy {CITED}.",
        rf"It doubles the throughput and halves the error {CITED}.",
        rf"It is a tenfold improvement {CITED}.",
        r"One method is known to do well \citep[reaching 93]{gorishniy2021revisiting}.",
    ],
)
def test_a_score_of_another_work_that_its_record_lacks_is_found(proofreader: Proofreader, told: str) -> None:
    for section in ("introduction", "related_work"):
        said = [fault.complaint for fault in proofreader.faults(section, told) if fault.hard]
        assert any("stand neither in the design nor in the record" in text for text in said)


@pytest.mark.parametrize(
    "told",
    [
        rf"One line of work compares two methods with an $\ell_2$ penalty and $n$ rows {CITED}.",
        rf"Double descent, triplet losses and five-fold cross-validation are known {CITED}.",
        rf"On the one hand this is $x^2$, and $x_{{1}}$ on the other {CITED}.",
    ],
)
def test_ordinary_words_and_notation_are_no_scores(proofreader: Proofreader, told: str) -> None:
    assert [fault.complaint for fault in proofreader.faults("related_work", told) if fault.hard] == []


def test_a_quantity_in_words_may_stand_where_the_record_says_it(finished: RunFolder) -> None:
    reader = Proofreader(finished, Case(finished).analysis, set(), set())
    told = rf"It doubles throughput and reaches ninety three percent accuracy {CITED}."
    assert any(fault.hard for fault in reader.faults("related_work", told))
    paper = reader._papers["gorishniy2021revisiting"]
    abstract = "We doubled the throughput at ninety-three per cent accuracy."
    reader._papers["gorishniy2021revisiting"] = paper.model_copy(update={"abstract": abstract})
    reader._case.told += abstract
    assert not any(fault.hard for fault in reader.faults("related_work", told))
