"""One prompt and the plans that continue it: the prompt's keys and values are held once, whatever the number of plans.

Plans are packed one behind the other in a single row; a mask lets each see the prompt and itself, and its positions
count on from the prompt's end. So nothing is copied for each plan and nothing is padded. A prompt that was read several
ways (with an adapter and without) is continued in all of them at once, as a batch. Models whose attention is not
of that kind (sliding windows, biases by distance) get a row for each plan instead. Imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

GROUP = 16  # plans in a row: the attention between plans, which the mask throws away, grows with its square
PROMPT = -1  # owner of the prompt's tokens


@dataclass(frozen=True)
class Prefix:
    """A prompt that was run through the model, all but its last token."""

    keys: tuple[Tensor, ...]
    """Per layer, shape (1, heads, length, width)."""
    values: tuple[Tensor, ...]
    """Per layer, shape (1, heads, length, width)."""
    last: int
    """The prompt's last token, to be fed with what follows."""

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return self.keys[0].shape[2]

    def detach(self) -> "Prefix":
        """The same without gradients."""
        return replace(self, keys=tuple(k.detach() for k in self.keys), values=tuple(v.detach() for v in self.values))


class SharedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Starts from a prompt's keys and values as they are; gradients flow into them."""

    def __init__(self, key: Tensor, value: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys, self.values = key, value
        self.dtype, self.device, self.is_initialized = key.dtype, key.device, True


class RoomyLayer(SharedLayer):  # type: ignore[no-untyped-call]
    """The same without gradients, with room for so many more tokens: growing it copies nothing."""

    def __init__(self, key: Tensor, value: Tensor, room: int) -> None:
        super().__init__(key, value)
        more = (0, 0, 0, room)
        self._buffers = torch.nn.functional.pad(key, more), torch.nn.functional.pad(value, more)
        self._length = key.shape[2]

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write behind what is there and return everything up to it."""
        start, end = self._length, self._length + key_states.shape[2]
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = states
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        self._length = end
        return self.keys, self.values


class Branches:
    """Plans that continue a prompt, fed a few tokens at a time."""

    def __init__(self, readings: Sequence[Prefix], count: int, *, packed: bool, room: int | None = None) -> None:
        """packed: plans may share a row. room: tokens of the longest plan, when plans grow without gradients."""
        size = GROUP if packed else 1
        self._rows = [_Row(readings, min(size, count - start), room) for start in range(0, count, size)]

    def feed(self, decoder: Any, tokens: Sequence[Sequence[int]]) -> list[Tensor]:
        """Run more tokens of each plan, none for some: the states at them, (readings, tokens, width) for each plan."""
        states: list[Tensor] = []
        for row in self._rows:
            states += row.feed(decoder, tokens[len(states) : len(states) + row.count])
        return states


class _Row:
    def __init__(self, readings: Sequence[Prefix], count: int, room: int | None) -> None:
        self.count = count
        self._cache = DynamicCache()
        self._cache.layers = [
            SharedLayer(key, value) if room is None else RoomyLayer(key, value, count * room)
            for key, value in zip(
                _stacked([reading.keys for reading in readings]),
                _stacked([reading.values for reading in readings]),
                strict=True,
            )
        ]
        length = readings[0].length
        self._owner = [PROMPT] * length  # of each token in the cache
        self._lengths = [length] * count  # of the prompt and each plan
        self._like, self._batch = readings[0].keys[0], len(readings)

    def feed(self, decoder: Any, tokens: Sequence[Sequence[int]]) -> list[Tensor]:
        if not any(tokens):
            return [self._like.new_empty(self._batch, 0, 0)] * self.count
        device = self._like.device
        positions: list[int] = []
        for plan, more in enumerate(tokens):
            positions += range(self._lengths[plan], self._lengths[plan] + len(more))
            self._owner += [plan] * len(more)
            self._lengths[plan] += len(more)
        hidden: Tensor = decoder(
            input_ids=torch.tensor([[token for more in tokens for token in more]] * self._batch, device=device),
            position_ids=torch.tensor([positions] * self._batch, device=device),
            attention_mask=branch_mask(self._owner, len(positions), self._like) if self.count > 1 else None,
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        return list(torch.split(hidden, [len(more) for more in tokens], dim=1))


def _stacked(readings: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Each layer's tensors of all readings as one batch."""
    return readings[0] if len(readings) == 1 else tuple(torch.cat(layer) for layer in zip(*readings, strict=True))


def branch_mask(owner: Sequence[int], fresh: int, like: Tensor) -> Tensor:
    """What the last so many tokens of a row see: the prompt and what came before in their own plan.

    Returns (1, 1, fresh, tokens) to be added to attention's scores, of the type and on the device of `like`.
    """
    whose = torch.tensor(owner, device=like.device)
    order = torch.arange(len(owner), device=like.device)
    hidden = ((whose != PROMPT) & (whose != whose[-fresh:, None])) | (order > order[-fresh:, None])
    return torch.zeros_like(hidden, dtype=like.dtype).masked_fill_(hidden, torch.finfo(like.dtype).min)[None, None]
