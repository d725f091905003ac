"""Says what the results mean: planned comparisons, contrasts, tables and figures, all as references to records."""

from collections.abc import Iterable
from dataclasses import dataclass

from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.roles import Briefing
from nanoresearch.evidence.numbers import NumberBook
from nanoresearch.evidence.statistics import Ledger, comparison_p_values, derive, difference, p_value
from nanoresearch.paper.escape import latex
from nanoresearch.paper.tables import SELF_REPORTED
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import (
    Analysis,
    Figure,
    Finding,
    FindingKind,
    FindingVerdict,
    Selection,
    Statistic,
    StatisticKind,
    Table,
    Term,
    Verdict,
)
from nanoresearch.schema.blueprint import Blueprint, Comparison, MethodSpec, MetricSpec

MEASURE_NAMES = {
    "fit_seconds": "fit time (s)",
    "latency_ms": "latency per input (ms)",
    "parameter_count": "fitted numbers",
    "peak_memory_mb": "peak memory (MB)",
}
TESTS = {"paired_t": "paired $t$ test", "wilcoxon": "Wilcoxon signed-rank test"}
CORRECTIONS = {"holm": "Holm", "bonferroni": "Bonferroni", "fdr_bh": "Benjamini and Hochberg"}
MOST_SLICES = 14
"""Rows of a table of classes: those where the baseline does worst."""


class BuiltinAnalyst:
    """Tests what was planned, reports the rest as description."""

    def analyse(self, briefing: Briefing, ledger: Ledger, folder: RunFolder) -> Analysis:
        """Statistics, findings, tables and figures."""
        book = NumberBook(ledger, folder)
        study = Study(ledger, book)
        findings = (
            *compare(study),
            *interactions(study),
            *sweep_gaps(study),
            *reference_notes(study),
            *cost_notes(study),
        )
        verdict, reason = decide(study.blueprint, findings)
        tables = (
            main_table(study),
            comparison_table(study),
            *metric_tables(study),
            *sweep_tables(study),
            *cost_tables(study),
            *slice_tables(study),
            seed_table(study),
            settings_table(study),
            notation_table(study),
        )
        return Analysis(
            verdict=verdict,
            verdict_reason=reason,
            findings=findings,
            figures=figures(study),
            tables=tables,
            numbers=book.numbers,
            cautions=cautions(study),
        )


@dataclass(frozen=True)
class Study:
    """A blueprint with its records, and shorthand for what is asked of them."""

    ledger: Ledger
    book: NumberBook

    @property
    def blueprint(self) -> Blueprint:
        """The design."""
        return self.ledger.blueprint

    @property
    def primary(self) -> MetricSpec:
        """The metric that decides."""
        return self.blueprint.metrics[0]

    @property
    def datasets(self) -> list[tuple[str, str]]:
        """Id and LaTeX name of every data set."""
        return [(staged.card.id, latex(staged.card.name)) for staged in self.blueprint.datasets]

    @property
    def self_reported(self) -> set[str]:
        """Ids of data sets with results that the experiment scored itself."""
        return {record.dataset for record in self.ledger.results if record.scored == "self_reported"}

    def by_role(self, *roles: str) -> list[MethodSpec]:
        """Methods with one of the roles, in the order of the roles."""
        return [method for role in roles for method in self.blueprint.methods if method.role == role]

    def method(self, name: str) -> MethodSpec:
        """The method with this id."""
        return next(method for method in self.blueprint.methods if method.id == name)

    def form(self, metric: MetricSpec) -> str:
        """How values of a metric are printed: enough digits for its size."""
        if metric.percent:
            return "percent:.1f"
        ids = [staged.card.id for staged in self.blueprint.datasets]
        values = [self.mean(self.by_role("baseline")[0].id, metric.id, dataset) for dataset in ids]
        return digits(max(abs(value) for value in values))

    def mean(self, method: str, metric: str, dataset: str | None = None, condition: str | None = None) -> float:
        """Mean over seeds."""
        of = Selection(method=method, metric=metric, dataset=dataset, condition=condition)
        return derive(Statistic(kind="mean", of=of), self.ledger) or 0.0

    def show(self, kind: StatisticKind, of: Selection, form: str, versus: Selection | None = None) -> str:
        """Reference to a statistic."""
        return self.book.statistic(Statistic(kind=kind, of=of, versus=versus), form)

    def with_interval(self, of: Selection, form: str) -> str:
        """Mean and interval, as a table cell."""
        mean, low, high = (self.show(kind, of, form) for kind in ("mean", "ci_low", "ci_high"))
        return f"{mean} {{\\footnotesize [{low}, {high}]}}"


