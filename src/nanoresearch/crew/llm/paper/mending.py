"""From the errors of a compilation to the sentences that caused them, and the text without those."""

import re
from collections.abc import Sequence

from nanoresearch.crew.llm.paper.latex import pieces, sift

_ERROR = re.compile(r"^(?:\./)?paper\.tex, line (\d+): (.*?)(?: Near: (.*))?$", re.DOTALL)
_HEAD = re.compile(r"\\section\{.*\}\\label\{sec:([A-Za-z0-9_-]+)\}$")
TAIL = 24
"""Characters before an error by which its sentence is found."""


def misfits(tex: str, errors: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """For each section: lines in which TeX found an error, each with the text just before it."""
    lines = tex.splitlines()
    found: dict[str, list[tuple[str, str]]] = {}
    for error in errors:
        match = _ERROR.match(error)
        if match is None or not 0 < (number := int(match[1])) <= len(lines):
            continue
        heads = [head[1] for line in lines[:number] if (head := _HEAD.match(line))]
        line = next((text for text in reversed(lines[:number]) if text.strip()), "")
        found.setdefault(heads[-1] if heads else "abstract", []).append((line, match[3] or ""))
    return found


def safer(body: str, places: Sequence[tuple[str, str]]) -> str:
    """The body without the pieces at these places; without every piece that has a formula when none is found there."""
    bad = {piece for piece in pieces(body) for line, near in places if _at(piece, line, near)}
    if not bad:
        bad = {piece for piece in pieces(body) for line, _ in places if _plain(piece) in _plain(line)}
    if not bad:
        bad = {piece for piece in pieces(body) if "$" in piece or "\\begin" in piece}
    return sift(body, lambda piece: piece not in bad)


def _at(piece: str, line: str, near: str) -> bool:
    tail = _plain(near)[-TAIL:]
    return bool(tail) and tail in _plain(piece) and (_plain(piece) in _plain(line) or "\\begin" in piece)


def _plain(text: str) -> str:
    return "".join(text.split())
