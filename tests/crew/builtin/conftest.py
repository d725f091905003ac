"""A briefing, a hypothesis and a blueprint on data that scikit-learn carries."""

from pathlib import Path

import pytest

from nanoresearch.crew.builtin.designer import BuiltinDesigner
from nanoresearch.crew.roles import Briefing
from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.plan import Directive, Phase, Plan
from nanoresearch.schema.profile import Profile

TOPIC = "Do class weights and quantile transforms help logistic regression on the wine and breast cancer tables?"


def briefing_for(phase: Phase, profile: Profile | None = None, topic: str = TOPIC, **effect: object) -> Briefing:
    """A briefing with the default plan, and one directive more when an effect is given."""
    profile = profile or Profile()
    plan = FixedPlanner().plan(PlannerInput(phase, topic, profile))
    if effect:
        extra = Directive(id="extra", phase=phase, text="do it this way", effect=effect)
        plan = Plan(phase=phase, directives=(*plan.directives[:5], extra), planner="test")
    return Briefing(topic, profile, plan)


@pytest.fixture
def hypothesis() -> Hypothesis:
    return Hypothesis(
        id="h1",
        statement="Adding class weighting and quantile transform to logistic regression raises balanced accuracy",
        rationale="ranks remove skew",
        prediction="higher on every data set",
        study="tabular_classification",
        components=("class_weights", "quantiles"),
        datasets=("wine", "breast-cancer"),
    )


@pytest.fixture
def blueprint(hypothesis: Hypothesis, tmp_path: Path) -> Blueprint:
    return BuiltinDesigner().design(briefing_for("planning"), hypothesis, None, tmp_path)
