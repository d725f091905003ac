"""What was paid for is never paid for again, and nothing else is taken for it."""

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import ModelError
from nanoresearch.events import Events
from nanoresearch.models.access import Ask
from nanoresearch.models.journal import Journal, Scope, describe_request, digest
from nanoresearch.models.scripted import ToolCall
from nanoresearch.schema.models import Call
from tests.models.conftest import Run


class Found(BaseModel):
    words: str


talk = Agent(instructions="Be brief.")


def searcher() -> Agent[Any, Found]:
    agent = Agent(output_type=Found, instructions="Search.")

    @agent.tool_plain
    def search(query: str) -> str:
        return f"papers on {query}"

    return agent


def numbered(limit: int = 99) -> Any:
    """A model that never says the same twice, and dies after so many replies."""
    count = iter(range(limit))

    def reply(messages: Any, info: Any) -> str:
        number = next(count, None)
        if number is None:
            raise RuntimeError("killed")
        return f"reply {number}"

    return reply


def test_a_conversation_with_tools_is_replayed_in_a_new_sitting(run: Run) -> None:
    script = [ToolCall("search", {"query": "trees"}), {"words": "many"}]
    first = run.sit(scripts={"surveyor": script}).ask("surveyor", searcher(), "go")
    again = run.sit(scripts={"surveyor": []}).ask("surveyor", searcher(), "go")
    assert first.output == again.output == Found(words="many")
    assert (first.calls, first.replayed, again.calls, again.replayed) == (2, 0, 0, 2)
    assert run.cost.model_calls == 2
    assert len(run.entries) == 2


def test_asking_the_same_thing_again_asks_again_and_replays_in_order(run: Run) -> None:
    def sit() -> list[str]:
        models = run.sit(scripts={"ideator": numbered()})
        return [models.ask("ideator", talk, "an idea, please").output for _ in range(3)]

    assert sit() == ["reply 0", "reply 1", "reply 2"]
    assert sit() == ["reply 0", "reply 1", "reply 2"]
    assert len(run.entries) == 3


def test_a_killed_sitting_is_taken_up_without_paying_twice(run: Run) -> None:
    models = run.sit(scripts={"ideator": numbered(2)})
    models.ask("ideator", talk, "an idea")
    models.ask("ideator", talk, "an idea")
    with pytest.raises(RuntimeError, match="killed"):
        models.ask("ideator", talk, "an idea")
    later = run.sit(scripts={"ideator": lambda messages, info: "a new reply"})
    assert [later.ask("ideator", talk, "an idea").output for _ in range(3)] == ["reply 0", "reply 1", "a new reply"]
    assert run.cost.model_calls == 3


def test_a_step_that_is_not_done_again_takes_no_reply_from_another(run: Run) -> None:
    models = run.sit(scripts={"critic": numbered()})
    said = {}
    for step in ("draft 1", "draft 2"):
        run.log.step(step)
        said[step] = models.ask("critic", talk, "what is wrong?").output
    assert said == {"draft 1": "reply 0", "draft 2": "reply 1"}
    resumed = run.sit(scripts={"critic": numbered(0)})
    run.log.step("draft 2")  # draft 1 was finished: it is read from its record
    assert resumed.ask("critic", talk, "what is wrong?").output == "reply 1"


def test_equal_asks_at_once_are_told_apart_and_keep_their_places(run: Run) -> None:
    asks = [Ask("ideator", talk, "same"), Ask("ideator", talk, "other"), Ask("ideator", talk, "same")]
    first = [answer.output for answer in run.sit(scripts={"ideator": numbered()}).ask_all(asks)]
    assert len(set(first)) == 3
    again = run.sit(scripts={"ideator": numbered(0)}).ask_all(asks)
    assert [answer.output for answer in again] == first
    turned = run.sit(scripts={"ideator": numbered(0)}).ask_all([asks[1], asks[0], asks[2]])
    assert [answer.output for answer in turned] == [first[1], first[0], first[2]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("reply 0", "reply 9"),
        lambda text: "",
        lambda text: "{}",
    ],
)
def test_a_damaged_entry_is_told_and_asked_again(run: Run, damage: Any) -> None:
    run.sit(scripts={"ideator": numbered()}).ask("ideator", talk, "x")
    (entry,) = run.entries
    entry.write_text(damage(entry.read_text()))
    models = run.sit(scripts={"ideator": lambda messages, info: "asked anew"})
    assert models.ask("ideator", talk, "x").output == "asked anew"
    (warning,) = run.said("warning")
    assert "is damaged" in warning
    assert str(entry) in warning
    assert entry.with_suffix(".damaged").exists()
    assert run.sit(scripts={"ideator": numbered(0)}).ask("ideator", talk, "x").output == "asked anew"


