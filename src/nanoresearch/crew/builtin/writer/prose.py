"""Words and sentences: voice, names, lists, title case. Knows language, not studies."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nanoresearch.crew.builtin.latex_text import literal_numbers
from nanoresearch.crew.builtin.words import listing
from nanoresearch.paper.escape import latex

_PARTICIPLES = {
    "find": "found",
    "give": "given",
    "keep": "kept",
    "run": "run",
    "vary": "varied",
}
_SMALL = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "nor",
        "but",
        "of",
        "on",
        "in",
        "to",
        "with",
        "for",
        "by",
        "at",
        "from",
        "as",
        "per",
        "vs",
        "via",
    ]
)


@dataclass(frozen=True)
class Voice:
    """Whether sentences have the authors as their subject."""

    we: bool

    def clause(self, verb: str, what: str, rest: str = "", *, many: bool = False) -> str:
        """ "we compare the methods on Wine" or "the methods are compared on Wine"."""
        if self.we:
            return f"we {verb} {what} {rest}".rstrip()
        return f"{what} {'are' if many else 'is'} {_participle(verb)} {rest}".rstrip()

    def that(self, verb: str, clause: str) -> str:
        """ "we ask whether ..." or "it is asked whether ..."."""
        return f"we {verb} {clause}" if self.we else f"it is {_participle(verb)} {clause}"


def sentence(text: str) -> str:
    """Capital first, full stop last."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" or text.endswith((".''", "?''")) else ".")


def paragraph(*parts: str) -> str:
    """Sentences in a row; empty ones are left out."""
    return " ".join(sentence(part) for part in parts if part.strip())


def headed(title: str, *parts: str) -> str:
    """A paragraph with a run-in heading, which the layout punctuates, or nothing when it has no content."""
    content = paragraph(*parts)
    return f"\\paragraph{{{title}}} {content}" if content else ""


def body(*paragraphs: str) -> str:
    """A section's body; empty paragraphs are left out."""
    return "\n\n".join(text for text in paragraphs if text.strip())


def name(text: str) -> str:
    """A proper name or technical term; one that holds a number is marked, so that it is not taken for a result."""
    escaped = latex(text)
    return f"\\name{{{escaped}}}" if literal_numbers(escaped) else escaped


def names(items: Iterable[str], word: str = "and") -> str:
    """Names in a list."""
    return listing([name(item) for item in items], word)


def quoted(text: str) -> str:
    """Foreign words between quotation marks."""
    return f"``{latex(text)}''"


def worded(text: str, known: Sequence[str] = ()) -> str:
    """Prose from a record as LaTeX, with the known names in it marked where they hold numbers."""
    pieces = [text]
    for item in sorted({item for item in known if literal_numbers(item)}, key=len, reverse=True):
        pieces = [part for piece in pieces for part in ([piece] if piece in known else _around(piece, item))]
    return "".join(name(piece) if piece in known else _escaped(piece) for piece in pieces)


def without_numbers(texts: Iterable[str], known: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Sentences from records as LaTeX: those free of numbers, and those that hold some."""
    free: list[str] = []
    numeric: list[str] = []
    for text in texts:
        shown = worded(text, known)
        (numeric if literal_numbers(shown) else free).append(shown)
    return free, numeric


def title_case(text: str) -> str:
    """Capitals on the words of a title except small ones; words that have capitals stay as they are."""
    words = text.split()
    last = len(words) - 1
    return " ".join(
        word if any(c.isupper() for c in word) or (word.lower() in _SMALL and 0 < index < last) else _capital(word)
        for index, word in enumerate(words)
    )


def title(text: str) -> str:
    """A heading in LaTeX."""
    return latex(title_case(text))


def _capital(word: str) -> str:
    return re.sub(r"[a-z]", lambda match: match.group().upper(), word, count=1) if word[:1].isalpha() else word


def _around(piece: str, item: str) -> list[str]:
    parts = re.split(f"({re.escape(item)})", piece)
    return [part for part in parts if part]


def _escaped(piece: str) -> str:
    """Escaped, with the spaces at its ends kept."""
    head = " " if piece[:1].isspace() else ""
    tail = " " if piece[-1:].isspace() and piece.strip() else ""
    return f"{head}{latex(piece)}{tail}"


def _participle(verb: str) -> str:
    return _PARTICIPLES.get(verb, verb + ("d" if verb.endswith("e") else "ed"))
