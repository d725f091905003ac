"""A desk whose models are scripts, a small study of its own, and a program that keeps its contract."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from pydantic_ai import models as pydantic_models

from nanoresearch.config import CodingConfig, Config
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.crew.roles import Briefing
from nanoresearch.events import Event, EventFile, Events
from nanoresearch.models.access import Models
from nanoresearch.paths import Home, RunFolder
from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.runlog import RunLog
from nanoresearch.schema.blueprint import (
    Blueprint,
    Budget,
    Comparison,
    ComponentSpec,
    MethodSpec,
    MetricSpec,
    Protocol,
    Sweep,
)
from nanoresearch.schema.dataset import DatasetCard, StagedDataset
from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import RunRecord

TOPIC = "Does momentum help coordinate search on noisy quadratic functions?"
BOX = Isolation(kind="bubblewrap", namespaces=True)

DATA = '''"""Noisy quadratic functions, made from the seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Task:
    """A function to be minimised: its matrix (n, n) and its noise."""

    matrix: np.ndarray
    noise: float


@dataclass
class Split:
    """What a search may evaluate, where it is judged, and the optimum."""

    train: Task
    inputs: Task
    targets: np.ndarray


def load_quadratics(root: Path) -> int:
    """Dimension of the functions."""
    dimension = 4
    return dimension


LOADERS = {"quadratics": load_quadratics}


def split(data: int, protocol: dict, seed: int, setting: dict) -> Split:
    """A function for the seed, with as much noise as the setting says."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(data, data))
    task = Task(root @ root.T + np.eye(data), float(setting.get("noise", 0.0)))
    return Split(task, task, np.zeros(data))
'''

MODELS = '''"""Coordinate search, and what can be added to it."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Search:
    """Settings of a search, and the point that it found."""

    seed: int
    momentum: float = 0.0
    steps: int = 200
    point: np.ndarray | None = None


def build_search(search: Search) -> Search:
    """Search along the coordinates, with steps that shrink."""
    search.steps = 300
    return search


def build_random(search: Search) -> Search:
    """Stay at the first point."""
    search.steps = 0
    return search


def add_momentum(search: Search) -> None:
    """Repeat a part of the last step that helped."""
    search.momentum = 0.5


BASES = {"baseline": build_search, "random": build_random}
COMPONENTS = {"momentum": add_momentum}


def fit(base: str, components: list[str], train, seed: int) -> Search:
    """Run a search on one function."""
    search = BASES[base](Search(seed))
    for component in components:
        COMPONENTS[component](search)
    rng = np.random.default_rng([seed, 1])
    point = rng.normal(size=len(train.matrix))
    best, last = value(point, train, rng), np.zeros_like(point)
    for number in range(search.steps):
        step = search.momentum * last
        step[number % len(point)] += rng.normal() / (1 + 0.05 * number)
        if (found := value(point + step, train, rng)) < best:
            point, best, last = point + step, found, step
    search.point = point
    return search


def value(point: np.ndarray, task, rng: np.random.Generator) -> float:
    """Noisy value of a function at a point."""
    return float(point @ task.matrix @ point + task.noise * rng.normal())


def predict(model: Search, inputs) -> np.ndarray:
    """The point that was found, and its true value at the end."""
    return np.append(model.point, model.point @ inputs.matrix @ model.point)


def count_inputs(inputs) -> int:
    """One function."""
    number = 1
    return number


def count_parameters(model: Search) -> int:
    """Coordinates of the point."""
    return int(np.size(model.point))
'''

EVALUATE = '''"""How far a search stayed from the optimum."""

import numpy as np


