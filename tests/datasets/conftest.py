"""A fake wheel, a fake Debian package, and a fake pip and apt that hand them out: no network, no root."""

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from nanoresearch.schema.dataset import DatasetCard, DatasetFile

MEMBERS = {
    "seeds/__init__.py": "raise RuntimeError('code of a data package must never run')",
    "seeds/data/table.csv": "x,y\n1,2\n",
    "seeds/data/groups/a.dat": "a",
    "seeds/data/groups/deep/b.dat": "b",
    "seeds-1.0.dist-info/METADATA": "Name: seeds\nVersion: 1.0\n",
}


def write_wheel(path: Path, changes: dict[str, str] | None = None) -> str:
    """Write the fake wheel, with some members changed or added, and return its digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (MEMBERS | (changes or {})).items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class FakePackageTools:
    """Stands in for pip, dpkg and apt-get: copies prepared packages, and notes every call."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.plain_wheel: Path | None = None
        self.pinned_wheel: Path | None = None
        self.debian_tree: Path | None = None
        self.fails_with: str | None = None
        self.before_answer: Callable[[], None] = lambda: None

    def __call__(self, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        self.calls.append(list(command))
        self.before_answer()
        if self.fails_with is not None and command[0] != "dpkg-query":
            return subprocess.CompletedProcess(command, 1, "", self.fails_with)
        if "pip" in command:
            return self._pip(command)
        return self._debian(command, folder)

    def _pip(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        wheel = self.pinned_wheel if "--platform" in command else self.plain_wheel
        if wheel is None:
            return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found")
        shutil.copy(wheel, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    def _debian(self, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        if command[0] == "dpkg-query":
            return subprocess.CompletedProcess(command, 1, "", "no packages found")
        if self.debian_tree is None:
            return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: not found")
        if command[0] == "apt-get":
            (folder / "seeds_2.5-1_all.deb").write_bytes(b"deb")
        if "--extract" in command:
            shutil.copytree(self.debian_tree, command[-1], symlinks=True)
        return subprocess.CompletedProcess(command, 0, "2.5-1\n" if "--field" in command else "", "")


@pytest.fixture
def tools() -> FakePackageTools:
    return FakePackageTools()


@pytest.fixture
def make_wheel() -> Callable[..., str]:
    return write_wheel


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "data"


@pytest.fixture
def card(tmp_path: Path, tools: FakePackageTools) -> DatasetCard:
    """A card whose wheel the fake pip serves."""
    tools.plain_wheel = tmp_path / "index" / "seeds-1.0-py3-none-any.whl"
    return DatasetCard(
        id="seeds",
        name="Seeds",
        domain="tabular",
        summary="Two rows.",
        carrier="wheel",
        package="seeds",
        version="1.0",
        sha256=write_wheel(tools.plain_wheel),
        files=(
            DatasetFile(path="seeds/data/table.csv", name="table.csv"),
            DatasetFile(path="seeds/data/groups/*.dat", name="groups/"),
        ),
        licence="CC0-1.0",
    )


@pytest.fixture
def debian_card(card: DatasetCard) -> DatasetCard:
    """The same data in a Debian package, whose version differs from the pinned one."""
    files = (DatasetFile(path="usr/share/seeds/*", name="sounds/"),)
    return card.model_copy(update={"carrier": "debian", "version": "2.0-1", "sha256": None, "files": files})
