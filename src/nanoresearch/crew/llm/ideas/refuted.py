"""Claims that this researcher's earlier experiments refuted, and whether a new claim is one of them in other words."""

from collections.abc import Iterable, Sequence

from nanoresearch.experience.words import words
from nanoresearch.literature.text import GENERIC, content_words
from nanoresearch.schema.experience import Memory
from nanoresearch.schema.idea import SetAside

SAME_CLAIM = 0.8
"""Least share of content words that two wordings of one claim have in common; pairs on both sides of it are in
tests/crew/llm/test_refuted.py."""
SHARED = 2
"""Content words that a claim must share with a topic to be about it."""
_DIRECTIONS = frozenset(
    words("raise lower increase decrease enhance boost cut drop grow higher fewer rate amount share")
)
"""That something went up or down is not what tells claims apart: one that was refuted has answered both."""


def refuted_claims(memories: Iterable[Memory], topic: str) -> tuple[SetAside, ...]:
    """Refuted claims that speak of the topic, in the order of the memories."""
    about = content(topic)
    found = []
    for memory in memories:
        if memory.kind != "hypothesis" or memory.outcome != "refuted" or memory.superseded_by:
            continue
        stated = memory.facts.get("statement")
        statement = stated if isinstance(stated, str) and stated.strip() else memory.text
        if len(about & content(f"{statement} {memory.text}")) >= SHARED:
            reason = f"an earlier experiment refuted it: {memory.text}"
            found.append(SetAside(statement=statement, reason=reason, memory=memory.id))
    return tuple(found)


def refuted_before(
    statement: str, components: Iterable[str], known: Sequence[SetAside], memories: Iterable[Memory]
) -> SetAside | None:
    """The refuted claim that this one repeats, if any. Where both say which components they add, those decide too."""
    tested = {memory.id: memory.facts.get("components") for memory in memories}
    added = _named(components)
    for item in known:
        before = tested.get(item.memory)
        if isinstance(before, list | tuple) and before and added and _named(map(str, before)) != added:
            continue
        if alike(statement, item.statement) >= SAME_CLAIM:
            return item
    return None


def alike(first: str, second: str) -> float:
    """Share of the content words of two claims that both have, 0 to 1."""
    left, right = content(first), content(second)
    return len(left & right) / max(1, len(left | right))


def content(text: str) -> frozenset[str]:
    """Stems of a text without function words, words of any study and directions."""
    kept = (word for word in content_words(text) if word not in GENERIC)
    return frozenset(words(" ".join(kept))) - _DIRECTIONS


def _named(components: Iterable[str]) -> set[frozenset[str]]:
    return {frozenset(words(name.replace("_", " "))) for name in components}
