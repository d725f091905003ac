"""A desk with scripted models over a handful of made-up works. No reply here shows what a language model can do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from nanoresearch.config import Config, ModelsConfig
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.crew.roles import Briefing
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.paths import Home
from nanoresearch.schema.experience import Memory
from nanoresearch.schema.paper import Paper
from nanoresearch.schema.plan import Directive, Plan
from nanoresearch.schema.profile import Profile
from tests.models.conftest import Run

TOPIC = "Does mole smoothing improve the calibration of lattice classifiers on burrow images?"


def work(key: str, title: str, abstract: str | None = None, **fields: Any) -> Paper:
    return Paper(key=key, title=title, abstract=abstract, source=fields.pop("source", "made-up"), **fields)


WORKS = (
    work(
        "quill2021",
        "Mole smoothing for lattice classifiers",
        "We smooth the moles of a lattice classifier. MoleNet reaches an accuracy of 91.5% on Burrow and an expected "
        "calibration error of 0.042 on Burrow.",
        year=2021,
    ),
    work(
        "roe2019",
        "Calibration of lattice classifiers",
        "Lattice classifiers are overconfident. Temperature scaling lowers the error by 3.5% at no cost.",
        year=2019,
    ),
    work("vole2023", "Burrow: images of moles for classification", "A data set of burrow images.", year=2023),
    work("mint2018", "Recipes with mint for lattice pies", "We bake pies with a lattice of dough.", year=2018),
)

QUERIES = {
    "queries": [
        {"aim": "problem", "words": "calibration of lattice classifiers"},
        {"aim": "methods", "words": "mole smoothing"},
        {"aim": "data", "words": "burrow images"},
        {"aim": "competing", "words": "temperature scaling lattice"},
        {"aim": "metrics", "words": "expected calibration error"},
        {"aim": "methods", "words": "smoothing of classifiers"},
    ]
}
RELEVANCE = {"quill2021": 3, "roe2019": 3, "vole2023": 2, "mint2018": 0}
GAPS = {"gaps": [{"text": "Smoothing and temperature scaling are not compared.", "papers": ["quill2021", "roe2019"]}]}
SCORES = {
    "scores": [
        {
            "paper": "quill2021",
            "quote": "MoleNet reaches an accuracy of 91.5% on Burrow",
            "value": 91.5,
            "metric": "accuracy",
            "method": "MoleNet",
            "dataset": "Burrow",
        }
    ]
}


def judged(**changes: int) -> dict[str, Any]:
    return {"works": [{"key": key, "relevance": value} for key, value in (RELEVANCE | changes).items()]}


def candidate(**changes: Any) -> dict[str, Any]:
    """A proposal as the tool takes it."""
    return {
        "statement": "Adding mole smoothing to a lattice classifier lowers its calibration error on burrow images",
        "rationale": "Smoothing keeps the classifier from being sure of single moles.",
        "prediction": "The expected calibration error with smoothing is lower than without it on every data set.",
        "components": [{"name": "mole smoothing", "what": "Averages neighbouring moles, which lowers confidence."}],
        "datasets": ["generated"],
        "distinctive_terms": ["mole smoothing", "calibration error", "lattice classifier"],
        "based_on": ["quill2021"],
        "gap": "gap1",
        **changes,
    }


SECOND = {
    "statement": "Temperature scaling of a lattice classifier keeps its accuracy on burrow images",
    "components": [
        {"name": "temperature scaling", "what": "Divides the scores by one number fitted on held-out data."}
    ],
    "distinctive_terms": ["temperature scaling", "burrow images"],
    "based_on": ["roe2019"],
    "gap": None,
}


def briefing(*directives: Directive, memories: tuple[Memory, ...] = (), profile: Profile | None = None) -> Briefing:
    plan = Plan(phase="ideation", directives=directives, planner="fixed")
    return Briefing(TOPIC, profile or Profile(name="default"), plan, memories=memories)


def directive(**effect: Any) -> Directive:
    return Directive(id="asked", phase="ideation", text="What the test asks.", effect=effect)


def refuted(statement: str, **changes: Any) -> Memory:
    return Memory(
        id=changes.pop("id", "hypothesis-one"),
        kind="hypothesis",
        profile="default",
        project="p",
        run="earlier",
        text=f"{statement}: refuted.",
        conditions={},
        outcome=changes.pop("outcome", "refuted"),
        facts={"statement": statement, **changes},
    )


class Sitting(Run):
    """A run whose roles sit at a desk."""

    def desk(self, scripts: Any, literature: tuple[LiteratureClient, ...] | None = None, library: Any = None) -> Desk:
        models = self.sit(ModelsConfig(concurrency=1), scripts)
        self.models = models
        return Desk(
            models=models,
            literature=(OfflineCorpus(WORKS, name="made-up"),) if literature is None else literature,
            library=library,
            config=Config(crew="llm"),
            folder=self.folder,
            events=models._events,
            isolation=None,
            home=Home.find(),
        )

    def asked(self, role: Any) -> list[str]:
        return [item.text for item in self.models.script(role).asked]


@pytest.fixture
def sitting(tmp_path: Path) -> Iterator[Sitting]:
    made = Sitting(tmp_path / "run")
    yield made
    made.close()
