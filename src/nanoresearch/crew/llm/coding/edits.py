"""How a model changes a program: pieces of text to be found and replaced, or whole files, with the reason.

The words to be found must be there exactly once. Where a model loses the indentation, which small ones often do, the
lines are also found by what they say, and the replacement is moved to their place.
"""

import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from nanoresearch.crew.llm.coding.contract import MOST_CHARACTERS
from nanoresearch.crew.llm.desk import material

PLAIN_WORDS = r"^[A-Za-z ,.;:'()\u2019-]*$"
"""A sentence that LaTeX prints as it is and that states no number."""


LONGEST_REASON = 600


class EditRefused(ValueError):
    """A change cannot be made; the message says why, to whoever proposed it."""


class Edit(BaseModel, use_attribute_docstrings=True):
    """One change of one file."""

    file: str
    """Name of the file, such as models.py. A name that is not there yet makes a new file."""
    find: str = ""
    """Lines of the file as they are now, copied exactly, that occur once; empty to replace the whole file."""
    replace: str
    """What stands there afterwards: the new lines, or the whole new file."""


class Repair(BaseModel, use_attribute_docstrings=True):
    """What is wrong with a program and how it is mended."""

    diagnosis: str = Field(max_length=2000)
    """The cause in one or two sentences: what the program did, and why that failed."""
    name: str = Field("", pattern=r"^([a-z][a-z_]{2,47})?$")
    """Name of the cure in small letters and _, such as scale_features; empty when you know none."""
    reason: str = ""
    """Why it cures the cause: one plain sentence for readers of the paper, in words, without numbers and code."""
    edits: tuple[Edit, ...] = Field((), max_length=20)
    """The changes; none at all when you know no cure."""
    rules_out: str = Field("", max_length=1000)
    """Other causes that the error text speaks against, and why; what you tried to think of."""
    skill: str | None = None
    """Id of the skill from earlier runs that this cure follows, if it follows one."""

    def printable_reason(self) -> str:
        """The reason where a paper can print it as it is, else a neutral one that names the changed files."""
        reason = " ".join(self.reason.split())
        if reason and len(reason) <= LONGEST_REASON and re.fullmatch(PLAIN_WORDS, reason):
            return reason
        changed = dict.fromkeys(edit.file.removesuffix(".py") for edit in self.edits)
        names = ", ".join(name for name in changed if re.fullmatch(r"[A-Za-z]+", name))
        return f"The edits change {names}." if names else "The edits change the program."


def apply_edits(files: Mapping[str, str], edits: Sequence[Edit]) -> dict[str, str]:
    """New text of every changed file. Raises EditRefused."""
    changed: dict[str, str] = {}
    for edit in edits:
        text = changed.get(edit.file, files.get(edit.file))
        if not edit.find.strip():
            changed[edit.file] = _whole_file(edit.replace)
        elif text is None:
            raise EditRefused(f"There is no file {edit.file}. Leave `find` empty to write a new one.")
        else:
            changed[edit.file] = _replaced(edit, text)
    changed = {name: text for name, text in changed.items() if files.get(name) != text}
    if edits and not changed:
        raise EditRefused("The edits change nothing: the files would be as they are now.")
    return changed


def shown(files: Mapping[str, str]) -> str:
    """Files as material, each under its name."""
    return "\n\n".join(material("file", text, name, limit=MOST_CHARACTERS) for name, text in files.items())


def _replaced(edit: Edit, text: str) -> str:
    count = text.count(edit.find)
    if count == 1:
        return text.replace(edit.find, edit.replace)
    if count > 1:
        raise EditRefused(f"The lines to find occur {count} times in {edit.file}: add lines around them.")
    return _loosely_replaced(edit, text)


def _loosely_replaced(edit: Edit, text: str) -> str:
    """The same, with lines compared by what they say, whatever their indentation."""
    lines, wanted = text.splitlines(), [line.strip() for line in edit.find.strip("\n").splitlines()]
    said = [line.strip() for line in lines]
    starts = [at for at in range(len(said) - len(wanted) + 1) if said[at : at + len(wanted)] == wanted]
    if len(starts) != 1:
        how = f"occur {len(starts)} times" if starts else "do not occur"
        raise EditRefused(
            f"The lines to find {how} in {edit.file}: {edit.find.strip()[:80]!r}. Copy them exactly from the file, or "
            "leave `find` empty and give the whole new file."
        )
    at = starts[0]
    shift = _indent(lines[at]) - _indent(edit.find.strip("\n").splitlines()[0])
    new = [_shifted(line, shift) for line in edit.replace.strip("\n").splitlines()]
    return "\n".join([*lines[:at], *new, *lines[at + len(wanted) :]]) + "\n"


def _whole_file(text: str) -> str:
    return text.strip("\n") + "\n"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _shifted(line: str, by: int) -> str:
    return (" " * by + line if by > 0 else line[min(-by, _indent(line)) :]) if line.strip() else ""
