"""The policy: a causal language model with a LoRA adapter that writes plans from a menu.

The prompt is run once and shared by all plans written or scored after it; gradients flow back through it. Tokens that
the menu forces are fed together. Imports torch: import it only when a
planner of this kind is used.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import DynamicCache

from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.branches import Branches, Prefix
from nanoresearch.planner.choices import Menu, Options, Progress, branch_bonus
from nanoresearch.planner.lora import make_lean


@dataclass(frozen=True)
class WrittenPlan:
    """A plan as tokens."""

    tokens: tuple[int, ...]
    """With the end token."""
    chosen: tuple[int, ...]
    """Positions in the menu, in order."""


@dataclass(frozen=True)
class Reading:
    """A prompt as one of the models read it whose scores decide on a plan."""

    prefix: Prefix
    """The prompt, run by that model."""
    adapter: bool
    """Whether the user's adapter is on."""
    weights: dict[str, Tensor] | None = None
    """Other weights for the adapter than the present ones."""

    def goes_with(self, other: "Reading") -> bool:
        """Whether both can be continued in one batch: as long, with the same last token, and no two adapters."""
        one_adapter = not (self.adapter and other.adapter) or self.weights is other.weights
        return one_adapter and (self.prefix.length, self.prefix.last) == (other.prefix.length, other.prefix.last)


