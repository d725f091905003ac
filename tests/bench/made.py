"""Artifacts of a run that never was: each part can be set, and what is not set is not there."""

from pathlib import Path
from typing import Any

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Analysis, Figure, Number, Selection, Statistic, StatisticKind, Table
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
from nanoresearch.schema.experiment import Attempt, Result, Scored
from nanoresearch.schema.idea import Hypothesis, Ideas, Proposal, Query, Survey
from nanoresearch.schema.manuscript import Build, Manuscript, Review, Section
from nanoresearch.schema.paper import Paper

NOWHERE = RunFolder(Path("/nowhere"))


def run(**parts: Any) -> Artifacts:
    """Artifacts with these parts; all others are absent."""
    empty: dict[str, Any] = {
        "survey": None, "ideas": None, "novelty": None, "blueprint": None, "results": [], "measurements": [],
        "attempts": [], "code": {}, "analysis": None, "manuscript": None, "build": None, "reviews": [], "audit": None,
        "feedback": [],
    }  # fmt: skip
    made = Artifacts(parts.pop("folder", NOWHERE))
    unknown = set(parts) - set(empty) - {"final_attempt"}
    assert not unknown, unknown
    made.__dict__.update(empty | parts)  # where cached properties keep their values
    return made


def blueprint(**changes: Any) -> Blueprint:
    """A design of two components on one data set."""
    card = DatasetCard(
        id="wine", name="Wine", domain="tabular", summary="178 rows of 181 series.", carrier="library",
        package="scikit-learn", version="1.0", licence="BSD-3-Clause",
    )  # fmt: skip
    values: dict[str, Any] = {
        "topic": "t", "title": "T", "domain": "tabular", "study": "s", "hypothesis": "Adding a and b raises accuracy",
        "prediction": "p", "datasets": (StagedDataset(card=card, version="1.0", folder=None),),
        "components": components("a", "b"),
        "methods": (
            method("majority", role="reference"), method("baseline", role="baseline"),
            method("with_a", "a"), method("with_b", "b"), method("proposed", "a", "b", role="proposed"),
        ),
        "metrics": (MetricSpec(id="accuracy", name="accuracy", direction="higher"),), "sweep": None,
        "protocol": Protocol(id="holdout", description="A random part is tested.", test_fraction=0.3, resampled=True),
        "seeds": (0, 1, 2), "confidence": 0.95, "test": "paired_t", "correction": "holm",
        "comparisons": (
            Comparison(id="c", method="proposed", versus="baseline", dataset=None, metric="accuracy", primary=True),
        ),
        "measures": ("fit_seconds",),
        "budget": Budget(minutes=10, minutes_per_run=2, memory_gb=4, parallel=1), "forecast_minutes": 1,
    }  # fmt: skip
    return Blueprint(**(values | changes))


def components(*names: str, tags: tuple[str, ...] = ()) -> tuple[ComponentSpec, ...]:
    return tuple(ComponentSpec(id=name, name=name, description=f"{name} helps", tags=tags) for name in names)


def method(name: str, *parts: str, role: Any = "variant", tags: tuple[str, ...] = (), words: str = "") -> MethodSpec:
    return MethodSpec(id=name, name=name, role=role, components=parts, tags=tags, description=words)


def metric(name: str, words: str = "") -> MetricSpec:
    return MetricSpec(id=name, name=name.replace("_", " "), direction="higher", description=words)


def sweep(name: str, *values: Any) -> Sweep:
    return Sweep(id=name, name=name, values=values)


def protocol(name: str = "holdout", words: str = "A random part is tested.", group: str | None = None) -> Protocol:
    return Protocol(id=name, description=words, test_fraction=0.3, resampled=True, grouped_by=group)


def result(
    metric: str = "accuracy", value: float = 0.5, *, method: str = "proposed", dataset: str = "wine", seed: int = 0,
    condition: str = "", scored: Scored = "frozen",
) -> Result:  # fmt: skip
    return Result(
        id="r00001", method=method, dataset=dataset, metric=metric, value=value, seed=seed, condition=condition,
        attempt=1, commit="c", blueprint="b", scored=scored,
    )  # fmt: skip


def attempt(seconds: float = 10.0) -> Attempt:
    return Attempt(number=1, commit="c", smoke=False, outcome="succeeded", jobs=(), started="", seconds=seconds)


def number(metric: str, kind: StatisticKind = "mean") -> Number:
    source = Statistic(kind=kind, of=Selection(method="proposed", metric=metric))
    return Number(key=f"{kind}.{metric}", text="1", value=1.0, source=source, form=".2f")


def table(name: str, *header: str, rows: int = 1, caption: str = "Results.") -> Table:
    return Table(id=name, caption=caption, header=header, rows=(("x",) * len(header),) * rows)


def figure(name: str, kind: Any = "bars", caption: str = "Scores.") -> Figure:
    return Figure(id=name, kind=kind, caption=caption, metric="accuracy")


def analysis(*parts: Any) -> Analysis:
    """A report with these tables, figures and numbers."""
    return Analysis(
        verdict="inconclusive", verdict_reason="nothing", findings=(),
        figures=tuple(item for item in parts if isinstance(item, Figure)),
        tables=tuple(item for item in parts if isinstance(item, Table)),
        numbers=tuple(item for item in parts if isinstance(item, Number)),
    )  # fmt: skip


def paper(*, layout: str = "article", numbers: tuple[Number, ...] = (), **sections: str) -> Manuscript:
    """A manuscript with these sections."""
    return Manuscript(
        title="T", authors="", affiliation="", format=layout, keywords=(), numbers=numbers,
        sections=tuple(Section(id=name, title=name.title(), body=body) for name, body in sections.items()),
    )  # fmt: skip


def build(ok: bool = True, overfull: int = 0) -> Build:
    return Build(
        engine="pdflatex", ok=ok, pages=5 if ok else None, overfull=("wide",) * overfull, undefined=(), errors=(),
        inputs={}, pdf_sha256=None,
    )  # fmt: skip


def review(formatting: float = 8.0) -> Review:
    return Review(revision=0, coherence=9, claims=10, formatting=formatting, remarks=(), passed=True)


def survey(count: int) -> Survey:
    papers = tuple(
        Paper(key=f"k{n}", title=f"Title {n}", authors=("A",), year=2000, source="offline") for n in range(count)
    )
    return Survey(queries=(Query(text="q", source="offline", hits=count),), papers=papers, evidence=(), gaps=())


def ideas(count: int) -> Ideas:
    claims = [
        Hypothesis(
            id=f"h{n}", statement="s", rationale="r", prediction="p", study="s", components=("a",), datasets=("wine",)
        )
        for n in range(count)
    ]
    return Ideas(proposals=tuple(Proposal(hypothesis=claim, distinctive_terms=("a",)) for claim in claims))