def digits(value: float) -> str:
    """A format with about four significant digits."""
    for bound, form in ((1000, ",.0f"), (100, ".1f"), (10, ".2f"), (0.1, ".3f")):
        if value >= bound:
            return form
    return ".4f"


def compare(study: Study) -> Iterable[Finding]:
    """One finding for each planned comparison."""
    kinds: dict[str, FindingKind] = {
        "main": "primary",
        "single": "component",
        "without": "ablation",
        "alternative": "alternative",
    }
    p_values = comparison_p_values(study.ledger)
    for item in study.blueprint.comparisons:
        yield Finding(
            id=item.id,
            kind=kinds.get(item.id.partition(".")[0], "component"),
            verdict=judge(study, item, p_values[item.id][1]),
            method=item.method,
            versus=item.versus,
            dataset=item.dataset,
            metric=item.metric,
            comparison=item.id,
        )


def judge(study: Study, item: Comparison, corrected: float) -> FindingVerdict:
    """Better or worse only when the corrected p-value is below the level."""
    metric = next(metric for metric in study.blueprint.metrics if metric.id == item.metric)
    gain = derive(difference(item, "diff_mean"), study.ledger) or 0.0
    if metric.direction == "lower":
        gain = -gain
    if corrected >= 1 - study.blueprint.confidence or gain == 0:
        return "no_difference"
    return "better" if gain > 0 else "worse"


def interaction_contrast(blueprint: Blueprint, dataset: str) -> Statistic | None:
    """Gain of all components together minus the sum of their single gains; None without all single variants."""
    metric = blueprint.metrics[0].id
    singles = [m.id for m in blueprint.methods if m.role == "variant" and len(m.components) == 1]
    if len(blueprint.components) < 2 or len(singles) != len(blueprint.components):
        return None

    def of(method: str) -> Selection:
        return Selection(method=method, metric=metric, dataset=dataset)

    terms = [Term(weight=-1, selection=of(single)) for single in singles]
    terms.append(Term(weight=len(singles), selection=of("baseline")))
    return Statistic(kind="diff_mean", of=of("proposed"), versus=of("baseline"), terms=tuple(terms))


def interactions(study: Study) -> Iterable[Finding]:
    """Whether single gains add up, for each data set."""
    for dataset, _ in study.datasets:
        contrast = interaction_contrast(study.blueprint, dataset)
        if contrast is None:
            continue
        value = derive(contrast, study.ledger) or 0.0
        p = p_value(study.ledger.sample(contrast), study.blueprint)
        gain = value if study.primary.direction == "higher" else -value
        clear = p < 1 - study.blueprint.confidence
        yield Finding(
            id=f"interaction.{dataset}",
            kind="interaction",
            verdict=("better" if gain > 0 else "worse") if clear else "no_difference",
            method="proposed",
            versus="baseline",
            dataset=dataset,
            metric=study.primary.id,
        )
        for kind, form in (("diff_mean", "signed"), ("diff_ci_low", "signed"), ("diff_ci_high", "signed")):
            study.book.statistic(contrast.model_copy(update={"kind": kind}), signed(study.form(study.primary), form))
        study.book.statistic(contrast.model_copy(update={"kind": "p_value"}), "p")


def sweep_gaps(study: Study) -> Iterable[Finding]:
    """How baseline and proposal change from the first to the last setting of the sweep."""
    sweep = study.blueprint.sweep
    if sweep is None:
        return
    first, last = (f"{sweep.id}={sweep.values[index]}" for index in (0, -1))
    for dataset, _ in study.datasets:
        for method in study.by_role("baseline", "proposed"):
            a = Selection(method=method.id, metric=study.primary.id, dataset=dataset, condition=last)
            b = a.model_copy(update={"condition": first})
            statistic = Statistic(kind="diff_mean", of=a, versus=b)
            gain = derive(statistic, study.ledger) or 0.0
            gain = gain if study.primary.direction == "higher" else -gain
            clear = p_value(study.ledger.sample(statistic), study.blueprint) < 1 - study.blueprint.confidence
            yield Finding(
                id=f"sweep.{method.id}.{dataset}",
                kind="sweep",
                verdict=("better" if gain > 0 else "worse") if clear else "no_difference",
                method=method.id,
                dataset=dataset,
                metric=study.primary.id,
                condition=last,
            )


