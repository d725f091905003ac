"""Records of works from a user's files: entries of BibTeX files, and what the first page of a PDF says of itself.

A guess that may be wrong is left out: a missing year is better than a false one in a bibliography.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from nanoresearch.literature.clean import (
    ABSTRACT_CHARS,
    NAME_CHARS,
    TITLE_CHARS,
    VENUE_CHARS,
    arxiv_of_doi,
    citation_key,
    clean_arxiv,
    clean_doi,
    clean_names,
    clean_text,
    clean_url,
    clean_year,
)
from nanoresearch.literature.pdf import PdfText
from nanoresearch.schema.paper import Paper

SOURCE = "library"
MOST_BIBTEX_MB = 50
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,79}")
_NO_TITLE = re.compile(
    r"^(?:untitled|microsoft (?:word|powerpoint)|title|paper|main|article|document|manuscript|slide \d+"
    r"|\S+\.(?:dvi|tex|docx?|pdf|ps|indd|qxd))\b.*",
    re.IGNORECASE,
)
_STAMP = re.compile(r"arXiv:\s?(?P<id>(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?)", re.IGNORECASE)
_STATED_DOI = re.compile(r"doi(?:\.org/|:|\s)\s*(?P<doi>10\.\d{4,9}/\S+)", re.IGNORECASE)
_STATED_YEAR = re.compile(
    r"(?:©|\(c\)|copyright|proceedings|conference|published|accepted)[^\n]{0,80}?(?<!\d)(?P<year>(?:19|20)\d\d)(?!\d)",
    re.IGNORECASE,
)
_ABSTRACT = re.compile(
    r"(?:^|\n)\s*abstract\b[\s.:—–-]*(?P<text>.{80,4000}?)"
    r"(?=\n\s*(?:(?:1|I)\.?\s+)?introduction\b|\n\s*(?:key\s?words|index terms|ccs concepts)\b|\n\s*1\.?\s+[A-Z])",
    re.IGNORECASE | re.DOTALL,
)
_LOGO = re.compile(r"\\((?:La|Bib|Xe|Lua|pdf)?(?:La)?TeX)(?![A-Za-z])(?:\{\}|\\ )?")
_NO_PERSON = re.compile(
    r"\b(?:universit\w*|institut\w*|department|laborator\w*|labs?|school|college|cent(?:er|re)|academy|faculty|press"
    r"|journal|proceedings|conference|workshop|report|abstract|research|member|user|admin\w*|inc|corporation|google"
    r"|microsoft|deepmind|openai)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?:\s+(?:[^\W\d_][\w.'’-]*)){1,4}")


class Reading(NamedTuple):
    """What a BibTeX file holds."""

    papers: tuple[Paper, ...]
    """Entries that are records now."""
    problems: tuple[str, ...]
    """Entries that are not, and why."""


def read_bibtex(path: Path) -> Reading:
    """The entries of a file, those that cannot be used told apart. Raises OSError."""
    from bibtexparser.entrypoint import parse_string
    from bibtexparser.model import DuplicateBlockKeyBlock, Entry

    if path.stat().st_size > MOST_BIBTEX_MB * 1e6:
        return Reading((), (f"is larger than {MOST_BIBTEX_MB} MB",))
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # bad entries are told by us, once
    library = parse_string(text)
    papers, problems = [], []
    entries = list(library.entries)
    for block in library.failed_blocks:
        if isinstance(block, DuplicateBlockKeyBlock) and isinstance(block.ignore_error_block, Entry):
            entries.append(block.ignore_error_block)  # its key is taken; it is an entry all the same
        else:
            problems.append(f"line {(block.start_line or 0) + 1}: an entry cannot be read")
    for entry in entries:
        paper = _entry(entry)
        if paper is None:
            problems.append(f"line {(entry.start_line or 0) + 1}: the entry {clean_text(entry.key, 60)} has no title")
        else:
            papers.append(paper)
    if not library.blocks and text.strip():
        problems.append("holds no BibTeX")
    return Reading(tuple(papers), tuple(problems))


def _entry(entry: Any) -> Paper | None:
    fields = {field.key.lower(): _bare(field.value) for field in entry.fields if isinstance(field.value, str)}
    title = clean_text(_plain(fields.get("title", "")), TITLE_CHARS)
    if title is None:
        return None
    venue = next((fields[name] for name in _VENUES if fields.get(name)), "")
    authors = clean_names(_people(fields.get("author") or fields.get("editor") or ""))
    year = clean_year(fields.get("year") or fields.get("date"))
    doi = clean_doi(_plain(fields.get("doi", ""))) or clean_doi(fields.get("url"))
    eprint = fields.get("eprint", "") if "arxiv" in _eprint_type(fields) else ""
    place = clean_text(_plain(venue), VENUE_CHARS)
    noted = " ".join(fields.get(name, "") for name in ("journal", "note", "howpublished", "url"))
    on_arxiv = clean_arxiv(noted) if "arxiv" in noted.lower() else None
    key = entry.key if _KEY.fullmatch(entry.key or "") else citation_key(title, authors, year)
    return Paper(
        key=key,
        title=title,
        authors=authors,
        year=year,
        venue=None if place and place.lower().startswith("arxiv") else place,
        arxiv=clean_arxiv(eprint) or arxiv_of_doi(doi) or on_arxiv,
        doi=doi,
        url=clean_url(_plain(fields.get("url", ""))),
        abstract=clean_text(_plain(fields.get("abstract", "")), ABSTRACT_CHARS),
        source=SOURCE,
    )


_VENUES = ("journal", "journaltitle", "booktitle", "school", "institution", "publisher", "howpublished")


def _bare(value: str) -> str:
    """A value without its quotes or outer braces, which an entry with a repeated key still has."""
    for opening, closing in ('""', "{}"):
        inner = value[1:-1]
        if len(value) > 1 and value[0] == opening and value[-1] == closing and not set(opening + closing) & set(inner):
            return inner
    return value


def _eprint_type(fields: dict[str, str]) -> str:
    return (fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv").lower()


def _plain(value: str) -> str:
    """Text of LaTeX."""
    value = _LOGO.sub(r"\1", value)
    if not any(sign in value for sign in "\\{}$~"):
        return value
    from pylatexenc.latex2text import LatexNodes2Text

    try:
        return str(LatexNodes2Text(keep_comments=True, math_mode="text").latex_to_text(value[:50_000]))
    except (ValueError, IndexError, RecursionError):  # what LaTeX would reject too: the words are still in it
        return re.sub(r"[\\{}$]", "", value)


def _people(value: str) -> Iterator[str]:
    """Names of an author field, each "Given Family"."""
    from bibtexparser.middlewares.names import parse_single_name_into_parts, split_multiple_persons_names

    for name in split_multiple_persons_names(value[:100_000]):
        if name.startswith("{") and name.endswith("}"):
            yield _plain(name)
            continue
        try:
            parts = parse_single_name_into_parts(name, strict=False)
        except ValueError:
            yield _plain(name)
            continue
        yield _plain(" ".join([*parts.first, *parts.von, *parts.last, *parts.jr]))


def flowing(text: str) -> str:
    """Text of pages without their line ends, so that a sentence is whole; words cut at a line end are joined.

    A line ends a paragraph when it ends a sentence short of the margin, or is short and followed by a capital.
    """
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line.strip()]
        margin = 0.75 * sorted(map(len, lines))[len(lines) * 3 // 4] if lines else 0.0
        run = last = ""
        for line in lines:
            if not run:
                run = line
            elif run.endswith("-") and run[-2:-1].islower() and line[:1].islower():
                run = run[:-1] + line
            elif len(last) < margin and (last[-1] in ".!?:" or not line[:1].islower()):
                paragraphs.append(run)
                run = line
            else:
                run = f"{run} {line}"
            last = line
        if run:
            paragraphs.append(run)
    return "\n".join(paragraphs)


def pdf_paper(pdf: PdfText, path: Path) -> Paper:
    """A record of a PDF, from its properties and its first page."""
    page = pdf.first_page
    margins = f"{page[:1500]}\n{page[-800:]}"  # further in, the words are about other works
    title = _pdf_title(pdf, path)
    authors = clean_names(_split_people(pdf.author)) or _authors_below(title, page)
    stamp = _STAMP.search(page)
    arxiv = stamp.group("id") if stamp else None
    stated = _STATED_DOI.search(margins)
    doi = clean_doi(stated.group("doi")) if stated else None
    year = _arxiv_year(arxiv)
    if year is None and (said := _STATED_YEAR.search(margins)):
        year = clean_year(said.group("year"))
    return Paper(
        key=citation_key(title, authors, year),
        title=title,
        authors=authors,
        year=year,
        arxiv=arxiv or arxiv_of_doi(doi),
        doi=doi,
        abstract=_pdf_abstract(pdf.text[:40_000]),
        source=SOURCE,
    )


def _pdf_title(pdf: PdfText, path: Path) -> str:
    lines = [line for line in pdf.first_page.splitlines() if sum(c.isalpha() for c in line) > 8]
    stem = re.sub(r"[_\W]+", " ", path.stem)
    for guess in (pdf.title, pdf.heading, next(iter(lines), ""), stem):
        title = clean_text(guess, TITLE_CHARS)
        if title and len(title) > 8 and " " in title and not _NO_TITLE.match(title) and not _STAMP.search(title):
            return title
    return clean_text(stem, TITLE_CHARS) or "PDF file"


def _split_people(value: str) -> Iterator[str]:
    for part in re.split(r"\s*(?:[,;&\n]|\band\b)\s*", value):
        name = re.sub(r"[\d*†‡§¶∗]+", "", part).strip()
        capital = all(not word[0].islower() or word in _PARTICLES for word in name.split())
        if _NAME.fullmatch(name) and len(name) <= NAME_CHARS and capital and not _NO_PERSON.search(name):
            yield name


def _authors_below(title: str, page: str) -> tuple[str, ...]:
    """Names on the line below the title, when it holds nothing but names."""
    lines = [" ".join(line.split()) for line in page.splitlines() if line.strip()]
    tail = title.split()[-1]
    at = next((n for n, line in enumerate(lines[:12]) if line.endswith(tail) and line in title), None)
    if at is None or at + 1 >= len(lines):
        return ()
    line = lines[at + 1]
    parts = [part for part in re.split(r"\s*(?:[,;&]|\band\b)\s*", line) if part.strip(" \t0123456789*†‡§¶∗")]
    names = clean_names(_split_people(line))
    return names if len(names) == len(parts) else ()


_PARTICLES = frozenset(
    ("von", "van", "de", "der", "den", "da", "di", "del", "la", "le", "el", "bin", "ibn", "ter", "ten", "dos")
)


def _arxiv_year(arxiv: str | None) -> int | None:
    found = re.match(r"(\d\d)(?:0[1-9]|1[0-2])\.", arxiv) if arxiv else None
    return 2000 + int(found.group(1)) if found else None


def _pdf_abstract(text: str) -> str | None:
    found = _ABSTRACT.search(text)
    if found is None:
        return None
    return clean_text(re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", found.group("text")), ABSTRACT_CHARS)
