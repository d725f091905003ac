import subprocess
import sys

import pytest

from nanoresearch.config import LiteratureConfig, load_config
from nanoresearch.errors import ConfigError
from nanoresearch.literature.library import Library
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.literature.sources import clients_for
from nanoresearch.literature.survey import search_all
from nanoresearch.paths import Home
from tests.literature.server import SHAPES, Answer, LoopbackServer, serving, work


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def names(home: Home, network: bool = False, **settings) -> list[str]:
    config = LiteratureConfig.model_validate(settings)
    return [client.name for client in clients_for(config, home, network=network)]


def test_auto_stays_offline_unless_a_crew_wants_the_network(home):
    assert names(home) == ["offline"]
    assert names(home, network=True) == ["offline", "openalex", "arxiv", "semantic_scholar"]


def test_a_library_is_a_source_once_it_holds_something(home, tmp_path):
    (tmp_path / "a.bib").write_text("@misc{k, title={Of moles}}")
    Library(home.library).add([tmp_path / "a.bib"])
    assert names(home) == ["offline", "library"]


def test_named_sources_are_asked_in_their_order_by_any_crew(home):
    assert names(home, sources=["arxiv", "offline", "arxiv"]) == ["arxiv", "offline"]


def test_the_corpus_is_not_read_twice(home):
    corpus = OfflineCorpus([])
    assert clients_for(LiteratureConfig(), home, network=False, corpus=corpus) == (corpus,)


def test_nothing_is_made_before_it_is_needed(home):
    clients_for(LiteratureConfig(), home, network=True)
    assert not home.literature_cache.exists()
    assert not home.library.exists()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("literature.sources=[]", "at least one"),
        ('literature.sources=["google"]', "literature.sources"),
        ("literature.openalex_url=https://user:key@example.org", "environment"),
        ("literature.arxiv_url=https://example.org/?api_key=x", "environment"),
        ("literature.arxiv_url=ftp://example.org", "http"),
        ("literature.cache_days=-1", "cache_days"),
        ("literature.key=x", "valid here"),
    ],
)
def test_settings_that_cannot_be(tmp_path, override, told):
    with pytest.raises(ConfigError, match=told):
        load_config(tmp_path / "config.toml", (override,))


def test_help_imports_none_of_it():
    code = (
        "import sys, nanoresearch.cli.main as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: pass\n"
        "names = ('requests', 'pyalex', 'arxiv', 'lxml', 'bibtexparser', 'pypdfium2', 'pydantic')\n"
        "print([n for n in names if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_survey_of_all_sources_joins_what_each_knows(home, tmp_path):
    """One work, of which every source knows a part; one server is dead."""
    known = {
        "openalex": work(1, title="Moles dig lattices", abstract=None, venue="Mole Letters", doi="10.5555/moles"),
        "arxiv": work(1, title="Moles dig lattices!", doi=None, venue=None, arxiv="1901.00009v1"),
    }
    servers = {name: LoopbackServer() for name in SHAPES}
    for name, item in known.items():
        servers[name].respond = serving(name, [item])
    servers["semantic_scholar"].respond = lambda asked: Answer(b"<html>", status=200)
    (tmp_path / "a.bib").write_text("@misc{mine, title={Moles Dig Lattices}, author={Quill, Ada}}")
    Library(home.library).add([tmp_path / "a.bib"])
    urls = {f"{name}_url": server.url + SHAPES[name].path for name, server in servers.items()}
    try:
        clients = clients_for(LiteratureConfig.model_validate(urls), home, network=True, corpus=OfflineCorpus([]))
        outcome = search_all(clients, ["moles dig", "lattices of moles"], 5)
    finally:
        for server in servers.values():
            server.close()
    (hit,) = outcome.papers
    assert hit.paper.key == "mine"
    assert hit.paper.abstract == "We prune lattice 1 and keep the signal."
    assert (hit.paper.venue, hit.paper.doi, hit.paper.arxiv) == ("Mole Letters", "10.5555/moles", "1901.00009v1")
    (told,) = outcome.degraded
    assert told.startswith("semantic_scholar failed on 'moles dig': http://127.0.0.1")
    assert "no list of works" in told
