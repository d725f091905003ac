"""Chains as processes, and the report of what they left."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nanoresearch.bench import runner
from nanoresearch.bench.cells import BenchFolder, Chain
from nanoresearch.bench.report import write_report
from nanoresearch.bench.runner import command, run_here
from nanoresearch.config import Config
from nanoresearch.errors import CorruptRecord, UsageError
from nanoresearch.schema.benchmark import BenchSettings, CellRecord


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "POLL_S", 0.02)


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_all_commands_are_run_and_failures_counted_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    touch = [python(f"open({str(tmp_path / name)!r}, 'w')") for name in "abc"]
    assert run_here([touch[0], python("raise SystemExit(3)"), *touch[1:]], 2, told.append) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]
    assert len(told) == 1
    assert "exit code 3" in told[0]


def test_no_more_than_so_many_run_at_once(tmp_path: Path) -> None:
    script = (
        "import os,sys,time,pathlib\nroot=pathlib.Path(sys.argv[1])\nmine=root/f'on-{os.getpid()}'\nmine.touch()\n"
        "(root/f'seen-{os.getpid()}').write_text(str(len(list(root.glob('on-*')))))\ntime.sleep(0.2)\nmine.unlink()"
    )
    assert run_here([[*python(script), str(tmp_path)]] * 5, 2, print) == 0
    seen = [int(path.read_text()) for path in tmp_path.glob("seen-*")]
    assert len(seen) == 5
    assert max(seen) <= 2


def test_chains_get_their_share_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    text = "import os,sys; open(sys.argv[1], 'w').write(os.environ['OMP_NUM_THREADS'] + os.environ['MKL_NUM_THREADS'])"
    run_here([[*python(text), str(tmp_path / "x")]], 2, print)
    assert (tmp_path / "x").read_text() == "47"


STAND_IN = """
import os, pathlib, signal, subprocess, sys, time
folder, manner = pathlib.Path(sys.argv[1]), sys.argv[2]
asleep = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
deaf = subprocess.Popen([sys.executable, "-c", asleep], stdout=subprocess.PIPE)
deaf.stdout.readline()
signal.signal(signal.SIGTERM, signal.default_int_handler if manner == "polite" else signal.SIG_IGN)
(folder / "new").write_text(f"{os.getpid()} {deaf.pid}")
(folder / "new").rename(folder / "pids")
try:
    time.sleep(60)
except KeyboardInterrupt:
    (folder / "noted").touch()
    sys.exit(130)
"""
"""A chain that has started a process which hears nothing, and notes where it is when it is asked to end."""


def is_alive(pid: int) -> bool:
    """Whether a process goes on; one that ended and was not collected yet does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def pids_of(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "pids").read_text().split()]


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@on_linux
@pytest.mark.parametrize("manner", ["polite", "deaf"])
def test_an_interruption_ends_the_chains_and_what_is_in_their_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    monkeypatch.setattr(runner, "GRACE_S", 10.0 if manner == "polite" else 0.2)

    def interrupted(seconds: float) -> None:
        if (tmp_path / "pids").exists():
            raise KeyboardInterrupt
        time.sleep(seconds)

    before = signal.getsignal(signal.SIGTERM)
    ended = python("pass")  # one that ended just before must not keep the others from being ended
    with pytest.raises(KeyboardInterrupt):
        run_here([ended, [*python(STAND_IN), str(tmp_path), manner]], 2, print, interrupted)
    assert signal.getsignal(signal.SIGTERM) is before
    assert (tmp_path / "noted").exists() == (manner == "polite"), "asked first, so that its run can be resumed"
    wait_until(lambda: not any(map(is_alive, pids_of(tmp_path))))


@on_linux
def test_a_second_interruption_waits_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GRACE_S", 1000.0)
    again = iter([None])

    def impatient(seconds: float) -> None:
        if next(again, True):
            raise KeyboardInterrupt

    def interrupted(seconds: float) -> None:
        if (tmp_path / "pids").exists():
            monkeypatch.setattr(runner.time, "sleep", impatient)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_here([[*python(STAND_IN), str(tmp_path), "deaf"]], 1, print, interrupted)
    monkeypatch.undo()
    wait_until(lambda: not any(map(is_alive, pids_of(tmp_path))))


COMMAND = """
import sys
from nanoresearch.bench import runner
from nanoresearch.cli.main import main
chain, folder = sys.argv[1:]
runner.command = lambda *_, **__: [sys.executable, "-c", chain, folder, "polite"]
chosen = ["--tasks", "ts-03", "--ablation", "static", "--rounds", "1"]
main(["bench", "run", *chosen, "--out", f"{folder}/out"])
"""


