"""The facade over language models: stages and crews ask here, synchronously; requests run at once where they can."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pydantic_ai import Agent
from pydantic_ai.exceptions import AgentRunError, UsageLimitExceeded
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from nanoresearch.config import ModelsConfig, RoleModelConfig
from nanoresearch.errors import ModelError
from nanoresearch.events import Events
from nanoresearch.models.accounting import Budget, Forecast, Ledger, LostEstimate, Spending, forecast
from nanoresearch.models.journal import Journal, Scope, canonical
from nanoresearch.models.prompts import Prompt
from nanoresearch.models.providers import build_model
from nanoresearch.models.request import Abandoned, Batch, CutOff, Desk, JournaledModel, Tally, UselessReplies
from nanoresearch.models.routing import Route, hide, route, routes, secrets
from nanoresearch.models.scripted import Replies, ScriptedModel
from nanoresearch.paths import RunFolder
from nanoresearch.runlog import RunLog
from nanoresearch.schema.models import ModelRole

D = TypeVar("D")
T = TypeVar("T")

REQUESTS = 30
"""Requests of one ask, tool calls and corrections included."""
TEST_SCRIPT = "scripted:test"


@dataclass(frozen=True)
class Ask(Generic[T]):
    """Something to be asked."""

    role: ModelRole
    agent: Agent[Any, T]
    prompt: Prompt
    deps: Any = None
    history: Sequence[ModelMessage] = ()
    """A conversation to go on with."""
    max_tokens: int | None = None
    """Longest reply, where the role's is not right."""
    temperature: float | None = None
    """Randomness, likewise."""
    requests: int = REQUESTS
    """Requests at most, tool calls and corrections included."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What came of an ask."""

    output: T
    model: str
    messages: list[ModelMessage] = field(repr=False)
    """The whole conversation."""
    calls: int
    """Requests that were paid for now."""
    replayed: int
    """Requests that the journal answered."""
    tokens: int
    cost_usd: float | None
    """None when a price is not known."""


class NoUsableReply(UselessReplies):
    """A model went on giving replies that its agent does not accept."""


