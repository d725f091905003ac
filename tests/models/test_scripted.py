"""Scripts stand in for models, fail loudly, and are never taken for one."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import ModelResponse, TextPart

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import ModelError
from nanoresearch.models.prompts import lay_out, text_of
from nanoresearch.models.scripted import ToolCall, read_script
from tests.models.conftest import Run


class Idea(BaseModel):
    title: str


talk = Agent(instructions="Be brief.")


def test_every_kind_of_reply(run: Run) -> None:
    agent = Agent(output_type=Idea)
    replies: list[Any] = [
        "text",
        Idea(title="record"),
        {"title": "values"},
        ToolCall("final_result", {"title": "call"}),
        ModelResponse(parts=[TextPart("whole")]),
    ]
    models = run.sit(scripts={"ideator": replies})
    assert models.ask("ideator", talk, "a").output == "text"
    assert [models.ask("ideator", agent, name).output.title for name in "bcd"] == ["record", "values", "call"]
    assert models.ask("ideator", talk, "e").output == "whole"


def test_a_script_records_what_it_was_asked(run: Run) -> None:
    models = run.sit(scripts={"ideator": ["a"], "critic": ["b"]})
    models.ask("ideator", talk, lay_out(constant="the survey", changing="the question"), max_tokens=9, temperature=0.5)
    (asked,) = models.script("ideator").asked
    assert all(words in asked.text for words in ("Be brief.", "the survey", "the question"))
    assert asked.info.model_settings is not None
    assert asked.info.model_settings.get("max_tokens") == 9
    assert asked.info.model_settings.get("temperature") == 0.5
    assert models.script("critic").asked == []


def test_a_script_that_runs_out_fails_loudly(run: Run) -> None:
    models = run.sit(scripts={"ideator": ["a"]})
    models.ask("ideator", talk, "x")
    with pytest.raises(ModelError, match="has run out: the role ideator asks for reply number 2, and there are 1"):
        models.ask("ideator", talk, "y")


def test_a_script_goes_on_where_it_stopped(run: Run) -> None:
    script = {"ideator": ["one", "two", "three"]}
    run.sit(scripts=script).ask("ideator", talk, "x")
    models = run.sit(scripts=script)
    assert models.ask("ideator", talk, "x").output == "one"
    assert models.ask("ideator", talk, "y").output == "two"


def test_a_validator_sends_a_script_back(run: Run) -> None:
    agent = Agent(output_type=Idea, retries=2)

    @agent.output_validator
    def no_short_titles(idea: Idea) -> Idea:
        if len(idea.title) < 4:
            raise ModelRetry("The title is too short.")
        return idea

    models = run.sit(scripts={"ideator": [{"title": "x"}, {"title": "longer"}]})
    assert models.ask("ideator", agent, "go").output.title == "longer"
    assert "too short" in str(models.script("ideator").asked[1].messages[-1])


def test_a_script_file_plays_several_roles_and_is_named_everywhere(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    tools = [{"name": "final_result", "args": {"title": "t"}}]
    path.write_text(
        json.dumps({"roles": {"ideator": [{"output": {"title": "t"}}, {"tools": tools}], "writer": [{"text": "w"}]}})
    )
    models = run.sit(ModelsConfig(default=f"scripted:{path}"))
    assert models.scripted
    answer = models.ask("ideator", Agent(output_type=Idea), "a")
    assert (answer.output.title, answer.model) == ("t", f"scripted:{path}")
    assert models.ask("ideator", Agent(output_type=Idea), "b").output.title == "t"
    assert models.ask("writer", talk, "c").output == "w"
    assert run.cost.models == (f"scripted:{path}",)
    assert all("scripted:" in entry.read_text() for entry in run.entries)
    with pytest.raises(ModelError, match="has run out: the role judge"):
        models.ask("judge", talk, "d")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not one"),
        ('{"roles": {"cook": []}}', "roles.cook"),
        ('{"roles": {"writer": [{"text": "a", "output": {}}]}}', "exactly one of text, output, tools"),
        ('{"roles": {"writer": [{"txt": "a"}]}}', "Extra inputs"),
    ],
)
def test_a_script_file_that_is_none_says_why(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "demo.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"demo\.json") as raised:
        read_script(path)
    assert words in str(raised.value)
    with pytest.raises(ModelError, match="cannot be read"):
        read_script(tmp_path / "none.json")


def test_a_real_model_is_never_taken_for_a_script(run: Run) -> None:
    models = run.sit(ModelsConfig(default="local:x", base_url="http://127.0.0.1:1/v1"))
    assert not models.scripted
    with pytest.raises(ModelError, match=r"played by local:x, not by a script"):
        models.script("writer")


def test_what_stays_the_same_comes_first() -> None:
    one, two = (lay_out(constant="the survey", changing=question) for question in ("first?", "second?"))
    assert not isinstance(one, str)
    assert one[:2] == two[:2]
    assert text_of(one) == "the survey\n\nfirst?"
    assert lay_out(changing="only this") == "only this"
