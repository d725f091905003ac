"""What every source on the network must do, whatever its server does. The servers are on this machine."""

import logging
import socket
import sqlite3
import threading

import pytest

from nanoresearch.config import LiteratureConfig
from nanoresearch.errors import LiteratureError
from nanoresearch.literature.client import TimeLimited
from nanoresearch.literature.novelty import verify_novelty
from nanoresearch.literature.sources import KEYS, network_client
from nanoresearch.literature.survey import search_all
from nanoresearch.paths import Home
from nanoresearch.schema.idea import Hypothesis
from tests.literature.server import SHAPES, Answer, LoopbackServer, serving, work


class Clock:
    """A time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def server():
    made = LoopbackServer()
    yield made
    made.close()


@pytest.fixture(params=list(SHAPES))
def name(request) -> str:
    return request.param


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ask(name, server, clock, tmp_path):
    """A client of the server, and a fresh one each time it is called."""

    def make(url: str | None = None, **settings):
        address = (url or server.url) + SHAPES[name].path
        config = LiteratureConfig.model_validate({f"{name}_url": address, **settings})
        return network_client(name, config, Home(tmp_path), clock=clock, sleep=clock.sleep)

    return make


def test_hits_come_in_the_order_of_the_source_with_all_their_fields(name, server, ask):
    server.respond = serving(name, [work(1), work(2, doi=None, arxiv="1901.00002v1", title="Another thing")])
    hits = ask().search("pruned lattices", 5)
    first = hits[0].paper
    assert first.title == "Pruned lattices for sparse signals, part 1"
    assert (first.authors, first.year, first.venue) == (("Ada Quill", "Bo Ünal"), 2019, "Journal of Invented Results")
    assert (first.doi, first.abstract) == ("10.5555/made.up.1", "We prune lattice 1 and keep the signal.")
    assert first.key.startswith("quill2019pruned-")
    assert [hit.paper.title for hit in hits][1] == "Another thing"
    assert {hit.paper.source for hit in hits} == {name} == {ask().name}
    assert hits[0].score > hits[1].score


def test_it_is_limited_in_time(ask):
    assert isinstance(ask(survey_s=7), TimeLimited)
    assert ask(survey_s=7).survey_s == 7


def test_no_hit_is_empty_and_no_limit_is_an_error(name, server, ask):
    server.respond = serving(name, [])
    assert ask().search("pruned lattices", 5) == []
    assert ask().search("???", 5) == []
    with pytest.raises(ValueError, match="limit"):
        ask().search("pruned", 0)


def distinct_works(count: int) -> list[dict]:
    return [work(n, arxiv=f"1901.{n:05d}v1", title=f"Subject {n} of many") for n in range(count)]


def test_pages_are_turned_until_the_limit(name, server, ask):
    server.respond = serving(name, distinct_works(250))
    hits = ask().search("pruned lattices", 220)
    assert [hit.paper.title for hit in hits] == [f"Subject {n} of many" for n in range(220)]
    assert len(server.requests) == 3


def test_ten_thousand_hits_are_bounded(name, server, ask):
    server.respond = serving(name, distinct_works(300), total=10_000)
    assert len(ask().search("pruned lattices", 50)) == 50
    assert len(server.requests) == 1


def test_pages_that_never_end_do(name, server, ask, clock):
    """A server that sends the same page for ever: works are bounded, and each is told once."""
    shape = SHAPES[name]
    page = [shape.item(work(n, arxiv=f"1901.{n:05d}v1", title=f"Subject {n}")) for n in range(100)]
    server.respond = lambda request: Answer(shape.page(page, shape.size_and_start(request.query)[1], 10**9))
    assert len(ask(deadline_s=600, survey_s=600).search("pruned lattices", 10**6)) == 100
    assert len(server.requests) <= 11


def test_fewer_works_than_the_server_claims(name, server, ask):
    server.respond = serving(name, distinct_works(3), total=3)
    assert len(ask().search("pruned lattices", 50)) == 3


def test_missing_fields_are_none_and_withdrawn_works_are_left_out(name, server, ask):
    bare = work(1, authors=None, year=None, venue=None, doi=None, abstract=None, title="A bare work")
    gone = work(2, withdrawn=True, title="A withdrawn work", arxiv="1901.00002v1")
    nameless = work(3, title=None, arxiv="1901.00003v1")
    server.respond = serving(name, [bare, nameless] if name == "semantic_scholar" else [bare, gone, nameless])
    (hit,) = ask().search("pruned lattices", 5)
    paper = hit.paper
    assert (paper.title, paper.authors, paper.venue, paper.doi, paper.abstract) == ("A bare work", (), None, None, None)
    assert paper.year in (None, 2019)


def test_a_work_that_is_listed_twice_is_one(name, server, ask):
    server.respond = serving(name, [work(1), work(1, abstract=None), work(2, arxiv="1901.00002v1")])
    assert len(ask().search("pruned lattices", 5)) == 2


def test_other_scripts_are_kept_and_hidden_characters_are_not(name, server, ask):
    title = "学習 \u202eof\u202c\u200b Größe\U000e0041: Πλάτων"
    server.respond = serving(
        name, [work(1, title=title, authors=["王 小明"], abstract="a\u0085b\u2066c " + "x" * 20_000)]
    )
    (hit,) = ask().search("größe 学習", 5)
    assert hit.paper.title == "学習 of Größe: Πλάτων"
    assert hit.paper.authors == ("王 小明",)
    assert hit.paper.key.isascii()
    assert len(hit.paper.abstract or "") <= 10_000
    assert (hit.paper.abstract or "").startswith("a bc")


def test_operators_in_a_query_are_words(name, server, ask):
    server.respond = serving(name, [work(1)])
    ask().search('lattice" OR *:* ) &api_key=x AND NOT title:"y\r\nHost: z', 5)
    asked = server.requests[0].query
    text = asked.get("search") or asked.get("search_query") or asked.get("query") or ""
    assert not set('"*)(&=\r\n') & set(text.replace("all:", ""))
    assert "api_key" not in asked


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_pause_that_the_server_asks_for_is_kept(name, server, ask, clock, form, monkeypatch):
    monkeypatch.setattr("nanoresearch.literature.transport.time.time", lambda: 784111777.0)
    header = "7" if form == "seconds" else "Sun, 06 Nov 1994 08:49:44 GMT"
    server.script = [Answer(status=429, headers={"Retry-After": header})]
    server.respond = serving(name, [work(1)])
    assert len(ask().search("pruned lattices", 5)) == 1
    assert max(clock.slept) == pytest.approx(7, abs=0.01)


def test_a_pause_beyond_the_deadline_is_not_waited_for(name, server, ask, clock):
    server.script = [Answer(status=429, headers={"Retry-After": "3600"})]
    client = ask()
    with pytest.raises(LiteratureError, match="HTTP 429 and asks for a pause of 3600 s"):
        client.search("pruned lattices", 5)
    assert clock.slept == []
    server.respond = serving(name, [work(1)])
    with pytest.raises(LiteratureError, match="not asked again yet"):
        client.search("other words", 5)
    assert len(server.requests) == 1
    clock.now += 3601
    assert len(client.search("other words", 5)) == 1


def test_errors_of_the_server_are_met_with_growing_pauses_and_an_end(name, server, ask, clock):
    server.respond = lambda request: Answer(status=500)
    with pytest.raises(LiteratureError, match="HTTP 500"):
        ask(deadline_s=300, survey_s=300).search("pruned lattices", 5)
    assert len(server.requests) == 4
    assert clock.now - 1000 < 300


def test_a_server_that_recovers_is_heard(name, server, ask):
    server.script = [Answer(status=503), Answer(hang_up=True)]
    server.respond = serving(name, [work(1)])
    assert len(ask().search("pruned lattices", 5)) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 301, 204])
def test_other_statuses_are_broken_at_once(name, server, ask, status):
    server.respond = lambda request: Answer(status=status)
    with pytest.raises(LiteratureError, match=str(status)):
        ask().search("pruned lattices", 5)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"{}", b"<html><body>Sign in</body></html>", b"\xff\xfe", b'{"results": [1]}'),
        *(b'{"data": 5}', b'{"error": "x"}', b"<feed", b"NaN", b"[" * 100_000),
    ],
)
def test_what_is_no_list_of_works_is_broken_and_not_kept(name, server, ask, body):
    server.script = [Answer(body)]
    with pytest.raises(LiteratureError):
        ask().search("pruned lattices", 5)
    server.respond = serving(name, [work(1)])
    assert len(ask().search("pruned lattices", 5)) == 1


def test_an_answer_that_is_cut_off_is_broken(name, server, ask):
    whole = serving(name, [work(1)])
    server.respond = lambda request: Answer(whole(request).body[:-40])
    with pytest.raises(LiteratureError):
        ask().search("pruned lattices", 5)

    def short(request):
        body = whole(request).body
        return Answer(body, headers={"Content-Length": str(len(body) + 100), "Connection": "close"})

    server.respond = short
    with pytest.raises(LiteratureError):
        ask().search("pruned lattices", 5)


def test_odd_items_cost_themselves_only(name, server, ask):
    shape = SHAPES[name]
    if name == "arxiv":
        odd = "<entry><title>no identifier</title></entry>"
    elif name == "openalex":
        odd = {"title": 7, "authorships": 3, "abstract_inverted_index": {"a": "b"}, "primary_location": []}
    else:
        odd = {"title": ["x"], "authors": "y", "externalIds": [], "year": "1e9"}
    server.respond = lambda request: Answer(shape.page([odd, shape.item(work(1))], 0, 2))
    assert len(ask().search("pruned lattices", 5)) == 1


def test_an_answer_without_end_is_cut(name, server, ask, monkeypatch):
    monkeypatch.setattr("nanoresearch.literature.transport.MOST_BYTES", 1_000_000)
    server.respond = lambda request: Answer(b" " * 3_000_000)
    with pytest.raises(LiteratureError, match="larger than"):
        ask().search("pruned lattices", 5)


def test_silence_is_ended(name, server, ask):
    until = threading.Event()
    server.respond = lambda request: Answer(pause=until)
    try:
        with pytest.raises(LiteratureError, match="did not answer in time"):
            ask(timeout_s=0.1).search("pruned lattices", 5)
    finally:
        until.set()


def test_nobody_there(name, ask):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LiteratureError, match="cannot be reached"):
        ask(url=f"http://127.0.0.1:{port}").search("pruned lattices", 5)


def test_redirects_are_followed_on_the_same_server_only(name, server, ask, monkeypatch):
    monkeypatch.setenv("OPENALEX_API_KEY", "sesame-oa")
    monkeypatch.setenv("SEMANTIC_SCHOLAR_API_KEY", "sesame-s2")
    answered = serving(name, [work(1)])
    server.respond = lambda request: (
        answered(request)
        if request.path.startswith("/moved")
        else Answer(
            status=302, headers={"Location": "/moved?" + "&".join(f"{k}={v}" for k, v in request.query.items())}
        )
    )
    assert len(ask().search("lattices", 5)) == 1
    other = LoopbackServer()
    try:
        server.respond = lambda request: Answer(status=302, headers={"Location": f"{other.url}/works"})
        with pytest.raises(LiteratureError, match="another server"):
            ask().search("something else", 5)
        assert other.requests == []
    finally:
        other.close()
    server.respond = lambda request: Answer(status=302, headers={"Location": request.path})
    with pytest.raises(LiteratureError, match="circles"):
        ask().search("something new", 5)


def test_a_question_is_asked_once(name, server, ask, tmp_path):
    server.respond = serving(name, [work(1)])
    first = ask().search("pruned lattices", 5)
    server.respond = lambda request: Answer(status=500)
    assert ask().search("pruned lattices", 5) == first
    assert len(server.requests) == 1


def test_an_old_or_damaged_answer_is_fetched_again(name, server, ask, tmp_path):
    server.respond = serving(name, [work(1)])
    first = ask().search("pruned lattices", 5)
    file = Home(tmp_path).literature_cache
    with sqlite3.connect(file) as database:
        database.execute("UPDATE answers SET body = x'00' || substr(body, 2)")
    database.close()
    assert ask().search("pruned lattices", 5) == first
    with sqlite3.connect(file) as database:
        database.execute("UPDATE answers SET fetched = fetched - 31 * 86400")
    database.close()
    assert ask().search("pruned lattices", 5) == first
    file.write_bytes(b"no database" * 1000)
    assert ask().search("pruned lattices", 5) == first
    assert len(server.requests) == 4
    assert ask(cache_days=0).search("pruned lattices", 5) == first
    assert len(server.requests) == 5


def test_requests_keep_their_distance(name, server, ask, clock):
    server.respond = serving(name, [work(1)])
    client = ask(cache_days=0)
    client.search("pruned lattices", 5)
    assert clock.slept == []
    client.search("other words", 5)
    assert sum(clock.slept) == pytest.approx({"openalex": 0.15, "arxiv": 3.0, "semantic_scholar": 1.0}[name])


def test_keys_and_address_are_sent_and_stand_nowhere_else(name, server, ask, monkeypatch, tmp_path, caplog):
    secrets = {
        "OPENALEX_API_KEY": "sesame-oa",
        "SEMANTIC_SCHOLAR_API_KEY": "sesame-s2",
        "NANORESEARCH_EMAIL": "me@x.org",
    }
    for variable, value in secrets.items():
        monkeypatch.setenv(variable, value)
    caplog.set_level(logging.DEBUG)
    server.respond = serving(name, [work(1)])
    client = ask()
    client.search("pruned lattices", 5)
    headers = server.requests[0].headers
    assert headers["From"] == "me@x.org"
    assert headers["User-Agent"].startswith("nanoresearch/")
    sent = [value for value in headers.values() if "sesame" in value]
    assert sent == ([] if name not in KEYS else ["Bearer sesame-oa"] if name == "openalex" else ["sesame-s2"])
    assert "sesame" not in str(server.requests[0].query)
    server.respond = lambda request: Answer(b"sesame", status=401)
    with pytest.raises(LiteratureError) as error:
        ask().search("sparse signals", 5)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for text in (str(error.value), repr(client), repr(vars(client)), caplog.text, str(kept)):
        assert "sesame" not in text
        assert "me@x.org" not in text
    if name in KEYS:
        assert KEYS[name][0] in str(error.value)


def test_a_key_that_cannot_be_sent_is_named_by_its_variable_only(name, ask, monkeypatch):
    for variable in (*(variable for variable, _ in KEYS.values()), "NANORESEARCH_EMAIL"):
        monkeypatch.setenv(variable, "ses\name")
    with pytest.raises(LiteratureError) as error:
        ask()
    assert "ses" not in str(error.value).replace("NANORESEARCH", "")


def test_a_survey_goes_on_without_a_dead_source_and_asks_it_once(name, server, ask):
    server.respond = lambda request: Answer(status=500)
    client = ask()
    outcome = search_all([client], ["one thing", "another thing"], 5)
    assert len(outcome.degraded) == 1
    asked = len(server.requests)
    assert len(search_all([client], ["one thing"], 5).degraded) == 1
    assert len(server.requests) == asked


def test_a_slow_source_is_left_when_its_time_is_up(name, server, ask, clock):
    def slow(request):
        clock.now += 20
        return serving(name, [work(1)])(request)

    server.respond = slow
    outcome = search_all([ask(survey_s=50)], ["alpha", "beta", "gamma", "delta", "epsilon"], 5, clock=clock)
    assert outcome.degraded == (f"{name} was slow: asked 3 of 5 questions in its time",)
    assert len(outcome.papers) == 1


def test_novelty_is_told_by_the_abstracts_that_a_source_gives(name, server, ask):
    said = "We lower the calibration error of lattice classifiers by mole smoothing."
    server.respond = serving(name, [work(1, abstract=said), work(2, title="Pies", abstract="We bake.", doi=None)])
    hypothesis = Hypothesis(
        id="h1",
        statement="Mole smoothing lowers calibration error",
        rationale="r",
        prediction="p",
        study="own",
        components=(),
        datasets=(),
    )
    verdict = verify_novelty(hypothesis, ("mole smoothing", "calibration error", "lattice classifiers"), [ask()])
    assert verdict.verdict == "covered"
    assert verdict.closest[0].title == work(1)["title"]  # which has none of the terms
    assert "titles and abstracts" in verdict.reason
