"""Semantic Scholar, by its paper search.

Asked directly and not through the package semanticscholar 0.12: that takes a redirect, 502 and 503 for "no hits", drops
Retry-After, writes the key into its debug log, sets up logging for the whole process, and never ends on an answer
without data.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from nanoresearch.literature.clean import (
    ABSTRACT_CHARS,
    TITLE_CHARS,
    VENUE_CHARS,
    citation_key,
    clean_arxiv,
    clean_doi,
    clean_names,
    clean_text,
    clean_url,
    clean_year,
)
from nanoresearch.literature.merge import distinct
from nanoresearch.literature.text import plain_query
from nanoresearch.literature.transport import PoliteAdapter, polite_session
from nanoresearch.schema.paper import Paper, ScoredPaper

SOURCE = "semantic_scholar"
OFFICIAL_URL = "https://api.semanticscholar.org/graph/v1"
INTERVAL_S = 1.0
MOST_RESULTS = 1000
"""The search gives no more."""
_PAGE = 100
_FIELDS = "title,authors,year,venue,externalIds,abstract,url,fieldsOfStudy,publicationTypes"


class SemanticScholarClient:
    """Searches Semantic Scholar by relevance."""

    name = SOURCE

    def __init__(self, adapter: PoliteAdapter, survey_s: float = 60.0) -> None:
        self.survey_s = survey_s
        self._adapter = adapter
        self._session = polite_session(adapter)

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        """Works in the order of the source. Raises LiteratureError when it fails, ValueError if limit is below 1."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        text = plain_query(query)
        if not text:
            return []
        self._adapter.begin()
        most = min(limit, MOST_RESULTS)
        return distinct(paper for item in islice(self._items(text, most), most) if (paper := _paper(item)))

    def _items(self, text: str, most: int) -> Iterator[Any]:
        for offset in range(0, most, _PAGE):
            asked = {"query": text, "fields": _FIELDS, "offset": offset, "limit": min(_PAGE, most - offset)}
            content = self._session.get(f"{OFFICIAL_URL}/paper/search?{urlencode(asked)}").json()
            yield from content.get("data", ())
            if "next" not in content or not content.get("data"):
                return


def count_records(body: bytes) -> int:
    """Number of works in a page. Raises ValueError when it is none."""
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("no object")
    if "data" not in content and content.get("total") == 0:
        return 0
    if not isinstance(content.get("data"), list):
        raise ValueError("no list of works")
    return len(content["data"])


def _paper(item: Any) -> Paper | None:
    """A record of an item; None for one without a title."""
    title = clean_text(item.get("title"), TITLE_CHARS) if isinstance(item, dict) else None
    if title is None:
        return None
    named = item.get("externalIds")
    identifiers = named if isinstance(named, dict) else {}
    people = item.get("authors")
    authors = clean_names(
        author.get("name") for author in (people if isinstance(people, list) else ()) if isinstance(author, dict)
    )
    year = clean_year(item.get("year"))
    venue = clean_text(item.get("venue"), VENUE_CHARS)
    fields = item.get("fieldsOfStudy")
    subjects = [clean_text(value, 60) for value in (fields if isinstance(fields, list) else ())[:5]]
    return Paper(
        key=citation_key(title, authors, year),
        title=title,
        authors=authors,
        year=year,
        venue=None if venue and venue.lower().startswith("arxiv") else venue,
        arxiv=clean_arxiv(identifiers.get("ArXiv")),
        doi=clean_doi(identifiers.get("DOI")),
        url=clean_url(item.get("url")),
        abstract=clean_text(item.get("abstract"), ABSTRACT_CHARS),
        source=SOURCE,
        domains=tuple(name for name in subjects if name),
    )
