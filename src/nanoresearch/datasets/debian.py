"""Data that rides in a Debian package: taken from the system if installed there, else downloaded and unpacked.

Needs no root: nothing is installed, and the package's scripts never run. The signed index of apt vouches for the bytes.
"""

import shutil
from pathlib import Path

from nanoresearch.datasets.command import Runner, last_lines, sounds_offline
from nanoresearch.datasets.members import fixed_folder, select_members
from nanoresearch.errors import DatasetError
from nanoresearch.schema.dataset import DatasetCard


def copy_from_debian(card: DatasetCard, folder: Path, work: Path, run: Runner, system: Path = Path("/")) -> str:
    """Copy the card's files below folder and return the version of the package that they came from.

    work: an empty folder for the download. Raises DatasetError if the package cannot be had.
    """
    version = _installed_version(card, work, run)
    if version is None or not _has_all(card, system):
        system, version = _download(card, work, run)
    for name, member in select_members(card, _members_below(card, system)).items():
        source = (system / member).resolve()
        if not source.is_relative_to(system.resolve()):
            raise DatasetError(
                f"Data set {card.id}: {member} in {card.package} is a link that leads out of the package. "
                "Nothing was kept. Do not use this package; report it to its index."
            )
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return version


def _installed_version(card: DatasetCard, work: Path, run: Runner) -> str | None:
    result = run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", card.package], work)
    state, _, version = result.stdout.strip().partition(" ")
    return version if result.returncode == 0 and state == "installed" and version else None


def _has_all(card: DatasetCard, system: Path) -> bool:
    # Slim images may leave parts of /usr/share out of an installed package.
    try:
        select_members(card, _members_below(card, system))
    except DatasetError:
        return False
    return True


def _members_below(card: DatasetCard, system: Path) -> list[str]:
    folders = {fixed_folder(file.path) for file in card.files}
    return sorted(
        path.relative_to(system).as_posix()
        for folder in folders
        for path in (system / folder).rglob("*")
        if path.is_file()
    )


def _download(card: DatasetCard, work: Path, run: Runner) -> tuple[Path, str]:
    """Unpack the package in work; its root folder and its version."""
    result = run(["apt-get", "download", card.package], work)
    packages = sorted(work.glob("*.deb"))
    if result.returncode != 0 or not packages:
        raise DatasetError(_apt_failure(card, last_lines(result), result.returncode, offline=sounds_offline(result)))
    unpacked = work / "unpacked"
    for command in (
        ["dpkg-deb", "--extract", str(packages[0]), str(unpacked)],
        ["dpkg-deb", "--field", str(packages[0]), "Version"],
    ):
        result = run(command, work)
        if result.returncode != 0:
            raise DatasetError(
                f"Data set {card.id}: {packages[0].name} could not be unpacked: {last_lines(result)}. "
                f"Mend that, then run `nanoresearch data fetch {card.id}`."
            )
    return unpacked, result.stdout.strip()


def _apt_failure(card: DatasetCard, said: str, code: int, *, offline: bool) -> str:
    again = f"then run `nanoresearch data fetch {card.id}`."
    what = f"Data set {card.id}: the Debian package {card.package} could not be downloaded"
    if code == 127:
        return (
            f"{what}: this system has no apt-get. Fetch it on Debian or Ubuntu and copy the folder {card.id} of its "
            "data folder into the data folder here, or choose another data set (`nanoresearch data list`)."
        )
    if offline:
        return f"{what}: no package server answers. Connect to the network, {again}"
    if "Unable to locate package" in said:
        return f"{what}: apt does not know it. Run `sudo apt-get update`, {again}"
    if "No space left" in said or "enough free space" in said:
        return f"{what}: the disk is full. Free some space, {again}"
    return f"{what}: apt-get said: {said}. Mend that, {again}"
