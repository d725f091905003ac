"""Skills in the open Agent Skills format (agentskills.io): write one to a folder, take one from a folder.

Of a folder only SKILL.md is read. Scripts, references and assets beside it are never run, read or copied.
What goes out is the rule itself and bare counts: no project, run, user or date. What comes in is a candidate without a
record, whatever it says of itself: the evidence of others is not ours. Its words are data and never instructions.

A remedy in our own metadata comes back in. Nobody can prove who wrote a file, so it is worth no more than the words: it
names a cure in a crew's vocabulary, a crew acts only on cures that it has itself, and an unknown one does nothing.
"""

import json
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from nanoresearch.errors import StoreError, UsageError
from nanoresearch.experience.linter import dangers, lint_skill
from nanoresearch.paths import write_atomic
from nanoresearch.schema.experience import Remedy, Skill, SkillKind

SKILL_FILE = "SKILL.md"
LARGEST_FILE = 100_000
"""Bytes of a SKILL.md, at most: a skill's text has 20,000 characters."""

LARGEST_FRONTMATTER = 30_000
"""Characters between the dashes, at most."""

DESCRIPTION_CHARS = 1024
"""Limit of the format."""

WHEN_CHARS = 1000
WHAT_CHARS = 20_000
MOST_TAGS = 50
TAG_CHARS = 100
TRIGGER_CHARS = 1000
LISTED_FILES = 100
"""Files beside SKILL.md that are counted up, at most."""

FORMAT = "1"
"""Of our metadata."""

_PREFIX = "nanoresearch-"
_WORD_OF_CREW = re.compile(r"[\w .:/+-]{1,100}", re.ASCII)
_MARKS = {"when": "\n## When\n", "what": "\n## What\n", "trigger": "\n## Trigger\n", "evidence": "\n## Evidence\n"}


@dataclass(frozen=True)
class Package:
    """What a SKILL.md says, unjudged."""

    name: str
    """As in the frontmatter."""
    description: str
    """Likewise."""
    licence: str
    """Likewise; empty for none."""
    metadata: dict[str, str]
    """Likewise."""
    body: str
    """Markdown below the frontmatter."""
    problems: tuple[str, ...]
    """How it departs from the format, in the words of the reference library."""
    left_out: tuple[str, ...]
    """Other files of its folder, which are left alone."""

    @property
    def ours(self) -> bool:
        """Whether it claims to be written by export_skill."""
        return f"{_PREFIX}format" in self.metadata


def export_skill(skill: Skill, folder: Path, *, force: bool = False, forbidden: Sequence[str] = ()) -> Path:
    """Write FOLDER/<id>/SKILL.md and return its path. Other files there are left alone.

    `forbidden` names may not occur; see lint_skill. `force` replaces a skill that is there, and lets out paths, numbers
    and names, but no secrets and no orders to models.
    Raises UsageError when the target exists or is a link, StoreError when the skill may not go out.
    """
    problems = dangers(skill) or ([] if force else lint_skill(skill, forbidden=forbidden))
    if problems:
        raise StoreError(f"The skill {skill.id} is not exported. {_listed(problems)}")
    target = folder / skill.id
    file = target / SKILL_FILE
    if target.is_symlink() or file.is_symlink():
        raise UsageError(f"{target} is a link, or has one in it, and is left alone. Name another folder.")
    if target.exists() and not force:
        raise UsageError(f"{target} exists already. Name another folder, or replace its {SKILL_FILE} with --force.")
    text = skill_markdown(skill)
    try:
        again = import_skill(_parse(text, skill.id), force=True)
    except (StoreError, UsageError) as error:
        raise StoreError(f"The skill {skill.id} cannot be written in this format: {error}") from error
    if _content(again) != _content(skill):
        raise StoreError(f"The skill {skill.id} cannot be written in this format without loss.")
    write_atomic(file, text)
    return file


def read_package(path: Path) -> Package:
    """Read a folder with a SKILL.md, or that file. Raises UsageError if there is none, StoreError when unreadable."""
    file = _skill_file(path)
    folder = file.absolute().parent
    return _parse(_read_text(file), _printable(folder.resolve().name), _beside(folder, file))


