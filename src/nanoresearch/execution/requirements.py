"""What a codebase asks for in requirements.txt, and what of it is missing. Installs nothing, runs nothing of it."""

import re
import site
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from nanoresearch.errors import ExecutionError

REQUIREMENTS = "requirements.txt"
"""File of a codebase with what it asks for."""

MOST_REQUIREMENTS = 200
LONGEST_LINE = 1000


class RequirementsUnmet(ExecutionError):
    """A codebase asks for what it cannot have; either it must ask for something else, or more be allowed."""


def read_requirements(text: str) -> tuple[Requirement, ...]:
    """The requirements of a file, without those for other platforms.

    Only names with extras, versions and markers are taken. Addresses and options of pip are not: they could name other
    indexes, files of this machine, or code to be run. Raises RequirementsUnmet naming the line.
    """
    found: list[Requirement] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not words:
            continue
        if len(found) == MOST_REQUIREMENTS:
            raise RequirementsUnmet(f"{REQUIREMENTS} has more than {MOST_REQUIREMENTS} requirements.")
        requirement = _parse(words, f"{REQUIREMENTS}, line {number}")
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    return tuple(found)


def unmet(requirements: Iterable[Requirement], folders: Sequence[Path] | None = None) -> list[str]:
    """What is not installed, or at another version, in words: in these folders of packages, or in this Python's."""
    paths = [str(folder) for folder in (site_folders() if folders is None else folders)]
    return [fault for requirement in requirements if (fault := _fault(requirement, paths))]


def installed_packages(folder: Path) -> dict[str, str]:
    """Version of each package in a folder of packages, by name."""
    found = metadata.distributions(path=[str(folder)])
    return dict(sorted((item.name, item.version) for item in found if item.name))


def site_folders() -> list[Path]:
    """Where this Python finds packages when it is started with a clean environment."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [Path(name) for name in (*site.getsitepackages(), *user)]


def _parse(words: str, where: str) -> Requirement:
    if words.startswith("-"):
        raise RequirementsUnmet(f"{where}: options of pip are not accepted, only names and versions: {words[:80]!r}.")
    try:
        requirement = Requirement(words) if len(words) <= LONGEST_LINE and words.isascii() else None
    except InvalidRequirement:
        requirement = None
    if requirement is None:
        raise RequirementsUnmet(f"{where}: this is no name with a version, as in numpy>=2: {words[:80]!r}.")
    if requirement.url is not None:
        raise RequirementsUnmet(
            f"{where}: {requirement.name} is asked for by an address, which is not accepted. Ask for a version, and "
            "put the wheel into a folder of execution.setup.wheels."
        )
    return requirement


def _fault(requirement: Requirement, paths: list[str], seen: frozenset[str] = frozenset()) -> str:
    """Why a requirement is not met, or nothing. `seen`: those on the way to it, for extras that need themselves."""
    found = next(iter(metadata.distributions(name=requirement.name, path=paths)), None)
    if found is None:
        return f"{requirement.name} is not installed"
    try:
        version = Version(found.version)
    except InvalidVersion:
        return f"{requirement.name} has the version {found.version!r}"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name} is {found.version}, not {requirement.specifier}"
    seen |= {str(requirement)}
    parts = [part for part in _parts(found, requirement.extras) if str(part) not in seen]
    return next((fault for part in parts if (fault := _fault(part, paths, seen))), "")


def _parts(found: metadata.Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What the extras of a package add to what it needs in any case."""
    for extra in sorted(extras):
        for words in found.requires or ():
            try:
                part = Requirement(words)
            except InvalidRequirement:  # pip has not minded, or would have said so
                continue
            if part.marker and part.marker.evaluate({"extra": extra}) and not part.marker.evaluate({"extra": ""}):
                yield part
