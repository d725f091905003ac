from dataclasses import replace

from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.surveyor import STANDARD, BuiltinSurveyor
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.literature.client import LiteratureError
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.schema.paper import ScoredPaper

from .conftest import briefing_for
from .lived import refuted

CORPUS = OfflineCorpus()


def test_every_key_that_studies_cite_is_a_record() -> None:
    keys = {key for kit in load_kits().values() for key in kit.citations}
    keys |= {key for kit in load_kits().values() for item in kit.components for key in item.spec.citations}
    keys |= {card.citation for card in load_catalogue().values() if card.citation} | set(STANDARD)
    assert {key for key in keys if CORPUS.get(key) is None} == set()


def test_a_survey_has_works_gaps_and_a_log_of_queries() -> None:
    survey = BuiltinSurveyor(CORPUS).survey(briefing_for("ideation"), (CORPUS,))
    keys = [paper.key for paper in survey.papers]
    assert len(keys) == len(set(keys)) >= 12
    assert survey.gaps
    assert all(set(gap.papers) <= set(keys) for gap in survey.gaps)
    assert {query.source for query in survey.queries} == {"offline"}
    assert not survey.degraded


def test_the_plan_decides_how_wide_and_how_recent() -> None:
    wide = BuiltinSurveyor(CORPUS).survey(briefing_for("ideation", papers=36), (CORPUS,))
    narrow = BuiltinSurveyor(CORPUS).survey(briefing_for("ideation", papers=8), (CORPUS,))
    recent = BuiltinSurveyor(CORPUS).survey(briefing_for("ideation", papers=8, order="recent"), (CORPUS,))
    assert len(wide.papers) > len(narrow.papers)
    years = [paper.year or 0 for paper in recent.papers[:8]]
    assert years == sorted(years, reverse=True)
    assert sum(years) > sum(paper.year or 0 for paper in narrow.papers[:8])


class Broken:
    name = "broken"

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        raise LiteratureError("the service is down")


def test_a_broken_source_degrades_the_survey_and_says_so() -> None:
    survey = BuiltinSurveyor(CORPUS).survey(briefing_for("ideation"), (Broken(), CORPUS))
    assert survey.papers
    assert "broken" in survey.degraded[0]
    assert "the service is down" in survey.degraded[0]


def test_what_was_refuted_here_is_set_aside_with_its_conditions() -> None:
    here, elsewhere = refuted("class_weights", "quantiles"), refuted("quantiles", datasets=("iris",))
    briefing = replace(briefing_for("ideation"), memories=(here, elsewhere))
    (found,) = BuiltinSurveyor(CORPUS).survey(briefing, (CORPUS,)).set_aside
    assert found.memory == here.id
    assert "quantile transform and class weighting" in found.statement
    assert "balanced accuracy" in found.reason
    assert load_catalogue()["wine"].name in found.reason
    assert BuiltinSurveyor(CORPUS).survey(briefing_for("ideation"), (CORPUS,)).set_aside == ()
