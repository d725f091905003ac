"""numbers.tex: the only file through which results reach the page, and how to read it back."""

import re
from collections.abc import Iterable

from nanoresearch.errors import PaperError
from nanoresearch.schema.analysis import Number

KEY = re.compile(r"[A-Za-z0-9.:+=_-]+")
_LINE = re.compile(r"\\defresult\{([A-Za-z0-9.:+=_-]+)\}\{(.*)\}")
_REFERENCE = re.compile(r"\\result\s*\{([^{}]*)\}")

MACROS = r"""\makeatletter
% A result is never typed: \result{key} prints what numbers.tex defines.
\newcommand{\defresult}[2]{\expandafter\def\csname nr@result@#1\endcsname{#2}}
\DeclareRobustCommand{\result}[1]{%
  \ifcsname nr@result@#1\endcsname\csname nr@result@#1\endcsname
  \else\textbf{??}\@latex@warning{Result `#1' undefined}\fi}
\makeatother
% A name of data, methods or metrics that may hold digits; the audit looks it up.
\providecommand{\name}[1]{#1}"""


def numbers_tex(numbers: Iterable[Number]) -> str:
    """The file numbers.tex: one \\defresult{key}{text} a line, sorted by key.

    Raises PaperError for a key or text that TeX could misread, and for one key with two texts.
    """
    texts: dict[str, str] = {}
    for number in numbers:
        _check(number)
        if texts.setdefault(number.key, number.text) != number.text:
            raise PaperError(f"Number {number.key!r} has two texts: {texts[number.key]!r} and {number.text!r}.")
    lines = [f"\\defresult{{{key}}}{{{texts[key]}}}" for key in sorted(texts)]
    return "\n".join(["% Generated from the run's records; do not edit.", *lines]) + "\n"


def read_numbers_tex(text: str) -> dict[str, str]:
    """Key and printed text of every result that a numbers.tex defines.

    Raises PaperError for a line that is neither a definition nor a comment, and for a repeated key.
    """
    found: dict[str, str] = {}
    for position, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("%"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or not _balanced(match[2]):
            raise PaperError(f"numbers.tex, line {position}, is not a definition of a result: {line[:80]!r}.")
        if match[1] in found:
            raise PaperError(f"numbers.tex, line {position}, defines {match[1]!r} again.")
        found[match[1]] = match[2]
    return found


def referenced_results(body: str) -> set[str]:
    """Keys of the results that a piece of LaTeX refers to."""
    return set(_REFERENCE.findall(body))


def _check(number: Number) -> None:
    if not KEY.fullmatch(number.key):
        raise PaperError(f"Number key {number.key!r} may only have letters, digits and . : + = _ -")
    if not _balanced(number.text) or re.search(r"[\n\r]|(?<!\\)[%#]|\\$", number.text):
        raise PaperError(f"Number {number.key!r} has a text that is not one line of complete LaTeX: {number.text!r}.")


def _balanced(text: str) -> bool:
    depth = 0
    for character in re.sub(r"\\.", "", text):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0
