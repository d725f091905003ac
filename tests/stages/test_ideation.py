"""Ideation with roles that find works after the survey, and with a reader of the closest works."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.config import Config
from nanoresearch.crew.builtin.crew import builtin_crew
from nanoresearch.crew.roles import Crew, NoveltyReading
from nanoresearch.errors import LiteratureError
from nanoresearch.events import Events
from nanoresearch.execution.inprocess import InProcessExecutor
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.paths import RunFolder
from nanoresearch.planner.planner import FixedPlanner
from nanoresearch.runlog import RunLog
from nanoresearch.schema.idea import Hypothesis, Ideas, Proposal, Survey
from nanoresearch.schema.paper import Paper, ScoredPaper
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import RunRecord
from nanoresearch.stages.ideation import ideate
from nanoresearch.stages.workplace import Workplace

DONE = Paper(key="done", title="Mole smoothing for lattice classifiers", source="made-up")
NEAR = Paper(key="near", title="Lattice classifiers", source="made-up")
LATE = Paper(key="late", title="Found while ideas were sought", source="made-up")


class Roles:
    """Surveyor, ideator, reflector and reader of novelty in one, with counts of what they were asked."""

    def __init__(self, *statements: str) -> None:
        self.asked: list[str] = []
        self.statements = statements

    def situate(self, *_: Any) -> Any:
        return (), {}

    def survey(self, *_: Any) -> Survey:
        self.asked.append("survey")
        return Survey(queries=(), papers=(NEAR.model_copy(update={"key": "near-here"}),), evidence=(), gaps=())

    def propose(self, *_: Any) -> Ideas:
        self.asked.append("propose")
        made = (
            Hypothesis(
                id=f"h{number}",
                statement=text,
                rationale="r",
                prediction="p",
                study="own",
                components=(),
                datasets=(),
                score=10 - number,
            )
            for number, text in enumerate(self.statements, start=1)
        )
        proposals = (
            Proposal(hypothesis=item, distinctive_terms=(item.statement, "lattice classifiers")) for item in made
        )
        return Ideas(proposals=tuple(proposals), works=(LATE,))

    def read(self, briefing: Any, proposals: Any, found: Any) -> NoveltyReading:
        self.asked.append("read")
        verdicts = tuple(
            item.verdict.model_copy(
                update={"verdict": "covered" if "smoothing" in one.hypothesis.statement else "novel"}
            )
            for one, item in zip(proposals, found, strict=True)
        )
        return NoveltyReading(verdicts, tuple(paper for item in found for paper in item.found))


def workplace(root: Path, roles: Any, literature: Any, novelty: Any = None) -> Workplace:
    folder = RunFolder(root / "run")
    record = RunRecord(
        id="run",
        topic="moles",
        profile=Profile(),
        config={},
        seed=0,
        versions={},
        status="running",
        created="",
        updated="",
    )
    if not folder.has("run.json"):
        folder.save("run.json", record)
    crew: Crew = replace(
        builtin_crew(OfflineCorpus([])), surveyor=roles, ideator=roles, reflector=roles, novelty=novelty
    )
    return Workplace(
        topic="moles",
        profile=Profile(),
        seed=0,
        config=Config(),
        folder=folder,
        data_root=root / "data",
        crew=crew,
        planner=FixedPlanner(),
        literature=literature,
        executor=InProcessExecutor(),
        events=Events(),
        log=RunLog(folder, Events()),
    )


SOURCES = (OfflineCorpus([DONE, NEAR], name="made-up"),)


def test_works_found_late_join_the_survey_once_and_can_be_cited(tmp_path: Path) -> None:
    roles = Roles("mole smoothing", "mole counting")
    work = workplace(tmp_path, roles, SOURCES, novelty=roles)
    done = ideate(work)
    keys = [paper.key for paper in done.survey.papers]
    assert keys == ["near-here", "late", "done"]
    assert work.folder.load("ideation/survey.json", Survey) == done.survey
    assert ideate(workplace(tmp_path, roles, SOURCES, novelty=roles)) == done
    assert roles.asked == ["survey", "propose", "read"]


def test_a_stricter_reading_changes_what_is_pursued(tmp_path: Path) -> None:
    roles = Roles("probability smoothing", "mole counting")
    assert ideate(workplace(tmp_path / "terms", roles, SOURCES)).hypothesis.id == "h1"
    done = ideate(workplace(tmp_path / "read", roles, SOURCES, novelty=roles))
    assert done.hypothesis.id == "h2"
    assert done.novelty.verdicts[0].verdict == "covered"


def test_a_replication_can_cite_the_work_that_covers_it(tmp_path: Path) -> None:
    roles = Roles("mole smoothing")
    done = ideate(workplace(tmp_path, roles, SOURCES, novelty=roles))
    assert [paper.key for paper in done.novelty.works] == ["done", "near-here"]
    assert [paper.key for paper in done.survey.papers] == ["near-here", "late", "done"]


def test_novelty_that_no_source_can_tell_stops_the_run_until_one_can(tmp_path: Path) -> None:
    class Broken:
        name = "down"

        def search(self, query: str, limit: int) -> list[ScoredPaper]:
            raise LiteratureError("refused")

    roles = Roles("mole smoothing")
    with pytest.raises(LiteratureError, match="novelty cannot be verified"):
        ideate(workplace(tmp_path, roles, (Broken(),), novelty=roles))
    done = ideate(workplace(tmp_path, roles, SOURCES, novelty=roles))
    assert done.novelty.verdicts[0].searched == 2
    assert roles.asked == ["survey", "propose", "read"]
