"""Wishes about survey, hypotheses and design; once there are results, those decide and not the intention."""

import re
from collections.abc import Callable
from typing import Any

from nanoresearch.bench.artifacts import Artifacts

NOT_KERNEL = {"tree", "boosting", "instance-based", "neural", "deep learning"}
NOT_LINEAR = NOT_KERNEL | {"kernel"}
"""Tags of methods outside a family. An ensemble of linear models is linear."""
LEVEL_TOLERANCE = 1e-9


def min_seeds(run: Artifacts, value: int) -> bool:
    """At least so many repetitions."""
    return run.seeds >= value


def confidence_interval(run: Artifacts, value: float) -> bool:
    """Intervals of this level."""
    return run.blueprint is not None and abs(run.blueprint.confidence - value) < LEVEL_TOLERANCE


def paired_test(run: Artifacts, value: bool) -> bool:
    """Planned paired comparisons, and p-values for them once there is an analysis."""
    planned = run.blueprint is not None and bool(run.blueprint.comparisons)
    return planned and (run.analysis is None or _has_statistic(run, "p_value"))


def correction(run: Artifacts, value: str) -> bool:
    """This correction for multiple comparisons."""
    return run.blueprint is not None and run.blueprint.correction == value


def metrics_together(run: Artifacts, value: list[str]) -> bool:
    """All of these metrics; in a paper, side by side in one of its tables."""
    if not set(value) <= run.metrics or run.blueprint is None:
        return False
    if run.manuscript is None:
        return True
    names = [metric.name.lower() for metric in run.blueprint.metrics if metric.id in value]
    headers = [" ".join(table.header).lower() for table in run.tables]
    return any(all(name in header for name in names) for header in headers)


def costs_measured(run: Artifacts, value: list[str]) -> bool:
    """These costs of every method."""
    return set(value) <= run.costs


def per_class_results(run: Artifacts, value: bool) -> bool:
    """The primary metric by class."""
    sliced = any(":" in name for name in run.metrics) if run.results else bool(run.blueprint and run.blueprint.slices)
    return sliced is value


def datasets_min(run: Artifacts, value: int) -> bool:
    """Results on so many data sets."""
    return len(run.datasets) >= value


def rivals_min(run: Artifacts, value: int) -> bool:
    """So many established methods to compare with."""
    methods = run.blueprint.methods if run.blueprint else ()
    return sum(method.role == "alternative" for method in methods) >= value


def components_max(run: Artifacts, value: int) -> bool:
    """A study of no more than so many components."""
    return run.blueprint is not None and len(run.blueprint.components) <= value


def survey_min(run: Artifacts, value: int) -> bool:
    """A survey of so many works."""
    return run.survey is not None and len(run.survey.papers) >= value


def hypotheses_min(run: Artifacts, value: int) -> bool:
    """So many hypotheses to choose from."""
    return run.ideas is not None and len(run.ideas.proposals) >= value


def ablation(run: Artifacts, value: str) -> bool:
    """The full method without each of its components; every_label_type: for those of a molecular graph."""
    if run.blueprint is None or len(run.blueprint.components) < 1:
        return False
    whole = {item.id for item in run.blueprint.components}
    subsets = {frozenset(item.components) for item in run.blueprint.methods if item.role not in ("alternative",)}
    if value == "every_label_type" and not {"bond_labels", "aromaticity_labels"} <= whole:
        return False
    return all(frozenset(whole - {name}) in subsets for name in whole)


def factorial(run: Artifacts, value: str) -> bool:
    """Every subset of three components."""
    if run.blueprint is None or value != "full_factorial_2x2x2":
        return False
    subsets = {frozenset(item.components) for item in run.blueprint.methods}
    return len(run.blueprint.components) == 3 and len(subsets) == 8


def grouped_split(run: Artifacts, value: str) -> bool:
    """Data divided so that what belongs together stays on one side."""
    return run.blueprint is not None and run.blueprint.protocol.grouped_by is not None


def nested_validation(run: Artifacts, value: str) -> bool:
    """Recalibration on folds inside the training part."""
    return run.states("nested", "inner fold", "inner cross", "folds inside", "fold inside")


def model_family(run: Artifacts, value: list[str]) -> bool:
    """No method outside these families; trivial references are none."""
    banned = NOT_KERNEL if "kernel" in value else NOT_LINEAR
    if run.blueprint is None:
        return False
    tags = [item.tags for item in run.blueprint.methods if item.role != "reference"]
    tags += [item.tags for item in run.blueprint.components]
    return not any(set(item) & banned for item in tags)


def conditions_min(run: Artifacts, value: int) -> bool:
    """Results at so many strengths of what is varied, the standard one not counted."""
    return len(run.conditions) - 1 >= value


