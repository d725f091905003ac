"""Whether models can be reached: each is asked for one word. Not journaled, not booked: no run is going on."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from nanoresearch.errors import ModelError
from nanoresearch.models.providers import build_model
from nanoresearch.models.retry import with_repeats
from nanoresearch.models.routing import Route, secrets

TIMEOUT_S = 30.0
WORD_TOKENS = 16
"""The least that every provider accepts as a limit."""


@dataclass(frozen=True)
class Reach:
    """What came of asking one model."""

    ok: bool
    said: str
    """How long it took, or why it did not work."""


def check(routes: Iterable[Route], timeout_s: float = TIMEOUT_S) -> dict[tuple[str, str | None], Reach]:
    """Ask each model once, all at the same time. By model string and address."""
    different: dict[tuple[str, str | None], Route] = {}
    for route in routes:
        different.setdefault((route.model, route.base_url), route)

    async def ask_all() -> list[Reach]:
        return await asyncio.gather(*(_reach(route, timeout_s) for route in different.values()))

    return dict(zip(different, asyncio.run(ask_all()), strict=True))


async def _reach(route: Route, timeout_s: float) -> Reach:
    start = time.monotonic()
    try:
        model = build_model(route)
        if route.scripted:
            return Reach(True, "a script, not a language model")
        async with model:
            await with_repeats(
                lambda: model.request(
                    [ModelRequest.user_text_prompt("Reply with the word ok.")],
                    ModelSettings(max_tokens=WORD_TOKENS, timeout=timeout_s, max_retries=0),
                    ModelRequestParameters(),
                ),
                route,
                allowed=0,
                timeout_s=timeout_s,
                hidden=lambda: secrets(route.key_names),
                say=lambda text: None,
                check_time=lambda seconds: None,
            )
    except ModelError as error:
        return Reach(False, str(error))
    return Reach(True, f"replied in {time.monotonic() - start:.1f} s")
