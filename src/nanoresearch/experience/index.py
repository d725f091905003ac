"""What is derived of records so that they are found: facets, tags and words, and the search of words.

Everything here can be made again from the records.
"""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from nanoresearch.experience.database import TABLES, Database, Table
from nanoresearch.experience.life_cycle import confidence
from nanoresearch.experience.merge import memory_key, plain_conditions, skill_key
from nanoresearch.experience.words import fold, lead, words
from nanoresearch.schema.experience import Memory, Skill

E = TypeVar("E", Skill, Memory)

_POSTINGS = 1000
_TERMS = 200


def table_of(kind: type[Skill] | type[Memory]) -> Table:
    """Where records of a kind are kept."""
    return "skills" if kind is Skill else "memories"


def parsed(kind: type[E], record: bytes) -> E | None:
    """The record, or None where it cannot be read."""
    try:
        return kind.model_validate_json(record)
    except ValidationError:
        return None


def seconds(time: str | None) -> float | None:
    """Seconds since 1970 of an ISO time, UTC where it names no zone; None where it is none."""
    try:
        moment = datetime.fromisoformat(time or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def derive_all(connection: sqlite3.Connection) -> None:
    """Fill the derived tables from the records; those that cannot be read stay out."""
    for table in TABLES:
        for number, record in connection.execute(f"SELECT number, CAST(record AS BLOB) FROM {table}").fetchall():
            entry = parsed(Skill, record) if table == "skills" else parsed(Memory, record)
            if entry is not None:
                derive(connection, number, entry)


def derive(connection: sqlite3.Connection, number: int, entry: Skill | Memory) -> None:
    """Facets, tags and words of one entry. A superseded memory leaves the index; a retired skill stays to be found."""
    table = table_of(type(entry))
    tags = fold(entry.tags)
    facets = _skill_facets(entry) if isinstance(entry, Skill) else _memory_facets(entry)
    text, shelf, live = facets.pop("text"), facets["shelf"], facets["live"]
    facets |= {"number": number, "tags": "\n".join(tags), "updated": seconds(entry.updated)}
    columns = ", ".join(facets)
    marks = ", ".join(f":{name}" for name in facets)
    connection.execute(f"INSERT INTO {table}_facets({columns}) VALUES ({marks})", facets)
    if isinstance(entry, Skill) or live:
        found = words(text)
        connection.execute(f"INSERT INTO {table}_index(rowid, words) VALUES (?, ?)", (number, " ".join(found)))
        # Counts are kept: FTS5's own vocabulary reads the whole list of a word to count it.
        connection.executemany(
            f"INSERT INTO {table}_words VALUES (?, 1) ON CONFLICT(word) DO UPDATE SET entries = entries + 1",
            [(word,) for word in sorted(set(found))],
        )
    if live:
        rows = [(tag, shelf, number) for tag in tags]
        connection.executemany(f"INSERT INTO {table}_tags VALUES (?, ?, ?)", rows)


def _skill_facets(skill: Skill) -> dict[str, Any]:
    return {
        "shelf": skill.kind,
        "live": skill.status != "retired",
        "same": skill_key(skill),
        "lead": lead(skill.trigger),
        "conditions": "{}",
        "expires": None,
        "uses": skill.uses,
        "confidence": confidence(skill),
        "text": f"{skill.when} {skill.what} {skill.trigger}",
    }


def _memory_facets(memory: Memory) -> dict[str, Any]:
    values = [value for values in memory.conditions.values() for value in values]
    return {
        "shelf": memory.profile,
        "live": memory.superseded_by is None,
        "same": memory_key(memory),
        "lead": "",
        "conditions": json.dumps(plain_conditions(memory.conditions), sort_keys=True),
        "expires": None if memory.expires is None else seconds(memory.expires) or 0.0,
        "uses": 0,
        "confidence": 0.0,
        "text": " ".join([memory.text, *values]),
    }


def underive(connection: sqlite3.Connection, table: Table, number: int) -> None:
    """Take one entry out of all that derive() made of it."""
    held = connection.execute(f"SELECT words FROM {table}_index WHERE rowid = ?", (number,)).fetchone()
    if held:
        former = [(word,) for word in sorted(set(held[0].split()))]
        connection.executemany(f"UPDATE {table}_words SET entries = entries - 1 WHERE word = ?", former)
        connection.executemany(f"DELETE FROM {table}_words WHERE word = ? AND entries <= 0", former)
    connection.execute(f"DELETE FROM {table}_index WHERE rowid = ?", (number,))
    connection.execute(f"DELETE FROM {table}_facets WHERE number = ?", (number,))
    connection.execute(f"DELETE FROM {table}_tags WHERE number = ?", (number,))


def best_matches(database: Database, table: Table, text: str, shelves: Sequence[str], limit: int) -> list[int]:
    """Numbers of the entries that share the rarest words of a text, best first, retired ones included."""
    found = matches(database, table, text, shelves)
    return sorted(found, key=lambda number: -found[number])[:limit]


def matches(database: Database, table: Table, text: str, shelves: Sequence[str]) -> dict[int, float]:
    """BM25 by number, higher is better, of entries that hold one of the rarest words of a text."""
    terms, newest = _rarest(database, table, text)
    if not terms:
        return {}
    query = " OR ".join(f'"{term}"' for term in terms)  # words hold letters and digits only
    # CROSS JOIN keeps the order of the tables: the other way round each facet would search the index anew.
    rows = database.read(
        f"SELECT i.rowid, -bm25({table}_index) FROM {table}_index i CROSS JOIN {table}_facets f ON f.number = i.rowid "
        f"WHERE {table}_index MATCH ? AND i.rowid >= ? AND f.shelf IN ({', '.join('?' * len(shelves))})",
        (query, newest, *shelves),
    )
    return dict(rows)


def _rarest(database: Database, table: Table, text: str) -> tuple[list[str], int]:
    """The rarest known words of a text within the budget, and the number from which on entries are searched."""
    terms = list(dict.fromkeys(words(text)))
    if len(terms) > _TERMS:
        terms = terms[: _TERMS // 2] + terms[-_TERMS // 2 :]
    counts = dict(
        database.read(
            f"SELECT word, entries FROM json_each(?) CROSS JOIN {table}_words ON word = value",
            (json.dumps(terms),),
        )
    )
    chosen: list[str] = []
    spent = 0
    for term in sorted(counts, key=lambda term: (counts[term], term)):
        if chosen and spent + counts[term] > _POSTINGS:
            break
        chosen.append(term)
        spent += counts[term]
    if spent <= _POSTINGS:
        return chosen, 0
    last = database.read(f"SELECT max(number) FROM {table}_facets")[0][0] or 0
    return chosen, int(last * (1 - _POSTINGS / spent))
