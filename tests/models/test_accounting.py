"""Tokens and money: counted, forecast, capped, and never paid twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai import Agent

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import BudgetExceeded, ModelError
from nanoresearch.events import Events
from nanoresearch.models.access import Ask
from nanoresearch.models.accounting import Budget, Ledger, LostEstimate, Tokens, forecast, price
from nanoresearch.models.routing import route
from nanoresearch.runlog import RunLog
from nanoresearch.schema.models import Price
from tests.models.conftest import Run
from tests.models.server import FakeServer, completion

talk = Agent()
DEAR = {"local:tiny": Price(input=1000, output=5000)}
"""A call of 100 tokens in and 20 out costs 0.2 USD."""


def priced(config: ModelsConfig, **prices: Any) -> ModelsConfig:
    return config.model_copy(update={"prices": DEAR, "max_tokens": 10, "longer_max_tokens": 0})


@pytest.mark.parametrize(
    ("model", "usd"),
    [("openai:gpt-4o", 2.5 + 10), ("openai-chat:gpt-4o", 2.5 + 10), ("anthropic:claude-sonnet-4-5", 3 + 15)],
)
def test_known_models_have_the_price_of_the_tables(model: str, usd: float) -> None:
    way = route(ModelsConfig(default=model), "coder")
    small = price(ModelsConfig(), way, Tokens(1000, 1000))
    assert small == pytest.approx(usd / 1000)


def test_google_is_priced_under_its_older_name_too() -> None:
    both = [
        price(ModelsConfig(), route(ModelsConfig(default=name), "coder"), Tokens(1000, 1000))
        for name in ("google:gemini-2.5-pro", "google-gla:gemini-2.5-pro")
    ]
    assert both[0] is not None
    assert both[0] == both[1]


def test_a_price_in_the_configuration_wins_and_counts_cached_tokens_apart() -> None:
    config = ModelsConfig(default="openai:gpt-4o", prices={"openai:gpt-4o": Price(input=10, output=20, cached=1)})
    found = price(config, route(config, "coder"), Tokens(1_000_000, 1_000_000, cached=400_000))
    assert found == pytest.approx(6 + 0.4 + 20)


def test_an_unknown_price_is_none_and_a_server_on_this_machine_charges_nothing() -> None:
    far = ModelsConfig(default="local:x", base_url="http://10.0.0.5:8000/v1")
    near = ModelsConfig(default="local:x", base_url="http://localhost:8000/v1")
    odd = ModelsConfig(default="openai:gpt-99-imaginary")
    assert price(far, route(far, "coder"), Tokens(1, 1)) is None
    assert price(odd, route(odd, "coder"), Tokens(1, 1)) is None
    assert price(near, route(near, "coder"), Tokens(1, 1)) == 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 100), st.floats(0, 100))
def test_more_tokens_never_cost_less(read: int, written: int, dear: float, dearer: float) -> None:
    config = ModelsConfig(default="m:x", prices={"m:x": Price(input=dear, output=dearer)})
    way = route(config, "coder")
    less, more = (price(config, way, Tokens(read + extra, written + extra)) for extra in (0, 7))
    assert less is not None
    assert more is not None
    assert more >= less


def test_costs_land_in_the_phase_that_is_going_on(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    models = run.sit(priced(config))
    models.ask("writer", talk, "a")
    with run.log.timed("writing"):
        answer = models.ask("writer", talk, "b")
    assert answer.cost_usd == pytest.approx(0.2)
    phases = RunLog(run.folder, Events()).record.phases
    assert [phases[name].cost_usd for name in ("ideation", "writing")] == pytest.approx([0.2, 0.2])
    assert [phases[name].model_calls for name in ("ideation", "writing")] == [1, 1]
    assert models.spent.cost_usd == pytest.approx(0.4)
    assert len(run.said("usage")) == 2


def test_an_unknown_cost_is_said_once_and_counted_as_unknown(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanoresearch.models.routing.Route.on_this_machine", property(lambda self: False))
    models = run.sit(config)
    answers = [models.ask("writer", talk, question) for question in "ab"]
    assert [answer.cost_usd for answer in answers] == [None, None]
    assert (run.cost.cost_usd, run.cost.unpriced_calls, run.cost.tokens) == (0, 2, 240)
    assert len(run.said("warning")) == 1
    assert "price of local:tiny is not known" in run.said("warning")[0]


def test_a_cap_in_usd_is_refused_where_no_price_is_known(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanoresearch.models.routing.Route.on_this_machine", property(lambda self: False))
    models = run.sit(config, budget=Budget(usd=5))
    with pytest.raises(ModelError, match=r"cap in USD cannot be kept.*models\.prices"):
        models.ask("writer", talk, "a")
    assert not server.got


def test_a_call_that_would_break_the_cap_is_not_made(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    models = run.sit(priced(config), budget=Budget(usd=0.45))
    models.ask("writer", talk, "a")
    with pytest.raises(BudgetExceeded, match=r"cap of 0\.45 USD is reached before a call") as raised:
        models.ask_all([Ask("writer", talk, f"{number}") for number in range(9)], limit=1)
    assert raised.value.exit_code == 3
    assert models.spent.cost_usd <= 0.45


def test_a_long_prompt_is_seen_before_it_is_paid(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    models = run.sit(priced(config), budget=Budget(usd=0.5))
    with pytest.raises(BudgetExceeded, match="before a call"):
        models.ask("writer", talk, "word " * 1000)
    assert not server.got


def test_a_call_that_broke_the_cap_ends_the_run_and_is_kept(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    dear = completion("dear")
    dear["usage"] = {"prompt_tokens": 100, "completion_tokens": 900, "total_tokens": 1000}
    server.script = [dear, completion("never")]
    with pytest.raises(BudgetExceeded, match="after the last call"):
        run.sit(priced(config), budget=Budget(usd=1)).ask("writer", talk, "a")
    assert run.cost.cost_usd == pytest.approx(4.6)
    later = run.sit(priced(config), budget=Budget(usd=10)).ask("writer", talk, "a")
    assert (later.output, later.replayed, len(server.got)) == ("dear", 1, 1)


def test_the_cap_counts_what_earlier_sittings_paid(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    run.sit(priced(config)).ask("writer", talk, "a")
    models = run.sit(priced(config), budget=Budget(usd=0.25))
    assert models.ask("writer", talk, "a").replayed == 1, "what is in the journal costs nothing"
    with pytest.raises(BudgetExceeded):
        models.ask("writer", talk, "b")


def test_tokens_are_capped_too(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    models = run.sit(priced(config), budget=Budget(tokens=200))
    models.ask("writer", talk, "a")
    with pytest.raises(BudgetExceeded, match="cap of 200 tokens is reached before"):
        models.ask("writer", talk, "word " * 300)


def test_minutes_are_capped_and_waiting_counts(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    now = [0.0]
    models = run.sit(priced(config), budget=Budget(minutes=1), clock=lambda: now[0])
    server.script = [completion(), *[_busy()] * 9]
    models.ask("writer", talk, "a")
    with pytest.raises(BudgetExceeded, match=r"1 minutes .* asks to wait 90 s"):
        models.ask("writer", talk, "b")
    assert not run.waited, "a wait that cannot end in time is not begun"
    now[0] = 61.0
    with pytest.raises(BudgetExceeded, match="used up"):
        models.ask("writer", talk, "c")


def _busy() -> Any:
    from tests.models.server import problem

    return problem(429, "busy", Retry_After="90")


def test_calls_on_their_way_hold_their_share_of_the_cap(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    from tests.models.server import Said

    server.script = [Said(completion(), after_s=0.2)]
    cap = Budget(usd=0.42)  # two calls cost 0.4; each is expected to cost about 0.17
    models = run.sit(priced(config).model_copy(update={"max_tokens": 25}), budget=cap)
    with pytest.raises(BudgetExceeded, match="before a call"):
        models.ask_all([Ask("writer", talk, f"{number}") for number in range(4)])
    assert len(server.got) == 2
    assert models.spent.cost_usd <= 0.42
    assert len(run.entries) == 2, "those on their way were let finish, and are kept"


def test_a_process_killed_between_journal_and_accounts_has_still_paid(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "book", killed)
        with pytest.raises(RuntimeError, match="killed"):
            run.sit(priced(config)).ask("writer", talk, "a")
    models = run.sit(priced(config))
    assert models.spent.cost_usd == pytest.approx(0.2)
    assert (run.cost.model_calls, run.cost.tokens, run.cost.models) == (1, 120, ("local:tiny",))
    assert models.ask("writer", talk, "a").replayed == 1
    assert run.sit(priced(config)).spent.calls == 1, "it is booked once"


def test_a_forecast_is_rough_and_says_so() -> None:
    config = ModelsConfig(default="openai:gpt-4o")
    usual = forecast(config)
    assert usual.calls > 20
    assert usual.cost_usd is not None
    assert str(usual).startswith("Rough forecast from typical sizes")
    assert forecast(config, {"writer": 2}).calls == 2
    mixed = forecast(ModelsConfig.model_validate({"default": "openai:gpt-4o", "roles": {"coder": "openai:gpt-77"}}))
    assert mixed.unpriced == ("openai:gpt-77",)
    assert "at least" in str(mixed)
    unknown = forecast(ModelsConfig(default="openai:gpt-77"))
    assert unknown.cost_usd is None
    assert "unknown price" in str(unknown)


def lose_a_call(run: Run, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sitting that is killed while a request of 10 tokens at most is on its way."""

    class Killed(BaseException):
        """As good as kill -9."""

    async def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("nanoresearch.models.request.with_repeats", killed)
        with pytest.raises(Killed):
            run.sit(config).ask("writer", talk, "a")


