"""One chain of rounds: the same task again and again with one home, feedback after each stage, then the held-out topic.

Every cell ends in one record. A chain that was killed goes on with the run it was in; runs resume by themselves.
"""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from nanoresearch.assemble import RunRequest, create_run, require_model_libraries
from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.bench.cells import BenchFolder, Chain
from nanoresearch.bench.persona import PhraseSpeaker, SimulatedResearcher
from nanoresearch.bench.tasks import load_tasks, profile_of
from nanoresearch.config import Config
from nanoresearch.errors import DatasetError, ModelError, NanoResearchError, RunLocked
from nanoresearch.events import Listener
from nanoresearch.execution.sandbox import SandboxMissing
from nanoresearch.paths import Home, RunFolder
from nanoresearch.planner.problems import PlannerError
from nanoresearch.researcher.source import FeedbackSource, NoFeedback
from nanoresearch.schema.benchmark import Ablation, Cell, CellRecord, Task
from nanoresearch.schema.models import ModelRole
from nanoresearch.schema.run import RunRecord, Status
from nanoresearch.session import carry_on

SEEDS_OF_A_CHAIN, SEEDS_OF_A_ROUND = 10_000, 500
"""First seeds of experiments lie so far apart: no round draws the splits of another."""
HINDRANCES = (DatasetError, ModelError, PlannerError, RunLocked, SandboxMissing)
"""What says something about this machine and nothing about the system: the cell stays open, and the chain stops."""


def ablate(config: Config, ablation: Ablation) -> Config:
    """The configuration of an ablation. Full learns on all three levels; static has none and the fixed planner."""
    skills = ablation not in ("no-skills", "static")
    memory = ablation not in ("no-memory", "static")
    learn = ablation not in ("no-learning", "static")
    planner = config.planner.model_copy(update={"learn": learn, **({"kind": "fixed"} if ablation == "static" else {})})
    experience = config.experience.model_copy(update={"skills": skills, "memory": memory})
    return config.model_copy(update={"planner": planner, "experience": experience})


def first_seed(cell: Cell) -> int:
    """Seed of a cell's experiments, equal for all ablations and other for each chain seed and round."""
    return SEEDS_OF_A_CHAIN * cell.seed + SEEDS_OF_A_ROUND * (2 * cell.round - 1 - (not cell.held_out))


@dataclass(frozen=True)
class ChainRunner:
    """Runs the cells of one chain, in order. What hinders this machine (missing data, say) is raised, not scored."""

    bench: BenchFolder
    chain: Chain
    tell: Callable[[str], None]
    listeners: tuple[Listener, ...] = ()

    def run(self, rounds: int, *, held_out: bool = True) -> None:
        """Every cell that has not ended yet. Waits while another process works on this chain."""
        home = self.bench.home(self.chain)
        home.root.mkdir(parents=True, exist_ok=True)
        with FileLock(home.root / ".chain.lock"):
            self._share(home)
            for number in range(1, rounds + 1):
                self._once(home, self.chain.cell(number))
            if held_out:
                self._once(home, self.chain.cell(rounds, held_out=True))

    def _share(self, home: Home) -> None:
        """Data and base models are those of the benchmark, by links."""
        settings = self.bench.settings()
        for link, target in ((home.data, settings.data), (home.models, settings.models)):
            if not link.is_symlink():
                link.symlink_to(Path(target))

    def _once(self, home: Home, cell: Cell) -> None:
        if self.bench.load(cell) is not None:
            return
        begun, cpu = time.monotonic(), _cpu_seconds()
        run, status, reason = self._carry(home, cell)
        record = CellRecord(
            cell=cell,
            home=str(home.root.relative_to(self.bench.root)),
            run=run,
            status=status,
            reason=reason,
            seconds=round(time.monotonic() - begun, 3),
            cpu_seconds=round(_cpu_seconds() - cpu, 3),
        )
        self.bench.save(record)
        where = "held out" if cell.held_out else f"round {cell.round}"
        self.tell(f"{self.chain.name} {where}: {status} in {record.seconds:.0f} s {reason[:160]}".rstrip())

    def _carry(self, home: Home, cell: Cell) -> tuple[str | None, Status, str]:
        """Run a cell to its end, whatever that is. Only hindrances and what stops the whole process pass."""
        task = load_tasks()[cell.task]
        try:
            folder = self._folder(home, task, cell)
        except HINDRANCES:
            raise
        except NanoResearchError as error:  # a refused topic: the cell has no run
            return None, "failed", str(error)
        unsafe = self.bench.settings().unsafe
        try:
            with self._source(task, folder, cell) as source:
                carry_on(home, folder, source, *self.listeners, unsafe=unsafe)
            self._judge(task, folder, cell)
        except HINDRANCES:
            raise
        except NanoResearchError as error:
            return folder.id, folder.load("run.json", RunRecord).status, str(error)
        except Exception as error:  # noqa: BLE001 - a defect of ours, noted in the run: other cells must still be run
            return folder.id, "failed", f"{type(error).__name__}: {error}"
        return folder.id, "done", ""

    def _folder(self, home: Home, task: Task, cell: Cell) -> RunFolder:
        begun = self.bench.started(cell)
        if begun is not None:
            return RunFolder(home.runs / begun)
        topic = load_tasks()[task.extra_context.held_out] if cell.held_out else task
        config = ablate(self.bench.config(), cell.ablation)
        request = RunRequest(
            topic.problem_statement, profile_of(task, held_out=cell.held_out), config, first_seed(cell)
        )
        folder = create_run(home, request)
        self.bench.start(cell, folder.id)
        return folder

    @contextmanager
    def _source(self, task: Task, folder: RunFolder, cell: Cell) -> Iterator[FeedbackSource]:
        """The simulated researcher, who speaks through a language model where one is configured; silent on held-out."""
        config = self.bench.config()
        if cell.held_out:
            yield NoFeedback()
        elif not plays(config, "persona"):
            yield SimulatedResearcher(task, folder, PhraseSpeaker(cell.seed, cell.round), cell.seed, cell.round)
        else:
            require_model_libraries()
            from nanoresearch.bench.language import LanguageModelSpeaker, models_beside

            with models_beside(config, folder, self.bench.asked(cell)) as models:
                yield SimulatedResearcher(task, folder, LanguageModelSpeaker(models), cell.seed, cell.round)

    def _judge(self, task: Task, folder: RunFolder, cell: Cell) -> None:
        """Have a finished paper judged where a language model is configured for it."""
        config = self.bench.config()
        if cell.held_out or not plays(config, "judge"):
            return
        require_model_libraries()
        from nanoresearch.bench.language import judge_paper, models_beside

        with models_beside(config, folder, self.bench.asked(cell)) as models:
            self.bench.keep_judged(cell, judge_paper(models, task, Artifacts(folder)))


def plays(config: Config, role: ModelRole) -> bool:
    """Whether a language model is configured for a role."""
    return config.models.default is not None or role in config.models.roles


def _cpu_seconds() -> float:
    """Processor time of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)
