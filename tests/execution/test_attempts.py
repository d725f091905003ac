"""Attempts run every seed at a commit, stop at the first failure, resume, and never exceed the experiment's time."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from nanoresearch.config import ExecutionConfig
from nanoresearch.errors import BudgetExceeded, ExecutionError
from nanoresearch.events import Events
from nanoresearch.execution.attempts import attempt_reports, run_attempt
from nanoresearch.execution.collect import InvalidReports, merge
from nanoresearch.execution.executor import JobRequest
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.schema.experiment import Attempt, Job, Patch

from .conftest import OPEN, codebase_files, isolation_called

COUNTING = """
import os
from pathlib import Path

root = Path(os.environ["NANORESEARCH_DATA"])

def fit(seed):
    with open(root / f"seed-{seed}", "a") as file:
        file.write("x")
    Path("stray").write_text("the code folder is a copy")
    if (root / f"fail-{seed}").exists():
        raise RuntimeError(f"seed {seed} fails")
    if (root / f"nan-{seed}").exists():
        return float("nan")
    return 0.5 + seed / 100
"""


class Counting(LocalExecutor):
    """Notes what it was asked to run."""

    def __init__(self) -> None:
        super().__init__(OPEN, grace_s=0.2)  # its programs leave marks in the data folder
        self.asked: list[JobRequest] = []

    def run(self, jobs: Sequence[JobRequest], **options) -> tuple[Job, ...]:
        """Note and run."""
        self.asked += jobs
        return super().run(jobs, **options)


@pytest.fixture
def attempt(tmp_path: Path, make_codebase, blueprint):
    """A function that runs an attempt, with its parts as attributes."""

    def run(number: int = 1, smoke: bool = False, **changes) -> Attempt:
        settings = {
            "codebase": run.codebase,
            "blueprint": blueprint,
            "folder": run.attempts / str(number),
            "executor": run.executor,
            "data_root": run.data,
            "config": ExecutionConfig(),
            "events": Events(run.heard.append),
        }
        return run_attempt(number, smoke=smoke, **settings | changes)

    run.codebase, run.executor, run.heard = make_codebase(COUNTING), Counting(), []
    run.attempts, run.data = tmp_path / "attempts", tmp_path / "data"
    run.data.mkdir()
    return run


def test_success(attempt, blueprint) -> None:
    done = attempt()
    assert (done.number, done.outcome, done.smoke, done.failure) == (1, "succeeded", False, None)
    assert done.commit == attempt.codebase.head()
    assert [job.seed for job in done.jobs] == [3, 1]
    assert Attempt.model_validate_json((attempt.attempts / "1" / "attempt.json").read_text()) == done
    assert sorted(path.name for path in (attempt.attempts / "1" / "seed-3").iterdir()) == [
        "job.json", "reports.jsonl", "stderr", "stdout",
    ]  # fmt: skip
    assert attempt.codebase.is_clean()
    reports = attempt_reports(attempt.attempts / "1", blueprint)
    results, measurements = merge(reports, blueprint, attempt=1, commit=done.commit, blueprint_hash=blueprint.digest())
    assert (len(results), len(measurements)) == (16, 8)
    assert results[0].value == 0.53
    assert [event.kind for event in attempt.heard] == ["progress"] * 2


def test_limits_come_from_the_blueprint(attempt, blueprint) -> None:
    attempt(config=ExecutionConfig(output_mb=3))
    request = attempt.executor.asked[0]
    assert (request.timeout_s, request.memory_gb, request.output_mb) == (60, 1, 3)
    assert request.environment == {"NANORESEARCH_DATA": str(attempt.data)}
    assert request.deadline_s is not None


def test_only_the_data_of_the_study_can_be_read(attempt, blueprint, tmp_path: Path) -> None:
    """Other data sets may be the user's own, and hold what this study is to predict."""
    staged = blueprint.datasets[0].model_copy(update={"folder": "wine"})
    for name in ("wine", "other"):
        (attempt.data / name).mkdir()
        (attempt.data / name / "table.csv").write_text(name)
    program = """
        import os
        from pathlib import Path

        root = Path(os.environ["NANORESEARCH_DATA"])

        def fit(seed):
            assert (root / "wine" / "table.csv").read_text() == "wine"
            assert not (root / "other" / "table.csv").exists()
            return 0.5
        """
    done = attempt(
        codebase=Codebase.create(tmp_path / "reading", codebase_files(program)),
        blueprint=blueprint.model_copy(update={"datasets": (staged,)}),
        executor=LocalExecutor(isolation_called("bubblewrap")),
    )
    assert done.outcome == "succeeded", done.failure


def test_smoke_runs_the_first_seed_and_wants_finite_values_only(attempt) -> None:
    done = attempt(smoke=True)
    assert (done.outcome, [job.seed for job in done.jobs]) == ("succeeded", [3])
    assert attempt.executor.asked[0].command[-1] == "--smoke"
    assert not (attempt.data / "seed-1").exists()


