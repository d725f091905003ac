import math
from itertools import product

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoresearch.evidence.statistics import (
    Ledger,
    comparison_p_values,
    derive,
    difference,
    effect_size,
    interval,
    p_value,
    standard_error,
)
from nanoresearch.schema.analysis import Selection, Statistic, StatisticKind, Term
from nanoresearch.schema.blueprint import Blueprint, Comparison
from nanoresearch.schema.experiment import Result
from tests.paper.study import study

relaxed = settings(deadline=None, max_examples=60)
DIFFERENCES = [0.021, 0.013, -0.004, 0.032, 0.017, 0.008]
finite = st.floats(-1e3, 1e3, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-3)
samples = st.lists(finite, min_size=3, max_size=12)


def blueprint(**changes: object) -> Blueprint:
    plain = study(datasets=("A", "B"), swept=False)
    return plain.model_copy(
        update={"protocol": plain.protocol.model_copy(update={"resampled": False}), "slices": False, **changes}
    )


def resampled(fraction: float = 0.3) -> Blueprint:
    plain = blueprint()
    return plain.model_copy(
        update={"protocol": plain.protocol.model_copy(update={"resampled": True, "test_fraction": fraction})}
    )


def record(method: str, dataset: str, seed: int, value: float, metric: str = "accuracy", condition: str = "") -> Result:
    return Result(
        id="r00001", method=method, dataset=dataset, metric=metric, value=value, seed=seed, condition=condition,
        attempt=1, commit="c", blueprint="b",
    )  # fmt: skip


def ledger(values: dict[tuple[str, str], list[float]], design: Blueprint | None = None) -> Ledger:
    records = [record(m, d, seed, v) for (m, d), row in values.items() for seed, v in enumerate(row)]
    return Ledger(design or blueprint(), records)


def of(method: str, dataset: str | None = "a", **more: object) -> Selection:
    return Selection.model_validate({"method": method, "metric": "accuracy", "dataset": dataset, **more})


def value(kind: StatisticKind, book: Ledger, selection: Selection, versus: Selection | None = None) -> float | None:
    return derive(Statistic(kind=kind, of=selection, versus=versus), book)


# Against scipy and statsmodels


@relaxed
@given(samples)
def test_paired_t_and_interval_are_scipys(differences: list[float]) -> None:
    if max(differences) - min(differences) < 1e-6:
        return
    reference = scipy.stats.ttest_1samp(differences, 0.0)
    low, high = reference.confidence_interval(0.95)
    assert p_value(differences, blueprint()) == pytest.approx(reference.pvalue, rel=1e-6, abs=1e-12)
    assert interval(differences, blueprint()) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@relaxed
@given(samples)
def test_a_difference_is_significant_when_the_interval_excludes_zero(differences: list[float]) -> None:
    if max(differences) - min(differences) < 1e-6:
        return
    for design in (blueprint(), resampled()):
        low, high = interval(differences, design)
        p = p_value(differences, design)
        if abs(p - 0.05) > 1e-6:
            assert (p < 0.05) == (low > 0 or high < 0)


@relaxed
@given(samples)
def test_p_is_a_probability_and_does_not_depend_on_the_sign(differences: list[float]) -> None:
    for design in (blueprint(), resampled(), blueprint(test="wilcoxon")):
        p = p_value(differences, design)
        assert 0 <= p <= 1
        assert p == pytest.approx(p_value([-d for d in differences], design), abs=1e-9)


def test_wilcoxon_is_scipys() -> None:
    assert p_value(DIFFERENCES, blueprint(test="wilcoxon")) == pytest.approx(scipy.stats.wilcoxon(DIFFERENCES).pvalue)


def test_wilcoxon_takes_ties_for_ties_whatever_their_last_digit() -> None:
    exact, blurred = [0.1, 0.1, 0.2, 0.3, -0.1], [0.1, 0.1 + 1e-16, 0.2, 0.3, -0.1 - 3e-17]
    design = blueprint(test="wilcoxon")
    assert p_value(exact, design) == p_value(blurred, design)


def test_the_variance_is_corrected_as_in_nadeau_and_bengio() -> None:
    # By hand: n = 4, mean 0.025, variance 0.0005 / 3; test share 0.2, so that test/train = 1/4.
    differences = [0.01, 0.02, 0.03, 0.04]
    error = math.sqrt((1 / 4 + 1 / 4) * 0.0005 / 3)
    assert standard_error(differences, resampled(0.2)) == pytest.approx(error)
    expected = 2 * scipy.stats.t.sf(0.025 / error, 3)
    assert p_value(differences, resampled(0.2)) == pytest.approx(expected)
    half = scipy.stats.t.ppf(0.975, 3) * error
    assert interval(differences, resampled(0.2)) == pytest.approx((0.025 - half, 0.025 + half))


