"""The numbers that a writing model may refer to: short keys, each with what it means and how it is printed.

A model never types a result; it picks a key from this list. Each key is backed by a statistic over the records or by a
field of one, so that the audit derives it again.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nanoresearch.crew.builtin.analyst import MEASURE_NAMES, digits, interaction_contrast, setting_form
from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.numbers import UNDEFINED, derive_number
from nanoresearch.evidence.statistics import Ledger, derive, difference
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Field, Number, Selection, Statistic, StatisticKind
from nanoresearch.schema.blueprint import Comparison, MetricSpec

BLUEPRINT = "planning/blueprint.json"
MOST = 160
"""Keys put before a model: those of the primary metric come first."""


@dataclass(frozen=True)
class Quotable:
    """A number with what it means."""

    number: Number
    meaning: str
    unit: str = ""
    """What has to stand after it, LaTeX."""

    @property
    def line(self) -> str:
        """As a model is shown it."""
        unit = f"; write {self.unit} after it" if self.unit else ""
        return f"\\result{{{self.number.key}}} = {self.number.text}: {self.meaning}{unit}"


class QuotableNumbers:
    """All quotable numbers of a run, by key."""

    def __init__(self, ledger: Ledger, folder: RunFolder) -> None:
        self._ledger = ledger
        self._folder = folder
        self._blueprint = ledger.blueprint
        self._data: dict[str | None, str] = {None: "the average over all data sets"}
        self._data |= {staged.card.id: staged.card.name for staged in self._blueprint.datasets}
        self._methods = {method.id: method.name for method in self._blueprint.methods}
        found = {item.number.key: item for item in self._all() if item.number.text != UNDEFINED}
        self.by_key = dict(list(found.items())[:MOST])

    def shown(self, keys: Iterable[str] | None = None) -> str:
        """The list as a model reads it, or only these keys of it."""
        chosen = self.by_key if keys is None else {key: self.by_key[key] for key in keys if key in self.by_key}
        return "\n".join(item.line for item in chosen.values())

    @property
    def deciding(self) -> list[str]:
        """Keys for abstract and conclusion: sizes of the study, primary comparisons, scores of baseline and
        proposal.
        """
        primary = {item.id for item in self._blueprint.comparisons if item.primary}
        main = {method.id for method in self._blueprint.methods if method.role in ("baseline", "proposed")}
        return [
            key
            for key in self.by_key
            if key.startswith("n.")
            or key == "level"
            or any(key in (f"{kind}.{name}" for kind in ("diff", "low", "high", "p")) for name in primary)
            or any(key.startswith(f"mean.{name}.") and key.count(".") == 2 for name in main)
        ]

    def statistics(self) -> dict[str, tuple[float, Statistic]]:
        """Unrounded value and source of every number that a statistic over records gives, by key."""
        return {
            key: (item.number.value, item.number.source)
            for key, item in self.by_key.items()
            if isinstance(item.number.source, Statistic) and isinstance(item.number.value, float)
        }

    def used(self, texts: Iterable[str]) -> tuple[Number, ...]:
        """The numbers that these texts refer to."""
        keys = {key for text in texts for key in re.findall(r"\\result\{([^{}]*)\}", text)}
        return tuple(item.number for key, item in self.by_key.items() if key in keys)

    def _all(self) -> Iterator[Quotable]:
        blueprint = self._blueprint
        yield from self._counts()
        for item in blueprint.comparisons:
            yield from self._compared(item)
        where: list[str | None] = [staged.card.id for staged in blueprint.datasets]
        if len(where) > 1:
            where.append(None)
        first, *others = blueprint.metrics
        for method in blueprint.methods:
            for dataset in where:
                yield from self._mean(method.id, first, dataset, bounds=method.role in ("baseline", "proposed"))
        yield from self._varied(where)
        yield from self._joint(where)
        yield from self._costs()
        for metric in others:
            for method in blueprint.methods:
                for dataset in where:
                    yield from self._mean(method.id, metric, dataset, suffix=f".{metric.id}")

    def _counts(self) -> Iterator[Quotable]:
        parts = {
            "seeds": "seeds (repetitions) of every method", "datasets": "data sets", "methods": "methods compared",
            "components": "components under study", "comparisons": "planned comparisons",
        }  # fmt: skip
        for name, meaning in parts.items():
            yield from self._field(f"n.{name}", BLUEPRINT, f"/{name}", ".0f", f"number of {meaning}", count=True)
        yield from self._field(
            "n.works", "ideation/survey.json", "/papers", ".0f", "number of works in the survey", count=True
        )
        yield from self._field("level", BLUEPRINT, "/confidence", "percent:g", "level of the intervals", unit="\\,\\%")
        sweep = self._blueprint.sweep
        for index, value in enumerate(sweep.values if sweep else ()):
            meaning = f"setting number {index + 1} of the varied condition ({sweep.name if sweep else ''})"
            form = setting_form(value)
            yield from self._field(f"setting.{index + 1}", BLUEPRINT, f"/sweep/values/{index}", form, meaning)

    def _compared(self, item: Comparison) -> Iterator[Quotable]:
        metric = self._metric(item.metric)
        what = (
            f"{self._methods[item.method]} minus {self._methods[item.versus]}, {metric.name} on "
            f"{self._data[item.dataset]}{', decides about the hypothesis' if item.primary else ''}"
        )
        better = "positive is better" if metric.direction == "higher" else "negative is better"
        form, unit = self._form(metric, signed=True), " percentage points" if metric.percent else ""
        kinds: tuple[tuple[str, StatisticKind, str, str], ...] = (
            ("diff", "diff_mean", f"mean difference of {what}; {better}", form),
            ("low", "diff_ci_low", f"lower end of the interval of the difference {what}", form),
            ("high", "diff_ci_high", f"upper end of the interval of the difference {what}", form),
            ("p", "p_adjusted", f"corrected p-value of the difference {what}, with its relation sign", "p_relation"),
            ("d", "effect_size", f"Cohen's d of the difference {what}", ".2f"),
        )
        for prefix, kind, meaning, shape in kinds:
            yield from self._quotable(
                f"{prefix}.{item.id}", difference(item, kind), shape, meaning, unit if shape == form else ""
            )

    def _mean(
        self, method: str, metric: MetricSpec, dataset: str | None, *, suffix: str = "", bounds: bool = False
    ) -> Iterator[Quotable]:
        of = Selection(method=method, metric=metric.id, dataset=dataset)
        what = f"{metric.name} of {self._methods[method]} on {self._data[dataset]}"
        form, unit = self._form(metric), "\\,\\%" if metric.percent else ""
        wanted: dict[str, tuple[StatisticKind, str]] = {"mean": ("mean", f"mean {what}")}
        if bounds:
            wanted["from"] = ("ci_low", f"lower end of the interval of the mean {what}")
            wanted["to"] = ("ci_high", f"upper end of the interval of the mean {what}")
        for prefix, (kind, meaning) in wanted.items():
            key = f"{prefix}.{method}.{dataset or 'all'}{suffix}"
            yield from self._quotable(key, Statistic(kind=kind, of=of), form, meaning, unit)

    def _varied(self, where: list[str | None]) -> Iterator[Quotable]:
        """Baseline, proposal and their difference at every setting of the sweep."""
        sweep, metric = self._blueprint.sweep, self._blueprint.metrics[0]
        baseline, proposed = self._role("baseline"), self._role("proposed")
        if sweep is None or baseline is None or proposed is None:
            return
        unit = "\\,\\%" if metric.percent else ""
        for index, value in enumerate(sweep.values):
            for dataset in where:
                end = f"{dataset or 'all'}.{index + 1}"
                at = f"{metric.name} on {self._data[dataset]} at {sweep.name} {value}"
                condition = f"{sweep.id}={value}"
                base = Selection(method=baseline, metric=metric.id, dataset=dataset, condition=condition)
                ours = base.model_copy(update={"method": proposed})
                gap = Statistic(kind="diff_mean", of=ours, versus=base)
                for key, of, who in (("swept.baseline", base, baseline), ("swept.proposed", ours, proposed)):
                    yield from self._quotable(
                        f"{key}.{end}", Statistic(kind="mean", of=of), self._form(metric),
                        f"mean {at} of {self._methods[who]}", unit,
                    )  # fmt: skip
                yield from self._quotable(
                    f"gap.{end}", gap, self._form(metric, signed=True),
                    f"difference of the proposal to the baseline in {at}, not a planned comparison",
                    " percentage points" if metric.percent else "",
                )  # fmt: skip

    def _joint(self, where: list[str | None]) -> Iterator[Quotable]:
        metric = self._blueprint.metrics[0]
        for dataset in where:
            contrast = interaction_contrast(self._blueprint, dataset) if dataset else None
            if contrast is None:
                continue
            meaning = f"joint effect of all components less the sum of their single effects, on {self._data[dataset]}"
            yield from self._quotable(
                f"joint.{dataset}", contrast, self._form(metric, signed=True), meaning,
                " percentage points" if metric.percent else "",
            )  # fmt: skip

    def _costs(self) -> Iterator[Quotable]:
        for measure in self._blueprint.measures:
            for method in self._methods:
                of = Selection(method=method, metric=measure)
                statistic = Statistic(kind="mean", of=of, ledger="measurements")
                try:
                    form = digits(abs(derive(statistic, self._ledger) or 0.0))
                except KeyError:
                    continue
                meaning = f"mean {MEASURE_NAMES.get(measure, measure)} of {self._methods[method]}"
                yield from self._quotable(f"cost.{method}.{measure}", statistic, form, meaning)

    def _field(
        self, key: str, file: str, pointer: str, form: str, meaning: str, *, unit: str = "", count: bool = False
    ) -> Iterator[Quotable]:
        yield from self._quotable(key, Field(file=file, pointer=pointer, count=count), form, meaning, unit)

    def _quotable(
        self, key: str, source: Statistic | Field, form: str, meaning: str, unit: str = ""
    ) -> Iterator[Quotable]:
        safe = re.sub(r"[^A-Za-z0-9.:+=_-]", "-", key)
        try:
            number = derive_number(safe, source, form, self._ledger, self._folder)
        except (KeyError, CorruptRecord):  # not recorded: nothing can refer to it
            return
        yield Quotable(number, meaning, unit)

    def _metric(self, metric: str) -> MetricSpec:
        plain = metric.partition(":")[0]
        return next(item for item in self._blueprint.metrics if item.id == plain)

    def _role(self, role: str) -> str | None:
        return next((method.id for method in self._blueprint.methods if method.role == role), None)

    def _form(self, metric: MetricSpec, *, signed: bool = False) -> str:
        if metric.percent:
            return "signedpercent:.1f" if signed else "percent:.1f"
        baseline = self._role("baseline") or next(iter(self._methods))
        means = []
        for staged in self._blueprint.datasets:
            of = Selection(method=baseline, metric=metric.id, dataset=staged.card.id)
            means.append(abs(derive(Statistic(kind="mean", of=of), self._ledger) or 0.0))
        spec = digits(max(means))
        return f"signed:{spec}" if signed else spec