def test_failure_is_diagnosed(attempt) -> None:
    (attempt.data / "fail-3").touch()
    done = attempt()
    assert done.outcome == "failed"
    assert done.failure is not None
    assert done.failure.signature == "RuntimeError @ models.py:fit: seed N fails"
    assert done.jobs[0].outcome == "failed"
    assert not (attempt.attempts / "1" / "seed-3" / "code").exists()


@pytest.mark.parametrize("smoke", [True, False])
def test_value_that_is_not_finite_fails(attempt, smoke: bool) -> None:
    (attempt.data / "nan-3").touch()
    done = attempt(smoke=smoke)
    assert done.failure is not None
    assert done.failure.signature.startswith("ValueError @ harness.py:_append: accuracy of base on wine is nan")


def test_missing_values_are_a_failure(attempt, blueprint) -> None:
    wider = blueprint.model_copy(update={"measures": ("fit_seconds", "latency_ms")})
    done = attempt(blueprint=wider)
    assert done.outcome == "invalid"
    assert done.failure is not None
    assert done.failure.signature == (
        "InvalidReports: N values are missing, the first is latency_ms of base on wine at noise=N"
    )


def test_complete_attempt_is_not_run_again(attempt) -> None:
    done = attempt()
    assert attempt() == done
    assert len(attempt.executor.asked) == 2


def test_resume_runs_only_what_did_not_succeed(attempt, blueprint) -> None:
    one_by_one = blueprint.model_copy(update={"budget": blueprint.budget.model_copy(update={"parallel": 1})})

    class Killed(Exception):
        """Stands for the death of the process."""

    def die_after_first(event) -> None:
        raise Killed

    with pytest.raises(Killed):
        attempt(events=Events(die_after_first), blueprint=one_by_one)
    assert not (attempt.attempts / "1" / "attempt.json").exists()
    first = (attempt.data / "seed-3").read_text()
    done = attempt(blueprint=one_by_one)
    assert done.outcome == "succeeded"
    assert [job.seed for job in done.jobs] == [3, 1]
    assert (attempt.data / "seed-3").read_text() == first
    assert (attempt.data / "seed-1").exists()
    assert len(attempt_reports(attempt.attempts / "1", blueprint)) == 2


@pytest.mark.parametrize("damage", ["commit", "reports", "forged", "undigested", "smoke"])
def test_resume_runs_again_what_no_longer_counts(attempt, damage: str) -> None:
    attempt()
    (attempt.attempts / "1" / "attempt.json").unlink()
    if damage == "commit":
        attempt.codebase.apply(Patch(fix="f", reason="r", files={"models.py": COUNTING + "# new\n"}))
    elif damage == "reports":
        (attempt.attempts / "1" / "seed-3" / "reports.jsonl").write_text("")
    elif damage == "forged":
        path = attempt.attempts / "1" / "seed-3" / "reports.jsonl"
        path.write_text(path.read_text().replace("0.53", "0.93"))
    else:
        path = attempt.attempts / "1" / "seed-3" / "job.json"
        changes = {"smoke": True} if damage == "smoke" else {"reports_sha256": None}
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    before = len(attempt.executor.asked)
    assert attempt().outcome == "succeeded"
    assert [request.seed for request in attempt.executor.asked[before:]] == ([3, 1] if damage == "commit" else [3])


def test_reports_that_changed_after_the_job_are_not_taken_in(attempt, blueprint) -> None:
    attempt()
    path = attempt.attempts / "1" / "seed-3" / "reports.jsonl"
    path.write_text(path.read_text().replace("0.53", "0.93"))
    with pytest.raises(InvalidReports, match=r"seed-3/reports.jsonl is not what it was"):
        attempt_reports(attempt.attempts / "1", blueprint)


def test_an_attempt_at_another_commit_is_not_overwritten(attempt) -> None:
    attempt()
    attempt.codebase.apply(Patch(fix="f", reason="r", files={"models.py": COUNTING + "# new\n"}))
    with pytest.raises(ExecutionError, match="records attempt 1 at commit"):
        attempt()


def test_time_covers_all_attempts(attempt, blueprint) -> None:
    done = attempt()
    spent = done.model_copy(update={"seconds": 60 * blueprint.budget.minutes - 0.001})
    (attempt.attempts / "1" / "attempt.json").write_text(spent.model_dump_json())
    late = attempt(2)
    assert late.outcome == "timed_out"
    assert late.failure is not None
    assert late.failure.signature.startswith("BudgetExhausted")
    spent = done.model_copy(update={"seconds": 60 * blueprint.budget.minutes})
    (attempt.attempts / "1" / "attempt.json").write_text(spent.model_dump_json())
    with pytest.raises(BudgetExceeded, match="5 minutes are used up"):
        attempt(3)
