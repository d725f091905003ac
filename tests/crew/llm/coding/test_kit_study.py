"""Studies of a kit: only methods are written, and the kit's own text judges them from outside."""

from pathlib import Path

import pytest

from nanoresearch.config import CodingConfig
from nanoresearch.crew.builtin.designer import BuiltinDesigner
from nanoresearch.crew.llm.coding.coder import LlmCoder
from nanoresearch.crew.llm.coding.contract import check_program
from nanoresearch.crew.llm.coding.data_preview import data_text
from nanoresearch.crew.llm.coding.judge import judge_for
from nanoresearch.crew.llm.coding.program import contract_of, known_methods, starting_point
from nanoresearch.crew.roles import Briefing
from nanoresearch.errors import ExecutionError
from nanoresearch.events import Events
from nanoresearch.execution.attempts import run_attempt
from nanoresearch.execution.collect import collect
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.schema.blueprint import Blueprint, ComponentSpec
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.profile import Profile

from .conftest import BOX, Office, briefing_for, fenced, own_blueprint

TOPIC = "Do class weights and quantile transforms help logistic regression on the wine and breast cancer tables?"
ROBUST = '''

def add_clipping(recipe: Recipe) -> None:
    """Clip every feature to the range between its outer percentiles in the training part."""
    recipe.transforms[0] = [Clipper()]


class Clipper(BaseEstimator):
    """Clips columns to percentiles of the training part."""

    def fit(self, features, labels=None):
        """Learn the range of every column."""
        self.low_, self.high_ = np.percentile(features, [2, 98], axis=0)
        return self

    def transform(self, features):
        """Clip."""
        return np.clip(features, self.low_, self.high_)


COMPONENTS = {'''


@pytest.fixture
def known(tmp_path: Path) -> Blueprint:
    """A study whose methods are all the kit's own."""
    hypothesis = Hypothesis(
        id="h", statement="Weights help", rationale="r", prediction="p", study="tabular_classification",
        components=("class_weights", "quantiles"), datasets=("wine",),
    )  # fmt: skip
    plan = FixedPlanner().plan(PlannerInput("planning", TOPIC, Profile()))
    return BuiltinDesigner().design(Briefing(TOPIC, Profile(), plan), hypothesis, None, tmp_path)


@pytest.fixture
def extended(known: Blueprint) -> Blueprint:
    """The same with a component that the kit does not have in the place of one that it has."""
    new = ComponentSpec(id="clipping", name="clipping", description="Clips features to percentiles.")

    def renamed(parts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("clipping" if part == "quantiles" else part for part in parts)

    return known.model_copy(
        update={
            "components": tuple(new if item.id == "quantiles" else item for item in known.components),
            "methods": tuple(
                item.model_copy(update={"components": renamed(item.components)}) for item in known.methods
            ),
            "seeds": known.seeds[:2],
            "measures": (),
            "sweep": None,
        }
    )


def written(extended: Blueprint) -> str:
    """What a model might write: the kit's text with one component more."""
    text = starting_point(extended)
    assert "quantiles" not in text
    scaled = "from sklearn.preprocessing import StandardScaler\n\nPREPARATION: list = [StandardScaler]"
    text = text.replace("PREPARATION: list = []", scaled)
    return text.replace("\n\nCOMPONENTS = {", ROBUST + '\n    "clipping": add_clipping,', 1)


def test_known_methods_are_not_written_again(known: Blueprint, extended: Blueprint) -> None:
    contract = contract_of(briefing_for(), known, CodingConfig())
    assert check_program({"models.py": known_methods(known), **contract.trusted}, contract) == []
    assert known_methods(extended) == ""
    changed = known.components[0].model_copy(update={"description": "Something else."})
    assert known_methods(known.model_copy(update={"components": (changed, *known.components[1:])})) == ""


def test_only_methods_are_asked_for(extended: Blueprint) -> None:
    contract = contract_of(briefing_for(), extended, CodingConfig())
    assert contract.written == ("models.py",)
    assert {"data.py", "evaluate.py"} <= set(contract.trusted)
    assert "COMPONENTS lacks clipping" in check_program({"models.py": starting_point(extended)}, contract)[0]
    assert check_program({"models.py": written(extended)}, contract) == []


def test_the_judge_is_the_kits_and_none_where_scoring_is_written(extended: Blueprint) -> None:
    assert judge_for(extended).datasets == tuple(staged.card.id for staged in extended.datasets)
    own = judge_for(own_blueprint())
    assert own.datasets == ()
    assert "written for this study" in own.self_reported["quadratics"]


def test_a_blueprint_that_does_not_fit_its_study(known: Blueprint) -> None:
    with pytest.raises(ExecutionError, match=r"study 'magic' is not known. There are own,"):
        contract_of(briefing_for(), known.model_copy(update={"study": "magic"}), CodingConfig())
    card = known.datasets[0].card.model_copy(update={"id": "moon"})
    moon = known.model_copy(update={"datasets": (known.datasets[0].model_copy(update={"card": card}),)})
    with pytest.raises(ExecutionError, match="LOADERS has no entry moon"):
        contract_of(briefing_for(), moon, CodingConfig())


def test_the_beginning_of_files_is_shown_only_where_loading_is_written(known: Blueprint, office: Office) -> None:
    staged = known.datasets[0]
    content = "a,label\n1,yes\n2,no\n3,yes\n"
    file = {"name": "table.csv", "sha256": "0", "size": len(content)}
    (office.data_root / "wine").mkdir()
    (office.data_root / "wine" / "table.csv").write_text(content)
    public = staged.model_validate(staged.model_dump() | {"folder": "wine", "files": [file]})
    desk = office.sit({})
    assert "1,yes" in data_text(desk, own_blueprint(datasets=(public,)))
    assert "1,yes" not in data_text(desk, known.model_copy(update={"datasets": (public,)}))
    own = public.model_copy(update={"card": public.card.model_copy(update={"id": "mine", "carrier": "file"})})
    shown = data_text(desk, own_blueprint(datasets=(own,)))
    assert "column 'label'" in shown
    assert "yes" not in shown


@pytest.mark.slow
def test_a_written_method_is_scored_from_outside(extended: Blueprint, office: Office, tmp_path: Path) -> None:
    plan = {"approach": "as the kit", "files": [{"name": "models.py", "purpose": "methods"}]}
    desk = office.sit({"coder": [plan, fenced(written(extended))]})
    files = LlmCoder(desk).write(briefing_for(), extended).files
    asked = desk.models.script("coder").asked[0].text
    assert "These files are given and judge the methods" in asked
    attempt = run_attempt(
        1, smoke=False, codebase=Codebase.create(tmp_path / "code", files), blueprint=extended,
        folder=tmp_path / "attempts" / "1", executor=LocalExecutor(BOX), data_root=office.data_root,
        config=desk.config.execution, events=Events(), judge=judge_for(extended),
    )  # fmt: skip
    assert attempt.outcome == "succeeded", attempt.failure
    reports = collect(tmp_path / "attempts/1/seed-0", extended, 0, frozen=judge_for(extended).datasets)
    assert {report.scored for report in reports if report.kind == "result"} == {"frozen"}
