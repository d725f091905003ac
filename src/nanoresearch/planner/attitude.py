"""What a feedback says about each directive, read from the model itself and never from a list of words.

Four readings of the same model are combined:

1. Relevance: how much likelier the model finds a directive's sentence after the feedback than after a neutral
   remark, against the same gain of all other directives (pointwise mutual information, nats). It finds every
   directive that a text speaks of, but is blind to negation: "leave the survey out" makes surveys likelier.
2. Source: which tokens of the feedback made the directive likelier, by the gradient of its log-probability with
   respect to the keys of the feedback in the cache, times those keys. One text can thus want one thing and not another.
3. Attitude: whether a thing that the text mentions is wanted there. The text is given to the model twice, so that
   the second copy's hidden states have seen the whole of it; a linear readout of them, fitted on sentences of
   everyday life (attitudes.toml), says for each token whether what it stands for is wanted.
4. Asking: whether the directive asks for something or rules it out ("Leave the equations out."), by a second readout
   fitted on everyday instructions. A directive that rules out what the feedback does not want is wanted.

By Bayes' rule the teacher adds relevance times attitude to a directive's log-probability. Imports torch.
"""

import hashlib
import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import DynamicCache

from nanoresearch.planner.base_model import BaseModel

OPENING = 'The researcher commented: "'
ABOUT = OPENING + '{}"\nThe comment is about these points:\n-'
FITS = 'The plan said: "{}"\nThe researcher, who wanted just that, had said: "'
NEUTRAL = "Thank you, that was fine."
ECHO = "{0}\nOnce more: {0}"
EXAMPLES, INSTRUCTIONS = 480, 160
BARE_SHARE = 2
"""To so many comments comes one bare instruction."""
DEPTHS = (0.47, 0.53, 0.6, 0.67, 0.73, 0.8, 0.87)
"""Layers that attitude is read from, as shares of the model's depth."""
RIDGE = 0.1
NEIGHBOURS = 0.25
"""Weight of each neighbour in a token's attitude: what is said of a thing is often clearest beside it."""
RELEVANT_NATS = 4.5
"""Relevance at which a feedback is taken to speak of a directive with even odds, at least."""
RELEVANT_SHARE = 0.25
"""The same as a share of the most relevant directive's: the clearer a feedback names one, the less the others count."""
ATTITUDE_SCALE = 0.5
"""Readout at which a thing in a feedback is clearly wanted or unwanted; the readout is fitted to 1 and -1."""
SURENESS = 8.0
"""How soon an attitude counts as certain: the sign is right far more often than the size says."""
ASKING_SHIFT, ASKING_SCALE = 0.5, 0.2
"""Directives ask for something unless the readout is clear that they forbid it."""

Span = tuple[int, int]
"""First character of a token in its text, and the one after its last."""


@dataclass(frozen=True)
class Evidence:
    """What a feedback says about some directives."""

    relevance: tuple[float, ...]
    """Nats above the typical directive."""
    attitude: tuple[float, ...]
    """From -1, unwanted, to 1, wanted."""

    def bonus(self, weight: float, cap: float) -> list[float]:
        """Nats that each directive gains: the cap times the odds of being meant times the attitude."""
        even = max(RELEVANT_NATS, RELEVANT_SHARE * max(self.relevance, default=0.0))
        return [
            max(-cap, min(cap, weight * cap * _sigmoid(relevance - even) * attitude))
            for relevance, attitude in zip(self.relevance, self.attitude, strict=True)
        ]


