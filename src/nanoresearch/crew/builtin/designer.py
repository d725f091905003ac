"""Turns a hypothesis into a blueprint, and mends a blueprint as its critique asks.

What earlier runs measured replaces the kit's forecast, and objections that earlier drafts drew are foreseen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nanoresearch.crew.builtin.critic import BuiltinCritic
from nanoresearch.crew.builtin.data_choice import choose_datasets, wanted_data
from nanoresearch.crew.builtin.ideator import claim
from nanoresearch.crew.builtin.kits.kit import Component, Kit, SweepOption
from nanoresearch.crew.builtin.reading import Reading, read_topic, taboo_tags, unmatched_taboos
from nanoresearch.crew.builtin.recall import advice, configurations
from nanoresearch.crew.builtin.sizing import (
    STEPS,
    Choices,
    Forecast,
    ablation_of,
    affordable,
    fits,
    forecast_from,
    study_methods,
    within,
)
from nanoresearch.crew.builtin.words import listing, same_words
from nanoresearch.crew.roles import Briefing
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.stage import stage, status
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import Blueprint, Budget, Comparison, Critique, MethodSpec, MetricSpec, Sweep
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.plan import PlanningGuidance

__all__ = ["BuiltinDesigner", "Choices", "choose_datasets", "planned_comparisons", "study_methods", "wanted_data"]


@dataclass(frozen=True)
class _Task:
    """What is to be designed, as far as no decision changes it."""

    briefing: Briefing
    hypothesis: Hypothesis
    reading: Reading
    guidance: PlanningGuidance
    components: list[Component]
    forecast: Forecast
    data_root: Path


class BuiltinDesigner:
    """The first draft follows topic, plan and profile to the letter, except where earlier drafts drew objections.

    Elsewhere the critic says where that does not work.
    """

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
        forecast = forecast_from(briefing.memories, reading.kit.id, briefing.profile.compute.cores)
        task = _Task(briefing, hypothesis, reading, guidance, components, forecast, data_root)
        choices = self._first_choices(briefing, reading, guidance, components, data_root)
        if previous:
            draft, critique = previous
            choices = self._mend(task, self._choices_of(draft, choices), draft, critique)
            return self._draft(task, choices, draft.informed_by)
        return self._foresee(task, choices)

    def _foresee(self, task: _Task, choices: Choices) -> Blueprint:
        """The first draft, with what earlier runs taught where the critic would object to what is asked for."""
        kit, compute = task.reading.kit, task.briefing.profile.compute
        informed: list[str] = []
        draft = self._draft(task, choices, informed)
        known = advice(task.briefing.skills, ("planning",), "mend", kit.id)
        order = list(STEPS)
        mends = [(*item.target.partition(":")[::2], item.skill) for item in known]
        mends.sort(key=lambda mend: order.index(mend[1]) if mend[1] in order else -1)
        for kind, _, skill in mends:
            critique = BuiltinCritic().critique(task.briefing, draft, 1, task.data_root)
            foreseen = tuple(objection for objection in critique.objections if objection.kind == kind)
            if not foreseen or kind == "over_budget":
                continue
            mended = self._mend(task, choices, draft, Critique(round=1, passed=False, objections=foreseen))
            if mended != choices:
                choices, informed = mended, [*informed, skill]
                draft = self._draft(task, choices, informed)
        if fits(choices, task.components, kit, compute, task.forecast):
            return draft
        for memory in configurations(task.briefing.memories, kit.id, [option.id for option in choices.datasets]):
            smaller = within(choices, memory.facts)
            if smaller != choices and fits(smaller, task.components, kit, compute, task.forecast):
                return self._draft(task, smaller, [*informed, memory.id])
        for kind, change, skill in mends:
            while kind == "over_budget" and change in STEPS:
                smaller = STEPS[change](choices, len(task.components))
                if smaller == choices or fits(choices, task.components, kit, compute, task.forecast):
                    break
                choices, informed = smaller, list(dict.fromkeys([*informed, skill]))
        return self._draft(task, choices, informed)

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
            ablation=ablation_of(draft),
            alternatives=alternatives,
            reference=any(method.role == "reference" for method in draft.methods),
            test=draft.test,
        )

    @staticmethod
    def _mend(task: _Task, choices: Choices, draft: Blueprint, critique: Critique) -> Choices:
        """Answer every kind of objection, the cheapest way first."""
        kit, profile = task.reading.kit, task.briefing.profile
        kinds = {objection.kind for objection in critique.objections}
        if "missing_baseline" in kinds:
            choices = replace(choices, reference=True)
        if "missing_control" in kinds and choices.ablation == "none":
            choices = replace(choices, ablation="leave_one_out")
        if "underpowered" in kinds:
            choices = replace(choices, test="paired_t", seeds=max(choices.seeds, 3))
        if "over_budget" in kinds:
            under_study = [item for item in kit.components if item.spec in draft.components]
            choices = affordable(choices, under_study, kit, profile.compute, task.forecast)
        if "taboo" in kinds:
            banned = taboo_tags(profile, kit)
            under_study = [item for item in kit.components if item.spec in draft.components]
            allowed = tuple(
                method
                for method in distinct_alternatives(kit, under_study)
                if not (banned | set(task.guidance.avoid_tags)) & {*method.tags, method.id, method.name}
            )
            choices = replace(choices, alternatives=allowed[: task.guidance.alternatives])
        return choices

    @staticmethod
    def _draft(task: _Task, choices: Choices, informed_by: Sequence[str]) -> Blueprint:
        briefing, hypothesis, reading, guidance = task.briefing, task.hypothesis, task.reading, task.guidance
        components, data_root = task.components, task.data_root
        kit, profile = reading.kit, briefing.profile
        cards = load_catalogue()
        needed = dict.fromkeys(name for option in choices.datasets for name in (option.id, *option.needs))
        staged = {name: stage(cards[name], data_root) for name in needed}
        methods = study_methods(kit, components, choices)
        metrics = _metrics(reading, guidance)
        sweep = _cut_sweep(choices)
        forecast = task.forecast.minutes(choices, methods, profile.compute.cores)
        parallel = max(1, min(profile.compute.cores, choices.seeds))
        waves = math.ceil(choices.seeds / parallel)
        ids = [option.id for option in choices.datasets]
        measured = [task.forecast.sources[name] for name in ids if name in task.forecast.sources]
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
                minutes_per_run=minutes_per_run(profile.compute.minutes, waves, forecast),
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
            informed_by=tuple(dict.fromkeys([*informed_by, *measured])),
        )


def distinct_alternatives(kit: Kit, components: Sequence[Component]) -> tuple[MethodSpec, ...]:
    """The kit's alternatives, without those that a component under study amounts to."""
    names = [item.spec.name for item in components]
    return tuple(method for method in kit.alternatives if not any(same_words(method.name, name) for name in names))


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


def minutes_per_run(minutes: float, waves: int, forecast: float) -> float:
    """Limit of one seed: small enough that a first one over it leaves time to try again, if the forecast allows."""
    return min(minutes / waves, max(minutes / (waves + 1), forecast / waves))


def _cut_sweep(choices: Choices) -> Sweep | None:
    """The sweep with as many settings as the budget leaves: the standard one, the last, and some between."""
    if choices.sweep is None:
        return None
    spec = choices.sweep.spec
    last = len(spec.values) - 1
    steps = max(1, choices.sweep_values - 1)
    kept = sorted({round(index * last / steps) for index in range(steps + 1)})
    return spec.model_copy(update={"values": tuple(spec.values[index] for index in kept)})


def _title(components: list[Component], kit: Kit, data: str) -> str:
    names = listing([item.spec.name for item in components])
    return f"What {names} add{'s' if len(components) == 1 else ''} to {kit.baseline.name} on {data}"
