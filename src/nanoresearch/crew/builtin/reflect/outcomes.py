"""What an experiment showed and took: memories of hypotheses, configurations and resources, and liked components."""

from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.reflect.cures import needed_cures, standing_cures
from nanoresearch.crew.builtin.reflect.entries import data_ids, data_names, memory, skill
from nanoresearch.crew.builtin.sizing import START_UP_S, ablation_of, hardware_cores, make_up
from nanoresearch.crew.builtin.troubles import trouble
from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.roles import Trajectory
from nanoresearch.schema.analysis import Analysis, Finding
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Conditions, Memory, Skill
from nanoresearch.schema.experiment import Attempt

FIT = "fit_seconds"
OTHER = ("reference", "alternative")
"""Roles of methods that are not the baseline with something added."""
SAFETY = 1.5
"""How much longer than its limit a run that was stopped is taken to be: nobody knows."""


def hypothesis_memory(
    past: Trajectory, blueprint: Blueprint, analysis: Analysis, asked_sweep: str | None = None
) -> Memory:
    """What came of the claim, and under which conditions.

    `asked_sweep` is the varied condition that the topic asks for, empty for none, None where a crew does not tell.
    """
    primary = [finding for finding in analysis.findings if finding.kind == "primary" and finding.dataset]
    facts: dict[str, Any] = {
        "statement": blueprint.hypothesis,
        "components": [item.id for item in blueprint.components],
        "study": blueprint.study,
        "verdict_reason": analysis.verdict_reason,
        "better_on": [finding.dataset for finding in primary if finding.verdict == "better"],
        "worse_on": [finding.dataset for finding in primary if finding.verdict == "worse"],
    }
    if asked_sweep is not None:
        facts["asked_sweep"] = asked_sweep
    conditions = tested_under(blueprint)
    return memory(
        past,
        "hypothesis",
        analysis.verdict,
        f"{blueprint.hypothesis}: {analysis.verdict}, since {analysis.verdict_reason}.",
        conditions,
        facts,
        (*_tags(blueprint), *conditions["component"]),
    )


def configuration_memory(past: Trajectory, blueprint: Blueprint) -> Memory:
    """With which cures and sizes the experiment ran through, or what it was given up for."""
    last = past.attempts[-1] if past.attempts else None
    ran = last is not None and last.outcome == "succeeded" and not last.smoke
    fixes = standing_cures(past, blueprint)
    facts: dict[str, Any] = {
        "fixes": list(fixes),
        "needed": list(needed_cures(past, blueprint)),
        "seeds": len(blueprint.seeds),
        "ablation": ablation_of(blueprint),
        "sweep": {"id": blueprint.sweep.id, "values": list(blueprint.sweep.values)} if blueprint.sweep else None,
        "alternatives": [method.id for method in blueprint.methods if method.role == "alternative"],
        "datasets": list(data_ids(blueprint)),
        "components": [item.id for item in blueprint.components],
        "minutes_per_run": blueprint.budget.minutes_per_run,
    }
    where = f"A study of {blueprint.study.replace('_', ' ')} on {listing(data_names(blueprint))}"
    how = f"{len(blueprint.seeds)} seeds and {f'the cures {listing(fixes)}' if fixes else 'no cure'}"
    if ran:
        text = f"{where} ran through with {how}."
    else:
        why = trouble(last.failure, blueprint) if last and last.failure else "an unknown trouble"
        facts["trouble"] = why
        text = f"{where} with {how} was given up after {why}."
    conditions = {"study": (blueprint.study,), "dataset": data_ids(blueprint)}
    return memory(
        past, "configuration", "validated" if ran else "failed", text, conditions, facts, (*_tags(blueprint), *fixes)
    )


def resource_memories(past: Trajectory, blueprint: Blueprint, kit: Kit) -> Iterator[Memory]:
    """What each data set took for a method, a seed and a condition; after a run out of time, at least how much.

    Nothing is said of runs that learned from a part of their rows only: the time of the whole is still unknown.
    """
    last = past.attempts[-1] if past.attempts else None
    if last is None:
        return
    forecast = {option.id: option.seconds for option in kit.datasets}
    hardware = hardware_cores(past.profile.compute.cores)
    if last.outcome == "succeeded" and not last.smoke and not _reduced(past, kit):
        start_up, seconds = measured_seconds(past, blueprint, kit, last)
        for staged in blueprint.datasets:
            mine = seconds[staged.card.id]
            text = (
                f"On {staged.card.name}, {hardware}, a method took {fmean(mine.values()):.2f} s for a seed and a "
                f"condition; {forecast[staged.card.id]:.2f} s were expected."
            )
            facts: dict[str, Any] = {
                "seconds": mine,
                "start_up": start_up,
                "forecast_seconds": forecast[staged.card.id],
            }
            yield memory(
                past, "resource", "validated", text, _cost(blueprint, staged.card.id, hardware), facts, _tags(blueprint)
            )
    elif last.outcome == "timed_out":
        slowdown = round(SAFETY * blueprint.budget.minutes / kit_minutes(blueprint, kit), 3)
        for staged in blueprint.datasets:
            text = (
                f"On {staged.card.name}, {hardware}, the time ran out: {blueprint.budget.minutes:g} minutes were not "
                f"enough for {len(blueprint.methods)} methods and {len(blueprint.seeds)} seeds."
            )
            facts = {"slowdown": slowdown, "forecast_seconds": forecast[staged.card.id]}
            yield memory(
                past, "resource", "failed", text, _cost(blueprint, staged.card.id, hardware), facts, _tags(blueprint)
            )