class AttitudeReader:
    """Reads attitudes with one base model; the readouts are fitted once and can be kept in a file."""

    def __init__(self, base: BaseModel, keep: Path | None = None) -> None:
        self._base = base
        depth = len(base.backbone.layers)
        self._layers = tuple(dict.fromkeys(max(1, round(share * depth)) for share in DEPTHS))
        self._weights = self._load(keep) or self._fit(keep)
        self._asking: dict[str, float] = {}
        self._plain: dict[str, float] = {}

    def weigh(self, feedback: str, sentences: Sequence[str]) -> Evidence:
        """Evidence for each sentence of one phase; together they show what relevance is typical."""
        feedback = self._base.plain(feedback)
        self._get_acquainted(sentences)
        after, sources, places = sources_of(self._base, feedback, sentences)
        gains = [value - self._plain[sentence] for value, sentence in zip(after, sentences, strict=True)]
        typical = float(torch.tensor(gains).median()) if len(gains) > 3 else 0.0
        said = sources @ torch.tanh(self._attitudes(feedback, places) / ATTITUDE_SCALE)
        asking = torch.tensor([self._asking[sentence] for sentence in sentences])
        agreement = torch.tanh(SURENESS * said * torch.tanh((asking + ASKING_SHIFT) / ASKING_SCALE))
        return Evidence(tuple(gain - typical for gain in gains), tuple(agreement.tolist()))

    def fit(self, feedback: str, sentences: Sequence[str]) -> list[float]:
        """log p(feedback | sentence) of each: which of several rivals the words fit best, whatever their length."""
        return [likelihood_of(self._base, FITS.format(sentence), feedback) for sentence in sentences]

    def _get_acquainted(self, sentences: Sequence[str]) -> None:
        """What no feedback changes: how likely each sentence is otherwise, and whether it asks or forbids."""
        unseen = [sentence for sentence in sentences if sentence not in self._plain]
        if not unseen:
            return
        usual, _, _ = sources_of(self._base, NEUTRAL, unseen)
        self._plain.update(zip(unseen, usual, strict=True))
        for sentence, (states, _) in zip(unseen, self._states(unseen), strict=True):
            self._asking[sentence] = float(self._project(states.mean(0), "asking"))

    def _attitudes(self, feedback: str, places: Sequence[Span]) -> Tensor:
        """(T,) above zero where the text wants what stands there, below where it does not."""
        states, spans = self._states([feedback])[0]
        each = self._project(states, "attitude")
        padded = torch.cat([each[:1], each, each[-1:]])
        smooth = (1 - 2 * NEIGHBOURS) * each + NEIGHBOURS * (padded[:-2] + padded[2:])
        # The two prompts may cut the text into tokens differently at its edges.
        return torch.stack(
            [smooth[[i for i, (c, d) in enumerate(spans) if d > a and c < b] or [0]].mean() for a, b in places]
        )

    def _project(self, states: Tensor, readout: str) -> Tensor:
        return torch.einsum("...lh,lh->...", states, self._weights[readout]) + self._weights[f"{readout}_offset"]

    def _fit(self, keep: Path | None) -> dict[str, Tensor]:
        examples = make_examples(EXAMPLES)
        rows, marks = [], []
        for (text, mentions), (states, spans) in zip(examples, self._states([e[0] for e in examples]), strict=True):
            for mention, wanted in mentions:
                start = text.lower().index(mention.lower())
                inside = [i for i, (a, b) in enumerate(spans) if b > start and a < start + len(mention)]
                rows.append(states[inside])
                marks += [1.0 if wanted else -1.0] * len(inside)
        instructions = make_instructions(INSTRUCTIONS)
        whole = torch.stack([states.mean(0) for states, _ in self._states([text for text, _ in instructions])])
        asks = torch.tensor([1.0 if asks else -1.0 for _, asks in instructions])
        weights = fit_readout("attitude", torch.cat(rows), torch.tensor(marks)) | fit_readout("asking", whole, asks)
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            save_file(weights, keep, metadata={"recipe": self._recipe()})
        return weights

    def _load(self, keep: Path | None) -> dict[str, Tensor] | None:
        if keep is None or not keep.exists():
            return None
        try:
            with safe_open(keep, framework="pt") as file:
                if (file.metadata() or {}).get("recipe") != self._recipe():
                    return None  # another model's, or fitted on other examples
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
        except Exception:  # noqa: BLE001  whatever a damaged file makes the reader raise, it is made anew
            return None

    def _recipe(self) -> str:
        """Digest of all that the readouts depend on: model, examples, layers, constants."""
        parts = (self._base.fingerprint, ECHO, EXAMPLES, BARE_SHARE, INSTRUCTIONS, self._layers, RIDGE, _source())
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @torch.no_grad()
    def _states(self, texts: Sequence[str]) -> list[tuple[Tensor, list[Span]]]:
        """For each text: the states of its second copy (T, layers, H), and each token's place in it."""
        found: list[Any] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        device = self._base.device
        for batch in (order[i : i + 16] for i in range(0, len(order), 16)):
            whole = [ECHO.format(self._base.plain(texts[i])) for i in batch]
            encoded = [self._base.tokenizer(t, add_special_tokens=False, return_offsets_mapping=True) for t in whole]
            longest = max(len(e.input_ids) for e in encoded)
            ids = torch.zeros(len(batch), longest, dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, e in enumerate(encoded):
                ids[row, : len(e.input_ids)] = torch.tensor(e.input_ids)
                mask[row, : len(e.input_ids)] = 1
            with self._base.plainly():
                layers = self._base.backbone(
                    input_ids=ids.to(device), attention_mask=mask.to(device), output_hidden_states=True, use_cache=False
                ).hidden_states
            for row, (i, e) in enumerate(zip(batch, encoded, strict=True)):
                start = len(whole[row]) - len(self._base.plain(texts[i]))
                inside = [t for t, (_, b) in enumerate(e.offset_mapping) if b > start]
                states = torch.stack([layers[n][row, inside] for n in self._layers], 1).float().cpu()
                spans = [(max(e.offset_mapping[t][0] - start, 0), e.offset_mapping[t][1] - start) for t in inside]
                found[i] = (states, spans)
        return found


def sources_of(base: BaseModel, feedback: str, sentences: Sequence[str]) -> tuple[list[float], Tensor, list[Span]]:
    """How likely a comment makes each sentence, and which of the comment's tokens do so.

    Returns log p(sentence | comment) in nats, shares (sentences, T) that sum to 1 in each row, and the tokens' places.
    """
    prefix = ABOUT.format(feedback)
    encoded = base.tokenizer(prefix, add_special_tokens=False, return_offsets_mapping=True)
    start, end = len(OPENING), len(OPENING) + len(feedback)
    inside = [i for i, (a, b) in enumerate(encoded.offset_mapping) if b > start and a < end]
    places = [(max(a - start, 0), min(b, end) - start) for a, b in (encoded.offset_mapping[i] for i in inside)]
    rows = [base.encode(f" {sentence.rstrip('.')}\n") for sentence in sentences]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=base.device)
    with base.plainly(), torch.no_grad():
        first = base.backbone(input_ids=torch.tensor([encoded.input_ids], device=base.device), use_cache=True)
    with base.plainly(), torch.enable_grad():
        keys, cache = [], DynamicCache()
        for number, layer in enumerate(first.past_key_values.layers):
            keys.append(layer.keys.expand(len(rows), -1, -1, -1).clone().requires_grad_(True))
            cache.update(keys[-1], layer.values.expand(len(rows), -1, -1, -1), number)
        states = base.backbone(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
        opening = first.last_hidden_state[:, -1:].expand(len(rows), -1, -1)
        scores = torch.nn.functional.linear(torch.cat([opening, states[:, :-1]], 1), base.head.weight).float()
        each = scores.log_softmax(-1).gather(2, ids[..., None])[..., 0]
        written = torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows], device=base.device)
        likely = (each * written).sum(1)
        slopes = torch.autograd.grad(likely.sum(), keys)
    pulls = sum((slope * key).sum((1, 3))[:, inside].float() for slope, key in zip(slopes, keys, strict=True))
    assert isinstance(pulls, Tensor)
    pulls = pulls.detach().clamp(min=0) + 1e-9
    return likely.detach().tolist(), (pulls / pulls.sum(1, keepdim=True)).cpu(), places


