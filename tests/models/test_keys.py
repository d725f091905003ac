"""Keys come from the environment and go into the request's header: nowhere else, whatever a server echoes."""

import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from pydantic_ai import Agent

from nanoresearch.config import ModelsConfig, load_config
from nanoresearch.errors import ConfigError, ModelError
from nanoresearch.events import Events
from nanoresearch.models.journal import Journal, Key, Scope
from nanoresearch.models.providers import build_model
from nanoresearch.models.routing import HIDDEN, hide, route, secrets
from nanoresearch.schema.models import Call
from tests.models.conftest import Run
from tests.models.server import FakeServer, Said, completion, problem

KEY = "sk-planted-4f2a9c77d1e8"
OTHER = "sk-openai-never-sent-0011"
talk = Agent()


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", OTHER)


def everything(root: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in root.rglob("*") if path.is_file())


def ask(run: Run, config: ModelsConfig) -> tuple[str, list[BaseException | None]]:
    """What a user could see of a call that goes well or badly, and what hangs on its error."""
    try:
        answer = run.sit(config).ask("writer", talk, f"the log says LOCAL_API_KEY={KEY}")
    except ModelError as error:
        return "".join(traceback.format_exception(error)) + repr(error), [error.__cause__, error.__context__]
    return repr(answer), [None, None]


@pytest.mark.parametrize(
    "said",
    [
        completion(f"your key is {KEY}, isn't it"),
        completion(tool=("nothing", {"key": KEY})),
        problem(401, f"Incorrect API key provided: {KEY}"),
        problem(403, f"{KEY} may not"),
        problem(404, f"no model for {KEY}"),
        problem(400, "x" * 285 + KEY),
        problem(500, f"crash while reading Bearer {KEY}", Retry_After="1"),
        problem(429, f"{KEY} is too fast", KEY),
        Said(f"<html>Authorization: Bearer {KEY}</html>"),
        Said({"echo": KEY}),
        completion(KEY, finish="length"),
    ],
)
def test_no_key_is_written_or_said_anywhere(
    run: Run,
    server: FakeServer,
    config: ModelsConfig,
    said: Said,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = [said]
    shown, causes = ask(run, config)
    assert causes == [None, None], "the provider's error, which quotes what the server said, hangs on ours"
    assert server.got[0].headers["authorization"] == f"Bearer {KEY}"
    captured = capfd.readouterr()
    for place in (everything(run.folder.root), captured.out, captured.err, caplog.text, str(run.events), shown):
        assert "planted" not in place, "not even a part of it"
        assert OTHER not in place
    assert KEY not in str(server.got[0].body), "not even in a prompt that quotes it"


def test_a_key_in_a_reply_is_hidden_from_the_crew_too(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [completion(f"use {KEY} here")]
    assert run.sit(config).ask("writer", talk, "x").output == f"use {HIDDEN} here"
    assert run.sit(config).ask("writer", talk, "x").output == f"use {HIDDEN} here"


def test_the_journal_itself_writes_no_key(run: Run) -> None:
    key = Key("hash", Scope("ideation", "step"), 1)
    call = Call(
        request_hash="hash",
        phase="ideation",
        step="step",
        lane=0,
        number=1,
        role="writer",
        model="m:x",
        request={"messages": KEY},
        response={},
        response_hash="",
        input_tokens=1,
        output_tokens=1,
        cost_usd=None,
        seconds=0,
        time="",
    )
    Journal(run.folder, Events(), secrets).keep(key, call)
    assert HIDDEN in run.folder.path(key.file).read_text()
    assert "planted" not in everything(run.folder.root)


def test_the_openai_key_is_never_sent_to_another_server(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_API_KEY")
    run.sit(config).ask("writer", talk, "x")
    assert OTHER not in str(server.got)


def test_a_role_can_name_its_own_variable(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_KEY", "another-key-123")
    run.sit(ModelsConfig.model_validate(config.model_dump() | {"key_env": "VLLM_KEY"})).ask("writer", talk, "x")
    assert server.got[0].headers["authorization"] == "Bearer another-key-123"


@pytest.mark.parametrize("url", [f"http://me:{KEY}@host/v1", f"http://host/v1?key={KEY}", f"http://host/#{KEY}"])
def test_an_address_with_a_key_in_it_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"models\.base_url: .*key_env") as raised:
        load_config(tmp_path / "c.toml", (f"models.base_url={url}",))
    assert KEY not in str(raised.value)


def test_a_key_in_the_configuration_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key models\.api_key") as raised:
        load_config(tmp_path / "c.toml", (f"models.api_key={KEY}",))
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("openai:gpt-5", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("google-gla:gemini-2.5-pro", "GOOGLE_API_KEY or GEMINI_API_KEY"),
    ],
)
def test_a_missing_key_is_named(model: str, names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ModelError, match=f"needs a key: set the environment variable {names}"):
        build_model(route(ModelsConfig(default=model), "coder"))


def test_only_what_looks_like_a_key_is_hidden() -> None:
    environment = {"MY_API_KEY": "abcdefgh12", "SHORT_KEY": "none", "HOME": "/root/somewhere", "CI_TOKEN": "abcdefgh"}
    assert secrets(environment=environment) == ("abcdefgh12", "abcdefgh")
    assert hide("x abcdefgh12 none /root/somewhere", secrets(environment=environment)) == (
        f"x {HIDDEN} none /root/somewhere"
    )


def test_the_command_line_says_that_a_key_is_there_and_not_what_it_is(tmp_path: Path) -> None:
    arguments = ["models", "list", "--json", "--set", "models.default=openai:gpt-5"]
    code = f"from nanoresearch.cli.main import main; main({arguments!r})"
    home = {"NANORESEARCH_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | home, check=False
    )
    assert "key in OPENAI_API_KEY" in done.stdout
    assert OTHER not in done.stdout + done.stderr
