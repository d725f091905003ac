"""Turns a hypothesis into a blueprint, and mends a blueprint as its critique asks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

from nanoresearch.crew.builtin.ideator import claim
from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Kit, SweepOption
from nanoresearch.crew.builtin.reading import Reading, read_topic, taboo_tags, unmatched_taboos
from nanoresearch.crew.builtin.words import listing, same_words
from nanoresearch.crew.roles import Briefing
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.stage import stage, status
from nanoresearch.errors import DatasetError
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import Blueprint, Budget, Comparison, Critique, MethodSpec, MetricSpec, Sweep
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.plan import PlanningGuidance
from nanoresearch.schema.profile import Compute, PairedTest

START_UP_S = 4.0
"""Seconds that a process needs to import its libraries on a slow core."""


@dataclass(frozen=True)
class Choices:
    """The decisions that mending may change."""

    datasets: tuple[DatasetOption, ...]
    sweep: SweepOption | None
    sweep_values: int
    seeds: int
    ablation: Literal["none", "leave_one_out", "factorial"]
    alternatives: tuple[MethodSpec, ...]
    reference: bool
    test: PairedTest


class BuiltinDesigner:
    """The first draft follows topic, plan and profile to the letter; the critic says where that does not work."""

    def design(
        self,
        briefing: Briefing,
        hypothesis: Hypothesis,
        previous: tuple[Blueprint, Critique] | None,
        data_root: Path,
    ) -> Blueprint:
        """A draft, or the previous draft mended. Raises DatasetError when the data asked for are not there."""
        reading = read_topic(briefing.topic, briefing.profile)
        guidance = guide(briefing.plan, PlanningGuidance)
        # A hypothesis lists its components preferred first, which says what to keep; a design keeps the kit's order.
        kept = hypothesis.components[: guidance.components]
        components = [item for item in reading.kit.components if item.spec.id in kept]
        choices = self._first_choices(briefing, reading, guidance, components, data_root)
        if previous:
            draft, critique = previous
            choices = self._mend(self._choices_of(draft, choices), draft, critique, reading.kit, briefing, guidance)
        return self._draft(briefing, hypothesis, reading, guidance, components, choices, data_root)

    def _first_choices(
        self,
        briefing: Briefing,
        reading: Reading,
        guidance: PlanningGuidance,
        components: list[Component],
        data_root: Path,
    ) -> Choices:
        habits = briefing.profile.statistics
        datasets = choose_datasets(reading, guidance.datasets, components, data_root)
        ids = {option.id for option in datasets}
        sweep = reading.sweep if guidance.sweep is not False or reading.sweep_asked else None
        if sweep and not _applies(sweep, ids):
            sweep = None
        if sweep is None and guidance.sweep:
            sweep = next((option for option in reading.kit.sweeps if _applies(option, ids)), None)
        rivals = [
            method
            for method in distinct_alternatives(reading.kit, components)
            if not set(guidance.avoid_tags) & {*method.tags, method.id}
        ]
        return Choices(
            datasets=datasets,
            sweep=sweep,
            sweep_values=len(sweep.spec.values) if sweep else 0,
            seeds=guidance.seeds or habits.seeds,
            ablation=guidance.ablation,
            alternatives=tuple(rivals[: guidance.alternatives]),
            reference=guidance.reference,
            test=guidance.test or habits.test,
        )

    @staticmethod
    def _choices_of(draft: Blueprint, first: Choices) -> Choices:
        """The decisions that a draft embodies."""
        ids = [staged.card.id for staged in draft.datasets]
        alternatives = tuple(method for method in draft.methods if method.role == "alternative")
        return replace(
            first,
            datasets=tuple(option for option in first.datasets if option.id in ids),
            sweep=first.sweep if draft.sweep else None,
            sweep_values=len(draft.sweep.values) if draft.sweep else 0,
            seeds=len(draft.seeds),
            ablation=_ablation_of(draft),
            alternatives=alternatives,
            reference=any(method.role == "reference" for method in draft.methods),
            test=draft.test,
        )

    @staticmethod
    def _mend(
        choices: Choices,
        draft: Blueprint,
        critique: Critique,
        kit: Kit,
        briefing: Briefing,
        guidance: PlanningGuidance,
    ) -> Choices:
        """Answer every kind of objection, the cheapest way first."""
        kinds = {objection.kind for objection in critique.objections}
        if "missing_baseline" in kinds:
            choices = replace(choices, reference=True)
        if "missing_control" in kinds and choices.ablation == "none":
            choices = replace(choices, ablation="leave_one_out")
        if "underpowered" in kinds:
            choices = replace(choices, test="paired_t", seeds=max(choices.seeds, 3))
        if "over_budget" in kinds:
            under_study = [item for item in kit.components if item.spec in draft.components]
            choices = affordable(choices, under_study, kit, briefing.profile.compute)
        if "taboo" in kinds:
            banned = taboo_tags(briefing.profile, kit)
            under_study = [item for item in kit.components if item.spec in draft.components]
            allowed = tuple(
                method
                for method in distinct_alternatives(kit, under_study)
                if not (banned | set(guidance.avoid_tags)) & {*method.tags, method.id, method.name}
            )
            choices = replace(choices, alternatives=allowed[: guidance.alternatives])
        return choices

    def _draft(
        self,
        briefing: Briefing,
        hypothesis: Hypothesis,
        reading: Reading,
        guidance: PlanningGuidance,
        components: list[Component],
        choices: Choices,
        data_root: Path,
    ) -> Blueprint:
        kit, profile = reading.kit, briefing.profile
        cards = load_catalogue()
        needed = dict.fromkeys(name for option in choices.datasets for name in (option.id, *option.needs))
        staged = {name: stage(cards[name], data_root) for name in needed}
        methods = study_methods(kit, components, choices)
        metrics = _metrics(reading, guidance)
        sweep = _cut_sweep(choices)
        forecast = _forecast_minutes(choices, len(methods), profile.compute.cores)
        parallel = max(1, min(profile.compute.cores, choices.seeds))
        waves = math.ceil(choices.seeds / parallel)
        ids = [option.id for option in choices.datasets]
        names = listing([cards[name].name for name in ids])
        statement, prediction = hypothesis.statement, hypothesis.prediction
        dropped = [item for item in kit.components if item.spec.id in hypothesis.components and item not in components]
        if dropped:  # the claim must be about what is studied
            statement, prediction = claim(kit, [item.spec.name for item in components], metrics[0])
        return Blueprint(
            topic=briefing.topic,
            title=_title(components, kit, names),
            domain=kit.domain,
            study=kit.id,
            hypothesis=statement,
            prediction=prediction,
            datasets=tuple(staged[name] for name in ids),
            support=tuple(staged[name] for name in needed if name not in ids),
            components=tuple(item.spec for item in components),
            methods=methods,
            metrics=metrics,
            sweep=sweep,
            protocol=reading.protocol.spec,
            seeds=tuple(range(briefing.seed, briefing.seed + choices.seeds)),
            confidence=guidance.confidence or profile.statistics.confidence,
            test=choices.test,
            correction=guidance.correction or profile.statistics.correction,
            comparisons=planned_comparisons(methods, ids, metrics[0].id),
            measures=tuple(dict.fromkeys(guidance.measures)),
            # slices() of a kit speaks of its default metric, and of no other
            slices=guidance.slices and kit.sliced and metrics[0] == kit.metrics[0].spec,
            budget=Budget(
                minutes=profile.compute.minutes,
                minutes_per_run=profile.compute.minutes / waves,
                memory_gb=profile.compute.memory_gb,
                parallel=parallel,
            ),
            forecast_minutes=round(forecast, 3),
            unanswered=(
                *reading.unanswered,
                *(f"{cards[name].name}, left out to keep the budget" for name in reading.named_data if name not in ids),
                *(f"{item.spec.name}, left out to keep the design small" for item in dropped),
                *(
                    f"{cards[name].name}, which is not here (nanoresearch data fetch {name})"
                    for name in reading.hinted_data
                    if name not in ids and status(cards[name], data_root) != "present"
                ),
                *(
                    f'the taboo "{taboo}", which names no technique of this family'
                    for taboo in unmatched_taboos(profile, kit)
                ),
            ),
        )


def affordable(choices: Choices, components: list[Component], kit: Kit, compute: Compute) -> Choices:
    """The largest of the smaller studies that the budget allows, or the smallest there is."""
    while (smaller := cheaper(choices, len(components))) != choices:
        choices = smaller
        methods = study_methods(kit, components, choices)
        if _forecast_minutes(choices, len(methods), compute.cores) <= compute.minutes:
            break
    return choices


def cheaper(choices: Choices, components: int) -> Choices:
    """The next smaller study: what explains least goes first. Unchanged when nothing more can go."""
    if choices.sweep and choices.sweep_values > 3:
        return replace(choices, sweep_values=3)
    if choices.ablation == "factorial" and components > 2:
        return replace(choices, ablation="leave_one_out")
    if choices.sweep and choices.sweep_values > 2:
        return replace(choices, sweep_values=2)
    if choices.seeds > 5:
        return replace(choices, seeds=5)
    if len(choices.datasets) > 1:
        dearest = max(choices.datasets, key=lambda option: option.seconds)
        return replace(choices, datasets=tuple(option for option in choices.datasets if option is not dearest))
    if choices.sweep:
        return replace(choices, sweep=None, sweep_values=0)
    if choices.seeds > 3:
        return replace(choices, seeds=3)
    return choices


def distinct_alternatives(kit: Kit, components: Sequence[Component]) -> tuple[MethodSpec, ...]:
    """The kit's alternatives, without those that a component under study amounts to."""
    names = [item.spec.name for item in components]
    return tuple(method for method in kit.alternatives if not any(same_words(method.name, name) for name in names))


