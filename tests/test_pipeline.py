"""The whole loop on a small table: what comes out, and what happens when it is cut off."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nanoresearch.assemble import Limits, RunRequest, create_run
from nanoresearch.config import Config, ExecutionConfig, PaperConfig, PlannerConfig
from nanoresearch.errors import (
    AuditFailed,
    BudgetExceeded,
    CorruptRecord,
    ExecutionError,
    RunLocked,
    TopicRefused,
    UsageError,
)
from nanoresearch.events import Event
from nanoresearch.execution.sandbox import SandboxMissing
from nanoresearch.paths import Home, RunFolder
from nanoresearch.researcher.source import ConsoleFeedback, NoFeedback
from nanoresearch.schema.experiment import Result
from nanoresearch.schema.feedback import Feedback
from nanoresearch.schema.profile import Profile, StatisticsHabits
from nanoresearch.schema.run import RunRecord
from nanoresearch.session import carry_on

TOPIC = "Do class weights and quantile transforms help logistic regression on the iris table?"
PROFILE = Profile(statistics=StatisticsHabits(seeds=3))
CONFIG = Config(paper=PaperConfig(latex="off"), planner=PlannerConfig(kind="fixed"))


def new_run(root: Path, config: Config = CONFIG, seed: int = 0) -> tuple[Home, RunFolder]:
    home = Home(root)
    return home, create_run(home, RunRequest(TOPIC, PROFILE, config, seed))


def values(folder: RunFolder) -> list[tuple[object, ...]]:
    results = folder.load_lines("execution/results.jsonl", Result)
    return [(item.method, item.dataset, item.metric, item.seed, item.condition, item.value) for item in results]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, RunFolder, list[Event]]:
    """One run from start to end, without PDF."""
    home, folder = new_run(tmp_path_factory.mktemp("finished"))
    events: list[Event] = []
    carry_on(home, folder, ConsoleFeedback(read=lambda _: "more seeds"), events.append)
    return home, folder, events


def test_a_topic_becomes_an_audited_paper(finished: tuple[Home, RunFolder, list[Event]]) -> None:
    _, folder, _ = finished
    record = folder.load("run.json", RunRecord)
    assert record.status == "done"
    assert json.loads(folder.path("audit.json").read_text())["passed"] is True
    for name in (
        "ideation/survey.json", "ideation/novelty.json", "planning/blueprint.sha256", "planning/critiques.jsonl",
        "coding/code/run.py", "execution/results.jsonl", "analysis/analysis.json", "review/reviews.jsonl",
        "paper/paper.tex", "paper/numbers.tex", "paper/references.bib", "events.jsonl",
    ):  # fmt: skip
        assert folder.path(name).stat().st_size > 0, name
    assert record.attempts >= 1
    assert record.experiment_cpu_seconds > 0
    stages = {"ideation", "planning", "coding", "execution", "analysis", "writing", "review"}
    assert set(record.phases) == stages | {"learning"}


def test_trouble_in_the_data_was_met_and_cured(finished: tuple[Home, RunFolder, list[Event]]) -> None:
    _, folder, _ = finished
    record = folder.load("run.json", RunRecord)
    first = json.loads(folder.path("execution/attempts/1/attempt.json").read_text())
    if record.failed_attempts:
        assert first["failure"]["signature"]
        assert first["patch"]
    log = subprocess.run(
        ["git", "log", "--format=%s"], cwd=folder.path("coding/code"), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(log) == 1 + record.failed_attempts


def test_feedback_is_recorded_once_for_each_stage(finished: tuple[Home, RunFolder, list[Event]]) -> None:
    _, folder, _ = finished
    said = folder.load_lines("feedback.jsonl", Feedback)
    assert [item.stage for item in said] == ["ideation_and_planning", "experiments", "writing"]
    assert {item.text for item in said} == {"more seeds"}


def test_a_finished_run_does_nothing_again(finished: tuple[Home, RunFolder, list[Event]]) -> None:
    home, folder, _ = finished
    kept = ("ideation", "planning", "execution", "analysis", "writing", "review")
    before = {path: path.stat().st_mtime_ns for name in kept for path in folder.path(name).rglob("*.json*")}
    events: list[Event] = []
    carry_on(home, folder, NoFeedback(), events.append)
    assert [event.text for event in events if event.kind == "step"] == []
    assert {path: path.stat().st_mtime_ns for name in kept for path in folder.path(name).rglob("*.json*")} == {
        **before,
        **{path: path.stat().st_mtime_ns for path in before if path.name == "evidence.jsonl"},
    }


class Stopper:
    """Interrupts the run each time it begins a step that it had not begun before."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def __call__(self, event: Event) -> None:
        if event.kind == "step":
            new = event.text not in self.begun
            self.begun.append(event.text)
            if new:
                raise KeyboardInterrupt


