"""What an audit found."""

from typing import Literal

from nanoresearch.schema.record import Record


class AuditFinding(Record):
    """One thing that does not hold."""

    check: Literal[
        "files", "blueprint", "provenance", "numbers", "citations", "evidence", "figures", "method", "build",
        "integrity",
    ]  # fmt: skip
    """Which check."""
    where: str
    """File or section."""
    text: str
    """What is wrong."""


class Audit(Record):
    """Verdict on a run's paper, from its files alone."""

    passed: bool
    """True only when every check ran and found nothing."""
    findings: tuple[AuditFinding, ...]
    """What does not hold."""
    numbers_checked: int
    """Numbers derived again."""
    citations_checked: int
    """Citations traced to a record."""
    paper_sha256: str | None
    """SHA-256 of paper.tex as audited."""
    unverified: tuple[str, ...] = ()
    """What could not be checked here, in words."""


class Discrepancy(Record):
    """A result that came out otherwise."""

    result: str
    """Id of the recorded result."""
    recorded: float
    """Its value."""
    reproduced: float
    """The value now."""


class Reproduction(Record):
    """The experiment run once more, beside what was recorded."""

    commit: str
    """Code that was run."""
    compared: int
    """Results compared."""
    identical: int
    """Of these, equal to the last bit."""
    discrepancies: tuple[Discrepancy, ...]
    """Results that differ by more than the tolerance."""
    tolerance: float
    """Relative difference allowed for other processors and library builds."""
    versions_differ: tuple[str, ...]
    """Libraries whose version is not that of the run, in words."""
    seconds: float
    """Wall-clock time."""
