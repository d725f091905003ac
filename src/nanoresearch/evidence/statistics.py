"""Named statistics over result records: the only way a measured value gets into a paper.

The unit is the seed: a selection is first averaged within each seed over its data sets and conditions, and differences
are paired by seed. Where seeds draw overlapping splits of one sample the variance is corrected as in Nadeau and Bengio
(2003), "Inference for the generalization error": 1/n becomes 1/n + test/train.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from statistics import fmean, median, stdev

from nanoresearch.schema.analysis import Selection, Statistic
from nanoresearch.schema.blueprint import Blueprint, Comparison
from nanoresearch.schema.experiment import Result

Cell = tuple[str, str, str]  # data set, condition, metric

NEEDS_SPREAD = frozenset({"sd", "ci_low", "ci_high", "diff_ci_low", "diff_ci_high", "effect_size", "p_value"})
"""Statistics that one value does not have."""
ROUNDING = 1e-12
"""Differences below this are rounding errors of metrics whose size is about one."""


class Ledger:
    """Results and measurements of a run, ready to be selected from."""

    def __init__(self, blueprint: Blueprint, results: Iterable[Result], measurements: Iterable[Result] = ()) -> None:
        self.blueprint = blueprint
        self.results = tuple(results)
        self.measurements = tuple(measurements)
        self._values = {"results": _index(self.results), "measurements": _index(self.measurements)}

    @cached_property
    def p_values(self) -> dict[str, tuple[float, float]]:
        """Raw and corrected p-value of every planned comparison, by its id. Raises KeyError like `per_seed`."""
        return _comparison_p_values(self)

    def per_seed(self, selection: Selection, ledger: str = "results") -> dict[int, float]:
        """Mean over the selected data sets and conditions, for each seed.

        Raises KeyError when nothing is selected or a seed lacks a part.
        """
        cells = self._values[ledger].get(selection.method, {})
        chosen = [
            values
            for (dataset, condition, metric), values in cells.items()
            if metric == selection.metric
            and selection.dataset in (None, dataset)
            and selection.condition in (None, condition)
        ]
        if not chosen:
            raise KeyError(f"no records of {selection.model_dump_json(exclude_none=True)}")
        seeds = set().union(*chosen)
        if any(seeds != set(values) for values in chosen):
            raise KeyError(f"seeds are missing in the records of {selection.model_dump_json(exclude_none=True)}")
        if selection.seed is not None:
            seeds &= {selection.seed}
        if not seeds:
            raise KeyError(f"no record of that seed: {selection.model_dump_json(exclude_none=True)}")
        return {seed: fmean(values[seed] for values in chosen) for seed in sorted(seeds)}

    def sample(self, statistic: Statistic) -> list[float]:
        """Values, paired differences or contrasts that a statistic is computed from, in the order of the seeds."""
        first = self.per_seed(statistic.of, statistic.ledger)
        parts = [(1.0, first)]
        if statistic.versus:
            parts.append((-1.0, self.per_seed(statistic.versus, statistic.ledger)))
        parts += [(term.weight, self.per_seed(term.selection, statistic.ledger)) for term in statistic.terms]
        if any(set(values) != set(first) for _, values in parts):
            raise KeyError("the parts of a difference have different seeds")
        return [sum(weight * values[seed] for weight, values in parts) for seed in first]


def derive(statistic: Statistic, ledger: Ledger) -> float | None:
    """The value of a statistic, or None where it is undefined: the spread of one value, an effect size without spread.

    Raises KeyError when the records are not there.
    """
    if statistic.kind == "p_adjusted":
        return _adjusted(statistic, ledger)
    values = ledger.sample(statistic)
    if len(values) < 2 and statistic.kind in NEEDS_SPREAD:
        return None
    blueprint = ledger.blueprint
    match statistic.kind:
        case "mean" | "diff_mean":
            return fmean(values)
        case "sd":
            return stdev(values)
        case "median":
            return median(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "n":
            return float(len(values))
        case "ci_low":
            low = interval(values, blueprint)[0]
            return max(0.0, low) if _is_share(statistic.of.metric, blueprint) else low
        case "ci_high":
            high = interval(values, blueprint)[1]
            return min(1.0, high) if _is_share(statistic.of.metric, blueprint) else high
        case "diff_ci_low":
            return interval(values, blueprint)[0]
        case "diff_ci_high":
            return interval(values, blueprint)[1]
        case "effect_size":
            return effect_size(values)
        case "p_value":
            return p_value(values, blueprint)
        case "wins":
            return float(sum(_better(value, statistic.of.metric, blueprint) for value in values))


def standard_error(values: list[float], blueprint: Blueprint) -> float:
    """Standard error of the mean, corrected for overlapping splits where seeds draw them."""
    share = blueprint.protocol.test_fraction
    overlap = share / (1 - share) if blueprint.protocol.resampled else 0.0
    return math.sqrt((1 / len(values) + overlap) * stdev(values) ** 2)


def interval(values: list[float], blueprint: Blueprint) -> tuple[float, float]:
    """Two-sided t interval for the mean at the blueprint's confidence level."""
    from scipy.stats import t

    centre = fmean(values)
    half = float(t.ppf(0.5 + blueprint.confidence / 2, len(values) - 1)) * standard_error(values, blueprint)
    return centre - half, centre + half


