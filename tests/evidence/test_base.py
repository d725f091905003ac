"""The audit of a run whose code was added to a repository of others."""

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nanoresearch.assemble import RunRequest, create_run, open_workplace
from nanoresearch.config import Config, PaperConfig, SetupConfig
from nanoresearch.crew.roles import Briefing, Coder
from nanoresearch.errors import AuditFailed
from nanoresearch.evidence.audit import audit_run
from nanoresearch.execution.clones import pin_repository
from nanoresearch.execution.evaluation import nobody
from nanoresearch.paths import Home, RunFolder
from nanoresearch.pipeline import run_pipeline
from nanoresearch.researcher.source import NoFeedback
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Program
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.setup import PinnedRepository

from .conftest import TOPIC, InventingExecutor

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Building:
    """A coder that adds what another one writes to the code of others."""

    coder: Coder
    base: PinnedRepository

    def write(self, briefing: Briefing, blueprint: Blueprint) -> Program:
        return self.coder.write(briefing, blueprint).model_copy(update={"base": self.base})


@pytest.fixture
def built(tmp_path: Path) -> RunFolder:
    """A finished run that was built on a repository."""
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "helper.py").write_text("def helped():\n    return True\n")
    who = ["-c", "user.name=Somebody", "-c", "user.email=s@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=origin, check=True)
    home = Home(tmp_path / "home")
    base = pin_repository(str(origin), "main", home.repositories, SetupConfig())
    folder = create_run(home, RunRequest(TOPIC, Profile(), Config(paper=PaperConfig(latex="off"))))
    work = open_workplace(home, folder)
    crew = replace(work.crew, judge=nobody, coder=Building(work.crew.coder, base))
    with suppress(AuditFailed):
        run_pipeline(replace(work, executor=InventingExecutor(), crew=crew), NoFeedback())
    return folder


def test_the_code_of_others_is_told_from_our_own(built: RunFolder) -> None:
    found = audit_run(built)
    assert [f"{item.where}: {item.text}" for item in found.findings if item.check == "provenance"] == []
    assert found.passed
    said = json.loads(built.path("coding/program.json").read_text())
    assert said["base"]["files"] == 1
    assert "path" not in said["base"]
    assert built.path("coding/code/upstream/helper.py").is_file()
    paper = built.path("paper/paper.tex").read_text()
    commit = said["base"]["commit"][:12]
    assert f"the code of origin, commit \\texttt{{{commit}}}, which it holds unchanged" in " ".join(paper.split())
    said["base"]["sha256"] = "0" * 64
    built.path("coding/program.json").write_text(json.dumps(said))
    texts = [item.text for item in audit_run(built).findings]
    assert [text for text in texts if text.startswith("the first commit is not")], texts
    said["base"]["commit"] = "abc123" + "0" * 34
    built.path("coding/program.json").write_text(json.dumps(said))
    texts = [item.text for item in audit_run(built).findings]
    assert [text for text in texts if text.startswith("does not say that the program is built on")], texts
    said["base"] = None
    built.path("coding/program.json").write_text(json.dumps(said))
    texts = [item.text for item in audit_run(built).findings]
    assert "it holds code of others, and nothing says whose" in texts
