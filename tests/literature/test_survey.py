from nanoresearch.errors import LiteratureError
from nanoresearch.literature.survey import search_all
from nanoresearch.schema.paper import Paper, ScoredPaper


def paper(key: str, title: str, **fields: object) -> Paper:
    return Paper.model_validate({"key": key, "title": title, "source": "fake", **fields})


class FakeClient:
    """Answers each query from a table and counts the calls."""

    def __init__(self, name: str, answers: dict[str, list[Paper]]) -> None:
        self.name = name
        self.answers = answers
        self.asked: list[str] = []

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        self.asked.append(query)
        return [ScoredPaper(paper=hit, score=1.0) for hit in self.answers.get(query, [])[:limit]]


class BrokenClient(FakeClient):
    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        self.asked.append(query)
        raise LiteratureError("connection refused")


A, B, C = paper("a", "Alpha"), paper("b", "Beta"), paper("c", "Gamma")


def test_a_work_that_two_queries_find_beats_one_that_leads_a_single_query():
    client = FakeClient("one", {"q": [A, B], "r": [C, B]})
    assert [hit.paper.key for hit in search_all([client], ["q", "r"], 5).papers] == ["b", "a", "c"]


def test_duplicates_by_title_doi_or_arxiv_are_one_work_with_all_fields():
    first = FakeClient("one", {"q": [paper("a", "Alpha: a study", doi="10.1/X")]})
    second = FakeClient("two", {"q": [paper("z", "ALPHA a study", abstract="text"), paper("y", "Other", doi="10.1/x")]})
    third = FakeClient(
        "three", {"q": [paper("p", "Pre", arxiv="2001.00001v2"), paper("s", "Post", arxiv="2001.00001")]}
    )
    found = search_all([first, second, third], ["q"], 5).papers
    assert {hit.paper.key for hit in found} == {"a", "p"}
    merged = next(hit.paper for hit in found if hit.paper.key == "a")
    assert (merged.title, merged.abstract, merged.doi) == ("Alpha: a study", "text", "10.1/X")


def test_different_works_with_one_key_get_two_keys():
    clients = [FakeClient("one", {"q": [paper("a", "Alpha")]}), FakeClient("two", {"q": [paper("a", "Beta")]})]
    assert sorted(hit.paper.key for hit in search_all(clients, ["q"], 5).papers) == ["a", "a-2"]


def test_a_broken_source_is_recorded_once_and_the_others_answer():
    broken, good = BrokenClient("bad", {}), FakeClient("good", {"q": [A]})
    outcome = search_all([broken, good], ["q", "r"], 5)
    assert [hit.paper for hit in outcome.papers] == [A]
    assert broken.asked == ["q"]
    assert outcome.degraded == ("bad failed on 'q': connection refused",)
    assert [(q.source, q.text, q.hits) for q in outcome.queries] == [
        ("bad", "q", 0),
        ("good", "q", 1),
        ("good", "r", 0),
    ]


def test_limit_reaches_the_client():
    assert len(search_all([FakeClient("one", {"q": [A, B, C]})], ["q"], 2).papers) == 2