def missing_view_rate(run: Artifacts, value: float) -> bool:
    """Results with this share of a view missing."""
    return f"missing_view_rate={value}" in run.conditions


def splits(run: Artifacts, value: list[str]) -> bool:
    """Results for each of these ways to divide the data."""
    names = {"random": "test_part=random", "size_ordered": "test_part=largest"}
    return all(names.get(item, item) in run.conditions for item in value)


def directions(run: Artifacts, value: int) -> bool:
    """Results for so many directions of transfer, as settings or as data sets."""
    named = {item for item in run.conditions if item.startswith("direction=")}
    return max(len(named), len(run.datasets)) >= value


def evaluation(run: Artifacts, value: str) -> bool:
    """This protocol, as the design describes it."""
    if run.blueprint is None:
        return False
    if value == "prequential":
        return run.blueprint.protocol.id == "test_then_train"
    return run.states("filtered") and run.states("both sides", "both directions", "heads and tails", "head and tail")


def origins_min(run: Artifacts, value: int) -> bool:
    """Forecasts from so many origins, as the paper says."""
    return any(run.states(f"{number} origins", f"{number} rolling origins") for number in range(value, 400))


def horizon(run: Artifacts, value: int) -> bool:
    """Forecasts so many steps ahead."""
    words = {6: "six", 12: "twelve", 48: "forty-eight"}
    told = [f"{value} steps", f"{value} years", f"{value} values", f"horizon of {value}", f"last {value} "]
    spelt = [item.replace(str(value), words[value]) for item in told] if value in words else []
    return f"horizon={value}" in run.conditions or run.states(*told, *spelt)


def series_count(run: Artifacts, value: int) -> bool:
    """A collection of so many series, all of them used."""
    summaries = [staged.card.summary for staged in run.blueprint.datasets] if run.blueprint else []
    whole = run.blueprint is not None and "half" not in run.blueprint.protocol.id
    return whole and any(str(value) in summary for summary in summaries)


def permutations_min(run: Artifacts, value: int) -> bool:
    """A permutation test with at least so many permutations."""
    stated = "\n".join(run.statements())
    counts = re.findall(r"\b(\d[\d,]*) (?:random )?permutations\b", stated, re.IGNORECASE)
    return any(int(count.replace(",", "")) >= value for count in counts)


def control_experiment(run: Artifacts, value: bool) -> bool:
    """A method that only sees what should not help."""
    methods = run.blueprint.methods if run.blueprint else ()
    told = [f"{item.name} {item.description}".lower() for item in methods if item.role in ("alternative", "reference")]
    return any(word in text for text in told for word in ("control", "quiet", "silence", "channel"))


def stat_test(run: Artifacts, value: str | list[str]) -> bool:
    """Each of these tests; a bar between two means either."""
    wanted = [value] if isinstance(value, str) else value
    return all(any(_tested(run, name) for name in item.split("|")) for item in wanted)


def _tested(run: Artifacts, name: str) -> bool:
    if run.blueprint is None:
        return False
    if name == "wilcoxon_holm":
        return run.blueprint.test == "wilcoxon" and run.blueprint.correction == "holm"
    if name == "paired":
        return paired_test(run, True)
    return run.states(name, name.replace("_", "-"), name.replace("_", " "))


def _has_statistic(run: Artifacts, kind: str) -> bool:
    numbers = run.analysis.numbers if run.analysis else ()
    return any(getattr(number.source, "kind", None) == kind for number in numbers)


def effect_size(run: Artifacts, value: bool) -> bool:
    """Effect sizes of the comparisons; before there is an analysis, comparisons that can have one."""
    planned = run.blueprint is not None and bool(run.blueprint.comparisons)
    return planned and (run.analysis is None or _has_statistic(run, "effect_size"))


TESTS: dict[str, Callable[[Artifacts, Any], bool]] = {
    "min_seeds": min_seeds,
    "min_repeats": min_seeds,
    "confidence_interval": confidence_interval,
    "paired_test": paired_test,
    "effect_size": effect_size,
    "correction": correction,
    "metrics_together": metrics_together,
    "costs_measured": costs_measured,
    "per_class_results": per_class_results,
    "datasets_min": datasets_min,
    "rivals_min": rivals_min,
    "components_max": components_max,
    "survey_min": survey_min,
    "hypotheses_min": hypotheses_min,
    "ablation": ablation,
    "design": factorial,
    "grouped_split": grouped_split,
    "validation": nested_validation,
    "model_family": model_family,
    "corruption_levels_min": conditions_min,
    "missing_view_rate": missing_view_rate,
    "splits": splits,
    "directions": directions,
    "evaluation": evaluation,
    "origins_min": origins_min,
    "horizon": horizon,
    "series_count": series_count,
    "permutations_min": permutations_min,
    "control_experiment": control_experiment,
    "stat_test": stat_test,
}
