"""What is kept, superseded and rolled back, and planning without torch: no model is needed here."""

from pathlib import Path

import pytest

from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.planner.prompt import clean, compose, menu_of, shorten
from nanoresearch.planner.promptonly import NOT_USED, NOTHING_LEARNED, PromptOnlyPlanner, pick
from nanoresearch.planner.replay import (
    Standing,
    chain_of,
    learned,
    lineage,
    rivals,
    settle,
    standing,
    superseded,
    with_rivals,
)
from nanoresearch.planner.trust import decided_by, judge, kept, moved, slipping
from nanoresearch.schema.learning import LearningSettings, PhaseMeasure, Preference, UpdateRecord
from nanoresearch.schema.plan import Directive
from nanoresearch.schema.profile import Profile

SETTINGS = LearningSettings()


def says(relevance: dict[str, float] | None = None, **bonus: float) -> Preference:
    return Preference(phase="planning", bonus=bonus, relevance=relevance or {})


def update(version: int, parent: int, accepted: bool = True) -> UpdateRecord:
    return UpdateRecord(
        version=version, parent=parent, accepted=accepted, reason="", feedback="", model="m", model_sha256="0",
        settings=SETTINGS, time="",
    )  # fmt: skip


def measure(drift: float = 1.0, entropy: float = 5.0) -> PhaseMeasure:
    return PhaseMeasure(
        phase="planning", topic="t", before={}, teacher={}, after={}, drift=drift, entropy=entropy, base_entropy=6.0
    )


def directive(name: str, **effect: object) -> Directive:
    return Directive(id=name, phase="planning", text=f"Do {name} now.", effect=effect)


def test_the_lineage_skips_refused_updates_and_left_branches() -> None:
    history = [update(1, 0), update(2, 1, accepted=False), update(3, 1), update(4, 1)]
    assert [r.version for r in lineage(history, 4)] == [1, 4]
    assert lineage(history, 0) == []


def test_the_newest_feedback_decides_on_what_it_speaks_of() -> None:
    chain = [(1, says(a=4.0, b=3.0, c=0.2)), (2, says(a=-4.0, b=0.1, c=0.0))]
    before, after = standing(chain[:1], {}), standing(chain, {})
    assert {name: item.version for name, item in after.items()} == {"a": 2, "b": 1}
    assert after["a"].bonus < 0
    assert superseded(before, after) == {1: ("a",)}


def test_speaking_of_a_directive_without_wanting_it_ends_the_older_wish() -> None:
    chain = [(1, says(a=4.0)), (2, says({"a": 9.0}, a=0.1))]
    assert standing(chain, {}) == {}


def test_a_faint_echo_does_not_undo_a_wish() -> None:
    wish = (1, says(a=5.0))
    assert standing([wish, (2, says(a=1.3))], {}) == {"a": Standing(5.0, 1)}  # agrees
    assert standing([wish, (2, says(a=-1.3))], {}) == {"a": Standing(5.0, 1)}  # objects, but faintly
    assert standing([wish, (2, says(a=-2.6))], {}) == {"a": Standing(-2.6, 2)}
    assert standing([(1, says(a=3.0)), (2, says(a=4.0))], {}) == {"a": Standing(4.0, 2)}
    assert standing([wish, (2, says({"a": 4.0}, a=0.1))], {}) == {"a": Standing(5.0, 1)}
    against = {"a": frozenset({"b"}), "b": frozenset({"a"})}
    assert set(standing([wish, (2, says(b=1.3))], against)) == {"a", "b"}
    assert set(standing([wish, (2, says(b=4.0))], against)) == {"b"}


def test_a_new_wish_ends_older_wishes_for_its_rivals() -> None:
    menu = [directive("five", seeds=5), directive("one", seeds=2), directive("size", measures=["latency_ms"])]
    against = rivals(menu)
    assert against == {"five": frozenset({"one"}), "one": frozenset({"five"}), "size": frozenset()}
    chain = [(1, says(five=4.0, size=4.0)), (2, says(one=4.0))]
    assert set(standing(chain, against)) == {"one", "size"}
    assert settle({"five": 3.0, "one": 3.0, "size": 1.0}, {"five": 2.0, "one": 9.0, "size": 0.0}, against) == {
        "five": -3.0,
        "one": 3.0,
        "size": 1.0,
    }


def test_the_trust_region() -> None:
    assert judge(measure(), {1: 0.9}, SETTINGS).accepted
    assert "moved" in judge(measure(drift=99), {}, SETTINGS).reason
    assert "variety" in judge(measure(entropy=0.1), {}, SETTINGS).reason
    after = dict.fromkeys("abcd", 0.9)
    spill = measure().model_copy(update={"before": {"a": 1.0}, "teacher": {"b": 1.0}, "after": after})
    assert "1.8 directives that nobody asked for" in judge(spill, {}, SETTINGS).reason
    assert judge(spill, {}, SETTINGS.model_copy(update={"anchored": False})).accepted
    forgot = judge(measure(), {1: 0.9, 2: 0.3}, SETTINGS)
    assert not forgot.accepted
    assert "update 2" in forgot.reason