@relaxed
@given(samples)
def test_the_correction_never_makes_a_result_more_certain(differences: list[float]) -> None:
    assert p_value(differences, resampled()) >= p_value(differences, blueprint()) - 1e-12


HOLM, BH, BONFERRONI = [0.03, 0.06, 0.06, 0.02], [0.02, 0.04, 0.04, 0.02], [0.04, 0.16, 0.12, 0.02]


@pytest.mark.parametrize(("method", "by_hand"), [("holm", HOLM), ("fdr_bh", BH), ("bonferroni", BONFERRONI)])
def test_corrections_by_hand(method: str, by_hand: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    raw = [0.01, 0.04, 0.03, 0.005]
    names = ["with_scaling", "with_pairs", "without_pairs", "proposed"]
    comparisons = [Comparison(id=n, method=n, versus="baseline", dataset="a", metric="accuracy") for n in names]
    design = blueprint(correction=method, comparisons=tuple(comparisons))
    book = ledger({(name, "a"): [0.1, 0.2, 0.3] for name in (*names, "baseline")}, design)
    given_values = iter(raw)
    monkeypatch.setattr("nanoresearch.evidence.statistics.p_value", lambda *_: next(given_values))
    found = comparison_p_values(book)
    assert [found[name][0] for name in names] == raw
    assert [found[name][1] for name in names] == pytest.approx(by_hand)


def test_primary_comparisons_are_a_family_of_their_own() -> None:
    rows = {("baseline", "a"): [0.5, 0.52, 0.49, 0.51], ("baseline", "b"): [0.6, 0.61, 0.6, 0.63]}
    for method, gains in (("proposed", (0.05, 0.04, 0.06, 0.05)), ("forest", (0.0, 0.02, -0.01, 0.01))):
        for dataset in "ab":
            rows[method, dataset] = [v + gain for v, gain in zip(rows["baseline", dataset], gains, strict=True)]
    comparisons = [
        Comparison(id=f"{m}.{d}", method=m, versus="baseline", dataset=d, metric="accuracy", primary=m == "proposed")
        for m, d in product(("proposed", "forest"), "ab")
    ]
    both = comparison_p_values(ledger(rows, blueprint(comparisons=tuple(comparisons))))
    alone = comparison_p_values(ledger(rows, blueprint(comparisons=tuple(comparisons[:2]))))
    assert both["proposed.a"] == alone["proposed.a"]
    assert both["proposed.a"][1] == pytest.approx(2 * both["proposed.a"][0])
    assert all(raw <= corrected <= 1 for raw, corrected in both.values())
    adjusted = difference(comparisons[0], "p_adjusted")
    assert derive(adjusted, ledger(rows, blueprint(comparisons=tuple(comparisons)))) == both["proposed.a"][1]


def test_only_planned_comparisons_have_a_corrected_p() -> None:
    book = ledger({("proposed", "a"): [0.1, 0.2], ("baseline", "a"): [0.1, 0.1]})
    with pytest.raises(KeyError, match="planned"):
        value("p_adjusted", book, of("proposed"), of("baseline"))


# Edges of the tests


@pytest.mark.parametrize("test", ["paired_t", "wilcoxon"])
@pytest.mark.parametrize("noise", [0.0, 1e-16, 3e-17])
def test_rounding_errors_are_no_difference(test: str, noise: float) -> None:
    assert p_value([noise] * 10, blueprint(test=test)) == 1.0
    assert p_value([noise, -noise] * 5, blueprint(test=test)) == 1.0


def test_without_spread_the_sign_test_stands_in() -> None:
    assert p_value([0.02] * 6, blueprint()) == pytest.approx(scipy.stats.binomtest(6, 6).pvalue)
    assert p_value([0.1 + 0.2, 0.3, 0.3], blueprint()) == pytest.approx(0.25)
    assert effect_size([0.02] * 6) is None


def test_effect_size_by_hand() -> None:
    assert effect_size([0.01, 0.02, 0.03]) == pytest.approx(0.02 / 0.01)


@pytest.mark.parametrize("kind", ["sd", "ci_low", "ci_high", "effect_size", "p_value"])
def test_one_value_has_no_spread(kind: StatisticKind) -> None:
    book = ledger({("baseline", "a"): [0.5, 0.6]})
    assert value(kind, book, of("baseline", seed=1)) is None
    assert value("mean", book, of("baseline", seed=1)) == 0.6


# Selections


def test_the_unit_is_the_seed() -> None:
    book = ledger({("baseline", "a"): [0.1, 0.2, 0.6], ("baseline", "b"): [0.3, 0.4, 0.8]})
    assert value("mean", book, of("baseline", None)) == pytest.approx(0.4)
    assert value("n", book, of("baseline", None)) == 3
    assert value("sd", book, of("baseline", None)) == pytest.approx(scipy.stats.tstd([0.2, 0.3, 0.7]))
    assert value("median", book, of("baseline", None)) == pytest.approx(0.3)
    assert (value("min", book, of("baseline")), value("max", book, of("baseline"))) == (0.1, 0.6)


def test_differences_are_paired_by_seed_whatever_the_order() -> None:
    records = [record("proposed", "a", s, v) for s, v in ((2, 0.9), (0, 0.5), (1, 0.7))]
    records += [record("baseline", "a", s, v) for s, v in ((0, 0.4), (1, 0.5), (2, 0.6))]
    statistic = Statistic(kind="diff_mean", of=of("proposed"), versus=of("baseline"))
    assert Ledger(blueprint(), records).sample(statistic) == pytest.approx([0.1, 0.2, 0.3])


def test_a_contrast_adds_weighted_terms() -> None:
    rows = {"proposed": [0.9, 0.8], "baseline": [0.5, 0.5], "x": [0.6, 0.7], "y": [0.55, 0.5]}
    book = ledger({(method, "a"): row for method, row in rows.items()})
    terms = (
        Term(weight=-1, selection=of("x")),
        Term(weight=-1, selection=of("y")),
        Term(weight=2, selection=of("baseline")),
    )
    contrast = Statistic(kind="diff_mean", of=of("proposed"), versus=of("baseline"), terms=terms)
    # (0.4 - 0.1 - 0.05 + 0.3 - 0.2 - 0) / 2
    assert derive(contrast, book) == pytest.approx(0.175)


@pytest.mark.parametrize(
    "selection", [of("nobody"), of("baseline", "z"), of("baseline", condition="x=1"), of("baseline", seed=9)]
)
def test_what_is_not_there_raises(selection: Selection) -> None:
    with pytest.raises(KeyError):
        value("mean", ledger({("baseline", "a"): [0.1, 0.2]}), selection)


def test_missing_seeds_raise() -> None:
    records = [record("baseline", "a", 0, 0.5), record("baseline", "a", 1, 0.5), record("baseline", "b", 0, 0.5)]
    with pytest.raises(KeyError, match="seeds are missing"):
        value("mean", Ledger(blueprint(), records), of("baseline", None))
    records = [record("baseline", "a", 0, 0.5), record("proposed", "a", 1, 0.5)]
    with pytest.raises(KeyError, match="different seeds"):
        value("diff_mean", Ledger(blueprint(), records), of("proposed"), of("baseline"))


def test_a_repeated_record_is_refused() -> None:
    with pytest.raises(ValueError, match="repeats"):
        Ledger(blueprint(), [record("baseline", "a", 0, 0.5), record("baseline", "a", 0, 0.6)])


@pytest.mark.parametrize(("direction", "wins"), [("higher", 2), ("lower", 1)])
def test_wins_follow_the_direction_of_the_metric(direction: str, wins: int) -> None:
    metric = blueprint().metrics[0].model_copy(update={"direction": direction})
    rows = {("proposed", "a"): [0.6, 0.7, 0.4], ("baseline", "a"): [0.5, 0.5, 0.5]}
    assert value("wins", ledger(rows, blueprint(metrics=(metric,))), of("proposed"), of("baseline")) == wins


def test_less_cost_is_a_win() -> None:
    measured = [record("proposed", "a", s, 1.0, "fit_seconds") for s in (0, 1)]
    measured += [record("baseline", "a", s, 2.0, "fit_seconds") for s in (0, 1)]
    ours = Selection(method="proposed", metric="fit_seconds")
    base = Selection(method="baseline", metric="fit_seconds")
    statistic = Statistic(kind="wins", of=ours, versus=base, ledger="measurements")
    assert derive(statistic, Ledger(blueprint(), [], measured)) == 2


@pytest.mark.parametrize(("percent", "ends"), [(True, True), (False, False)])
def test_an_interval_for_a_share_ends_where_shares_end(percent: bool, ends: bool) -> None:
    share = blueprint().metrics[0].model_copy(update={"percent": percent})
    book = ledger({("baseline", "a"): [0.9, 1.0, 1.0]}, blueprint(metrics=(share,)))
    high = value("ci_high", book, of("baseline"))
    low = value("ci_low", book, of("baseline"))
    assert high is not None
    assert low is not None
    assert (high == 1.0) is ends
    assert low < 0.97 < high
