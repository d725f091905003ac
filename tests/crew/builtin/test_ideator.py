from dataclasses import replace
from itertools import combinations

import pytest

from nanoresearch.crew.builtin.ideator import BuiltinIdeator, compatible
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.reading import read_topic
from nanoresearch.crew.builtin.surveyor import BuiltinSurveyor
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.schema.experience import Memory, Skill
from nanoresearch.schema.idea import Hypothesis, Ideas
from nanoresearch.schema.profile import Profile

from .conftest import TOPIC, briefing_for
from .lived import refuted, skill

CORPUS = OfflineCorpus()


def propose(topic: str = TOPIC, profile: Profile | None = None, **effect: object) -> list[Hypothesis]:
    briefing = briefing_for("ideation", profile, topic, **effect)
    survey = BuiltinSurveyor(CORPUS).survey(briefing, (CORPUS,))
    return [item.hypothesis for item in BuiltinIdeator().propose(briefing, survey).proposals]


def test_what_the_topic_asks_for_is_proposed_first() -> None:
    assert set(propose()[0].components) >= {"class_weights", "quantiles"}


def test_hypotheses_differ_and_can_be_refuted() -> None:
    found = propose()
    assert len({item.components for item in found}) == len(found) >= 2
    assert all(item.prediction and item.rationale for item in found)


@pytest.mark.parametrize(
    ("effect", "seen"),
    [
        ({"hypotheses": 7}, lambda found: len(found) == 7),
        ({"strategy": "isolate"}, lambda found: len(found[0].components) == 1),
        ({"strategy": "pairs"}, lambda found: len(found[0].components) == 2),
    ],
)
def test_ideation_directives_show_in_the_hypotheses(effect: dict[str, object], seen: object) -> None:
    topic = "Do additions to logistic regression help classify breast cancer tables?"
    assert seen(propose(topic, None, **effect))  # type: ignore[operator]
    assert not seen(propose(topic))  # type: ignore[operator]


def test_tags_to_avoid_and_to_prefer_are_followed() -> None:
    topic = "Do additions to logistic regression help classify breast cancer tables?"
    first = propose(topic)[0].components[0]
    tag = next(item.spec.tags[0] for item in load_kits()["tabular_classification"].components if item.spec.id == first)
    avoided = {name for item in propose(topic, None, avoid_tags=[tag]) for name in item.components}
    assert first not in avoided
    preferred = propose(topic, None, prefer_tags=["calibration"])[0].components
    tags = {item.spec.id: item.spec.tags for item in load_kits()["tabular_classification"].components}
    assert any("calibration" in tags[name] for name in preferred)


@pytest.mark.parametrize("kit", load_kits().values(), ids=lambda kit: kit.id)
def test_conflicts_are_mutual_and_never_proposed(kit) -> None:  # type: ignore[no-untyped-def]
    ids = {item.spec.id: item for item in kit.components}
    for item in kit.components:
        assert set(item.conflicts) <= set(ids)
        assert all(item.spec.id in ids[other].conflicts for other in item.conflicts)
        assert item.needs_sweep is None or item.needs_sweep in {option.spec.id for option in kit.sweeps}
        for other in item.conflicts:
            assert not compatible((item, ids[other]))


def test_a_component_that_needs_a_sweep_brings_it_along() -> None:
    reading = read_topic("Does self-training help text classification of film reviews?", Profile())
    assert reading.sweep is not None
    assert reading.sweep.spec.id == "labels_per_class"
    without = read_topic("Do bigrams help text classification of film reviews?", Profile())
    assert "self_training" not in {item.spec.id for item in without.components}


# What earlier runs taught

OPEN = "Do additions to logistic regression help classify breast cancer tables?"


def informed(*entries: Skill | Memory, topic: str = TOPIC) -> Ideas:
    briefing = replace(
        briefing_for("ideation", None, topic),
        skills=tuple(item for item in entries if isinstance(item, Skill)),
        memories=tuple(item for item in entries if isinstance(item, Memory)),
    )
    return BuiltinIdeator().propose(briefing, BuiltinSurveyor(CORPUS).survey(briefing, (CORPUS,)))


def sets(ideas: Ideas) -> list[frozenset[str]]:
    return [frozenset(item.hypothesis.components) for item in ideas.proposals]


def test_a_refuted_hypothesis_is_not_proposed_again() -> None:
    first = sets(informed())[0]
    memory = refuted(*first)
    ideas = informed(memory)
    assert first not in sets(ideas)
    assert sets(ideas)[0] == sets(informed())[1]
    assert ideas.informed_by == (memory.id,)
    assert "not tested again" in ideas.proposals[0].hypothesis.rationale
    assert informed().informed_by == ()


@pytest.mark.parametrize(
    "other",
    [
        refuted("class_weights", "quantiles", datasets=("iris",)),
        refuted("class_weights", "quantiles", metric="log_loss"),
        refuted("class_weights", "quantiles", asked_sweep="label_noise"),
        refuted("class_weights", "quantiles").model_copy(update={"outcome": "inconclusive"}),
        refuted("class_weights", "quantiles").model_copy(update={"superseded_by": "newer"}),
        refuted("class_weights", "quantiles", worse_on=["iris"], datasets=("iris", "wine")),
    ],
    ids=["other data", "other metric", "other condition", "not refuted", "superseded", "worse elsewhere"],
)
def test_a_refutation_holds_under_its_own_conditions_only(other: Memory) -> None:
    assert informed(other) == informed()


def test_data_that_would_be_chosen_count_where_the_topic_names_none() -> None:
    topic = "Do class weights and quantile transforms help logistic regression in classification of tabular data?"
    known = frozenset({"class_weights", "quantiles"})
    assert known in sets(informed(topic=topic))
    assert known not in sets(informed(refuted(*known), topic=topic))
    assert known in sets(informed(refuted(*known, datasets=("iris",)), topic=topic))


def test_when_everything_was_refuted_the_least_tested_is_replicated() -> None:
    ids = [item.spec.id for item in load_kits()["tabular_classification"].components]
    everything = [refuted(*chosen) for size in (1, 2, 3) for chosen in combinations(ids, size)]
    rare = {"interactions", "feature_selection"}
    often = [item.model_copy(update={"seen": 1 if set(item.facts["components"]) == rare else 2}) for item in everything]
    ideas = informed(*often)
    assert sets(ideas)[0] == rare
    assert "replication" in ideas.proposals[0].hypothesis.rationale
    scores = [item.hypothesis.score for item in ideas.proposals]
    assert scores == sorted(scores, reverse=True)


def test_a_component_that_was_better_before_moves_up_but_not_above_what_is_asked_for() -> None:
    plain = sets(informed(topic=OPEN))
    last = next(iter(sorted(plain[-1] - plain[0])), sorted(plain[-1])[0])
    liked = skill("ideation", "prefer", last, uses=4, successes=4)
    ideas = informed(liked, topic=OPEN)
    assert sets(ideas) != plain
    assert any(last in item for item in sets(ideas)[: plain.index(plain[-1])])
    assert ideas.informed_by == (liked.id,)
    unlucky = skill("ideation", "prefer", last, uses=4, failures=4)
    assert informed(unlucky, topic=OPEN) == informed(topic=OPEN)
    asked = informed(skill("ideation", "prefer", "interactions", uses=9, successes=9))
    assert sets(asked)[0] == sets(informed())[0]
