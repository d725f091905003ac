"""The benchmark for real, in small: three tasks, two rounds, with and without learning, killed and gone on with."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from nanoresearch.bench import chain as chains
from nanoresearch.bench import summary, tables
from nanoresearch.bench.cells import BenchFolder, Chain
from nanoresearch.bench.chain import ChainRunner
from nanoresearch.bench.report import write_report
from nanoresearch.bench.runner import command
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.config import Config, PaperConfig, PlannerConfig
from nanoresearch.paper.compile import find_latex
from nanoresearch.paths import Home
from nanoresearch.schema.benchmark import Ablation, BenchSettings, Scores, Standing, Task
from nanoresearch.schema.learning import LearningSettings
from tests.planner.conftest import make_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
TOPICS = {
    "tab-01-clinical-calibration": "Does sigmoid recalibration help logistic regression on the iris table?",
    "tab-03-doctor-visits": "On the RAND health-insurance table, do zero-inflated models beat Poisson regression?",
    "cv-01-tiny-digits": "Do shifted copies help a support vector machine on the 8x8 UCI digits?",
}
"""Topics whose data libraries carry: nothing is fetched here."""


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Task]:
    known = load_tasks()
    small = {}
    for name, topic in TOPICS.items():
        context = known[name].extra_context.model_copy(update={"standing": Standing(seeds=2)})
        small[name] = known[name].model_copy(update={"problem_statement": topic, "extra_context": context})
    for module in (chains, summary, tables):
        monkeypatch.setattr(module, "load_tasks", lambda: small)
    return small


def begin(root: Path, model: str) -> BenchFolder:
    learning = LearningSettings(steps=2, samples=2, probes=4)
    planner = PlannerConfig(kind="trainable", model=model, learning=learning)
    config = Config(planner=planner, paper=PaperConfig(latex="auto" if find_latex() else "off"))
    bench = BenchFolder(root / "bench")
    bench.begin(
        BenchSettings(config=config.model_dump(mode="json"), data=str(root / "data"), models=str(root / "models"))
    )
    return bench


def met(scores: Scores) -> list[bool]:
    """Which wishes are met, but for those that depend on what else the machine does."""
    return [item.holds for item in scores.checks if item.check.kind != "max_wall_seconds"]


def test_three_tasks_and_two_rounds(tasks: dict[str, Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    learner = find_spec("torch") is not None and find_spec("peft") is not None
    if learner:  # a readout of few examples: with random weights it means nothing anyway
        monkeypatch.setattr("nanoresearch.planner.attitude.EXAMPLES", 12)
        monkeypatch.setattr("nanoresearch.planner.attitude.INSTRUCTIONS", 8)
    model = str(make_folder(tmp_path / "tiny")) if learner else "none"
    bench = begin(tmp_path, model)
    wanted: list[tuple[str, Ablation]] = [(name, "static") for name in tasks]
    if learner:
        wanted.append(("tab-03-doctor-visits", "full"))
    for name, ablation in wanted:
        ChainRunner(bench, Chain(name, ablation, 0), print).run(2, held_out=False)
    made = write_report(bench)
    assert len(made.scores) == 2 * len(wanted)
    for item in made.scores:
        assert item.status == "done", item
        assert item.feedback > 0
        assert 0 < item.compliance < 1
        assert item.executability == (1 if find_latex() else 0)
        assert item.expression > 0.5
        assert item.learning_seconds > 0 if item.cell.ablation == "full" else item.learned == 0
    static = {(item.cell.task, item.cell.round): met(item) for item in made.scores if item.cell.ablation == "static"}
    assert all(static[name, 1] == static[name, 2] for name in tasks), "what never learns never changes"
    doctors = next(item for item in made.scores if item.cell == Chain("tab-03-doctor-visits", "static", 0).cell(1))
    assert doctors.effectiveness is not None
    assert abs(doctors.effectiveness) < 0.1
    home = bench.home(Chain("tab-03-doctor-visits", "static", 0))
    assert not home.experience.exists()
    if learner:
        assert bench.home(Chain("tab-03-doctor-visits", "full", 0)).experience.exists()


def test_killed_and_started_again_it_ends_with_one_run_for_each_cell(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    bench = BenchFolder(tmp_path / "bench")
    config = Config(planner=PlannerConfig(kind="trainable"), paper=PaperConfig(latex="off"))
    shared = {"data": str(home.data), "models": str(home.models)}
    bench.begin(BenchSettings(config=config.model_dump(mode="json"), **shared))  # type: ignore[arg-type]
    chain = Chain("tab-03-doctor-visits", "static", 0)
    first = subprocess.Popen(command(bench.root, chain, 1, held_out=False))
    runs = bench.home(chain).runs
    deadline = time.monotonic() + 200
    while not list(runs.glob("*/coding/program.json")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.kill()
    first.wait()
    assert bench.load(chain.cell(1)) is None
    options = [
        "--tasks",
        "tab-03",
        "--ablation",
        "static",
        "--rounds",
        "1",
        "--no-held-out",
        "--set",
        "paper.latex=off",
    ]
    start = [sys.executable, "-c", "from nanoresearch.cli.main import main; main()"]
    again = [*start, "bench", "run", "--out", str(bench.root), *options]
    environment = {**os.environ, "NANORESEARCH_HOME": str(home.root)}
    subprocess.run(again, env=environment, check=True, timeout=600)
    cell = bench.load(chain.cell(1))
    assert cell is not None
    assert cell.status == "done"
    assert [path.name for path in runs.iterdir()] == [cell.run]
    assert not list(bench.root.rglob("*.started"))
    last = subprocess.run(again, env=environment, check=True, capture_output=True, text=True)
    assert "0 of 1 chains have something left" in last.stderr
