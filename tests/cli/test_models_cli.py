"""models list: who plays which role, with which key, and whether they reply."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import call


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, Any]]:
    assert call("models", "list", "--json", *arguments) == 0
    return {row["role"]: row for row in json.loads(capsys.readouterr().out)["models"]}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "LOCAL_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_configuration_nothing_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("models") == 0
    out = capsys.readouterr().out
    assert "smollm2-135m-instruct" in out
    assert "writer     none" in out
    assert "The builtin crew needs none" in out


def test_roles_models_and_keys_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-never-shown-1234")
    overrides = ("--set", "models.default=openai:gpt-5", "--set", "models.roles.coder=anthropic:claude-x")
    found = rows(capsys, *overrides)
    assert found["writer"]["model"] == "openai:gpt-5"
    assert found["writer"]["key"] == "key missing: set OPENAI_API_KEY"
    assert found["coder"]["key"] == "key in ANTHROPIC_API_KEY"
    assert "sk-never" not in json.dumps(found)
    assert "reachable" not in found["writer"]


def test_an_address_that_is_missing_is_a_problem_of_its_role(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, "--set", "models.roles.critic=local:tiny")
    assert "set models.base_url" in found["critic"]["problem"]


def test_check_asks_each_model_once(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pydantic_ai")
    from tests.models.server import FakeServer

    server = FakeServer()
    overrides = [f"models.base_url={server.url}", "models.default=local:tiny", "models.roles.coder=openai:gpt-5"]
    arguments = [part for override in overrides for part in ("--set", override)]
    found = rows(capsys, "--check", *arguments)
    server.close()
    assert found["writer"]["reachable"] is True
    assert len(server.got) == 1, "eleven roles share a model"
    assert found["coder"]["reachable"] is False
    assert "needs a key" in found["coder"]["said"]
    assert call("models", "list", "--check", *arguments) == 0
    out = capsys.readouterr().out
    assert "NOT REACHABLE" in out
    assert "cannot be reached" in out, "the server has gone meanwhile"


def test_without_the_libraries_check_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'pydantic_ai' else real(name, *rest)\n"
        "from nanoresearch.cli.main import main\nmain(['models', 'list', '--check'])"
    )
    environment = os.environ | {"NANORESEARCH_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert "pip install 'nanoresearch[llm]'" in done.stderr
