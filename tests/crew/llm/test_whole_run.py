"""Whole runs of the language-model crew with a scripted group: an audited paper, and no reply paid for twice."""

import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from nanoresearch import assemble
from nanoresearch.assemble import Limits, RunRequest, create_run
from nanoresearch.config import Config, validate
from nanoresearch.errors import AuditFailed, BudgetExceeded, ConfigError, ModelError
from nanoresearch.events import Event
from nanoresearch.models.access import Models
from nanoresearch.paths import Home, RunFolder
from nanoresearch.researcher.source import NoFeedback
from nanoresearch.schema.experiment import Result
from nanoresearch.schema.manuscript import Manuscript
from nanoresearch.schema.models import ModelRole
from nanoresearch.schema.profile import Profile, StatisticsHabits
from nanoresearch.schema.run import RunRecord
from nanoresearch.session import carry_on

from .group import PROGRAM, TOPIC, group

QUICK = {
    "crew": "llm",
    "models": {"default": "scripted:group"},
    "literature": {"sources": ("offline",)},
    "execution": {"executor": "inprocess", "sandbox": "off"},
    "paper": {"latex": "off"},
    "review": {"revisions": 1},
}
"""Without LaTeX, hence without a paper that passes its audit, and without processes: what is left takes seconds."""
POINTS = 20


class Group:
    """Puts the script in the models' place, and counts what it is asked over all sittings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, program: dict[str, str] = PROGRAM) -> None:
        self.asked: dict[ModelRole, int] = {}
        self.scripts = {role: self._counted(role, script) for role, script in group(program).items()}

        def models(config: Any, folder: Any, events: Any, log: Any, budget: Any) -> Models:
            return Models.scripted_for(self.scripts, folder, events, log, config=config, budget=budget)

        monkeypatch.setattr("nanoresearch.models.access.Models", models)

    def _counted(self, role: ModelRole, script: Any) -> Callable[[Any, Any], Any]:
        def reply(messages: Any, info: Any) -> Any:
            self.asked[role] = self.asked.get(role, 0) + 1
            return script(messages, info)

        return reply


def start(**changes: Any) -> tuple[Home, RunFolder]:
    home = Home.find()
    config = validate(Config, {**QUICK, **changes}, "test")
    profile = Profile(statistics=StatisticsHabits(seeds=3))
    return home, create_run(home, RunRequest(TOPIC, profile, config))


def words(folder: RunFolder) -> list[str]:
    """Sections, without what differs from run to run: names, commits, digests and times."""
    sections = folder.load("review/manuscript.json", Manuscript).sections
    return [re.sub(r"[0-9a-f]{7,}|\d[\d.-]*", "#", section.body.replace(folder.id, "RUN")) for section in sections]


def values(folder: RunFolder) -> list[tuple[str, str, str, int, float]]:
    results = folder.load_lines("execution/results.jsonl", Result)
    return [(item.method, item.dataset, item.metric, item.seed, item.value) for item in results]


@dataclass(frozen=True)
class Finished:
    """A run that nothing disturbed."""

    folder: RunFolder
    asked: dict[ModelRole, int]
    events: int


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Never change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NANORESEARCH_HOME", str(tmp_path_factory.mktemp("whole")))
        script = Group(patch)
        home, folder = start()
        events: list[Event] = []
        with suppress(AuditFailed):
            carry_on(home, folder, NoFeedback(), events.append)
    return Finished(folder, script.asked, len(events))


def test_interrupted_at_twenty_points_nothing_is_asked_twice(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(finished.asked.values()) > POINTS
    broken = Group(monkeypatch)
    home, other = start()
    stops = sorted(random.Random(0).sample(range(5, finished.events - 5), POINTS))
    for before, stop in pairwise((0, *stops)):
        left = [stop - before]

        def watch(event: Event, left: list[int] = left) -> None:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            carry_on(home, other, NoFeedback(), watch)
    with suppress(AuditFailed):
        carry_on(home, other, NoFeedback())

    assert broken.asked == finished.asked
    assert words(other) == words(finished.folder)
    assert values(other) == values(finished.folder)


def test_a_cap_on_tokens_stops_with_a_run_that_can_go_on(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Group(monkeypatch)
    home, folder = start()
    with pytest.raises(BudgetExceeded):
        carry_on(home, folder, NoFeedback(), limits=Limits(tokens=40_000))
    assert folder.load("run.json", RunRecord).status == "stopped_by_budget"
    paid = sum(script.asked.values())
    with suppress(AuditFailed):
        carry_on(home, folder, NoFeedback())
    assert folder.has("review/manuscript.json")
    assert 0 < paid < sum(script.asked.values())
    assert script.asked == finished.asked


def test_the_paper_says_that_a_script_wrote_it(finished: Finished) -> None:
    manuscript = finished.folder.load("review/manuscript.json", Manuscript)
    assert "prepared script" in next(section.body for section in manuscript.sections if section.id == "abstract")
    record = finished.folder.load("run.json", RunRecord)
    assert all(name.startswith("scripted:") for cost in record.phases.values() for name in cost.models)


def test_code_with_a_fault_is_mended_before_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first version of models.py misspells a name, which only shows when it runs."""
    right, wrong = "new = ahead - length * slope", "new = ahead - length * slop"
    faulty = {**PROGRAM, "models.py": PROGRAM["models.py"].replace(right, wrong, 1)}
    script = Group(monkeypatch, faulty)
    mended = []

    def coder(messages: Any, info: Any) -> Any:
        fields = info.output_tools[0].parameters_json_schema["properties"] if info.output_tools else {}
        if "edits" not in fields:
            return group(faulty)["coder"](messages, info)  # type: ignore[operator]
        mended.append(messages)
        edit = {"file": "models.py", "find": "new = ahead - length * slop", "replace": "new = ahead - length * slope"}
        return {
            "diagnosis": "A name is misspelt, so that it is unknown when the step is made.",
            "name": "spell_slope",
            "reason": "The name of the slope was misspelt.",
            "edits": [edit],
        }

    script.scripts["coder"] = coder
    home, folder = start()
    with suppress(AuditFailed):
        carry_on(home, folder, NoFeedback())
    assert len(mended) == 1
    assert "slop" in json.dumps([str(message) for message in mended[0]])
    assert folder.load("run.json", RunRecord).failed_attempts == 0


