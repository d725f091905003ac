"""The base model of a planner: any causal language model with a chat template, loaded once and never changed.

Imports torch: import it only when a planner of this kind is used.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from nanoresearch.planner.branches import PROMPT, branch_mask
from nanoresearch.planner.choices import Menu
from nanoresearch.planner.lora import Served
from nanoresearch.planner.problems import ModelUnusable
from nanoresearch.planner.smollm import DEFAULT_MODEL, ensure_smollm

EDGE_BYTES = 1 << 20


@dataclass
class BaseModel:
    """Weights, tokenizer and what identifies them."""

    name: str
    model: Any
    tokenizer: Any
    fingerprint: str
    head: Any = field(init=False)
    device: torch.device = field(init=False)
    packs: bool = field(init=False)
    """Whether plans that continue one prompt can share a row of tokens."""
    served: Served = field(default_factory=Served)
    """Which rows of a batch get an adapter, in models whose adapters can do that."""
    _adapters: int = 0

    def __post_init__(self) -> None:
        """Raise ModelUnusable unless the model can write plans."""
        if not getattr(self.tokenizer, "chat_template", None):
            raise ModelUnusable(
                f"The model {self.name} has no chat template, so it cannot be asked for a plan. "
                "Choose an instruction-tuned model for planner.model."
            )
        if self.tokenizer.eos_token_id is None:
            raise ModelUnusable(f"The tokenizer of {self.name} has no end token. Choose another planner.model.")
        self.model.eval().requires_grad_(False)
        self.head = self.model.get_output_embeddings()
        self.device = self.head.weight.device
        self._check_head()
        self.packs = _attends_everywhere(self.model.config.get_text_config()) and self._packs_exactly()

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return int(self.tokenizer.eos_token_id)

    def claim_adapter_name(self) -> str:
        """A name that no other adapter on this model has."""
        self._adapters += 1
        return f"user{self._adapters}"

    @property
    def backbone(self) -> Any:
        """The transformer below the output layer, with whatever adapters are active."""
        model = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        return model.get_decoder()

    @contextmanager
    def plainly(self) -> Iterator[None]:
        """The model without any adapter."""
        with self.model.disable_adapter() if hasattr(self.model, "disable_adapter") else nullcontext():
            yield

    def count(self, text: str) -> int:
        """Tokens in a text."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text; marks that steer the model are read as text's absence, never as marks."""
        return list(self.tokenizer(self.plain(text), add_special_tokens=False).input_ids)

    def plain(self, text: str) -> str:
        """Text without the tokenizer's control marks, so that no words of a user can close a turn of the chat."""
        for mark in sorted(self.tokenizer.all_special_tokens, key=len, reverse=True):
            text = text.replace(mark, " ")
        return text

    def chat(self, message: str) -> list[int]:
        """Tokens of a chat in which the user said this and the model is about to answer."""
        ids = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": self.plain(message)}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            enable_thinking=False,  # templates that know no such switch ignore it
        )
        return list(ids)

    def menu(self, sentences: Sequence[str], rivals: tuple[frozenset[int], ...] = ()) -> Menu:
        """The plans that these sentences allow: one to six of them, no two rivals."""
        lines = tuple(tuple(self.encode(f"- {sentence}\n")) for sentence in sentences)
        return Menu(lines, self.end, least=1, most=min(6, len(lines)), rivals=rivals)

    @torch.no_grad()
    def _check_head(self) -> None:
        # Some architectures scale or cap their logits after the output matrix; plans are scored by the matrix alone.
        ids = torch.tensor([[self.end, 1]], device=self.device)
        whole = self.model(input_ids=ids).logits
        states = self.model.get_decoder()(input_ids=ids).last_hidden_state
        direct = torch.nn.functional.linear(states, self.head.weight, self.head.bias)
        if not torch.allclose(whole.float(), direct.float(), atol=0.05, rtol=0.02):
            raise ModelUnusable(
                f"The model {self.name} ({type(self.model).__name__}) changes its logits after the output layer, "
                "which this planner does not support. Choose another planner.model, such as a Llama, Qwen or SmolLM."
            )

    @torch.no_grad()
    def _packs_exactly(self) -> bool:
        # Attention that looks at distances in the row and not at positions tells a packed plan from one by itself.
        prompt, one, other = [self.end, 1, 2], [3] * 24, [4, 5]
        owner = [PROMPT] * len(prompt) + [0] * len(one) + [1] * len(other)
        positions = [*range(len(prompt) + len(one)), *range(len(prompt), len(prompt) + len(other))]
        decoder = self.model.get_decoder()
        packed = decoder(
            input_ids=torch.tensor([prompt + one + other], device=self.device),
            position_ids=torch.tensor([positions], device=self.device),
            attention_mask=branch_mask(owner, len(owner), self.head.weight),
            use_cache=False,
        ).last_hidden_state[0, -len(other) :]
        alone = decoder(input_ids=torch.tensor([prompt + other], device=self.device), use_cache=False)
        wanted = alone.last_hidden_state[0, -len(other) :]
        return bool((packed - wanted).float().norm() <= 0.05 * wanted.float().norm())


def _attends_everywhere(config: Any) -> bool:
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    masked = getattr(config, "_attn_implementation", None) in ("sdpa", "eager")
    return masked and kinds == {"full_attention"} and getattr(config, "sliding_window", None) is None


def load_base(source: str = DEFAULT_MODEL, models: Path | None = None) -> BaseModel:
    """The default model by its name (fetched into models on first use), a local folder, or a hub name.

    On a GPU: bfloat16 and a device map. Raises ModelUnusable saying what is wrong and what to do.
    """
    if source == DEFAULT_MODEL:
        if models is None:
            raise ValueError("The default model needs the folder that it is kept in.")
        where = str(ensure_smollm(models))
    else:
        where = str(Path(source).expanduser()) if _is_path(source) else source
        if _is_path(source):
            _check_folder(Path(where))
    gpu = torch.cuda.is_available()
    options: dict[str, Any] = {"dtype": torch.bfloat16, "device_map": "auto"} if gpu else {"dtype": torch.float32}
    try:
        tokenizer = AutoTokenizer.from_pretrained(where)
        model = AutoModelForCausalLM.from_pretrained(where, **options)
    except Exception as error:  # the loaders raise whatever their many parsers raise: all mean the same here
        raise ModelUnusable(
            f"The model {source} cannot be loaded: {type(error).__name__}: {_first_line(error)}. Check planner.model: "
            "a folder must hold config.json, safetensors weights and a tokenizer; a hub name needs the network."
        ) from error
    return BaseModel(source, model, tokenizer, _fingerprint(Path(where), model))


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "~")) or Path(source).expanduser().is_dir()


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelUnusable(f"planner.model names {folder}, which is no folder.")
    if not (folder / "config.json").is_file():
        raise ModelUnusable(f"The model folder {folder} has no config.json: it is no model, or an incomplete one.")


def _fingerprint(folder: Path, model: Any) -> str:
    """Digest of the configuration and of each weight file's size and edges; of the hub's commit for a hub name."""
    digest = hashlib.sha256()
    if not folder.is_dir():
        digest.update(f"{model.config.name_or_path}@{getattr(model.config, '_commit_hash', None)}".encode())
        return digest.hexdigest()
    for path in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.bin")) + [folder / "config.json"]:
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(EDGE_BYTES))
            if size > EDGE_BYTES:
                file.seek(max(size - EDGE_BYTES, EDGE_BYTES))
                digest.update(file.read())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else "no reason given"
