"""What others wrote, made fit for a record: visible characters, bounded lengths, identifiers of the right form.

Retrieved text is data. Nothing here follows a link, and nothing of it becomes a path or a command.
"""

import hashlib
import html
import re
import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from anyascii import anyascii

from nanoresearch.literature.text import STOPWORDS, normalised_title, words

TITLE_CHARS = 500
ABSTRACT_CHARS = 10_000
NAME_CHARS = 120
VENUE_CHARS = 300
URL_CHARS = 500
MOST_AUTHORS = 300

_MARKUP = re.compile(
    r"</?(?:[bipu]|br|em|strong|su[bp]|scp|sc|tt|span|div|title|h[1-6]|li|[ou]l|jats:[\w-]+|mml:[\w-]+)(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>{}\\^`|]{1,200}")
_ARXIV_ID = r"(?:\d{4}\.\d{4,5}|[a-z-]{2,20}(?:\.[A-Z]{2})?/\d{7})(?:v\d{1,3})?"
_ARXIV = re.compile(
    rf"\s*(?P<alone>{_ARXIV_ID})\s*$|.*?(?:arxiv\.org/(?:abs|pdf)/|arxiv[.:]\s*|abs/)(?P<id>{_ARXIV_ID})(?!\w)",
    re.I | re.S,
)
_LETTERS = "abcdefghijkmnpqrstuvwxyz"


def clean_text(value: Any, most: int) -> str | None:
    """One line of visible text, at most `most` characters; None when nothing is left or it is no text.

    Formatting tags go; so do control characters, direction marks, invisible characters and variation selectors, in
    which words can be hidden from a reader.
    """
    if not isinstance(value, str):
        return None
    raw = _MARKUP.sub(" " if "<p" in value or "<jats:" in value else "", html.unescape(value[: 4 * most]))
    text = " ".join(unicodedata.normalize("NFC", _shown(raw)).split())
    if len(text) > most:
        text = text[:most].rsplit(" ", 1)[0] or text[:most]
    return text or None


def clean_lines(value: str, most: int) -> str:
    """Visible text that keeps its lines, at most `most` characters."""
    lines = (" ".join(_shown(line).split()) for line in value[:most].splitlines())
    return "\n".join(lines).strip()


def _shown(text: str) -> str:
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if character.isspace():
        return " "
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return "" if selector or unicodedata.category(character) in _HIDDEN else character


def clean_names(values: Any) -> tuple[str, ...]:
    """Names of authors that are names; what is no list of names has none."""
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, dict)):
        return ()
    names = (clean_text(value, NAME_CHARS) for value in values)
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_AUTHORS]


def clean_year(value: Any) -> int | None:
    """A year of publication, or None."""
    if isinstance(value, str):
        found = re.search(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)", value)
        value = int(found.group()) if found else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 1500 <= value <= 2100 else None


def clean_doi(value: Any) -> str | None:
    """The DOI in a text or link, without resolver."""
    found = _DOI.search(value[:1000]) if isinstance(value, str) else None
    return found.group().rstrip(".,;)") if found else None


def clean_arxiv(value: Any) -> str | None:
    """The arXiv identifier in a text or link, as given."""
    found = _ARXIV.match(value[:1000]) if isinstance(value, str) else None
    return found.group("alone") or found.group("id") if found else None


def arxiv_of_doi(doi: str | None) -> str | None:
    """The arXiv identifier of a DOI that arXiv gave out."""
    return clean_arxiv(doi) if doi and doi.lower().startswith("10.48550/arxiv.") else None


def clean_url(value: Any) -> str | None:
    """A link to a page of the web, or None."""
    if not isinstance(value, str) or len(value) > URL_CHARS or not re.fullmatch(r"[!-~]+", value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else None


def citation_key(title: str, authors: tuple[str, ...], year: int | None) -> str:
    """A key such as nadeau2003inference-xkqm: family name, year, first word of the title, four letters of its hash.

    It depends on nothing but the record, so that a work keeps its key however often and in whatever order it is
    found, and two works with one name, year and first word have two keys.
    """
    family = _letters(authors[0].split()[-1]) if authors else ""
    word = next((word for word in words(anyascii(title)) if word not in STOPWORDS and len(word) > 2), "")
    digest = hashlib.sha256((normalised_title(title) or title).encode()).digest()
    tail = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:4])
    return f"{family[:24] or 'anon'}{year or ''}{_letters(word)[:24]}-{tail}"


def _letters(text: str) -> str:
    return "".join(c for c in anyascii(text).lower() if c.isascii() and c.isalnum())