def import_skill(
    source: Path | Package, *, kind: SkillKind | None = None, force: bool = False, forbidden: Sequence[str] = ()
) -> Skill:
    """The skill of a SKILL.md, as a candidate without evidence.

    `kind` goes before the kind in our metadata, and is needed where there is none. `force` takes in what departs from
    the format or names paths, numbers or names; nothing takes in injections, secrets or control characters.
    Raises UsageError for what the caller can mend, StoreError for what is unreadable or refused.
    """
    package = source if isinstance(source, Package) else read_package(source)
    skill = _to_skill(package, kind)
    if problems := dangers(skill):
        raise StoreError(f"{package.name!r} is not imported, and --force does not change that. {_listed(problems)}")
    problems = [*package.problems, *lint_skill(skill, forbidden=forbidden)]
    if problems and not force:
        raise StoreError(f"{package.name!r} is not imported; --force takes it in all the same. {_listed(problems)}")
    return skill


def skill_markdown(skill: Skill) -> str:
    """Text of a SKILL.md. Leaves out projects, times, status and origin."""
    metadata = {"format": FORMAT, "kind": skill.kind}
    if skill.trigger:
        metadata["trigger"] = skill.trigger
    if skill.tags:
        metadata["tags"] = json.dumps(list(skill.tags), ensure_ascii=False)
    if skill.remedy is not None:
        metadata["remedy"] = skill.remedy.canonical_json()
    when = " ".join(skill.when.split())
    lines = ["---", f"name: {_scalar(skill.id)}", f"description: {_scalar(_description(skill))}", "metadata:"]
    lines += [f"  {_PREFIX}{key}: {_scalar(value)}" for key, value in metadata.items()]
    lines += ["---", "", f"# {skill.id}", _MARKS["when"], when, _MARKS["what"], skill.what.strip()]
    if skill.trigger:
        lines += [_MARKS["trigger"], *(f"    {line}" for line in skill.trigger.splitlines())]
    lines += [_MARKS["evidence"], _evidence(skill), ""]
    return "\n".join(lines)


def _description(skill: Skill) -> str:
    """What it does and when, as the format asks; cut to its limit at a word."""
    what = " ".join(skill.what.split())
    when = " ".join(skill.when.split())
    first = re.split(r"(?<=[.!?])\s", what, maxsplit=1)[0]
    lead = f"Use when: {when}" if len(when) < DESCRIPTION_CHARS // 2 else when
    return _cut(f"{lead.rstrip('.')}. {first}", DESCRIPTION_CHARS)


def _evidence(skill: Skill) -> str:
    return (
        f"Of whoever exported it, in counts:\n\n- distilled: {skill.seen}\n- projects that confirmed it: "
        f"{len(skill.projects)}\n- used: {skill.uses}, {skill.successes} went well and {skill.failures} did not"
    )


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0][: limit - 1].rstrip() + "…"


def _scalar(text: str) -> str:
    """A double-quoted YAML scalar on one line. Three dashes would end the frontmatter for simple readers."""
    quoted = "".join(
        f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08x}" for c in text.replace("\r\n", "\n")
    )
    return f'"{quoted}"'.replace("--", "-\\x2d")


def _skill_file(path: Path) -> Path:
    """The SKILL.md meant by a path: a regular file, and not a link out of its folder."""
    try:
        if path.is_dir():
            found = next((path / name for name in (SKILL_FILE, "skill.md") if os.path.lexists(path / name)), None)
            if found is None:
                raise UsageError(f"{path} has no {SKILL_FILE}. Name a folder of the Agent Skills format.")
        else:
            found = path
        if not os.path.lexists(found):
            raise UsageError(f"{path} is not there. Name a folder with a {SKILL_FILE}, or that file.")
        if found.name.lower() != SKILL_FILE.lower():
            raise UsageError(f"{path} is not called {SKILL_FILE}. Name a folder with one, or that file.")
        folder, real = found.absolute().parent.resolve(), found.resolve()
        if not real.is_relative_to(folder):
            raise StoreError(f"{found} is a link out of its folder and is not followed.")
        if not real.is_file():
            raise StoreError(f"{found} is not a file.")
    except (OSError, ValueError, RuntimeError) as error:  # no permission, a null byte in the name, links in a circle
        raise UsageError(f"{path} cannot be read: {error}.") from error
    return found


