"""Retrieval: what fits comes back, explained; what contradicts, is retired or belongs to another never does."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanoresearch.config import RetrievalWeights
from nanoresearch.experience.retrieve import contradicts, explain, retrieve_memories, retrieve_skills
from nanoresearch.experience.store import ExperienceStore
from nanoresearch.schema.experience import Memory, Remedy, RetrievedMemory, RetrievedSkill, Situation, Skill

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WEIGHTS = RetrievalWeights()
HOSTILE = "\"NEAR( OR * ^ -- ; DROP TABLE skills; ' {words}: AND NOT \\ \0 \ud800 \x1b"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExperienceStore]:
    with ExperienceStore(tmp_path / "experience.db", clock=lambda: NOW) as opened:
        yield opened


def a_skill(name: str, **fields: object) -> Skill:
    remedy = Remedy(crew="c", action="fix", target=name)  # keeps them apart
    base = {"id": name, "kind": "coding", "when": "In a study.", "what": "Act.", "remedy": remedy}
    return Skill.model_validate({**base, **fields})


def a_memory(name: str, **fields: object) -> Memory:
    base = {
        "id": name, "kind": "hypothesis", "profile": "ada", "project": "p", "run": "r", "text": f"Trees win, {name}.",
        "conditions": {"component": [name]}, "outcome": "supported",
    }  # fmt: skip
    return Memory.model_validate({**base, **fields})


def moment(text: str = "", **fields: object) -> Situation:
    return Situation.model_validate({"kind": "coding", "profile": "ada", "project": "p", "text": text, **fields})


def skills(store: ExperienceStore, situation: Situation, limit: int = 5) -> tuple[RetrievedSkill, ...]:
    return retrieve_skills(store, situation, limit=limit, weights=WEIGHTS, half_life_days=60)


def memories(store: ExperienceStore, situation: Situation, limit: int = 5) -> tuple[RetrievedMemory, ...]:
    return retrieve_memories(store, situation, limit=limit, weights=WEIGHTS, half_life_days=60)


def ids(found: tuple[RetrievedSkill, ...]) -> list[str]:
    return [entry.skill.id for entry in found]


def test_a_skill_is_found_by_its_words_in_other_forms(store: ExperienceStore) -> None:
    store.put_skill(a_skill("scale", what="Scale the features of kernel machines."))
    store.put_skill(a_skill("weigh", what="Weigh the rare classes."))
    assert ids(skills(store, moment("scaling a feature"))) == ["scale"]
    assert ids(skills(store, moment("the of with under"))) == []
    assert ids(skills(store, moment("photosynthesis"))) == []


def test_total_is_the_weighted_sum_of_the_parts(store: ExperienceStore) -> None:
    old = (NOW - timedelta(days=120)).isoformat()
    store.put_skill(a_skill("a", what="Scale it.", tags=["Kernel", "text"], uses=5, successes=5, updated=old))
    (entry,) = skills(store, moment("scale", tags=["kernel", "audio"]))
    score = entry.score
    assert (score.keyword, score.tags, score.recency, score.usage) == (1, 0.5, 0.25, 0.5)
    assert score.confidence == pytest.approx(6 / 7)
    parts = {name: getattr(score, name) * getattr(WEIGHTS, name) for name in RetrievalWeights.model_fields}
    assert score.total == pytest.approx(sum(parts.values()))
    told = explain(score, WEIGHTS)
    assert told.startswith(f"{score.total:.2f} = keyword 1.00 x 1 + tags 0.50 x 0.7")
    assert explain(score, RetrievalWeights(keyword=0)).count("keyword") == 0


def test_each_part_decides_the_order_alone(store: ExperienceStore) -> None:
    old = (NOW - timedelta(days=400)).isoformat()
    store.put_skill(a_skill("plain", what="Scale."))
    store.put_skill(a_skill("tagged", what="Scale.", tags=["x"]))
    store.put_skill(a_skill("sure", what="Scale.", successes=9))
    store.put_skill(a_skill("used", what="Scale.", uses=50))
    store.put_skill(a_skill("old", what="Scale.", updated=old))
    nothing = dict.fromkeys(RetrievalWeights.model_fields, 0.0)
    for part, best in (("tags", "tagged"), ("confidence", "sure"), ("usage", "used")):
        weights = RetrievalWeights(**{**nothing, part: 1.0})
        found = retrieve_skills(store, moment("scale", tags=["X"]), limit=9, weights=weights, half_life_days=60)
        assert ids(found)[0] == best
    found = retrieve_skills(
        store, moment("scale"), limit=9, weights=RetrievalWeights(**{**nothing, "recency": 1.0}), half_life_days=60
    )
    assert ids(found)[-1] == "old"


def test_tags_alone_are_enough(store: ExperienceStore) -> None:
    store.put_skill(a_skill("a", tags=["Time Series"]))
    assert ids(skills(store, moment(tags=["time series"]))) == ["a"]


def test_a_trigger_in_the_text_comes_before_all_others(store: ExperienceStore) -> None:
    trigger = "valueerror: could not convert string to float"
    store.put_skill(a_skill("cure", kind="debugging", trigger=trigger))
    store.put_skill(
        a_skill("rival", what="Could convert string float, float, string.", tags=["x"], successes=50, uses=50)
    )
    store.put_skill(a_skill("near", trigger="valueerror: could not convert string to int", failures=1))
    text = "Traceback: File a.py\nValueError: could not convert string to  float: 'abc'"
    found = skills(store, moment(text, tags=["x"]))
    assert ids(found)[0] == "cure"
    assert found[0].score.keyword == 1
    assert found[0].score.total < found[1].score.total
    part = moment("could not convert string to float", tags=["x"])
    assert ids(skills(store, part))[0] == "rival", "a part of the trigger is only words"


def test_a_trigger_without_words_matches_only_itself(store: ExperienceStore) -> None:
    store.put_skill(a_skill("a", trigger="!?"))
    assert ids(skills(store, moment(" !? "))) == ["a"]
    assert ids(skills(store, moment("!"))) == []


def test_phases_stay_apart_but_coding_and_debugging_share(store: ExperienceStore) -> None:
    for kind in ("ideation", "planning", "coding", "debugging", "writing"):
        store.put_skill(a_skill(kind, kind=kind, what="Scale."))
    assert set(ids(skills(store, moment("scale")))) == {"coding", "debugging"}
    assert set(ids(skills(store, moment("scale", kind="debugging")))) == {"coding", "debugging"}
    assert ids(skills(store, moment("scale", kind="writing"))) == ["writing"]


def test_retired_skills_are_never_returned(store: ExperienceStore) -> None:
    store.put_skill(a_skill("a", what="Scale.", trigger="Boom", tags=["x"]))
    store.retire("a")
    assert skills(store, moment("scale boom", tags=["x"])) == ()
    store.restore("a")
    assert ids(skills(store, moment("scale boom"))) == ["a"]


def test_memories_are_the_profiles_own_current_and_not_expired(store: ExperienceStore) -> None:
    store.put_memory(a_memory("mine"))
    store.put_memory(a_memory("theirs", profile="bob"))
    store.put_memory(a_memory("past", expires=(NOW - timedelta(days=1)).isoformat()))
    store.put_memory(a_memory("was"))
    store.put_memory(a_memory("is", conditions={"component": ["was"]}, outcome="refuted"))
    found = memories(store, moment("trees win"))
    assert {entry.memory.id for entry in found} == {"mine", "is"}
    assert all(entry.score.usage == entry.score.confidence == 0 for entry in found)


def test_the_limit_and_the_best_match(store: ExperienceStore) -> None:
    for number in range(8):
        store.put_skill(a_skill(f"s-{number}", what="scale " * (number + 1) + "other words here"))
    found = skills(store, moment("scale"), limit=3)
    assert len(found) == 3
    assert found[0].score.keyword == 1
    assert [entry.score.total for entry in found] == sorted((entry.score.total for entry in found), reverse=True)
    assert skills(store, moment("scale"), limit=0) == ()
    assert memories(store, moment("scale"), limit=0) == ()


def test_a_limit_for_each_kind_keeps_one_kind_from_crowding_out_another(store: ExperienceStore) -> None:
    for number in range(6):
        store.put_memory(a_memory(f"cost-{number}", kind="resource", text="Trees win time."))
    store.put_memory(a_memory("claim", text="Trees."))
    found = retrieve_memories(
        store, moment("trees win"), limit={"resource": 2, "hypothesis": 3}, weights=WEIGHTS, half_life_days=60
    )
    assert sorted(entry.memory.kind for entry in found) == ["hypothesis", "resource", "resource"]
    nothing = retrieve_memories(store, moment("trees"), limit={"decision": 9}, weights=WEIGHTS, half_life_days=60)
    assert nothing == ()


def test_common_words_are_searched_among_the_newest_and_rare_ones_everywhere(
    store: ExperienceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanoresearch.experience.index._POSTINGS", 5)
    for number in range(40):
        store.put_skill(a_skill(f"s-{number}", what="scale gently" if number == 3 else "scale"))
    assert ids(skills(store, moment("scale gently"))) == ["s-3"]
    assert set(ids(skills(store, moment("scale"), limit=50))) == {f"s-{number}" for number in range(34, 40)}


@pytest.mark.parametrize("text", ["", " ", HOSTILE, "x" * 100_000, "word " * 50_000, "数据 集成"])
def test_any_text_is_searched_without_harm(store: ExperienceStore, text: str) -> None:
    store.put_skill(a_skill("a", what="Scale it near the words; drop 数据集 tables."))
    store.put_memory(a_memory("m"))
    situation = Situation.model_construct(**{**dict(moment()), "text": text, "tags": (HOSTILE, "")})
    assert len(skills(store, situation)) <= 1
    memories(store, situation)
    assert store.skill("a").id == "a"
    assert ids(skills(store, moment("数据"))) == ["a"]


def test_contradiction_needs_a_property_in_both_without_a_shared_value() -> None:
    assert contradicts({"dataset": ("iris",)}, {"dataset": ("digits",)})
    assert contradicts({"Dataset": ("iris",)}, {"dataset": ("digits",)})
    assert not contradicts({"dataset": ("iris", "Digits")}, {"dataset": ("digits",)})
    assert not contradicts({"dataset": ("iris",)}, {"metric": ("f1",)})
    assert not contradicts({}, {"dataset": ("iris",)})
    assert not contradicts({"dataset": ()}, {"dataset": ("iris",)})


VALUES = st.lists(st.sampled_from(["iris", "Iris", "DIGITS", "digits", "straße", "STRASSE", "x y"]), max_size=3)
CONDITIONS = st.dictionaries(st.sampled_from(["dataset", "Dataset", "metric", "hardware"]), VALUES, max_size=3)


def clashes(first: dict[str, list[str]], second: dict[str, list[str]]) -> bool:
    """The rule once more, written another way."""

    def pairs(conditions: dict[str, list[str]]) -> set[tuple[str, str]]:
        return {(name.casefold(), value.casefold()) for name, values in conditions.items() for value in values}

    names = {name for name, _ in pairs(first)} & {name for name, _ in pairs(second)}
    agreed = {name for name, _ in pairs(first) & pairs(second)}
    return bool(names - agreed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CONDITIONS, min_size=1, max_size=8), CONDITIONS, st.sampled_from(["trees", "tag only"]))
def test_contradicting_memories_are_never_returned_and_no_other_is_kept_back(
    stored: list[dict[str, list[str]]], known: dict[str, list[str]], text: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, ExperienceStore(Path(folder) / "e.db", clock=lambda: NOW) as store:
        with store.database.write():
            for number, conditions in enumerate(stored):
                own = {**conditions, "component": [str(number)]}
                store.put_memory(a_memory(f"m-{number}", text="Trees win.", conditions=own, tags=["t"]))
        found = memories(store, moment(text, tags=["T"], conditions=known), limit=50)
        expected = {f"m-{number}" for number, conditions in enumerate(stored) if not clashes(conditions, known)}
        assert {entry.memory.id for entry in found} == expected
        assert not any(contradicts(entry.memory.conditions, dict(known)) for entry in found)
