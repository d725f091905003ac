"""The debug loop: every patch a commit, an end when it goes in circles, and nothing that judges is touched."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from nanoresearch.config import Config, ExecutionConfig
from nanoresearch.crew.builtin.crew import builtin_crew
from nanoresearch.crew.roles import Briefing
from nanoresearch.datasets.stage import DatasetCorrupt
from nanoresearch.errors import BudgetExceeded, ExecutionError
from nanoresearch.events import Events
from nanoresearch.execution.evaluation import nobody
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.paths import RunFolder
from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.runlog import RUN_FILE, RunLog
from nanoresearch.schema.dataset import StagedDataset
from nanoresearch.schema.experiment import Attempt, Failure, Patch
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import RunRecord
from nanoresearch.stages.execution import PROPOSALS, execute, recorded_attempts
from nanoresearch.stages.workplace import Workplace

from ..execution.conftest import OPEN, codebase_files, small_blueprint

TOPIC = "Does class weighting help logistic regression on the iris table?"
BROKEN = "def fit(seed):\n    raise RuntimeError('broken')\n"
WORKING = "def fit(seed):\n    return 0.5 + seed / 100\n"
ELSEWHERE = "def fit(seed):\n    raise KeyError('elsewhere')\n"


class Proposing:
    """A debugger that proposes patches in turn, the last of them for ever, and notes what it was told."""

    def __init__(self, *proposals: dict[str, str]) -> None:
        self.proposals = list(proposals)
        self.told: list[Failure] = []

    def patch(
        self,
        briefing: Briefing,
        blueprint: object,
        files: dict[str, str],
        failure: Failure,
        attempts: Sequence[Attempt],
    ) -> Patch | None:
        self.told.append(failure)
        files = self.proposals.pop(0) if len(self.proposals) > 1 else self.proposals[0]
        return Patch(fix=f"proposal-{len(self.told)}", reason="It may help.", files=files)


class Loop:
    """Runs a program that is broken, with these proposals, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.heard: list[str] = []

    def __call__(
        self, *proposals: dict[str, str], attempts: int = 8, models: str = BROKEN, minutes: float = 5
    ) -> list[Attempt]:
        """The attempts that it took."""
        folder, events = RunFolder(self.root / "run"), Events(lambda event: self.heard.append(event.text))
        record = RunRecord(
            id="run", topic=TOPIC, profile=Profile(), config={}, seed=0, versions={}, status="running", created="",
            updated="",
        )  # fmt: skip
        folder.save(RUN_FILE, record)
        self.debugger = Proposing(*proposals)
        self.codebase = Codebase.create(folder.path("coding/code"), codebase_files(models))
        crew = dataclasses.replace(builtin_crew(OfflineCorpus()), debugger=self.debugger, judge=nobody)
        self.work = Workplace(
            topic=TOPIC, profile=Profile(), seed=0, config=Config(execution=ExecutionConfig(attempts=attempts)),
            folder=folder, data_root=self.root, crew=crew, planner=FixedPlanner(), literature=(),
            executor=LocalExecutor(OPEN, grace_s=0.2), events=events, log=RunLog(folder, events),
        )  # fmt: skip
        blueprint = small_blueprint()
        limits = blueprint.budget.model_copy(update={"minutes": minutes, "parallel": 1})
        blueprint = blueprint.model_copy(update={"budget": limits, "seeds": (3,)})
        plan = FixedPlanner().plan(PlannerInput("coding", TOPIC, Profile(), "", (), (), 0))
        briefing = Briefing(TOPIC, Profile(), plan.model_copy(update={"directives": ()}))
        return list(execute(self.work, blueprint, self.codebase, briefing).attempts)

    def recorded(self) -> list[Attempt]:
        """The attempts of a loop that ended with an error."""
        return recorded_attempts(self.work)


@pytest.fixture
def debug(tmp_path: Path) -> Loop:
    return Loop(tmp_path)


def test_a_patch_that_helps_is_a_commit_with_its_reason(debug: Loop) -> None:
    attempts = debug({"models.py": WORKING})
    assert [attempt.outcome for attempt in attempts] == ["failed", "succeeded"]
    assert (attempts[0].patch, attempts[0].patch_reason) == ("proposal-1", "It may help.")
    assert attempts[1].commit == debug.codebase.head() != attempts[0].commit
    assert debug.codebase._git("log", "-1", "--format=%B").decode().split() == ["proposal-1", *["It", "may", "help."]]


