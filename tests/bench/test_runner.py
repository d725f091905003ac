"""Chains as processes, and the report of what they left."""

import json
import os
import sys
import time
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


def test_ctrl_c_ends_the_chains_too(tmp_path: Path) -> None:
    def interrupted(seconds: float) -> None:
        if (tmp_path / "pid").exists():
            raise KeyboardInterrupt
        time.sleep(seconds)

    text = (
        "import os,sys,time,pathlib\nnew=pathlib.Path(sys.argv[1]+'.new')\nnew.write_text(str(os.getpid()))\n"
        "new.rename(sys.argv[1])\ntime.sleep(60)"
    )
    with pytest.raises(KeyboardInterrupt):
        run_here([[*python(text), str(tmp_path / "pid")]], 1, print, interrupted)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_command_of_a_chain_names_it_whole() -> None:
    made = command(Path("/out"), Chain("tab-03-doctor-visits", "no-skills", 4), 3, held_out=False)
    assert made[:3] == [sys.executable, "-m", "nanoresearch.bench"]
    assert made[3:] == [
        "--out", "/out", "--task", "tab-03-doctor-visits", "--ablation", "no-skills", "--seed", "4", "--rounds", "3",
        "--no-held-out",
    ]  # fmt: skip


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
