"""The second look at novelty: it reads works, names them, and can only be stricter than the comparison of terms."""

from typing import Any

import pytest

from nanoresearch.crew.llm.ideas.novelty import LlmNoveltyReader
from nanoresearch.crew.roles import NoveltyReading
from nanoresearch.literature.novelty import compare_with_literature, known_as
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.literature.recorded import RecordedSearch
from nanoresearch.schema.idea import Hypothesis, Proposal
from tests.crew.llm.ideas.conftest import WORKS, Sitting, briefing, work

PARAPHRASE = work("mole-blur", "Blurring moles", "Blurred moles make lattice classifiers less sure of themselves.")


def proposal(*terms: str) -> Proposal:
    hypothesis = Hypothesis(
        id="h1",
        statement="Mole smoothing lowers the calibration error of lattice classifiers",
        rationale="r",
        prediction="p",
        study="own",
        components=("mole_smoothing",),
        datasets=(),
    )
    return Proposal(hypothesis=hypothesis, distinctive_terms=terms)


def look(sitting: Sitting, replies: list[Any], terms: tuple[str, ...] = ("mole smoothing", "burrow bias")) -> Any:
    desk = sitting.desk({"surveyor": replies}, literature=(OfflineCorpus([*WORKS, PARAPHRASE], name="made-up"),))
    item = proposal(*terms)
    search = RecordedSearch(desk.literature, desk.folder)
    compared = known_as(compare_with_literature(item.hypothesis, terms, search), WORKS)
    reading: NoveltyReading = LlmNoveltyReader(desk).read(briefing(), [item], [compared])
    return compared.verdict, reading


def said(verdict: str, *closest: str) -> dict[str, Any]:
    return {"verdict": verdict, "closest": closest, "reason": "It blurs the moles and measures how sure it is."}


def test_a_work_in_other_words_makes_a_hypothesis_covered(sitting: Sitting) -> None:
    terms, reading = look(sitting, [said("covered", "mole-blur")], ("probability smoothing", "burrow bias"))
    assert terms.verdict == "novel"
    (verdict,) = reading.verdicts
    assert verdict.verdict == "covered"
    assert verdict.closest[0].paper == "mole-blur"
    assert verdict.closest[0].similarity == 0
    assert "read again, covered: It blurs the moles" in verdict.reason
    assert "mole-blur" in {paper.key for paper in reading.works}


def test_a_milder_reading_changes_nothing_but_is_told(sitting: Sitting) -> None:
    terms, reading = look(sitting, [said("novel")], ("mole smoothing", "calibration", "lattice classifiers"))
    assert terms.verdict != "novel"
    assert reading.verdicts[0].verdict == terms.verdict
    assert reading.verdicts[0].closest == terms.closest
    assert "make it novel" in reading.verdicts[0].reason


@pytest.mark.parametrize("bad", [said("covered", "invented2024"), said("covered"), "It is new."])
def test_a_verdict_by_no_work_or_an_unknown_one_is_asked_for_again(sitting: Sitting, bad: Any) -> None:
    _, reading = look(sitting, [bad, said("incremental", "quill2021")])
    assert len(sitting.asked("surveyor")) == 2
    assert "invented2024" not in {paper.key for paper in reading.works}


def test_works_of_the_survey_keep_their_keys(sitting: Sitting) -> None:
    twin = WORKS[0].model_copy(update={"key": "elsewhere"})
    namesake = work("roe2019", "Mole smoothing of something else")
    desk = sitting.desk({}, literature=(OfflineCorpus([twin, namesake], name="made-up"),))
    search = RecordedSearch(desk.literature, desk.folder)
    item = proposal("mole smoothing", "lattice classifier")
    compared = known_as(compare_with_literature(item.hypothesis, item.distinctive_terms, search), WORKS)
    keys = {paper.title: paper.key for paper in compared.found}
    assert keys[WORKS[0].title] == "quill2021"
    assert keys[namesake.title] == "roe2019-2"
    assert {work.title: work.paper for work in compared.works} == keys
    assert {work.paper for work in compared.verdict.closest} <= set(keys.values())


def test_without_a_work_there_is_nothing_to_ask(sitting: Sitting) -> None:
    desk = sitting.desk({"surveyor": []}, literature=(OfflineCorpus([], name="made-up"),))
    item = proposal("mole smoothing", "lattice classifier")
    compared = compare_with_literature(
        item.hypothesis, item.distinctive_terms, RecordedSearch(desk.literature, desk.folder)
    )
    assert LlmNoveltyReader(desk).read(briefing(), [item], [compared]).verdicts == (compared.verdict,)


def test_works_that_are_made_up_to_the_end_are_dropped(sitting: Sitting) -> None:
    bad = said("covered", "invented2024", "mole-blur")
    _, reading = look(sitting, [bad] * 4, ("probability smoothing", "burrow bias"))
    assert reading.verdicts[0].verdict == "covered"
    assert reading.verdicts[0].closest[0].paper == "mole-blur"


def test_a_strict_verdict_stands_also_where_no_work_is_named_for_it(sitting: Sitting) -> None:
    _, reading = look(sitting, [said("covered", "invented2024")] * 4, ("probability smoothing", "burrow bias"))
    assert reading.verdicts[0].verdict == "covered"
    assert "invented2024" not in {work.paper for work in reading.verdicts[0].closest}


def test_without_a_reply_of_use_novelty_rests_on_terms_and_says_so(sitting: Sitting) -> None:
    compared, reading = look(sitting, [{"something": "else"}] * 4, ("probability smoothing", "burrow bias"))
    assert reading.verdicts[0].verdict == compared.verdict
    assert reading.verdicts[0].reason.endswith("this rests on their terms alone.")
    assert sitting.said("degraded")
