"""The commands on memories."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from nanoresearch.experience.store import ExperienceStore
from nanoresearch.paths import Home
from nanoresearch.schema.experience import Memory
from tests.cli.test_cli import call

REFUTED = Memory(
    id="class-weights-did-not-help",
    kind="hypothesis",
    profile="default",
    project="f" * 64,
    run="20260102-120000-topic",
    text="Class weights did not improve the balanced accuracy of logistic regression.",
    conditions={"dataset": ("penguins", "iris"), "metric": ("balanced accuracy",)},
    outcome="refuted",
    facts={"component": "class-weights"},
    tags=("imbalance",),
)
EXPIRED = Memory(
    id="memory-ran-out",
    kind="resource",
    profile="ada",
    project="e" * 64,
    run="20260103-120000-topic",
    text="Memory ran out at 8 GB.",
    conditions={"hardware": ("laptop",)},
    outcome="failed",
    expires="2020-01-01T00:00:00+00:00",
)


@pytest.fixture
def home() -> Home:
    """A home with a current memory, one that it superseded, and an expired one."""
    found = Home(Path(os.environ["NANORESEARCH_HOME"]))
    with ExperienceStore(found.experience) as store:
        store.put_memory(REFUTED.model_copy(update={"id": "class-weights-helped", "outcome": "supported"}))
        store.put_memory(REFUTED)
        store.put_memory(EXPIRED)
    return found


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """State by name of what a list command gives."""
    assert call("memory", "list", *arguments, "--json") == 0
    return {row["id"]: row["state"] for row in json.loads(capsys.readouterr().out)["memories"]}


def test_no_memories_say_where_they_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("memory", "list") == 0
    assert "nanoresearch run" in capsys.readouterr().out
    assert call("memory", "forget", "any", "--yes") == 2
    assert not Home.find().experience.exists()


def test_the_list_has_what_is_current_and_with_all_the_rest(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == {REFUTED.id: "current"}
    assert listed(capsys, "--all") == {
        REFUTED.id: "current",
        "class-weights-helped": f"superseded by {REFUTED.id}",
        EXPIRED.id: "expired",
    }
    assert listed(capsys, "--all", "--profile", "ada") == {EXPIRED.id: "expired"}
    assert listed(capsys, "--kind", "resource") == {}
    assert call("memory", "list", "--all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["kind", "outcome", "of", "state", "date", "name"]
    assert all(len(line) <= 80 for line in lines)
    assert call("memory", "list", "--profile", "nobody") == 0
    assert "3 in all" in capsys.readouterr().out


def test_show_tells_conditions_facts_and_history(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("memory", "show", REFUTED.id) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for words in (
        REFUTED.text,
        "where dataset penguins or iris",
        '{"component": "class-weights"}',
        "profile default, project ffffffffffff",
        "state current",
        "created in 20260102-120000-topic",
    ):
        assert words in printed
    assert call("memory", "show", "class-weights-helped", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["state"] == f"superseded by {REFUTED.id}"
    assert [entry["event"] for entry in shown["history"]] == ["created", "superseded"]
    assert call("memory", "show", "class-weights") == 2
    assert "Give more of the name" in capsys.readouterr().err


def test_forgetting_is_asked_about_and_is_for_good(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("memory", "forget", EXPIRED.id) == 2
    assert "add --yes" in capsys.readouterr().err
    assert call("memory", "forget", "memory-ran", "--yes") == 2
    assert "whole name" in capsys.readouterr().err
    monkeypatch.setattr("nanoresearch.cli.memory._interactive", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert call("memory", "forget", "memory-ran") == 0
    assert "It stays" in capsys.readouterr().out
    assert EXPIRED.id in listed(capsys, "--all")
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    assert call("memory", "forget", "memory-ran") == 0
    assert call("memory", "forget", REFUTED.id, "--yes", "--json") == 0
    capsys.readouterr()
    assert list(listed(capsys, "--all")) == ["class-weights-helped"]


def test_export_writes_all_of_them_once(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "memories.json"
    assert call("memory", "export", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out)["memories"] == 3
    found = {item["id"]: item for item in json.loads(file.read_text())["memories"]}
    assert Memory.model_validate(found[REFUTED.id]).facts == REFUTED.facts
    assert call("memory", "export", str(file)) == 2
    assert "--force" in capsys.readouterr().err
    assert call("memory", "export", str(file), "--force", "--profile", "ada") == 0
    assert len(json.loads(file.read_text())["memories"]) == 1
    assert call("memory", "export", str(tmp_path)) == 2


def test_an_unreadable_memory_is_told_and_hides_nothing(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(home.experience) as connection:
        connection.execute("UPDATE memories SET record = '{}' WHERE id = ?", (EXPIRED.id,))
    connection.close()
    assert call("memory", "list") == 0
    captured = capsys.readouterr()
    assert REFUTED.id in captured.out
    assert EXPIRED.id in captured.err
