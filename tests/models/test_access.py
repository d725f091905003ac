"""The facade: several asks at once, conversations, failures and Ctrl-C."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import ModelError
from nanoresearch.events import Event
from nanoresearch.models.access import Ask
from nanoresearch.models.routing import ROLES, Route, routes
from nanoresearch.models.scripted import ToolCall
from tests.models.conftest import Run
from tests.models.server import FakeServer, Got, Said, completion, problem

talk = Agent()


def test_answers_keep_the_order_of_the_asks(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    def reply(got: Got) -> Any:
        text = got.body["messages"][-1]["content"]
        return Said(completion(text), after_s=0.15 if text == "slow" else 0)

    server.script = [reply]
    answers = run.sit(config).ask_all([Ask("writer", talk, text) for text in ("slow", "fast", "faster")])
    assert [answer.output for answer in answers] == ["slow", "fast", "faster"]
    assert server.most_at_once > 1


def test_a_limit_of_one_asks_in_turn(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [Said(completion(), after_s=0.03)]
    run.sit(config).ask_all([Ask("writer", talk, text) for text in "abc"], limit=1)
    assert server.most_at_once == 1


def test_after_a_failure_nothing_new_is_sent_and_what_was_sent_is_kept(
    run: Run, server: FakeServer, config: ModelsConfig
) -> None:
    def reply(got: Got) -> Any:
        bad = got.body["messages"][-1]["content"] == "bad"
        return problem(400, "no") if bad else Said(completion("fine"), after_s=0.3)

    server.script = [reply]
    models = run.sit(config.model_copy(update={"concurrency": 2}))
    with pytest.raises(ModelError, match="rejected the request"):
        models.ask_all([Ask("writer", talk, text) for text in ("good", "bad", "later", "latest")])
    assert len(server.got) == 2
    assert len(run.entries) == 1
    assert run.sit(config).ask("writer", talk, "good").replayed == 1


def test_a_conversation_goes_on(run: Run) -> None:
    models = run.sit(scripts={"writer": ["first", "second"]})
    opening = models.ask("writer", talk, "a")
    answer = models.ask("writer", talk, "b", history=opening.messages)
    assert answer.output == "second"
    assert len(models.script("writer").asked[1].messages) == 3
    again = run.sit(scripts={"writer": []})
    first = again.ask("writer", talk, "a")
    assert again.ask("writer", talk, "b", history=first.messages).output == "second"


def test_an_agent_that_never_ends_is_stopped(run: Run) -> None:
    agent = Agent()

    @agent.tool_plain
    def look() -> str:
        return "nothing"

    models = run.sit(scripts={"surveyor": lambda messages, info: ToolCall("look")})
    with pytest.raises(ModelError, match="came to no end within 4 requests"):
        models.ask("surveyor", agent, "go", requests=4)
    assert run.cost.model_calls == 4


def test_an_error_in_a_tool_is_not_disguised(run: Run) -> None:
    agent = Agent()

    @agent.tool_plain
    def broken() -> str:
        raise ZeroDivisionError("ours")

    models = run.sit(scripts={"surveyor": [ToolCall("broken")]})
    with pytest.raises(ZeroDivisionError, match="ours"):
        models.ask("surveyor", agent, "go")


def test_no_model_configured_says_what_to_set(run: Run) -> None:
    with pytest.raises(ModelError, match=r"Set models\.default"):
        run.sit(ModelsConfig()).ask("writer", talk, "x")
    with pytest.raises(ModelError, match=r"set models\.base_url"):
        run.sit(ModelsConfig(default="local:x")).ask("writer", talk, "x")
    with pytest.raises(ModelError, match="Unknown model: nowhere:x"):
        run.sit(ModelsConfig(default="nowhere:x")).ask("writer", talk, "x")


def test_routes_name_every_role_and_fall_back_on_the_default() -> None:
    own = {"coder": "anthropic:claude-x", "judge": {"temperature": 0}}
    found = routes(ModelsConfig.model_validate({"default": "openai:gpt-5", "temperature": 1, "roles": own}))
    assert set(found) == set(ROLES)
    ways = {role: way for role, way in found.items() if isinstance(way, Route)}
    assert ways["coder"].model == "anthropic:claude-x"
    assert (ways["judge"].model, ways["judge"].temperature, ways["writer"].temperature) == ("openai:gpt-5", 0, 1)


def test_ctrl_c_cancels_at_once_and_keeps_what_was_paid(
    run: Run, server: FakeServer, config: ModelsConfig, tmp_path: Path
) -> None:
    server.script = [completion("quick"), Said(completion(), after_s=60)]
    code = f"""
        import sys
        from pathlib import Path
        from pydantic_ai import Agent
        from nanoresearch.config import ModelsConfig
        from nanoresearch.events import Events
        from nanoresearch.models.access import Ask, Models
        from nanoresearch.paths import RunFolder
        from nanoresearch.runlog import RunLog
        folder = RunFolder(Path({str(run.folder.root)!r}))
        config = ModelsConfig(default="local:tiny", base_url={server.url!r})
        with Models(config, folder, Events(), RunLog(folder, Events())) as models:
            models.ask("writer", Agent(), "quick")
            try:
                models.ask_all([Ask("writer", Agent(), "slow"), Ask("writer", Agent(), "slow")])
            except KeyboardInterrupt:
                print("stopped")
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while len(server.got) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (out.strip(), err, child.returncode) == ("stopped", "", 0)
    assert len(run.entries) == 1


def test_stopped_in_the_middle_no_thread_keeps_the_process_from_ending(run: Run) -> None:
    class Impatient(list[Event]):
        """Whoever watches presses Ctrl-C as soon as anything is told."""

        def append(self, event: Event) -> None:
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    run.events = Impatient()
    models = run.sit(scripts={"ideator": lambda messages, info: "there"})
    with pytest.raises(KeyboardInterrupt):
        models.ask("ideator", Agent(), "x")
    with suppress(KeyboardInterrupt):
        run.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
        assert not thread.is_alive()
