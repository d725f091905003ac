"""The corpus that ships with the package: bibliographic records, searched by BM25 without a network.

Its records carry no abstracts, so a match is a match of title, authors, venue, field or of the few index terms
that some records have: search words of ours, not part of the record.
"""

import gzip
import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from nanoresearch.literature.client import LiteratureError
from nanoresearch.literature.text import all_near, any_of
from nanoresearch.schema.paper import Paper, ScoredPaper

SOURCE = "offline"
COLUMN_WEIGHTS = (8.0, 3.0, 1.0, 0.5, 1.5, 5.0)
"""BM25 weights of title, abstract, authors, venue, domains, index terms: a title word says what a work is about, a
venue word ("learning", "data") mostly does not, and the field parts "series" of numbers from those of workshops."""


def packaged_records() -> tuple[tuple[Paper, str], ...]:
    """The packaged records with their index terms, ordered by key. Raises LiteratureError if they cannot be read."""
    resource = files("nanoresearch.literature") / "corpus" / "references.jsonl.gz"
    try:
        lines = gzip.decompress(resource.read_bytes()).decode("utf-8").splitlines()
        return tuple(_parsed(json.loads(line)) for line in lines)
    except (OSError, ValueError) as error:
        message = f"the packaged corpus cannot be read ({error}); reinstall nanoresearch"
        raise LiteratureError(message) from error


def _parsed(fields: dict[str, Any]) -> tuple[Paper, str]:
    index_terms = fields.pop("keywords", "")
    return Paper.model_validate(fields | {"source": SOURCE}), index_terms


class OfflineCorpus:
    """Papers in an in-memory full-text index with Porter stemming."""

    def __init__(self, papers: Iterable[Paper] | None = None, name: str = SOURCE) -> None:
        """Index the papers, by default the packaged ones. Raises ValueError on a repeated key."""
        self.name = name
        rows = packaged_records() if papers is None else tuple((paper, "") for paper in papers)
        records = tuple(paper for paper, _ in rows)
        by_key = {paper.key: paper for paper in records}
        if len(by_key) != len(records):
            repeated = sorted(key for key in by_key if sum(paper.key == key for paper in records) > 1)
            raise ValueError(f"keys must be unique, repeated: {', '.join(repeated)}")
        self.papers: Mapping[str, Paper] = MappingProxyType(by_key)
        """Every record by citation key."""
        self._rows = records
        # Written once here and only read afterwards, and SQLite serialises calls: threads may share it.
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute(
            "CREATE VIRTUAL TABLE works USING fts5(title, abstract, authors, venue, domains, index_terms, "
            "tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._index.executemany(
            "INSERT INTO works(rowid, title, abstract, authors, venue, domains, index_terms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (row, p.title, p.abstract, " ".join(p.authors), p.venue, " ".join(p.domains), index_terms)
                for row, (p, index_terms) in enumerate(rows)
            ),
        )

    def get(self, key: str) -> Paper | None:
        """The record with this key, or None."""
        return self.papers.get(key)

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        """Works that share words with the query, by BM25; ties by key. Raises ValueError if limit is below 1."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        expression = any_of(query)
        if expression is None:
            return []
        hits = self._index.execute(
            "SELECT rowid, -bm25(works, ?, ?, ?, ?, ?, ?) AS score FROM works WHERE works MATCH ? "
            "ORDER BY score DESC, rowid LIMIT ?",
            (*COLUMN_WEIGHTS, expression, limit),
        )
        return [ScoredPaper(paper=self._rows[row], score=score) for row, score in hits]

    def idf(self, term: str) -> float:
        """ln((N + 1) / (n + 1)) + 1 with n of N records naming the term's words close together in one field."""
        return math.log((len(self._rows) + 1) / (len(self.matching(term)) + 1)) + 1.0

    def matching(self, term: str, window: int = 8) -> frozenset[str]:
        """Keys of the works whose title or abstract has every word of the term within `window` words, stemmed."""
        expression = all_near(term, window)
        if expression is None:
            return frozenset()
        hits = self._index.execute(
            "SELECT rowid FROM works WHERE works MATCH ?", (f"{{title abstract}} : ({expression})",)
        )
        return frozenset(self._rows[row].key for (row,) in hits)