class Models:
    """Language models, for one sitting with a run. One thread at a time; not from inside an agent's tool."""

    def __init__(
        self,
        config: ModelsConfig,
        folder: RunFolder,
        events: Events,
        log: RunLog,
        budget: Budget | None = None,
        *,
        scripts: Mapping[ModelRole, Replies] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Reads the journal; sends nothing. `scripts` replace the configured models of these roles, for tests."""
        timing = {} if clock is None else {"clock": clock}
        self._config = config
        self._log = log
        self._events = events
        self._scripts = scripts or {}
        self._models: dict[ModelRole, Model] = {}
        self._runner = asyncio.Runner()
        journal = Journal(folder, events, secrets)
        ledger = Ledger(config, log, events, budget or Budget(), **timing)
        kept = list(journal.calls())
        ledger.reconcile(kept)
        ledger.lose(journal.lost())
        self._given = Counter(call.role for call in kept)
        gate = asyncio.Semaphore(config.concurrency)
        self._desk = Desk(config, journal, ledger, events, gate, sleep, **timing)

    @classmethod
    def scripted_for(
        cls, scripts: Mapping[ModelRole, Replies], folder: RunFolder, events: Events, log: RunLog, **settings: Any
    ) -> "Models":
        """Models whose roles are played by these replies."""
        config = settings.pop("config", ModelsConfig())
        roles = {**config.roles, **{role: RoleModelConfig(model=TEST_SCRIPT) for role in scripts}}
        return cls(config.model_copy(update={"roles": roles}), folder, events, log, scripts=scripts, **settings)

    def ask(
        self,
        role: ModelRole,
        agent: Agent[Any, T],
        prompt: Prompt,
        *,
        deps: Any = None,
        history: Sequence[ModelMessage] = (),
        max_tokens: int | None = None,
        temperature: float | None = None,
        requests: int = REQUESTS,
    ) -> Answer[T]:
        """Ask an agent, with the model of a role. Raises ModelError and BudgetExceeded."""
        return self.ask_all([Ask(role, agent, prompt, deps, history, max_tokens, temperature, requests)])[0]

    def ask_all(self, asks: Sequence[Ask[T]], limit: int | None = None) -> list[Answer[T]]:
        """Ask several at once, at most `limit` of them; answers in the order of the asks.

        When one fails, requests on their way are let finish, for they are paid, nothing new is sent, and the first
        failure is raised. Ctrl-C cancels everything at once.
        """
        return self._runner.run(self._ask_all(asks, limit or len(asks) or 1))

    def model_of(self, role: ModelRole) -> str:
        """Model string of a role. Raises ModelError when there is none."""
        return route(self._config, role).model

    @property
    def scripted(self) -> bool:
        """Whether any role is played by a script: a paper must say so."""
        return any(isinstance(way, Route) and way.scripted for way in routes(self._config).values())

    def script(self, role: ModelRole) -> ScriptedModel:
        """The script that plays a role, with what it was asked."""
        model = self._model(route(self._config, role))
        if not isinstance(model, ScriptedModel):
            raise ModelError(f"The role {role} is played by {self.model_of(role)}, not by a script.")
        return model

    @property
    def spent(self) -> Spending:
        """What this run has paid so far, earlier sittings included."""
        return self._desk.ledger.spent

    @property
    def lost(self) -> LostEstimate:
        """What calls that killed sittings lost may have cost: an estimate, no part of `spent`."""
        return self._desk.ledger.lost

    def forecast(self, calls: Mapping[ModelRole, int] | None = None) -> Forecast:
        """A rough guess of what so many calls, or a usual run, will take."""
        return forecast(self._config, calls)

    def close(self, failure: BaseException | None = None) -> None:
        """Close connections. `failure` is what ended the sitting, if anything did.

        An ask that came to nothing ends a run, or its role goes on without it. In the first case it is begun anew on
        resume; in the second its replies stay, so that a resumed run goes on without it just the same.
        """
        while failure is not None:
            if isinstance(failure, UselessReplies):
                self._desk.journal.set_aside(failure.keys)
            failure = failure.__cause__
        try:
            self._runner.run(self._close())
        finally:  # also when Ctrl-C comes again: threads of an open loop would keep the process from ending
            self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(value)

    async def _close(self) -> None:
        models, self._models = list(self._models.values()), {}
        for model in models:
            await model.__aexit__(None, None, None)

    async def _ask_all(self, asks: Sequence[Ask[T]], limit: int) -> list[Answer[T]]:
        batch, gate = Batch(), asyncio.Semaphore(limit)
        lanes: Counter[str] = Counter()
        tasks = []
        for ask in asks:  # a lane for each of several equal asks, so that a resumed run tells them apart
            question = canonical([ask.role, ask.agent.name, str(ask.prompt), [str(item.parts) for item in ask.history]])
            tasks.append(asyncio.create_task(self._in_turn(ask, lanes[question], batch, gate)))
            lanes[question] += 1
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [item for item in results if isinstance(item, BaseException) and not isinstance(item, Abandoned)]
        if failures:
            useless = [item for item in failures if isinstance(item, UselessReplies)]
            keys = tuple(key for item in useless for key in item.keys)
            for item in useless:
                item.keys = keys
            raise failures[0]
        return [item for item in results if isinstance(item, Answer)]

    async def _in_turn(self, ask: Ask[T], lane: int, batch: Batch, gate: asyncio.Semaphore) -> Answer[T]:
        async with gate:
            try:
                if batch.failed:
                    raise Abandoned
                return await self._ask(ask, lane, batch)
            except BaseException:  # Ctrl-C too: whatever it is, no other ask of the batch begins; it is passed on
                batch.failed = True
                raise

    async def _ask(self, ask: Ask[T], lane: int, batch: Batch) -> Answer[T]:
        way = route(self._config, ask.role)
        wrapped = self._model(way)
        scope, tally = Scope(self._log.phase or "other", self._log.current_step, lane), Tally()
        model = JournaledModel(wrapped, way, self._desk, scope, tally, batch)
        failure: UselessReplies
        try:
            done = await ask.agent.run(
                ask.prompt,
                model=model,
                deps=ask.deps,
                message_history=list(ask.history) or None,
                model_settings=self._settings(way, ask),
                usage_limits=UsageLimits(request_limit=ask.requests),
            )
            return Answer(
                done.output,
                way.model,
                done.all_messages(),
                tally.paid.calls,
                tally.replayed,
                tally.paid.tokens,
                None if tally.paid.unpriced_calls else tally.paid.cost_usd,
            )
        except CutOff as error:
            failure = error
        except UsageLimitExceeded:
            failure = NoUsableReply(
                f"{way.model} (role {ask.role}) came to no end within {ask.requests} requests of one conversation."
            )
        except AgentRunError as error:  # what is left once transport has been dealt with: replies that never validate
            failure = _useless(error, way)
        failure.keys = tuple(tally.keys)
        raise failure

    def _settings(self, way: Route, ask: Ask[Any]) -> ModelSettings:
        settings = ModelSettings(
            max_tokens=ask.max_tokens or way.max_tokens, timeout=self._config.timeout_s, max_retries=0, cache=True
        )
        temperature = ask.temperature if ask.temperature is not None else way.temperature
        if temperature is not None:
            settings["temperature"] = temperature
        return settings

    def _model(self, way: Route) -> Model:
        if way.role not in self._models:
            if way.role in self._scripts:
                given = self._given[way.role]
                model: Model = ScriptedModel(way.role, self._scripts[way.role], name=way.model, start=given)
            else:
                model = build_model(way, replies_given=self._given[way.role])
            self._models[way.role] = model
        return self._models[way.role]


def _useless(error: AgentRunError, way: Route) -> NoUsableReply:
    cause = error.__cause__ or error.__context__
    detail = f" The last reason: {' '.join(str(cause).split())[:400]}" if cause is not None else ""
    said = " ".join(str(error).split())[:300].rstrip(".") + "."
    text = hide(f"{said}{detail}", secrets(way.key_names))
    return NoUsableReply(
        f"{way.model} (role {way.role}) gave no reply of the kind that was asked for: {text} A larger model may do "
        f"better: name it in a new run (models.roles.{way.role})."
    )
