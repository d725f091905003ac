"""The contract that every source of literature keeps; siblings are added to `CLIENTS`."""

import pytest

from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.offline import OfflineCorpus

CLIENTS = [OfflineCorpus]


@pytest.fixture(params=CLIENTS)
def client(request) -> LiteratureClient:
    return request.param()


def test_hits_are_named_after_the_client_best_first_and_within_the_limit(client):
    hits = client.search("gradient boosting", 5)
    assert 0 < len(hits) <= 5
    assert {hit.paper.source for hit in hits} == {client.name}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_same_question_gets_the_same_answer(client):
    assert client.search("speech recognition", 5) == client.search("speech recognition", 5)


def test_no_match_is_empty_and_no_limit_is_an_error(client):
    assert client.search("qqqzzzxxx", 5) == []
    with pytest.raises(ValueError, match="limit"):
        client.search("speech", 0)
