"""Skills and memories in the whole loop: recalled once, learned once, used, switched off, never the end of a run."""

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from nanoresearch.assemble import Limits, RunRequest, create_run
from nanoresearch.config import Config, ExecutionConfig, ExperienceConfig, PaperConfig
from nanoresearch.errors import BudgetExceeded, ExecutionError
from nanoresearch.events import Event
from nanoresearch.evidence.audit import audit_run
from nanoresearch.experience.store import ExperienceStore
from nanoresearch.paths import Home, RunFolder
from nanoresearch.researcher.source import NoFeedback
from nanoresearch.schema.experience import Conditions, Lessons, Memory, Recall
from nanoresearch.schema.experiment import Attempt, Program
from nanoresearch.schema.idea import Ideas, Survey
from nanoresearch.schema.profile import Profile, StatisticsHabits
from nanoresearch.schema.run import RunRecord
from nanoresearch.session import carry_on
from tests.crew.builtin.lived import memory, refuted, skill

TOPIC = "Do class weights and quantile transforms help logistic regression on the iris table?"
PROFILE = Profile(statistics=StatisticsHabits(seeds=2))
CONFIG = Config(paper=PaperConfig(latex="off"))
IRIS: Conditions = {"study": ("tabular_classification",), "dataset": ("iris",)}
KIT = ("tabular_classification",)
SLOW = "ConvergenceWarning: lbfgs failed to converge after"
INJECTION = r"\input{/etc/passwd} 12345.678 % $ & _ 我"


class Watcher:
    """Keeps events, and stops the run before each step that it had not begun before, or before one step for good."""

    def __init__(self, *, each: bool = False, before: str = "") -> None:
        self.each, self.before = each, before
        self.events: list[Event] = []
        self.begun: list[str] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if event.kind != "step":
            return
        new = event.text not in self.begun
        self.begun.append(event.text)
        if event.text == self.before or (self.each and new):
            raise KeyboardInterrupt

    def said(self, kind: str) -> str:
        return "\n".join(event.text for event in self.events if event.kind == kind)


def new_run(
    root: Path, config: Config = CONFIG, topic: str = TOPIC, profile: Profile = PROFILE
) -> tuple[Home, RunFolder]:
    home = Home(root)
    return home, create_run(home, RunRequest(TOPIC, PROFILE, config, 0))


def until(step: str, home: Home, folder: RunFolder) -> Watcher:
    """Carry on until a step, which is not begun."""
    watcher = Watcher(before=step)
    with pytest.raises(KeyboardInterrupt):
        carry_on(home, folder, NoFeedback(), watcher)
    return watcher


def rows(home: Home, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(home.experience)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, RunFolder, Watcher]:
    """A study of iris with a store full of good and bad, stopped before each of its steps and carried on to its end."""
    config = CONFIG.model_copy(update={"experience": ExperienceConfig(top_memories=50)})
    home, folder = new_run(tmp_path_factory.mktemp("lived"), config)
    with ExperienceStore(home.experience) as store:
        store.put_skill(skill("debugging", "fix", "standardise", trigger=SLOW, tags=KIT))
        store.put_memory(refuted("class_weights", "quantiles", datasets=("iris",)))
        ran = memory("configuration", "validated", IRIS, fixes=["impute_missing"], needed=["impute_missing"])
        store.put_memory(ran.model_copy(update={"id": "configuration-1ca74b28d291"}))
        for item in hostile():
            store.put_memory(item)
        store.put_memory(
            refuted("quantiles", datasets=("iris",)).model_copy(update={"profile": "other", "id": "theirs"})
        )
    watcher = Watcher(each=True)
    for _ in range(60):
        try:
            carry_on(home, folder, NoFeedback(), watcher)
            break
        except KeyboardInterrupt:
            continue
    return home, folder, watcher


