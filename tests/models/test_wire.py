"""What an OpenAI-compatible server can do to us, over a real socket."""

from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, PromptedOutput

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import ModelError
from tests.models.conftest import Run
from tests.models.server import FakeServer, Got, Said, completion, problem


class Idea(BaseModel):
    title: str
    score: int


talk = Agent(instructions="Be brief.")
idea = Agent(output_type=Idea, instructions="Invent.", retries=2)


def test_a_reply_comes_back_and_is_counted(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [completion("hello")]
    answer = run.sit(config).ask("writer", talk, "hi", max_tokens=77)
    assert (answer.output, answer.tokens, answer.calls, answer.replayed) == ("hello", 120, 1, 0)
    assert answer.cost_usd == 0.0, "a server on this machine charges nothing"
    sent = server.got[0]
    assert sent.path == "/v1/chat/completions"
    assert (sent.body["model"], sent.body["max_tokens"]) == ("tiny", 77)
    assert "temperature" not in sent.body, "not every model takes one: it is sent when it is set"
    assert [item["role"] for item in sent.body["messages"]] == ["system", "user"]
    assert (run.cost.model_calls, run.cost.tokens, run.cost.models) == (1, 120, ("local:tiny",))


def test_each_role_has_its_own_model(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    own = {"model": "local:coder-7b", "temperature": 0.25, "max_tokens": 55}
    models = run.sit(ModelsConfig.model_validate(config.model_dump() | {"roles": {"coder": own}}))
    assert models.ask("coder", talk, "x").model == "local:coder-7b"
    models.ask("writer", talk, "x")
    first, second = (got.body for got in server.got)
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("coder-7b", 0.25, 55)
    assert (second["model"], second["max_tokens"]) == ("tiny", 8192)


def test_structured_output_and_its_correction(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [
        completion(tool=("final_result", {"title": "a"})),
        completion(tool=("final_result", {"title": "a", "score": 3})),
    ]
    answer = run.sit(config).ask("ideator", idea, "go")
    assert answer.output == Idea(title="a", score=3)
    assert answer.calls == 2
    assert "score" in str(server.got[1].body["messages"][-1]), "the model is told what was missing"


def test_a_tool_that_does_not_exist_is_told_back(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [
        completion(tool=("launch_rocket", {})),
        completion(tool=("final_result", {"title": "a", "score": 1})),
    ]
    assert run.sit(config).ask("ideator", idea, "go").output.score == 1
    assert "launch_rocket" in str(server.got[1].body["messages"][-1])


def test_json_with_prose_around_it_is_sent_back(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    agent = Agent(output_type=PromptedOutput(Idea), retries=2)
    server.script = [
        completion('{"title": "a", "score": 2} Hope this helps!'),
        completion('{"title": "a", "score": 2}'),
    ]
    assert run.sit(config).ask("ideator", agent, "go").output == Idea(title="a", score=2)


def test_replies_that_never_validate_end_in_one_clear_error(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [completion(tool=("final_result", {"title": 1}))]
    with pytest.raises(ModelError, match=r"local:tiny \(role ideator\) gave no reply of the kind") as raised:
        run.sit(config).ask("ideator", idea, "go")
    assert raised.value.__cause__ is None
    assert len(server.got) == 3
    assert run.cost.model_calls == 3, "useless replies are paid for too"
    run.close(raised.value)
    server.script = [completion(tool=("final_result", {"title": "a", "score": 1}))]
    later = run.sit(config)
    assert later.ask("ideator", idea, "go").output.score == 1, "a resumed run is not handed its failure again"
    assert later.spent.calls == 4


@pytest.mark.parametrize("text", ["Привет, мир. 你好，世界。", "x" * 200_000, "日本語" * 60_000])
def test_other_languages_and_long_replies_survive_the_journal(
    run: Run, server: FakeServer, config: ModelsConfig, text: str
) -> None:
    server.script = [completion(text), completion("never asked")]
    assert run.sit(config).ask("writer", talk, "hi").output == text
    again = run.sit(config).ask("writer", talk, "hi")
    assert again.output == text
    assert (again.calls, again.replayed, len(server.got)) == (0, 1, 1)


def test_a_refused_rate_is_waited_for_as_asked(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [problem(429, "slow down", Retry_After="7"), problem(429, "slow down"), completion("done")]
    assert run.sit(config).ask("writer", talk, "hi").output == "done"
    assert run.waited[0] == 7
    assert 2 <= run.waited[1] <= 2.2
    assert "limits the rate" in run.said("progress")[0]


def test_a_minute_of_refusals_is_outlasted(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [problem(429, "slow down")] * 6 + [completion("done")]
    assert run.sit(config).ask("writer", talk, "hi").output == "done"
    assert sum(run.waited) >= 60


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_server_that_keeps_failing_is_given_up(
    run: Run, server: FakeServer, config: ModelsConfig, status: int
) -> None:
    server.script = [problem(status, "boom")]
    with pytest.raises(ModelError, match=rf"local:tiny .*{server.url}\) is failing after 7 attempts"):
        run.sit(config).ask("writer", talk, "hi")
    assert len(server.got) == 7
    assert not run.entries


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (problem(401, "bad key"), "refused the key (401). Check that the environment variable LOCAL_API_KEY"),
        (problem(403, "no access"), "refused the key (403)"),
        (problem(404, "no such model"), "unknown to its server. Check the model's name and that models.base_url ends"),
        (problem(429, "pay first", "insufficient_quota"), "quota or credit is used up"),
        (problem(400, "too long", "context_length_exceeded"), "longer than the model can read"),
        (problem(400, "what is top_q?"), "rejected the request"),
        (problem(429, "tomorrow", Retry_After="86400"), "limits the rate"),
    ],
)
def test_what_waiting_cannot_mend_is_not_repeated(
    run: Run, server: FakeServer, config: ModelsConfig, said: Said, words: str
) -> None:
    server.script = [said]
    with pytest.raises(ModelError) as raised:
        run.sit(config).ask("writer", talk, "hi")
    assert words in str(raised.value)
    assert "local:tiny" in str(raised.value)
    assert len(server.got) == 1
    assert not run.waited


@pytest.mark.parametrize(
    "said",
    [
        Said("<html>nginx</html>"),
        Said("{broken"),
        Said({"hello": 1}),
        Said("ok", headers={"Content-Type": "text/plain"}),
    ],
)
def test_what_is_no_completion_is_named_as_such(run: Run, server: FakeServer, config: ModelsConfig, said: Said) -> None:
    server.script = [said]
    with pytest.raises(ModelError, match=r"something that is no reply after 3 attempts\..*OpenAI-compatible"):
        run.sit(config).ask("writer", talk, "hi")
    server.script = [said, completion("fine")]
    server.got.clear()
    assert run.sit(config).ask("writer", talk, "hi").output == "fine"


def test_a_server_that_hangs_is_given_up(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [Said(completion(), after_s=30)]
    with pytest.raises(ModelError, match=r"did not answer within 0\.2 s after 3 attempts\. Raise models\.timeout_s"):
        run.sit(config.model_copy(update={"timeout_s": 0.2})).ask("writer", talk, "hi")


def test_a_server_that_is_not_there(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.close()
    with pytest.raises(ModelError, match=r"cannot be reached after 3 attempts\. Is the server up"):
        run.sit(config).ask("writer", talk, "hi")


def test_a_reply_cut_off_is_asked_for_once_more_with_a_higher_limit(
    run: Run, server: FakeServer, config: ModelsConfig
) -> None:
    server.script = [completion("half of", finish="length"), completion("all of it")]
    assert run.sit(config).ask("writer", talk, "hi").output == "all of it"
    assert [got.body["max_tokens"] for got in server.got] == [8192, 16384]
    assert run.cost.model_calls == 2
    assert run.sit(config).ask("writer", talk, "hi").replayed == 2
    assert len(server.got) == 2


def test_a_reply_that_stays_cut_off_says_so(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [completion("half", finish="length")]
    with pytest.raises(ModelError, match="cut off at its limit of 16384 tokens") as raised:
        run.sit(config).ask("writer", talk, "hi")
    run.close(raised.value)
    assert len(server.got) == 2
    server.script = [completion("whole")]
    assert run.sit(config).ask("writer", talk, "hi").output == "whole"
    server.script = [completion("half", finish="length")]
    with pytest.raises(ModelError, match="cut off at its limit of 8192 tokens"):
        run.sit(config.model_copy(update={"longer_max_tokens": 0})).ask("writer", talk, "other")
    assert len(server.got) == 4


def test_usage_that_is_not_said_is_estimated(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    server.script = [completion("x" * 400, usage=False)]
    answer = run.sit(config).ask("writer", talk, "y" * 4000)
    assert 1100 <= answer.tokens <= 1400


def test_no_more_requests_at_once_than_configured(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    from nanoresearch.models.access import Ask

    def slow(got: Got) -> Any:
        return Said(completion(got.body["messages"][-1]["content"]), after_s=0.1)

    server.script = [slow]
    models = run.sit(config.model_copy(update={"concurrency": 2}))
    answers = models.ask_all([Ask("writer", talk, f"question {number}") for number in range(6)])
    assert [answer.output for answer in answers] == [f"question {number}" for number in range(6)]
    assert server.most_at_once == 2