def test_interrupted_before_every_step_it_ends_with_the_same_results(
    finished: tuple[Home, RunFolder, list[Event]], tmp_path: Path
) -> None:
    home, folder = new_run(tmp_path)
    stopper = Stopper()
    for _ in range(60):
        try:
            carry_on(home, folder, NoFeedback(), stopper)
            break
        except KeyboardInterrupt:
            assert folder.load("run.json", RunRecord).status == "interrupted"
    assert folder.load("run.json", RunRecord).status == "done"
    assert values(folder) == values(finished[1])
    steps = {event.text for event in finished[2] if event.kind == "step"}
    assert set(stopper.begun) == steps
    # begun once and stopped, then begun and finished: nothing is done a second time
    assert all(stopper.begun.count(step) == 2 for step in steps if not step.startswith("review/"))


def test_another_seed_gives_other_splits(finished: tuple[Home, RunFolder, list[Event]], tmp_path: Path) -> None:
    home, folder = new_run(tmp_path, seed=100)
    carry_on(home, folder, NoFeedback())
    assert {item[3] for item in values(folder)} == {100, 101, 102}
    assert [item[-1] for item in values(folder)] != [item[-1] for item in values(finished[1])]


def test_a_corrupt_record_stops_the_run_and_deleting_it_mends_the_run(
    finished: tuple[Home, RunFolder, list[Event]], tmp_path: Path
) -> None:
    shutil.copytree(finished[1].root, tmp_path / "runs" / "copy")
    home, folder = Home(tmp_path), RunFolder(tmp_path / "runs" / "copy")
    folder.path("analysis/analysis.json").write_text('{"verdict": "suppo')
    with pytest.raises(CorruptRecord, match=r"analysis\.json.*Delete that file"):
        carry_on(home, folder, NoFeedback())
    assert folder.load("run.json", RunRecord).status == "failed"
    folder.path("analysis/analysis.json").unlink()
    assert carry_on(home, folder, NoFeedback()).passed


def test_a_changed_blueprint_is_noticed_on_resume(
    finished: tuple[Home, RunFolder, list[Event]], tmp_path: Path
) -> None:
    shutil.copytree(finished[1].root, tmp_path / "runs" / "copy")
    home, folder = Home(tmp_path), RunFolder(tmp_path / "runs" / "copy")
    path = folder.path("planning/blueprint.json")
    path.write_text(path.read_text().replace('"confidence": 0.95', '"confidence": 0.9'))
    with pytest.raises(CorruptRecord, match="not the blueprint that was frozen"):
        carry_on(home, folder, NoFeedback())


def test_a_changed_result_fails_the_audit_and_is_marked(
    finished: tuple[Home, RunFolder, list[Event]], tmp_path: Path
) -> None:
    shutil.copytree(finished[1].root, tmp_path / "runs" / "copy")
    home, folder = Home(tmp_path), RunFolder(tmp_path / "runs" / "copy")
    path = folder.path("execution/results.jsonl")
    lines = path.read_text().splitlines()
    first = json.loads(lines[0])
    first["value"] = 0.999
    path.write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    with pytest.raises(AuditFailed, match="failed its audit"):
        carry_on(home, folder, NoFeedback())
    assert folder.load("run.json", RunRecord).status == "failed_audit"


def test_two_sittings_with_one_run_are_refused(finished: tuple[Home, RunFolder, list[Event]]) -> None:
    home, folder, _ = finished
    with folder.lock(), pytest.raises(RunLocked):
        carry_on(home, folder, NoFeedback())


