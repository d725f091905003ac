"""What a feedback says about each directive, read from the model itself and never from a list of words.

Two readings of the same model are combined:

1. Relevance: how much likelier the model finds a directive's sentence after the feedback than after a neutral
   remark, against the same gain of all other directives (pointwise mutual information, nats). It finds every
   directive that a text speaks of, but is blind to negation: "leave the survey out" makes surveys likelier.
2. Attitude: whether a thing that the text mentions is wanted there. The text is given to the model twice, so that
   the second copy's hidden states have seen the whole of it; a linear readout of them, fitted on sentences of
   everyday life (attitudes.toml), says for each token whether what it stands for is wanted. Tokens of the feedback are
   matched with tokens of the directive by the likeness of their hidden states, and a directive that itself asks to
   leave something out ("Leave the equations out.") counts the other way round, by the same readout.

By Bayes' rule the teacher adds relevance times attitude to a directive's log-probability. Imports torch.
"""

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nanoresearch.planner.base_model import BaseModel

ABOUT = 'The researcher commented: "{}"\nThe comment is about these points:\n-'
FITS = 'The plan said: "{}"\nThe researcher, who wanted just that, had said: "'
NEUTRAL = "Thank you, that was fine."
ECHO = "{0}\nOnce more: {0}"
EXAMPLES = 360
DEPTHS = (0.47, 0.73, 1.0)
"""Layers that attitude is read from, as shares of the model's depth."""
MATCH_DEPTH = 0.27
"""Layer at which tokens of the feedback are matched with tokens of a directive."""
RIDGE = 1.0
MATCH_SHARPNESS = 6.0
RELEVANT_NATS = 4.5
"""Relevance at which a feedback is taken to speak of a directive with even odds."""
ATTITUDE_SCALE = 0.25
"""Readout at which a thing in a feedback is clearly wanted or unwanted."""
SURENESS = 4.0
"""How soon an attitude counts as certain: the sign is right far more often than the size says."""
ASKING_SHIFT, ASKING_SCALE = 0.32, 0.2
"""Directives ask for something unless the readout is clear that they forbid it."""


@dataclass(frozen=True)
class Reading:
    """A text's tokens in its second copy."""

    attitude: Tensor
    """(T,) wanted above zero, unwanted below."""
    vectors: Tensor
    """(T, H) unit vectors to match tokens by."""


@dataclass(frozen=True)
class Evidence:
    """What a feedback says about some directives."""

    relevance: tuple[float, ...]
    """Nats above the typical directive."""
    attitude: tuple[float, ...]
    """From -1, unwanted, to 1, wanted."""

    def bonus(self, weight: float, cap: float) -> list[float]:
        """Nats that each directive gains: the cap times the odds of being meant times the attitude."""
        return [
            max(-cap, min(cap, weight * cap * _sigmoid(relevance - RELEVANT_NATS) * attitude))
            for relevance, attitude in zip(self.relevance, self.attitude, strict=True)
        ]


class AttitudeReader:
    """Reads attitudes with one base model; the readout is fitted once and can be kept in a file."""

    def __init__(self, base: BaseModel, keep: Path | None = None) -> None:
        self._base = base
        depth = len(base.backbone.layers)
        self._layers = tuple(max(1, round(share * depth)) for share in DEPTHS)
        self._match = max(1, round(MATCH_DEPTH * depth))
        self._weights = self._load(keep) or self._fit(keep)
        self._readings: dict[str, Reading] = {}
        self._plain: dict[str, float] = {}

    def weigh(self, feedback: str, sentences: Sequence[str]) -> Evidence:
        """Evidence for each sentence of one phase; together they show what relevance is typical."""
        gains = self._gains(feedback, list(sentences))
        typical = float(torch.tensor(gains).median()) if len(gains) > 3 else 0.0
        heard = self._read(feedback)
        attitude = [self._agreement(heard, self._read(sentence)) for sentence in sentences]
        return Evidence(tuple(gain - typical for gain in gains), tuple(attitude))

    def fit(self, feedback: str, sentences: Sequence[str]) -> list[float]:
        """log p(feedback | sentence) of each: which of several rivals the words fit best, whatever their length."""
        return [likelihood_of(self._base, FITS.format(sentence), feedback) for sentence in sentences]

    def _gains(self, feedback: str, sentences: list[str]) -> list[float]:
        unseen = [sentence for sentence in sentences if sentence not in self._plain]
        if unseen:
            self._plain.update(zip(unseen, log_likelihoods(self._base, ABOUT.format(NEUTRAL), unseen), strict=True))
        after = log_likelihoods(self._base, ABOUT.format(feedback), sentences)
        return [value - self._plain[sentence] for value, sentence in zip(after, sentences, strict=True)]

    def _read(self, text: str) -> Reading:
        if text not in self._readings:
            self._readings[text] = self._readings_of([text])[0]
        return self._readings[text]

    def _agreement(self, heard: Reading, sentence: Reading) -> float:
        likeness = MATCH_SHARPNESS * heard.vectors @ sentence.vectors.T  # (T, U)
        match = likeness.flatten().softmax(0).reshape(likeness.shape).sum(1)
        said = (match * heard.attitude).sum()
        asked = sentence.attitude.mean() + ASKING_SHIFT
        agreement = torch.tanh(said / ATTITUDE_SCALE) * torch.tanh(asked / ASKING_SCALE)
        return float(torch.tanh(SURENESS * agreement))

    def _readings_of(self, texts: Sequence[str]) -> list[Reading]:
        return [
            Reading(
                torch.einsum("tlh,lh->t", states, self._weights["slope"]) + self._weights["offset"],
                torch.nn.functional.normalize(vectors - self._weights["centre"], dim=-1),
            )
            for states, vectors, _ in self._states(texts)
        ]

    def _fit(self, keep: Path | None) -> dict[str, Tensor]:
        examples = make_examples(EXAMPLES)
        rows, marks, centre = [], [], []
        for (text, mentions), (states, vectors, spans) in zip(
            examples, self._states([e[0] for e in examples]), strict=True
        ):
            centre.append(vectors.mean(0))
            for mention, wanted in mentions:
                start = text.lower().index(mention.lower())
                inside = [i for i, (a, b) in enumerate(spans) if b > start and a < start + len(mention)]
                rows.append(states[inside].mean(0))
                marks.append(1.0 if wanted else -1.0)
        weights = fit_readout(torch.stack(rows), torch.tensor(marks)) | {"centre": torch.stack(centre).mean(0)}
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            save_file(weights, keep, metadata={"base": self._base.fingerprint})
        return weights

    def _load(self, keep: Path | None) -> dict[str, Tensor] | None:
        if keep is None or not keep.exists():
            return None
        try:
            weights = load_file(keep)
        except Exception:  # noqa: BLE001  whatever a damaged file makes the reader raise, it is made anew
            return None
        width = self._base.head.weight.shape[1]
        fits = weights.keys() == {"slope", "offset", "centre"} and weights["slope"].shape == (len(self._layers), width)
        return weights if fits else None

    @torch.no_grad()
    def _states(self, texts: Sequence[str]) -> list[tuple[Tensor, Tensor, list[tuple[int, int]]]]:
        """For each text: states to judge by (T, layers, H), states to match by (T, H), and each token's place."""
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
                vectors = layers[self._match][row, inside].float().cpu()
                spans = [(max(e.offset_mapping[t][0] - start, 0), e.offset_mapping[t][1] - start) for t in inside]
                found[i] = (states, vectors, spans)
        return found


