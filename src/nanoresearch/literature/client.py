"""The one interface of every source of literature.

A source says nothing about relevance across sources: scores are comparable within one query only, and
`nanoresearch.literature.survey` merges by rank.
"""

from typing import Protocol, runtime_checkable

from nanoresearch.errors import LiteratureError
from nanoresearch.schema.paper import ScoredPaper

__all__ = ["LiteratureClient", "LiteratureError", "TimeLimited"]


class LiteratureClient(Protocol):
    """A searchable source of papers."""

    @property
    def name(self) -> str:
        """Short name, recorded as `Paper.source` and in the survey's queries."""

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        """At most `limit` works for the query, best first; empty when nothing matches.

        Raises LiteratureError when the source is broken, ValueError when limit is below 1.
        """


@runtime_checkable
class TimeLimited(Protocol):
    """A source that may be slow or dead, such as one on the network."""

    survey_s: float
    """Seconds that it may take of one survey, however many questions there are."""