def test_an_entry_moved_to_another_place_is_not_believed(run: Run) -> None:
    models = run.sit(scripts={"ideator": numbered()})
    models.ask("ideator", talk, "x")
    (first,) = run.entries
    models.ask("ideator", talk, "y")
    second = next(path for path in run.entries if path != first)
    second.write_bytes(first.read_bytes())
    assert run.sit(scripts={"ideator": lambda messages, info: "fresh"}).ask("ideator", talk, "y").output == "fresh"


def test_an_entry_says_what_was_asked_and_what_it_cost(run: Run) -> None:
    models = run.sit(scripts={"ideator": ["an idea"]})
    run.log.step("hypotheses")
    models.ask("ideator", talk, "think of trees")
    call = Call.model_validate_json(run.entries[0].read_bytes())
    assert (call.role, call.model, call.phase, call.step, call.number) == (
        "ideator",
        "scripted:test",
        "ideation",
        "hypotheses",
        1,
    )
    assert call.request["messages"][0]["parts"][0]["content"] == "think of trees"
    assert call.request["messages"][0]["instructions"] == "Be brief."
    assert call.input_tokens > 0
    assert call.cost_usd == 0.0


def messages(call_id: str = "a", year: int = 2026) -> list[Any]:
    from datetime import UTC, datetime

    time = datetime(year, 1, 1, tzinfo=UTC)
    return [
        ModelRequest(
            parts=[UserPromptPart("go", timestamp=time)], timestamp=time, run_id=call_id, conversation_id=call_id
        ),
        ModelResponse(
            parts=[ToolCallPart("search", {"id": 5, "timestamp": "t"}, tool_call_id=call_id)],
            timestamp=time,
            provider_response_id=call_id,
        ),
        ModelRequest(parts=[ToolReturnPart("search", "none", tool_call_id=call_id, timestamp=time)]),
    ]


def described(history: Any = None, model: str = "m:x", settings: Any = None, role: Any = "coder") -> str:
    return digest(describe_request(role, model, history or messages(), settings, ModelRequestParameters()))


def test_times_and_generated_ids_do_not_count_and_all_else_does() -> None:
    base = described()
    assert described(messages("b", 2031)) == base
    assert described(settings=ModelSettings(timeout=3, max_retries=2, extra_headers={"Authorization": "k"})) == base
    changed = messages()
    changed[1].parts[0].args["timestamp"] = "other"  # the model's own words may be called like our noise
    for other in (
        described(model="m:y"),
        described(role="critic"),
        described(settings=ModelSettings(temperature=0.1)),
        described(settings=ModelSettings(max_tokens=1)),
        described(messages()[:2]),
        described(changed),
    ):
        assert other != base


def test_the_hash_is_the_same_in_another_process() -> None:
    code = "from tests.models.test_journal import described; print(described())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == described()


def test_tools_and_output_schema_are_part_of_the_question(run: Run) -> None:
    class Other(BaseModel):
        words: str
        more: str = ""

    script = [{"words": "a"}]
    run.sit(scripts={"coder": script}).ask("coder", Agent(output_type=Found), "x")
    models = run.sit(scripts={"coder": [*script, {"words": "b"}]})
    assert models.ask("coder", Agent(output_type=Other), "x").output.words == "b"


def test_a_setting_changed_in_between_asks_anew(run: Run) -> None:
    run.sit(ModelsConfig(), {"coder": ["a"]}).ask("coder", talk, "x")
    warm = run.sit(ModelsConfig(temperature=1.0), {"coder": ["a", "b"]})
    assert warm.ask("coder", talk, "x").output == "b"


