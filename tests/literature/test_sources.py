import subprocess
import sys

import pytest

from nanoresearch.config import LiteratureConfig, load_config
from nanoresearch.errors import ConfigError
from nanoresearch.literature.library import Library
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.literature.sources import clients_for
from nanoresearch.paths import Home


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
