import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.literature.text import normalised_title
from nanoresearch.schema.paper import Paper

VOCABULARY = {
    "nlp", "cv", "multimodal", "tabular", "time_series", "graph", "audio", "statistics", "software", "data",
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> OfflineCorpus:
    return OfflineCorpus()


def keys(corpus: OfflineCorpus, query: str, limit: int = 12) -> list[str]:
    return [hit.paper.key for hit in corpus.search(query, limit)]


def test_records_are_clean(corpus):
    assert len(corpus.papers) > 1800
    titles = [normalised_title(paper.title) for paper in corpus.papers.values()]
    assert len(set(titles)) == len(titles)
    for key, paper in corpus.papers.items():
        assert re.fullmatch(r"[a-z0-9]+", key), key
        assert paper.source == "offline"
        assert paper.authors
        assert paper.year
        assert set(paper.domains) <= VOCABULARY
        assert paper.venue is None or paper.venue.strip()
        assert paper.doi is None or re.fullmatch(r"10\.\d{4,9}/\S+", paper.doi)
        assert paper.arxiv is None or re.fullmatch(r"\d{4}\.\d{4,5}|[a-z-]+/\d{7}", paper.arxiv)
        assert not re.search(r"\\[a-zA-Z]+\{|\{\\", paper.title + " ".join(paper.authors))


def test_no_identifier_belongs_to_two_works(corpus):
    for field in ("doi", "arxiv"):
        found = [getattr(paper, field).lower() for paper in corpus.papers.values() if getattr(paper, field)]
        assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("statistical comparison of classifiers over many data sets", "demsar2006statistical"),
        ("random forest", "breiman2001random"),
        ("synthetic minority oversampling", "chawla2002smote"),
        ("random convolutional kernels for time series classification", "dempster2020rocket"),
        ("double seasonal exponential smoothing electricity demand", "taylor2003short"),
        ("knowledge graph completion bilinear", "yang2015embedding"),
        ("vocal tract length normalisation", "eide1996parametric"),
        ("zero-inflated Poisson regression", "lambert1992zero"),
        ("concept drift detector on data streams", "gama2004learning"),
        ("hydration free energy database", "mobley2014freesolv"),
    ],
)
def test_known_items_are_found_high(corpus, query, expected):
    assert expected in keys(corpus, query, 5 if "graph" not in query and "drift" not in query else 12)


def test_words_are_stemmed(corpus):
    assert keys(corpus, "booster boosted boosting gradients")[0].startswith("friedman200")


def test_scores_fall_and_limit_holds(corpus):
    hits = corpus.search("time series forecasting combination", 7)
    assert len(hits) == 7
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_nothing_matches_is_empty(corpus):
    assert corpus.search("zzzqqq", 5) == []
    assert corpus.search("", 5) == []


def test_a_limit_below_one_is_refused(corpus):
    with pytest.raises(ValueError, match="limit"):
        corpus.search("forest", 0)


@given(st.text())
def test_no_query_breaks_the_index(query):
    corpus = OfflineCorpus([Paper(key="a", title="A tree", source="t")])
    assert isinstance(corpus.search(query, 3), list)
    assert isinstance(corpus.matching(query), frozenset)


@pytest.mark.parametrize(
    "query", ['"', 'forest" OR title:"x', "title:forest", "forest NOT random", "NEAR(", "a*", "^forest"]
)
def test_operators_are_only_words(corpus, query):
    corpus.search(query, 3)


def test_operators_do_not_exclude():
    corpus = OfflineCorpus([Paper(key="a", title="Random forest", source="t")])
    assert keys(corpus, "forest NOT random") == ["a"]


def test_title_outranks_venue():
    venue = Paper(key="a", title="Something else", venue="Journal of Calibration", source="t")
    title = Paper(key="b", title="Calibration", venue="Journal", source="t")
    other = [Paper(key=f"c{i}", title=f"Unrelated {i}", source="t") for i in range(8)]
    assert keys(OfflineCorpus([venue, title, *other]), "calibration") == ["b", "a"]


def test_get_and_repeated_keys():
    paper = Paper(key="a", title="A", source="t")
    assert OfflineCorpus([paper]).get("a") == paper
    assert OfflineCorpus([paper]).get("b") is None
    with pytest.raises(ValueError, match="repeated: a"):
        OfflineCorpus([paper, paper])


def test_rare_terms_weigh_more(corpus):
    assert corpus.idf("hydration") > corpus.idf("learning") > 1.0


def test_a_term_of_several_words_must_stand_close_together():
    near = Paper(key="near", title="Spreading labels over graphs", source="t")
    far = Paper(key="far", title="Labels", abstract="spreading " * 3 + "x " * 30 + "labels", source="t")
    assert OfflineCorpus([near, far]).matching("label spreading") == {"near"}
