"""A run without isolation stops at its start, or goes on because the user said so, and says that it did."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanoresearch.assemble import RunRequest, create_run
from nanoresearch.config import Config, PaperConfig
from nanoresearch.doctor import examine
from nanoresearch.events import Events
from nanoresearch.execution.sandbox import SandboxMissing, probe_isolation
from nanoresearch.experience.store import ExperienceStore
from nanoresearch.paths import Home
from nanoresearch.runlog import RunLog
from nanoresearch.schema.experiment import Attempt
from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.profile import Profile, StatisticsHabits
from nanoresearch.schema.run import RunRecord

from .test_cli import call

TOPIC = "Do class weights and quantile transforms help logistic regression on the iris table?"


@pytest.fixture
def home() -> Home:
    return Home(Path(os.environ["NANORESEARCH_HOME"]))


@pytest.fixture
def nothing_isolates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No bubblewrap on the PATH, and a kernel without Landlock."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        if (Path(folder) / "git").exists() and not (tools / "git").exists():
            (tools / "git").symlink_to(Path(folder) / "git")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr("nanoresearch.execution.confine.landlock_abi", lambda: 0)
    probe_isolation.cache_clear()
    yield
    probe_isolation.cache_clear()


@pytest.mark.usefixtures("nothing_isolates")
def test_a_run_stops_before_anything_is_made(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", TOPIC) == 1
    error = capsys.readouterr().err
    assert "apt-get install bubblewrap" in error
    assert "bubblewrap: not installed; landlock: this kernel has none" in error
    assert "--unsafe-no-sandbox" in error
    assert home.run_folders() == []
    assert not home.runs.exists()


@pytest.mark.usefixtures("nothing_isolates")
def test_a_chosen_sandbox_that_is_not_there_stops_a_run_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "--set", "execution.sandbox=bubblewrap", TOPIC) == 1
    error = capsys.readouterr().err
    assert "bubblewrap: not installed" in error
    assert "landlock" not in error.partition("Install")[0]


@pytest.mark.usefixtures("nothing_isolates")
def test_a_run_goes_on_without_when_told_to_and_keeps_that(home: Home) -> None:
    assert call("run", "--unsafe-no-sandbox", "--budget-minutes", "1e-9", TOPIC) == 3
    record = home.find_run("latest").load("run.json", RunRecord)
    assert record.config["execution"]["sandbox"] == "off"
    assert record.isolation is not None
    assert record.isolation.kind == "none"
    events = home.find_run("latest").path("events.jsonl").read_text()
    assert any(json.loads(line)["kind"] == "degraded" for line in events.splitlines())


@pytest.mark.slow
def test_resuming_needs_isolation_too_and_the_paper_tells_when_there_was_none(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile, config = Profile(statistics=StatisticsHabits(seeds=3)), Config(paper=PaperConfig(latex="off"))
    folder = create_run(home, RunRequest(TOPIC, profile, config))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        patch.setattr("nanoresearch.execution.confine.landlock_abi", lambda: 0)
        probe_isolation.cache_clear()
        assert call("resume") == 1
        probe_isolation.cache_clear()
    assert "apt-get install bubblewrap" in capsys.readouterr().err
    assert not folder.has("execution/attempts")
    assert call("resume", "--unsafe-no-sandbox") == 0
    record = folder.load("run.json", RunRecord)
    assert (record.status, record.isolation and record.isolation.kind) == ("done", "none")
    attempt = folder.load("execution/attempts/1/attempt.json", Attempt)
    assert {job.sandbox for job in attempt.jobs} <= {"none", None}
    assert "without a sandbox, by the user's choice" in folder.path("paper/paper.tex").read_text()
    assert call("resume") == 0  # nothing is left to run
    assert call("audit") == 0


def test_inside_this_process_experiments_run_only_by_the_unsafe_choice(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--executor", "inprocess", TOPIC) == 1
    error = capsys.readouterr().err
    assert "Inside this process nothing can keep experiments from your files" in error
    assert "--unsafe-no-sandbox" in error
    assert not home.runs.exists()
    assert call("run", "--executor", "inprocess", "--unsafe-no-sandbox", "--budget-minutes", "1e-9", TOPIC) == 3
    record = home.find_run("latest").load("run.json", RunRecord)
    assert record.isolation is not None
    assert record.isolation.kind == "none"


def test_a_run_keeps_the_weakest_isolation_of_all_nodes(home: Home) -> None:
    folder = create_run(home, RunRequest(TOPIC, Profile(), Config()))
    log = RunLog(folder, Events())
    whole = Isolation(kind="bubblewrap", namespaces=True)
    part, alone = (Isolation(kind="landlock", namespaces=namespaces) for namespaces in (True, False))
    none = Isolation(kind="none")
    for found, kept in ((whole, whole), (part, part), (whole, part), (alone, alone), (none, none), (part, none)):
        log.isolated(found)
        assert folder.load("run.json", RunRecord).isolation == kept


def test_a_node_without_a_sandbox_teaches_nothing_about_the_experiment(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def execute(*_: object, **__: object) -> None:
        raise SandboxMissing("Experiments cannot be run on node n1: Install bubblewrap")

    monkeypatch.setattr("nanoresearch.pipeline.execute", execute)
    assert call("run", TOPIC) == 1
    assert "node n1" in capsys.readouterr().err
    assert home.find_run("latest").load("run.json", RunRecord).status == "failed"
    with ExperienceStore(home.experience) as store:
        assert not store.memories(current=False)


def test_doctor_names_the_isolation(home: Home) -> None:
    (check,) = [check for check in examine(home) if check.name == "isolation"]
    assert check.found.startswith(probe_isolation("auto").kind)


@pytest.mark.usefixtures("nothing_isolates")
def test_doctor_says_what_to_install(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("doctor") == 1
    said = capsys.readouterr().out
    assert "[!!] isolation: none: experiment code can read, write and reach whatever the user can" in said
    assert "apt-get install bubblewrap" in said
