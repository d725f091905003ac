"""What a run has left so far, read from its folder. Plans are not among it: wishes are about what was made."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from nanoresearch.crew.builtin.latex_text import sentences, visible
from nanoresearch.paths import RunFolder, walk_files
from nanoresearch.schema.analysis import Analysis, Figure, Table
from nanoresearch.schema.audit import Audit
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Result
from nanoresearch.schema.feedback import Feedback
from nanoresearch.schema.idea import Ideas, NoveltyReport, Survey
from nanoresearch.schema.manuscript import Build, Manuscript, Review, Section
from nanoresearch.schema.record import Record
from nanoresearch.schema.run import RunRecord

R = TypeVar("R", bound=Record)
CODE = "coding/code"
LONGEST_FILE = 2**20
"""Bytes of a file of the code that are read."""
EVIDENCE = ("abstract", "method", "setup", "results", "error_analysis", "cost", "settings", "conclusion")
"""Sections that say what was done and found: what stands in others may be what was left out."""
DENIED = re.compile(r"\b(?:no|not|never|without|neither|nor|cannot|unanswered|left out)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Artifacts:
    """A run's records, paper and code; None or empty where it has not come so far."""

    folder: RunFolder

    def _load(self, name: str, kind: type[R]) -> R | None:
        return self.folder.load(name, kind) if self.folder.has(name) else None

    @cached_property
    def record(self) -> RunRecord:
        """The head of the run."""
        return self.folder.load("run.json", RunRecord)

    @cached_property
    def survey(self) -> Survey | None:
        """Works."""
        return self._load("ideation/survey.json", Survey)

    @cached_property
    def ideas(self) -> Ideas | None:
        """Candidate hypotheses."""
        return self._load("ideation/hypotheses.json", Ideas)

    @cached_property
    def novelty(self) -> NoveltyReport | None:
        """Verdicts on them."""
        return self._load("ideation/novelty.json", NoveltyReport)

    @cached_property
    def blueprint(self) -> Blueprint | None:
        """The design."""
        return self._load("planning/blueprint.json", Blueprint)

    @cached_property
    def results(self) -> list[Result]:
        """Recorded results."""
        return self.folder.load_lines("execution/results.jsonl", Result)

    @cached_property
    def measurements(self) -> list[Result]:
        """Recorded costs."""
        return self.folder.load_lines("execution/measurements.jsonl", Result)

    @cached_property
    def attempts(self) -> list[Attempt]:
        """Executions of the experiment."""
        paths = sorted(self.folder.path("execution/attempts").glob("*/attempt.json"), key=lambda p: int(p.parent.name))
        return [self.folder.load(str(path.relative_to(self.folder.root)), Attempt) for path in paths]

    @cached_property
    def final_attempt(self) -> Attempt | None:
        """The execution that the results are from."""
        whole = [item for item in self.attempts if item.outcome == "succeeded" and not item.smoke]
        return whole[-1] if whole else None

    def output(self, stream: str) -> str:
        """What the seeds of the final attempt printed: stdout or stderr."""
        if self.final_attempt is None:
            return ""
        folder = self.folder.path(f"execution/attempts/{self.final_attempt.number}")
        return "".join(
            path.read_text(encoding="utf-8", errors="replace")[:LONGEST_FILE]
            for path in folder.glob(f"seed-*/{stream}")
        )

    @cached_property
    def code(self) -> dict[str, str]:
        """Text of each file of the code, by its path."""
        root = self.folder.path(CODE)
        if not root.is_dir():
            return {}
        found = {}
        for path in walk_files(root):
            found[str(path.relative_to(root))] = path.read_bytes()[:LONGEST_FILE].decode("utf-8", errors="replace")
        return found

    @cached_property
    def analysis(self) -> Analysis | None:
        """The report on the results."""
        return self._load("analysis/analysis.json", Analysis)

    @cached_property
    def manuscript(self) -> Manuscript | None:
        """The paper as it stands."""
        return self._load("review/manuscript.json", Manuscript) or self._load("writing/manuscript.json", Manuscript)

    @cached_property
    def build(self) -> Build | None:
        """How the PDF came about."""
        return self._load("paper/build.json", Build)

    @cached_property
    def reviews(self) -> list[Review]:
        """What the run's reviewer said."""
        return self.folder.load_lines("review/reviews.jsonl", Review)

    @cached_property
    def audit(self) -> Audit | None:
        """Whether the paper holds up."""
        return self._load("audit.json", Audit)

    @cached_property
    def feedback(self) -> list[Feedback]:
        """What the researcher said."""
        return self.folder.load_lines("feedback.jsonl", Feedback)

    @property
    def seeds(self) -> int:
        """Repetitions: those that have results, before there are any those that are planned."""
        if self.results:
            return len({item.seed for item in self.results})
        return len(self.blueprint.seeds) if self.blueprint else 0

    @property
    def datasets(self) -> set[str]:
        """Data sets with results, before there are any those that are planned."""
        if self.results:
            return {item.dataset for item in self.results}
        return {staged.card.id for staged in self.blueprint.datasets} if self.blueprint else set()

    @property
    def metrics(self) -> set[str]:
        """Metrics with results, before there are any those that are planned; slices are written metric:label."""
        if self.results:
            return {item.metric for item in self.results}
        return {metric.id for metric in self.blueprint.metrics} if self.blueprint else set()

    @property
    def costs(self) -> set[str]:
        """Costs that were measured, before anything was those that are planned."""
        if self.results:
            return {item.metric for item in self.measurements}
        return set(self.blueprint.measures) if self.blueprint else set()

    @property
    def conditions(self) -> set[str]:
        """Settings of the sweep, each written name=value, with results or else planned."""
        if self.results:
            return {item.condition for item in self.results if item.condition}
        sweep = self.blueprint.sweep if self.blueprint else None
        return {f"{sweep.id}={value}" for value in sweep.values} if sweep else set()

    @property
    def sections(self) -> dict[str, Section]:
        """Sections of the paper by id."""
        return {section.id: section for section in self.manuscript.sections} if self.manuscript else {}

    def text(self, *names: str) -> str:
        """What a reader sees of these sections; of all when none is named."""
        return "\n\n".join(visible(item.body) for name, item in self.sections.items() if not names or name in names)

    @property
    def tables(self) -> list[Table]:
        """Tables that the paper shows."""
        return [item for item in (self.analysis.tables if self.analysis else ()) if self._shown("table", item.id)]

    @property
    def figures(self) -> list[Figure]:
        """Figures that the paper shows."""
        return [item for item in (self.analysis.figures if self.analysis else ()) if self._shown("figure", item.id)]

    def _shown(self, kind: str, name: str) -> bool:
        return any(f"\\input{kind}{{{name}}}" in section.body for section in self.sections.values())

    def states(self, *terms: str) -> bool:
        """Whether a sentence of the design, where there is no paper yet, or of the paper says one of these, undenied.

        Sentences that deny something do not count, and sections that tell what was left out are not read.
        """
        wanted = re.compile("|".join(rf"\b{re.escape(term)}" for term in terms), re.IGNORECASE)
        return any(wanted.search(text) and not DENIED.search(text) for text in self.statements())

    def statements(self) -> list[str]:
        """Sentences that say what is done: those of the paper, before there is one those of the design."""
        if self.manuscript:
            shown = [*(item.caption for item in self.tables), *(item.caption for item in self.figures)]
            headers = [" ".join(table.header) for table in self.tables]
            bodies = [section.body for name, section in self.sections.items() if name in EVIDENCE]
            return [text for body in (*bodies, *shown, *headers) for text in sentences(body)]
        if self.blueprint is None:
            return []
        design = self.blueprint
        parts = [design.protocol.description, *(item.description for item in design.metrics)]
        parts += [f"{item.name}: {item.description}" for item in design.methods]
        parts += [f"{item.name}: {item.description}" for item in design.components]
        return [text for part in parts for text in sentences(part)]
