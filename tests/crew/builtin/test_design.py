"""Designer and critic together: what is rejected is mended, and nothing is rejected twice for the same thing."""

from dataclasses import replace
from pathlib import Path

import pytest

from nanoresearch.crew.builtin.critic import BuiltinCritic
from nanoresearch.crew.builtin.designer import BuiltinDesigner
from nanoresearch.crew.builtin.sizing import Forecast, forecast_from
from nanoresearch.crew.roles import Briefing
from nanoresearch.errors import DatasetError
from nanoresearch.schema.blueprint import Blueprint, Critique
from nanoresearch.schema.experience import Memory
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.profile import Compute, Profile, StatisticsHabits

from .conftest import TOPIC, briefing_for
from .lived import memory, skill


def design_until_passed(
    briefing: Briefing, hypothesis: Hypothesis, root: Path
) -> tuple[list[Blueprint], list[Critique]]:
    drafts: list[Blueprint] = []
    critiques: list[Critique] = []
    previous = None
    for number in range(1, 9):
        drafts.append(BuiltinDesigner().design(briefing, hypothesis, previous, root))
        critiques.append(BuiltinCritic().critique(briefing, drafts[-1], number, root))
        if critiques[-1].passed:
            break
        previous = (drafts[-1], critiques[-1])
    return drafts, critiques


def kinds(blueprint: Blueprint, root: Path, profile: Profile | None = None) -> set[str]:
    critique = BuiltinCritic().critique(briefing_for("planning", profile), blueprint, 1, root)
    assert critique.passed is (not critique.objections)
    return {objection.kind for objection in critique.objections}


def test_a_plain_draft_passes_at_once(blueprint: Blueprint, tmp_path: Path) -> None:
    assert kinds(blueprint, tmp_path) == set()
    roles = [method.role for method in blueprint.methods]
    assert roles == ["reference", "alternative", "baseline", "variant", "variant", "proposed"]
    primary = [item for item in blueprint.comparisons if item.primary]
    assert {(item.method, item.versus) for item in primary} == {("proposed", "baseline")}
    assert {item.dataset for item in primary} == {"wine", "breast-cancer"}


def test_the_draft_is_the_same_every_time(hypothesis: Hypothesis, blueprint: Blueprint, tmp_path: Path) -> None:
    again = BuiltinDesigner().design(briefing_for("planning"), hypothesis, None, tmp_path)
    assert again.digest() == blueprint.digest()


def test_a_small_budget_is_objected_to_and_then_met(hypothesis: Hypothesis, tmp_path: Path) -> None:
    profile = Profile(compute=Compute(minutes=0.35))
    drafts, critiques = design_until_passed(briefing_for("planning", profile), hypothesis, tmp_path)
    assert critiques[0].objections[0].kind == "over_budget"
    assert critiques[-1].passed
    assert drafts[-1].forecast_minutes <= 0.35 < drafts[0].forecast_minutes


def test_an_impossible_budget_never_passes(hypothesis: Hypothesis, tmp_path: Path) -> None:
    profile = Profile(compute=Compute(minutes=0.001))
    _, critiques = design_until_passed(briefing_for("planning", profile), hypothesis, tmp_path)
    assert not critiques[-1].passed


def test_a_taboo_on_the_alternative_gets_another_one(hypothesis: Hypothesis, tmp_path: Path) -> None:
    free, _ = design_until_passed(briefing_for("planning"), hypothesis, tmp_path)
    tag = next(method for method in free[-1].methods if method.role == "alternative").tags[0]
    profile = Profile(taboos=(f"no {tag}",))
    drafts, critiques = design_until_passed(briefing_for("planning", profile), hypothesis, tmp_path)
    assert "taboo" in {objection.kind for objection in critiques[0].objections}
    assert critiques[-1].passed
    assert all(tag not in method.tags for method in drafts[-1].methods)


def test_rank_tests_over_few_seeds_are_underpowered(hypothesis: Hypothesis, tmp_path: Path) -> None:
    profile = Profile(statistics=StatisticsHabits(test="wilcoxon", seeds=5))
    drafts, critiques = design_until_passed(briefing_for("planning", profile), hypothesis, tmp_path)
    assert critiques[0].objections[0].kind == "underpowered"
    assert critiques[-1].passed
    assert drafts[-1].test == "paired_t"


def test_without_ablation_nothing_can_be_attributed(hypothesis: Hypothesis, tmp_path: Path) -> None:
    drafts, critiques = design_until_passed(briefing_for("planning", ablation="none"), hypothesis, tmp_path)
    assert critiques[0].objections[0].kind == "missing_control"
    assert critiques[-1].passed
    assert {("class_weights",), ("quantiles",)} <= {method.components for method in drafts[-1].methods}


