"""The policy: a causal language model with a LoRA adapter that writes plans from a menu.

The prompt is run once and its keys and values are shared by all plans written or scored after it; gradients flow
back through the shared part. Tokens that the menu forces are fed together. Imports torch: import it only when a
planner of this kind is used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.choices import Menu, Options, Progress, branch_bonus
from nanoresearch.planner.lora import make_lean


class RoomyLayer(DynamicLayer):
    """Keys and values at the start of a larger buffer; a growing plan would else copy its prompt at each step."""

    def __init__(self, key: Tensor, value: Tensor, rows: int, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        _, heads, length, width = key.shape
        self._keys = key.new_empty(rows, heads, length + room, width)
        self._values = value.new_empty(rows, heads, length + room, value.shape[-1])
        self._keys[:, :, :length], self._values[:, :, :length] = key, value
        self._show(length)
        self.dtype, self.device, self.is_initialized = key.dtype, key.device, True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write behind what is there and return everything up to it."""
        start = self._length
        end = start + key_states.shape[2]
        if end > self._keys.shape[2]:
            more = (0, 0, 0, end)  # at least doubles the room
            self._keys = torch.nn.functional.pad(self._keys, more)
            self._values = torch.nn.functional.pad(self._values, more)
        self._keys[:, :, start:end], self._values[:, :, start:end] = key_states, value_states
        return self._show(end)

    def _show(self, length: int) -> tuple[Tensor, Tensor]:
        self._length = length
        shown = self._keys[:, :, :length], self._values[:, :, :length]
        self.keys, self.values = shown
        return shown


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

    def cache(self, rows: int) -> DynamicCache:
        """A cache of its own for so many continuations; gradients flow through it."""
        cache = DynamicCache()
        for layer, (key, value) in enumerate(zip(self.keys, self.values, strict=True)):
            cache.update(key.expand(rows, -1, -1, -1), value.expand(rows, -1, -1, -1), layer)
        return cache

    def growing_cache(self, rows: int, room: int) -> DynamicCache:
        """The same without gradients, with room for so many more tokens: growing it copies nothing."""
        cache = DynamicCache()
        cache.layers = [RoomyLayer(*pair, rows, room) for pair in zip(self.keys, self.values, strict=True)]
        return cache


@dataclass(frozen=True)
class WrittenPlan:
    """A plan as tokens."""

    tokens: tuple[int, ...]
    """With the end token."""
    chosen: tuple[int, ...]
    """Positions in the menu, in order."""


@dataclass(frozen=True)
class BranchTable:
    """Every choice in a batch of plans, one row each.

    Shapes: N choices, A tokens that appear anywhere on the menu.
    """

    row: Tensor
    """(N,) which plan."""
    position: Tensor
    """(N,) index of the chosen token in the plan."""
    allowed: Tensor
    """(N, A) whether the token was allowed."""
    bonus: Tensor
    """(N, A) nats that the directives' bonuses add; zero where there are none."""