def test_a_run_out_of_time_stops_and_can_go_on(tmp_path: Path) -> None:
    home, folder = new_run(tmp_path)
    with pytest.raises(BudgetExceeded):
        carry_on(home, folder, NoFeedback(), limits=Limits(minutes=1e-9))
    assert folder.load("run.json", RunRecord).status == "stopped_by_budget"


def test_what_keeps_a_run_from_being_opened_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, folder = new_run(tmp_path)

    def missing(*_: object, **__: object) -> None:
        raise SandboxMissing("nothing here isolates")

    events: list[Event] = []
    with monkeypatch.context() as patch:
        patch.setattr("nanoresearch.assemble.isolation_for", missing)
        with pytest.raises(SandboxMissing):
            carry_on(home, folder, NoFeedback(), events.append)
    record = folder.load("run.json", RunRecord)
    assert (record.status, record.reason) == ("failed", "nothing here isolates")
    assert [event.text for event in events if event.kind == "run"] == ["failed: nothing here isolates"]
    with monkeypatch.context() as patch:
        patch.setattr("nanoresearch.assemble.clients_for", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            carry_on(home, folder, NoFeedback())
    assert folder.load("run.json", RunRecord).reason.startswith("ZeroDivisionError")
    with pytest.raises(BudgetExceeded):  # it can be gone on with
        carry_on(home, folder, NoFeedback(), limits=Limits(minutes=1e-9))


def test_a_finished_run_that_cannot_be_opened_stays_finished(
    finished: tuple[Home, RunFolder, list[Event]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished[1].root, tmp_path / "runs" / "copy")
    home, folder = Home(tmp_path), RunFolder(tmp_path / "runs" / "copy")
    monkeypatch.setattr("nanoresearch.assemble.clients_for", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        carry_on(home, folder, NoFeedback())
    assert folder.load("run.json", RunRecord).status == "done"


def test_spent_attempts_end_the_run_with_advice(tmp_path: Path) -> None:
    config = Config(paper=PaperConfig(latex="off"), execution=ExecutionConfig(attempts=1))
    home, folder = new_run(tmp_path, config)

    def sabotage(event: Event) -> None:
        if event.text.startswith("codebase written"):
            code = folder.path("coding/code")
            (code / "models.py").write_text("raise RuntimeError('broken on purpose')\n")
            subprocess.run(
                ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "break"], cwd=code, check=True
            )

    with pytest.raises(ExecutionError, match=r"broken on purpose.*No cure is known.*told by the audit"):
        carry_on(home, folder, NoFeedback(), sabotage)
    assert folder.load("run.json", RunRecord).status == "failed"


@pytest.mark.parametrize("topic", ["", "  \n "])
def test_an_empty_topic_leaves_nothing_behind(tmp_path: Path, topic: str) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(UsageError):
        create_run(home, RunRequest(topic, PROFILE, CONFIG))
    assert not home.runs.exists()


def test_a_refused_topic_leaves_nothing_behind(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(TopicRefused):
        create_run(home, RunRequest("Protein folding", PROFILE, CONFIG))
    assert not home.runs.exists()


@pytest.mark.slow
def test_killed_in_the_middle_of_an_experiment_it_keeps_finished_seeds(
    finished: tuple[Home, RunFolder, list[Event]], tmp_path: Path
) -> None:
    environment = {**os.environ, "NANORESEARCH_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from nanoresearch.cli.main import main; main()"]
    arguments = ["run", "--set", "paper.latex=off", TOPIC]
    profile = tmp_path / "profiles" / "default.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text("[statistics]\nseeds = 3\n[compute]\ncores = 1\n")
    process = subprocess.Popen([*command, *arguments], env=environment, stderr=subprocess.DEVNULL)
    home = Home(tmp_path)
    deadline = time.monotonic() + 200
    done: list[Path] = []
    while time.monotonic() < deadline and not done:
        time.sleep(0.1)
        done = [
            path
            for path in tmp_path.glob("runs/*/execution/attempts/*/seed-*/job.json")
            if '"smoke": false' in path.read_text() and '"succeeded"' in path.read_text()
        ]
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert done, "no seed finished in time"
    stamps = {path: path.stat().st_mtime_ns for path in done}
    carry_on(home, home.find_run("latest"), NoFeedback())
    folder = home.find_run("latest")
    assert {path: path.stat().st_mtime_ns for path in done} == stamps
    assert values(folder) == values(finished[1])