def test_a_full_disk_stops_the_run_with_a_reason(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    models = run.sit(scripts={"coder": ["a"]})
    run.folder.path("calls").write_text("a file where a folder should be")
    from nanoresearch.errors import NanoResearchError

    with pytest.raises(NanoResearchError, match="Cannot write"):
        models.ask("coder", talk, "x")


def test_a_failed_call_leaves_no_entry(run: Run) -> None:
    with pytest.raises(ModelError):
        run.sit(scripts={"coder": [ModelError("down")]}).ask("coder", talk, "x")
    assert not run.entries
    assert run.log.record.phases == {}


def test_an_entry_is_json_with_readable_letters(run: Run) -> None:
    run.sit(scripts={"coder": ["日本"]}).ask("coder", talk, "x")
    text = run.entries[0].read_text(encoding="utf-8")
    assert "日本" in text
    assert json.loads(text)["response"]["parts"][0]["content"] == "日本"


def strict() -> Agent[Any, str]:
    """An agent that accepts one word only."""
    agent = Agent(output_type=str, retries=1)

    @agent.output_validator
    def right(said: str) -> str:
        if said != "right":
            raise ModelRetry("Say right.")
        return said

    return agent


def test_a_role_that_goes_on_without_a_reply_does_so_again_when_resumed(run: Run) -> None:
    def sit(replies: list[Any]) -> tuple[bool, str]:
        """A step whose first ask comes to nothing, and whose second does not need it."""
        models = run.sit(scripts={"writer": lambda messages, info: replies.pop(0)})
        try:
            models.ask("writer", strict(), "a section")
            failed = False
        except ModelError:
            failed = True
        return failed, models.ask("writer", strict(), "another section").output

    assert sit(["wrong", "wrong again", "right"]) == (True, "right")
    run.close()  # killed or stopped: the failure did not end it
    assert sit([]) == (True, "right")
    assert run.cost.model_calls == 3


def test_a_failure_that_ends_a_run_is_begun_anew_also_behind_another(run: Run) -> None:
    def sit(replies: list[Any]) -> list[str]:
        models = run.sit(scripts={"writer": lambda messages, info: replies.pop(0)})
        asks = [Ask("writer", strict(), f"section {number}") for number in range(2)]
        return [answer.output for answer in models.ask_all(asks)]

    with pytest.raises(ModelError) as raised:
        sit(["wrong"] * 4)
    outer = ModelError("the paper cannot be written")
    outer.__cause__ = raised.value
    run.close(outer)
    assert sit(["right", "right"]) == ["right", "right"]


def test_a_call_on_its_way_when_the_process_is_killed_is_counted(run: Run) -> None:
    def die(messages: Any, info: Any) -> str:
        raise Killed

    for number in (1, 2):
        with pytest.raises(Killed):
            run.sit(scripts={"ideator": die}).ask("ideator", talk, "x")
        models = run.sit(scripts={"ideator": []})
        assert run.cost.lost_calls == number
    assert len(run.said("warning")) == 2
    assert "on their way when the process ended" in run.said("warning")[0]
    models = run.sit(scripts={"ideator": lambda messages, info: "there"})
    assert models.ask("ideator", talk, "x").output == "there"
    assert not list(run.folder.path("calls").glob("*.sent"))
    run.sit(scripts={"ideator": []})
    assert (run.cost.lost_calls, run.cost.model_calls, len(run.said("warning"))) == (2, 1, 2)


def test_a_kill_just_after_a_reply_was_kept_loses_nothing(run: Run) -> None:
    run.sit(scripts={"ideator": ["there"]}).ask("ideator", talk, "x")
    (entry,) = run.entries
    note = entry.with_suffix(".sent")
    note.write_text('{"phase": "ideation", "role": "ideator", "model": "scripted:test"}')
    assert run.sit(scripts={"ideator": []}).ask("ideator", talk, "x").output == "there"
    assert run.cost.lost_calls == 0
    assert not note.exists()


class Killed(BaseException):
    """As good as kill -9: no handler of ours is meant for it."""


def lose_a_call(run: Run, config: ModelsConfig | None = None, question: str = "x") -> None:
    """A sitting that is killed while a request is on its way."""

    def die(messages: Any, info: Any) -> str:
        raise Killed

    with pytest.raises(Killed):
        run.sit(config, {"ideator": die}).ask("ideator", talk, question)


@pytest.mark.parametrize("damage", [b"", b'{"phase": "ideat', b"\x00\xff\xfe\x80", b"{}"])
@pytest.mark.parametrize("suffix", ["sent", "lost"])
def test_a_damaged_note_is_told_and_counts_as_a_call_of_which_nothing_is_known(
    run: Run, damage: bytes, suffix: str
) -> None:
    lose_a_call(run)
    (note,) = run.folder.path("calls").glob("*.sent")
    if suffix == "lost":
        note = note.replace(note.with_suffix(".1.lost"))
    note.write_bytes(damage)
    models = run.sit(scripts={"ideator": ["there"]})
    damaged, lost = run.said("warning")
    assert "is damaged" in damaged
    assert "1 call(s) of a language model in a phase that is not known" in lost
    unknown = run.log.record.phases["unknown"]
    assert (unknown.lost_calls, unknown.model_calls, unknown.tokens, unknown.cost_usd) == (1, 0, 0, 0)
    assert (unknown.lost_tokens_estimate, unknown.lost_cost_usd_estimate, unknown.lost_priced_calls) == (0, 0, 0)
    (aside,) = run.folder.path("calls").iterdir()
    assert aside.suffix == ".damaged"
    assert aside.read_bytes() == damage
    assert models.ask("ideator", talk, "x").output == "there"
    run.sit(scripts={"ideator": []})
    assert (run.log.record.phases["unknown"].lost_calls, len(run.said("warning"))) == (1, 2), "told and counted once"


def test_damaged_notes_of_one_request_take_no_other_ones_place(run: Run) -> None:
    for number in (1, 2, 3):
        lose_a_call(run)
        (note,) = run.folder.path("calls").glob("*.sent")
        note.write_text(f"{number}")
    run.sit(scripts={"ideator": []})
    asides = sorted(run.folder.path("calls").glob("*.damaged"))
    assert sorted(path.read_text() for path in asides) == ["1", "2", "3"]
    assert run.log.record.phases["unknown"].lost_calls == 3


def test_a_note_that_is_damaged_after_it_was_counted_is_not_counted_again(run: Run) -> None:
    lose_a_call(run)
    run.sit(scripts={"ideator": []})
    assert run.cost.lost_calls == 1
    (note,) = run.folder.path("calls").glob("*.lost")
    note.write_text("")

    def counted() -> int:
        run.sit(scripts={"ideator": []})
        return sum(cost.lost_calls for cost in run.log.record.phases.values())

    assert counted() == counted() == 1
    lose_a_call(run, question="another")
    assert counted() == counted() == 2


def test_useless_replies_of_several_sittings_to_one_request_are_all_kept(run: Run) -> None:
    def sit(replies: list[Any]) -> None:
        with pytest.raises(ModelError) as raised:
            run.sit(scripts={"writer": lambda messages, info: replies.pop(0)}).ask("writer", strict(), "a section")
        run.close(raised.value)

    for sitting in range(3):
        sit(["wrong", f"wrong {sitting}"])
    folder = run.folder.path("calls")
    assert (len(list(folder.glob("*.useless"))), len(run.entries)) == (6, 0)
    kept = Journal(run.folder, Events()).calls()
    said = sorted(call.response["parts"][0]["content"] for call in kept)
    assert said == ["wrong"] * 3 + ["wrong 0", "wrong 1", "wrong 2"]
    assert run.cost.model_calls == 6
    run.folder.save("run.json", run.log.record.model_copy(update={"phases": {}}))
    run.sit(scripts={"writer": []})
    assert run.cost.model_calls == 6, "the accounts can be made anew from them"


def test_useless_replies_of_earlier_versions_are_read_too(run: Run) -> None:
    run.sit(scripts={"writer": ["a"]}).ask("writer", talk, "x")
    (entry,) = run.entries
    entry.replace(entry.with_suffix(".useless"))
    assert len(list(Journal(run.folder, Events()).calls())) == 1
    run.sit(scripts={"writer": ["", "b"]}).ask("writer", talk, "x")
    call = Call.model_validate_json(run.entries[0].read_bytes())
    journal = Journal(run.folder, Events())
    journal.set_aside([journal.key(call.request_hash, Scope(call.phase, call.step, call.lane))])
    assert not run.entries
    assert len(list(journal.calls())) == 2
