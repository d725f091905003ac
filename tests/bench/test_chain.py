"""A chain of rounds: what is run once, what is noted, and what happens when it is cut off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.assemble import RunRequest
from nanoresearch.bench import chain as chains
from nanoresearch.bench.cells import ABLATIONS, BenchFolder, Chain
from nanoresearch.bench.chain import ChainRunner, ablate, first_seed, plays
from nanoresearch.bench.persona import SimulatedResearcher
from nanoresearch.bench.runner import unfinished
from nanoresearch.config import Config, ModelsConfig
from nanoresearch.errors import AuditFailed, DatasetError, ExecutionError, TopicRefused, UsageError
from nanoresearch.paths import Home, RunFolder
from nanoresearch.researcher.source import FeedbackSource, NoFeedback
from nanoresearch.schema.benchmark import BenchSettings
from nanoresearch.schema.run import RunRecord

TASK = "tab-03-doctor-visits"
CHAIN = Chain(TASK, "full", 0)
Outcome = Callable[[RunFolder], None]


class Runs:
    """Takes the place of real runs: makes folders, and ends each sitting as it is told."""

    def __init__(self) -> None:
        self.requests: list[RunRequest] = []
        self.sat: list[tuple[str, FeedbackSource]] = []
        self.outcomes: dict[int, Exception | type[BaseException]] = {}
        self.refusal: Exception | None = None

    def create(self, home: Home, request: RunRequest) -> RunFolder:
        if self.refusal:
            raise self.refusal
        self.requests.append(request)
        folder = RunFolder(home.runs / f"run-{len(self.requests)}")
        head = RunRecord(
            id=folder.id, topic=request.topic, profile=request.profile, config={}, seed=request.seed, versions={},
            status="running", created="", updated="",
        )  # fmt: skip
        folder.save("run.json", head)
        return folder

    def carry_on(self, home: Home, folder: RunFolder, source: FeedbackSource, *listeners: Any, **options: Any) -> None:
        self.sat.append((folder.id, source))
        outcome = self.outcomes.pop(len(self.sat), None)
        if outcome is not None:
            status = "failed_audit" if isinstance(outcome, AuditFailed) else "failed"
            head = folder.load("run.json", RunRecord)
            folder.save("run.json", head.model_copy(update={"status": status}))
            raise outcome


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr(chains, "create_run", made.create)
    monkeypatch.setattr(chains, "carry_on", made.carry_on)
    return made


@pytest.fixture
def bench(tmp_path: Path) -> BenchFolder:
    folder = BenchFolder(tmp_path / "bench")
    folder.begin(settings(tmp_path))
    return folder


def settings(root: Path, **changes: Any) -> BenchSettings:
    config = Config(**changes).model_dump(mode="json")
    return BenchSettings(config=config, data=str(root / "data"), models=str(root / "models"))


def runner(bench: BenchFolder, chain: Chain = CHAIN) -> ChainRunner:
    return ChainRunner(bench, chain, lambda text: None)


def test_rounds_get_feedback_and_the_held_out_topic_gets_none(bench: BenchFolder, runs: Runs) -> None:
    runner(bench).run(2)
    assert [name for name, _ in runs.sat] == ["run-1", "run-2", "run-3"]
    first, second, last = (source for _, source in runs.sat)
    assert isinstance(first, SimulatedResearcher)
    assert isinstance(second, SimulatedResearcher)
    assert (first.round, second.round) == (1, 2)
    assert isinstance(last, NoFeedback)
    topics = [request.topic for request in runs.requests]
    assert topics[0] == topics[1] != topics[2]
    assert len({request.seed for request in runs.requests}) == 3
    assert bench.load(CHAIN.cell(2, held_out=True)) is not None
    home = bench.home(CHAIN)
    assert home.data.is_symlink()
    assert home.models.is_symlink()


def test_what_has_ended_is_not_run_again(bench: BenchFolder, runs: Runs) -> None:
    runner(bench).run(1, held_out=False)
    runner(bench).run(2, held_out=False)
    assert [name for name, _ in runs.sat] == ["run-1", "run-2"]


def test_a_killed_cell_goes_on_with_its_run(bench: BenchFolder, runs: Runs) -> None:
    runs.outcomes[1] = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        runner(bench).run(1, held_out=False)
    assert bench.load(CHAIN.cell(1)) is None
    assert unfinished(bench, [CHAIN], 1, held_out=False) == [CHAIN]
    runner(bench).run(1, held_out=False)
    assert [name for name, _ in runs.sat] == ["run-1", "run-1"]
    assert len(runs.requests) == 1
    record = bench.load(CHAIN.cell(1))
    assert record is not None
    assert (record.run, record.status) == ("run-1", "done")
    assert unfinished(bench, [CHAIN], 1, held_out=False) == []
    assert unfinished(bench, [CHAIN], 1, held_out=True) == [CHAIN]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ExecutionError("It failed."), "failed"),
        (AuditFailed("No."), "failed_audit"),
        (ZeroDivisionError("x"), "failed"),
    ],
)
def test_how_a_run_failed_is_noted_and_the_next_round_goes_on(
    bench: BenchFolder, runs: Runs, error: Exception, status: str
) -> None:
    runs.outcomes[1] = error
    runner(bench).run(2, held_out=False)
    first, second = bench.load(CHAIN.cell(1)), bench.load(CHAIN.cell(2))
    assert first is not None
    assert second is not None
    assert (first.status, second.status) == (status, "done")
    assert str(error) in first.reason


def test_a_refused_topic_is_a_cell_without_a_run(bench: BenchFolder, runs: Runs) -> None:
    runs.refusal = TopicRefused("Not served.")
    runner(bench).run(1, held_out=False)
    record = bench.load(CHAIN.cell(1))
    assert record is not None
    assert (record.run, record.status, record.reason) == (None, "failed", "Not served.")
    assert bench.run_folder(record) is None


def test_missing_data_stop_the_chain_and_are_not_scored(bench: BenchFolder, runs: Runs) -> None:
    runs.outcomes[1] = DatasetError("Fetch it first.")
    with pytest.raises(DatasetError):
        runner(bench).run(1)
    assert bench.load(CHAIN.cell(1)) is None
    runner(bench).run(1, held_out=False)
    assert [name for name, _ in runs.sat] == ["run-1", "run-1"]


def test_ablations_switch_off_what_they_are_called_after() -> None:
    def levels(name: Any) -> tuple[bool, bool, bool, str]:
        config = ablate(Config(planner={"kind": "trainable"}), name)  # type: ignore[arg-type]
        return config.experience.skills, config.experience.memory, config.planner.learn, config.planner.kind

    assert {name: levels(name) for name in ABLATIONS} == {
        "full": (True, True, True, "trainable"),
        "no-skills": (False, True, True, "trainable"),
        "no-memory": (True, False, True, "trainable"),
        "no-learning": (True, True, False, "trainable"),
        "static": (False, False, False, "fixed"),
    }


def test_seeds_are_equal_across_ablations_and_differ_elsewhere() -> None:
    cells = [
        Chain(TASK, "full", seed).cell(number, held_out=held_out)
        for seed in range(3)
        for number in range(1, 6)
        for held_out in (False, True)
    ]
    seeds = [first_seed(cell) for cell in cells]
    assert len(set(seeds)) == len(seeds)
    assert first_seed(CHAIN.cell(1)) == first_seed(Chain(TASK, "static", 0).cell(1)) == 0


def test_a_folder_keeps_to_the_settings_it_was_begun_with(bench: BenchFolder, tmp_path: Path) -> None:
    bench.begin(settings(tmp_path))
    with pytest.raises(UsageError, match="begun with other settings"):
        bench.begin(settings(tmp_path, profile="other"))
    with pytest.raises(UsageError, match="holds no benchmark"):
        BenchFolder(tmp_path / "elsewhere").settings()


def test_models_play_where_they_are_configured() -> None:
    assert not plays(Config(), "persona")
    roles = ModelsConfig(roles={"persona": "scripted:x"})  # type: ignore[dict-item]
    assert plays(Config(models=roles), "persona")
    assert not plays(Config(models=roles), "judge")
    assert plays(Config(models=ModelsConfig(default="scripted:x")), "judge")
