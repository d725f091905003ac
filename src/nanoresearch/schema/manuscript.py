"""The paper before it is typeset: LaTeX bodies in which results and citations are references."""

from typing import Literal

from nanoresearch.schema.analysis import Number
from nanoresearch.schema.record import Record


class Section(Record):
    """One section."""

    id: str
    """Name: abstract, introduction, related_work, method, setup, results, discussion, limitations, conclusion, ..."""
    title: str
    """LaTeX heading; empty for the abstract."""
    body: str
    """LaTeX; results as \\result{key}, works as \\citep{key} or \\citet{key}."""
    appendix: bool = False
    """Printed after the references."""


class Manuscript(Record):
    """The whole text."""

    title: str
    """LaTeX."""
    authors: str
    """LaTeX; empty for none."""
    affiliation: str
    """LaTeX; empty for none."""
    format: str
    """Page layout."""
    keywords: tuple[str, ...]
    """LaTeX."""
    sections: tuple[Section, ...]
    """Abstract first."""
    numbers: tuple[Number, ...]
    """Numbers referred to."""
    revision: int = 0
    """How often it was revised."""
    informed_by: tuple[str, ...] = ()
    """Skills and memories that shaped it."""


class Remark(Record):
    """One objection of a reviewer."""

    section: str
    """Section id, or "paper"."""
    kind: Literal["coherence", "claim", "formatting", "completeness", "style"]
    """What it is about."""
    severity: Literal["blocking", "major", "minor"]
    """How much it weighs."""
    text: str
    """What is wrong and what would mend it."""


class Response(Record):
    """What a writer says to a remark."""

    revision: int
    """Revision in which it was answered."""
    section: str
    """Section id."""
    remark: str
    """The remark's text."""
    answer: str
    """In a sentence; empty for none."""


class Review(Record):
    """A reviewer's judgement of one revision."""

    revision: int
    """Revision reviewed."""
    coherence: float
    """0 to 10."""
    claims: float
    """0 to 10."""
    formatting: float
    """0 to 10."""
    remarks: tuple[Remark, ...]
    """Objections."""
    passed: bool
    """Whether every score reaches its threshold and nothing blocks."""


class Build(Record):
    """How the PDF came about."""

    engine: str | None
    """Program used; None when none was found."""
    ok: bool
    """Whether a PDF was made."""
    pages: int | None
    """Pages of the PDF."""
    overfull: tuple[str, ...]
    """Lines that stick out by more than two points, as TeX reports them."""
    undefined: tuple[str, ...]
    """References and citations without target."""
    errors: tuple[str, ...]
    """TeX errors, or what is missing and the command that mends it."""
    inputs: dict[str, str]
    """SHA-256 of every file that went in."""
    pdf_sha256: str | None
    """SHA-256 of the PDF."""
