"""Survey, ideas and novelty of this crew in the stage that joins them, killed and resumed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.crew.builtin.crew import builtin_crew
from nanoresearch.crew.llm.ideas.ideator import LlmIdeator
from nanoresearch.crew.llm.ideas.novelty import LlmNoveltyReader
from nanoresearch.crew.llm.ideas.surveyor import LlmSurveyor
from nanoresearch.crew.roles import Crew
from nanoresearch.errors import ModelError
from nanoresearch.events import Events
from nanoresearch.execution.inprocess import InProcessExecutor
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.models.scripted import ToolCall
from nanoresearch.planner.planner import FixedPlanner
from nanoresearch.schema.idea import Survey
from nanoresearch.schema.profile import Profile
from nanoresearch.stages.ideation import Ideation, ideate
from nanoresearch.stages.workplace import Workplace
from tests.crew.llm.ideas.conftest import (
    GAPS,
    QUERIES,
    SCORES,
    SECOND,
    TOPIC,
    WORKS,
    Sitting,
    candidate,
    directive,
    judged,
    work,
)

LATE = work("mole-blur", "Blurring of moles by bandwidth", "Blurred moles are less sure of themselves.", year=2024)
CORPUS = OfflineCorpus([*WORKS, LATE], name="made-up")
BUILTIN = builtin_crew(OfflineCorpus([]))


def look(verdict: str, *closest: str) -> dict[str, Any]:
    return {"verdict": verdict, "closest": closest, "reason": "It smooths moles and measures calibration."}


SCRIPT: dict[str, list[Any]] = {
    "surveyor": [QUERIES, judged(**{"mole-blur": 0}), SCORES, GAPS, look("covered", "mole-blur"), look("novel")],
    "ideator": [
        ToolCall("search", {"query": "blurring bandwidth"}),
        [ToolCall("propose", candidate(based_on=["mole-blur"])), ToolCall("propose", candidate(**SECOND))],
        {"ideas": [{"id": "h1", "score": 9}, {"id": "h2", "score": 5}]},
    ],
}


class Situator:
    def situate(self, *_: Any) -> Any:
        return (), {}


def sit(sitting: Sitting, root: Path, scripts: dict[str, list[Any]]) -> Ideation:
    desk = sitting.desk(scripts, literature=(CORPUS,))
    crew: Crew = replace(
        BUILTIN,
        surveyor=LlmSurveyor(desk),
        ideator=LlmIdeator(desk),
        novelty=LlmNoveltyReader(desk),
        reflector=Situator(),  # type: ignore[arg-type]
    )
    work = Workplace(
        topic=TOPIC,
        profile=Profile(directives=(directive(hypotheses=2),)),
        seed=0,
        config=desk.config,
        folder=sitting.folder,
        data_root=root,
        crew=crew,
        planner=FixedPlanner(),
        literature=desk.literature,
        executor=InProcessExecutor(),
        events=Events(),
        log=sitting.log,
    )
    return ideate(work)


def test_from_topic_to_hypothesis(sitting: Sitting, tmp_path: Path) -> None:
    done = sit(sitting, tmp_path, SCRIPT)
    assert done.hypothesis.id == "h2"  # the preferred one was done before, in other words
    assert {item.hypothesis: item.verdict for item in done.novelty.verdicts}["h1"] == "covered"
    keys = [paper.key for paper in done.survey.papers]
    assert "mole-blur" in keys
    assert len(keys) == len(set(keys))
    assert sitting.folder.load("ideation/survey.json", Survey) == done.survey


def test_killed_after_any_reply_it_asks_nothing_twice_and_ends_alike(sitting: Sitting, tmp_path: Path) -> None:
    order = ["surveyor"] * 4 + ["ideator"] * 3 + ["surveyor"] * 2
    for stop in range(1, len(order)):
        given = order[:stop]
        part = {role: replies[: given.count(role)] for role, replies in SCRIPT.items()}
        with pytest.raises(ModelError):
            sit(sitting, tmp_path, part)
    done = sit(sitting, tmp_path, SCRIPT)
    assert sitting.cost.model_calls == len(order)
    whole = Sitting(tmp_path / "whole")
    assert sit(whole, tmp_path, SCRIPT) == done
    whole.close()