class Policy:
    """A base model with one user's adapter. The base's weights never change."""

    def __init__(self, base: BaseModel, rank: int = 16, alpha: int = 32, seed: int = 0) -> None:
        self.base = base
        self.device = base.device
        config = LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.adapter = base.claim_adapter_name()
            if isinstance(base.model, PeftModel):
                base.model.add_adapter(self.adapter, config)
                self.model = base.model
            else:
                self.model = get_peft_model(base.model, config, adapter_name=self.adapter)
                base.model = self.model
        make_lean(self.model)
        self.model.eval()  # no dropout anywhere; gradients do not need training mode
        self._initial = {name: value.detach().clone() for name, value in self.weights().items()}

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """The adapter's parameters by name."""
        mark = f".{self.adapter}."
        return {name: p for name, p in self.model.named_parameters() if mark in name and ".lora_" in name}

    def weights(self) -> dict[str, Tensor]:
        """The adapter's weights by a name that holds for every adapter; not copies."""
        return {name.replace(f".{self.adapter}.", "."): p.detach() for name, p in self.parameters().items()}

    def copy_weights(self) -> dict[str, Tensor]:
        """Copies of the adapter's weights."""
        return {name: value.clone() for name, value in self.weights().items()}

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Put weights into the adapter. Raises ValueError when they belong to another architecture."""
        own = self.weights()
        if own.keys() != weights.keys() or any(own[name].shape != weights[name].shape for name in own):
            raise ValueError("These adapter weights do not fit the base model.")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(weights[name].to(value))

    def reset(self) -> None:
        """Back to the adapter that changes nothing."""
        self.load_weights(self._initial)

    @contextmanager
    def adapted(self, on: bool) -> Iterator[None]:
        """The model with this user's adapter, or without any."""
        self.model.set_adapter(self.adapter)
        with nullcontext() if on else self.model.disable_adapter():
            yield

    @contextmanager
    def holding(self, weights: dict[str, Tensor]) -> Iterator[None]:
        """The model with other adapter weights for a while."""
        # Swapped, not copied: graphs that wait for their backward pass must find the parameters unchanged.
        mine = self.parameters()
        own = {name: parameter.data for name, parameter in mine.items()}
        try:
            for name, parameter in mine.items():
                parameter.data = weights[name.replace(f".{self.adapter}.", ".")]
            yield
        finally:
            for name, parameter in mine.items():
                parameter.data = own[name]

    def read(self, prompt: Sequence[int], adapter: bool = True, grad: bool = False) -> Prefix:
        """Run a prompt once, to be shared by what follows it."""
        ids = torch.tensor([list(prompt[:-1])], device=self.device)
        with self.adapted(adapter), torch.set_grad_enabled(grad):
            cache = self._decoder()(input_ids=ids, use_cache=True, past_key_values=DynamicCache()).past_key_values
        keys, values = zip(*((layer.keys, layer.values) for layer in cache.layers), strict=True)
        return Prefix(keys, values, prompt[-1])

    @torch.no_grad()
    def sample(
        self,
        prefix: Prefix,
        menu: Menu,
        count: int,
        generator: torch.Generator,
        *,
        adapter: bool = True,
        temperature: float = 1.0,
        bonus: Sequence[float] | None = None,
    ) -> list[WrittenPlan]:
        """Write plans. temperature 0 always takes the likeliest token. bonus: nats per directive, for a teacher."""
        states = [Progress() for _ in range(count)]
        plans: list[list[int]] = [[] for _ in range(count)]
        pending: list[list[int]] = [[prefix.last] for _ in range(count)]
        cache, lengths = prefix.growing_cache(count, 2 * menu.longest + 8), [prefix.length] * count
        mask = torch.ones(count, prefix.length, dtype=torch.long)
        with self.adapted(adapter):
            while True:
                choices: list[Options] = []
                for i in range(count):
                    forced, states[i], options = menu.force(states[i])
                    plans[i] += forced
                    pending[i] += forced
                    choices.append(options)
                if not any(choices):
                    break
                hidden, mask = self._feed(pending, cache, mask, lengths)
                pending = [[] for _ in range(count)]
                for i, options in enumerate(choices):
                    if not options:
                        continue
                    tokens = list(options)
                    scores = self._project(hidden[i], tokens).log_softmax(-1)
                    if bonus is not None:
                        scores = scores + scores.new_tensor(branch_bonus(list(options.values()), bonus))
                    taken = tokens[_draw(scores, temperature, generator)]
                    states[i] = menu.advance(states[i], taken)
                    plans[i].append(taken)
                    pending[i].append(taken)
        return [WrittenPlan(tuple(plan), state.chosen) for plan, state in zip(plans, states, strict=True)]

    def hidden(
        self, prefix: Prefix, plans: Sequence[WrittenPlan], *, adapter: bool = True, grad: bool = False
    ) -> Tensor:
        """The states from which each token of each plan is predicted: (plans, longest plan, width).

        Rows of shorter plans end in padding. Gradients flow into the prefix when it has any.
        """
        rows = [[prefix.last, *plan.tokens[:-1]] for plan in plans]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=self.device)
        mask = torch.ones(len(rows), prefix.length + longest, dtype=torch.long, device=self.device)
        for i, row in enumerate(rows):
            mask[i, prefix.length + len(row) :] = 0
        positions = torch.arange(prefix.length, prefix.length + longest, device=self.device).expand(len(rows), -1)
        with self.adapted(adapter), torch.set_grad_enabled(grad):
            return self._decode(ids, mask, positions, prefix.cache(len(rows)))

    def allowed_logits(self, states: Tensor, menu: Menu) -> Tensor:
        """Logits of the menu's tokens: (..., width) -> (..., A), A in the order of menu_tokens."""
        return self._project(states, menu_tokens(menu))

    def all_logits(self, states: Tensor) -> Tensor:
        """Logits of the whole vocabulary: (..., width) -> (..., V)."""
        return self._project(states, None)

    def _decoder(self) -> Any:
        model: Any = self.model
        return model.get_base_model().get_decoder()

    def _decode(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
        decoder = self._decoder()
        result: Any = decoder(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        )
        hidden: Tensor = result.last_hidden_state
        return hidden

    def _feed(
        self, pending: list[list[int]], cache: DynamicCache, mask: Tensor, lengths: list[int]
    ) -> tuple[Tensor, Tensor]:
        # Rows wait for different numbers of tokens: pad on the right, hide the padding for good.
        width = max(map(len, pending))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in pending], device=self.device)
        fresh = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in pending])
        mask = torch.cat([mask, fresh], dim=1)
        positions = torch.tensor(
            [[n + min(j, max(len(row) - 1, 0)) for j in range(width)] for row, n in zip(pending, lengths, strict=True)]
        )
        for i, row in enumerate(pending):
            lengths[i] += len(row)
        states = self._decode(ids, mask.to(self.device), positions.to(self.device), cache)
        ends = torch.tensor([max(len(row) - 1, 0) for row in pending], device=self.device)
        return states[torch.arange(len(pending), device=self.device), ends], mask

    def _project(self, states: Tensor, tokens: Sequence[int] | None) -> Tensor:
        # Only the rows of the output matrix that are asked for; base_model checked that logits are this product.
        head = self.base.head
        if tokens is None:
            logits = torch.nn.functional.linear(states, head.weight, head.bias)
            return logits if logits.dtype == torch.float64 else logits.float()
        index = torch.tensor(list(tokens), device=self.device)
        bias = None if head.bias is None else head.bias[index]
        logits = torch.nn.functional.linear(states, head.weight[index], bias)
        return logits if logits.dtype == torch.float64 else logits.float()


