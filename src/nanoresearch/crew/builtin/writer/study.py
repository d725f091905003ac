"""One run as its sections need it: look-ups, outcomes of the planned comparisons, and numbers as references."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from nanoresearch.crew.builtin.analyst import digits
from nanoresearch.crew.builtin.kits.family import family_of
from nanoresearch.crew.builtin.kits.kit import Component, Kit
from nanoresearch.crew.builtin.writer.prose import Voice, name, names
from nanoresearch.crew.roles import Briefing, WritingMaterial
from nanoresearch.evidence.numbers import NumberBook
from nanoresearch.evidence.statistics import difference
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.analysis import Figure, Selection, Statistic, Table
from nanoresearch.schema.blueprint import Comparison, ComponentSpec, MethodSpec, MetricSpec
from nanoresearch.schema.plan import WritingGuidance

BLUEPRINT = "planning/blueprint.json"
SECONDARY_TABLES = ("metrics", "costs", "slices", "sweep", "seeds")
"""Tables that a brief paper leaves out."""


@dataclass(frozen=True)
class Outcome:
    """A planned comparison and which way it went after correction."""

    comparison: Comparison
    verdict: str
    """better, worse or no_difference."""


class Study:
    """Facts of one run, and the book in which its printed numbers are kept."""

    def __init__(self, briefing: Briefing, material: WritingMaterial, authorship: str = "") -> None:
        """`authorship` says in LaTeX who wrote the text; empty for this crew alone."""
        self.briefing = briefing
        self.material = material
        self.blueprint = material.blueprint
        self.analysis = material.analysis
        self.kit: Kit = family_of(material.blueprint)
        self.authorship = authorship
        self.guidance = guide(briefing.plan, WritingGuidance)
        style = briefing.profile.writing
        self.voice = Voice((self.guidance.person or style.person) == "we")
        self.brief = (self.guidance.detail or style.detail) == "brief"
        self.book = NumberBook(material.ledger, material.folder)
        self.known_works = {paper.key for paper in material.survey.papers}

    # Who is who

    @cached_property
    def baseline(self) -> MethodSpec:
        """What components are added to."""
        return next(method for method in self.blueprint.methods if method.role == "baseline")

    @cached_property
    def proposed(self) -> MethodSpec:
        """The baseline with everything."""
        return next(method for method in self.blueprint.methods if method.role == "proposed")

    @cached_property
    def reference(self) -> MethodSpec | None:
        """The trivial method, if it is run."""
        return next((method for method in self.blueprint.methods if method.role == "reference"), None)

    @cached_property
    def alternatives(self) -> tuple[MethodSpec, ...]:
        """Established other methods."""
        return tuple(method for method in self.blueprint.methods if method.role == "alternative")

    @cached_property
    def variants(self) -> tuple[MethodSpec, ...]:
        """Methods between baseline and proposal."""
        return tuple(method for method in self.blueprint.methods if method.role == "variant")

    @cached_property
    def singles(self) -> dict[str, MethodSpec]:
        """The method with one component alone, by component."""
        methods = (*self.variants, self.proposed)
        return {method.components[0]: method for method in methods if len(method.components) == 1}

    @property
    def components(self) -> tuple[ComponentSpec, ...]:
        """Components under study."""
        return self.blueprint.components

    @property
    def several(self) -> bool:
        """Whether more than one component is studied."""
        return len(self.components) > 1

    @property
    def metric(self) -> MetricSpec:
        """The primary metric."""
        return self.blueprint.metrics[0]

    @property
    def dataset_ids(self) -> list[str]:
        """Data sets in order."""
        return [staged.card.id for staged in self.blueprint.datasets]

    @cached_property
    def proper_names(self) -> tuple[str, ...]:
        """Names that prose from records may hold."""
        named = [staged.card.name for staged in self.blueprint.datasets]
        named += [item.name for item in self.components]
        named += [item.name for item in self.blueprint.methods]
        named += [item.name for item in self.blueprint.metrics]
        return tuple(dict.fromkeys(named))

    def known_component(self, component_id: str) -> Component | None:
        """What the kit knows about a component."""
        return next((item for item in self.kit.components if item.spec.id == component_id), None)

    def method(self, method_id: str) -> MethodSpec:
        """A method by its id."""
        return next(method for method in self.blueprint.methods if method.id == method_id)

    # Phrases

    def data(self, ids: Iterable[str], word: str = "and") -> str:
        """Names of data sets."""
        cards = {staged.card.id: staged.card.name for staged in self.blueprint.datasets}
        return names([cards[item] for item in ids], word)

    def on(self, ids: Sequence[str]) -> str:
        """ "on every data set" or "on Wine and Iris"."""
        if len(ids) == len(self.dataset_ids) and len(ids) > 1:
            return "on every data set"
        return f"on {self.data(ids)}"

    def at(self, dataset: str | None) -> str:
        """ " on Wine", or nothing where there is only one data set to be on."""
        return f" on {self.data([dataset])}" if dataset and len(self.dataset_ids) > 1 else ""

    @property
    def averaged(self) -> str:
        """ "averaged over data sets, ", or nothing where there is only one."""
        return "averaged over data sets, " if len(self.dataset_ids) > 1 else ""

    def on_none(self, ids: Sequence[str]) -> str:
        """ "on any data set" or "on Wine or Iris", after a negation."""
        if len(ids) == len(self.dataset_ids) and len(ids) > 1:
            return "on any data set"
        return f"on {self.data(ids, 'or')}"

    @property
    def all_components(self) -> str:
        """Names of the components under study."""
        return names([item.name for item in self.components])

    @property
    def adding(self) -> str:
        """ "adding A, B and C to the baseline's name"."""
        return f"adding {self.all_components} to {name(self.baseline.name)}"

    @property
    def whole(self) -> str:
        """The proposal in a few words."""
        return "the full combination" if self.several else f"the baseline with {self.all_components}"

    def verb(self, verdict: str, metric: MetricSpec | None = None) -> str:
        """ "raises" or "lowers": what a better or worse outcome does to a metric."""
        higher = (metric or self.metric).direction == "higher"
        return "raises" if (verdict == "better") == higher else "lowers"

    @property
    def metric_name(self) -> str:
        """Name of the primary metric."""
        return name(self.metric.name)

    # Outcomes

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Every planned comparison, as the analysis judged it."""
        judged = {item.comparison: item.verdict for item in self.analysis.findings if item.comparison}
        return tuple(
            Outcome(item, judged[item.id] if judged.get(item.id, "note") != "note" else self._judge(item))
            for item in self.blueprint.comparisons
        )

    @cached_property
    def primary(self) -> tuple[Outcome, ...]:
        """Comparisons that decide."""
        return tuple(item for item in self.outcomes if item.comparison.primary)

    @cached_property
    def alone(self) -> dict[str, tuple[Outcome, ...]]:
        """Each component alone against the baseline."""
        return {
            component: tuple(
                item
                for item in self.outcomes
                if item.comparison.method == method.id and item.comparison.versus == self.baseline.id
            )
            for component, method in self.singles.items()
        }

    @cached_property
    def taken_away(self) -> dict[str, tuple[Outcome, ...]]:
        """The proposal against itself without each component; empty for two components or fewer variants."""
        found: dict[str, tuple[Outcome, ...]] = {}
        for component in self.components:
            rest = {item.id for item in self.components} - {component.id}
            method = next((item for item in self.variants if set(item.components) == rest), None)
            if method:
                found[component.id] = tuple(self._against(method.id))
        return {component: items for component, items in found.items() if items}

    @cached_property
    def against_alternatives(self) -> tuple[Outcome, ...]:
        """The proposal against established methods."""
        return tuple(item for method in self.alternatives for item in self._against(method.id))

    def where(self, outcomes: Iterable[Outcome], verdict: str) -> list[str]:
        """Data sets on which the outcome was this."""
        chosen = [item.comparison.dataset for item in outcomes if item.verdict == verdict]
        return [dataset for dataset in self.dataset_ids if dataset in chosen or (chosen and None in chosen)]

    def _against(self, method_id: str) -> list[Outcome]:
        return [
            item
            for item in self.outcomes
            if item.comparison.method == self.proposed.id and item.comparison.versus == method_id
        ]

    def _judge(self, comparison: Comparison) -> str:
        p = self.book.value(difference(comparison, "p_adjusted"))
        mean = self.book.value(difference(comparison, "diff_mean"))
        if p is None or mean is None or p >= 1 - self.blueprint.confidence or mean == 0:
            return "no_difference"
        higher = self._metric(comparison.metric).direction == "higher"
        return "better" if (mean > 0) == higher else "worse"

    # Numbers

    def count(self, pointer: str) -> str:
        """How many of something the blueprint has, as a reference."""
        return self.book.field(f"text.count{pointer.replace('/', '.')}", BLUEPRINT, pointer, ".0f", count=True)

    @property
    def confidence(self) -> str:
        """The interval level."""
        return self.book.field("text.confidence", BLUEPRINT, "/confidence", "percent:g") + r"\,\%"

    def setting(self, index: int) -> str:
        """A setting of the sweep."""
        assert self.blueprint.sweep is not None
        value = self.blueprint.sweep.values[index]
        unit = f" {name(self.blueprint.sweep.unit)}" if self.blueprint.sweep.unit else ""
        if isinstance(value, str):
            return f"``{name(value)}''{unit}"
        return self.book.field(f"text.sweep.{index}", BLUEPRINT, f"/sweep/values/{index}", "g") + unit

    def condition(self, index: int) -> str:
        """A setting of the sweep as results name it."""
        assert self.blueprint.sweep is not None
        return f"{self.blueprint.sweep.id}={self.blueprint.sweep.values[index]}"

    def score(self, method: str, dataset: str | None, metric: str | None = None, condition: str | None = None) -> str:
        """A method's mean score with its unit."""
        metric = metric or self.metric.id
        of = Selection(method=method, metric=metric, dataset=dataset, condition=condition)
        text = self.book.statistic(Statistic(kind="mean", of=of), self._form(metric))
        return text + (r"\,\%" if self._metric(metric).percent else "")

    def change(self, statistic: Statistic) -> str:
        """A difference with its unit; the statistic's kind is diff_mean."""
        metric = statistic.of.metric
        text = self.book.statistic(statistic, self._form(metric, signed=True))
        return text + (" percentage points" if self._metric(metric).percent else "")

    def span(self, statistic: Statistic) -> str:
        """The interval of a difference: "from LOW to HIGH"."""
        form = self._form(statistic.of.metric, signed=True)
        low = self.book.statistic(statistic.model_copy(update={"kind": "diff_ci_low"}), form)
        high = self.book.statistic(statistic.model_copy(update={"kind": "diff_ci_high"}), form)
        return f"from {low} to {high}"

    def excludes_zero(self, statistic: Statistic) -> int:
        """The sign of a difference whose interval excludes zero, else 0; uncorrected."""
        low = self.book.value(statistic.model_copy(update={"kind": "diff_ci_low"}))
        high = self.book.value(statistic.model_copy(update={"kind": "diff_ci_high"}))
        if low is None or high is None or low <= 0 <= high:
            return 0
        return 1 if low > 0 else -1

    def tested(self, comparison: Comparison, *, full: bool = True) -> str:
        """ "+1.2 percentage points (95 % interval from 0.3 to 2.1, corrected p = 0.01)"."""
        p = self.book.statistic(difference(comparison, "p_adjusted"), "p_relation")
        change = difference(comparison, "diff_mean")
        interval = f"{self.confidence} interval {self.span(change)}, " if full else ""
        return f"{self.change(change)} ({interval}corrected $p$ {p})"

    def against(
        self,
        method: str,
        versus: str,
        dataset: str | None,
        metric: str | None = None,
        condition: str | None = None,
    ) -> Statistic:
        """The paired difference of two methods."""
        chosen = {"metric": metric or self.metric.id, "dataset": dataset, "condition": condition}
        return Statistic(
            kind="diff_mean",
            of=Selection.model_validate({"method": method, **chosen}),
            versus=Selection.model_validate({"method": versus, **chosen}),
        )

    def shift(self, method: str, first: int, last: int) -> Statistic:
        """How a method's score changes from one setting of the sweep to another, paired by seed."""
        at = Selection(method=method, metric=self.metric.id, condition=self.condition(last))
        return Statistic(kind="diff_mean", of=at, versus=at.model_copy(update={"condition": self.condition(first)}))

    def mean_value(self, method: str, dataset: str | None = None, metric: str | None = None) -> float:
        """An unrounded mean, for deciding how to say something."""
        selection = Selection(method=method, metric=metric or self.metric.id, dataset=dataset)
        return fmean(self.material.ledger.per_seed(selection).values())

    def better_first(self, methods: Iterable[MethodSpec]) -> list[MethodSpec]:
        """Methods by their mean primary score."""
        sign = -1 if self.metric.direction == "higher" else 1
        return sorted(methods, key=lambda method: sign * self.mean_value(method.id))

    def measured(self, method: str, measure: str) -> str | None:
        """A method's mean cost as a reference, or None where none was recorded."""
        of = Selection(method=method, metric=measure)
        statistic = Statistic(kind="mean", of=of, ledger="measurements")
        try:
            value = self.book.value(statistic)
        except KeyError:
            return None
        return self.book.statistic(statistic, digits(abs(value or 0.0)))

    def _metric(self, metric: str) -> MetricSpec:
        plain = metric.partition(":")[0]
        return next(item for item in self.blueprint.metrics if item.id == plain)

    def _form(self, metric: str, *, signed: bool = False) -> str:
        plain = metric.partition(":")[0]
        if self._metric(plain).percent:
            return "signedpercent:.1f" if signed else "percent:.1f"
        spec = digits(max(abs(self.mean_value(self.baseline.id, dataset, plain)) for dataset in self.dataset_ids))
        return f"signed:{spec}" if signed else spec

    # Floats and works

    def table(self, table_id: str) -> Table | None:
        """A table that the analysis has and that this paper shows."""
        if self.brief and table_id.partition("-")[0] in SECONDARY_TABLES:
            return None
        return next((item for item in self.analysis.tables if item.id == table_id), None)

    def figure(self, figure_id: str) -> Figure | None:
        """A figure that the analysis has and that this paper shows."""
        if self.guidance.figures == "none" or (figure_id == "bars" and self.guidance.figures != "more"):
            return None
        return next((item for item in self.analysis.figures if item.id == figure_id), None)

    def floats(self, *ids: str, kind: str = "table") -> list[str]:
        """Those of the tables or figures that the paper shows."""
        return [item for item in ids if (self.table(item) if kind == "table" else self.figure(item))]

    def cite(self, *keys: str) -> str:
        """A citation of those works that are known, with the space before it, or nothing."""
        known = [key for key in dict.fromkeys(keys) if key in self.known_works]
        return f"~\\citep{{{','.join(known)}}}" if known else ""
