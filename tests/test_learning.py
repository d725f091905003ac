"""Feedback between stages: kept first, then learned from, once; a planner that fails costs no run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from nanoresearch.assemble import RunRequest, create_run, open_workplace, require_torch
from nanoresearch.config import Config, PaperConfig, PlannerConfig
from nanoresearch.events import Event
from nanoresearch.paths import Home
from nanoresearch.pipeline import FEEDBACK, TO_LEARN, hear
from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.planner.problems import PlannerBusy, PlannerError
from nanoresearch.researcher.source import ConsoleFeedback, NoFeedback
from nanoresearch.schema.feedback import Feedback
from nanoresearch.schema.learning import LearningSettings, UpdateRecord
from nanoresearch.schema.plan import Plan
from nanoresearch.schema.profile import Profile
from nanoresearch.stages.workplace import Workplace

TOPIC = "Do class weights help logistic regression on the iris table?"


class Pupil(FixedPlanner):
    """Notes what it is taught."""

    def __init__(self, accepted: bool = True, error: PlannerError | None = None) -> None:
        self.lessons: list[tuple[list[str], str]] = []
        self._accepted, self._error = accepted, error

    def learn(self, requests: Sequence[tuple[PlannerInput, Plan | None]], feedback: str) -> UpdateRecord:
        if self._error:
            raise self._error
        self.lessons.append(([request.phase for request, _ in requests], feedback))
        return UpdateRecord(
            version=7,
            parent=6,
            accepted=self._accepted,
            reason="Learned." if self._accepted else "It drifted.",
            feedback=feedback,
            model="m",
            model_sha256="0",
            settings=LearningSettings(),
            time="2026-01-01T00:00:00+00:00",
        )


def workplace(root: Path, planner: FixedPlanner, *listeners: object, learn: bool = True) -> Workplace:
    config = Config(paper=PaperConfig(latex="off"), planner=PlannerConfig(learn=learn))
    home = Home(root)
    folder = create_run(home, RunRequest(TOPIC, Profile(), config))
    work = replace(open_workplace(home, folder, *listeners), planner=planner)  # type: ignore[arg-type]
    work.begin("ideation")
    work.begin("planning")
    return work


def said(work: Workplace) -> Feedback:
    return work.folder.load_lines(FEEDBACK, Feedback)[0]


def test_feedback_teaches_the_plans_of_its_stage(tmp_path: Path) -> None:
    pupil = Pupil()
    work = workplace(tmp_path, pupil)
    hear(work, ConsoleFeedback(read=lambda _: "ten seeds"), "ideation_and_planning", "done")
    assert pupil.lessons == [(["ideation", "planning"], "ten seeds")]
    assert (said(work).adapter_version, said(work).outcome) == (7, "Learned.")
    hear(work, ConsoleFeedback(read=lambda _: "something else"), "ideation_and_planning", "done")
    assert len(pupil.lessons) == 1


def test_what_was_said_before_a_kill_is_learned_on_resume(tmp_path: Path) -> None:
    pupil = Pupil()
    work = workplace(tmp_path, pupil)
    words = Feedback(stage="ideation_and_planning", text="ten seeds", source="console", time="t", outcome=TO_LEARN)
    work.folder.save_lines(FEEDBACK, [words])
    hear(work, NoFeedback(), "ideation_and_planning", "done")
    assert pupil.lessons == [(["ideation", "planning"], "ten seeds")]


def test_a_refused_update_is_told_and_names_no_version(tmp_path: Path) -> None:
    work = workplace(tmp_path, Pupil(accepted=False))
    hear(work, ConsoleFeedback(read=lambda _: "ten seeds"), "ideation_and_planning", "done")
    assert (said(work).adapter_version, said(work).outcome) == (None, "It drifted.")


def test_a_planner_that_cannot_learn_now_costs_no_run(tmp_path: Path) -> None:
    events: list[Event] = []
    work = workplace(tmp_path, Pupil(error=PlannerBusy("Another process is learning.")), events.append)
    hear(work, ConsoleFeedback(read=lambda _: "ten seeds"), "ideation_and_planning", "done")
    assert "Another process is learning." in said(work).outcome
    assert any(event.kind == "degraded" for event in events)


@pytest.mark.parametrize(
    ("planner", "learn", "words"),
    [(Pupil(), False, "switched off"), (FixedPlanner(), True, "does not learn")],
)
def test_without_learning_words_are_only_kept(tmp_path: Path, planner: FixedPlanner, learn: bool, words: str) -> None:
    work = workplace(tmp_path, planner, learn=learn)
    hear(work, ConsoleFeedback(read=lambda _: "ten seeds"), "ideation_and_planning", "done")
    assert said(work).text == "ten seeds"
    assert words in said(work).outcome
    assert said(work).adapter_version is None


def test_silence_teaches_nothing(tmp_path: Path) -> None:
    pupil = Pupil()
    work = workplace(tmp_path, pupil)
    hear(work, NoFeedback(), "ideation_and_planning", "done")
    assert pupil.lessons == []
    assert said(work).outcome == "nothing said"


def test_without_torch_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanoresearch.assemble.find_spec", lambda name: None)
    with pytest.raises(PlannerError, match=r"torch, transformers, peft, safetensors.*pip install"):
        require_torch()
