import json
import os
from pathlib import Path

import pytest

from nanoresearch.paths import write_atomic
from nanoresearch.schema.learning import CurrentVersion, LearningSettings, PhaseMeasure, UpdateRecord

from .test_cli import call


def keep(version: int, accepted: bool = True) -> None:
    """Put an update into the default user's planner, as a round of learning does."""
    folder = Path(os.environ["NANORESEARCH_HOME"]) / "planners" / "default"
    measure = PhaseMeasure(
        phase="planning", topic="t", before={"ten_seeds": 0.1}, teacher={"ten_seeds": 0.9}, after={"ten_seeds": 0.8},
        drift=1.5, entropy=9.0, base_entropy=10.0,
    )  # fmt: skip
    record = UpdateRecord(
        version=version, parent=version - 1, accepted=accepted, reason="Learned.", feedback="ten seeds, please",
        model="m", model_sha256="0", settings=LearningSettings(), measures=(measure,), drift=1.5, entropy=0.9,
        losses=(3.0, 1.0), time="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    write_atomic(folder / "versions" / f"{version:04d}" / "update.json", record.model_dump_json())
    current = CurrentVersion(version=version, model_sha256="0")
    write_atomic(folder / "current.json", current.model_dump_json())


def test_history_needs_no_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("planner", "history") == 0
    assert "the base model" in capsys.readouterr().out
    keep(1)
    assert call("planner", "history", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["current"], found["updates"][0]["feedback"]) == (1, "ten seeds, please")


def test_report_draws_each_update_and_the_course(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call("planner", "report") == 2
    keep(1)
    keep(2)
    capsys.readouterr()
    assert call("planner", "report", "--out", str(tmp_path), "--json") == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert {Path(name).name for name in files} == {
        "version-1-planning.png",
        "version-2-planning.png",
        "drift-and-entropy.png",
    }
    assert all(Path(name).read_bytes().startswith(b"\x89PNG") for name in files)


def test_the_base_can_be_gone_back_to(capsys: pytest.CaptureFixture[str]) -> None:
    keep(1)
    assert call("planner", "rollback", "0") == 0
    capsys.readouterr()
    assert call("planner", "history", "--json") == 0
    assert json.loads(capsys.readouterr().out)["current"] == 0
    assert call("planner", "rollback", "9") == 1
    assert "There is no accepted version 9" in capsys.readouterr().err


def test_models_list_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("models", "list", "--json") == 0
    row = json.loads(capsys.readouterr().out)["models"][0]
    assert (row["model"], row["present"], row["licence"]) == ("smollm2-135m-instruct", False, "Apache-2.0")


@pytest.mark.parametrize("command", [["plan"], ["learn", "--feedback", "x"]])
def test_without_torch_planning_says_what_to_install(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nanoresearch.assemble.find_spec", lambda name: None)
    assert call("planner", *command, "--topic", "t", "--phase", "planning") == 1
    assert "nanoresearch[planner]" in capsys.readouterr().err
