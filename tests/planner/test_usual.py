"""Planning before anything was learned, and which planner a configuration gives; no model is loaded here."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from nanoresearch import assemble
from nanoresearch.config import Config, PlannerConfig
from nanoresearch.errors import CorruptRecord
from nanoresearch.events import Event, Events
from nanoresearch.paths import Home, write_atomic
from nanoresearch.planner.planner import FixedPlanner, Learner, PlannerInput
from nanoresearch.planner.problems import ModelUnusable, PlannerError
from nanoresearch.planner.promptonly import PromptOnlyPlanner
from nanoresearch.planner.usual import PatientPlanner, usual_plan
from nanoresearch.schema.learning import CurrentVersion, UpdateRecord
from nanoresearch.schema.plan import Directive, Plan
from nanoresearch.schema.profile import Profile

REQUEST = PlannerInput("planning", "t", Profile())


class Weights(FixedPlanner):
    """Stands for a planner with a model."""

    name = "weights"

    def learn(self, requests: Sequence[tuple[PlannerInput, Plan | None]], feedback: str) -> UpdateRecord:
        raise ModelUnusable("The model is gone.")


def patient(version: int, cannot=None) -> tuple[PatientPlanner, list[str]]:  # type: ignore[no-untyped-def]
    loaded: list[str] = []

    def make() -> Weights:
        loaded.append("model")
        return Weights()

    return PatientPlanner(make, lambda: version, cannot), loaded


def test_the_usual_plan_is_the_fixed_one_without_rivals() -> None:
    assert usual_plan(REQUEST) == FixedPlanner().plan(REQUEST).directives
    own = Directive(id="mine", phase="planning", text="Remove one component each time.", effect={"ablation": "none"})
    plan = usual_plan(PlannerInput("planning", "t", Profile(directives=(own,))))
    assert [directive.id for directive in plan] == ["established_alternative", "mine"]


def test_the_model_is_loaded_only_when_there_is_something_learned() -> None:
    planner, loaded = patient(0)
    plan = planner.plan(REQUEST)
    assert (plan.directives, plan.adapter_version) == (usual_plan(REQUEST), None)
    assert loaded == []
    planner, loaded = patient(3)
    assert planner.plan(REQUEST).planner == "weights"
    planner.plan(REQUEST)
    assert loaded == ["model"]
    assert isinstance(planner, Learner)


def test_a_model_that_cannot_plan_is_told_and_costs_no_run() -> None:
    def broken() -> Weights:
        raise ModelUnusable("The model is gone.")

    told: list[PlannerError] = []
    planner = PatientPlanner(broken, lambda: 3, told.append)
    assert planner.plan(REQUEST).directives == usual_plan(REQUEST)
    assert "gone" in str(told[0])
    with pytest.raises(ModelUnusable):
        PatientPlanner(broken, lambda: 3).plan(REQUEST)


def choose(home: Home, kind: str) -> tuple[object, list[Event]]:
    heard: list[Event] = []
    config = Config(planner=PlannerConfig(kind=kind))  # type: ignore[arg-type]
    return assemble.planner_for(config, home, Profile(), Events(heard.append)), heard


def test_auto_learns_where_torch_is_and_is_fixed_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    monkeypatch.setattr(assemble, "find_spec", lambda name: object())
    planner, heard = choose(home, "auto")
    assert isinstance(planner, PatientPlanner)
    monkeypatch.setattr(assemble, "find_spec", lambda name: None)
    planner, heard = choose(home, "auto")
    assert isinstance(planner, PromptOnlyPlanner)
    assert planner.plan(REQUEST).directives == FixedPlanner().plan(REQUEST).directives
    assert heard == []  # nothing was lost, so nobody is alarmed
    with pytest.raises(PlannerError, match="pip install"):
        choose(home, "trainable")


def test_what_was_learned_and_cannot_be_used_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    write_atomic(
        home.planners / "default" / "current.json", CurrentVersion(version=2, model_sha256="0").model_dump_json()
    )
    monkeypatch.setattr(assemble, "find_spec", lambda name: None)
    _, heard = choose(home, "auto")
    assert [event.kind for event in heard] == ["degraded"]
    assert "Version 2" in heard[0].text


@pytest.mark.parametrize("fault", [CorruptRecord("damaged"), ImportError("old peft"), RuntimeError("out of memory")])
def test_whatever_keeps_a_planner_from_planning_is_told_and_the_usual_plan_is_used(fault: Exception) -> None:
    def version() -> int:
        raise fault

    told: list[Exception] = []
    request = PlannerInput("planning", "digits", Profile())
    plan = PatientPlanner(lambda: pytest.fail("not made"), version, told.append).plan(request)
    assert told == [fault]
    assert plan.directives == usual_plan(request)
    with pytest.raises(type(fault)):
        PatientPlanner(lambda: pytest.fail("not made"), version).plan(request)
