"""What to do when a model does not answer: wait and ask again, or give up saying what the user can do.

The provider's own client repeats nothing (max_retries is 0): there is one owner of waiting, and it obeys the budget.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelRequestTimeout,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    UnexpectedModelBehavior,
)

from nanoresearch.errors import ModelError
from nanoresearch.models.routing import Route, hide

T = TypeVar("T")

LONGEST_WAIT_S = 300.0
"""A provider that asks for more is down for this run."""
GARBAGE_REPEATS = 2
"""Repeats of replies that are none, and of connections that a server on this machine refuses: waiting helps little."""
LONGEST_QUOTE = 300
PASSING = (ModelRateLimitError, ModelUnavailableError, ModelServerError, ModelConnectionError, ModelRequestTimeout)


def repeats(error: Exception, route: Route, allowed: int) -> int:
    """How often a request that failed like this is worth repeating."""
    if isinstance(error, ModelHTTPError) and error.provider_retry_hint is False:
        return 0
    if isinstance(error, TimeoutError | ModelTimeoutError):
        return min(allowed, GARBAGE_REPEATS)  # each has taken the whole timeout already
    if isinstance(error, ModelConnectionError) and route.on_this_machine:
        return min(allowed, GARBAGE_REPEATS)
    if isinstance(error, PASSING):
        return allowed
    if isinstance(error, ModelHTTPError):
        return allowed if error.status_code in (408, 409, 425) else 0
    if isinstance(error, ModelRequestRejectedError | ModelQuotaExceededError | ContentFilterError):
        return 0
    return min(allowed, GARBAGE_REPEATS)


def wait_s(error: Exception, attempt: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait before the next attempt, attempt counting from 0: as asked, or 1, 2, 4, ... and a little more."""
    asked = getattr(error, "retry_after", None)
    backoff = float(2 ** min(attempt, 6))
    return max(float(asked), 0.0) if asked is not None else backoff * (1 + 0.1 * jitter())


async def with_repeats(
    ask: Callable[[], Awaitable[T]],
    route: Route,
    *,
    allowed: int,
    timeout_s: float,
    hidden: Callable[[], Iterable[str]],
    say: Callable[[str], None],
    check_time: Callable[[float], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """The reply, after as many repeats as make sense. Raises ModelError; `check_time` may raise BudgetExceeded."""
    for attempt in range(allowed + 1):
        failure: ModelError
        try:
            async with asyncio.timeout(timeout_s):
                return await ask()
        except (ModelAPIError, UnexpectedModelBehavior, TimeoutError) as error:
            failure = explain(error, route, hidden(), timeout_s=timeout_s, attempts=attempt + 1)
            left = repeats(error, route, allowed) - attempt
            delay = wait_s(error, attempt)
        # Outside the handler: the provider's exception may quote the key, and must not hang on ours as its context.
        if left <= 0 or delay > LONGEST_WAIT_S:
            raise failure
        check_time(delay)
        say(f"{route.model}: {reason_of(failure)} Asking again in {delay:.0f} s, {left} left.")
        await sleep(delay)
    raise AssertionError("unreachable: the last attempt returns or raises")


def reason_of(failure: ModelError) -> str:
    """First sentence of a failure."""
    return re.split(r"(?<=[.!?]) ", str(failure), maxsplit=1)[0]


def explain(
    error: Exception, route: Route, hidden: Iterable[str] = (), *, timeout_s: float = 0.0, attempts: int = 1
) -> ModelError:
    """An error that names the provider and says what to do. It quotes no body of a refused key, and never a key."""
    who = f"{route.model} (role {route.role}, {_place(route)})"
    tries = f" after {attempts} attempts" if attempts > 1 else ""
    keys = " or ".join(route.key_names) or "the key"
    if isinstance(error, ModelAuthenticationError):
        code = getattr(error, "status_code", None)
        return ModelError(
            f"{who} refused the key{f' ({code})' if code else ''}. "
            f"Check that the environment variable {keys} holds a valid key with access to this model."
        )
    said = _shorten(hide(_message(error), hidden))  # in this order: half a key is not found
    quote = f" It said: {said}" if said else ""
    if isinstance(error, ModelQuotaExceededError):
        return ModelError(
            f"{who}: the account's quota or credit is used up. Top it up, or choose another model.{quote}"
        )
    if isinstance(error, ModelNotFoundError):
        return ModelError(
            f"{who} is unknown to its server. Check the model's name"
            f"{' and that models.base_url ends in /v1' if route.base_url else ''}.{quote}"
        )
    if isinstance(error, ModelContextWindowExceededError):
        return ModelError(
            f"{who}: the request is longer than the model can read. Choose a model that reads more.{quote}"
        )
    if isinstance(error, ModelRequestRejectedError):
        return ModelError(f"{who} rejected the request. A setting it does not know may be the cause.{quote}")
    if isinstance(error, ModelRateLimitError):
        return ModelError(
            f"{who} limits the rate of requests{tries}. Wait and resume, or lower models.concurrency.{quote}"
        )
    if isinstance(error, TimeoutError | ModelTimeoutError | ModelRequestTimeout):
        limit = f" within {timeout_s:g} s" if timeout_s else ""
        return ModelError(f"{who} did not answer{limit}{tries}. Raise models.timeout_s, or check the server.")
    if isinstance(error, ModelConnectionError):
        return ModelError(f"{who} cannot be reached{tries}. Is the server up, and the network?{quote}")
    if isinstance(error, ModelServerError | ModelUnavailableError):
        return ModelError(f"{who} is failing{tries}. Wait for the provider to recover, then resume.{quote}")
    if isinstance(error, ContentFilterError):
        return ModelError(f"{who} refused to answer: its content filter stopped the reply.{quote}")
    return ModelError(
        f"{who} answered with something that is no reply{tries}. "
        f"Check that the address is that of an OpenAI-compatible API.{quote}"
        if route.base_url
        else f"{who} answered with something that is no reply{tries}.{quote}"
    )


def _place(route: Route) -> str:
    return f"at {route.base_url}" if route.base_url else f"provider {route.provider}"


def _message(error: Exception) -> str:
    """What the provider said, on one line."""
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        inner = body.get("error", body)
        text = str(inner.get("message") or inner) if isinstance(inner, dict) else str(inner)
    elif body is not None:
        text = str(body)
    else:
        text = getattr(error, "message", None) or str(error)
    return " ".join(text.split())


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + " ..."