def test_the_share_of_a_way_is_that_of_the_directive_that_lags() -> None:
    base, reached = {"a": 0.1, "b": 0.5, "c": 0.2}, {"a": 0.9, "b": 0.0, "c": 0.25}
    asked = {"a": 4.0, "b": -4.0, "c": 4.0}
    assert moved(base, reached, {"a": 0.9, "b": 0.25, "c": 0.0}, asked) == pytest.approx(0.5)
    assert moved(base, reached, reached, {}) is None
    assert moved(base, {"a": 0.0, "b": 0.5, "c": 0.2}, base, asked) is None  # nothing went the way that was asked


def test_what_slips_is_found() -> None:
    first = says(a=5.0, b=0.2, c=3.0).model_copy(
        update={"base": {"a": 0.0, "b": 0.0, "c": 0.0}, "reached": {"a": 1.0, "b": 1.0, "c": 1.0}}
    )
    asked = {"a": Standing(5.0, 1), "b": Standing(1.5, 1), "c": Standing(-5.0, 2)}
    left = kept([(1, first)], asked, {"a": 0.4, "b": 0.0, "c": 0.0})
    assert left == {1: 0.4}  # b was barely touched, c is decided by another update
    assert decided_by(asked, 2) == {"c": -5.0}
    assert slipping(left, None, SETTINGS)
    assert slipping({1: 0.9}, 0.3, SETTINGS)
    assert not slipping({1: 0.9}, 0.8, SETTINGS)
    assert not slipping({}, None, SETTINGS)


def test_each_phase_has_the_updates_that_made_its_adapter() -> None:
    def of(version: int, parent: int, *phases: str, accepted: bool = True) -> UpdateRecord:
        heard = tuple(Preference(phase=phase, bonus={"a": version}) for phase in ("planning", "coding"))  # type: ignore[arg-type]
        return update(version, parent, accepted).model_copy(update={"phases": phases, "preferences": heard})

    history = [of(1, 0, "planning"), of(2, 1, accepted=False), of(3, 1, "coding"), of(4, 3, "planning", "coding")]
    by_phase = learned(history, 4)
    assert {phase: [r.version for r in records] for phase, records in by_phase.items()} == {
        "planning": [1, 4],
        "coding": [3, 4],
    }
    assert [(version, item.phase) for version, item in chain_of(by_phase["coding"], "coding")] == [
        (3, "coding"),
        (4, "coding"),
    ]
    assert learned(history, 0) == {}


def test_a_wish_speaks_against_its_rivals_that_nobody_wants() -> None:
    menu = [directive("five", seeds=5), directive("one", seeds=2), directive("ten", seeds=10)]
    whole = with_rivals({"five": 4.0, "one": 0.3, "ten": 2.0}, rivals(menu))
    assert whole == {"five": 4.0, "one": -4.0, "ten": 2.0}
    assert with_rivals({"five": -4.0}, rivals(menu)) == {"five": -4.0}


@pytest.mark.parametrize("phase", ["ideation", "planning", "coding", "writing"])
def test_the_prompt_holds_the_catalogue_and_keeps_to_its_budget(phase: str) -> None:
    request = PlannerInput(phase, "word " * 3000, Profile(taboos=("deep learning",)), context="more " * 3000)  # type: ignore[arg-type]
    menu = menu_of(request)

    def count(text: str) -> int:
        return len(text.split())

    text = compose(request, menu, count, 500)
    assert all(directive.text in text for directive in menu)
    assert count(text) <= 500
    assert "Topic: word" in text


def test_own_directives_join_the_menu_and_replace_their_namesakes() -> None:
    menu = menu_of(PlannerInput("planning", "t", Profile(directives=(directive("mine", seeds=9),))))
    assert menu[-1].id == "mine"
    again = menu_of(PlannerInput("planning", "t", Profile(directives=(directive(menu[0].id, seeds=9),))))
    assert len(again) == len({d.id for d in again}) == len(menu) - 1


def test_cleaning_and_shortening() -> None:
    assert clean("a\x00b\u200b\tc\n\n d") == "ab c d"
    short = shorten("start " + "middle " * 900 + "end", lambda text: len(text.split()), 20)
    assert short.startswith("start")
    assert short.endswith("end")
    assert len(short.split()) <= 20
    assert len(shorten("x" * 50_000, len, 100)) <= 100


def test_without_torch_and_model_the_plan_is_fixed_and_says_so(tmp_path: Path) -> None:
    planner = PromptOnlyPlanner(tmp_path)
    request = PlannerInput("planning", "t", Profile())
    assert planner.remember("Always ten seeds.") == NOT_USED
    assert planner.plan(request) == FixedPlanner().plan(request)
    assert planner.remember(" \x00 ") == "No feedback was given."


def test_with_a_model_feedback_is_shown_as_text_and_nothing_is_learned(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(prompt: str) -> str:
        seen.append(prompt)
        return "1. **Repeat over ten seeds.**\n- Something else\n2. Repeat over ten seeds"

    planner = PromptOnlyPlanner(tmp_path, answer)
    assert planner.remember("Always ten seeds.") == NOTHING_LEARNED
    plan = planner.plan(PlannerInput("planning", "t", Profile()))
    assert [d.id for d in plan.directives] == ["ten_seeds"]
    assert plan.planner == "prompt-only"
    assert plan.adapter_version is None
    assert "Always ten seeds." in seen[0]
    assert pick("nonsense", menu_of(PlannerInput("planning", "t", Profile()))) == ()