def effect_size(differences: list[float]) -> float | None:
    """Cohen's d for paired samples: mean over standard deviation of the differences; None without spread."""
    spread = stdev(differences)
    return fmean(differences) / spread if spread > _tiny(differences) else None


def p_value(differences: list[float], blueprint: Blueprint) -> float:
    """Two-sided p-value of the paired test that the blueprint names.

    Without any spread a t test is undefined; the exact sign test then stands in.
    """
    from scipy.stats import t, wilcoxon

    # Equal scores can differ in their last digit by the order of a sum; that is no difference.
    if all(abs(value) <= ROUNDING for value in differences):
        return 1.0
    if stdev(differences) <= _tiny(differences):
        return min(1.0, 2 * 0.5 ** len(differences))
    if blueprint.test == "wilcoxon":
        # Rounded for the same reason: ties of ranks must be seen as ties.
        unit = max(abs(value) for value in differences)
        rounded = [round(value / unit, 10) for value in differences]
        return float(wilcoxon(rounded, zero_method="zsplit").pvalue)
    statistic = abs(fmean(differences)) / standard_error(differences, blueprint)
    return float(2 * t.sf(statistic, len(differences) - 1))


def comparison_p_values(ledger: Ledger) -> dict[str, tuple[float, float]]:
    """Raw and corrected p-value of every planned comparison, by its id.

    Primary comparisons are one family, all others a second: the decision does not pay for the exploration.
    """
    return dict(ledger.p_values)


def _comparison_p_values(ledger: Ledger) -> dict[str, tuple[float, float]]:
    from statsmodels.stats.multitest import multipletests

    blueprint = ledger.blueprint
    found = {}
    for primary in (True, False):
        family = [item for item in blueprint.comparisons if item.primary is primary]
        if not family:
            continue
        raw = [p_value(ledger.sample(difference(item, "p_value")), blueprint) for item in family]
        corrected = multipletests(raw, method=blueprint.correction)[1]
        found.update({item.id: (p, float(q)) for item, p, q in zip(family, raw, corrected, strict=True)})
    return found


def difference(comparison: Comparison, kind: str) -> Statistic:
    """The statistic of that kind for a planned comparison, over all settings of the sweep."""
    return Statistic.model_validate(
        {
            "kind": kind,
            "of": {"method": comparison.method, "metric": comparison.metric, "dataset": comparison.dataset},
            "versus": {"method": comparison.versus, "metric": comparison.metric, "dataset": comparison.dataset},
        }
    )


def _adjusted(statistic: Statistic, ledger: Ledger) -> float:
    for comparison in ledger.blueprint.comparisons:
        if difference(comparison, "p_adjusted") == statistic:
            return ledger.p_values[comparison.id][1]
    raise KeyError("a corrected p-value exists for planned comparisons only")


def _is_share(metric: str, blueprint: Blueprint) -> bool:
    """Whether a metric lies between 0 and 1, so that an interval for its mean ends there."""
    return any(item.percent for item in blueprint.metrics if item.id == metric.partition(":")[0])


def _better(value: float, metric: str, blueprint: Blueprint) -> bool:
    """Whether a difference is a gain; of costs, less is better."""
    direction = {item.id: item.direction for item in blueprint.metrics}.get(metric.partition(":")[0], "lower")
    return value > 0 if direction == "higher" else value < 0


def _tiny(values: list[float]) -> float:
    """A spread that rounding alone can give."""
    return max(ROUNDING, 1e-12 * max(abs(value) for value in values))


def _index(records: Iterable[Result]) -> dict[str, dict[Cell, dict[int, float]]]:
    index: dict[str, dict[Cell, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for record in records:
        cell = index[record.method][record.dataset, record.condition, record.metric]
        if record.seed in cell:
            raise ValueError(f"record {record.id} repeats an earlier one")
        cell[record.seed] = record.value
    return index
