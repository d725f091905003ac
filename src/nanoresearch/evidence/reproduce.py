"""Run a finished experiment again, from its commit and its data, and compare every result.

Writes nothing into the run.
"""

import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from nanoresearch.config import Config, validate
from nanoresearch.datasets.stage import verify
from nanoresearch.errors import CorruptRecord, ExecutionError
from nanoresearch.events import Events
from nanoresearch.execution.attempts import attempt_reports, run_attempt
from nanoresearch.execution.collect import merge
from nanoresearch.execution.environment import HERE, Environment, EnvironmentOf, this_python
from nanoresearch.execution.evaluation import JudgeOf
from nanoresearch.execution.executor import Executor
from nanoresearch.execution.repository import Codebase
from nanoresearch.execution.requirements import RequirementsUnmet
from nanoresearch.paths import RunFolder
from nanoresearch.schema.audit import Discrepancy, Reproduction
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Result
from nanoresearch.schema.run import RunRecord

TOLERANCE = 1e-9


def reproduce_run(
    folder: RunFolder,
    executor: Executor,
    data_root: Path,
    events: Events,
    versions: Mapping[str, str],
    judge: JudgeOf,
    environments: EnvironmentOf = this_python,
) -> Reproduction:
    """Every seed again, in a folder of its own. `versions` are those of the libraries here.

    Where the versions that the code asks for cannot be had, it runs with those that are here, and that is told.

    Raises CorruptRecord when the run has no results or its code is not what produced them, DatasetError when the data
    are not as they were, ExecutionError when the experiment fails now.
    """
    blueprint = folder.load("planning/blueprint.json", Blueprint)
    record = folder.load("run.json", RunRecord)
    recorded = folder.load_lines("execution/results.jsonl", Result)
    if not recorded:
        raise CorruptRecord(
            f"Run {folder.id} has no results to reproduce. Finish it with: nanoresearch resume {folder.id}"
        )
    codebase = Codebase(folder.path("coding/code"))
    commit = recorded[0].commit
    if codebase.head() != commit:
        raise CorruptRecord(f"The code of run {folder.id} is not at {commit[:12]}, which produced its results.")
    for staged in (*blueprint.datasets, *blueprint.support):
        verify(staged, data_root)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nanoresearch-") as scratch:
        attempt = run_attempt(
            1,
            smoke=False,
            codebase=codebase,
            blueprint=blueprint,
            folder=Path(scratch) / "attempts" / "1",
            executor=executor,
            data_root=data_root,
            config=validate(Config, record.config, "run.json: config").execution,
            events=events,
            judge=judge(blueprint),
            environments=_or_here(environments, events),
        )
        if attempt.outcome != "succeeded":
            words = attempt.failure.signature if attempt.failure else attempt.outcome
            raise ExecutionError(f"The experiment of run {folder.id} does not run here any more: {words}")
        reports = attempt_reports(Path(scratch) / "attempts" / "1", blueprint)
        again, _ = merge(reports, blueprint, attempt=1, commit=commit, blueprint_hash=blueprint.digest())
    pairs = list(zip(recorded, again, strict=True))
    return Reproduction(
        commit=commit,
        compared=len(pairs),
        identical=sum(old.value == new.value for old, new in pairs),
        discrepancies=tuple(
            Discrepancy(result=old.id, recorded=old.value, reproduced=new.value)
            for old, new in pairs
            if not math.isclose(old.value, new.value, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        ),
        tolerance=TOLERANCE,
        versions_differ=tuple(
            f"{name} {versions.get(name, 'missing')} instead of {then}"
            for name, then in record.versions.items()
            if versions.get(name) != then
        ),
        seconds=round(time.monotonic() - start, 1),
    )


def _or_here(environments: EnvironmentOf, events: Events) -> EnvironmentOf:
    def found(requirements: str) -> Environment:
        try:
            return environments(requirements)
        except RequirementsUnmet as error:
            events.emit("degraded", f"The experiment runs with the packages that are here: {error}")
            return HERE

    return found