@on_linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_with_its_chains_and_the_code_of_an_interruption(
    tmp_path: Path, number: signal.Signals
) -> None:
    environment = {**os.environ, "NANORESEARCH_HOME": str(tmp_path / "home")}
    with subprocess.Popen(
        [*python(COMMAND), STAND_IN, str(tmp_path)], stderr=subprocess.PIPE, text=True, env=environment
    ) as bench:
        wait_until(lambda: (tmp_path / "pids").exists())
        bench.send_signal(number)
        told = bench.communicate(timeout=30)[1]
    assert bench.returncode == 130
    assert "go on with the same command" in told
    assert (tmp_path / "noted").exists()
    wait_until(lambda: not any(map(is_alive, pids_of(tmp_path))))


CHAIN = """
import pathlib, sys, time
from nanoresearch.bench import __main__ as chain
def run(self, rounds, *, held_out):
    (self.bench.root / "begun").touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        (self.bench.root / "noted").touch()
        raise
chain.ChainRunner.run = run
sys.exit(chain.main())
"""
KILLED = """
import os, subprocess, sys
from pathlib import Path
from nanoresearch.bench.cells import Chain
from nanoresearch.bench.runner import command
made = command(Path(sys.argv[2]), Chain("tab-03-doctor-visits", "static", 0), 1, held_out=False, parent=os.getpid())
subprocess.run([sys.executable, "-c", sys.argv[1], *made[3:]])
"""


@on_linux
def test_a_chain_ends_with_a_bench_run_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([*python(KILLED), CHAIN, str(tmp_path)]) as bench:
        wait_until(lambda: (tmp_path / "begun").exists())
        bench.kill()
    wait_until(lambda: (tmp_path / "noted").exists())


@on_linux
def test_a_chain_whose_bench_run_is_gone_does_not_begin(tmp_path: Path) -> None:
    made = command(tmp_path, Chain("tab-03-doctor-visits", "static", 0), 1, held_out=False, parent=1)
    assert subprocess.run([*python(CHAIN), *made[3:]], check=False).returncode == 130
    assert not (tmp_path / "begun").exists()


def test_the_command_of_a_chain_names_it_whole() -> None:
    made = command(Path("/out"), Chain("tab-03-doctor-visits", "no-skills", 4), 3, held_out=False)
    assert made[:3] == [sys.executable, "-m", "nanoresearch.bench"]
    assert made[3:] == [
        "--out", "/out", "--task", "tab-03-doctor-visits", "--ablation", "no-skills", "--seed", "4", "--rounds", "3",
        "--no-held-out",
    ]  # fmt: skip
    bound = command(Path("/out"), Chain("tab-03-doctor-visits", "no-skills", 4), 3, held_out=False, parent=5)
    assert bound == [*made, "--parent", "5"]


@pytest.fixture
def bench(tmp_path: Path) -> BenchFolder:
    """Two ablations, two tasks, two rounds; no run could be started."""
    folder = BenchFolder(tmp_path / "bench")
    folder.begin(BenchSettings(config=Config().model_dump(mode="json"), data="d", models="m"))
    for task in ("tab-03-doctor-visits", "ts-03-forecast-combination"):
        for ablation in ("full", "static"):
            for number in (1, 2):
                cell = Chain(task, ablation, 0).cell(number)  # type: ignore[arg-type]
                folder.save(
                    CellRecord(cell=cell, home="h", run=None, status="failed", reason="x", seconds=1, cpu_seconds=1)
                )
    return folder


def test_a_report_has_tables_plots_and_everything_as_json(bench: BenchFolder) -> None:
    made = write_report(bench)
    folder = bench.root / "report"
    assert {path.name for path in made.files} == {
        "tables.md", "tables.tex", "report.json", "rounds.pdf", "rounds.png", "dimensions.pdf", "dimensions.png",
    }  # fmt: skip
    assert all(path.stat().st_size > 100 for path in made.files)
    text = (folder / "tables.md").read_text()
    assert "| full | 2 | 2 | 0.00 | 0.00 | 0.00 | 0.00 |" in text
    assert "| Tabular | static | 0.00 | 0.00 |" in text
    latex = (folder / "tables.tex").read_text()
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == text.count("### ")
    content = json.loads((folder / "report.json").read_text())
    assert len(content["scores"]) == 8
    assert content["scores"][0]["cell"]["task"] == "tab-03-doctor-visits"


def test_a_run_that_is_gone_is_no_zero(bench: BenchFolder) -> None:
    record = next(bench.records())
    bench.save(record.model_copy(update={"run": "gone"}))
    with pytest.raises(CorruptRecord, match="gone"):
        write_report(bench)


def test_a_report_without_cells_says_how_to_get_some(tmp_path: Path) -> None:
    folder = BenchFolder(tmp_path)
    folder.begin(BenchSettings(config=Config().model_dump(mode="json"), data="d", models="m"))
    with pytest.raises(UsageError, match="nanoresearch bench run"):
        write_report(folder)