@torch.no_grad()
def likelihood_of(base: BaseModel, prefix: str, text: str) -> float:
    """log p(text | prefix) in nats."""
    start, rest = base.encode(prefix), base.encode(text)
    with base.plainly():
        states = base.backbone(input_ids=torch.tensor([start + rest], device=base.device)).last_hidden_state
        scores = torch.nn.functional.linear(states[0, len(start) - 1 : -1], base.head.weight).float().log_softmax(-1)
    return float(scores.gather(1, torch.tensor(rest, device=base.device)[:, None]).sum())


def fit_readout(name: str, rows: Tensor, marks: Tensor) -> dict[str, Tensor]:
    """Ridge regression for each layer, averaged: rows (N, layers, H), marks (N,) of 1 and -1."""
    slopes, offset = [], 0.0
    layers = rows.shape[1]
    for layer in range(layers):
        x = rows[:, layer].double()
        mean, spread = x.mean(0), x.std(0) + 1e-4
        z = (x - mean) / spread
        gram = z.T @ z / len(z) + RIDGE * torch.eye(z.shape[1], dtype=torch.double)
        y = marks.double()
        slope = torch.linalg.solve(gram, z.T @ (y - y.mean()) / len(z)) / spread
        slopes.append(slope / layers)
        offset += float((y.mean() - slope @ mean) / layers)
    return {name: torch.stack(slopes).float(), f"{name}_offset": torch.tensor(offset)}


