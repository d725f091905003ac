"""A run up to its analysis, and a desk whose models are played by scripts."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from pydantic_ai import models as pydantic_models

from nanoresearch.config import Config, PaperConfig
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.crew.roles import Briefing, WritingMaterial
from nanoresearch.events import Event, EventFile, Events
from nanoresearch.evidence.audit import CHECKS, audit_run
from nanoresearch.evidence.audit.case import Case
from nanoresearch.models.access import Models
from nanoresearch.paper.compile import compile_pdf
from nanoresearch.paper.render import render_paper
from nanoresearch.paths import Home, RunFolder, read_lines
from nanoresearch.runlog import RunLog
from nanoresearch.schema.audit import Audit
from nanoresearch.schema.blueprint import Critique
from nanoresearch.schema.experiment import Program
from nanoresearch.schema.idea import NoveltyReport
from nanoresearch.schema.manuscript import Manuscript, Review
from nanoresearch.schema.models import ROLES
from nanoresearch.schema.plan import Plan
from tests.evidence.conftest import finished  # noqa: F401 - a fixture

SECTION = re.compile(r"(?:Write|Revise) the section (\w+)")
Answer = Callable[[str, int], Any]
"""From the section asked for, and how often it was asked before, to a reply."""


@pytest.fixture(autouse=True)
def _no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydantic_models, "ALLOW_MODEL_REQUESTS", False)


@dataclass
class Writing:
    """One sitting with a finished experiment."""

    desk: Desk
    briefing: Briefing
    material: WritingMaterial
    heard: list[Event]

    def told(self, kind: str) -> list[str]:
        return [event.text for event in self.heard if event.kind == kind]

    def asked(self, role: str) -> list[str]:
        return [item.text for item in self.desk.models.script(role).asked]  # type: ignore[arg-type]


@pytest.fixture
def folder(finished: RunFolder, tmp_path: Path) -> RunFolder:  # noqa: F811
    """A copy of the finished run."""
    shutil.copytree(finished.root, tmp_path / finished.id, symlinks=True)
    return RunFolder(tmp_path / finished.id)


Sit = Callable[..., Writing]


@pytest.fixture
def sit(folder: RunFolder) -> Iterator[Sit]:
    """Opens a sitting with scripts for roles."""
    opened: list[Models] = []

    def open_one(scripts: Mapping[str, Any], plan: Plan | None = None) -> Writing:
        heard: list[Event] = []
        events = Events(heard.append, EventFile(folder.path("events.jsonl")))
        log = RunLog(folder, events)
        log.phase, log.current_step = "writing", "writing/manuscript.json"
        silent: dict[str, Any] = {role: [] for role in ROLES}
        models = Models.scripted_for({**silent, **scripts}, folder, events, log)
        opened.append(models)
        case = Case(folder)
        material = WritingMaterial(
            blueprint=case.blueprint,
            survey=case.survey,
            novelty=folder.load("ideation/novelty.json", NoveltyReport),
            critiques=tuple(read_lines(folder.path("planning/critiques.jsonl"), Critique)),
            analysis=case.analysis,
            prepared=folder.load("coding/program.json", Program).prepared,
            attempts=tuple(case.attempts),
            ledger=case.ledger,
            folder=folder,
        )
        config = Config(paper=PaperConfig(latex="off"))
        desk = Desk(models, (), None, config, folder, events, None, Home.find())
        plan = plan or folder.load("writing/plan.json", Plan)
        return Writing(desk, Briefing(case.run.topic, case.run.profile, plan), material, heard)

    yield open_one
    for models in opened:
        models.close()


def by_section(answer: Answer) -> Callable[..., Any]:
    """A script that replies to what is asked for last."""
    count: dict[str, int] = {}

    def reply(messages: Any, info: Any) -> Any:
        text = "\n".join(
            part if isinstance(part, str) else ""
            for message in messages
            for item in message.parts
            for part in (
                [item.content]
                if isinstance(getattr(item, "content", None), str)
                else getattr(item, "content", []) or []
            )
        )
        asked = SECTION.findall(text)
        name = asked[-1] if asked and not info.output_tools else "front"
        count[name] = count.get(name, 0) + 1
        return answer(name, count[name] - 1)

    return reply


def complaints(writing: Writing, role: str = "writer") -> str:
    """What a model was told about its own replies."""
    asked = writing.desk.models.script(role).asked  # type: ignore[arg-type]
    again = [item.messages[-1] for item in asked if len(item.messages) > 1]
    return "\n".join(str(getattr(part, "content", "")) for message in again for part in message.parts)


def audit_of(writing: Writing, manuscript: Manuscript, *, whole: bool = False) -> Audit:
    """The audit of the run with this manuscript as its paper; what the text can change, unless all is wanted."""
    folder = writing.material.folder
    folder.save("writing/manuscript.json", manuscript)
    folder.save("review/manuscript.json", manuscript)
    analysis = writing.material.analysis
    folder.save("analysis/analysis.json", analysis)
    (old,) = folder.load_lines("review/reviews.jsonl", Review)[-1:]
    folder.save_lines("review/reviews.jsonl", [old.model_copy(update={"revision": manuscript.revision})])
    render_paper(
        manuscript, analysis, writing.material.survey.papers, folder.path("paper"),
        drawings=folder.path("analysis/figures"), note="Generated by NanoResearch.",
    )  # fmt: skip
    folder.save("paper/build.json", compile_pdf(folder.path("paper"), PaperConfig(latex="off")))
    checks = ("numbers", "citations", "integrity")
    with pytest.MonkeyPatch.context() as patch:
        if not whole:
            patch.setattr("nanoresearch.evidence.audit.CHECKS", {name: CHECKS[name] for name in checks})
        return audit_run(folder)
