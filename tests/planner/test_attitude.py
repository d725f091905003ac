"""How feedback is read: where a directive's likelihood comes from, what is wanted there, and what is kept in a file."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from nanoresearch.planner import attitude  # noqa: E402
from nanoresearch.planner.attitude import (  # noqa: E402
    ABOUT,
    AttitudeReader,
    Evidence,
    fit_readout,
    likelihood_of,
    make_examples,
    make_instructions,
    sources_of,
)

SENTENCES = ["Report memory use.", "Use ten seeds.", "Leave figures out.", "Be brief."]
WORDS = "Ten seeds, and no figures."


def test_likelihoods_are_those_of_each_sentence_alone(tiny) -> None:  # type: ignore[no-untyped-def]
    likely, _, _ = sources_of(tiny, WORDS, SENTENCES)
    alone = [likelihood_of(tiny, ABOUT.format(WORDS), f" {s.rstrip('.')}\n") for s in SENTENCES]
    assert likely == pytest.approx(alone, abs=1e-3)


def test_every_directive_has_its_sources_within_the_feedback(tiny) -> None:  # type: ignore[no-untyped-def]
    _, sources, places = sources_of(tiny, WORDS, SENTENCES)
    assert sources.shape == (len(SENTENCES), len(places))
    assert sources.sum(1).tolist() == pytest.approx([1.0] * len(SENTENCES))
    assert (sources >= 0).all()
    assert "".join(WORDS[a:b] for a, b in places) == WORDS
    assert not torch.allclose(sources[0], sources[1])


def test_sources_are_what_a_change_of_the_keys_would_change(tiny_double) -> None:  # type: ignore[no-untyped-def]
    # Scaling one token's keys by 1 + h changes the log-likelihood by h times that token's pull.
    _, sources, places = sources_of(tiny_double, WORDS, SENTENCES[:1])
    start = len(tiny_double.encode(attitude.OPENING))
    changes = []
    for token in range(len(places)):
        values = [_likelihood_with_scaled_keys(tiny_double, start + token, 1 + h) for h in (1e-4, -1e-4)]
        changes.append(max((values[0] - values[1]) / 2e-4, 0.0))
    expected = torch.tensor(changes) / sum(changes)
    assert sources[0].tolist() == pytest.approx(expected.tolist(), abs=1e-3)


def _likelihood_with_scaled_keys(base, token: int, scale: float) -> float:  # type: ignore[no-untyped-def]
    prefix = torch.tensor([base.encode(ABOUT.format(WORDS))])
    row = base.encode(f" {SENTENCES[0].rstrip('.')}\n")
    with base.plainly(), torch.no_grad():
        first = base.backbone(input_ids=prefix, use_cache=True)
        for layer in first.past_key_values.layers:
            layer.keys[:, :, token] *= scale
        states = base.backbone(input_ids=torch.tensor([row]), past_key_values=first.past_key_values).last_hidden_state
        scores = torch.nn.functional.linear(states[0, :-1], base.head.weight).log_softmax(-1)
    return float(scores.gather(1, torch.tensor(row[1:])[:, None]).sum())


def test_what_rules_out_the_unwanted_is_wanted(tiny, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    # Two things in one text: the first is wanted, the second is not; one of the directives rules the second out.
    reader = AttitudeReader(tiny)
    sentences = ["Add a table.", "Show figures.", "Leave figures out."]
    sources = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    monkeypatch.setattr(attitude, "sources_of", lambda *_: ([0.0] * 3, sources, [(0, 1), (1, 2)]))
    monkeypatch.setattr(reader, "_attitudes", lambda *_: torch.tensor([1.0, -1.0]))
    reader._plain = dict.fromkeys(sentences, 0.0)
    reader._asking = dict(zip(sentences, (1.0, 1.0, -1.0), strict=True))
    one, two, three = reader.weigh("tables, no figures", sentences).attitude
    assert one > 0.9
    assert two < -0.9
    assert three > 0.9


def test_a_readout_finds_the_direction_that_tells_two_kinds_apart() -> None:
    torch.manual_seed(0)
    marks = torch.tensor([1.0, -1.0]).repeat(40)
    rows = torch.randn(80, 2, 6)
    rows[:, :, 3] += 2 * marks[:, None]
    readout = fit_readout("it", rows, marks)
    read = torch.einsum("nlh,lh->n", rows, readout["it"]) + readout["it_offset"]
    assert ((read > 0) == (marks > 0)).float().mean() > 0.95
    assert readout["it"].abs().argmax(1).tolist() == [3, 3]


def test_examples_name_what_they_judge_and_instructions_are_balanced() -> None:
    examples = make_examples(300)
    assert all(mention.lower() in text.lower() for text, mentions in examples for mention, _ in mentions)
    wanted = [wanted for _, mentions in examples for _, wanted in mentions]
    assert 0.4 < sum(wanted) / len(wanted) < 0.6
    assert sum(asks for _, asks in make_instructions(40)) == 20


def test_a_stale_readout_is_fitted_anew(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    keep = tmp_path / "readout.safetensors"
    first = AttitudeReader(tiny, keep)._weights
    written = keep.read_bytes()
    monkeypatch.setattr(AttitudeReader, "_fit", lambda *_: pytest.fail("a fresh one was fitted"))
    assert torch.equal(AttitudeReader(tiny, keep)._weights["attitude"], first["attitude"])
    monkeypatch.undo()
    monkeypatch.setattr(attitude, "EXAMPLES", 10)
    monkeypatch.setattr(attitude, "INSTRUCTIONS", 6)
    AttitudeReader(tiny, keep)
    assert keep.read_bytes() != written


def test_beside_a_clear_directive_faint_ones_do_not_count() -> None:
    alone = Evidence((6.0, 0.0), (1.0, 1.0)).bonus(1.0, 5.0)
    beside = Evidence((6.0, 30.0), (1.0, 1.0)).bonus(1.0, 5.0)
    assert alone[0] > 4.0
    assert beside[0] < 1.0
    assert beside[1] > 4.9