def measured_seconds(
    past: Trajectory, blueprint: Blueprint, kit: Kit, attempt: Attempt
) -> tuple[float, dict[str, dict[str, float]]]:
    """Start-up seconds, and for each data set those of each method for one seed and one condition.

    Fitting is measured; what a process took besides is shared out evenly. Without such measurements the whole is
    shared out as the kit expects. The parts add up to the mean time of a process.
    """
    whole = fmean(job.seconds for job in attempt.jobs)
    settings = len(blueprint.sweep.values) if blueprint.sweep else 1
    fits: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in past.ledger.measurements if past.ledger else ():
        if record.metric == FIT:
            fits[record.dataset, record.method].append(record.value)
    expected = {option.id: option.seconds for option in kit.datasets}
    cells = [(name, method) for name in data_ids(blueprint) for method in blueprint.methods]
    if not all((name, method.id) in fits for name, method in cells):
        start_up = min(START_UP_S, whole)
        share = (whole - start_up) / settings / sum(expected[name] for name, _ in cells)
        taken = {(name, method.id): share * expected[name] for name, method in cells}
    else:
        fitting = {key: fmean(values) for key, values in fits.items()}
        rest = max(0.0, whole - settings * sum(fitting.values()))
        start_up = min(START_UP_S, rest)
        even = (rest - start_up) / settings / len(cells)
        taken = {key: value + even for key, value in fitting.items()}
    seconds: dict[str, dict[str, float]] = defaultdict(dict)
    for name, method in cells:
        seconds[name][make_up(method)] = round(taken[name, method.id], 4)
    return round(start_up, 3), dict(seconds)


def kit_minutes(blueprint: Blueprint, kit: Kit) -> float:
    """What the kit alone would expect of a study."""
    expected = {option.id: option.seconds for option in kit.datasets}
    settings = len(blueprint.sweep.values) if blueprint.sweep else 1
    one_seed = START_UP_S + settings * len(blueprint.methods) * sum(expected[name] for name in data_ids(blueprint))
    waves = -(-len(blueprint.seeds) // blueprint.budget.parallel)
    return one_seed * waves / 60


def liked_components(blueprint: Blueprint, analysis: Analysis, kit: Kit) -> Iterator[Skill]:
    """Components whose addition made things better somewhere and worse nowhere."""
    metric = blueprint.metrics[0]
    for item in blueprint.components:
        if verdict_on(item.id, blueprint, analysis.findings) == "better":
            yield skill(
                "ideation",
                "prefer",
                item.id,
                kit,
                when=f"A study of {kit.name} chooses what to add to {kit.baseline.name}, judged by {metric.name}.",
                what=f"Among candidates that are otherwise equal, prefer {item.name}: it {item.description}.",
                tags=(item.id, *item.tags, metric.id),
            )


def verdict_on(component: str, blueprint: Blueprint, findings: tuple[Finding, ...]) -> str:
    """Better, worse, mixed or no_difference, by the planned comparisons that differ in this component alone.

    Those with the bare baseline count; only where there are none, those with the proposal without the component, which
    may owe their outcome to what the component makes good.
    """
    parts = {method.id: set(method.components) for method in blueprint.methods if method.role not in OTHER}
    alone = [
        finding
        for finding in findings
        if finding.kind in ("primary", "component", "ablation")
        and finding.method in parts
        and finding.versus in parts
        and parts[finding.method] - parts[finding.versus] == {component}
        and parts[finding.versus] <= parts[finding.method]
    ]
    bare = [finding for finding in alone if not parts[finding.versus or ""]]
    said = {finding.verdict for finding in bare or alone}
    if {"better", "worse"} <= said:
        return "mixed"
    return next((verdict for verdict in ("better", "worse") if verdict in said), "no_difference")


def tested_under(blueprint: Blueprint) -> Conditions:
    """What a design says of the conditions under which a claim is tested."""
    conditions = {
        "study": (blueprint.study,),
        "dataset": data_ids(blueprint),
        "component": tuple(item.id for item in blueprint.components),
        "metric": (blueprint.metrics[0].id,),
    }
    return conditions | ({"sweep": (blueprint.sweep.id,)} if blueprint.sweep else {})


def _tags(blueprint: Blueprint) -> tuple[str, ...]:
    return blueprint.study, blueprint.domain


def _cost(blueprint: Blueprint, dataset: str, hardware: str) -> Conditions:
    return {"study": (blueprint.study,), "dataset": (dataset,), "hardware": (hardware,)}


def _reduced(past: Trajectory, kit: Kit) -> bool:
    """Whether the program saved time at the cost of its results."""
    reducing = {fix.id for fix in kit.fixes if fix.registry == "REDUCTION"}
    return bool(reducing & {*(item.fix for item in past.prepared), *(item.patch for item in past.attempts)})
