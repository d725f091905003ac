"""From a checked draft to a blueprint: everything that follows from draft, profile and plan is filled in here."""

from collections.abc import Mapping

from nanoresearch.crew.builtin.designer import minutes_per_run, planned_comparisons
from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.sizing import Ablation, Forecast, built_methods
from nanoresearch.crew.llm.design.assignment import Assignment
from nanoresearch.crew.llm.design.data_desk import made_card
from nanoresearch.crew.llm.design.draft import Draft, MethodDraft
from nanoresearch.crew.llm.design.feasibility import forecast_minutes, known_seconds, parallel, waves
from nanoresearch.schema.blueprint import (
    Blueprint,
    Budget,
    Comparison,
    ComponentSpec,
    MethodSpec,
    MetricSpec,
    Protocol,
    Sweep,
)
from nanoresearch.schema.dataset import StagedDataset

TEST_FRACTION = 0.3
"""Where a draft does not say."""


def compose(draft: Draft, task: Assignment, staged: Mapping[str, StagedDataset]) -> Blueprint:
    """The blueprint of a draft that rules.py has nothing against. `staged` has every set that `needed` names.

    Raises pydantic.ValidationError where the draft breaks the blueprint's own schema.
    """
    kit, fixed = task.kits.get(draft.study), task.fixed
    components, methods = _components(draft, kit), _methods(draft, task, kit)
    metrics, sweep = _metrics(draft, task, kit), _sweep(draft, task, kit)
    names = [*draft.datasets, *(item.id for item in draft.made_data)]
    known = task.known.get(draft.study, Forecast())
    seconds, settings = seconds_of_fit(draft, task), settings_of(draft, task)
    forecast = forecast_minutes(seconds, len(methods), settings, fixed.seeds, fixed.compute.cores, known.start_up_s)
    primary_sliced = kit is None or (kit.sliced and metrics[0] == kit.metrics[0].spec)
    return Blueprint(
        topic=task.briefing.topic,
        title=draft.title,
        domain=kit.domain if kit else draft.domain,
        study=draft.study,
        hypothesis=draft.claim,
        prediction=draft.prediction,
        datasets=tuple(staged[name] for name in names),
        support=tuple(staged[name] for name in needed(draft, task) if name not in names),
        components=components,
        methods=methods,
        metrics=metrics,
        sweep=sweep,
        protocol=_protocol(draft, kit),
        seeds=tuple(range(task.briefing.seed, task.briefing.seed + fixed.seeds)),
        confidence=fixed.confidence,
        test=fixed.test,
        correction=fixed.correction,
        comparisons=_comparisons(draft, methods, names, metrics[0].id),
        measures=tuple(dict.fromkeys(draft.measures if fixed.measures is None else fixed.measures)),
        slices=fixed.slices and primary_sliced,
        budget=Budget(
            minutes=fixed.compute.minutes,
            minutes_per_run=minutes_per_run(fixed.compute.minutes, waves(fixed.seeds, fixed.compute.cores), forecast),
            memory_gb=fixed.compute.memory_gb,
            parallel=parallel(fixed.seeds, fixed.compute.cores),
        ),
        forecast_minutes=round(forecast, 3),
        unanswered=(
            *draft.unanswered,
            *(f"{name[:80]}, which the hypothesis asks for" for name in task.hypothesis.datasets if name not in names),
        ),
        informed_by=tuple(
            dict.fromkeys([*draft.informed_by, *(known.sources[name] for name in names if name in known.sources)])
        ),
    )


def imagined(draft: Draft, task: Assignment) -> dict[str, StagedDataset]:
    """The data of a draft as records without files, to check a draft before anything is staged."""
    cards = [task.data.card(name) for name in needed(draft, task)]
    cards += [made_card(item.id, item.name, item.summary, draft.domain) for item in draft.made_data]
    return {card.id: StagedDataset(card=card, version="", folder=None) for card in cards}


def needed(draft: Draft, task: Assignment) -> tuple[str, ...]:
    """Ids of all that must be staged: the data sets of the draft, and those that they cannot be loaded without."""
    return tuple(dict.fromkeys(name for item in draft.datasets for name in (item, *task.data.needs(item))))


def seconds_of_fit(draft: Draft, task: Assignment) -> dict[str, float]:
    """Seconds of one fit by data set: as the draft says, and not less than a kit's own methods take."""
    kit, said = task.kits.get(draft.study), draft.cost.seconds_per_fit
    known = task.known.get(draft.study, Forecast())
    least = {option.id: known_seconds(option, known) for option in kit.datasets} if kit else {}
    names = (*draft.datasets, *(item.id for item in draft.made_data))
    return {name: max(said, least.get(name, 0.0)) for name in names}


