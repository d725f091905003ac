"""Prompts laid out so that what stays the same comes first: providers read a repeated beginning from their caches.

The order is: tools and instructions (the same in every run), what is the same all through this run, what changes from
call to call. Instructions belong to the agent; this puts the rest together.
"""

from collections.abc import Sequence

from pydantic_ai.messages import CachePoint, UserContent

Prompt = str | Sequence[UserContent]


def lay_out(*, constant: str = "", changing: str) -> Prompt:
    """A prompt of what stays the same in this run and, after a cache point, what changes.

    Providers without cache points leave them out; most cache equal beginnings by themselves. Nothing that varies,
    such as a time or a number of the call, may stand in `constant`.
    """
    if not constant:
        return changing
    return [constant.rstrip() + "\n\n", CachePoint(), changing]


def text_of(prompt: Prompt) -> str:
    """The text of a prompt."""
    if isinstance(prompt, str):
        return prompt
    return "".join(part for part in prompt if isinstance(part, str))
