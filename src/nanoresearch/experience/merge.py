"""When two entries say the same, and what becomes of them. Functions from records to records."""

import hashlib
import json
import re
from functools import lru_cache

from rapidfuzz import fuzz

from nanoresearch.experience.life_cycle import judge
from nanoresearch.experience.words import fold, lead, signature_words, words
from nanoresearch.schema.experience import Conditions, Memory, Skill

SIMILAR = 95.0
"""Least similarity, 0 to 100, of two wordings of one rule: measured by benchmarks/experience_store.py."""
SIMILAR_SAME_TRIGGER = 75.0
"""The same where both answer the same trouble, which already tells that they are about one thing."""
_NOT = dict.fromkeys(["not", "no", "never", "without", "avoid", "cannot", "dont"], "not")
_OPPOSED = """
before after more less fewer increase decrease raise lower reduce add remove drop keep enable disable
larger smaller higher train test min max minimum maximum row column rows columns
"""
_TURN = {**_NOT, **{word: word for word in _OPPOSED.split()}}
"""Words that turn the sense of a rule, by what they mean."""


def same_skill(first: Skill, second: Skill) -> bool:
    """Whether two skills are one rule.

    They serve the same phase and answer the same trigger. With a remedy, the other has the same one, and where no
    trigger binds them their wording is similar too. Without remedies the wording decides. Different remedies or
    different triggers are different rules however alike they read.
    """
    if first.kind != second.kind or first.remedy != second.remedy or lead_of(first) != lead_of(second):
        return False
    if first.remedy is not None and first.trigger.strip():
        return True
    least = SIMILAR_SAME_TRIGGER if first.trigger.strip() else SIMILAR
    return similarity(wording(first), wording(second)) >= least


def lead_of(skill: Skill) -> str:
    """The whole trigger as it is compared."""
    return " ".join(signature_words(skill.trigger)) or lead(skill.trigger)


def wording(skill: Skill) -> str:
    """What is compared of a skill that has no remedy."""
    return f"{skill.when} {skill.what}"


def similarity(first: str, second: str) -> float:
    """How alike two wordings are, 0 to 100: the mean of token-set and token-sort ratio of their stems.

    The set alone calls a text the same as any longer one that contains its words; the sort alone is thrown off by
    the order of the sentences. Texts that differ in a word that turns the sense (not, before, increase) are 0.
    """
    if _turns(first) != _turns(second):
        return 0.0
    left, right = _stems(first), _stems(second)
    return (fuzz.token_set_ratio(left, right) + fuzz.token_sort_ratio(left, right)) / 2


def merge_skills(keep: Skill, other: Skill) -> Skill:
    """One skill with the name, words and origin of the first and the record of both.

    A retired first stays retired; otherwise the sum of both records is judged.
    """
    both = keep.model_copy(
        update={
            "tags": _joined(keep.tags, other.tags),
            "projects": tuple(dict.fromkeys((*keep.projects, *other.projects))),
            "seen": keep.seen + other.seen,
            "uses": keep.uses + other.uses,
            "successes": keep.successes + other.successes,
            "failures": keep.failures + other.failures,
            "created": min(filter(None, (keep.created, other.created)), default=""),
            "updated": max(keep.updated, other.updated),
        }
    )
    return both.model_copy(update={"status": judge(both)})


def more_confirmed(known: Skill, new: Skill) -> bool:
    """Whether the new one has the better record, so that its name and words are kept. A tie keeps the known one."""
    return _record(new) > _record(known)


def same_matter(first: Memory, second: Memory) -> bool:
    """Whether two memories are about one thing: user, kind and conditions agree.

    Without conditions, and for what was only noted, their wording must be similar too: the conditions alone do not
    tell two decisions apart.
    """
    if (first.profile, first.kind) != (second.profile, second.kind):
        return False
    if plain_conditions(first.conditions) != plain_conditions(second.conditions):
        return False
    if first.conditions and "noted" not in (first.outcome, second.outcome):
        return True
    return similarity(first.text, second.text) >= SIMILAR_SAME_TRIGGER


def confirm(known: Memory, new: Memory) -> Memory:
    """One memory of what happened again: the name of the first, the words, facts and run of the newer."""
    newer = known if _time(known) > _time(new) else new
    return newer.model_copy(
        update={
            "id": known.id,
            "seen": known.seen + new.seen,
            "tags": _joined(known.tags, new.tags),
            "created": min(filter(None, (known.created, new.created)), default=""),
            "updated": max(known.updated, new.updated),
            "superseded_by": known.superseded_by,
        }
    )


def older(memory: Memory, known: Memory) -> bool:
    """Whether a memory tells of an earlier time than the known one."""
    return _time(memory) < _time(known)


def skill_key(skill: Skill) -> str:
    """Equal for skills that may be the same where a trigger or remedy tells; empty where only the wording can."""
    if not skill.trigger.strip() and skill.remedy is None:
        return ""
    remedy = skill.remedy.model_dump() if skill.remedy else None
    return _digest([skill.kind, lead_of(skill), remedy])


def memory_key(memory: Memory) -> str:
    """Equal for memories that may be about one thing."""
    return _digest([memory.profile, memory.kind, plain_conditions(memory.conditions)])


def plain_conditions(conditions: Conditions) -> dict[str, list[str]]:
    """Conditions as they are compared: case-folded, sorted, without properties that have no value."""
    plain: dict[str, set[str]] = {}
    for name, values in conditions.items():
        plain.setdefault(name.casefold().strip(), set()).update(fold(values))
    return {name: sorted(values) for name, values in sorted(plain.items()) if values}


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    known = set(fold(first))
    return (*first, *(tag for tag in second if not set(fold([tag])) <= known))


def _record(skill: Skill) -> tuple[int, int, int]:
    return skill.successes - skill.failures, len(skill.projects), skill.seen


def _time(memory: Memory) -> str:
    return memory.updated or memory.created


@lru_cache(maxsize=4096)
def _stems(text: str) -> str:
    return " ".join(words(text))


def _turns(text: str) -> set[str]:
    plain = re.sub(r"n['’]t\b", " not", text.casefold())
    return {_TURN[word] for word in re.findall(r"[a-z]+", plain) if word in _TURN}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
