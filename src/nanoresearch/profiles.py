"""Profiles as files: read, write, and make from answers."""

from pathlib import Path

import tomlkit

from nanoresearch.config import read_toml, validate
from nanoresearch.errors import UsageError
from nanoresearch.paths import Home, write_atomic
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.record import Record

HEADER = "NanoResearch profile. Edit by hand as you like; unknown keys are refused with a list of the valid ones."


def load_profile(home: Home, name: str) -> Profile:
    """A profile by name; "default" exists even without a file. Raises UsageError or ConfigError."""
    path = profile_path(home, name)
    if not path.exists():
        if name == "default":
            return Profile()
        known = ", ".join(list_profiles(home)) or "none yet"
        raise UsageError(
            f"There is no profile {name!r}. Known: {known}. Make it with: nanoresearch profile init --name {name}"
        )
    return validate(Profile, {"name": name, **read_toml(path)}, str(path))


def list_profiles(home: Home) -> list[str]:
    """Names of all profile files."""
    return sorted(path.stem for path in home.profiles.glob("*.toml")) if home.profiles.is_dir() else []


def profile_path(home: Home, name: str) -> Path:
    """Where a profile is kept. Raises ConfigError for a name that is no file name."""
    checked = validate(Profile, {"name": name}, "profile name").name
    return home.profiles / f"{checked}.toml"


def save_profile(home: Home, profile: Profile) -> Path:
    """Write a profile as commented TOML and return its path."""
    path = profile_path(home, profile.name)
    write_atomic(path, profile_toml(profile))
    return path


def profile_toml(profile: Profile) -> str:
    """TOML with the meaning of every key beside it."""
    document = tomlkit.document()
    document.add(tomlkit.comment(HEADER))
    _add_fields(document, profile, skip=("name",))
    return tomlkit.dumps(document)


def _add_fields(table: tomlkit.TOMLDocument | tomlkit.items.Table, record: Record, skip: tuple[str, ...] = ()) -> None:
    values = record.model_dump(mode="json")
    groups = []
    for name, field in type(record).model_fields.items():
        if name in skip:
            continue
        value = getattr(record, name)
        if isinstance(value, Record):
            groups.append((name, value, field.description))
            continue
        table.add(tomlkit.nl())
        table.add(tomlkit.comment(_meaning(field.description, field.annotation)))
        if value is None:
            table.add(tomlkit.comment(f"{name} = "))
        elif value:
            table.add(name, values[name])
        else:
            table.add(name, values[name])
    for name, value, description in groups:
        group = tomlkit.table()
        group.comment(description or "")
        _add_fields(group, value)
        table.add(tomlkit.nl())
        table.add(name, group)


def _meaning(description: str | None, annotation: object) -> str:
    choices = [str(item) for item in getattr(annotation, "__args__", ()) if isinstance(item, str)]
    return (description or "") + (f" One of: {', '.join(choices)}." if choices else "")