def reference_notes(study: Study) -> Iterable[Finding]:
    """Whether the baseline learns anything at all."""
    for reference in study.by_role("reference"):
        for dataset, _ in study.datasets:
            baseline = study.mean("baseline", study.primary.id, dataset)
            trivial = study.mean(reference.id, study.primary.id, dataset)
            gain = baseline - trivial if study.primary.direction == "higher" else trivial - baseline
            yield Finding(
                id=f"reference.{dataset}",
                kind="reference",
                verdict="better" if gain > 0 else "worse",
                method="baseline",
                versus=reference.id,
                dataset=dataset,
                metric=study.primary.id,
                text="descriptive",
            )


def cost_notes(study: Study) -> Iterable[Finding]:
    """What the proposal costs beside the baseline."""
    for measure in study.blueprint.measures:
        yield Finding(
            id=f"cost.{measure}", kind="cost", verdict="note", method="proposed", versus="baseline", metric=measure
        )


def decide(blueprint: Blueprint, findings: Iterable[Finding]) -> tuple[Verdict, str]:
    """Supported when better on every data set, refuted when better on none and worse on some, else inconclusive."""
    primary = [finding for finding in findings if finding.kind == "primary"]
    verdicts = [finding.verdict for finding in primary]
    names = {staged.card.id: staged.card.name for staged in blueprint.datasets}
    better = [names.get(item.dataset or "", "average") for item in primary if item.verdict == "better"]
    worse = [names.get(item.dataset or "", "average") for item in primary if item.verdict == "worse"]
    if verdicts and all(verdict == "better" for verdict in verdicts):
        return "supported", f"the proposal is better than the baseline on {listing(better)}"
    if worse and not better:
        return "refuted", f"the proposal is worse than the baseline on {listing(worse)} and better nowhere"
    if worse:
        return "inconclusive", f"the proposal is better on {listing(better)} but worse on {listing(worse)}"
    if better:
        return "inconclusive", f"the proposal is better on {listing(better)} but not on every data set"
    return "inconclusive", "no data set shows a difference that survives correction"


def signed(form: str, sign: str = "signed") -> str:
    """The form for differences: with a plus sign."""
    return f"signed{form}" if form.startswith("percent") else f"{sign}:{form}"


def main_table(study: Study) -> Table:
    """Every method on every data set, primary metric."""
    form = study.form(study.primary)
    narrow = len(study.datasets) > 3
    rows = []
    for method in study.blueprint.methods:
        cells = []
        for dataset, _ in study.datasets:
            of = Selection(method=method.id, metric=study.primary.id, dataset=dataset)
            cells.append(study.show("mean", of, form) if narrow else study.with_interval(of, form))
        rows.append((label(method, study.blueprint), *cells))
    unit = " (\\%)" if study.primary.percent else ""
    over = ", averaged over all settings of the sweep" if study.blueprint.sweep else ""
    between = "" if narrow else f" with {confidence(study.book)} intervals"
    better = "higher" if study.primary.direction == "higher" else "lower"
    return Table(
        id="main",
        caption=(
            f"{sentence(study.primary.name)}{unit} of every method: means over seeds{between}{over}; "
            f"{better} is better."
        ),
        header=(
            "method",
            *(name + (SELF_REPORTED if id_ in study.self_reported else "") for id_, name in study.datasets),
        ),
        rows=tuple(rows),
        wide=len(study.datasets) > 1,
        note=f"{SELF_REPORTED} self-reported: scored by the experiment itself." if study.self_reported else "",
    )


