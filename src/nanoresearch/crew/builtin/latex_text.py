"""LaTeX bodies as plain text: what a reader sees, sentence by sentence, and which numbers were typed by hand.

Shared by the writer, who must not type a result, and the reviewer, who looks for typed ones.
"""

import re
from collections.abc import Iterator

from nanoresearch.evidence.number_words import COUNTS

REFERENCES = re.compile(
    r"\\(?:result|ref|cite[tp]?\*?|label|inputtable|inputfigure|name|texttt|url)\s*(?:\[[^\]]*\])*\s*\{[^{}]*\}"
)
HEADING = re.compile(r"\\paragraph\{((?:[^{}]|\{[^{}]*\})*)\}\s*")
"""A run-in heading."""
_NUMBER = re.compile(rf"\d[\d.,]*|\b(?:{'|'.join(COUNTS)})\b", re.IGNORECASE)
_RESULT = re.compile(r"\\result\s*\{([^{}]*)\}")
_CITATION = re.compile(r"\\cite[tp]?\*?\s*(?:\[[^\]]*\])*\s*\{([^{}]*)\}")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|et al|cf|vs|Fig|Tab|No)\.$")


def literal_numbers(body: str) -> list[str]:
    """Digits and number words that stand outside references and marked names."""
    return [match.group() for match in _NUMBER.finditer(REFERENCES.sub(" ", body))]


def result_keys(body: str) -> list[str]:
    """Keys of the results referred to, in order."""
    return _RESULT.findall(body)


def citation_keys(body: str) -> list[str]:
    """Keys of the works cited, in order."""
    return [key.strip() for group in _CITATION.findall(body) for key in group.split(",")]


def visible(body: str) -> str:
    """Roughly what a reader sees; results become "#", citations and floats vanish, paragraphs stay apart."""
    text = re.sub(r"\\begin\{(equation|align)\*?\}.*?\\end\{\1\*?\}", " ", body, flags=re.DOTALL)
    text = _CITATION.sub("", re.sub(r"\\(?:inputtable|inputfigure|label)\{[^{}]*\}", "", text))
    text = re.sub(r"\\(?:begin|end)\{[^{}]*\}|\\item\b", "\n\n", text)
    text = re.sub(r"\\ref\{[^{}]*\}", "#", _RESULT.sub("#", text))
    text = HEADING.sub(r"\n\n\1.\n\n", text)
    text = re.sub(r"\\textquotedbl(?:left|right)(?:\{\})?", '"', text).replace("``", '"').replace("''", '"')
    text = re.sub(r"\\([%&_#$])", r"\1", text).replace("~", " ").replace(r"\,", " ")
    text = re.sub(r"\\[A-Za-z]+\*?|[{}$\\]", "", text)
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())


def sentences(body: str) -> list[str]:
    """Sentences as a reader sees them."""
    return [text for paragraph in visible(body).split("\n\n") for text in split_sentences(paragraph)]


def split_sentences(paragraph: str) -> list[str]:
    """Cut after a full stop, question or exclamation mark that is followed by a capital, and not in abbreviations."""
    return list(_pieces(paragraph))


def word_count(text: str) -> int:
    """Words that a reader sees."""
    return len(visible(text).split())


def _pieces(paragraph: str) -> Iterator[str]:
    start = 0
    for match in re.finditer(r"[.?!][\"')}]*\s+(?=[\"'(`\\]*[A-Z#\\])", paragraph):
        if _ABBREVIATION.search(paragraph[start : match.start() + 1]):
            continue
        yield paragraph[start : match.end()].strip()
        start = match.end()
    if rest := paragraph[start:].strip():
        yield rest
