"""One list of words for numbers: the audit, the builtin crew and what tells of other works all know its words."""

import pytest

from nanoresearch.crew.builtin.latex_text import literal_numbers
from nanoresearch.evidence.audit.literals import UNITS, literals
from nanoresearch.evidence.audit.told import spelt
from nanoresearch.evidence.number_words import COUNTS, FRACTIONS, LARGER, MULTIPLES, SMALL


@pytest.mark.parametrize("word", COUNTS)
def test_every_word_of_a_number_is_seen_by_all_who_look_for_numbers(word: str) -> None:
    text = f"It gains {word} percent."
    assert literal_numbers(text) == [word]
    assert spelt(text, "") == [f"{word} percent"]
    idioms = ("zero", "one")  # words that the audit of results lets stand
    assert literals(text) == ([] if word in idioms else [word]) + ["percent"]


def test_small_numbers_stand_at_their_values() -> None:
    assert (SMALL[0], SMALL[12], SMALL[19], len(SMALL)) == ("zero", "twelve", "nineteen", 20)
    assert (UNITS[0], UNITS[-1]) == ("two", "ten")


@pytest.mark.parametrize("word", [*LARGER, *FRACTIONS, *MULTIPLES])
def test_larger_numbers_fractions_and_ratios_are_numbers_to_the_audit(word: str) -> None:
    assert literals(f"It is {word} of it.") == [word]


def test_no_word_is_listed_twice() -> None:
    every = [*COUNTS, *LARGER, *FRACTIONS, *MULTIPLES]
    assert len(every) == len(set(every))