@cache
def _source() -> str:
    return files(__package__).joinpath("attitudes.toml").read_text(encoding="utf-8")


@cache
def _sentences() -> dict[str, Any]:
    return tomllib.loads(_source())


def make_instructions(count: int, seed: int = 0) -> list[tuple[str, bool]]:
    """Instructions of everyday life and whether each asks for something; every second one rules it out."""
    data, draw = _sentences(), random.Random(seed)
    made = []
    for number in range(count):
        asks = number % 2 == 0
        one, two = draw.sample(data["items"], 2)
        made.append((_fill(draw.choice(data["asking" if asks else "forbidding"]), one, two)[0], asks))
    return made


def make_examples(count: int, seed: int = 0) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Comments of everyday life with the things they mention and whether each is wanted."""
    data, draw = _sentences(), random.Random(seed)
    pairs = [
        ("both_wanted", True, True),
        ("both_unwanted", False, False),
        ("first_only", True, False),
        ("second_only", False, True),
    ]
    examples = []
    for _ in range(count):
        one, two = draw.sample(data["items"], 2)
        kind = draw.random()
        if kind < 0.35:
            text, mention, wanted = _comment(data, one, draw)
            examples.append((text, [(mention, wanted)]))
        elif kind < 0.65:
            text, mention, wanted = _comment(data, one, draw)
            other, second, also = _comment(data, two, draw)
            joint = draw.choice([" ", " ", ", and ", ", but ", "; "])
            if joint != " ":
                text = text.rstrip(".?") + joint
                other = other if other.startswith("I ") else _lower(other)
            else:
                text += " "
            examples.append((text + other, [(mention, wanted), (second, also)]))
        else:
            name, first, second_wanted = draw.choice(pairs)
            template = draw.choice(data[name])
            text, mentions = _fill(template, one, two)
            examples.append((text, [(mentions[0], first), (mentions[1], second_wanted)]))
    for number in range(count // BARE_SHARE):  # "Add garlic.": nothing beside the thing says that it is wanted
        wanted = number % 2 == 0
        text, mentions = _fill(draw.choice(data["asking" if wanted else "forbidding"]), *draw.sample(data["items"], 2))
        examples.append((text, [(mentions[0], wanted)]))
    return examples + [(text, [(mention, wanted)]) for text, mention, wanted in data["direct"]]


def _comment(data: dict[str, Any], item: list[str], draw: random.Random) -> tuple[str, str, bool]:
    wanted = draw.random() < 0.5
    template = draw.choice(data["wanted" if wanted else "unwanted"])
    text, mentions = _fill(template, item, item)
    return text, mentions[0], wanted


def _fill(template: str, one: list[str], two: list[str]) -> tuple[str, list[str]]:
    text = template.format(
        n=one[1], N=_upper(one[1]), i=_lower(one[0]), I=one[0], m=two[1], M=_upper(two[1]), j=_lower(two[0]), J=two[0]
    )
    mentions = [
        one[1] if "{n}" in template or "{N}" in template else one[0],
        two[1] if "{m}" in template or "{M}" in template else two[0],
    ]
    return text, mentions


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _sigmoid(value: float) -> float:
    return float(torch.sigmoid(torch.tensor(value)))