def comparison_table(study: Study) -> Table:
    """The planned comparisons."""
    form = signed(study.form(study.primary))
    names = dict(study.datasets)
    rows = []
    for item in study.blueprint.comparisons:
        show = {
            kind: study.book.statistic(difference(item, kind), shape)
            for kind, shape in (
                ("diff_mean", form), ("diff_ci_low", form), ("diff_ci_high", form),
                ("p_value", "p"), ("p_adjusted", "p"), ("effect_size", ".2f"),
            )
        }  # fmt: skip
        rows.append(
            (
                label(study.method(item.method), study.blueprint) + ("$^{*}$" if item.primary else ""),
                label(study.method(item.versus), study.blueprint),
                names.get(item.dataset or "", "all"),
                show["diff_mean"],
                f"[{show['diff_ci_low']}, {show['diff_ci_high']}]",
                show["p_value"],
                show["p_adjusted"],
                show["effect_size"],
            )
        )
    unit = " (points)" if study.primary.percent else ""
    return Table(
        id="comparisons",
        caption=(
            f"Planned comparisons of {latex(study.primary.name)}: difference{unit}, {confidence(study.book)} interval, "
            "raw and corrected $p$, and Cohen's $d$ of the paired differences."
        ),
        header=("method", "against", "data", "difference", "interval", "$p$", "corrected", "$d$"),
        rows=tuple(rows),
        align="lllrrrrr",
        wide=True,
        note="$^{*}$ decides about the hypothesis; these are one family of corrections, all others a second.",
    )


def metric_tables(study: Study) -> Iterable[Table]:
    """All metrics of the main methods."""
    metrics = study.blueprint.metrics
    if len(metrics) < 2:
        return
    rows = []
    for dataset, name in study.datasets:
        for index, method in enumerate(study.by_role("reference", "alternative", "baseline", "proposed")):
            cells = [
                study.show("mean", Selection(method=method.id, metric=metric.id, dataset=dataset), study.form(metric))
                for metric in metrics
            ]
            rows.append((name if index == 0 else "", label(method, study.blueprint), *cells))
    header = [latex(metric.name) + (" (\\%)" if metric.percent else "") for metric in metrics]
    arrows = ["$\\uparrow$" if metric.direction == "higher" else "$\\downarrow$" for metric in metrics]
    yield Table(
        id="metrics",
        caption="All metrics of the main methods, means over seeds; arrows point to the better side.",
        header=("data", "method", *(f"{text} {arrow}" for text, arrow in zip(header, arrows, strict=True))),
        rows=tuple(rows),
        align="ll" + "r" * len(metrics),
        wide=len(metrics) > 2,
    )


def sweep_tables(study: Study) -> Iterable[Table]:
    """The main methods at every setting."""
    sweep = study.blueprint.sweep
    if sweep is None:
        return
    form = study.form(study.primary)
    rows = []
    for dataset, name in study.datasets:
        for index, method in enumerate(study.by_role("reference", "alternative", "baseline", "proposed")):
            cells = [
                study.show(
                    "mean",
                    Selection(
                        method=method.id, metric=study.primary.id, dataset=dataset, condition=f"{sweep.id}={value}"
                    ),
                    form,
                )
                for value in sweep.values
            ]
            rows.append((name if index == 0 else "", label(method, study.blueprint), *cells))
    values = [study.book.field(f"sweep.{i}", "planning/blueprint.json", f"/sweep/values/{i}", setting_form(value))
              for i, value in enumerate(sweep.values)]  # fmt: skip
    unit = " (\\%)" if study.primary.percent else ""
    yield Table(
        id="sweep",
        caption=f"{sentence(study.primary.name)}{unit} at every setting of {latex(sweep.name)}, means over seeds.",
        header=("data", "method", *values),
        rows=tuple(rows),
        align="ll" + "r" * len(values),
        wide=len(values) > 3,
    )


def cost_tables(study: Study) -> Iterable[Table]:
    """Measured costs of every method, over all data sets."""
    measures = study.blueprint.measures
    if not measures:
        return
    rows = []
    for method in study.blueprint.methods:
        cells = []
        for measure in measures:
            statistic = Statistic(kind="mean", of=Selection(method=method.id, metric=measure), ledger="measurements")
            cells.append(study.book.statistic(statistic, digits(abs(derive(statistic, study.ledger) or 0.0))))
        rows.append((label(method, study.blueprint), *cells))
    yield Table(
        id="costs",
        caption="Measured costs, means over data sets, settings and seeds; they depend on the machine.",
        header=("method", *(MEASURE_NAMES.get(measure, latex(measure)) for measure in measures)),
        rows=tuple(rows),
        wide=len(measures) > 2,
    )


