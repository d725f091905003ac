"""The contract that every source of literature keeps. What those on the network add to it is in test_clients.py."""

from collections.abc import Iterator

import pytest

from nanoresearch.config import LiteratureConfig
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.library import Library
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.literature.sources import ON_THE_NETWORK, network_client
from nanoresearch.paths import Home
from tests.literature.server import SHAPES, LoopbackServer, serving, work

TITLES = ("Gradient boosting of speech recognition", "Speech recognition by moles", "On gradient boosting")


@pytest.fixture(params=["offline", "library", *ON_THE_NETWORK])
def client(request, tmp_path) -> Iterator[LiteratureClient]:
    if request.param == "offline":
        yield OfflineCorpus()
        return
    if request.param == "library":
        bib = tmp_path / "mine.bib"
        bib.write_text("\n".join(f"@misc{{k{n}, title={{{title}}}}}" for n, title in enumerate(TITLES)))
        library = Library(tmp_path)
        library.add([bib])
        yield library
        return
    server = LoopbackServer()
    found = serving(request.param, [work(n, title=t, arxiv=f"1901.0000{n}v1") for n, t in enumerate(TITLES)])
    nothing = serving(request.param, [])
    server.respond = lambda asked: (nothing if "qqqzzzxxx" in str(asked.query) else found)(asked)
    config = LiteratureConfig.model_validate({f"{request.param}_url": server.url + SHAPES[request.param].path})
    yield network_client(request.param, config, Home(tmp_path), sleep=lambda seconds: None)
    server.close()


def test_hits_are_named_after_the_client_best_first_and_within_the_limit(client):
    hits = client.search("gradient boosting", 2)
    assert 0 < len(hits) <= 2
    assert {hit.paper.source for hit in hits} == {client.name}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_the_same_question_gets_the_same_answer(client):
    assert client.search("speech recognition", 5) == client.search("speech recognition", 5)


def test_works_have_keys_of_their_own_that_do_not_depend_on_the_question(client):
    first = {hit.paper.title: hit.paper.key for hit in client.search("gradient boosting", 5)}
    second = {hit.paper.title: hit.paper.key for hit in client.search("gradient boosting decisions", 5)}
    shared = set(first) & set(second)
    assert shared
    assert [first[title] for title in sorted(shared)] == [second[title] for title in sorted(shared)]
    assert len(set(first.values())) == len(first)


def test_no_match_is_empty_and_no_limit_is_an_error(client):
    assert client.search("qqqzzzxxx", 5) == []
    assert client.search("?!", 5) == []
    with pytest.raises(ValueError, match="limit"):
        client.search("speech", 0)