def settings_of(draft: Draft, task: Assignment) -> int:
    """How many conditions every method is run under."""
    return len(draft.sweep.values) if draft.sweep and task.fixed.sweep is not False else 1


def method_count(draft: Draft, task: Assignment) -> int:
    """How many methods the study will have."""
    return len(_methods(draft, task, task.kits.get(draft.study)))


def _components(draft: Draft, kit: Kit | None) -> tuple[ComponentSpec, ...]:
    known = {item.spec.id: item.spec for item in kit.components} if kit else {}
    return tuple(
        known.get(item.id)
        or ComponentSpec(
            id=item.id, name=item.name, description=item.description, tags=item.tags, citations=item.citations
        )
        for item in draft.components
    )


def _methods(draft: Draft, task: Assignment, kit: Kit | None) -> tuple[MethodSpec, ...]:
    known = {item.id: item for item in kit.alternatives} if kit else {}
    alternatives = [known.get(item.id) or _method(item, "alternative") for item in draft.alternatives]
    reference = kit.reference if kit else None
    if draft.reference and (kit is None or draft.reference.id != kit.reference.id):
        reference = _method(draft.reference, "reference")
    if draft.baseline:
        said = draft.baseline
        baseline = MethodSpec(
            id="baseline", name=said.name, role="baseline", description=said.description, tags=said.tags
        )
    elif kit:
        baseline = kit.baseline
    else:
        raise ValueError("a study of its own has no baseline")
    shown = (reference,) if reference and task.fixed.reference else ()
    return (*shown, *alternatives, *built_methods(baseline, _components(draft, kit), ablation_of(draft, task)))


def ablation_of(draft: Draft, task: Assignment) -> Ablation:
    """The researcher's choice, else the draft's."""
    return task.fixed.ablation or draft.ablation


def _method(said: MethodDraft, role: str) -> MethodSpec:
    return MethodSpec.model_validate(
        {"id": said.id, "name": said.name, "role": role, "description": said.description, "tags": said.tags}
    )


def _metrics(draft: Draft, task: Assignment, kit: Kit | None) -> tuple[MetricSpec, ...]:
    wanted = draft.metrics if task.fixed.secondary_metrics else draft.metrics[:1]
    if kit:
        known = {item.spec.id: item.spec for item in kit.metrics}
        return tuple(known[item.id] for item in wanted)
    return tuple(MetricSpec.model_validate(item.model_dump()) for item in wanted)


def _sweep(draft: Draft, task: Assignment, kit: Kit | None) -> Sweep | None:
    said = draft.sweep
    if said is None or task.fixed.sweep is False:
        return None
    if kit:
        known = next(item.spec for item in kit.sweeps if item.spec.id == said.id)
        return known.model_copy(update={"values": tuple(value for value in known.values if value in said.values)})
    return Sweep(id=said.id, name=said.name, values=said.values, unit=said.unit, description=said.description)


def _protocol(draft: Draft, kit: Kit | None) -> Protocol:
    said = draft.protocol
    if kit:
        spec = next(item.spec for item in kit.protocols if item.spec.id == said.id)
        return spec.model_copy(update={"description": f"{spec.description} {draft.tuning}"})
    return Protocol(
        id=said.id,
        description=f"{said.description} {draft.tuning}",
        test_fraction=said.test_fraction or TEST_FRACTION,
        resampled=said.seed_changes == "split",
        grouped_by=said.grouped_by,
    )


def _comparisons(
    draft: Draft, methods: tuple[MethodSpec, ...], datasets: list[str], metric: str
) -> tuple[Comparison, ...]:
    """Those that every study makes, and the draft's own on every data set, each pair once."""
    planned = planned_comparisons(methods, datasets, metric)
    made = {frozenset((item.method, item.versus)) for item in planned}
    pairs = {
        frozenset((item.method, item.versus)): (item.method, item.versus)
        for item in draft.further_comparisons
        if frozenset((item.method, item.versus)) not in made
    }
    further = [
        Comparison(
            id=f"further.{method}.{versus}.{dataset}", method=method, versus=versus, dataset=dataset, metric=metric
        )
        for dataset in datasets
        for method, versus in pairs.values()
    ]
    return (*planned, *further)
