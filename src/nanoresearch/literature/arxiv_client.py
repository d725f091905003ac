"""arXiv, through the package arxiv, which builds the queries, turns the pages and reads the feed."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nanoresearch.errors import LiteratureError
from nanoresearch.literature.clean import (
    ABSTRACT_CHARS,
    TITLE_CHARS,
    VENUE_CHARS,
    citation_key,
    clean_arxiv,
    clean_doi,
    clean_names,
    clean_text,
    clean_year,
)
from nanoresearch.literature.merge import distinct
from nanoresearch.literature.text import boolean_query
from nanoresearch.literature.transport import PoliteAdapter, polite_session
from nanoresearch.schema.paper import Paper, ScoredPaper

if TYPE_CHECKING:
    from arxiv import Result

SOURCE = "arxiv"
OFFICIAL_URL = "https://export.arxiv.org/api/query"
INTERVAL_S = 3.0
MOST_RESULTS = 1000
_PAGE = 100
_ATOM = "{http://www.w3.org/2005/Atom}"
_WITHDRAWN = re.compile(
    r"\b(?:paper|article|submission|manuscript|preprint|work)\s+(?:has\s+been|is|was)\s+withdrawn", re.IGNORECASE
)


class ArxivClient:
    """Searches all fields of arXiv. Withdrawn papers are left out."""

    name = SOURCE

    def __init__(self, adapter: PoliteAdapter, survey_s: float = 60.0) -> None:
        self.survey_s = survey_s
        self._adapter = adapter
        self._session = polite_session(adapter)

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        """Works in the order of arXiv. Raises LiteratureError when it fails, ValueError if limit is below 1."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        text = boolean_query(query, field="all:")
        if text is None:
            return []
        self._adapter.begin()
        return distinct(paper for result in self._results(text, min(limit, MOST_RESULTS)) if (paper := _paper(result)))

    def _results(self, text: str, limit: int) -> Iterator["Result"]:
        import arxiv

        # Pace and retries are the adapter's: this package keeps no deadline and does not hear Retry-After.
        client = arxiv.Client(page_size=min(limit, _PAGE), delay_seconds=0.0, num_retries=0)
        client._session = self._session
        try:
            yield from client.results(arxiv.Search(query=text, max_results=limit))
        except (arxiv.ArxivError, ValueError) as error:
            raise LiteratureError(f"{OFFICIAL_URL}: a page of its answer is empty or has no valid dates") from error


def count_records(body: bytes) -> int:
    """Number of entries in a feed. Raises ValueError when it is none, cut off, or tells of an error."""
    from lxml import etree

    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
    except etree.XMLSyntaxError as error:
        raise ValueError("no XML") from error
    if root.tag != f"{_ATOM}feed":
        raise ValueError("no feed")
    identifiers = [entry.findtext(f"{_ATOM}id") or "" for entry in root.iterfind(f"{_ATOM}entry")]
    if any("/api/errors" in identifier for identifier in identifiers):
        raise ValueError("an error")
    return len(identifiers)


def _paper(result: "Result") -> Paper | None:
    """A record of a result; None for one that has no title or was withdrawn."""
    title = clean_text(result.title, TITLE_CHARS)
    if title is None or _WITHDRAWN.search(f"{result.comment or ''}\n{result.summary[:300]}"):
        return None
    authors = clean_names(author.name for author in result.authors)
    year = clean_year(result.published.year)
    identifier = clean_arxiv(result.entry_id)
    subject = clean_text(result.primary_category, 40)
    return Paper(
        key=citation_key(title, authors, year),
        title=title,
        authors=authors,
        year=year,
        venue=clean_text(result.journal_ref, VENUE_CHARS),
        arxiv=identifier,
        doi=clean_doi(result.doi),
        url=f"https://arxiv.org/abs/{identifier}" if identifier else None,
        abstract=clean_text(result.summary, ABSTRACT_CHARS),
        source=SOURCE,
        domains=(subject,) if subject else (),
    )
