"""One request: from the journal if it was answered before; else within the budget, repeated, kept and booked."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from nanoresearch.config import ModelsConfig
from nanoresearch.errors import ModelError
from nanoresearch.events import Events, now_utc
from nanoresearch.models.accounting import Ledger, Spending, tokens_of
from nanoresearch.models.journal import (
    Journal,
    Key,
    Scope,
    canonical,
    describe_request,
    digest,
    dump_response,
    load_response,
)
from nanoresearch.models.retry import with_repeats
from nanoresearch.models.routing import Route, hide, secrets
from nanoresearch.schema.models import Call, Sent


class Abandoned(Exception):
    """Another ask of the same batch has failed: what is not yet sent is not worth paying for."""


class UselessReplies(ModelError):
    """An ask that came to nothing, though its model replied."""

    keys: tuple[Key, ...] = ()
    """Its replies in the journal, with those of asks that failed beside it."""


class CutOff(UselessReplies):
    """A reply did not fit into its limit."""


@dataclass
class Batch:
    """Asks that run at once."""

    failed: bool = False


@dataclass
class Tally:
    """What one ask took."""

    paid: Spending = field(default_factory=Spending)
    replayed: int = 0
    keys: list[Key] = field(default_factory=list)


@dataclass(frozen=True)
class Desk:
    """What all requests of a run share."""

    config: ModelsConfig
    journal: Journal
    ledger: Ledger
    events: Events
    gate: asyncio.Semaphore
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


class JournaledModel(WrapperModel):
    """The model of a role, for one ask."""

    def __init__(self, wrapped: Model, route: Route, desk: Desk, scope: Scope, tally: Tally, batch: Batch) -> None:
        super().__init__(wrapped)
        self._route = route
        self._desk = desk
        self._scope = scope
        self._tally = tally
        self._batch = batch

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The reply. One that was cut off is asked for once more with a higher limit, where the settings allow."""
        settings = ModelSettings(**(model_settings or {}))
        response = await self._journaled(messages, settings, model_request_parameters)
        longer, limit = self._desk.config.longer_max_tokens, settings.get("max_tokens", 0)
        if response.finish_reason == "length" and longer > limit:
            self._desk.events.emit(
                "progress", f"{self._route.model}: a reply was cut off at {limit} tokens; asking again with {longer}"
            )
            settings["max_tokens"] = limit = longer
            response = await self._journaled(messages, settings, model_request_parameters)
        if response.finish_reason == "length":
            raise CutOff(
                f"The reply of {self._route.model} (role {self._route.role}) was cut off at its limit of {limit} "
                "tokens. Raise models.max_tokens or models.longer_max_tokens, or ask for less at once."
            )
        return response

    @asynccontextmanager
    async def request_stream(self, *_: Any, **__: Any) -> AsyncGenerator[StreamedResponse]:
        """Streams are not journaled, so there are none."""
        raise NotImplementedError("agents are asked through Models.ask, without streaming")
        yield

    async def _journaled(
        self, messages: list[ModelMessage], settings: ModelSettings, parameters: ModelRequestParameters
    ) -> ModelResponse:
        route = self._route
        asked = describe_request(route.role, route.model, messages, settings, parameters)
        hidden = secrets(route.key_names)
        if any(value in canonical(asked) for value in hidden):  # an experiment that printed its environment, say
            messages, parameters = _unkeyed(messages, parameters, hidden)
            asked = describe_request(route.role, route.model, messages, settings, parameters)
        key = self._desk.journal.key(digest(asked), self._scope)
        self._tally.keys.append(key)
        if found := self._desk.journal.find(key):
            self._tally.replayed += 1
            return found[1]
        async with self._desk.gate:
            if self._batch.failed:
                raise Abandoned
            try:
                return await self._paid(key, asked, messages, settings, parameters)
            except BaseException:  # Ctrl-C too; noted before the gate opens for the next, and passed on
                self._batch.failed = True
                raise

    async def _paid(
        self,
        key: Key,
        asked: dict[str, Any],
        messages: list[ModelMessage],
        settings: ModelSettings,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        desk, route = self._desk, self._route
        characters = len(
            canonical({name: asked[name] for name in ("messages", "tools", "output_tools", "output_schema")})
        )
        limit = settings.get("max_tokens", desk.config.max_tokens)
        reservation = desk.ledger.admit(route, characters, limit)
        most = desk.ledger.at_most(route, characters, limit)
        start = desk.clock()
        try:
            desk.journal.sending(
                key,
                Sent(
                    phase=key.scope.phase,
                    role=route.role,
                    model=route.model,
                    tokens_estimate=most.tokens,
                    cost_usd_estimate=most.cost_usd,
                ),
            )
            response = await self._answered(key, messages, settings, parameters)
        finally:
            desk.ledger.release(reservation)
        response, dumped = _without_keys(response, route)
        tokens = tokens_of(response, characters)
        call = Call(
            request_hash=key.request_hash,
            phase=key.scope.phase,
            step=key.scope.step,
            lane=key.scope.lane,
            number=key.number,
            role=route.role,
            model=route.model,
            request=asked,
            response=dumped,
            response_hash=digest(dumped),
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            estimated=tokens.estimated,
            cost_usd=desk.ledger.cost(route, tokens, response.model_name),
            seconds=round(desk.clock() - start, 3),
            time=now_utc().isoformat(timespec="seconds"),
        )
        desk.journal.keep(key, call)  # first of all: from here on it is never paid for again
        desk.ledger.book(call)
        self._tally.paid = self._tally.paid.plus(1, tokens.total, call.cost_usd)
        desk.ledger.check_spent()
        return response

    async def _answered(
        self, key: Key, messages: list[ModelMessage], settings: ModelSettings, parameters: ModelRequestParameters
    ) -> ModelResponse:
        desk, route = self._desk, self._route
        try:
            return await with_repeats(
                lambda: self.wrapped.request(messages, settings, parameters),
                route,
                allowed=desk.config.retries,
                timeout_s=desk.config.timeout_s,
                hidden=lambda: secrets(route.key_names),
                say=lambda text: desk.events.emit("progress", text),
                check_time=desk.ledger.check_time,
                sleep=desk.sleep,
            )
        except Exception:  # no reply, whatever the reason, which is passed on; what Ctrl-C cut off stays noted
            desk.journal.failed(key)
            raise


def _unkeyed(
    messages: list[ModelMessage], parameters: ModelRequestParameters, hidden: Sequence[str]
) -> tuple[list[ModelMessage], ModelRequestParameters]:
    """A request without keys in its text: no provider is told another's."""
    text = hide(ModelMessagesTypeAdapter.dump_json(messages).decode(), hidden)
    parts = [replace(part, content=hide(part.content, hidden)) for part in parameters.instruction_parts or []]
    return ModelMessagesTypeAdapter.validate_json(text), replace(parameters, instruction_parts=parts or None)


def _without_keys(response: ModelResponse, route: Route) -> tuple[ModelResponse, dict[str, Any]]:
    """A reply, and its JSON values, without keys that a server or a prompt may have put into it."""
    dumped = dump_response(response)
    text = canonical(dumped)
    clean = hide(text, secrets(route.key_names)).encode("utf-8", "replace").decode()  # half of a pair is no text
    if clean == text:
        return response, dumped
    dumped = json.loads(clean)
    return load_response(dumped), dumped