@torch.no_grad()
def log_likelihoods(base: BaseModel, prefix: str, sentences: Sequence[str]) -> list[float]:
    """log p(sentence | prefix) for each sentence, in nats; the prefix is run once."""
    start = torch.tensor([base.encode(prefix)], device=base.device)
    rows = [base.encode(f" {sentence.rstrip('.')}\n") for sentence in sentences]
    with base.plainly():
        first = base.backbone(input_ids=start, use_cache=True)
        opening = torch.nn.functional.linear(first.last_hidden_state[0, -1], base.head.weight).float().log_softmax(-1)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(rows))
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=base.device)
        states = base.backbone(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
        result = []
        for i, row in enumerate(rows):
            logits = torch.nn.functional.linear(states[i, : len(row) - 1], base.head.weight).float().log_softmax(-1)
            following = logits.gather(1, torch.tensor(row[1:], device=base.device)[:, None]).sum()
            result.append(float(opening[row[0]] + following))
    return result


@torch.no_grad()
def likelihood_of(base: BaseModel, prefix: str, text: str) -> float:
    """log p(text | prefix) in nats."""
    start, rest = base.encode(prefix), base.encode(text)
    with base.plainly():
        states = base.backbone(input_ids=torch.tensor([start + rest], device=base.device)).last_hidden_state
        scores = torch.nn.functional.linear(states[0, len(start) - 1 : -1], base.head.weight).float().log_softmax(-1)
    return float(scores.gather(1, torch.tensor(rest, device=base.device)[:, None]).sum())


def fit_readout(rows: Tensor, marks: Tensor) -> dict[str, Tensor]:
    """Ridge regression for each layer, averaged: rows (N, layers, H), marks (N,) of 1 and -1."""
    slopes, offset = [], 0.0
    layers = rows.shape[1]
    for layer in range(layers):
        x = rows[:, layer].double()
        mean, spread = x.mean(0), x.std(0) + 1e-4
        z = (x - mean) / spread
        gram = z @ z.T / z.shape[1] + RIDGE * torch.eye(len(z), dtype=torch.double)
        y = marks.double()
        slope = z.T @ torch.linalg.solve(gram, y - y.mean()) / z.shape[1] / spread
        slopes.append(slope / layers)
        offset += float((y.mean() - slope @ mean) / layers)
    return {"slope": torch.stack(slopes).float(), "offset": torch.tensor(offset)}


@cache
def _sentences() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("attitudes.toml").read_text(encoding="utf-8"))


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
    return examples + [(text, [(mention, wanted)]) for text, mention, wanted in data["direct"]]


def _comment(data: dict[str, Any], item: list[str], draw: random.Random) -> tuple[str, str, bool]:
    wanted = draw.random() < 0.5
    template = draw.choice(data["wanted" if wanted else "unwanted"])
    text, mentions = _fill(template, item, item)
    return text, mentions[0], wanted


def _fill(template: str, one: list[str], two: list[str]) -> tuple[str, list[str]]:
    text = template.format(
        n=one[1], N=one[1][0].upper() + one[1][1:], i=_lower(one[0]), I=one[0], m=two[1], j=_lower(two[0])
    )
    mentions = [one[1] if "{n}" in template or "{N}" in template else one[0], two[1] if "{m}" in template else two[0]]
    return text, mentions


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _sigmoid(value: float) -> float:
    return float(torch.sigmoid(torch.tensor(value)))
