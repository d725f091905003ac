"""Rejects blueprints that could not answer their question: a list of checks, each of which can fail."""

from collections.abc import Iterator
from pathlib import Path

from nanoresearch.crew.builtin.words import listing, positions, stems
from nanoresearch.crew.roles import Briefing
from nanoresearch.datasets.stage import status
from nanoresearch.schema.blueprint import Blueprint, ComponentSpec, Critique, MethodSpec, Objection

LEAST_SEEDS = 3
"""Fewer repetitions leave no way to estimate a variance worth the name."""


class BuiltinCritic:
    """Checks design, data, budget, power and taboos."""

    def critique(self, briefing: Briefing, blueprint: Blueprint, number: int, data_root: Path) -> Critique:
        """Objections; none means that the draft passes."""
        objections = (
            *check_form(blueprint),
            *check_fairness(blueprint),
            *check_controls(blueprint),
            *check_data(blueprint, data_root),
            *check_budget(blueprint),
            *check_power(blueprint),
            *check_taboos(blueprint, briefing.profile.taboos),
        )
        return Critique(round=number, passed=not objections, objections=objections)


def check_form(blueprint: Blueprint) -> Iterator[Objection]:
    """Names must be unique and refer to something."""
    methods = [method.id for method in blueprint.methods]
    datasets = [staged.card.id for staged in blueprint.datasets]
    metrics = [metric.id for metric in blueprint.metrics]
    for what, names in (("method", methods), ("data set", datasets), ("metric", metrics), ("seed", blueprint.seeds)):
        if len(set(names)) != len(names):
            yield Objection(kind="malformed", text=f"A {what} is named twice.")
        if not names:
            yield Objection(kind="malformed", text=f"There is no {what}.")
    components = {component.id for component in blueprint.components}
    for method in blueprint.methods:
        unknown = set(method.components) - components
        if unknown:
            yield Objection(kind="malformed", text=f"{method.id} uses {listing(sorted(unknown))}, not under study.")
    for item in blueprint.comparisons:
        if not {item.method, item.versus} <= set(methods) or item.metric not in metrics:
            yield Objection(kind="malformed", text=f"Comparison {item.id} names something that is not in the study.")
        elif item.dataset is not None and item.dataset not in datasets:
            yield Objection(kind="malformed", text=f"Comparison {item.id} names a data set that is not in the study.")
    if not any(item.primary for item in blueprint.comparisons):
        yield Objection(kind="malformed", text="No comparison decides about the hypothesis.")


def check_fairness(blueprint: Blueprint) -> Iterator[Objection]:
    """The proposal must be compared with a real contender that differs from it in the components alone."""
    roles = {method.id: method for method in blueprint.methods}
    proposed = [method for method in blueprint.methods if method.role == "proposed"]
    baseline = next((method for method in blueprint.methods if method.role == "baseline"), None)
    if baseline is None:
        yield Objection(kind="missing_baseline", text="There is no baseline: add the proposal without its components.")
    elif baseline.components:
        yield Objection(
            kind="unfair_comparison",
            text="The baseline already has a component under study: take it out, else its effect is hidden.",
        )
    if len(proposed) != 1:
        yield Objection(kind="malformed", text="Exactly one method must be the proposal.")
    for item in blueprint.comparisons:
        versus: MethodSpec | None = roles.get(item.versus)
        if item.primary and versus and versus.role == "reference":
            yield Objection(
                kind="unfair_comparison",
                text=f"{item.id} compares with a method that learns nothing; compare with the baseline instead.",
            )
    if not any(method.role == "reference" for method in blueprint.methods):
        yield Objection(
            kind="missing_baseline",
            text="No trivial reference shows what the metric is worth without learning: add one.",
        )


def check_controls(blueprint: Blueprint) -> Iterator[Objection]:
    """With several components, an effect can be attributed only when some are switched off."""
    variants = [method for method in blueprint.methods if method.role == "variant"]
    if len(blueprint.components) > 1:
        tried = [set(method.components) for method in variants]
        everything = {item.id for item in blueprint.components}
        unclear = [
            item.id for item in blueprint.components if {item.id} not in tried and everything - {item.id} not in tried
        ]
        if unclear:
            yield Objection(
                kind="missing_control",
                text=f"{listing(unclear)} neither alone nor left out anywhere: the effect cannot be attributed.",
            )


def check_data(blueprint: Blueprint, data_root: Path) -> Iterator[Objection]:
    """Every data set must be there."""
    for staged in (*blueprint.datasets, *blueprint.support):
        state = status(staged.card, data_root)
        if state != "present":
            yield Objection(
                kind="missing_data",
                text=f"{staged.card.name} is {state}: get it with `nanoresearch data fetch {staged.card.id}`.",
            )


def check_budget(blueprint: Blueprint) -> Iterator[Objection]:
    """The forecast must fit."""
    if blueprint.forecast_minutes > blueprint.budget.minutes:
        yield Objection(
            kind="over_budget",
            text=(
                f"The forecast of {blueprint.forecast_minutes:.1f} minutes exceeds the budget of "
                f"{blueprint.budget.minutes:.1f}: run less."
            ),
        )


def check_power(blueprint: Blueprint) -> Iterator[Objection]:
    """The planned test must be able to reach significance at all."""
    seeds = len(blueprint.seeds)
    level = 1 - blueprint.confidence
    if seeds < LEAST_SEEDS:
        yield Objection(kind="underpowered", text=f"{seeds} seeds cannot show the spread: use {LEAST_SEEDS} or more.")
    if blueprint.test == "wilcoxon":
        family = sum(item.primary for item in blueprint.comparisons)
        if 2 * 0.5**seeds * (family if blueprint.correction != "fdr_bh" else 1) >= level:
            yield Objection(
                kind="underpowered",
                text=(
                    f"A signed-rank test over {seeds} seeds cannot fall below its smallest p-value of "
                    f"{2 * 0.5**seeds:.3f} for {family} comparisons: add seeds or use the paired t test."
                ),
            )


def check_taboos(blueprint: Blueprint, taboos: tuple[str, ...]) -> Iterator[Objection]:
    """Nothing that the researcher rules out may be in the study."""
    for taboo in taboos:
        words = stems(taboo)
        items: tuple[MethodSpec | ComponentSpec, ...] = (*blueprint.methods, *blueprint.components)
        for item in items:
            hit = next((name for name in (*item.tags, item.id, item.name) if positions(name, words)), None)
            if hit:
                yield Objection(kind="taboo", text=f'{item.name} is ruled out by the taboo "{taboo}" ({hit}).')