def regret(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Value at the point found; that of the optimum is zero."""
    return float(predictions[-1])


def distance(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Distance from the optimum."""
    return float(np.linalg.norm(predictions[:-1] - targets))


METRICS = {"regret": regret, "distance": distance}
'''

WRITTEN = {"data.py": DATA, "models.py": MODELS, "evaluate.py": EVALUATE}
PLAN = {
    "approach": "A search is a fit; the point is the prediction.",
    "files": [{"name": name, "purpose": "as in the contract", "offers": []} for name in WRITTEN],
}


def fenced(text: str) -> str:
    """A reply with one file."""
    return f"```python\n{text}```"


def replies(**changes: str) -> list[Any]:
    """A plan, then every file; a file can be given another text by its stem."""
    return [PLAN, *(fenced(changes.get(name.removesuffix(".py"), text)) for name, text in WRITTEN.items())]


def own_blueprint(**changes: Any) -> Blueprint:
    """A small study whose loading, division and metrics are written too."""
    card = DatasetCard(
        id="quadratics", name="Noisy quadratics", domain="other", summary="Functions of four variables.",
        carrier="program", package="", version="", licence="none needed",
    )  # fmt: skip
    methods = (
        MethodSpec(id="random", name="Random point", role="reference", description="A point drawn at random."),
        MethodSpec(id="baseline", name="Coordinate search", role="baseline", description="Steps along coordinates."),
        MethodSpec(id="with_momentum", name="With momentum", role="proposed", components=("momentum",)),
    )
    facts: dict[str, Any] = {
        "topic": TOPIC, "title": "Momentum in coordinate search", "domain": "other", "study": "own",
        "hypothesis": "Momentum lowers the regret", "prediction": "a lower regret",
        "datasets": (StagedDataset(card=card, version="", folder=None),),
        "components": (ComponentSpec(id="momentum", name="momentum", description="Repeats a part of the last step."),),
        "methods": methods,
        "metrics": (MetricSpec(id="regret", name="regret", direction="lower"),
                    MetricSpec(id="distance", name="distance", direction="lower")),
        "sweep": Sweep(id="noise", name="noise", values=(0.0, 0.1)),
        "protocol": Protocol(id="fresh", description="A fresh function for every seed.", test_fraction=0.5,
                             resampled=False),
        "seeds": (0, 1), "confidence": 0.95, "test": "paired_t", "correction": "holm",
        "comparisons": (Comparison(id="c", method="with_momentum", versus="baseline", dataset=None, metric="regret",
                                   primary=True),),
        "measures": ("fit_seconds",),
        "budget": Budget(minutes=5, minutes_per_run=1, memory_gb=1, parallel=1), "forecast_minutes": 0.1,
    }  # fmt: skip
    return Blueprint(**(facts | changes))


def briefing_for(**changes: Any) -> Briefing:
    """A briefing of the coding phase."""
    profile = changes.pop("profile", Profile())
    plan = FixedPlanner().plan(PlannerInput("coding", TOPIC, profile))
    return Briefing(TOPIC, profile, plan, **changes)


class Office:
    """A run folder, at which one can sit down again and again."""

    def __init__(self, root: Path) -> None:
        self.folder = RunFolder(root / "runs" / "r")
        self.data_root = root / "data"
        self.data_root.mkdir(parents=True)
        self.events: list[Event] = []
        self._open: list[Models] = []
        record = RunRecord(
            id="r", topic=TOPIC, profile=Profile(), config={}, seed=0, versions={}, status="running", created="",
            updated="",
        )  # fmt: skip
        self.folder.save("run.json", record)

    def sit(self, scripts: Any, isolation: Isolation | None = BOX, **settings: Any) -> Desk:
        """A desk as a new process would have it."""
        events = Events(self.events.append, EventFile(self.folder.path("events.jsonl")))
        log = RunLog(self.folder, events)
        log.phase = "coding"
        log.step("coding/code")
        models = Models.scripted_for(scripts, self.folder, events, log)
        self._open.append(models)
        config = Config(coding=CodingConfig(**{"rounds": 2, **settings}))
        return Desk(models, (), None, config, self.folder, events, isolation, Home(self.data_root.parent))

    def said(self, kind: str) -> str:
        return "\n".join(event.text for event in self.events if event.kind == kind)

    def close(self) -> None:
        for models in self._open:
            models.close()


@pytest.fixture(autouse=True)
def _no_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydantic_models, "ALLOW_MODEL_REQUESTS", False)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()