def test_a_key_that_is_missing_stops_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    home = Home.find()
    config = Config.model_validate({"crew": "llm", "models": {"default": "openai:gpt-5"}})
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        create_run(home, RunRequest(TOPIC, Profile(), config))
    assert not home.runs.exists() or not any(home.runs.iterdir())


def test_code_to_build_on_that_is_missing_stops_before_anything_is_written() -> None:
    for crew, words in (("llm", "there is no such folder"), ("builtin", "only the language-model crew")):
        config = Config.model_validate({"crew": crew, "coding": {"repository": "/no/such/folder"}})
        with pytest.raises(ConfigError, match=words):
            create_run(Home.find(), RunRequest(TOPIC, Profile(), config))
    config = Config.model_validate({"crew": "llm", "coding": {"repository": "https://example.org/a/b"}})
    with pytest.raises(ConfigError, match="does not allow"):
        create_run(Home.find(), RunRequest(TOPIC, Profile(), config))


def test_without_any_model_the_error_says_how_to_name_one() -> None:
    with pytest.raises(ModelError, match=r"models\.default"):
        assemble.accept(TOPIC, Profile(), Config(crew="llm"))


@pytest.mark.slow
@pytest.mark.tex
def test_a_scripted_group_ends_in_an_audited_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    Group(monkeypatch)
    home, folder = start(execution={}, paper={})
    audit = carry_on(home, folder, NoFeedback())
    assert audit.passed
    assert audit.numbers_checked > 20
    assert folder.path("paper/paper.pdf").read_bytes().startswith(b"%PDF")
    assert Path(folder.path("coding/code/models.py")).read_text().count("def ") > 5


@pytest.mark.slow
@pytest.mark.tex
def test_a_program_built_on_code_of_others_ends_in_an_audited_paper(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The package has the step of momentum, a file of a name that the program needs, and one that Python has."""
    theirs = tmp_path / "somebody" / "descents"
    theirs.mkdir(parents=True)
    theirs.joinpath("__init__.py").write_text("")
    theirs.joinpath("steps.py").write_text(
        'def ahead_of(x, last, share):\n    """Go on as before."""\n    return x + share * (x - last)\n'
    )
    for name in ("models.py", "json.py", "harness.py"):
        theirs.with_name(name).write_text("raise RuntimeError('this file must not be taken')\n")
    own, built = "new + weight * (new - point), new", "ahead_of(new, point, weight), new"
    assert own in PROGRAM["models.py"]
    models = (
        PROGRAM["models.py"].replace(own, built).replace("numpy as np", "numpy as np\nfrom descents import steps", 1)
    )
    Group(monkeypatch, {**PROGRAM, "models.py": models.replace(built, f"steps.{built}")})
    home, folder = start(execution={}, paper={}, coding={"repository": str(theirs.parent)})
    audit = carry_on(home, folder, NoFeedback())
    assert audit.passed
    assert folder.path("coding/code/upstream/descents/steps.py").is_file()
    paper = folder.path("paper/paper.tex").read_text()
    assert "the program is built on the code of somebody, files with the digest" in " ".join(paper.lower().split())
    assert str(tmp_path) not in paper


def test_a_problem_of_all_roles_is_told_once() -> None:
    assert len(assemble.model_problems(Config(crew="llm"))) == 1
    split = Config.model_validate({"crew": "llm", "models": {"default": "local:a", "roles": {"critic": "openai:b"}}})
    assert len(assemble.model_problems(split)) == 2
