"""Designer and critic in the planning stage: drafts until one passes, or until the rounds are used up."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from nanoresearch.config import Config, DesignConfig
from nanoresearch.crew.llm.design.critic import LlmCritic
from nanoresearch.crew.llm.design.designer import LlmDesigner
from nanoresearch.errors import BlueprintRejected
from nanoresearch.schema.blueprint import Critique
from nanoresearch.schema.profile import Compute, Profile, StatisticsHabits
from nanoresearch.stages.planning import BLUEPRINT, CRITIQUES, SEAL, design

from .bench import HYPOTHESIS, Bench, briefing, own_draft


def work(bench: Bench, profile: Profile | None = None, **scripts: Any) -> Any:
    config = Config(crew="llm", design=DesignConfig(rounds=3))
    desk = bench.desk(config, **scripts)
    return SimpleNamespace(
        begin=lambda *_: briefing(profile),
        folder=bench.folder,
        log=SimpleNamespace(step=lambda name: None),
        config=config,
        crew=SimpleNamespace(designer=LlmDesigner(desk), critic=LlmCritic(desk)),
        data_root=bench.data_root,
        events=desk.events,
    )


def draft(steps: int, answer: str = "") -> dict[str, Any]:
    text = f"Gaussian steps of adaptive width for {steps} evaluations."
    answers = [{"objection": 1, "answer": answer}] if answer else []
    return own_draft(baseline={"name": "hill climbing", "description": text}, answers=answers)


def objection(quote: str) -> dict[str, Any]:
    return {
        "objections": [
            {
                "kind": "unfair_comparison",
                "path": "methods.baseline.description",
                "quote": quote,
                "problem": "Annealing is given more evaluations.",
                "change": "Give the baseline as many.",
                "blocking": True,
            }
        ]
    }


def test_the_draft_that_passes_is_frozen(bench: Bench) -> None:
    scripts = {
        "designer": [draft(100), draft(500, "the baseline has 500 evaluations")],
        "critic": [objection("100 evaluations"), {"objections": []}],
    }
    blueprint = design(work(bench, **scripts), HYPOTHESIS)
    assert "500 evaluations" in next(m.description for m in blueprint.methods if m.id == "baseline")
    verdicts = [critique.passed for critique in bench.folder.load_lines(CRITIQUES, Critique)]
    assert verdicts == [False, True]
    assert bench.folder.has(SEAL)
    assert design(work(bench), HYPOTHESIS) == blueprint  # frozen: nobody is asked again


def test_a_kill_before_the_seal_costs_no_second_call(bench: Bench) -> None:
    scripts = {
        "designer": [draft(100), draft(500, "the baseline has 500 evaluations")],
        "critic": [objection("100 evaluations"), {"objections": []}],
    }
    blueprint = design(work(bench, **scripts), HYPOTHESIS)
    bench.folder.path(SEAL).unlink()
    bench.folder.path(BLUEPRINT).unlink()
    assert design(work(bench, designer=[], critic=[]), HYPOTHESIS) == blueprint


def test_rounds_are_limited(bench: Bench) -> None:
    steps = (100, 200, 300)
    scripts = {
        "designer": [draft(100), *(draft(n, f"now there are {n} evaluations") for n in steps[1:])],
        "critic": [objection(f"{n} evaluations") for n in steps],
    }
    with pytest.raises(BlueprintRejected, match="No design passed the critic in 3 drafts") as failure:
        design(work(bench, **scripts), HYPOTHESIS)
    assert "300 evaluations" in str(failure.value)
    assert not bench.folder.has(SEAL)


def test_a_test_without_power_is_replaced_for_good(bench: Bench) -> None:
    """What the program's objection changed stays changed when a later round is about something else."""
    profile = Profile(compute=Compute(minutes=30), statistics=StatisticsHabits(seeds=3, test="wilcoxon"))
    scripts = {
        "designer": [draft(100), draft(100, "the test is another one"), draft(500, "there are 500 evaluations")],
        "critic": [objection("100 evaluations"), {"objections": []}],
    }
    blueprint = design(work(bench, profile, **scripts), HYPOTHESIS)
    kinds = [[item.kind for item in c.objections] for c in bench.folder.load_lines(CRITIQUES, Critique)]
    assert kinds == [["underpowered"], ["unfair_comparison"], []]
    assert blueprint.test == "paired_t"
