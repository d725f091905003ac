"""Frozen evaluation where experiments run on the nodes of a cluster."""

import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nanoresearch.config import ExecutionConfig, SlurmConfig
from nanoresearch.crew.builtin.judge import judge_of
from nanoresearch.events import Events
from nanoresearch.execution.attempts import EVALUATION, SavedJob, attempt_reports, run_attempt
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.execution.sandbox import probe_isolation
from nanoresearch.execution.slurm import SlurmExecutor
from nanoresearch.schema.experiment import Attempt

from .test_judge import files_of, inject, study

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.usefixtures("cluster")]

LOOK = """
import json, os
here = os.environ["NANORESEARCH_EXCHANGE"]
tops = [{root!r}, here + "/../..", os.path.dirname(os.path.dirname(here))]
print("SEEN " + json.dumps([name for top in tops for _, _, names in os.walk(top) for name in names]))
"""


class Runs:
    """An attempt on SLURM in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blueprint = study(seeds=(0, 1))
        self.folder = root / "attempts" / "1"
        (root / "data").mkdir()

    def prepare(self, lines: str = "pass") -> None:
        files = files_of(self.blueprint)
        inject(lines.strip())(files)
        self.codebase = Codebase.create(self.root / "code", files)

    def __call__(self, sandbox: str = "auto", tell: Callable[[str], None] = lambda text: None) -> Attempt:
        executor = SlurmExecutor(
            SlurmConfig(poll_s=0.2, poll_max_s=2), sandbox=sandbox, tell=tell, grace_s=0.5, settle_s=2, look_s=0.05
        )
        return run_attempt(
            1, smoke=False, codebase=self.codebase, blueprint=self.blueprint, folder=self.folder, executor=executor,
            data_root=self.root / "data", config=ExecutionConfig(), events=Events(), judge=judge_of(self.blueprint),
            judge_executor=None if sandbox == "off" else LocalExecutor(),
        )  # fmt: skip

    def scored(self) -> set[str]:
        reports = attempt_reports(self.folder, self.blueprint)
        return {report.scored for found in reports.values() for report in found if report.kind == "result"}


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    if probe_isolation().kind == "none":
        pytest.skip("ISOLATION NOT TESTED: nothing isolates here")
    return Runs(tmp_path)


def test_results_of_nodes_are_frozen_and_the_truth_is_not_seen_there(runs: Runs) -> None:
    runs.prepare(LOOK.format(root=str(runs.root)))
    done = runs()
    assert done.outcome == "succeeded", done.failure
    assert runs.scored() == {"frozen"}
    for seed in (0, 1):
        output = runs.folder / f"seed-{seed}"
        saved = SavedJob.model_validate_json((output / "job.json").read_bytes())
        assert (saved.frozen, saved.job.sandbox) == (("iris",), probe_isolation().kind)
        said = next(line for line in (output / "stdout").read_text().splitlines() if line.startswith("SEEN "))
        seen = json.loads(said.removeprefix("SEEN "))
        assert [name for name in seen if name.endswith(".given")]
        assert not [name for name in seen if name.endswith(".kept")]
    assert not (runs.folder / EVALUATION).exists()


def test_without_a_sandbox_on_the_nodes_results_are_self_reported(runs: Runs) -> None:
    runs.prepare()
    assert runs("off").outcome == "succeeded"
    assert runs.scored() == {"self_reported"}


def test_a_killed_run_scores_the_jobs_that_it_left(runs: Runs) -> None:
    """What was divided stays with the jobs that were given it, and is not divided again."""
    runs.prepare("import time\ntime.sleep(3)")
    process = multiprocessing.get_context("fork").Process(target=runs)
    process.start()
    tickets = [runs.folder / f"seed-{seed}" / "slurm.json" for seed in (0, 1)]
    while not all(path.exists() and json.loads(path.read_bytes())["job_id"] for path in tickets):
        time.sleep(0.05)
    process.kill()
    process.join()
    before = [json.loads(path.read_bytes())["job_id"] for path in tickets]
    kept = sorted((runs.folder / EVALUATION / "kept").rglob("*.kept"))
    times = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 2
    told: list[str] = []
    watched: list[list[int]] = []

    def tell(text: str) -> None:
        watched.append([path.stat().st_mtime_ns for path in kept])
        told.append(text)

    assert runs(tell=tell).outcome == "succeeded"
    assert told[0].startswith("Going on with SLURM jobs of an earlier sitting")
    assert all(name in told[0] for name in before)
    assert watched[0] == times
    assert runs.scored() == {"frozen"}


def test_a_job_that_was_given_other_data_is_not_gone_on_with(runs: Runs) -> None:
    runs.prepare("import time\ntime.sleep(3)")
    process = multiprocessing.get_context("fork").Process(target=runs)
    process.start()
    ticket = runs.folder / "seed-1" / "slurm.json"
    while not (ticket.exists() and json.loads(ticket.read_bytes())["job_id"]):
        time.sleep(0.05)
    process.kill()
    process.join()
    (runs.folder / EVALUATION / "divided.json").unlink()
    told: list[str] = []
    assert runs(tell=told.append).outcome == "succeeded"
    assert not [text for text in told if text.startswith("Going on with")]
    assert runs.scored() == {"frozen"}