def test_a_trivial_reference_is_asked_for(hypothesis: Hypothesis, tmp_path: Path) -> None:
    drafts, critiques = design_until_passed(briefing_for("planning", reference=False), hypothesis, tmp_path)
    assert critiques[0].objections[0].kind == "missing_baseline"
    assert any(method.role == "reference" for method in drafts[-1].methods)


def test_a_baseline_with_a_component_is_unfair(blueprint: Blueprint, tmp_path: Path) -> None:
    methods = tuple(
        method.model_copy(update={"components": ("quantiles",)}) if method.role == "baseline" else method
        for method in blueprint.methods
    )
    assert "unfair_comparison" in kinds(blueprint.model_copy(update={"methods": methods}), tmp_path)


def test_beating_the_trivial_reference_decides_nothing(blueprint: Blueprint, tmp_path: Path) -> None:
    straw = tuple(
        item.model_copy(update={"versus": blueprint.methods[0].id}) if item.primary else item
        for item in blueprint.comparisons
    )
    assert "unfair_comparison" in kinds(blueprint.model_copy(update={"comparisons": straw}), tmp_path)


def test_no_baseline_is_rejected(blueprint: Blueprint, tmp_path: Path) -> None:
    methods = tuple(method for method in blueprint.methods if method.role != "baseline")
    assert "missing_baseline" in kinds(blueprint.model_copy(update={"methods": methods}), tmp_path)


def test_data_that_vanished_are_rejected(blueprint: Blueprint, tmp_path: Path) -> None:
    card = blueprint.datasets[0].card.model_copy(update={"carrier": "wheel", "id": "gone"})
    gone = blueprint.datasets[0].model_copy(update={"card": card})
    critique = BuiltinCritic().critique(
        briefing_for("planning"), blueprint.model_copy(update={"support": (gone,)}), 1, tmp_path
    )
    assert [objection.kind for objection in critique.objections] == ["missing_data"]
    assert "nanoresearch data fetch gone" in critique.objections[0].text


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": (1, 1, 2)},
        {"comparisons": ()},
        {"metrics": ()},
        {"components": ()},
    ],
)
def test_malformed_drafts_are_rejected(blueprint: Blueprint, tmp_path: Path, change: dict[str, object]) -> None:
    assert "malformed" in kinds(blueprint.model_copy(update=change), tmp_path)


def test_named_data_that_are_missing_are_offered_never_replaced(hypothesis: Hypothesis, tmp_path: Path) -> None:
    briefing = briefing_for("planning", topic="Do class weights help logistic regression on the Palmer penguins table?")
    with pytest.raises(DatasetError, match="nanoresearch data fetch penguins"):
        BuiltinDesigner().design(briefing, hypothesis, None, tmp_path)


@pytest.mark.parametrize(
    ("effect", "seen"),
    [
        ({"seeds": 7}, lambda b: len(b.seeds) == 7),
        ({"confidence": 0.9}, lambda b: b.confidence == 0.9),
        ({"test": "wilcoxon"}, lambda b: b.test == "wilcoxon"),
        ({"components": 1}, lambda b: len(b.components) == 1),
        ({"secondary_metrics": False}, lambda b: len(b.metrics) == 1),
        ({"alternatives": False}, lambda b: all(m.role != "alternative" for m in b.methods)),
        ({"measures": ["latency_ms"]}, lambda b: b.measures == ("fit_seconds", "latency_ms")),
        ({"slices": True}, lambda b: b.slices),
    ],
)
def test_planning_directives_show_in_the_blueprint(
    hypothesis: Hypothesis, blueprint: Blueprint, tmp_path: Path, effect: dict[str, object], seen: object
) -> None:
    drafted = BuiltinDesigner().design(briefing_for("planning", None, TOPIC, **effect), hypothesis, None, tmp_path)
    assert seen(drafted)  # type: ignore[operator]
    assert not seen(blueprint)  # type: ignore[operator]


# What earlier runs taught

TIGHT = Profile(compute=Compute(minutes=0.5))
TABLES = "tabular_classification"


def first_draft(hypothesis: Hypothesis, root: Path, briefing: Briefing) -> tuple[Blueprint, set[str]]:
    draft = BuiltinDesigner().design(briefing, hypothesis, None, root)
    critique = BuiltinCritic().critique(briefing, draft, 1, root)
    return draft, {objection.kind for objection in critique.objections}


def test_a_cut_that_answered_the_critic_is_made_in_the_first_draft(hypothesis: Hypothesis, tmp_path: Path) -> None:
    plain, objections = first_draft(hypothesis, tmp_path, briefing_for("planning", TIGHT))
    assert objections == {"over_budget"}
    known = skill("planning", "mend", "over_budget:three_seeds")
    draft, objections = first_draft(hypothesis, tmp_path, replace(briefing_for("planning", TIGHT), skills=(known,)))
    assert objections == set()
    assert len(draft.seeds) == 3 < len(plain.seeds)
    assert draft.informed_by == (known.id,)


