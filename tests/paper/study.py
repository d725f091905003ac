"""A synthetic study for tests of the paper: methods, data sets, a sweep, classes and costs, with seeded noise."""

import random
import re
from functools import partial

from nanoresearch.evidence.statistics import Ledger, derive
from nanoresearch.paper.drawing import Derive
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
from nanoresearch.schema.dataset import DatasetCard, StagedDataset
from nanoresearch.schema.experiment import Result

METHODS = (
    MethodSpec(id="majority", name="Majority class", role="reference"),
    MethodSpec(id="forest", name="Random forest", role="alternative"),
    MethodSpec(id="boosting", name="Histogram gradient boosting", role="alternative"),
    MethodSpec(id="baseline", name="Logistic regression", role="baseline"),
    MethodSpec(
        id="with_scaling", name="Baseline with robust quantile scaling", role="variant", components=("scaling",)
    ),
    MethodSpec(id="with_pairs", name="Baseline with pairwise products", role="variant", components=("pairs",)),
    MethodSpec(id="without_pairs", name="Proposal without pairwise products", role="variant", components=("scaling",)),
    MethodSpec(
        id="proposed", name="Scaled pairwise logistic regression", role="proposed", components=("scaling", "pairs")
    ),
)
LEVEL = {
    "majority": 0.52,
    "forest": 0.915,
    "boosting": 0.921,
    "baseline": 0.90,
    "with_scaling": 0.912,
    "with_pairs": 0.907,
    "without_pairs": 0.911,
    "proposed": 0.926,
}
SECONDS = dict(zip(LEVEL, (0.0004, 0.41, 0.93, 0.021, 0.027, 0.06, 0.028, 0.071), strict=True))
LABELS = ("adelie", "chinstrap", "gentoo", "a class with a rather long name")


def card(name: str) -> StagedDataset:
    """A data set that a library carries."""
    slug = "-".join(re.findall(r"[a-z0-9]+", name.lower()))
    return StagedDataset(
        card=DatasetCard(
            id=slug, name=name, domain="tabular", summary="Rows.", carrier="library",
            package="scikit-learn", version="1.5", licence="BSD-3-Clause",
        ),
        version="1.5",
        folder=None,
    )  # fmt: skip


def study(
    *,
    datasets: tuple[str, ...] = ("Breast cancer", "Wine", "Palmer penguins"),
    swept: bool = True,
    methods: tuple[MethodSpec, ...] = METHODS,
    direction: str = "higher",
) -> Blueprint:
    """The blueprint."""
    return Blueprint(
        topic="t",
        title="t",
        domain="tabular",
        study="components",
        hypothesis="h",
        prediction="p",
        datasets=tuple(card(name) for name in datasets),
        components=(ComponentSpec(id="scaling", name="Scaling", description="Scales."),),
        methods=methods,
        metrics=(MetricSpec(id="accuracy", name="accuracy", direction=direction, percent=True),),
        sweep=Sweep(id="train_fraction", name="share of the training data", values=(1.0, 0.5, 0.2, 0.1))
        if swept
        else None,
        protocol=Protocol(id="holdout", description="Stratified.", test_fraction=0.3, resampled=True),
        seeds=(0, 1, 2, 3, 4),
        confidence=0.95,
        test="paired_t",
        correction="holm",
        comparisons=(
            Comparison(id="c", method="proposed", versus="baseline", dataset=None, metric="accuracy", primary=True),
        ),
        measures=("fit_seconds",),
        slices=True,
        budget=Budget(minutes=5, minutes_per_run=1, memory_gb=2, parallel=1),
        forecast_minutes=1,
    )


def records(blueprint: Blueprint, labels: tuple[str, ...] = LABELS) -> tuple[list[Result], list[Result]]:
    """Results and measurements of every method, data set, setting and seed."""
    noise = random.Random(7)
    results: list[Result] = []
    measurements: list[Result] = []
    conditions = [f"train_fraction={v}" for v in blueprint.sweep.values] if blueprint.sweep else [""]
    levels = {method.id: LEVEL.get(method.id, 0.85 + 0.007 * i) for i, method in enumerate(blueprint.methods)}

    def add(kind: list[Result], prefix: str, **values: object) -> None:
        number = f"{prefix}{len(kind) + 1:05d}"
        kind.append(Result.model_validate({"id": number, "attempt": 1, "commit": "c", "blueprint": "b", **values}))

    for shift, dataset in enumerate(blueprint.datasets):
        for drop, condition in enumerate(conditions):
            for seed in blueprint.seeds:
                common = noise.gauss(0, 0.006)
                for method in blueprint.methods:
                    where = {"dataset": dataset.card.id, "condition": condition, "seed": seed, "method": method.id}
                    level = levels[method.id] - 0.018 * drop * (0.2 if method.id == "majority" else 1) - 0.03 * shift
                    value = level + common + noise.gauss(0, 0.003)
                    add(results, "r", metric="accuracy", value=value, **where)
                    for i, label in enumerate(labels):
                        add(
                            results,
                            "r",
                            metric=f"accuracy:{label}",
                            value=value - 0.02 * i + noise.gauss(0, 0.01),
                            **where,
                        )
                    seconds = SECONDS.get(method.id, 0.1) * noise.uniform(0.9, 1.1)
                    add(measurements, "m", metric="fit_seconds", value=seconds, **where)
    return results, measurements


def deriver(blueprint: Blueprint, results: list[Result], measurements: list[Result]) -> Derive:
    """What computes statistics for figures."""
    return partial(derive, ledger=Ledger(blueprint, results, measurements))
