"""What every role is told: of a long past no more than there is room for."""

import re

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from nanoresearch.crew.llm.desk import MEMORY_CHARACTERS, MEMORY_TOKENS, told
from nanoresearch.crew.roles import Briefing
from nanoresearch.models.accounting import CHARACTERS_PER_TOKEN
from nanoresearch.schema.experience import Memory
from nanoresearch.schema.plan import Plan
from nanoresearch.schema.profile import Profile

from ..builtin.lived import memory


def briefing(*texts: str) -> Briefing:
    memories = tuple(_memory(f"memory-{number}", text) for number, text in enumerate(texts))
    return Briefing("A topic.", Profile(), Plan(phase="ideation", directives=(), planner="fixed"), memories=memories)


def _memory(name: str, text: str) -> Memory:
    return memory("hypothesis", "refuted", {}).model_copy(update={"id": name, "text": text})


def names(text: str) -> list[str]:
    return re.findall(r'source="(memory-\d+)"', text)


def test_a_usual_past_is_told_whole() -> None:
    said = told(briefing(*["A claim of usual length, and what came of it. " * 6] * 30))
    assert names(said) == [f"memory-{number}" for number in range(30)]
    assert "left out" not in said


def test_a_long_past_is_told_from_its_most_relevant_end_within_its_room() -> None:
    short = told(briefing())
    said = told(briefing(*["A claim that was tested, and what came of it. " * 10] * 200))
    told_of = names(said)
    assert told_of == [f"memory-{number}" for number in range(len(told_of))], "in the order of relevance"
    assert 20 < len(told_of) < 200
    assert f"({200 - len(told_of)} more memories, of less relevance, are left out here.)" in said
    assert len(said) - len(short) < MEMORY_TOKENS * CHARACTERS_PER_TOKEN + 500


def test_one_long_memory_keeps_out_no_other_and_keeps_its_outcome() -> None:
    said = told(briefing("long " * 4_000, "short"))
    assert names(said) == ["memory-0", "memory-1"]
    assert " [cut]\noutcome: refuted" in said
    assert said.count("long ") <= MEMORY_CHARACTERS / len("long ")