def choose_datasets(
    reading: Reading, count: int, components: list[Component], data_root: Path
) -> tuple[DatasetOption, ...]:
    """Data sets the topic names, else those at hand that its words point to, else the kit's preferred ones at hand.

    Raises DatasetError with the command that gets what is missing: named data are never replaced by others.
    """
    cards = load_catalogue()
    options = {option.id: option for option in reading.kit.datasets}
    fitting = [
        option
        for option in options.values()
        if all(item.datasets is None or option.id in item.datasets for item in components)
    ]

    def missing(option: DatasetOption) -> list[str]:
        return [name for name in (option.id, *option.needs) if status(cards[name], data_root) != "present"]

    if reading.named_data:
        chosen = [options[name] for name in reading.named_data]
        absent = [name for option in chosen for name in missing(option)]
        if absent:
            names = listing([cards[name].name for name in absent])
            raise DatasetError(
                f"The topic asks for {names}, not here yet. Get it with: nanoresearch data fetch {' '.join(absent)}"
            )
        return tuple(chosen)
    hinted = [option for option in fitting if option.id in reading.hinted_data and not missing(option)]
    if hinted:
        return tuple(hinted)
    fitting.sort(key=lambda option: not option.default)
    present = [option for option in fitting if not missing(option)]
    if not present:
        wanted = [name for option in fitting[:count] for name in missing(option)]
        raise DatasetError(
            f"No data for {reading.kit.name} are here yet. Get them with: nanoresearch data fetch {' '.join(wanted)}"
        )
    return tuple(present[:count])


