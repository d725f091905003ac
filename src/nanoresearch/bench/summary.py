"""From scores of cells to means with intervals: by round, ablation and domain, and differences between ablations."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

import numpy as np
from scipy.stats import t as student

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.bench.cells import ABLATIONS, BenchFolder
from nanoresearch.bench.metrics import hypothesis_of, score_cell
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.schema.benchmark import Ablation, CellRecord, Scores
from nanoresearch.schema.record import Record

MEASURES = (
    "compliance", "requirements", "implicit", "executability", "effectiveness", "innovation", "expression",
    "seconds", "working_seconds", "learning_seconds", "cpu_seconds", "failed_attempts", "feedback", "learned",
    "model_calls", "tokens", "cost_usd", "lost_tokens_estimate", "lost_cost_usd_estimate",
)  # fmt: skip
"""Fields of Scores that are averaged."""
LEVEL = 0.95
LEAST_SEEDS = 3
"""From so many seeds on intervals are over seeds; with fewer they are over tasks."""
DRAWS = 4000
IntervalKind = Literal["t over seeds", "bootstrap over tasks", "none"]


class Estimate(Record):
    """A mean over chains with its interval."""

    ablation: Ablation
    """Which."""
    round: int
    """Which."""
    held_out: bool
    """Whether of the topic that never got feedback."""
    domain: str
    """Field; "all" for all."""
    measure: str
    """Field of the scores."""
    mean: float
    """Mean over tasks and seeds."""
    low: float | None
    """Lower end of the interval; None when it cannot be given."""
    high: float | None
    """Upper end."""
    chains: int
    """Chains that it rests on."""
    interval: IntervalKind
    """How the interval was made."""


class Difference(Record):
    """Full less an ablation on the chains that both have, or a later round less the first."""

    what: str
    """In words."""
    measure: str
    """Field of the scores."""
    mean: float
    """Mean difference."""
    low: float | None
    """Lower end of the interval."""
    high: float | None
    """Upper end."""
    chains: int
    """Pairs."""
    interval: IntervalKind
    """How the interval was made."""


@dataclass(frozen=True)
class Point:
    """A value of one chain."""

    task: str
    seed: int
    value: float


def collect(bench: BenchFolder) -> list[Scores]:
    """Scores of every cell that has ended, from its artifacts."""
    tasks = load_tasks()
    chains: dict[tuple[str, str, int], list[CellRecord]] = defaultdict(list)
    for record in bench.records():
        chains[record.cell.task, record.cell.ablation, record.cell.seed].append(record)
    found = []
    for records in chains.values():
        earlier: list[str] = []
        for record in sorted(records, key=lambda item: (item.cell.held_out, item.cell.round)):
            folder = bench.run_folder(record)
            known = () if record.cell.held_out else tuple(earlier)
            found.append(score_cell(record, tasks[record.cell.task], folder, known, bench.judged(record.cell)))
            claim = hypothesis_of(Artifacts(folder)) if folder else None
            earlier += [claim] if claim else []
    return found


def estimates(scores: Sequence[Scores]) -> list[Estimate]:
    """A mean for every ablation, round, domain and measure that has values."""
    tasks = load_tasks()
    groups: dict[tuple[Ablation, int, bool, str, str], list[Point]] = defaultdict(list)
    for item in scores:
        cell = item.cell
        for measure in MEASURES:
            value = getattr(item, measure)
            if value is not None:
                for domain in ("all", tasks[cell.task].domain):
                    key = (cell.ablation, cell.round, cell.held_out, domain, measure)
                    groups[key].append(Point(cell.task, cell.seed, float(value)))
    made = []
    for (ablation, number, held_out, domain, measure), points in groups.items():
        mean, low, high, kind = interval(points)
        made.append(
            Estimate(
                ablation=ablation,
                round=number,
                held_out=held_out,
                domain=domain,
                measure=measure,
                mean=mean,
                low=low,
                high=high,
                chains=len(points),
                interval=kind,
            )
        )
    return sorted(
        made, key=lambda e: (ABLATIONS.index(e.ablation), e.held_out, e.round, e.domain != "all", e.domain, e.measure)
    )


def differences(scores: Sequence[Scores]) -> list[Difference]:
    """Last round less first within each ablation, and full less each ablation in the last round that both have.

    Always chain by chain: only pairs of the same task and seed count.
    """
    table = {(s.cell.ablation, s.cell.task, s.cell.seed, s.cell.round): s for s in scores if not s.cell.held_out}
    held = {(s.cell.ablation, s.cell.task, s.cell.seed): s for s in scores if s.cell.held_out}
    made: list[Difference] = []
    for ablation in ABLATIONS:
        own = {key: item for key, item in table.items() if key[0] == ablation}
        last = max((number for *_, number in own), default=1)
        if last > 1:
            rise = [(table.get((a, t, s, last)), item) for (a, t, s, n), item in own.items() if n == 1]
            made += _paired(f"{ablation}: round {last} less round 1", rise)
        if ablation == "full":
            continue
        shared = [number for _, task, seed, number in own if ("full", task, seed, number) in table]
        if shared:
            common = max(shared)
            others = [(table.get(("full", t, s, n)), item) for (_, t, s, n), item in own.items() if n == common]
            made += _paired(f"full less {ablation}, round {common}", others)
        unheard = [(held.get(("full", t, s)), item) for (a, t, s), item in held.items() if a == ablation]
        made += _paired(f"full less {ablation}, held-out topic", unheard)
    return made


def _paired(what: str, pairs: Iterable[tuple[Scores | None, Scores | None]]) -> list[Difference]:
    whole = [(first, second) for first, second in pairs if first is not None and second is not None]
    made = []
    for measure in MEASURES:
        points = [
            Point(first.cell.task, first.cell.seed, float(getattr(first, measure) - getattr(second, measure)))
            for first, second in whole
            if getattr(first, measure) is not None and getattr(second, measure) is not None
        ]
        if points:
            mean, low, high, kind = interval(points)
            made.append(
                Difference(what=what, measure=measure, mean=mean, low=low, high=high, chains=len(points), interval=kind)
            )
    return made


def interval(points: Sequence[Point]) -> tuple[float, float | None, float | None, IntervalKind]:
    """Mean over tasks and seeds, with a 95 % interval.

    From three seeds on: Student's t over the means of each seed, the tasks being fixed. With fewer: percentiles of a
    bootstrap over tasks, which says how far other tasks would do. None with a single task and too few seeds.
    """
    by_task: dict[str, list[float]] = defaultdict(list)
    by_seed: dict[int, list[float]] = defaultdict(list)
    for point in points:
        by_task[point.task].append(point.value)
        by_seed[point.seed].append(point.value)
    mean = fmean(point.value for point in points)
    if len(by_seed) >= LEAST_SEEDS and len({len(values) for values in by_seed.values()}) == 1:
        of_seeds = [fmean(values) for values in by_seed.values()]
        half = float(student.ppf((1 + LEVEL) / 2, len(of_seeds) - 1)) * stdev(of_seeds) / len(of_seeds) ** 0.5
        return mean, mean - half, mean + half, "t over seeds"
    if len(by_task) < 2:
        return mean, None, None, "none"
    sums = np.array([sum(values) for values in by_task.values()])
    counts = np.array([len(values) for values in by_task.values()])
    drawn = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return mean, float(low), float(high), "bootstrap over tasks"
