"""Which sources a run asks, made from its configuration. Keys and the e-mail address come from the environment."""

import os
import time
from collections.abc import Callable, Mapping
from types import ModuleType

from nanoresearch import __version__
from nanoresearch.config import LiteratureConfig, LiteratureSource
from nanoresearch.errors import LiteratureError
from nanoresearch.literature.cache import ResponseCache
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.library import Library
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.paths import Home

ALWAYS: tuple[LiteratureSource, ...] = ("offline", "library")
ON_THE_NETWORK: tuple[LiteratureSource, ...] = ("openalex", "arxiv", "semantic_scholar")
EMAIL = "NANORESEARCH_EMAIL"
"""Sent along so that a server's keepers can reach the user; OpenAlex and arXiv ask for it."""
KEYS: Mapping[str, tuple[str, str]] = {
    "openalex": ("OPENALEX_API_KEY", "Authorization"),
    "semantic_scholar": ("SEMANTIC_SCHOLAR_API_KEY", "x-api-key"),
}
"""Environment variable and header of the key, where a source has one."""


def clients_for(
    config: LiteratureConfig,
    home: Home,
    *,
    network: bool,
    corpus: OfflineCorpus | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[LiteratureClient, ...]:
    """The sources to ask, in order. Opens no connection.

    `network` decides only what "auto" means; sources that the configuration names are there either way. An empty
    library is no source. `corpus` saves reading the packaged one again.
    """
    names: tuple[LiteratureSource, ...] = ALWAYS + ON_THE_NETWORK if network else ALWAYS
    if config.sources != "auto":
        names = config.sources
    clients: list[LiteratureClient] = []
    for name in dict.fromkeys(names):
        if name == "offline":
            clients.append(corpus or OfflineCorpus())
        elif name == "library":
            library = Library(home.library)
            if library.exists():
                clients.append(library)
        else:
            clients.append(network_client(name, config, home, clock=clock, sleep=sleep))
    return tuple(clients)


def network_client(
    name: str,
    config: LiteratureConfig,
    home: Home,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> LiteratureClient:
    """One source on the network. Raises LiteratureError for a key that no header can hold."""
    from nanoresearch.literature import arxiv_client, openalex, semantic_scholar
    from nanoresearch.literature.transport import Manners, PoliteAdapter

    known: dict[str, tuple[ModuleType, Callable[[PoliteAdapter, float], LiteratureClient]]] = {
        "openalex": (openalex, openalex.OpenAlexClient),
        "arxiv": (arxiv_client, arxiv_client.ArxivClient),
        "semantic_scholar": (semantic_scholar, semantic_scholar.SemanticScholarClient),
    }
    module, make = known[name]
    manners = Manners(
        name=name,
        base_url=getattr(config, f"{name}_url").rstrip("/"),
        official_url=module.OFFICIAL_URL,
        interval_s=module.INTERVAL_S,
        timeout_s=config.timeout_s,
        deadline_s=min(config.deadline_s, config.survey_s),
        headers=_headers(name),
        key_variable=KEYS[name][0] if name in KEYS else None,
    )
    cache = ResponseCache(home.literature_cache, config.cache_days, config.cache_mb) if config.cache_days else None
    return make(PoliteAdapter(manners, module.count_records, cache, clock, sleep), config.survey_s)


def _headers(name: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    if email := _secret(EMAIL):
        headers |= {"From": email, "User-Agent": f"nanoresearch/{__version__} (mailto:{email})"}
    if name in KEYS:
        variable, header = KEYS[name]
        if key := _secret(variable):
            headers[header] = f"Bearer {key}" if header == "Authorization" else key
    return headers


def _secret(variable: str) -> str | None:
    value = os.environ.get(variable, "").strip()
    if value and not (value.isascii() and value.isprintable() and " " not in value):
        raise LiteratureError(f"{variable} holds characters that cannot be sent; set it anew or unset it")
    return value or None
