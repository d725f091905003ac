"""Reads from what a failed job left behind what went wrong, in a form that is the same for every seed and machine.

Says what happened; what would cure it is for a debugger to find.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanoresearch.execution.executor import (
    BUDGET_EXHAUSTED,
    DISK_EXCEEDED,
    MEMORY_EXCEEDED,
    OUTPUT_FLOOD,
    PROCESSES_EXCEEDED,
    STDERR,
)
from nanoresearch.execution.requirements import REQUIREMENTS
from nanoresearch.schema.experiment import Failure, Job

TAIL_BYTES = 1 << 18
"""Part of the error output that is read."""

TAIL_LINES = 60
"""Part of it that is handed on."""

MESSAGE_CHARS = 2000
SIGNATURE_CHARS = 200
EXIT_STATUS = "Exit status"
"""Beginning of the signature of a job that ended without a traceback."""

_FRAME = re.compile(r'^\s*File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
_QUOTED = re.compile(r"(?<!\w)[bBrRuU]{0,2}(?:(['\"`]).*?(?:\1(?!\w)|\Z)|\u201c.*?(?:\u201d|\Z))", re.DOTALL)
"""Quoted text, also where its end was cut off."""
_ABSOLUTE = re.compile(r"<|/|\\|[A-Za-z]:")
_LIMITS = {
    MEMORY_EXCEEDED: "MemoryLimit",
    OUTPUT_FLOOD: "OutputLimit",
    PROCESSES_EXCEEDED: "ProcessLimit",
    DISK_EXCEEDED: "DiskLimit",
}
_HEADER = "Traceback (most recent call last):"
_NORMALISE = (
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "ADDRESS"),
    (re.compile(r"""(['"])[^'"\n]*[/\\][^'"\n]*\1"""), "PATH"),
    (re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+@~-]+){2,}[/\\]?"), "PATH"),
    (re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])"), "N"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Frame:
    """A place in the codebase."""

    file: str
    line: int
    function: str


@dataclass(frozen=True)
class PythonError:
    """The last traceback of an error output."""

    type: str
    """Class of the exception, without its module."""
    message: str
    """Its words."""
    frame: Frame | None
    """Last frame inside the codebase."""


def diagnose(job: Job, output_folder: Path, code_folder: Path) -> Failure:
    """What went wrong in a job that did not succeed. `code_folder` is where its code ran; it may be gone by now."""
    text = _relative(_read_end(output_folder / STDERR), code_folder)
    lines = text.splitlines()
    error = last_error(lines)
    name, message, frame = _name(job, error, lines)
    place = f" @ {frame.file}:{frame.function}" if frame else ""
    return Failure(
        outcome=job.outcome,
        signature=f"{name}{place}: {normalise(message)}".removesuffix(": "),
        message=message[:MESSAGE_CHARS],
        file=frame.file if frame else None,
        line=frame.line if frame else None,
        tail="\n".join(lines[-TAIL_LINES:]),
    )


def normalise(message: str) -> str:
    """The first line of a message without what differs between seeds and machines: numbers, addresses, paths."""
    text = message.strip().partition("\n")[0]
    for pattern, replacement in _NORMALISE:
        text = pattern.sub(replacement, text)
    return text.strip()[:SIGNATURE_CHARS]


def without_values(failure: Failure) -> Failure:
    """A failure without what a program read: for people's own data, of which no model may be told a value.

    Of the error output only frames with the program's own lines stay; of messages the first line, quoted text replaced.
    Numbers and words that a program puts into a message without quotes are not told apart from the message.
    """
    if failure.file == REQUIREMENTS:  # it failed before any data were read
        return failure
    signature, message = failure.signature, failure.message.partition("\n")[0]
    if signature.startswith(EXIT_STATUS):  # its words are a line of the error output
        signature, message = signature.partition(":")[0], ""
    return failure.model_copy(
        update={
            "signature": _QUOTED.sub("'VALUE'", signature),
            "message": _QUOTED.sub("'VALUE'", message),
            "tail": "\n".join(_frames(failure.tail.splitlines())),
        }
    )


def last_error(lines: Sequence[str]) -> PythonError | None:
    """The last traceback, or syntax error of the program itself. Paths of the codebase are relative in the lines."""
    headers = [number for number, line in enumerate(lines) if line.strip(" |+-") == _HEADER]
    if headers and "|" in lines[headers[-1]]:  # inside an exception group every line has a margin
        lines = [re.sub(r"^\s*\| ?", "", line) for line in lines]
    start = headers[-1] + 1 if headers else _syntax_error_start(lines)
    frame: Frame | None = None
    for number in range(len(lines) if start is None else start, len(lines)):
        line = lines[number]
        if found := _FRAME.match(line):
            if not _ABSOLUTE.match(found["path"]):
                frame = Frame(found["path"].replace("\\", "/"), int(found["line"]), found["function"] or "<module>")
        elif exception := _EXCEPTION.match(line):
            message = "\n".join([exception["message"] or "", *_continuation(lines[number + 1 :])])
            return PythonError(exception["type"].rpartition(".")[2], message.rstrip(), frame)
    return None


def _frames(lines: Sequence[str]) -> Iterator[str]:
    """Frames of tracebacks, each with the line of the program; what was evaluated from a string is no such line."""
    for number, line in enumerate(lines):
        if found := _FRAME.match(line):
            yield line
            following = lines[number + 1] if number + 1 < len(lines) else ""
            if not found["path"].startswith("<") and following.startswith("    ") and not _FRAME.match(following):
                yield following


def _name(job: Job, error: PythonError | None, lines: Sequence[str]) -> tuple[str, str, Frame | None]:
    """Name, message and place of the failure."""
    if job.outcome == "timed_out":
        spent = job.reason.startswith(BUDGET_EXHAUSTED)
        return ("BudgetExhausted" if spent else "TimeLimit"), job.reason, None
    if job.outcome == "invalid":
        return "InvalidReports", job.reason, None
    for start, name in _LIMITS.items():
        if job.reason.startswith(start):
            return name, job.reason, None
    if error is not None and job.exit_code is not None:
        return error.type, error.message, error.frame
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if job.exit_code is not None:
        return f"{EXIT_STATUS} {job.exit_code}", last or job.reason, None
    return "Killed", job.reason, None


def _read_end(path: Path) -> str:
    if path.is_symlink():  # made by a job without a sandbox: it leads where nobody asked to look
        return ""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:  # the job was never started
        return ""


def _relative(text: str, code_folder: Path) -> str:
    """Text with paths of the codebase made relative to it."""
    for folder in {str(code_folder.absolute()), str(code_folder.resolve())}:
        for separator in ("/", "\\"):
            text = text.replace(folder + separator, "")
    return text


def _syntax_error_start(lines: Sequence[str]) -> int | None:
    """First line of a report on a program that could not be parsed: it comes without a header."""
    for number in range(len(lines) - 1, -1, -1):
        if re.match(r"(SyntaxError|IndentationError|TabError)\b", lines[number]):
            frames = [earlier for earlier in range(number) if _FRAME.match(lines[earlier])]
            return frames[-1] if frames else None
    return None


def _continuation(lines: Sequence[str]) -> list[str]:
    """Further lines of a message: up to the first that is empty."""
    taken = []
    for line in lines[:20]:
        if not line.strip():
            break
        taken.append(line)
    return taken
