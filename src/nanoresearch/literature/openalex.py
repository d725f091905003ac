"""OpenAlex, through pyalex, which builds the queries, turns the pages and rebuilds abstracts."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from nanoresearch.errors import LiteratureError
from nanoresearch.literature.clean import (
    ABSTRACT_CHARS,
    TITLE_CHARS,
    VENUE_CHARS,
    arxiv_of_doi,
    citation_key,
    clean_arxiv,
    clean_doi,
    clean_names,
    clean_text,
    clean_url,
    clean_year,
)
from nanoresearch.literature.merge import distinct
from nanoresearch.literature.text import boolean_query
from nanoresearch.literature.transport import PoliteAdapter, polite_session
from nanoresearch.schema.paper import Paper, ScoredPaper

SOURCE = "openalex"
OFFICIAL_URL = "https://api.openalex.org"
INTERVAL_S = 0.15
MOST_RESULTS = 1000
_PAGE = 100
_FIELDS = [
    "id",
    "doi",
    "title",
    "publication_year",
    "authorships",
    "primary_location",
    "primary_topic",
    "abstract_inverted_index",
    "is_retracted",
]
_LONGEST_ABSTRACT_WORDS = 5000


class OpenAlexClient:
    """Searches titles, abstracts and full texts of OpenAlex. Retracted works are left out."""

    name = SOURCE

    def __init__(self, adapter: PoliteAdapter, survey_s: float = 60.0) -> None:
        self.survey_s = survey_s
        self._adapter = adapter
        self._session = polite_session(adapter)

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        """Works in the order of OpenAlex. Raises LiteratureError when it fails, ValueError if limit is below 1."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        text = boolean_query(query)
        if text is None:
            return []
        self._adapter.begin()
        found = (paper for work in islice(self._works(text, limit), limit) if (paper := _paper(work)))
        return distinct(found)

    def _works(self, text: str, limit: int) -> Iterator[Any]:
        from pyalex import Works

        most = min(limit, MOST_RESULTS)
        pages = Works().search(text).select(_FIELDS).paginate(per_page=min(most, _PAGE), n_max=most)
        pages._session = self._session  # pyalex makes one of its own for each search and takes no other
        try:
            for page in pages:
                if not page:
                    return
                yield from page
        except (KeyError, TypeError, ValueError) as error:
            raise LiteratureError(f"{OFFICIAL_URL}: its answer lacks what every page has") from error


def count_records(body: bytes) -> int:
    """Number of works in a page. Raises ValueError when it is none."""
    content = json.loads(body)
    if not isinstance(content, dict) or not isinstance(content.get("results"), list):
        raise ValueError("no list of results")
    if not isinstance(content.get("meta"), dict) or "next_cursor" not in content["meta"]:
        raise ValueError("no place in the list")
    if not all(isinstance(work, dict) for work in content["results"]):
        raise ValueError("a result that is no object")
    return len(content["results"])


def _paper(work: dict[str, Any]) -> Paper | None:
    """A record of a work; None for one that has no title or was retracted."""
    title = clean_text(work.get("title"), TITLE_CHARS)
    if title is None or work.get("is_retracted") is True:
        return None
    place = _object(work.get("primary_location"))
    doi = clean_doi(work.get("doi"))
    people = work.get("authorships")
    authors = clean_names(
        _object(_object(item).get("author")).get("display_name")
        for item in (people if isinstance(people, list) else ())
    )
    year = clean_year(work.get("publication_year"))
    landing = clean_url(place.get("landing_page_url"))
    venue = clean_text(_object(place.get("source")).get("display_name"), VENUE_CHARS)
    field = clean_text(_object(_object(work.get("primary_topic")).get("field")).get("display_name"), 100)
    on_arxiv = clean_arxiv(landing) if landing and "arxiv.org/" in landing else None
    return Paper(
        key=citation_key(title, authors, year),
        title=title,
        authors=authors,
        year=year,
        venue=None if venue and venue.lower().startswith("arxiv") else venue,
        arxiv=arxiv_of_doi(doi) or on_arxiv,
        doi=doi,
        url=landing or clean_url(work.get("id")),
        abstract=_abstract(work.get("abstract_inverted_index")),
        source=SOURCE,
        domains=(field,) if field else (),
    )


def _abstract(index: Any) -> str | None:
    """Text of an inverted index, word to positions; of a damaged one, what is whole of it."""
    if not isinstance(index, dict):
        return None
    places = [
        (place, word)
        for word, positions in index.items()
        if isinstance(word, str) and isinstance(positions, list)
        for place in positions[:_LONGEST_ABSTRACT_WORDS]
        if isinstance(place, int)
    ]
    return clean_text(" ".join(word for _, word in sorted(places)[:_LONGEST_ABSTRACT_WORDS]), ABSTRACT_CHARS)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
