import pytest

from nanoresearch.errors import LiteratureError
from nanoresearch.literature.novelty import CLOSEST, rank_by_coverage, verify_novelty
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.paper import Paper, ScoredPaper


class BrokenClient:
    name = "bad"

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        raise LiteratureError("connection refused")


def paper(key: str, title: str, **fields: object) -> Paper:
    return Paper.model_validate({"key": key, "title": title, "source": "fake", **fields})


TERMS = ("label spreading", "tf-idf", "newsgroups")
HYPOTHESIS = Hypothesis(
    id="h1",
    statement="Label spreading over TF-IDF features saves labels on 20 Newsgroups.",
    rationale="Neighbours agree.",
    prediction="Accuracy rises.",
    study="label_budget",
    components=("label spreading",),
    datasets=("20 Newsgroups",),
)
UNRELATED = [paper(f"u{i}", f"Unrelated matter {i} of spreading") for i in range(7)]


def test_a_work_that_names_every_term_covers_the_hypothesis():
    done = paper("done", "Spreading labels with TF-IDF on newsgroup posts")
    verdict = verify_novelty(HYPOTHESIS, TERMS, [OfflineCorpus([*UNRELATED, done])])
    assert verdict.verdict == "covered"
    assert verdict.closest[0].paper == "done"
    assert verdict.closest[0].similarity == pytest.approx(1.0)
    assert set(verdict.closest[0].shared_terms) == set(TERMS)


def test_half_of_the_terms_is_incremental_and_the_reason_names_what_is_missing():
    near = paper("near", "Label spreading for newsgroups")
    verdict = verify_novelty(HYPOTHESIS, TERMS, [OfflineCorpus([*UNRELATED, near])])
    assert verdict.verdict == "incremental"
    assert "“Label spreading for newsgroups”" in verdict.reason
    assert "but not “tf-idf”" in verdict.reason
    assert "compared on titles only" in verdict.reason


def test_far_works_leave_it_novel_and_are_still_named():
    verdict = verify_novelty(HYPOTHESIS, TERMS, [OfflineCorpus(UNRELATED)])
    assert verdict.verdict == "novel"
    assert len(verdict.closest) == CLOSEST
    assert "covers none of the terms" in verdict.reason


def test_one_term_alone_cannot_be_covered():
    done = paper("done", "Label spreading")
    assert verify_novelty(HYPOTHESIS, ("label spreading",), [OfflineCorpus([done])]).verdict == "incremental"


def test_abstracts_count_and_are_mentioned():
    done = paper("done", "A study", abstract="Label spreading with TF-IDF on newsgroups.")
    verdict = verify_novelty(HYPOTHESIS, TERMS, [OfflineCorpus([done])])
    assert verdict.verdict == "covered"
    assert "titles and abstracts" in verdict.reason


def test_nothing_found_is_said_plainly():
    verdict = verify_novelty(HYPOTHESIS, TERMS, [OfflineCorpus([])])
    assert (verdict.verdict, verdict.closest, verdict.searched) == ("novel", (), 0)
    assert "weak evidence" in verdict.reason


def test_a_failed_source_is_mentioned_and_all_failed_raises():
    broken, good = BrokenClient(), OfflineCorpus(UNRELATED)
    assert "bad failed" in verify_novelty(HYPOTHESIS, TERMS, [broken, good]).reason
    with pytest.raises(LiteratureError, match="cannot be verified"):
        verify_novelty(HYPOTHESIS, TERMS, [broken])
    with pytest.raises(LiteratureError, match="no source"):
        verify_novelty(HYPOTHESIS, TERMS, [])


def test_no_terms_is_refused():
    with pytest.raises(ValueError, match="h1"):
        verify_novelty(HYPOTHESIS, (" ",), [OfflineCorpus(UNRELATED)])


def test_rare_terms_weigh_more_in_the_ranking():
    common, rare = paper("common", "learning"), paper("rare", "solvation")
    weights = {"learning": 1.0, "solvation": 3.0}
    ranked = rank_by_coverage([common, rare], ["learning", "solvation"], weights.__getitem__)
    assert [(work.paper, work.similarity) for work in ranked] == [("rare", 0.75), ("common", 0.25)]