def hostile() -> list[Memory]:
    """Memories whose facts are of the wrong kind, put into the store by somebody else."""
    words = {"reason": INJECTION, "statement": INJECTION, "verdict_reason": INJECTION}
    odd: list[object] = ["many", None, [], {"a": 1}, -5, 10**400, INJECTION, [INJECTION] * 200]
    found = []
    for number, value in enumerate(odd):
        same = {**IRIS, "metric": (f"m{number}",)}
        found += [
            memory("configuration", "validated", IRIS | {"x": (str(number),)}, fixes=value, minutes_per_run=value,
                   seeds=value, ablation=value, sweep=value, datasets=value, components=value),
            memory("resource", "validated", {**IRIS, "hardware": ("cores:2",), "x": (str(number),)},
                   seconds={"baseline": value}, start_up=value, slowdown=value),
            memory("hypothesis", "refuted", same, components=value, worse_on=value, asked_sweep=value, **words),
        ]  # fmt: skip
    return [item.model_copy(update={"text": f"{INJECTION} iris {item.id}"}) for item in found]


Lived = tuple[Home, RunFolder, Watcher]


def test_what_was_recalled_is_kept_and_every_stage_teaches_once(lived: Lived) -> None:
    home, folder, watcher = lived
    assert folder.load("run.json", RunRecord).status == "done"
    for phase in ("ideation", "planning", "coding", "writing"):
        found = folder.load(f"{phase}/recalled.json", Recall)
        assert len(found.memories) > 5, phase
        assert {item.memory.profile for item in found.memories} == {"default"}
        assert all(item.score.total > 0 for item in found.memories)
        assert watcher.begun.count(f"{phase}/recalled.json") == 2  # begun and stopped, begun and finished
    stages = ["experiments", "ideation_and_planning", "writing"]
    assert rows(home, "SELECT stage FROM absorbed ORDER BY stage") == [(stage,) for stage in stages]
    assert all(watcher.begun.count(f"experience/{stage}.json") == 2 for stage in stages)
    with ExperienceStore(home.experience) as store:
        assert [item.uses for item in store.skills() if item.id == "fix-standardise"] == [1]
        mine = [item for item in store.memories("default") if item.run == folder.id]
    assert {item.kind for item in mine} == {"hypothesis", "configuration", "resource"}
    assert all(item.seen == (2 if item.id == "configuration-1ca74b28d291" else 1) for item in mine)


def test_a_known_cure_is_in_the_first_commit_and_named_in_the_paper(lived: Lived) -> None:
    home, folder, _ = lived
    assert [item.fix for item in folder.load("coding/program.json", Program).prepared] == [
        "impute_missing",
        "standardise",
    ]
    assert "def standardise(" in folder.path("coding/code/models.py").read_text()
    paper = folder.path("paper/paper.tex").read_text()
    assert r"\texttt{standardise}" in paper
    assert "1ca74b28d291" not in paper, "memories are the user's own, and their names look like commits"
    with ExperienceStore(home.experience) as store:
        known = store.skill("fix-standardise")
        assert (known.uses, known.successes + known.failures) == (1, 1)


def test_what_was_refuted_is_set_aside_with_its_reason(lived: Lived) -> None:
    _, folder, _ = lived
    aside = folder.load("ideation/survey.json", Survey).set_aside
    assert any("class weighting" in item.statement and "refuted" in item.reason for item in aside)
    proposed = [set(item.hypothesis.components) for item in folder.load("ideation/hypotheses.json", Ideas).proposals]
    assert {"class_weights", "quantiles"} not in proposed


def test_words_of_memories_never_reach_the_paper(lived: Lived) -> None:
    _, folder, _ = lived
    written = [path.read_text() for path in folder.path("paper").rglob("*") if path.suffix in (".tex", ".bib")]
    assert not any("etc/passwd" in text or "12345" in text for text in written)
    assert audit_run(folder).passed