def menu_tokens(menu: Menu) -> tuple[int, ...]:
    """Every token that can be chosen on a menu, sorted."""
    return tuple(sorted({token for line in menu.lines for token in line} | {menu.end}))


def branch_table(menu: Menu, plans: Sequence[WrittenPlan], bonus: Sequence[float] | None, like: Tensor) -> BranchTable:
    """All choices of a batch of plans. like: a tensor of the wanted type and device."""
    column = {token: i for i, token in enumerate(menu_tokens(menu))}
    rows, positions, allowed, extra = [], [], [], []
    for row, plan in enumerate(plans):
        for branch in menu.branches(plan.tokens):
            rows.append(row)
            positions.append(branch.position)
            marks, nats = [False] * len(column), [0.0] * len(column)
            added = branch_bonus(branch.leads_to, bonus) if bonus is not None else [0.0] * len(branch.tokens)
            for token, value in zip(branch.tokens, added, strict=True):
                marks[column[token]], nats[column[token]] = True, value
            allowed.append(marks)
            extra.append(nats)
    device = like.device
    shape = (len(rows), len(column))
    return BranchTable(
        torch.tensor(rows, dtype=torch.long, device=device),
        torch.tensor(positions, dtype=torch.long, device=device),
        torch.tensor(allowed, dtype=torch.bool, device=device).reshape(shape),
        torch.tensor(extra, dtype=like.dtype, device=device).reshape(shape),
    )


def _draw(log_probabilities: Tensor, temperature: float, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(log_probabilities.argmax())
    weights = (log_probabilities / temperature).softmax(-1).double().cpu()
    return int(torch.multinomial(weights, 1, generator=generator))
