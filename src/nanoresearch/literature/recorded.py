"""Searches kept in a run: what a resumed run works with is what it saw before, whatever the sources say by then."""

import hashlib
import json
from collections.abc import Sequence

from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.survey import SearchOutcome, search_all
from nanoresearch.paths import RunFolder
from nanoresearch.schema.idea import SearchRecord

ROOM = "ideation/searches"


class RecordedSearch:
    """`search_all` over these sources, each question once in a run. A search that every source failed is not kept."""

    def __init__(self, clients: Sequence[LiteratureClient], folder: RunFolder) -> None:
        self._clients = clients
        self._folder = folder

    def __call__(self, queries: Sequence[str], limit_per_query: int) -> SearchOutcome:
        """The record of the search; made when there is none. Raises CorruptRecord."""
        asked = json.dumps([list(queries), limit_per_query], ensure_ascii=False)
        name = f"{ROOM}/{hashlib.sha256(asked.encode()).hexdigest()[:20]}.json"
        if self._folder.has(name):
            kept = self._folder.load(name, SearchRecord)
            return SearchOutcome(kept.papers, kept.queries, kept.degraded)
        outcome = search_all(self._clients, queries, limit_per_query)
        if not outcome.failed:
            self._folder.save(
                name, SearchRecord(papers=outcome.papers, queries=outcome.queries, degraded=outcome.degraded)
            )
        return outcome
