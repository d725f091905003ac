"""Means, intervals, differences."""

from dataclasses import replace
from typing import Any

import pytest

from nanoresearch.bench.expression import NOTHING
from nanoresearch.bench.summary import Point, differences, estimates, interval
from nanoresearch.schema.benchmark import Ablation, Cell, Scores

TASKS = ("tab-03-doctor-visits", "ts-03-forecast-combination", "cv-01-tiny-digits")


def score(
    compliance: float, task: str = TASKS[0], ablation: Ablation = "full", seed: int = 0, number: int = 1, **more: Any
) -> Scores:
    cell = Cell(task=task, ablation=ablation, seed=seed, round=number, held_out=more.pop("held_out", False))
    values: dict[str, Any] = {
        "status": "done", "checks": (), "requirements": None, "implicit": compliance, "executability": 1,
        "effectiveness": None, "measured": None, "innovation": None, "from_works": None, "from_earlier": None,
        "expression": 0, "parts": NOTHING, "seconds": 1, "working_seconds": 1, "learning_seconds": 0,
        "cpu_seconds": 1, "attempts": 1, "failed_attempts": 0, "model_calls": 0, "tokens": 0, "cost_usd": 0,
        "feedback": 0, "learned": 0,
    }  # fmt: skip
    return Scores(cell=cell, compliance=compliance, **(values | more))


def test_with_three_seeds_the_interval_is_students_over_their_means() -> None:
    points = [Point(task, seed, 0.1 * seed + level) for seed in range(3) for task, level in (("a", 0.2), ("b", 0.4))]
    mean, low, high, kind = interval(points)
    assert kind == "t over seeds"
    assert mean == pytest.approx(0.4)
    half = 4.30265 * 0.1 / 3**0.5
    assert (low, high) == (pytest.approx(mean - half, abs=1e-5), pytest.approx(mean + half, abs=1e-5))


def test_with_fewer_seeds_tasks_are_drawn_again() -> None:
    points = [Point(name, 0, value) for name, value in zip("abcd", (0.0, 0.2, 0.8, 1.0), strict=True)]
    mean, low, high, kind = interval(points)
    assert kind == "bootstrap over tasks"
    assert low is not None
    assert high is not None
    assert mean == pytest.approx(0.5)
    assert 0 <= low < mean < high <= 1
    wider = interval([replace(point, value=10 * point.value) for point in points])
    assert wider[1] == pytest.approx(10 * low)
    assert interval(points) == interval(points)


def test_one_task_with_one_seed_has_no_interval() -> None:
    assert interval([Point("a", 0, 0.5)]) == (0.5, None, None, "none")


def test_seeds_that_ran_different_tasks_are_not_compared_as_seeds() -> None:
    points = [Point("a", 0, 0.1), Point("b", 0, 0.9), Point("a", 1, 0.1), Point("a", 2, 0.1)]
    assert interval(points)[3] == "bootstrap over tasks"


def test_estimates_are_by_ablation_round_domain_and_leave_out_what_was_not_measured() -> None:
    scores = [score(0.2), score(0.6, TASKS[1]), score(1.0, number=2), score(0.5, held_out=True)]
    found = {(e.ablation, e.round, e.held_out, e.domain, e.measure): e for e in estimates(scores)}
    assert found["full", 1, False, "all", "compliance"].mean == pytest.approx(0.4)
    assert found["full", 1, False, "all", "compliance"].chains == 2
    assert found["full", 1, False, "Tabular", "compliance"].mean == 0.2
    assert found["full", 2, False, "all", "compliance"].mean == 1.0
    assert found["full", 1, True, "all", "compliance"].mean == 0.5
    assert not [key for key in found if key[-1] == "effectiveness"]


def test_differences_pair_the_same_chains() -> None:
    full = [score(0.2, task) for task in TASKS] + [score(0.8, task, number=3) for task in TASKS]
    static = [score(0.5, task, "static", number=3) for task in TASKS[:2]]
    pairs = {(d.what, d.measure): d for d in differences([*full, *static])}
    risen = pairs["full: round 3 less round 1", "compliance"]
    assert (risen.mean, risen.chains) == (pytest.approx(0.6), 3)
    against = pairs["full less static, round 3", "compliance"]
    assert (against.mean, against.chains) == (pytest.approx(0.3), 2)
    assert ("static: round 3 less round 1", "compliance") not in pairs


def test_ablations_are_compared_in_the_last_round_that_both_have() -> None:
    full = [score(0.6), score(0.7, number=2)]
    static = [score(0.5, ablation="static", number=number) for number in (1, 2, 3)]
    pairs = {(d.what, d.measure): d.mean for d in differences([*full, *static])}
    assert pairs["full less static, round 2", "compliance"] == pytest.approx(0.2)
    assert pairs["full: round 2 less round 1", "compliance"] == pytest.approx(0.1)
    assert pairs["static: round 3 less round 1", "compliance"] == 0


def test_held_out_topics_are_compared_too() -> None:
    scores = [
        score(0.9, held_out=True),
        score(0.4, ablation="static", held_out=True),
        score(0.1),
        score(0.1, ablation="static"),
    ]
    pairs = {(d.what, d.measure): d.mean for d in differences(scores)}
    assert pairs["full less static, held-out topic", "implicit"] == pytest.approx(0.5)
