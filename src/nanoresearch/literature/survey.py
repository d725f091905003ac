"""Ask several sources several questions and merge what they say into one ranking.

Ranks are merged, not scores, since sources score on scales of their own.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nanoresearch.literature.client import LiteratureClient, LiteratureError, TimeLimited
from nanoresearch.literature.merge import Merger
from nanoresearch.schema.idea import Query
from nanoresearch.schema.paper import ScoredPaper

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
    failed: bool = False
    """Whether nothing was found because every source failed, or because there is none."""


def search_all(
    clients: Sequence[LiteratureClient],
    queries: Sequence[str],
    limit_per_query: int,
    clock: Callable[[], float] = time.monotonic,
) -> SearchOutcome:
    """Put every query to every client and fuse the rankings.

    A client that fails, or that has used up its time, is named in `degraded` and not asked again; the others carry
    on. The same work from two sources is one paper: the first record's key, its missing fields filled from the later
    ones.
    """
    merger = Merger()
    asked: list[Query] = []
    degraded: list[str] = []
    for client in clients:
        until = clock() + client.survey_s if isinstance(client, TimeLimited) else math.inf
        for number, text in enumerate(queries):
            if until < math.inf and clock() >= until:
                degraded.append(f"{client.name} was slow: asked {number} of {len(queries)} questions in its time")
                break
            try:
                hits = client.search(text, limit_per_query)
            except LiteratureError as error:
                asked.append(Query(text=text, source=client.name, hits=0))
                degraded.append(f"{client.name} failed on {text!r}: {error}")
                break
            asked.append(Query(text=text, source=client.name, hits=len(hits)))
            for rank, hit in enumerate(hits, start=1):
                merger.add(hit.paper, 1.0 / (RANK_OFFSET + rank))
    papers = merger.ranked()
    return SearchOutcome(papers, tuple(asked), tuple(degraded), not papers and len(degraded) == len(clients))
