"""A tiny random Llama with a byte-level tokenizer, made here: no download."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def make_folder(folder: Path, template: bool = True, width: int = 32) -> Path:
    """A model folder that the loader reads like any other."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|end|>", additional_special_tokens=["<|start|>"]
    )
    if template:
        tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, initializer_range=0.3, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("peft")
    return make_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny(tiny_folder: Path):  # type: ignore[no-untyped-def]
    from nanoresearch.planner.base_model import load_base

    return load_base(str(tiny_folder))


@pytest.fixture
def tiny_double(tiny):  # type: ignore[no-untyped-def]
    tiny.model.double()
    return tiny


@pytest.fixture(autouse=True)
def _quick_readout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A readout of few examples: with random weights it means nothing anyway. Tests of real weights get all of them."""
    if request.node.get_closest_marker("network"):
        yield
        return
    try:
        from nanoresearch.planner import attitude
    except ImportError:
        yield
        return
    monkeypatch.setattr(attitude, "EXAMPLES", 12)
    monkeypatch.setattr(attitude, "INSTRUCTIONS", 8)
    yield


Maker = Callable[..., Path]


@pytest.fixture
def make_model_folder() -> Maker:
    return make_folder
