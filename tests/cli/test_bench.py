"""bench as a user meets it."""

import json
from pathlib import Path

import pytest

from nanoresearch.bench import runner
from tests.cli.test_cli import call


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would be run; nothing is."""
    given: list[list[str]] = []

    def run_here(commands: list[list[str]], jobs: int, tell: object) -> int:
        given.extend(commands)
        return 0

    monkeypatch.setattr(runner, "run_here", run_here)
    monkeypatch.setattr("nanoresearch.assemble.find_spec", lambda name: name)
    return given


def test_what_is_left_is_run_and_reported_as_unfinished(
    commands: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "b")
    chosen = ("--tasks", "ts-03", "--tasks", "cv-01", "--ablation", "static", "--ablation", "full", "--seeds", "2")
    assert call("bench", "run", *chosen, "--out", out, "--json") == 1
    printed = json.JSONDecoder().raw_decode(capsys.readouterr().out)[0]
    assert len(printed["unfinished"]) == printed["chains"] == 8
    assert len(commands) == 8
    assert commands[0][commands[0].index("--task") + 1] == "ts-03-forecast-combination"
    assert {line[line.index("--ablation") + 1] for line in commands} == {"static", "full"}
    kept = json.loads((tmp_path / "b" / "bench.json").read_text())
    assert kept["config"]["planner"]["kind"] == "trainable"


def test_other_settings_are_refused(commands: list[list[str]], tmp_path: Path) -> None:
    out = str(tmp_path / "b")
    call("bench", "run", "--tasks", "ts-03", "--out", out)
    assert call("bench", "run", "--tasks", "ts-03", "--out", out, "--set", "review.revisions=1") == 2


def test_a_planner_that_cannot_learn_is_told_before_anything_runs(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nanoresearch.assemble.find_spec", lambda name: None)
    out = ("--out", str(tmp_path / "b"))
    assert call("bench", "run", "--tasks", "ts-03", "--ablation", "full", *out) == 1
    assert "pip install 'nanoresearch[planner]'" in capsys.readouterr().err
    assert commands == []
    call("bench", "run", "--tasks", "ts-03", "--ablation", "static", *out)
    assert len(commands) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tasks", "nope"), "No task is called 'nope'"),
        (("--crew", "nobody"), "crew"),
        (("--ablation", "half"), "half"),
        (("--rounds", "0"), "rounds"),
    ],
)
def test_bad_usage_says_what_is_wrong(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("bench", "run", *arguments, "--out", str(tmp_path / "b")) == 2
    assert words in capsys.readouterr().err


def test_a_report_needs_a_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("bench", "report", str(tmp_path)) == 2
    assert "holds no benchmark" in capsys.readouterr().err