Mix = Callable[[Sequence[Tensor], Options], Tensor]
"""Logits of the options (A,) from each reading's log-probabilities of them, (A,) each."""


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
        lean = make_lean(self.model, base.served)
        self.model.eval()  # no dropout anywhere; gradients do not need training mode
        self._initial = {name: value.detach().clone() for name, value in self.weights().items()}
        self._lean = lean and self._serves_in_part()

    @torch.no_grad()
    def _serves_in_part(self) -> bool:
        # Models that lay all tokens of a batch in one row before a linear layer give the adapter to the wrong ones.
        ids = torch.tensor([[self.base.end, 1, 2, 3]], device=self.device)
        self.model.set_adapter(self.adapter)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            loud = {name: 0.1 * torch.randn_like(value) for name, value in self._initial.items()}

        def states(batch: Tensor) -> Tensor:
            found: Tensor = self.decoder(input_ids=batch, use_cache=False).last_hidden_state.float()
            return found

        with self.holding(loud):
            with self.base.served.only(1):
                both = states(torch.cat([ids, ids]))
            adapted = states(ids)
            with self.base.served.only(0):
                bare = states(ids)
        wanted = torch.cat([adapted, bare])
        return bool((both - wanted).norm() <= 0.05 * (adapted - bare).norm())

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
        if not self.fits(weights):
            raise ValueError("These adapter weights do not fit the base model.")
        own = self.weights()
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(weights[name].to(value))

    def fits(self, weights: dict[str, Tensor]) -> bool:
        """Whether weights have the names and shapes of this adapter's."""
        own = self.weights()
        return own.keys() == weights.keys() and all(own[name].shape == weights[name].shape for name in own)

    def reset(self) -> None:
        """Back to the adapter that changes nothing."""
        self.load_weights(self._initial)

    @contextmanager
    def adapted(self, on: bool) -> Iterator[None]:
        """The model with this user's adapter, or without any."""
        if self.model.active_adapter != self.adapter:
            self.model.set_adapter(self.adapter)
        with nullcontext() if on else self.base.served.only(0) if self._lean else self.model.disable_adapter():
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
            cache = self.decoder(input_ids=ids, use_cache=True, past_key_values=DynamicCache()).past_key_values
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

        def mix(scores: Sequence[Tensor], options: Options) -> Tensor:
            (own,) = scores
            return own if bonus is None else own + own.new_tensor(branch_bonus(list(options.values()), bonus))

        return self.write([Reading(prefix, adapter)], menu, count, generator, mix, temperature)

    @torch.no_grad()
    def write(
        self,
        readings: Sequence[Reading],
        menu: Menu,
        count: int,
        generator: torch.Generator,
        mix: Mix,
        temperature: float = 1.0,
    ) -> list[WrittenPlan]:
        """Write plans by what several readings say together; with none of them the model is not run at all."""
        progress = [Progress() for _ in range(count)]
        plans: list[list[int]] = [[] for _ in range(count)]
        pending: list[list[int]] = [[] for _ in range(count)]
        streams = self._streams(readings, count, menu.longest + 1)
        started = False
        while True:
            choices: list[Options] = []
            for i in range(count):
                forced, progress[i], options = menu.force(progress[i])
                plans[i] += forced
                pending[i] = pending[i] + forced if options else []  # what ends a plan need not be run
                choices.append(options)
            if not any(choices):
                break
            states: dict[int, list[Tensor]] = {}  # of each reading, at the new tokens of each plan
            for stream in streams:
                states |= stream.feed(pending, first=not started)
            started = True
            for i, options in enumerate(choices):
                if not options:
                    continue
                tokens_here = list(options)
                scores = [self._project(states[k][i][-1], tokens_here).log_softmax(-1) for k in range(len(readings))]
                taken = tokens_here[_draw(mix(scores, options), temperature, generator)]
                progress[i] = menu.advance(progress[i], taken)
                plans[i].append(taken)
                pending[i] = [taken]
        return [WrittenPlan(tuple(plan), state.chosen) for plan, state in zip(plans, progress, strict=True)]

    @contextmanager
    def serving(self, readings: Sequence[Reading]) -> Iterator[None]:
        """The model as it made each of these readings, those with the adapter first, for a batch of a row each."""
        adapted = [reading for reading in readings if reading.adapter]
        weights = adapted[0].weights if adapted else None
        with (
            nullcontext() if weights is None else self.holding(weights),
            self.adapted(bool(adapted)),
            self.base.served.only(len(adapted)) if 0 < len(adapted) < len(readings) else nullcontext(),
        ):
            yield

    def _streams(self, readings: Sequence[Reading], count: int, room: int) -> "list[_Stream]":
        """As few as can serve all readings: a few tokens cost one passage over the weights, however many read them."""
        groups: list[list[int]] = []
        for i, reading in enumerate(readings):
            fits = (group for group in groups if self._lean and all(readings[j].goes_with(reading) for j in group))
            if (group := next(fits, None)) is None:
                groups.append([i])
            else:
                group.append(i)
        ordered = (sorted(group, key=lambda i: not readings[i].adapter) for group in groups)
        return [_Stream(self, {i: readings[i] for i in group}, count, room) for group in ordered]

    def hidden(
        self, prefix: Prefix, plans: Sequence[WrittenPlan], *, adapter: bool = True, grad: bool = False
    ) -> Tensor:
        """The states from which each token of each plan is predicted: (plans, longest plan, width).

        Rows of shorter plans end in zeros. Gradients flow into the prefix when it has any.
        """
        branches = Branches([prefix], len(plans), packed=self.base.packs)
        with self.adapted(adapter), torch.set_grad_enabled(grad):
            states = branches.feed(self.decoder, [[prefix.last, *plan.tokens[:-1]] for plan in plans])
            return torch.nn.utils.rnn.pad_sequence([state[0] for state in states], batch_first=True)

    def allowed_logits(self, states: Tensor, menu: Menu) -> Tensor:
        """Logits of the menu's tokens: (..., width) -> (..., A), A in the order of menu_tokens."""
        return self._project(states, menu_tokens(menu))

    def all_logits(self, states: Tensor) -> Tensor:
        """Logits of the whole vocabulary: (..., width) -> (..., V)."""
        return self._project(states, None)

    @property
    def decoder(self) -> Any:
        """The transformer below the output layer."""
        model: Any = self.model
        return model.get_base_model().get_decoder()

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


class _Stream:
    """Readings that are continued in one batch."""

    def __init__(self, policy: Policy, readings: dict[int, Reading], count: int, room: int) -> None:
        self._policy, self._readings = policy, readings
        self._last = next(iter(readings.values())).prefix.last
        self._branches = Branches([r.prefix for r in readings.values()], count, packed=policy.base.packs, room=room)

    def feed(self, pending: Sequence[Sequence[int]], *, first: bool) -> dict[int, list[Tensor]]:
        """Run more tokens of each plan. Returns for each reading the states at them, (tokens, width) for each plan."""
        tokens = [[self._last, *more] for more in pending] if first else pending
        with self._policy.serving(list(self._readings.values())):
            states = self._branches.feed(self._policy.decoder, tokens)
        return {index: [state[row] for state in states] for row, index in enumerate(self._readings)}


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


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    weights = (logits / temperature).softmax(-1).double().cpu()
    return int(torch.multinomial(weights, 1, generator=generator))
