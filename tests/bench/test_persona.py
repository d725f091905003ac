"""What simulated researchers say, and when they say nothing."""

from itertools import pairwise

import pytest

from nanoresearch.bench import persona
from nanoresearch.bench.checks import holds, stage_of
from nanoresearch.bench.persona import MOST_WISHES, PhraseSpeaker, SimulatedResearcher, phrases, wording
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.planner.catalogue import load_catalogue
from nanoresearch.researcher.source import STAGES
from nanoresearch.schema.benchmark import Check, Task
from tests.bench import made

TASKS = load_tasks()


def researcher(task: Task, monkeypatch: pytest.MonkeyPatch, *, seed: int = 0, number: int = 1, **parts: object):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(persona, "Artifacts", lambda folder: made.run(**parts))
    return SimulatedResearcher(task, made.NOWHERE, PhraseSpeaker(seed, number), seed, number)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.question_id)
def test_every_wish_can_be_said_in_three_ways(task: Task) -> None:
    for check in task.extra_context.checks:
        found = phrases(check)
        assert len(set(found)) >= 3, check
        assert all(phrase.strip() and "{" not in phrase and "_" not in phrase for phrase in found), found


def test_no_phrase_is_a_directive() -> None:
    """The planner must read what is meant: it is never handed its own sentences."""
    directives = [entry.directive.text.rstrip(".").casefold() for entry in load_catalogue()]
    said = [phrase for task in TASKS.values() for check in task.extra_context.checks for phrase in phrases(check)]
    said += [phrase for table in wording().values() for phrase in table.get("says", ())]
    for phrase in said:
        assert not [text for text in directives if text in phrase.casefold()], phrase


def test_what_is_missing_is_said_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS["graph-02-connectome-transfer"]
    few = researcher(task, monkeypatch, blueprint=made.blueprint(seeds=(0, 1)))
    assert Check(kind="min_seeds", value=10, implicit=True) in few.unmet("ideation_and_planning")
    assert "seeds" in few.ask("ideation_and_planning", "")
    enough = researcher(task, monkeypatch, blueprint=made.blueprint(seeds=tuple(range(10))))
    assert "seeds" not in enough.ask("ideation_and_planning", "")
    assert enough.unmet("ideation_and_planning") == [Check(kind="permutations_min", value=1000)]


def test_a_satisfied_researcher_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS["ts-03-forecast-combination"]
    code = {"run.py": "import numpy"}
    done = researcher(task, monkeypatch, code=code, results=[made.result()])
    assert done.ask("experiments", "") == ""
    burdened = researcher(task, monkeypatch, code={**code, "submit.sbatch": ""}, results=[made.result()])
    assert "cluster" in burdened.ask("experiments", "")


def test_wishes_are_judged_at_the_end_of_their_own_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    for task in TASKS.values():
        someone = researcher(task, monkeypatch)
        for stage in STAGES:
            wishes = someone.unmet(stage)
            assert len(wishes) <= MOST_WISHES
            assert all(stage_of(wish) == stage and not holds(wish, made.run()) for wish in wishes)


def test_words_change_with_round_and_seed_and_are_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    task = TASKS["tab-03-doctor-visits"]

    def said(seed: int, number: int) -> str:
        return str(researcher(task, monkeypatch, seed=seed, number=number).ask("writing", ""))

    rounds = [said(0, number) for number in range(1, 9)]
    assert said(0, 3) == rounds[2]
    assert len(set(rounds)) > 2
    assert any(first != second for first, second in pairwise(said(seed, 1) for seed in range(5)))
