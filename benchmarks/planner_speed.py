"""Seconds and memory of one learning step (sampling and update), ours against TRL's experimental SDPOTrainer.

    python benchmarks/planner_speed.py MODEL_FOLDER [--steps 3] [--prompts 400 1000]

Each contender runs in a process of its own: K = 4 plans of about 40 tokens, the same model in float32, the same
prompts and feedback, LoRA of rank 16 on all linear layers, AdamW, one thread. "allowed" compares distributions over the
tokens that the catalogue allows (our default), "all" over the whole vocabulary like TRL's full_logits. Both of ours
use the plain self-teacher with the feedback in its prompt, as TRL does. The time of a step is the median after one
warm-up; processor seconds are less disturbed by other work on the machine. Needs trl and datasets.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

WORDS = "the study compares simple methods on small public data and asks which of their parts matter most "
FEEDBACK = "Report parameter counts and latency in every study, and repeat over five seeds."
LINES = [
    "Report parameter count and latency of all methods.",
    "Repeat over five seeds with confidence intervals.",
    "Ablate every component of the new method.",
    "Break the errors down by class and length.",
    "Compare with an established alternative method.",
]


def main() -> None:
    """Run all contenders, or one of them when called by itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--prompts", type=int, nargs="+", default=[400, 1000])
    parser.add_argument("--contender", choices=["allowed", "all", "trl"])
    args = parser.parse_args()
    if args.contender:
        import torch

        torch.set_num_threads(1)
        run = trl_steps if args.contender == "trl" else our_steps
        spent = run(args.model, args.prompts[0], args.steps, args.contender)
        wall, cpu = ([step[i] for step in spent[1:]] for i in (0, 1))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"wall": statistics.median(wall), "cpu": statistics.median(cpu), "peak_mb": peak}))
        return
    print(
        "| prompt tokens | contender | wall s | CPU s | peak MB | TRL wall / ours | TRL CPU / ours |\n"
        + "|---" * 7
        + "|"
    )
    for length in args.prompts:
        found = {name: measure(args.model, length, args.steps, name) for name in ("allowed", "all", "trl")}
        for name, row in found.items():
            ratios = [f"{found['trl'][key] / row[key]:.1f}" for key in ("wall", "cpu")]
            cells = [length, name, f"{row['wall']:.1f}", f"{row['cpu']:.1f}", f"{row['peak_mb']:.0f}", *ratios]
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def measure(model: str, length: int, steps: int, contender: str) -> dict[str, float]:
    """One contender in a fresh process."""
    command = [
        sys.executable,
        __file__,
        model,
        "--steps",
        str(steps),
        "--prompts",
        str(length),
        "--contender",
        contender,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if result.returncode:
        raise SystemExit(f"{contender} failed:\n{result.stderr[-2000:]}")
    row: dict[str, float] = json.loads(result.stdout.strip().splitlines()[-1])
    return row


def message(tokenizer: Any, length: int) -> str:
    """A user message that makes a prompt of about so many tokens."""
    text = WORDS * (length // 10)
    ids = tokenizer(text, add_special_tokens=False).input_ids[: length - 30]
    return str(tokenizer.decode(ids))


def our_steps(model: str, length: int, steps: int, vocabulary: str) -> list[tuple[float, float]]:
    """Seconds of each step: wall, processor."""
    import torch

    from nanoresearch.planner.base_model import load_base
    from nanoresearch.planner.choices import Menu
    from nanoresearch.planner.policy import Policy
    from nanoresearch.planner.sdpo import Teacher, compare, distillation_loss

    base = load_base(str(Path(model).resolve()))
    policy = Policy(base)
    menu = Menu(base.menu(LINES).lines, base.end, least=4, most=4)
    text = message(base.tokenizer, length)
    parameters = list(policy.parameters().values())
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=1e-4)
    generator = torch.Generator().manual_seed(0)
    prompt, told = base.chat(text), base.chat(f"{text}\n\n{FEEDBACK}")
    teacher, spent = None, []
    for _ in range(steps + 1):
        start = (time.perf_counter(), time.process_time())
        if teacher is None:  # the teacher's prompt is run once a round
            informed = policy.read(told, adapter=False)
            teacher = Teacher(informed, informed, 1.0, (0.0,) * len(LINES), adapter=False)
        prefix = policy.read(prompt, grad=True)
        plans = policy.sample(prefix.detach(), menu, 4, generator)
        comparison = compare(policy, menu, prefix, plans, teacher, vocabulary, grad=True)  # type: ignore[arg-type]
        loss = distillation_loss(comparison, len(plans))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        spent.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    print("plan tokens:", [len(plan.tokens) for plan in plans], file=sys.stderr)
    return spent


def trl_steps(model: str, length: int, steps: int, _: str) -> list[tuple[float, float]]:
    """The same with TRL."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl.experimental.sdpo import SDPOConfig, SDPOTrainer

    tokenizer = AutoTokenizer.from_pretrained(model)
    text = message(tokenizer, length)
    row = {"prompt": [{"role": "user", "content": text}], "privileged_context": FEEDBACK}
    marks: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            if not marks:
                marks.append((time.perf_counter(), time.process_time()))

        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        config = SDPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            per_device_train_batch_size=4,
            num_generations=4,
            max_completion_length=40,
            generation_kwargs={"min_new_tokens": 40},
            max_prompt_length=None,
            max_steps=steps + 1,
            learning_rate=1e-4,
            teacher_model_kind="base",
            distillation_mode="full_logits",
            distillation_alpha=1.0,
            include_environment_feedback=True,
            use_successful_as_teacher=False,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            dataloader_pin_memory=False,
        )
        trainer = SDPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
            reward_funcs=[lambda completions, **__: [0.0] * len(completions)],
            args=config,
            train_dataset=Dataset.from_list([row] * 8),
            processing_class=tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[Clock()],
        )
        trainer.train()
    return [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(marks)]


if __name__ == "__main__":
    main()
