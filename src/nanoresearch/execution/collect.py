"""Takes in what experiment code reported: each value checked against the blueprint, nothing missing, nothing twice.

Fails closed: a job whose reports raise a question has no results at all.
"""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from nanoresearch.errors import ExecutionError
from nanoresearch.execution.executor import RESULTS
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Report, Result

LINE_LIMIT = 1 << 16


class InvalidReports(ExecutionError):
    """What a job reported cannot be used; the message says why."""


class ReportKey(NamedTuple):
    """What a value is the value of."""

    method: str
    dataset: str
    condition: str
    metric: str


def condition_names(blueprint: Blueprint) -> tuple[str, ...]:
    """Each setting of the sweep as results name it, the standard one first; one empty name without a sweep."""
    if blueprint.sweep is None:
        return ("",)
    return tuple(f"{blueprint.sweep.id}={value}" for value in blueprint.sweep.values)


def collect(
    output_folder: Path, blueprint: Blueprint, seed: int, *, complete: bool = True, frozen: Collection[str] = ()
) -> list[Report]:
    """Read reports.jsonl of one job, in the order written. Raises InvalidReports with the reason.

    complete=False, for reduced runs, accepts missing values, but not the lack of any. Results on the data sets in
    `frozen` must have been scored from outside, and no others.
    """
    reports: dict[ReportKey, Report] = {}
    for number, report in enumerate(read_reports(output_folder), start=1):
        _check(report, blueprint, seed, f"{RESULTS}, line {number}")
        outside = report.kind == "result" and report.dataset in frozen
        if outside != (report.scored == "frozen"):
            raise InvalidReports(f"{RESULTS}, line {number}: {report.scored} is not how {report.dataset} is scored")
        key = ReportKey(report.method, report.dataset, report.condition, report.metric)
        if key in reports:
            raise InvalidReports(f"{RESULTS}, line {number}: duplicate record of {_words(key)}")
        reports[key] = report
    if not reports:
        raise InvalidReports("nothing was reported")
    missing = [key for key in expected(blueprint) if key not in reports] if complete else []
    if missing:
        raise InvalidReports(f"{len(missing)} values are missing, the first is {_words(missing[0])}")
    return list(reports.values())


def read_reports(output_folder: Path) -> Iterator[Report]:
    """Every line of reports.jsonl of one job. Raises InvalidReports at the first that is no report."""
    for number, line in _lines(output_folder / RESULTS):
        yield _parse(line, f"{RESULTS}, line {number}")


def expected(blueprint: Blueprint) -> Iterator[ReportKey]:
    """Every value that one seed must report, slices aside, in the order of the blueprint."""
    metrics = (*(metric.id for metric in blueprint.metrics), *blueprint.measures)
    for dataset in blueprint.datasets:
        for condition in condition_names(blueprint):
            for method in blueprint.methods:
                for metric in metrics:
                    yield ReportKey(method.id, dataset.card.id, condition, metric)


def merge(
    reports_by_seed: Mapping[int, Sequence[Report]],
    blueprint: Blueprint,
    *,
    attempt: int,
    commit: str,
    blueprint_hash: str,
) -> tuple[list[Result], list[Result]]:
    """Results and measurements of all seeds, numbered r00001... and m00001... in the order of the blueprint.

    The order is seed, data set, condition, method, metric, whatever the order of reporting; slices follow their metric.
    """
    order = {key: position for position, key in enumerate(expected(blueprint))}
    seeds = {seed: position for position, seed in enumerate(blueprint.seeds)}

    def place(report: Report) -> tuple[int, int, str]:
        metric, _, label = report.metric.partition(":")
        return seeds[report.seed], order[ReportKey(report.method, report.dataset, report.condition, metric)], label

    def number(kind: str, prefix: str) -> list[Result]:
        chosen = sorted((r for reports in reports_by_seed.values() for r in reports if r.kind == kind), key=place)
        return [
            Result(
                id=f"{prefix}{position:05d}",
                attempt=attempt,
                commit=commit,
                blueprint=blueprint_hash,
                **report.model_dump(exclude={"kind"}),
            )
            for position, report in enumerate(chosen, start=1)
        ]

    return number("result", "r"), number("measurement", "m")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    if path.is_symlink():
        raise InvalidReports(f"{RESULTS} is a link, not a file")
    if not path.exists():
        return
    if not path.is_file():
        raise InvalidReports(f"{RESULTS} is not a file")
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(LINE_LIMIT):
            number += 1
            if not line.endswith(b"\n"):
                raise InvalidReports(f"{RESULTS}, line {number}: the line is not complete")
            yield number, line


def _parse(line: bytes, where: str) -> Report:
    try:
        values: Any = json.loads(line)
    except ValueError as error:
        raise InvalidReports(f"{where}: not JSON") from error
    if not isinstance(values, dict):
        raise InvalidReports(f"{where}: not a JSON object")
    value = values.get("value")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidReports(
            f"{where}: non-finite value {value} for {values.get('metric')} of {values.get('method')} "
            f"on {values.get('dataset')}"
        )
    try:
        return Report.model_validate(values, strict=True)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise InvalidReports(f"{where}: {field}: {problem['msg']}") from error


def _check(report: Report, blueprint: Blueprint, seed: int, where: str) -> None:
    if report.seed != seed:
        raise InvalidReports(f"{where}: seed {report.seed} was reported, but seed {seed} was run")
    _known("method", report.method, [method.id for method in blueprint.methods], where)
    _known("data set", report.dataset, [dataset.card.id for dataset in blueprint.datasets], where)
    _known("condition", report.condition, condition_names(blueprint), where)
    if report.kind == "measurement":
        _known("measure", report.metric, blueprint.measures, where)
        return
    metrics = [metric.id for metric in blueprint.metrics]
    metric, colon, label = report.metric.partition(":")
    if not colon:
        _known("metric", metric, metrics, where)
    elif not (blueprint.slices and label and metric == metrics[0]):
        allowed = f"only {metrics[0]} has slices" if blueprint.slices else "the blueprint has no slices"
        raise InvalidReports(f"{where}: slice {report.metric!r}: {allowed}")


def _known(noun: str, name: str, names: Sequence[str], where: str) -> None:
    if name not in names:
        known = ", ".join(map(repr, names)) or "none"
        raise InvalidReports(f"{where}: unknown {noun} {name!r}; the blueprint has {known}")


def _words(key: ReportKey) -> str:
    condition = f" at {key.condition}" if key.condition else ""
    return f"{key.metric} of {key.method} on {key.dataset}{condition}"