def _read_text(file: Path) -> str:
    """Its text, read once and bounded: the file may change while we look, and may be anything."""
    try:
        # The name was resolved before; without waiting for a writer, in case it has become a pipe meanwhile.
        with os.fdopen(os.open(file.resolve(), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise StoreError(f"{file} is not a file.")
            data = handle.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}.") from error
    if len(data) > LARGEST_FILE:
        raise StoreError(f"{file} is larger than {LARGEST_FILE // 1000} kB: a skill is one rule, not a manual.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StoreError(f"{file} is not UTF-8 text (byte {error.start + 1}). Convert it first.") from error
    if "\0" in text:
        raise StoreError(f"{file} is not text: it has null bytes.")
    return text.replace("\r\n", "\n")


def _beside(folder: Path, file: Path) -> tuple[str, ...]:
    """Names of other files of a skill's folder. Links are named and not followed."""
    found: list[str] = []
    for root, folders, names in os.walk(folder):
        folders.sort()
        here = Path(root)
        links = [name for name in folders if (here / name).is_symlink()]
        found += [(here / name).relative_to(folder).as_posix() for name in sorted([*names, *links])]
        if len(found) > LISTED_FILES:
            break
    return tuple(_printable(name) for name in found if name != file.name)[:LISTED_FILES]


def _parse(text: str, folder_name: str, left_out: tuple[str, ...] = ()) -> Package:
    """What a SKILL.md says, judged by the reference library on a copy, so that what is judged is what is used."""
    import skills_ref  # type: ignore[import-untyped]
    from skills_ref.parser import parse_frontmatter  # type: ignore[import-untyped]

    if len(text.split("---", 2)[1] if text.count("---") > 1 else "") > LARGEST_FRONTMATTER:
        raise StoreError(f"The frontmatter has more than {LARGEST_FRONTMATTER:,} characters.")
    try:
        with tempfile.TemporaryDirectory(prefix="skill-") as scratch:
            copy = Path(scratch) / "copy" / (folder_name or "unnamed")
            copy.mkdir(parents=True)
            (copy / SKILL_FILE).write_bytes(text.encode())
            problems = tuple(_printable(problem) for problem in skills_ref.validate(copy))
            properties = skills_ref.read_properties(copy)
            _, body = parse_frontmatter(text)
    except skills_ref.SkillError as error:
        raise StoreError(f"{SKILL_FILE} is not in the Agent Skills format: {_first_line(error)}") from error
    except OSError as error:
        raise StoreError(f"{SKILL_FILE} cannot be judged: {error.strerror or error}.") from error
    except Exception as error:  # the library lets through whatever its YAML parser stumbles over, recursion included
        raise StoreError(f"The frontmatter cannot be read ({type(error).__name__}): {_first_line(error)}") from error
    metadata: Any = properties.metadata
    if metadata is not None and not isinstance(metadata, dict):
        raise StoreError("The frontmatter's metadata is not a mapping.")
    licence = properties.license if isinstance(properties.license, str) else ""
    return Package(
        properties.name, properties.description, _printable(licence.strip()), metadata or {}, body, problems, left_out
    )


def _to_skill(package: Package, kind: str | None) -> Skill:
    """Raises UsageError without a kind, StoreError when the rest makes no skill."""
    own = package.metadata.get(f"{_PREFIX}kind")
    chosen = kind or own
    if chosen is None:
        raise UsageError(
            f"{package.name!r} does not say which phase it serves. Add --kind with one of: "
            f"{', '.join(get_args(SkillKind))}."
        )
    when, what = _sections(package) or (package.description, package.body)
    if len(what) > WHAT_CHARS:
        raise StoreError(
            f"{package.name!r} has {len(what):,} characters, and {WHAT_CHARS:,} is the most: a skill is one rule, "
            "not a manual. Shorten it first."
        )
    trigger = package.metadata.get(f"{_PREFIX}trigger", "")
    if len(trigger) > TRIGGER_CHARS:
        raise StoreError(f"{package.name!r} has a trigger of more than {TRIGGER_CHARS:,} characters.")
    values = {
        "id": _identifier(package.name),
        "kind": chosen,
        "when": _cut(" ".join(when.split()), WHEN_CHARS),
        "what": what.strip() or package.description,
        "trigger": trigger,
        "tags": _tags(package),
        "remedy": _remedy(package),
        "status": "candidate",
        "origin": "imported",
    }
    try:
        return Skill.model_validate(values)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise StoreError(f"{package.name!r} makes no skill of ours: {told}.") from error


def _sections(package: Package) -> tuple[str, str] | None:
    """When and what of a body that export_skill wrote; None for any other, which then counts as third-party text."""
    if not package.ours:
        return None
    text = f"\n{package.body}\n"
    start = text.find(_MARKS["when"])
    middle = text.find(_MARKS["what"], start)
    end = text.rfind(_MARKS["evidence"])
    if f"{_PREFIX}trigger" in package.metadata and end > 0:
        end = text.rfind(_MARKS["trigger"], 0, end)
    if not 0 <= start < middle < end:
        return None
    when, what = text[start + len(_MARKS["when"]) : middle], text[middle + len(_MARKS["what"]) : end]
    return (when, what.strip()) if when.strip() and what.strip() else None


def _tags(package: Package) -> tuple[str, ...]:
    written = package.metadata.get(f"{_PREFIX}tags")
    if written is None:
        return ()
    tags = _json(package, "tags", written)
    if not isinstance(tags, list) or len(tags) > MOST_TAGS:
        raise StoreError(f"{package.name!r} has tags that are no list of at most {MOST_TAGS}.")
    if not all(isinstance(tag, str) and 0 < len(tag) <= TAG_CHARS for tag in tags):
        raise StoreError(f"{package.name!r} has tags that are not texts of at most {TAG_CHARS} characters.")
    return tuple(tags)


def _remedy(package: Package) -> Remedy | None:
    """The remedy of our metadata. Words of a crew's vocabulary are short and plain; anything else is refused."""
    written = package.metadata.get(f"{_PREFIX}remedy")
    if written is None:
        return None
    try:
        remedy = Remedy.model_validate(_json(package, "remedy", written))
    except ValidationError as error:
        raise StoreError(f"{package.name!r} has a remedy that cannot be read: {_first_line(error)}.") from error
    parts = (remedy.crew, remedy.action, remedy.target, *([remedy.scope] if remedy.scope else []))
    if not all(_WORD_OF_CREW.fullmatch(part) for part in parts):
        raise StoreError(f"{package.name!r} has a remedy that is not in plain words.")
    return remedy


def _json(package: Package, field: str, written: str) -> Any:
    try:
        return json.loads(written)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{package.name!r} has {field} that are not valid JSON: {error}.") from error


def _identifier(name: str) -> str:
    """An id of ours: the format also allows letters outside ASCII. Raises StoreError when nothing remains."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    made = re.sub(r"[^a-z0-9]+", "-", plain)[:64].strip("-")
    if not made:
        raise StoreError(f"{name!r} has no letter or digit of ASCII. Rename the skill and its folder.")
    return made


def _content(skill: Skill) -> tuple[object, ...]:
    """What a round trip keeps."""
    when, what = " ".join(skill.when.split()), skill.what.strip()
    return (skill.id, skill.kind, when, what, skill.trigger, skill.tags, skill.remedy)


def _listed(problems: Sequence[str]) -> str:
    shown = "; ".join(problems[:8])
    return f"{shown}; and {len(problems) - 8} more." if len(problems) > 8 else f"{shown}."


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return _printable(lines[0][:200]).rstrip(".") if lines else type(error).__name__


def _printable(text: str) -> str:
    """Without what a terminal would obey; names of files can hold anything."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
