import pytest

from nanoresearch.errors import ConfigError
from nanoresearch.planner.catalogue import load_catalogue
from nanoresearch.planner.guidance import guide
from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.schema.plan import (
    CodingGuidance,
    Directive,
    IdeationGuidance,
    Phase,
    Plan,
    PlanningGuidance,
    WritingGuidance,
)
from nanoresearch.schema.profile import Profile

GUIDANCE = {
    "ideation": IdeationGuidance,
    "planning": PlanningGuidance,
    "coding": CodingGuidance,
    "writing": WritingGuidance,
}


@pytest.mark.parametrize("entry", load_catalogue(), ids=lambda entry: entry.directive.id)
def test_every_directive_has_an_effect_its_phase_knows(entry) -> None:  # type: ignore[no-untyped-def]
    directive = entry.directive
    plan = Plan(phase=directive.phase, directives=(directive,), planner="test")
    guide(plan, GUIDANCE[directive.phase])


def test_ids_are_unique() -> None:
    ids = [entry.directive.id for entry in load_catalogue()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("phase", list(GUIDANCE))
def test_the_fixed_plan_is_the_same_for_every_topic(phase: Phase) -> None:
    planner = FixedPlanner()
    first = planner.plan(PlannerInput(phase, "a topic", Profile()))
    second = planner.plan(PlannerInput(phase, "another", Profile()))
    assert first == second
    assert 1 <= len(first.directives) <= 6
    assert {directive.phase for directive in first.directives} == {phase}


def test_own_directives_come_last_and_win() -> None:
    own = Directive(id="mine", phase="planning", text="use nine seeds", effect={"seeds": 9, "ablation": "none"})
    plan = FixedPlanner().plan(PlannerInput("planning", "t", Profile(directives=(own,))))
    guidance = guide(plan, PlanningGuidance)
    assert (guidance.seeds, guidance.ablation) == (9, "none")


def test_lists_add_up_and_values_are_replaced() -> None:
    def directive(name: str, **effect: object) -> Directive:
        return Directive(id=name, phase="planning", text="do it", effect=effect)

    plan = Plan(
        phase="planning",
        directives=(
            directive("aa", measures=["latency_ms"], seeds=3),
            directive("bb", measures=["parameter_count", "latency_ms"], seeds=4),
        ),
        planner="test",
    )
    guidance = guide(plan, PlanningGuidance)
    assert guidance.measures == ("fit_seconds", "latency_ms", "parameter_count")
    assert guidance.seeds == 4


def test_an_effect_that_does_not_fit_names_the_directive() -> None:
    odd = Directive(id="odd", phase="writing", text="answer first", effect={"lead": "answer"})
    with pytest.raises(ConfigError, match="directive odd: unknown key lead; valid here: ablation"):
        guide(Plan(phase="planning", directives=(odd,), planner="t"), PlanningGuidance)
