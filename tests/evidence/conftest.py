"""A finished run, made by the whole pipeline with an executor that invents scores, and copies of it to tamper with."""

import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nanoresearch.assemble import RunRequest, create_run, open_workplace
from nanoresearch.config import Config, PaperConfig
from nanoresearch.errors import AuditFailed
from nanoresearch.execution.evaluation import nobody
from nanoresearch.execution.executor import JobRequest
from nanoresearch.paper.drawing import Derive, Drawing
from nanoresearch.paper.figures import FigureFile, draw
from nanoresearch.paths import Home, RunFolder
from nanoresearch.pipeline import run_pipeline
from nanoresearch.researcher.source import NoFeedback
from nanoresearch.schema.analysis import Figure
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Job, Result
from nanoresearch.schema.plan import Directive
from nanoresearch.schema.profile import Profile, StatisticsHabits, WritingStyle

TOPIC = "Do class weights help logistic regression classify iris flowers and wine?"
NOT_CONVERGED = "sklearn.exceptions.ConvergenceWarning: lbfgs failed to converge after 1000 iteration(s) (status=1):\n"


class InventingExecutor:
    """Ends at once with scores made up from names; the first job fails, so that the code gets a patch."""

    name = "inventing"

    def __init__(self) -> None:
        self.jobs = 0

    def clock(self) -> float:
        return time.monotonic()

    def adopt(self, request: JobRequest) -> bool:
        return False

    def run(self, jobs: Sequence[JobRequest], *, parallel: int, on_done: Callable[[Job], None]) -> tuple[Job, ...]:
        done = []
        for request in jobs:
            self.jobs += 1
            request.output_folder.mkdir(parents=True, exist_ok=True)
            (request.output_folder / "stdout").touch()
            failed = self.jobs == 1
            (request.output_folder / "stderr").write_text(NOT_CONVERGED if failed else "")
            if not failed:
                (request.output_folder / "reports.jsonl").write_text("".join(_reports(request)))
                assert request.check(request.output_folder) == ""
            outcome = "failed" if failed else "succeeded"
            job = Job(
                seed=request.seed,
                outcome=outcome,
                exit_code=int(failed),
                seconds=0.5,
                cpu_seconds=0.4,
                peak_memory_mb=50.0,
            )
            done.append(job)
            on_done(job)
        return tuple(done)


def _reports(request: JobRequest) -> list[str]:
    config = json.loads((request.code_folder / "config.json").read_text())
    sweep = config["sweep"]
    conditions = [f"{sweep['id']}={value}" for value in sweep["values"]] if sweep else [""]
    lines = []
    for dataset in config["datasets"]:
        for condition in conditions[: 1 if "--smoke" in request.command else None]:
            for method in config["methods"]:
                where = {"dataset": dataset, "condition": condition, "method": method["id"], "seed": request.seed}
                for kind, metrics in (("result", config["metrics"]), ("measurement", config["measures"])):
                    for metric in metrics:
                        noise = random.Random(f"{where} {metric}").gauss(0, 0.004)
                        gain = 0.05 * len(method["components"]) - 0.2 * (method["base"] not in ("baseline",))
                        lines.append(json.dumps({**where, "metric": metric, "value": 0.7 + gain + noise, "kind": kind}))
    return [line + "\n" for line in lines]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run; never change it, take `case`."""
    home = Home(tmp_path_factory.mktemp("finished"))
    cheap = Directive(
        id="cheap", phase="planning", text="Measure no costs.", effect={"sweep": False, "secondary_metrics": False}
    )
    profile = Profile(
        taboos=("deep learning",),
        statistics=StatisticsHabits(seeds=5),
        directives=(cheap,),
        writing=WritingStyle(author="A. Researcher"),
    )
    config = Config(paper=PaperConfig(latex="off"))
    folder = create_run(home, RunRequest(TOPIC, profile, config))
    work = open_workplace(home, folder)
    # It invents scores, so that there are no predictions that could be judged.
    work = replace(work, executor=InventingExecutor(), crew=replace(work.crew, judge=nobody))
    with suppress(AuditFailed):  # test_the_untampered_run_passes says what is wrong with it
        run_pipeline(work, NoFeedback())
    return folder


@pytest.fixture(autouse=True)
def _drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same records are drawn once: they give the same bytes (see tests/paper), and drawing takes its time."""

    def draw_once(
        figure: Figure,
        blueprint: Blueprint,
        results: Iterable[Result],
        derive: Derive,
        folder: Path,
        *,
        width_in: float,
    ) -> FigureFile:
        key = (figure.canonical_json(), blueprint.digest(), tuple(results), width_in)
        if key not in _drawn:
            file = draw(figure, blueprint, results, derive, folder, width_in=width_in)
            _drawn[key] = (file.pdf.read_bytes(), file.drawing)
        pdf, drawing = _drawn[key]
        (folder / "cached.pdf").write_bytes(pdf)
        return FigureFile(folder / "cached.pdf", folder / "cached.json", drawing)

    monkeypatch.setattr("nanoresearch.evidence.audit.figures.draw", draw_once)


_drawn: dict[tuple[object, ...], tuple[bytes, Drawing]] = {}


@dataclass(frozen=True)
class Tampered:
    """A copy of the finished run, and ways to change it."""

    folder: RunFolder

    def path(self, name: str) -> Path:
        return self.folder.path(name)

    def read(self, name: str) -> str:
        return self.path(name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        self.path(name).write_text(text, encoding="utf-8")

    def swap(self, name: str, old: str, new: str, count: int = 1) -> None:
        text = self.read(name)
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new, count))

    def json(self, name: str) -> dict:  # type: ignore[type-arg]
        return json.loads(self.read(name))

    def save(self, name: str, value: object) -> None:
        self.write(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def reseal(self) -> None:
        """Make build.json agree with the paper's sources, as a careful forger would."""
        build = self.json("paper/build.json")
        root = self.path("paper")
        found = [
            path
            for path in sorted(root.rglob("*"))
            if path.suffix in (".tex", ".bib", ".pdf") and path.name != "paper.pdf"
        ]
        build["inputs"] = {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}
        self.save("paper/build.json", build)


@pytest.fixture
def case(finished: RunFolder, tmp_path: Path) -> Tampered:
    """A copy of the finished run."""
    shutil.copytree(finished.root, tmp_path / finished.id, symlinks=True)
    return Tampered(RunFolder(tmp_path / finished.id))
