"""How large a study is, what it takes, and how to make it smaller."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from types import MappingProxyType
from typing import Any, Literal

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Kit, SweepOption
from nanoresearch.crew.builtin.program import base_of
from nanoresearch.crew.builtin.recall import number_of, words_of
from nanoresearch.crew.builtin.words import listing
from nanoresearch.schema.blueprint import Blueprint, ComponentSpec, MethodSpec
from nanoresearch.schema.experience import Memory
from nanoresearch.schema.profile import Compute, PairedTest

Ablation = Literal["none", "leave_one_out", "factorial"]

START_UP_S = 4.0
"""Seconds that a process needs to import its libraries on a slow core."""
ABLATIONS: tuple[Ablation, ...] = ("none", "leave_one_out", "factorial")
"""Smallest first."""


@dataclass(frozen=True)
class Choices:
    """The decisions that mending may change."""

    datasets: tuple[DatasetOption, ...]
    sweep: SweepOption | None
    sweep_values: int
    seeds: int
    ablation: Ablation
    alternatives: tuple[MethodSpec, ...]
    reference: bool
    test: PairedTest


@dataclass(frozen=True)
class Forecast:
    """What a study will take: as earlier runs measured it on these cores where they did, else as its kit says."""

    measured: Mapping[tuple[str, str], float] = field(default_factory=lambda: MappingProxyType({}))
    """Seconds of one method, one seed and one condition, by data set and make-up of the method."""
    slowdown: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """By how much a data set took longer than its kit says, where a run was given up before it could be measured."""
    start_up_s: float = START_UP_S
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Memory that speaks of a data set."""

    def minutes(self, choices: Choices, methods: Sequence[MethodSpec], cores: int) -> float:
        """Wall-clock minutes of all seeds."""
        settings = max(1, choices.sweep_values)
        one_seed = self.start_up_s + settings * sum(
            self._seconds(option, method) for option in choices.datasets for method in methods
        )
        return one_seed * math.ceil(choices.seeds / max(1, min(cores, choices.seeds))) / 60

    def _seconds(self, option: DatasetOption, method: MethodSpec) -> float:
        known = self.measured.get((option.id, make_up(method)))
        if known is None and base_of(method) == "baseline":  # new components: as long as the slowest of the known ones
            alike = [seconds for (name, parts), seconds in self.measured.items() if _alike(name, parts, option)]
            known = max(alike, default=None)
        return option.seconds * self.slowdown.get(option.id, 1.0) if known is None else known


def _alike(dataset: str, parts: str, option: DatasetOption) -> bool:
    return dataset == option.id and parts.partition("+")[0] == "baseline"


def make_up(method: MethodSpec) -> str:
    """What a method is made of, the same in every study of a kit."""
    return "+".join((base_of(method), *sorted(method.components)))


def forecast_from(memories: Sequence[Memory], study: str, cores: int) -> Forecast:
    """The forecast with what earlier runs of a kit on as many cores say; of two on one data set the better match."""
    measured: dict[tuple[str, str], float] = {}
    slowdown: dict[str, float] = {}
    sources: dict[str, str] = {}
    starts: list[float] = []
    for memory in memories:
        holds = memory.conditions
        fitting = study in holds.get("study", ()) and hardware_cores(cores) in holds.get("hardware", ())
        if memory.kind != "resource" or memory.superseded_by or not fitting:
            continue
        told = memory.facts.get("seconds")
        seconds = {str(key): number_of(value) for key, value in told.items()} if isinstance(told, dict) else {}
        known = {key: value for key, value in seconds.items() if value is not None}
        factor = number_of(memory.facts.get("slowdown"))
        start_up = number_of(memory.facts.get("start_up"))
        for name in holds.get("dataset", ()):
            if name in sources:
                continue
            if known:
                measured |= {(name, key): value for key, value in known.items()}
                starts.append(START_UP_S if start_up is None else start_up)
            elif factor is not None:
                slowdown[name] = max(1.0, factor)
            else:
                continue
            sources[name] = memory.id
    return Forecast(measured, slowdown, max(starts, default=START_UP_S), sources)


def hardware_cores(cores: int) -> str:
    """How many cores, as a condition of memories."""
    return f"cores:{cores}"


def _three_settings(choices: Choices, components: int) -> Choices:
    return replace(choices, sweep_values=3) if choices.sweep and choices.sweep_values > 3 else choices


def _leave_one_out(choices: Choices, components: int) -> Choices:
    return replace(choices, ablation="leave_one_out") if choices.ablation == "factorial" and components > 2 else choices


def _two_settings(choices: Choices, components: int) -> Choices:
    return replace(choices, sweep_values=2) if choices.sweep and choices.sweep_values > 2 else choices


