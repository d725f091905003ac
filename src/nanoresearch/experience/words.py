"""Words of a text as the index sees them. Knows nothing of skills or memories."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import snowballstemmer

_UNSPACED = re.compile(r"[\u3040-\u9fff]")
_WORD = re.compile(r"[^\W_]+")
_STEM = snowballstemmer.stemmer("english").stemWord
_LEAD = 8
_READ = 300
_COMMON = """
a about all also an and any are as at be been but by can could did do does each for from had has have how if in into
is it its may more most must no nor not of on one only or other our out over same should so some such than that the
their them then there these they this those to too under up use used uses using very was we were what when where which
while who why will with without would you your
"""
_DROPPED = frozenset(_COMMON.split())


def words(text: str) -> list[str]:
    """Stems in the order of the text, without numbers and the commonest English words.

    Text in a script without spaces gives each pair of neighbouring characters, so that parts of it can be found.
    """
    found = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if word.isnumeric() or word in _DROPPED:
            continue
        if len(word) > 1 and _UNSPACED.search(word):
            found += [word[i : i + 2] for i in range(len(word) - 1)]
        else:
            found.append(_stem(word[:64]))
    return found


def fold(values: Iterable[str]) -> list[str]:
    """Values as they are compared: case-folded, without outer spaces, each once, in order."""
    return list(dict.fromkeys(folded for value in values if (folded := _folded(value))))


def signature_words(text: str) -> list[str]:
    """Words of a trouble's signature in order, numbers and common words included."""
    return _WORD.findall(_folded(text))


def lead(trigger: str) -> str:
    """The first words of a trigger, by which it is found; the trigger itself where it has no words."""
    return " ".join(signature_words(trigger)[:_LEAD]) or _folded(trigger)


def leads(text: str) -> list[str]:
    """Each lead that a trigger which occurs in this text could have. Reads the first and the last 300 words."""
    found = signature_words(text)
    if len(found) > 2 * _READ:
        found = found[:_READ] + found[-_READ:]
    runs = {" ".join(found[i : i + size]) for size in range(1, _LEAD + 1) for i in range(len(found) - size + 1)}
    return sorted(runs) if runs else fold([text[:1000]])


def occurs(trigger: str, text: str) -> bool:
    """Whether the words of a trigger stand in the text, one after the other."""
    sought = signature_words(trigger)
    if not sought:
        return bool(trigger.strip()) and _folded(trigger) == _folded(text)
    return f" {' '.join(sought)} " in f" {' '.join(signature_words(text))} "


def _folded(value: str) -> str:
    whole = value.encode(errors="replace").decode()  # half a surrogate pair cannot be looked up
    return unicodedata.normalize("NFKC", whole).casefold().strip()


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return str(_STEM(word))
