"""Text of PDF files, read by pypdfium2 in a process of its own.

The process can be ended: a file on which the library crashes, hangs or swells costs that file and nothing else.
Started as a module it is that process: it reads paths, one JSON string a line, and answers with one JSON object each.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from nanoresearch.literature.clean import clean_lines

MOST_FILE_MB = 100
MOST_PAGES = 300
MOST_CHARS = 1_500_000
MOST_MEMORY_MB = 2048
FILE_TIMEOUT_S = 60.0
FILES_PER_PROCESS = 500
LEAST_LETTERS = 60
"""Fewer on all pages together, and the file is a scan."""
_STYLED_CHARS = 4000


class PdfText(NamedTuple):
    """What is legible in a file."""

    text: str
    """All pages read."""
    first_page: str
    """The first of them that has text."""
    heading: str
    """What is set largest there; empty where all is of one size."""
    title: str
    """As the file's properties have it, or empty."""
    author: str
    """Likewise."""
    pages: int
    """In the file."""
    pages_read: int
    """At most MOST_PAGES."""


class PdfProblem(Exception):
    """A file cannot be read; says why."""


class PdfReader:
    """Reads files one by one. Use as a context: its process ends with it."""

    def __init__(self, timeout_s: float = FILE_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0

    def __enter__(self) -> "PdfReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path) -> PdfText:
        """The text of a file. Raises PdfProblem."""
        size_mb = path.stat().st_size / 1e6
        if size_mb > MOST_FILE_MB:
            raise PdfProblem(f"is too large: {size_mb:.0f} MB, and {MOST_FILE_MB} MB is the most")
        if self._served >= FILES_PER_PROCESS:
            self._end()
        answer = self._ask(path)
        if "problem" in answer:
            raise PdfProblem(answer["problem"])
        return PdfText(**answer)

    def _ask(self, path: Path) -> dict[str, Any]:
        process = self._start()
        assert process.stdin is not None
        self._served += 1
        try:
            process.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
            process.stdin.flush()
            line = self._line(process)
        except BrokenPipeError:
            line = b""
        except BaseException:  # also on Ctrl-C: a half-read answer must not be taken for the next file's
            self._end()
            raise
        if not line.endswith(b"\n"):
            self._end()
            raise PdfProblem("cannot be read: the PDF library broke off at it")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        until = time.monotonic() + self._timeout_s
        got = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not got.endswith(b"\n"):
                if not selector.select(max(0.0, until - time.monotonic())):
                    self._end()
                    raise PdfProblem(f"cannot be read within {self._timeout_s:.0f} s")
                part = os.read(process.stdout.fileno(), 1 << 16)
                if not part:
                    break
                got += part
        return bytes(got)

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._served = 0
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as m; m.serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                start_new_session=True,  # Ctrl-C is for the parent, which ends it
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(BrokenPipeError), process:  # what was still to be sent to it
                pass


def serve() -> None:
    """Answer every path on stdin with a JSON object on stdout."""
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_MB << 20, MOST_MEMORY_MB << 20))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints is no answer
    for line in sys.stdin:
        try:
            answer = read_here(Path(json.loads(line)))._asdict()
        except PdfProblem as problem:
            answer = {"problem": str(problem)}
        except (OSError, MemoryError) as error:
            answer = {"problem": f"cannot be read: {type(error).__name__}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def read_here(path: Path) -> PdfText:
    """The text of a file, read in this process. Raises PdfProblem."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        encrypted = "password" in str(error).lower() or "security" in str(error).lower()
        raise PdfProblem("is encrypted and needs a password" if encrypted else "is damaged or no PDF") from None
    try:
        return _legible(document)
    except pypdfium2.PdfiumError as error:
        raise PdfProblem("is damaged or no PDF") from error
    finally:
        document.close()


def _legible(document: Any) -> PdfText:
    import pypdfium2

    count = len(document)
    pages, left, heading, damaged = [], MOST_CHARS, "", 0
    for number in range(min(count, MOST_PAGES)):
        if left <= 0:
            break
        try:
            page = document[number]
            sheet = page.get_textpage()
        except pypdfium2.PdfiumError:
            damaged += 1
            pages.append("")
            continue
        text = clean_lines(sheet.get_text_bounded(errors="ignore"), left)
        if text and not any(pages):
            heading = _largest(sheet)
        pages.append(text)
        left -= len(text)
        sheet.close()
        page.close()
    if sum(c.isalpha() for text in pages for c in text[:1000]) < LEAST_LETTERS:
        reason = "is damaged" if damaged else "has no text layer, as scans have; run it through OCR, such as ocrmypdf"
        raise PdfProblem(reason)
    about = document.get_metadata_dict(skip_empty=True)
    return PdfText(
        text="\n\n".join(pages),
        first_page=next(text for text in pages if text)[:20_000],
        heading=heading,
        title=clean_lines(about.get("Title", ""), 1000),
        author=clean_lines(about.get("Author", ""), 4000),
        pages=count,
        pages_read=len(pages),
    )


def _largest(sheet: Any) -> str:
    """The first run of lines in the largest type of a page; empty where none is larger than the most common one."""
    from pypdfium2 import raw

    count = min(sheet.count_chars(), _STYLED_CHARS)
    text = sheet.get_text_range(0, count, errors="ignore") if count else ""
    if len(text) != count:  # characters beyond the basic plane: places and characters do not agree
        return ""
    lines: list[tuple[float, str]] = []
    start = 0
    for end in [*(at for at, c in enumerate(text) if c == "\n"), count]:
        line = text[start:end].strip()
        if len(line) > 2:
            middle = start + (end - start) // 2
            lines.append((round(raw.FPDFText_GetFontSize(sheet, middle), 1), line))
        start = end + 1
    if not lines:
        return ""
    sizes = sorted(size for size, _ in lines)
    largest, common = sizes[-1], sizes[len(sizes) // 2]
    if largest < 1.1 * common:
        return ""
    at = next(number for number, (size, _) in enumerate(lines) if size == largest)
    run = []
    for size, line in lines[at : at + 5]:
        if size != largest:
            break
        run.append(line)
    return clean_lines(" ".join(run), 1000)