def wanted_data(reading: Reading, count: int = 2) -> list[str]:
    """Cards that a study would use if everything were at hand: those named, else the kit's preferred ones."""
    pointed = reading.named_data or reading.hinted_data
    options = [option for option in reading.kit.datasets if option.id in pointed]
    if not options:
        options = sorted(reading.kit.datasets, key=lambda item: not item.default)[:count]
    return list(dict.fromkeys(name for option in options for name in (option.id, *option.needs)))


def study_methods(kit: Kit, components: list[Component], choices: Choices) -> tuple[MethodSpec, ...]:
    """Reference, alternatives, baseline, the variants that the ablation asks for, and the proposal with everything."""
    everything = tuple(item.spec for item in components)
    sizes = range(1, len(everything))
    subsets = [subset for size in sizes for subset in combinations(everything, size)]
    if choices.ablation == "leave_one_out":
        subsets = [subset for subset in subsets if len(subset) == len(everything) - 1]
    elif choices.ablation == "none":
        subsets = []
    variants = [
        MethodSpec(
            id="with_" + "_and_".join(item.id for item in subset),
            name=f"{kit.baseline.name} with " + listing([item.name for item in subset]),
            role="variant",
            components=tuple(item.id for item in subset),
            tags=kit.baseline.tags,
        )
        for subset in subsets
    ]
    proposed = MethodSpec(
        id="proposed",
        name=f"{kit.baseline.name} with " + listing([item.name for item in everything]),
        role="proposed",
        components=tuple(item.id for item in everything),
        description="the baseline with every component under study",
        tags=kit.baseline.tags,
    )
    reference = (kit.reference,) if choices.reference else ()
    return (*reference, *choices.alternatives, kit.baseline, *variants, proposed)


