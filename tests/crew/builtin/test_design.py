"""Designer and critic together: what is rejected is mended, and nothing is rejected twice for the same thing."""

from pathlib import Path

import pytest

from nanoresearch.crew.builtin.critic import BuiltinCritic
from nanoresearch.crew.builtin.designer import BuiltinDesigner
from nanoresearch.crew.roles import Briefing
from nanoresearch.errors import DatasetError
from nanoresearch.schema.blueprint import Blueprint, Critique
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.profile import Compute, Profile, StatisticsHabits

from .conftest import TOPIC, briefing_for


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
