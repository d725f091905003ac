import pytest

from nanoresearch.crew.builtin.ideator import BuiltinIdeator, compatible
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.reading import read_topic
from nanoresearch.crew.builtin.surveyor import BuiltinSurveyor
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.profile import Profile

from .conftest import TOPIC, briefing_for

CORPUS = OfflineCorpus()


def propose(topic: str = TOPIC, profile: Profile | None = None, **effect: object) -> list[Hypothesis]:
    briefing = briefing_for("ideation", profile, topic, **effect)
    survey = BuiltinSurveyor(CORPUS).survey(briefing, (CORPUS,))
    return [item.hypothesis for item in BuiltinIdeator().propose(briefing, survey)]


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
