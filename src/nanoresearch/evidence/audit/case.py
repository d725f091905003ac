"""The files of a run as the checks read them: each once, and never as empty when it is missing."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.audit.history import History
from nanoresearch.evidence.audit.names import (
    ANALYSIS,
    ATTEMPTS,
    BLUEPRINT,
    BUILD,
    CODE,
    CRITIQUES,
    MANUSCRIPT,
    MEASUREMENTS,
    NOVELTY,
    RESULTS,
    RUN,
    SURVEY,
)
from nanoresearch.evidence.statistics import Ledger
from nanoresearch.execution.attempts import ATTEMPT_FILE
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Analysis, Number
from nanoresearch.schema.blueprint import Blueprint, Critique
from nanoresearch.schema.experiment import Attempt, Result
from nanoresearch.schema.idea import Survey
from nanoresearch.schema.manuscript import Build, Manuscript
from nanoresearch.schema.record import Record
from nanoresearch.schema.run import RunRecord

R = TypeVar("R", bound=Record)

Doubt = tuple[str, str]
"""Where, and what does not hold there."""


@dataclass
class Case:
    """A run under audit, how much of it was checked, and what could not be."""

    folder: RunFolder
    numbers_checked: int = 0
    citations_checked: int = 0
    unverified: list[str] = field(default_factory=list)

    @cached_property
    def run(self) -> RunRecord:
        """Head record."""
        return self.record(RUN, RunRecord)

    @cached_property
    def survey(self) -> Survey:
        """Works that may be cited."""
        return self.record(SURVEY, Survey)

    @cached_property
    def blueprint(self) -> Blueprint:
        """The design as it is now."""
        return self.record(BLUEPRINT, Blueprint)

    @cached_property
    def told(self) -> str:
        """What may be told of the design and of other works: the records that name them, as one text."""
        records = (self.blueprint, self.survey, self.run.profile)
        return " ".join([self.run.topic, *(record.canonical_json() for record in records), self.text(NOVELTY)])

    @cached_property
    def critiques(self) -> list[Critique]:
        """Verdicts on the drafts."""
        return self.lines(CRITIQUES, Critique)

    @cached_property
    def results(self) -> list[Result]:
        """The ledger's results."""
        return self.lines(RESULTS, Result)

    @cached_property
    def measurements(self) -> list[Result]:
        """The ledger's measurements; none where the blueprint asks for none."""
        return self.lines(MEASUREMENTS, Result, empty=not self.blueprint.measures)

    @cached_property
    def ledger(self) -> Ledger:
        """Both, ready to be selected from."""
        return Ledger(self.blueprint, self.results, self.measurements)

    @cached_property
    def attempts(self) -> list[Attempt]:
        """Attempts 1, 2, ... as far as they go without a gap."""
        found: list[Attempt] = []
        while self.folder.has(name := f"{ATTEMPTS}/{len(found) + 1}/{ATTEMPT_FILE}"):
            found.append(self.record(name, Attempt))
        if not found:
            raise CorruptRecord(f"{ATTEMPTS} has no attempt.")
        return found

    @cached_property
    def history(self) -> History:
        """Commits of the codebase."""
        return History(self.folder.path(CODE))

    @cached_property
    def analysis(self) -> Analysis:
        """The report."""
        return self.record(ANALYSIS, Analysis)

    @cached_property
    def manuscript(self) -> Manuscript:
        """The text as it was typeset last."""
        return self.record(MANUSCRIPT, Manuscript)

    @cached_property
    def build(self) -> Build:
        """How the PDF came about."""
        return self.record(BUILD, Build)

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Every number that the paper may print."""
        return (*self.manuscript.numbers, *self.analysis.numbers)

    def record(self, name: str, kind: type[R]) -> R:
        """A record. Raises CorruptRecord."""
        return self.folder.load(name, kind)

    def lines(self, name: str, kind: type[R], *, empty: bool = False) -> list[R]:
        """Records of a JSON-lines file. Raises CorruptRecord, also for a missing file, and for an empty one."""
        if not self.folder.has(name):
            raise CorruptRecord(f"{name} is missing.")
        records = self.folder.load_lines(name, kind)
        if not records and not empty:
            raise CorruptRecord(f"{name} is empty.")
        return records

    def text(self, name: str) -> str:
        """A text file. Raises CorruptRecord."""
        try:
            return self.folder.path(name).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorruptRecord(f"{name} cannot be read: {error}.") from error

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file, None when it cannot be read."""
        try:
            return hashlib.sha256(self.folder.path(name).read_bytes()).hexdigest()
        except OSError:
            return None


Check = Callable[[Case], Iterator[Doubt]]
