"""Which skills and memories fit a situation: words, tags, age and record, each a part of one score.

Reads only. What is approximate, so that an answer takes milliseconds among 100,000 entries:

- Words: only the rarest words of the situation that the index knows are searched, until about 1,000 entries are
  expected to hold one. Where already the rarest word is commoner than that, the newest entries that hold it are.
- Tags: of each tag the newest entries that have it, about 500 for all tags together, the rarest not preferred.

Exact are the condition filter, the trigger match, and each part of the score of what is found.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nanoresearch.config import RetrievalWeights
from nanoresearch.experience.database import Table
from nanoresearch.experience.index import E, matches, parsed, table_of
from nanoresearch.experience.merge import plain_conditions
from nanoresearch.experience.store import ExperienceStore, is_current
from nanoresearch.experience.words import fold, leads, occurs
from nanoresearch.schema.experience import (
    Conditions,
    Memory,
    MemoryKind,
    RetrievedMemory,
    RetrievedSkill,
    Score,
    Situation,
    Skill,
    SkillKind,
)

_TAGGED = 500
_DAY_S = 86400.0
_HALF_USED = 5


@dataclass(frozen=True)
class _Facets:
    """What is known of a candidate without reading its record."""

    number: int
    match: float
    tags: float
    updated: float | None
    uses: int
    confidence: float
    conditions: str


def retrieve_skills(
    store: ExperienceStore, situation: Situation, *, limit: int, weights: RetrievalWeights, half_life_days: float
) -> tuple[RetrievedSkill, ...]:
    """Skills for a situation, best first; retired ones never.

    One whose trigger occurs in the situation's text, word for word, has the keyword part 1 and stands before all that
    have none, whatever their totals. Coding and debugging share their skills. Raises StoreError.
    """
    if limit <= 0:
        return ()
    shelves = _shelves(situation.kind)
    triggered = _triggered(store, situation.text, shelves)
    candidates = _candidates(store, "skills", situation, shelves, triggered)
    scores = _scores(store, candidates, triggered, weights, half_life_days, records=True)
    ranked = sorted(scores, key=lambda number: (number not in triggered, -scores[number].total, -number))
    found: list[RetrievedSkill] = []
    for number in ranked:
        skill = _record(store, Skill, number)
        if skill is not None and skill.status != "retired" and skill.kind in shelves:
            found.append(RetrievedSkill(skill=skill, score=scores[number]))
            if len(found) == limit:
                break
    return tuple(found)


def retrieve_memories(
    store: ExperienceStore,
    situation: Situation,
    *,
    limit: int | Mapping[MemoryKind, int],
    weights: RetrievalWeights,
    half_life_days: float,
) -> tuple[RetrievedMemory, ...]:
    """The profile's memories for a situation, best first: current ones whose conditions do not contradict it.

    limit: how many in all, or of each kind; kinds that are not named are left out. Raises StoreError.
    """
    room: Counter[str] = Counter({"any": limit} if isinstance(limit, int) else limit)
    if room.total() <= 0:
        return ()
    known = plain_conditions(situation.conditions)
    candidates = [
        candidate
        for candidate in _candidates(store, "memories", situation, (situation.profile,), frozenset())
        if not _clash(_conditions(candidate.conditions), known)
    ]
    scores = _scores(store, candidates, frozenset(), weights, half_life_days, records=False)
    ranked = sorted(scores, key=lambda number: (-scores[number].total, -number))
    found: list[RetrievedMemory] = []
    for number in ranked:
        memory = _record(store, Memory, number)
        if memory is None or memory.profile != situation.profile or not is_current(memory, store.now()):
            continue
        if contradicts(memory.conditions, situation.conditions):
            continue
        kind = "any" if isinstance(limit, int) else memory.kind
        if room[kind] > 0:
            found.append(RetrievedMemory(memory=memory, score=scores[number]))
            room[kind] -= 1
            if room.total() <= 0:
                break
    return tuple(found)


def contradicts(conditions: Conditions, known: Conditions) -> bool:
    """Whether some property is in both and they share no value. Compared case-folded; no value tells nothing."""
    return _clash(plain_conditions(conditions), plain_conditions(known))


def explain(score: Score, weights: RetrievalWeights) -> str:
    """A score in words: each part that counts, its weight, and the sum."""
    parts = [
        f"{name} {getattr(score, name):.2f} x {getattr(weights, name):g}"
        for name in RetrievalWeights.model_fields
        if getattr(weights, name) and getattr(score, name)
    ]
    return f"{score.total:.2f} = {' + '.join(parts)}" if parts else f"{score.total:.2f}"


def _shelves(kind: SkillKind) -> tuple[str, ...]:
    return ("coding", "debugging") if kind in ("coding", "debugging") else (kind,)


def _candidates(
    store: ExperienceStore, table: Table, situation: Situation, shelves: Sequence[str], triggered: frozenset[int]
) -> list[_Facets]:
    """Live entries that share a word, a tag or a trigger with the situation."""
    wanted = set(fold(situation.tags))
    worded = matches(store.database, table, situation.text, shelves)
    numbers = {*worded, *_tagged(store, table, wanted, shelves), *triggered}
    rows = store.database.read(
        f"SELECT number, tags, CAST(updated AS REAL), CAST(uses AS INTEGER), CAST(confidence AS REAL), conditions "
        f"FROM json_each(?) "
        f"CROSS JOIN {table}_facets ON number = value WHERE live AND (expires IS NULL OR expires > ?)",
        (json.dumps(sorted(numbers)), store.now().timestamp()),
    )
    found = []
    for number, tags, updated, uses, confidence, conditions in rows:
        shared = len(wanted.intersection(tags.split("\n"))) / len(wanted) if wanted else 0.0
        found.append(_Facets(number, worded.get(number, 0.0), shared, updated, uses, confidence, conditions))
    return found


def _scores(
    store: ExperienceStore,
    candidates: list[_Facets],
    triggered: frozenset[int],
    weights: RetrievalWeights,
    half_life_days: float,
    *,
    records: bool,
) -> dict[int, Score]:
    """Scores by number. The record of use counts for skills only."""
    now = store.now().timestamp()
    best = max((candidate.match for candidate in candidates), default=0.0)
    scores = {}
    for candidate in candidates:
        keyword = 1.0 if candidate.number in triggered else candidate.match / best if best else 0.0
        recency = _recency(candidate.updated, now, half_life_days)
        usage = candidate.uses / (candidate.uses + _HALF_USED) if records else 0.0
        sure = candidate.confidence if records else 0.0
        total = (
            weights.keyword * keyword
            + weights.tags * candidate.tags
            + weights.recency * recency
            + weights.usage * usage
            + weights.confidence * sure
        )
        scores[candidate.number] = Score(
            keyword=keyword, tags=candidate.tags, recency=recency, usage=usage, confidence=sure, total=total
        )
    return scores


def _recency(updated: float | None, now: float, half_life_days: float) -> float:
    if updated is None:
        return 0.0
    return float(0.5 ** (max(0.0, now - updated) / (half_life_days * _DAY_S)))


def _tagged(store: ExperienceStore, table: Table, tags: set[str], shelves: Sequence[str]) -> set[int]:
    """Numbers of the newest entries that have one of the tags."""
    each = _TAGGED // (len(tags) * len(shelves)) + 1 if tags else 0
    query = f"SELECT number FROM {table}_tags WHERE tag = ? AND shelf = ? ORDER BY number DESC LIMIT ?"
    return {row[0] for tag in tags for shelf in shelves for row in store.database.read(query, (tag, shelf, each))}


def _triggered(store: ExperienceStore, text: str, shelves: Sequence[str]) -> frozenset[int]:
    """Numbers of skills whose trigger occurs in a text."""
    rows = store.database.read(
        "SELECT f.number, CAST(record AS BLOB) FROM json_each(?) "
        "CROSS JOIN skills_facets f ON f.lead = value AND f.lead <> '' CROSS JOIN skills s ON s.number = f.number "
        f"WHERE f.live AND f.shelf IN ({', '.join('?' * len(shelves))})",
        (json.dumps(leads(text)), *shelves),
    )
    skills = ((number, parsed(Skill, record)) for number, record in rows)
    return frozenset(number for number, skill in skills if skill is not None and occurs(skill.trigger, text))


def _record(store: ExperienceStore, kind: type[E], number: int) -> E | None:
    rows = store.database.read(f"SELECT CAST(record AS BLOB) FROM {table_of(kind)} WHERE number = ?", (number,))
    return parsed(kind, rows[0][0]) if rows else None


def _clash(first: dict[str, list[str]], second: dict[str, list[str]]) -> bool:
    return any(name in second and not set(values) & set(second[name]) for name, values in first.items())


@lru_cache(maxsize=8192)
def _conditions(text: str) -> dict[str, list[str]]:
    """Conditions among the facets; none where they cannot be read, for those of the record are compared too."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    kept = found.items() if isinstance(found, dict) else ()
    return {name: [str(value) for value in values] for name, values in kept if isinstance(values, list)}