def slice_tables(study: Study) -> Iterable[Table]:
    """The classes or subgroups where the baseline does worst."""
    if not study.blueprint.slices:
        return
    for dataset, name in study.datasets:
        labels = slice_labels(study.ledger, dataset)
        if not labels:
            continue
        ranked = sorted(labels, key=lambda item: study.mean("baseline", item, dataset))
        rows = []
        for metric in ranked[:MOST_SLICES]:
            base = Selection(method="baseline", metric=metric, dataset=dataset)
            ours = base.model_copy(update={"method": "proposed"})
            form = "percent:.1f" if study.primary.percent else ".3f"
            rows.append(
                (
                    latex(metric.partition(":")[2]),
                    study.show("mean", base, form),
                    study.show("mean", ours, form),
                    study.show("diff_mean", ours, signed(form), versus=base),
                )
            )
        yield Table(
            id=f"slices-{dataset}",
            caption=f"Groups of {name} on which the baseline does worst, means over seeds.",
            header=("group", "baseline", "proposal", "difference"),
            rows=tuple(rows),
        )


def slice_labels(ledger: Ledger, dataset: str) -> list[str]:
    """Metrics of single classes, such as accuracy:acq."""
    prefix = ledger.blueprint.metrics[0].id + ":"
    found = {r.metric for r in ledger.results if r.dataset == dataset and r.metric.startswith(prefix)}
    return sorted(found)


def seed_table(study: Study) -> Table:
    """Primary metric of the main methods for every seed, over all data sets."""
    methods = study.by_role("baseline", "proposed")
    form = study.form(study.primary)
    rows = []
    for index, seed in enumerate(study.blueprint.seeds):
        cells = [
            study.show("mean", Selection(method=method.id, metric=study.primary.id, dataset=dataset, seed=seed), form)
            for dataset, _ in study.datasets
            for method in methods
        ]
        rows.append((study.book.field(f"seed.{index}", "planning/blueprint.json", f"/seeds/{index}", ".0f"), *cells))
    header = [f"{name}: {short}" for _, name in study.datasets for short in ("baseline", "proposal")]
    return Table(
        id="seeds",
        caption=f"{sentence(study.primary.name)} for every seed.",
        header=("seed", *header),
        rows=tuple(rows),
        wide=len(study.datasets) > 1,
    )


def settings_table(study: Study) -> Table:
    """Everything that the design fixes."""
    blueprint = study.blueprint

    def number(pointer: str, form: str = "g", *, count: bool = False) -> str:
        key = f"settings{pointer.replace('/', '.')}{'.count' if count else ''}"
        return study.book.field(key, "planning/blueprint.json", pointer, form, count=count)

    budget = f"{number('/budget/minutes')} minutes on {number('/budget/parallel')} processes of "
    rows = [
        ("data", listing([name for _, name in study.datasets])),
        ("tested share of the data", number("/protocol/test_fraction", "percent:.0f") + "\\%"),
        ("baseline", listing([latex(method.name) for method in study.by_role("baseline")])),
        ("components", listing([latex(item.name) for item in blueprint.components])),
        ("other methods", listing([latex(method.name) for method in study.by_role("reference", "alternative")])),
        ("primary metric", latex(study.primary.name)),
        ("other metrics", listing([latex(metric.name) for metric in blueprint.metrics[1:]])),
        ("costs measured", listing([MEASURE_NAMES.get(item, latex(item)) for item in blueprint.measures])),
        ("seeds", number("/seeds", count=True)),
        ("level of the intervals", confidence(study.book)),
        ("paired test", TESTS[blueprint.test]),
        ("correction within a family", CORRECTIONS[blueprint.correction]),
        ("planned comparisons", number("/comparisons", count=True)),
        ("budget", budget + number("/budget/memory_gb") + "\\,GB"),
    ]
    if blueprint.sweep:
        values = [number(f"/sweep/values/{i}", setting_form(value)) for i, value in enumerate(blueprint.sweep.values)]
        unit = f" {latex(blueprint.sweep.unit)}" if blueprint.sweep.unit else ""
        rows.insert(8, ("varied condition", f"{latex(blueprint.sweep.name)}: {listing(values)}{unit}"))
    return Table(
        id="settings",
        caption="Settings of the experiment, as they were frozen.",
        header=("setting", "value"),
        rows=tuple((what, value) for what, value in rows if value),
        align="ll",
    )