def test_a_claimed_cure_that_the_code_does_not_hold_fails_the_audit(lived: Lived, tmp_path: Path) -> None:
    shutil.copytree(lived[1].root, tmp_path / "copy")
    folder = RunFolder(tmp_path / "copy")
    path = folder.path("coding/program.json")
    path.write_text(path.read_text().replace('"standardise"', '"encode_categories"'))
    found = audit_run(folder)
    assert not found.passed
    assert any("encode_categories" in item.text for item in found.findings)


@pytest.mark.parametrize("off", [("skills",), ("memory",), ("skills", "memory")])
def test_a_switch_turns_off_recall_and_learning(tmp_path: Path, off: tuple[str, ...]) -> None:
    settings = ExperienceConfig.model_validate(dict.fromkeys(off, False))
    home, folder = new_run(tmp_path, CONFIG.model_copy(update={"experience": settings}))
    with ExperienceStore(home.experience) as store:
        store.put_skill(skill("planning", "mend", "underpowered:more_seeds", tags=KIT))
        store.put_memory(refuted("quantiles", datasets=("iris",)))
    before = {table: rows(home, f"SELECT * FROM {table}") for table in ("skills", "memories", "history")}
    until("coding/code", home, folder)
    known = [folder.load(f"{phase}/recalled.json", Recall) for phase in ("ideation", "planning", "coding")]
    assert any(item.skills for item in known) == ("skills" not in off)
    assert any(item.memories for item in known) == ("memory" not in off)
    after = {table: rows(home, f"SELECT * FROM {table}") for table in before}
    assert (after["skills"] == before["skills"]) == ("skills" in off)
    assert after["memories"] == before["memories"]
    if "skills" in off:
        assert after["history"] == before["history"]


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_store_that_cannot_be_used_costs_no_run(tmp_path: Path, content: bytes) -> None:
    home, folder = new_run(tmp_path)
    home.experience.write_bytes(content)
    watcher = until("coding/code", home, folder)
    told = watcher.said("degraded")
    assert ("damaged or no database" in told) == bool(content)
    assert not content or home.experience.read_bytes() == content
    assert folder.load("ideation/recalled.json", Recall).memories == ()


def test_an_experiment_that_was_given_up_is_remembered_and_one_cut_off_is_not(tmp_path: Path) -> None:
    config = Config(paper=PaperConfig(latex="off"), execution=ExecutionConfig(attempts=1))
    home, folder = new_run(tmp_path, config)
    until("execution/attempts/1", home, folder)
    with pytest.raises(BudgetExceeded):
        carry_on(home, folder, NoFeedback(), limits=Limits(minutes=1e-9))
    assert not home.experience.exists() or rows(home, "SELECT count(*) FROM memories") == [(0,)]
    code = folder.path("coding/code/models.py")
    code.write_text("raise RuntimeError('broken on purpose')\n")
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "x"], cwd=code.parent, check=True
    )
    for _ in range(2):
        with pytest.raises(ExecutionError):
            carry_on(home, folder, NoFeedback())
    with ExperienceStore(home.experience) as store:
        (kept,) = store.memories()
    assert (kept.kind, kept.outcome, kept.seen) == ("configuration", "failed", 1)
    assert "broken on purpose" in kept.text
    assert folder.load("execution/attempts/1/attempt.json", Attempt).outcome == "failed"


def test_a_resumed_run_uses_what_it_recalled_before(tmp_path: Path) -> None:
    home, folder = new_run(tmp_path)
    until("ideation/survey.json", home, folder)
    with ExperienceStore(home.experience) as store:
        store.put_memory(refuted("class_weights", "quantiles", datasets=("iris",)))
    until("planning/recalled.json", home, folder)
    assert folder.load("ideation/survey.json", Survey).set_aside == ()
    assert folder.load("ideation/recalled.json", Recall).memories == ()
    until("coding/code", home, folder)
    assert json.loads(folder.path("planning/recalled.json").read_text())["memories"]
    assert folder.load("experience/ideation_and_planning.json", Lessons).credits == ()
