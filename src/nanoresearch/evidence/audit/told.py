"""Quantities that a text tells of other works: in digits, also within formulas, and in words.

A section that tells may repeat what is on record, so these functions hold a text against what was read. Knows LaTeX and
English, not runs. Marked names, displayed equations and the indices and exponents of symbols are not taken for
quantities.
"""

import re
from functools import lru_cache

from nanoresearch.evidence.audit.literals import NAME, REFERENCE, readings, without_comments
from nanoresearch.evidence.number_words import COUNTS, SMALL, TENS

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE]-?\d{1,2})?(?!\w)")
"""A number in a record, or in what `told_plainly` gives."""

_UNITS = "|".join(SMALL[1:10])
_TENS = "|".join(TENS)
_COUNT = f"(?:{'|'.join(COUNTS)})"
_UNTOLD = re.compile(rf"\\begin\{{(equation|align)\*?\}}.*?\\end\{{\1\*?\}}|{NAME.pattern}", re.DOTALL)
"""Displayed definitions and marked names."""
_CITING = re.compile(r"\\[Cc]ite[a-z]*\*?\s*((?:\[[^\]]*\]\s*)*)\{[^{}]*\}")
_SCRIPT = re.compile(r"(?<=[A-Za-z])(?:_|\^)(?:\d|\{\d\})")
"""Indices and exponents of symbols, such as those of an l2 norm."""
_LEADING_POINT = re.compile(r"(?<![\w.])\.(?=\d)")
_SPELT = re.compile(
    rf"\b(?:{_COUNT}(?:[\s-]+(?:(?:and|point)[\s-]+)?{_COUNT})*[\s-]*"
    r"(?:per\s?cent(?:age)?\b|%|fold\b(?!\s+(?:cross|CV\b)))"
    rf"|{_COUNT}[\s-]+point(?:[\s-]+{_COUNT})+\b"
    rf"|(?:{_TENS})[\s-]+(?:{_UNITS})\b"
    r"|(?P<verb>(?:doubl|quadrupl)(?:es|ed|ing)|tripl(?:ed|ing)|halv(?:es|ed)|(?<!successive )halving"
    r"|(?:double|triples?|quadruple|halve)(?=\s+(?:the|its|their|this|that|these|those|both)\b))\b)",
    re.IGNORECASE,
)
"""Quantities in words: shares, multiples, numbers of two words, and verbs that state one."""


def told_plainly(body: str) -> str:
    """A piece of LaTeX with its numbers, and without references, names, definitions and indices."""
    return _LEADING_POINT.sub("0.", _SCRIPT.sub(" ", told_text(body)))


def told_text(body: str) -> str:
    """A piece of LaTeX without references, names and definitions; of citations, what they print beside the work."""
    text = REFERENCE.sub(" ", _UNTOLD.sub(" ", without_comments(body)))
    return _CITING.sub(lambda citing: f" {citing[1].replace('[', ' ').replace(']', ' ')} ", text)


def numbers_told(body: str) -> list[str]:
    """Numbers in digits that a piece of LaTeX tells, each once, whatever macros stand in or around them."""
    plain = told_plainly(body)
    shown = (plain, *readings(plain))
    return list(dict.fromkeys(token for text in shown for token in NUMBER.findall(text)))


def spelt(body: str, read: str) -> list[str]:
    """Quantities in words that are not in what was read, each once."""
    known = _spelt_in(read)
    found = [match for shown in readings(body) for match in _SPELT.finditer(shown)]
    return list(dict.fromkeys(match.group() for match in found if _quantity(match) not in known))


@lru_cache(maxsize=8)
def _spelt_in(read: str) -> frozenset[str]:
    return frozenset(_quantity(match) for match in _SPELT.finditer(read))


def _quantity(match: re.Match[str]) -> str:
    """A quantity however it is inflected, spaced or joined."""
    if match["verb"]:
        return match["verb"][:4].lower()
    return re.sub(r"[\s-]+", "", match.group().lower().replace("%", "percent"))
