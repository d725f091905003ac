"""Stems and phrases: how the builtin crew compares words."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

import snowballstemmer

_WORD = re.compile(r"[^\W_]+", re.UNICODE)


@cache
def _stem(word: str) -> str:
    return str(snowballstemmer.stemmer("english").stemWord(word))


def stems(text: str) -> list[str]:
    """Stems of the words of a text, lower case, in order; hyphens and underscores separate."""
    return [_stem(word) for word in _WORD.findall(text.lower())]


def positions(phrase: str, text: Sequence[str]) -> set[int]:
    """Places in a stemmed text that a phrase covers wherever its words stand side by side."""
    wanted = stems(phrase)
    size = len(wanted)
    return {
        start + offset
        for start in range(len(text) - size + 1)
        if wanted and list(text[start : start + size]) == wanted
        for offset in range(size)
    }


def found(phrases: Iterable[str], text: Sequence[str]) -> tuple[str, ...]:
    """Those phrases that occur in a stemmed text, in the given order."""
    return tuple(phrase for phrase in phrases if positions(phrase, text))


def same_words(first: str, second: str) -> bool:
    """Whether one text's stems all occur in the other."""
    a, b = set(stems(first)), set(stems(second))
    return bool(a) and bool(b) and (a <= b or b <= a)


def listing(items: Sequence[str], word: str = "and") -> str:
    """A, B and C."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"
