import itertools

import pytest

from nanoresearch.literature.merge import Merger, distinct, same_work
from nanoresearch.schema.paper import Paper


def paper(key: str, title: str = "A study of moles", **fields: object) -> Paper:
    return Paper.model_validate({"key": key, "title": title, "source": "x", **fields})


def merged(*papers: Paper) -> list[Paper]:
    merger = Merger()
    for item in papers:
        merger.add(item, 1.0)
    return [hit.paper for hit in merger.ranked()]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ({"doi": "10.1000/X"}, {"doi": "10.1000/x", "title": "Else"}, True),
        ({"arxiv": "1901.00001v1"}, {"arxiv": "1901.00001v3", "title": "Else"}, True),
        ({"arxiv": "solv-int/9901001"}, {"arxiv": "solv-int/9901001v2", "title": "Else"}, True),
        ({"arxiv": "1901.00001"}, {"doi": "10.48550/arXiv.1901.00001", "title": "Else"}, True),
        ({"title": "A Study, of moles!"}, {}, True),
        ({"year": 2018}, {"year": 2020}, True),
        ({"year": 2010}, {"year": 2020}, False),
        ({"authors": ("A. Quill",)}, {"authors": ("Ada Quill", "B Roe")}, True),
        ({"authors": ("A. Quill",)}, {"authors": ("C Ohm",)}, False),
        ({"title": "Other"}, {}, False),
    ],
)
def test_what_makes_two_records_one_work(one, two, same):
    first, second = paper("a", **one), paper("b", **two)
    assert same_work(first, second) is same
    assert len(merged(first, second)) == (1 if same else 2)


def test_a_record_that_ties_two_works_makes_them_one_in_any_order():
    records = [
        paper("a", title="Preprint", arxiv="1901.00001", abstract="text"),
        paper("b", title="Published", doi="10.1000/x", venue="J"),
        paper("c", title="Both", doi="10.1000/x", arxiv="1901.00001v2", year=2019),
    ]
    for order in itertools.permutations(records):
        (work,) = merged(*order)
        assert (work.abstract, work.venue, work.doi, work.year) == ("text", "J", "10.1000/x", 2019)
        assert work.key == order[0].key


def test_the_first_record_speaks_and_the_others_fill_its_gaps():
    (work,) = merged(paper("a", year=2019), paper("b", year=2020, abstract="text"))
    assert (work.key, work.year, work.abstract) == ("a", 2019, "text")


def test_series_with_one_title_stay_apart():
    issues = [paper(f"k{year}", title="Editorial", year=year) for year in range(2000, 2020, 4)]
    assert len(merged(*issues)) == 5


def test_hits_of_one_source_keep_their_order():
    hits = distinct([paper("a", title="One"), paper("b", title="Two"), paper("c", title="one", abstract="text")])
    assert [(hit.paper.key, hit.paper.abstract) for hit in hits] == [("a", "text"), ("b", None)]
    assert hits[0].score > hits[1].score