def planned_comparisons(methods: tuple[MethodSpec, ...], datasets: list[str], metric: str) -> tuple[Comparison, ...]:
    """Proposal against baseline decides; alternatives, single components and leave-one-out ablations explain."""
    proposed = next(method for method in methods if method.role == "proposed")
    others = [method for method in methods if method.role == "alternative"]
    variants = [method for method in methods if method.role == "variant"]
    singles = [method for method in variants if len(method.components) == 1]
    reduced = [m for m in variants if len(m.components) == len(proposed.components) - 1 and len(m.components) > 1]
    comparisons = []
    for dataset in datasets:
        pairs = [("main", proposed.id, "baseline", True)]
        pairs += [("alternative", proposed.id, method.id, False) for method in others]
        pairs += [("single", method.id, "baseline", False) for method in singles]
        pairs += [("without", proposed.id, method.id, False) for method in (reduced or singles)]
        comparisons += [
            Comparison(
                id=f"{kind}.{method}.{versus}.{dataset}",
                method=method,
                versus=versus,
                dataset=dataset,
                metric=metric,
                primary=primary,
            )
            for kind, method, versus, primary in pairs
        ]
    return tuple(comparisons)


def _applies(sweep: SweepOption, datasets: set[str]) -> bool:
    return sweep.datasets is None or datasets <= set(sweep.datasets)


def _metrics(reading: Reading, guidance: PlanningGuidance) -> tuple[MetricSpec, ...]:
    others = [metric.spec for metric in reading.kit.metrics if metric is not reading.metric]
    return (reading.metric.spec, *(others if guidance.secondary_metrics else ()))


def _cut_sweep(choices: Choices) -> Sweep | None:
    """The sweep with as many settings as the budget leaves: the standard one, the last, and some between."""
    if choices.sweep is None:
        return None
    spec = choices.sweep.spec
    last = len(spec.values) - 1
    steps = max(1, choices.sweep_values - 1)
    kept = sorted({round(index * last / steps) for index in range(steps + 1)})
    return spec.model_copy(update={"values": tuple(spec.values[index] for index in kept)})


def _forecast_minutes(choices: Choices, methods: int, cores: int) -> float:
    settings = max(1, choices.sweep_values)
    one_seed = START_UP_S + sum(option.seconds for option in choices.datasets) * methods * settings
    return one_seed * math.ceil(choices.seeds / max(1, min(cores, choices.seeds))) / 60


def _ablation_of(draft: Blueprint) -> Literal["none", "leave_one_out", "factorial"]:
    parts = len(draft.components)
    variants = [method for method in draft.methods if method.role == "variant"]
    if parts > 1 and not variants:
        return "none"
    return "factorial" if len(variants) == 2**parts - 2 else "leave_one_out"


def _title(components: list[Component], kit: Kit, data: str) -> str:
    names = listing([item.spec.name for item in components])
    return f"What {names} add{'s' if len(components) == 1 else ''} to {kit.baseline.name} on {data}"