def _five_seeds(choices: Choices, components: int) -> Choices:
    return replace(choices, seeds=5) if choices.seeds > 5 else choices


def _fewer_data(choices: Choices, components: int) -> Choices:
    if len(choices.datasets) < 2:
        return choices
    dearest = max(choices.datasets, key=lambda option: option.seconds)
    return replace(choices, datasets=tuple(option for option in choices.datasets if option is not dearest))


def _no_sweep(choices: Choices, components: int) -> Choices:
    return replace(choices, sweep=None, sweep_values=0) if choices.sweep else choices


def _three_seeds(choices: Choices, components: int) -> Choices:
    return replace(choices, seeds=3) if choices.seeds > 3 else choices


STEPS: dict[str, Callable[[Choices, int], Choices]] = {
    "three_settings": _three_settings,
    "leave_one_out": _leave_one_out,
    "two_settings": _two_settings,
    "five_seeds": _five_seeds,
    "fewer_data": _fewer_data,
    "no_sweep": _no_sweep,
    "three_seeds": _three_seeds,
}
"""Ways to make a study smaller: what explains least goes first."""


def cheaper(choices: Choices, components: int) -> Choices:
    """The next smaller study. Unchanged when nothing more can go."""
    smaller = (step(choices, components) for step in STEPS.values())
    return next((changed for changed in smaller if changed != choices), choices)


def affordable(
    choices: Choices, components: list[Component], kit: Kit, compute: Compute, forecast: Forecast
) -> Choices:
    """The largest of the smaller studies that the budget allows, or the smallest there is."""
    while (smaller := cheaper(choices, len(components))) != choices:
        choices = smaller
        if fits(choices, components, kit, compute, forecast):
            break
    return choices


def fits(choices: Choices, components: list[Component], kit: Kit, compute: Compute, forecast: Forecast) -> bool:
    """Whether the forecast of a study is within the budget."""
    return forecast.minutes(choices, study_methods(kit, components, choices), compute.cores) <= compute.minutes


def within(choices: Choices, facts: Mapping[str, Any]) -> Choices:
    """Choices made no larger than a configuration that stood before; nothing that it lacks is added."""
    seeds, ablation, sweep = facts.get("seeds"), facts.get("ablation"), facts.get("sweep")
    if isinstance(seeds, int) and seeds > 1:
        choices = replace(choices, seeds=min(choices.seeds, seeds))
    if ablation in ABLATIONS:
        choices = replace(choices, ablation=min(choices.ablation, ablation, key=ABLATIONS.index))
    if choices.sweep and isinstance(sweep, dict) and sweep.get("id") == choices.sweep.spec.id:
        count = max(2, len(words_of(sweep.get("values"))))
        choices = replace(choices, sweep_values=min(choices.sweep_values, count))
    known = set(words_of(facts.get("datasets")))
    kept = tuple(option for option in choices.datasets if option.id in known)
    return replace(choices, datasets=kept or choices.datasets)


def study_methods(kit: Kit, components: list[Component], choices: Choices) -> tuple[MethodSpec, ...]:
    """Reference, alternatives, baseline, the variants that the ablation asks for, and the proposal with everything."""
    reference = (kit.reference,) if choices.reference else ()
    built = built_methods(kit.baseline, [item.spec for item in components], choices.ablation)
    return (*reference, *choices.alternatives, *built)


def built_methods(
    baseline: MethodSpec, components: Sequence[ComponentSpec], ablation: Ablation
) -> tuple[MethodSpec, ...]:
    """The baseline, the variants that the ablation asks for, and the proposal with all components."""
    sizes = range(1, len(components))
    subsets = [subset for size in sizes for subset in combinations(components, size)]
    if ablation == "leave_one_out":
        subsets = [subset for subset in subsets if len(subset) == len(components) - 1]
    elif ablation == "none":
        subsets = []
    variants = [
        MethodSpec(
            id="with_" + "_and_".join(item.id for item in subset),
            name=f"{baseline.name} with " + listing([item.name for item in subset]),
            role="variant",
            components=tuple(item.id for item in subset),
            tags=baseline.tags,
        )
        for subset in subsets
    ]
    proposed = MethodSpec(
        id="proposed",
        name=f"{baseline.name} with " + listing([item.name for item in components]),
        role="proposed",
        components=tuple(item.id for item in components),
        description="the baseline with every component under study",
        tags=baseline.tags,
    )
    return (baseline, *variants, proposed)


def ablation_of(draft: Blueprint) -> Ablation:
    """How a blueprint takes its components apart."""
    parts = len(draft.components)
    variants = [method for method in draft.methods if method.role == "variant"]
    if parts > 1 and not variants:
        return "none"
    return "factorial" if len(variants) == 2**parts - 2 else "leave_one_out"
