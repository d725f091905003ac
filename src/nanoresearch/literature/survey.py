"""Ask several sources several questions and merge what they say into one ranking.

Ranks are merged, not scores, since sources score on scales of their own.
"""

from collections.abc import Sequence
from typing import NamedTuple

from nanoresearch.literature.client import LiteratureClient, LiteratureError
from nanoresearch.literature.text import normalised_title
from nanoresearch.schema.idea import Query
from nanoresearch.schema.paper import Paper, ScoredPaper

RANK_OFFSET = 60
"""The k of reciprocal-rank fusion, 1 / (k + rank); 60 as in Cormack, Clarke and Büttcher, SIGIR 2009."""


class SearchOutcome(NamedTuple):
    """What the sources returned."""

    papers: tuple[ScoredPaper, ...]
    """Distinct works with their fused scores, best first."""
    queries: tuple[Query, ...]
    """Every question asked, also those that failed."""
    degraded: tuple[str, ...]
    """Sources that failed, in words."""


def search_all(clients: Sequence[LiteratureClient], queries: Sequence[str], limit_per_query: int) -> SearchOutcome:
    """Put every query to every client and fuse the rankings.

    A client that fails is named in `degraded` and not asked again; the others carry on. The same work from two
    sources is one paper: the first record's key, its missing fields filled from the later ones.
    """
    merger = _Merger()
    asked: list[Query] = []
    degraded: list[str] = []
    for client in clients:
        for text in queries:
            try:
                hits = client.search(text, limit_per_query)
            except LiteratureError as error:
                asked.append(Query(text=text, source=client.name, hits=0))
                degraded.append(f"{client.name} failed on {text!r}: {error}")
                break
            asked.append(Query(text=text, source=client.name, hits=len(hits)))
            for rank, hit in enumerate(hits, start=1):
                merger.add(hit.paper, 1.0 / (RANK_OFFSET + rank))
    return SearchOutcome(merger.ranked(), tuple(asked), tuple(degraded))


def identities(paper: Paper) -> tuple[str, ...]:
    """What a work is known by: DOI, arXiv identifier without version, normalised title."""
    found = [f"title:{normalised_title(paper.title) or paper.title}"]
    if paper.doi:
        found.append(f"doi:{paper.doi.lower()}")
    if paper.arxiv:
        found.append(f"arxiv:{paper.arxiv.lower().rpartition('v')[0] or paper.arxiv.lower()}")
    return tuple(found)


class _Merger:
    """Works seen so far, found by any of their identities."""

    def __init__(self) -> None:
        self._papers: list[Paper] = []
        self._scores: list[float] = []
        self._slots: dict[str, int] = {}

    def add(self, paper: Paper, score: float) -> None:
        names = identities(paper)
        slot = next((self._slots[name] for name in names if name in self._slots), len(self._papers))
        if slot == len(self._papers):
            self._papers.append(paper)
            self._scores.append(0.0)
        else:
            self._papers[slot] = _completed(self._papers[slot], paper)
        self._scores[slot] += score
        for name in names:
            self._slots.setdefault(name, slot)

    def ranked(self) -> tuple[ScoredPaper, ...]:
        order = sorted(range(len(self._papers)), key=lambda slot: (-self._scores[slot], slot))
        keys: set[str] = set()
        ranked = []
        for slot in order:
            paper = self._papers[slot]
            key = _free_key(paper.key, keys)
            keys.add(key)
            ranked.append(ScoredPaper(paper=paper.model_copy(update={"key": key}), score=self._scores[slot]))
        return tuple(ranked)


def _completed(first: Paper, later: Paper) -> Paper:
    """The first record with its empty fields taken from the later one."""
    missing = {
        name: getattr(later, name)
        for name in ("authors", "year", "venue", "arxiv", "doi", "url", "abstract", "domains")
        if not getattr(first, name) and getattr(later, name)
    }
    return first.model_copy(update=missing) if missing else first


def _free_key(key: str, taken: set[str]) -> str:
    """The key, numbered if another work already has it."""
    number, free = 2, key
    while free in taken:
        free, number = f"{key}-{number}", number + 1
    return free
