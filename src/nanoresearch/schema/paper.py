"""Works of the literature and what they report."""

from pydantic import Field

from nanoresearch.schema.record import Record


class Paper(Record):
    """One bibliographic record as a source gave it; missing is None."""

    key: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.-]*$")
    """Citation key, unique within a survey."""
    title: str = Field(min_length=1)
    """Title as published."""
    authors: tuple[str, ...] = ()
    """Names, "Given Family"."""
    year: int | None = None
    """Year of publication."""
    venue: str | None = None
    """Journal or proceedings."""
    arxiv: str | None = None
    """arXiv identifier."""
    doi: str | None = None
    """DOI without resolver."""
    url: str | None = None
    """Landing page."""
    abstract: str | None = None
    """Abstract, when the source has one."""
    source: str
    """Name of the literature client that returned it."""
    domains: tuple[str, ...] = ()
    """Fields the source files it under."""


class Evidence(Record):
    """A score that a paper reports, with the words it was read from."""

    paper: str
    """Key of the paper."""
    method: str | None
    """Method, as named in the quote; None when the quote names none."""
    dataset: str | None
    """Data set, as named in the quote; None when the quote names none."""
    metric: str
    """Metric, as named in the quote."""
    value: float
    """The number in the quote."""
    quote: str
    """Verbatim text of the source."""


class ScoredPaper(Record):
    """A search hit."""

    paper: Paper
    """The work."""
    score: float
    """Relevance, higher is better; comparable only within one query."""
