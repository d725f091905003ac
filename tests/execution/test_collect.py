"""Reports are taken in whole and right, or not at all."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoresearch.execution.collect import InvalidReports, collect, condition_names, expected, merge
from nanoresearch.schema.experiment import Report

from .conftest import small_blueprint


def lines(blueprint, seed=3, **changes) -> list[dict]:
    """All that a seed must report."""
    measures = blueprint.measures
    return [
        {
            "method": key.method,
            "dataset": key.dataset,
            "metric": key.metric,
            "value": 0.5,
            "seed": seed,
            "condition": key.condition,
            "kind": "measurement" if key.metric in measures else "result",
        }
        | changes
        for key in expected(blueprint)
    ]


def write(folder: Path, content) -> Path:
    """Write reports.jsonl."""
    text = content if isinstance(content, str) else "".join(json.dumps(line) + "\n" for line in content)
    (folder / "reports.jsonl").write_text(text)
    return folder


def test_conditions(blueprint) -> None:
    assert condition_names(blueprint) == ("noise=0.0", "noise=0.5")
    assert condition_names(blueprint.model_copy(update={"sweep": None})) == ("",)


def test_complete_reports_are_taken(tmp_path: Path, blueprint) -> None:
    reports = collect(write(tmp_path, lines(blueprint)), blueprint, 3)
    assert len(reports) == 2 * 2 * 3
    assert all(isinstance(report, Report) for report in reports)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "other"}, "line 1: unknown method 'other'; the blueprint has 'base', 'new'"),
        ({"dataset": "iris"}, "line 1: unknown data set 'iris'"),
        ({"metric": "f1"}, "line 1: unknown metric 'f1'"),
        ({"metric": "fit_seconds"}, "line 1: unknown metric 'fit_seconds'"),
        ({"kind": "measurement"}, "line 1: unknown measure 'accuracy'"),
        ({"condition": ""}, "line 1: unknown condition ''"),
        ({"seed": 1}, "line 1: seed 1 was reported, but seed 3 was run"),
        ({"value": float("nan")}, "line 1: non-finite value nan for accuracy of base on wine"),
        ({"value": float("-inf")}, "line 1: non-finite value -inf"),
        ({"value": "0.5"}, "line 1: value: "),
        ({"value": True}, "line 1: value: "),
        ({"seed": 3.0}, "line 1: seed: "),
        ({"note": "x"}, "line 1: note: "),
        ({"metric": "accuracy:red"}, "line 1: slice 'accuracy:red': the blueprint has no slices"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_a_wrong_line_refuses_all(tmp_path: Path, blueprint, change, reason, complete) -> None:
    records = lines(blueprint)
    records[0] |= change
    with pytest.raises(InvalidReports, match="reports.jsonl, " + reason.replace("(", r"\(")):
        collect(write(tmp_path, records), blueprint, 3, complete=complete)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("oops\n", "line 1: not JSON"),
        ("[1]\n", "line 1: not a JSON object"),
        ('{"method": "base"', "line 1: the line is not complete"),
        ("x" * 70_000 + "\n", "line 1: the line is not complete"),
        ("\xff\n", "line 1: not JSON"),
        ("", "nothing was reported"),
    ],
)
def test_what_is_no_report(tmp_path: Path, blueprint, text, reason) -> None:
    (tmp_path / "reports.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidReports, match=reason):
        collect(tmp_path, blueprint, 3)


def test_no_file_and_a_link(tmp_path: Path, blueprint) -> None:
    with pytest.raises(InvalidReports, match="nothing was reported"):
        collect(tmp_path, blueprint, 3)
    write(tmp_path, lines(blueprint)).joinpath("reports.jsonl").rename(tmp_path / "real")
    (tmp_path / "reports.jsonl").symlink_to(tmp_path / "real")
    with pytest.raises(InvalidReports, match="link"):
        collect(tmp_path, blueprint, 3)


def test_duplicates_are_refused_even_with_the_same_value(tmp_path: Path, blueprint) -> None:
    records = lines(blueprint)
    with pytest.raises(InvalidReports, match=r"line 13: duplicate record of log_loss of base on wine at noise=0\.0"):
        collect(write(tmp_path, [*records, records[1]]), blueprint, 3)


@settings(max_examples=20)
@given(drop=st.integers(0, 11))
def test_each_value_is_missed(tmp_path_factory, drop: int) -> None:
    blueprint = small_blueprint()
    folder = tmp_path_factory.mktemp("reports")
    records = lines(blueprint)
    missing = records.pop(drop)
    with pytest.raises(
        InvalidReports, match=f"1 values are missing, the first is {missing['metric']} of {missing['method']}"
    ):
        collect(write(folder, records), blueprint, 3)
    assert len(collect(folder, blueprint, 3, complete=False)) == 11


def test_slices_of_the_primary_metric_only(tmp_path: Path, blueprint) -> None:
    sliced = blueprint.model_copy(update={"slices": True})
    record = lines(blueprint)[0]
    good = [*lines(blueprint), record | {"metric": "accuracy:b:2"}, record | {"metric": "accuracy:a"}]
    assert len(collect(write(tmp_path, good), sliced, 3)) == 14
    for name in ("log_loss:a", "accuracy:"):
        with pytest.raises(InvalidReports, match="only accuracy has slices"):
            collect(write(tmp_path, [*lines(blueprint), record | {"metric": name}]), sliced, 3)


@settings(max_examples=20)
@given(order=st.randoms(use_true_random=False))
def test_merge_does_not_depend_on_the_order_of_reporting(order: random.Random) -> None:
    blueprint = small_blueprint()
    reports = {seed: [Report(**line) for line in lines(blueprint, seed)] for seed in (1, 3)}
    slices = [reports[3][0].model_copy(update={"metric": f"accuracy:{label}"}) for label in "ba"]
    reports[3] += slices
    for values in reports.values():
        order.shuffle(values)
    results, measurements = merge(reports, blueprint, attempt=2, commit="c" * 40, blueprint_hash="h")
    assert [result.id for result in results] == [f"r{number:05d}" for number in range(1, 19)]
    assert [result.id for result in measurements] == [f"m{number:05d}" for number in range(1, 9)]
    assert [(result.seed, result.condition, result.method, result.metric) for result in results[:5]] == [
        (3, "noise=0.0", "base", "accuracy"),
        (3, "noise=0.0", "base", "accuracy:a"),
        (3, "noise=0.0", "base", "accuracy:b"),
        (3, "noise=0.0", "base", "log_loss"),
        (3, "noise=0.0", "new", "accuracy"),
    ]
    assert [result.seed for result in results] == [3] * 10 + [1] * 8
    assert {(result.attempt, result.commit, result.blueprint) for result in results} == {(2, "c" * 40, "h")}