def notation_table(study: Study) -> Table:
    """Symbols of the method section, and the short names of the methods."""
    methods = [method for method in study.blueprint.methods if method.role in ("baseline", "variant", "proposed")]
    rows = [(label(method, study.blueprint), latex(method.name)) for method in methods]
    rows += [
        ("$y_S(s)$", f"{latex(study.primary.name)} of the baseline with the components in $S$ under seed $s$"),
        ("$\\Delta_S$", "mean difference of that to the baseline alone"),
        ("$n$", "number of seeds"),
        ("$p$", "probability of a difference at least as large if there were none"),
        ("$d$", "Cohen's effect size: mean over standard deviation of the paired differences"),
    ]
    return Table(
        id="notation",
        caption="Short names of the methods, and symbols.",
        header=("short", "meaning"),
        rows=tuple(rows),
        align="ll",
    )


def figures(study: Study) -> tuple[Figure, ...]:
    """Effects first; the others where there is something to draw."""
    metric, name = study.primary.id, latex(study.primary.name)
    many = len(study.datasets) > 1
    level = confidence(study.book)
    drawn = [
        Figure(
            id="effects",
            kind="effects",
            metric=metric,
            wide=many,
            caption=f"Difference in {name} to the baseline, with {level} intervals; the line marks no difference.",
        ),
        Figure(
            id="bars",
            kind="bars",
            metric=metric,
            wide=many,
            caption=f"{sentence(name)} of every method, with {level} intervals.",
        ),
    ]
    if study.blueprint.sweep:
        axis = latex(study.blueprint.sweep.name)
        drawn.append(
            Figure(
                id="sweep",
                kind="sweep",
                metric=metric,
                wide=many,
                caption=f"{sentence(name)} against {axis}; bands are {level} intervals.",
            )
        )  # fmt: skip
    # A figure by group is drawn for the groups of all data sets alike: where they differ, the tables have to do.
    if study.blueprint.slices:
        for dataset, data in study.datasets:
            if slice_labels(study.ledger, dataset):
                drawn.append(
                    Figure(
                        id=f"slices-{dataset}",
                        kind="slices",
                        metric=metric,
                        dataset=dataset,
                        caption=f"{sentence(name)} by group on {data}, baseline and proposal.",
                    )
                )
    if "fit_seconds" in study.blueprint.measures:
        drawn.append(
            Figure(
                id="cost", kind="cost", metric=metric, wide=many, caption=f"{sentence(name)} against the time to fit."
            )
        )
    return tuple(drawn)


def cautions(study: Study) -> tuple[str, ...]:
    """What the records themselves say about how far to trust them."""
    found = []
    for item in study.blueprint.comparisons:
        values = study.ledger.sample(difference(item, "diff_mean"))
        if item.primary and max(values) - min(values) <= 1e-12:
            found.append(
                "some primary differences are equal in every seed, so that an exact sign test replaces the t test there"
            )
            break
    return tuple(found)


def label(method: MethodSpec, blueprint: Blueprint) -> str:
    """Short name for tables: components with a plus sign."""
    if method.role == "proposed":
        return "proposal" if len(method.components) > 1 else f"+ {latex(blueprint.components[0].name)} (proposal)"
    if method.role == "variant":
        names = {component.id: component.name for component in blueprint.components}
        return "+ " + latex(" + ".join(names[part] for part in method.components))
    return latex(method.name) + (" (baseline)" if method.role == "baseline" else "")


def confidence(book: NumberBook) -> str:
    """The level of the intervals, as a reference."""
    return book.field("confidence", "planning/blueprint.json", "/confidence", "percent:.0f") + "\\%"


def setting_form(value: float | str) -> str:
    """How a setting of the sweep is printed."""
    return "text" if isinstance(value, str) else "g"


def sentence(text: str) -> str:
    """With a capital first letter."""
    return text[:1].upper() + text[1:]