def test_nothing_is_cut_where_there_is_time(hypothesis: Hypothesis, blueprint: Blueprint, tmp_path: Path) -> None:
    known = skill("planning", "mend", "over_budget:three_seeds")
    draft, _ = first_draft(hypothesis, tmp_path, replace(briefing_for("planning"), skills=(known,)))
    assert draft == blueprint


@pytest.mark.parametrize(
    ("effect", "target"),
    [({"ablation": "none"}, "missing_control:control"), ({"reference": False}, "missing_baseline:reference")],
)
def test_other_objections_are_foreseen(
    hypothesis: Hypothesis, tmp_path: Path, effect: dict[str, object], target: str
) -> None:
    briefing = briefing_for("planning", **effect)
    assert first_draft(hypothesis, tmp_path, briefing)[1] == {target.partition(":")[0]}
    known, other = skill("planning", "mend", target), skill("planning", "mend", "taboo:other_alternatives")
    draft, objections = first_draft(hypothesis, tmp_path, replace(briefing, skills=(known, other)))
    assert objections == set()
    assert draft.informed_by == (known.id,)
    retired = known.model_copy(update={"status": "retired"})
    assert first_draft(hypothesis, tmp_path, replace(briefing, skills=(retired,)))[1] != set()


def stood(**facts: object) -> Memory:
    conditions = {"study": (TABLES,), "dataset": ("wine", "breast-cancer")}
    return memory("configuration", "validated", conditions, datasets=["wine", "breast-cancer"], **facts)


def test_a_validated_size_is_where_a_study_starts_that_would_not_fit(hypothesis: Hypothesis, tmp_path: Path) -> None:
    known = stood(seeds=3)
    draft, objections = first_draft(hypothesis, tmp_path, replace(briefing_for("planning", TIGHT), memories=(known,)))
    assert objections == set()
    assert len(draft.seeds) == 3
    assert draft.informed_by == (known.id,)


def test_plan_and_profile_win_where_they_fit(hypothesis: Hypothesis, blueprint: Blueprint, tmp_path: Path) -> None:
    for facts in ({"seeds": 3}, {"seeds": 50}):
        draft, _ = first_draft(hypothesis, tmp_path, replace(briefing_for("planning"), memories=(stood(**facts),)))
        assert draft == blueprint


def test_measured_seconds_replace_the_kits_forecast(
    hypothesis: Hypothesis, blueprint: Blueprint, tmp_path: Path
) -> None:
    cost = {"study": (TABLES,), "dataset": ("wine",), "hardware": ("cores:2",)}
    slow = memory("resource", "validated", cost, seconds={"baseline": 30.0}, start_up=1.0)
    draft, _ = first_draft(hypothesis, tmp_path, replace(briefing_for("planning"), memories=(slow,)))
    # baseline, two variants and the proposal take as long as the baseline; the reference and the rival are unknown
    assert draft.forecast_minutes == pytest.approx((1.0 + 4 * 30.0 + 2 * 0.5 + 6 * 1.0) * 3 / 60, abs=0.01)
    assert draft.informed_by == (slow.id,)
    late = memory("resource", "failed", cost, slowdown=100.0)
    draft, objections = first_draft(hypothesis, tmp_path, replace(briefing_for("planning"), memories=(late,)))
    assert draft.forecast_minutes > 10 * blueprint.forecast_minutes
    assert objections == {"over_budget"}
    elsewhere = slow.model_copy(update={"conditions": cost | {"hardware": ("cores:64",)}})
    draft, _ = first_draft(hypothesis, tmp_path, replace(briefing_for("planning"), memories=(elsewhere,)))
    assert draft == blueprint


def test_what_informed_a_draft_is_kept_when_it_is_mended(hypothesis: Hypothesis, tmp_path: Path) -> None:
    profile = Profile(compute=Compute(minutes=0.35))
    known = skill("planning", "mend", "over_budget:three_seeds")
    briefing = replace(briefing_for("planning", profile), skills=(known,))
    drafts, critiques = design_until_passed(briefing, hypothesis, tmp_path)
    assert not critiques[0].passed
    assert critiques[-1].passed
    assert drafts[-1].informed_by == (known.id,)


@pytest.mark.parametrize("odd", ["many", None, [], {}, True, -1.0, float("nan"), float("inf"), 10**400])
def test_facts_that_are_no_numbers_leave_the_forecast_as_it_was(odd: object) -> None:
    cost = {"study": ("tabular_classification",), "dataset": ("wine",), "hardware": ("cores:2",)}
    facts = ({"seconds": {"baseline": odd}}, {"seconds": odd}, {"slowdown": odd})
    memories = [memory("resource", "validated", cost, **fact) for fact in facts]
    assert forecast_from(memories, "tabular_classification", 2) == Forecast()
    (timed,) = forecast_from(
        [memory("resource", "validated", cost, seconds={"baseline": 2.0}, start_up=odd)], "tabular_classification", 2
    ).measured.values()
    assert timed == 2.0