@pytest.mark.parametrize("again", [BROKEN + "\n\n# tried", "def fit( seed ):\n    raise RuntimeError('broken') # 2\n"])
def test_the_same_failure_after_the_same_patch_ends_the_loop(debug: Loop, again: str) -> None:
    """Comments and layout make no other patch: the loop ends after two attempts, not after eight."""
    with pytest.raises(ExecutionError, match=r"came back after the same patch, proposal-2, of attempt 1"):
        debug({"models.py": BROKEN + "# tried\n"}, {"models.py": again})
    assert len(debug.recorded()) == 2
    assert len(debug.debugger.told) == 2


def test_a_circle_by_way_of_another_failure_ends_too(debug: Loop) -> None:
    """Attempt 1 fails, its patch brings another failure, whose patch brings the first one back."""
    tried = {"models.py": ELSEWHERE}
    with pytest.raises(ExecutionError, match="of attempt 1"):
        debug(tried, {"models.py": BROKEN}, tried)
    assert [attempt.failure.signature.split()[0] for attempt in debug.recorded()] == [
        "RuntimeError", "KeyError", "RuntimeError",
    ]  # fmt: skip


def test_other_patches_are_tried_until_the_attempts_are_spent(debug: Loop) -> None:
    patches = [{"models.py": BROKEN + f"\nTRIED = {number}\n"} for number in range(9)]
    with pytest.raises(ExecutionError, match="All 3 attempts are spent"):
        debug(*patches, attempts=3)
    assert len(debug.recorded()) == 3


def test_the_loop_ends_when_its_time_is_used_up(debug: Loop) -> None:
    slow = "import time\n\n\ndef fit(seed):\n    time.sleep(0.5)\n    raise RuntimeError('broken')\n"
    patches = [{"models.py": slow + f"\nTRIED = {number}\n"} for number in range(9)]
    with pytest.raises(BudgetExceeded, match="are used up after 1 attempts"):
        debug(*patches, models=slow, minutes=0.4 / 60)
    assert debug.recorded()[0].outcome == "timed_out"


PROTECTED = {
    "the evaluator": {"evaluate.py": "def score(value):\n    return 1.0\n"},
    "the harness": {"harness.py": "def report(*values): ...\ndef measure(*values): ...\n"},
    "the split": {
        "data.py": codebase_files()["data.py"].replace("return rows[:cut], rows[cut:]", "return rows, rows"),
    },
    "the configuration": {"config.json": '{"methods": ["new"], "conditions": []}'},
    "a module of the evaluator": {"math.py": "inf = 0\n"},
    "a place outside": {"../../run.json": "{}"},
}


@pytest.mark.parametrize("what", PROTECTED)
def test_a_patch_that_touches_what_judges_is_refused_and_never_committed(debug: Loop, what: str) -> None:
    with pytest.raises(ExecutionError, match="Every patch for it was refused"):
        debug(PROTECTED[what])
    (attempt,) = debug.recorded()
    assert debug.codebase.head() == attempt.commit
    assert debug.codebase.is_clean()
    assert attempt.patch is None
    assert any("is refused" in text for text in debug.heard)


def test_a_debugger_is_told_why_and_may_propose_something_else(debug: Loop) -> None:
    attempts = debug(PROTECTED["the evaluator"], PROTECTED["the split"], {"models.py": WORKING})
    assert [attempt.outcome for attempt in attempts] == ["failed", "succeeded"]
    assert [len(failure.refused) for failure in debug.debugger.told] == [0, 1, 2]
    assert "evaluate.py is protected" in debug.debugger.told[1].refused[0]
    assert attempts[0].patch == "proposal-3"


def test_only_so_many_proposals_are_heard(debug: Loop) -> None:
    proposals = [{"evaluate.py": f"A = {number}\n"} for number in range(9)]
    with pytest.raises(ExecutionError, match="Every patch for it was refused"):
        debug(*proposals)
    assert len(debug.debugger.told) == PROPOSALS


def test_data_that_changed_since_the_design_stop_the_loop(debug: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte is compared before each attempt, not only before the first."""
    looks: list[str] = []

    def look(staged: StagedDataset, root: Path) -> None:
        looks.append(staged.card.id)
        if len(looks) == 2:
            raise DatasetCorrupt("changed")

    monkeypatch.setattr("nanoresearch.stages.execution.verify", look)
    with pytest.raises(DatasetCorrupt):
        debug({"models.py": WORKING})
    assert looks == ["wine", "wine"]
    assert len(debug.recorded()) == 1
