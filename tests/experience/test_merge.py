"""Sameness: one trouble and one remedy, or one rule in other words; never two remedies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.experience.merge import (
    confirm,
    memory_key,
    merge_skills,
    more_confirmed,
    same_matter,
    same_skill,
    similarity,
    skill_key,
)
from nanoresearch.schema.experience import Memory, Remedy, Skill

FIX = Remedy(crew="builtin", action="fix", target="labels")
MEND = Remedy(crew="builtin", action="mend", target="labels")


def a_skill(**fields: object) -> Skill:
    base = {"id": "a", "kind": "coding", "when": "When labels are text.", "what": "Encode the labels as integers."}
    return Skill.model_validate({**base, **fields})


def a_memory(**fields: object) -> Memory:
    base = {
        "id": "m", "kind": "hypothesis", "profile": "ada", "project": "p", "run": "r1", "text": "Trees win on digits.",
        "conditions": {"dataset": ["digits"]}, "outcome": "supported", "updated": "2030-01-01T00:00:00+00:00",
    }  # fmt: skip
    return Memory.model_validate({**base, **fields})


def test_one_trigger_and_one_remedy_are_one_rule_in_any_words() -> None:
    first = a_skill(trigger="ValueError: could not convert", remedy=FIX)
    second = a_skill(trigger="valueerror:  could not convert", remedy=FIX, when="Sometimes.", what="Quite other words.")
    assert same_skill(first, second)
    assert skill_key(first) == skill_key(second) != ""


@pytest.mark.parametrize(
    "other",
    [
        {"remedy": MEND},
        {"remedy": None},
        {"kind": "writing"},
        {"trigger": "KeyError"},
        {"remedy": Remedy(crew="builtin", action="fix", target="labels", scope="tables")},
    ],
)
def test_another_remedy_trigger_or_phase_is_another_rule_in_the_same_words(other: dict[str, object]) -> None:
    first = a_skill(trigger="ValueError", remedy=FIX)
    assert same_skill(first, first)
    assert not same_skill(first, first.model_copy(update=other))


def test_without_remedy_the_wording_decides() -> None:
    first = a_skill()
    assert same_skill(first, a_skill(when="Labels are text:", what="encode labels as integers 17 times"))
    assert not same_skill(first, a_skill(what="Do not encode the labels as integers."))
    assert not same_skill(first, a_skill(what="Drop the labels that are no integers."))
    assert not same_skill(a_skill(when="Always.", what="Report accuracy."), a_skill(what="Report accuracy by class."))


def test_a_remedy_without_trigger_needs_similar_words() -> None:
    first = a_skill(remedy=FIX)
    assert same_skill(first, a_skill(remedy=FIX, when="When the labels are text"))
    assert not same_skill(first, a_skill(remedy=FIX, when="The clock is slow", what="Rows come from many patients"))


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarity_is_symmetric_and_bounded(first: str, second: str) -> None:
    assert similarity(first, second) == pytest.approx(similarity(second, first))
    assert 0 <= similarity(first, second) <= 100


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 3))
def test_counts_and_provenance_add_up(seen: int, more: int, wins: int, others: int, losses: int) -> None:
    first = a_skill(seen=seen, uses=wins, successes=wins, projects=["p"], tags=["Text"], created="2030-01-02")
    second = a_skill(
        id="b", what="Else.", seen=more, uses=others + losses, successes=others, failures=losses, projects=["q", "p"],
        tags=["text", "table"], created="2030-01-01",
    )  # fmt: skip
    both = merge_skills(first, second)
    assert (both.id, both.what) == (first.id, first.what)
    assert both.seen == seen + more
    assert (both.uses, both.successes, both.failures) == (wins + others + losses, wins + others, losses)
    assert (both.projects, both.tags, both.created) == (("p", "q"), ("Text", "table"), "2030-01-01")


def test_the_more_confirmed_gives_its_words_and_a_tie_keeps_the_known() -> None:
    assert more_confirmed(a_skill(), a_skill(successes=1))
    assert not more_confirmed(a_skill(), a_skill())
    assert not more_confirmed(a_skill(successes=1), a_skill(successes=3, failures=5, seen=9))


def test_a_retired_rule_stays_retired_when_it_is_distilled_again() -> None:
    assert merge_skills(a_skill(status="retired"), a_skill(status="trusted")).status == "retired"


def test_matters_are_told_by_user_kind_and_conditions() -> None:
    first = a_memory()
    assert same_matter(first, a_memory(outcome="refuted", text="Else.", conditions={"Dataset": ["DIGITS"]}))
    assert memory_key(first) == memory_key(a_memory(conditions={"Dataset": ["DIGITS"]}))
    for other in ({"profile": "bob"}, {"kind": "resource"}, {"conditions": {"dataset": ["iris"]}}):
        assert not same_matter(first, a_memory(**other))


def test_what_was_only_noted_needs_similar_words() -> None:
    first = a_memory(kind="decision", outcome="noted", text="Report the macro F1 score.")
    assert same_matter(first, a_memory(kind="decision", outcome="noted", text="The macro F1 score is reported."))
    assert not same_matter(first, a_memory(kind="decision", outcome="noted", text="Keep runs below one hour."))
    assert not same_matter(a_memory(conditions={}), a_memory(conditions={}, text="Runs need a large disk."))


def test_confirmation_keeps_the_name_and_takes_the_newer_words() -> None:
    newer = a_memory(id="n", run="r2", text="Trees win again.", updated="2030-02-01T00:00:00+00:00", facts={"by": 2})
    both = confirm(a_memory(), newer)
    assert (both.id, both.run, both.text, both.seen, both.facts) == ("m", "r2", "Trees win again.", 2, {"by": 2})
    again = confirm(both, a_memory(id="o", text="Old words."))
    assert (again.text, again.seen, again.run) == ("Trees win again.", 3, "r2")