def test_a_lost_call_counts_against_the_caps_by_estimate_and_is_never_mixed_with_what_was_paid(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = priced(config).model_copy(update={"max_tokens": 5000})  # more than a usual reply: the whole limit counts
    lose_a_call(run, long, monkeypatch)
    models = run.sit(long, budget=Budget(usd=1000))
    read = models.lost.tokens - 5000
    assert 0 < read < 100
    assert models.lost.cost_usd == pytest.approx((read * 1000 + 5000 * 5000) / 1e6)
    assert (models.lost.calls, models.lost.priced_calls) == (1, 1)
    models.ask("writer", talk, "a")
    assert (models.spent.calls, models.spent.tokens) == (1, 120)
    assert models.spent.cost_usd == pytest.approx(0.2)
    assert (run.cost.tokens, run.cost.cost_usd) == (120, pytest.approx(0.2))
    assert run.cost.lost_tokens_estimate == 5000 + read
    assert run.cost.lost_cost_usd_estimate == pytest.approx(models.lost.cost_usd)

    asked = len(server.got)
    with pytest.raises(BudgetExceeded, match=r"0\.2000 USD spent, 25\.\d+ more by estimate for 1 lost call"):
        run.sit(priced(config), budget=Budget(usd=25)).ask("writer", talk, "b")
    with pytest.raises(BudgetExceeded, match=r"120 used, 50\d\d more by estimate for 1 lost call"):
        run.sit(priced(config), budget=Budget(tokens=5100)).ask("writer", talk, "b")
    assert len(server.got) == asked
    assert run.sit(priced(config), budget=Budget(usd=26)).ask("writer", talk, "b").calls == 1


def test_a_call_that_was_let_finish_leaves_no_estimate(run: Run, server: FakeServer, config: ModelsConfig) -> None:
    run.sit(priced(config)).ask("writer", talk, "a")
    assert run.sit(priced(config)).lost == LostEstimate()


def test_a_lost_call_of_an_unknown_price_counts_with_its_tokens_alone(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanoresearch.models.routing.Route.on_this_machine", property(lambda self: False))
    lose_a_call(run, config, monkeypatch)
    lost = run.sit(config).lost
    assert lost.tokens > config.max_tokens
    assert (lost.calls, lost.cost_usd, lost.priced_calls) == (1, 0, 0)


def test_a_note_of_an_earlier_version_is_counted_without_an_estimate(
    run: Run, server: FakeServer, config: ModelsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_a_call(run, config, monkeypatch)
    (note,) = run.folder.path("calls").glob("*.sent")
    note.write_text('{"phase": "ideation", "role": "writer", "model": "local:tiny"}')
    models = run.sit(config, budget=Budget(tokens=5000))
    assert models.lost == LostEstimate(calls=1)
    assert run.cost.lost_calls == 1
    assert models.ask("writer", talk, "a").calls == 1
