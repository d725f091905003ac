import os
import subprocess
import sys
from pathlib import Path

import pytest

from nanoresearch.errors import CorruptRecord, NanoResearchError, RunLocked, UsageError
from nanoresearch.paths import Home, RunFolder, append_line, read_lines, write_atomic
from nanoresearch.schema.idea import Gap, Query


def make_run(home: Home, name: str) -> RunFolder:
    folder = RunFolder(home.runs / name)
    write_atomic(folder.path("run.json"), "{}")
    return folder


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "record.json"
    write_atomic(target, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NanoResearchError, match=r"No space left.*Free space"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    gap = Gap(id="g", text="nobody did é ∑", papers=("a1",))
    folder.save("deep/er/gap.json", gap)
    assert folder.load("deep/er/gap.json", Gap) == gap


@pytest.mark.parametrize("content", ["", "{", '{"id": 3}', '{"id": "g", "text": "t", "more": 1}', "\x00\xff"])
def test_a_corrupt_record_names_its_file_and_the_way_out(tmp_path: Path, content: str) -> None:
    folder = RunFolder(tmp_path)
    folder.path("gap.json").write_text(content, encoding="latin-1")
    with pytest.raises(CorruptRecord, match=r"gap\.json.*Delete that file and resume"):
        folder.load("gap.json", Gap)


def test_a_corrupt_line_is_named_by_number(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    append_line(path, Query(text="a", source="s", hits=1))
    with open(path, "a") as file:
        file.write('{"text": "cut o')
    with pytest.raises(CorruptRecord, match="line 2"):
        read_lines(path, Query)


def test_lines_of_a_missing_file_are_none(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "none.jsonl", Query) == []


def test_runs_are_found_by_prefix_and_latest(tmp_path: Path) -> None:
    home = Home(tmp_path)
    first, second = make_run(home, "20260101-a"), make_run(home, "20260102-b")
    assert home.find_run("latest") == second
    assert home.find_run("20260101") == first
    assert home.find_run("20260101-a") == first


@pytest.mark.parametrize(("name", "message"), [("2026", "Several runs are"), ("x", "No run is")])
def test_an_unclear_run_name_lists_what_there_is(tmp_path: Path, name: str, message: str) -> None:
    home = Home(tmp_path)
    make_run(home, "20260101-a")
    make_run(home, "20260102-b")
    with pytest.raises(UsageError, match=f"{message}.*20260102-b"):
        home.find_run(name)


def test_without_runs_the_message_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nanoresearch run"):
        Home(tmp_path).find_run("latest")


HOLD = """
import sys
from pathlib import Path
from nanoresearch.paths import RunFolder
with RunFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_two_processes_cannot_work_on_one_run(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(RunLocked, match="Another process"), RunFolder(tmp_path).lock():
        pass
    other.communicate("let go\n", timeout=30)
    with RunFolder(tmp_path).lock():
        pass


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_home_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(NanoResearchError, match="Set NANORESEARCH_HOME"):
        Home(tmp_path / "home").check_writable()
