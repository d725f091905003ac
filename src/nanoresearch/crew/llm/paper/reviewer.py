"""An external reviewer: a model that sees the paper alone, besides the checks that a program can make.

It gets no plan, skills or memories, and can be another model than the writer's. Of both judgements the lower score
counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.builtin.latex_text import result_keys, visible
from nanoresearch.crew.builtin.reviewer import COUNTS_AS, BuiltinReviewer
from nanoresearch.crew.llm.desk import RULES, Desk, material
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.literature.text import normalised_title
from nanoresearch.models.request import UselessReplies
from nanoresearch.schema.analysis import Analysis
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.manuscript import Build, Manuscript, Remark, Review

MOST = 12
"""Remarks of one review that count, gravest first."""
LEAST_QUOTED = 12
"""Letters and digits that a quotation must have to be found again."""
SOUND = 7.0
"""Below this, a score needs a remark."""
PAPER_CHARACTERS = 80_000
SCORES = ("coherence", "claims", "formatting")


class Objection(BaseModel):
    """A remark as the model gives it."""

    section: str = Field(description="Id of the section.")
    quote: str = Field(description="Words of that section, verbatim.")
    kind: Literal["coherence", "claim", "formatting", "completeness", "style"]
    severity: Literal["blocking", "major", "minor"]
    text: str = Field(description="What is wrong and what would mend it.")


class Judgement(BaseModel):
    """A review as the model gives it."""

    coherence: float = Field(ge=0, le=10)
    claims: float = Field(ge=0, le=10)
    formatting: float = Field(ge=0, le=10)
    remarks: list[Objection]


@dataclass(frozen=True)
class Reading:
    """The paper as it was put before the reviewer."""

    texts: dict[str, str]
    """What a reader sees of each section, by id."""


_REVIEWER: Agent[Reading, Judgement] = Agent(
    output_type=Judgement, instructions=RULES + prompt("reviewer"), deps_type=Reading, retries=2, name="reviewer"
)


@_REVIEWER.output_validator
def _grounded(ctx: RunContext[Reading], judgement: Judgement) -> Judgement:
    """Remarks quote a section that there is, and low scores have a reason. What cannot be mended does not count."""
    wrong = {n: fault for n, item in enumerate(judgement.remarks) if (fault := _fault(item, ctx.deps))}
    kept = [item for n, item in enumerate(judgement.remarks) if n not in wrong]
    unfounded = [name for name in SCORES if getattr(judgement, name) < SOUND and not _reasons(kept, name)]
    if (wrong or unfounded) and not ctx.last_attempt:
        told = [f"- remark {n + 1}: {fault}" for n, fault in wrong.items()]
        told += [f"- {name} is below {SOUND:g}, and no remark that can count says why" for name in unfounded]
        raise ModelRetry("Mend these and send the whole review again:\n" + "\n".join(told))
    return judgement.model_copy(update={"remarks": kept[:MOST], **dict.fromkeys(unfounded, 10.0)})


def _fault(item: Objection, reading: Reading) -> str:
    if item.section not in reading.texts:
        return f"there is no section {item.section!r}; the sections are {', '.join(reading.texts)}"
    quote = normalised_title(item.quote)
    if len(quote) < LEAST_QUOTED:
        return "the quotation is too short to be found"
    if quote not in normalised_title(reading.texts[item.section]):
        return f'the section {item.section} does not say "{item.quote[:80]}"'
    return "" if item.text.strip() else "it does not say what is wrong"


def _reasons(remarks: Sequence[Objection], score: str) -> bool:
    return any(COUNTS_AS[item.kind] == score for item in remarks)


class LlmReviewer:
    """Joins a model's judgement with the checks of the program."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def review(
        self, manuscript: Manuscript, analysis: Analysis, blueprint: Blueprint, build: Build, threshold: float
    ) -> Review:
        """Scores and remarks."""
        checked = BuiltinReviewer().review(manuscript, analysis, blueprint, build, threshold)
        reading = Reading({item.id: visible(_printed(item.body, manuscript)) for item in manuscript.sections})
        prompt = "\n\n".join([self._paper(manuscript, reading), _tables(manuscript, analysis), "Review this paper."])
        try:
            judged = self._desk.models.ask("reviewer", _REVIEWER, prompt, deps=reading).output
        except UselessReplies as error:
            self._desk.events.emit("degraded", f"The paper was reviewed by the program alone: {error}")
            return checked
        remarks = (*checked.remarks, *(_remark(item) for item in judged.remarks))
        scores = {name: min(getattr(checked, name), getattr(judged, name)) for name in SCORES}
        good = all(value >= threshold for value in scores.values())
        return Review(
            revision=manuscript.revision,
            remarks=tuple(dict.fromkeys(remarks)),
            passed=good and not any(remark.severity == "blocking" for remark in remarks),
            **scores,
        )

    def _paper(self, manuscript: Manuscript, reading: Reading) -> str:
        titles = {item.id: item.title or "Abstract" for item in manuscript.sections}
        parts = [f"[{name}] {visible(titles[name])}\n{text}" for name, text in reading.texts.items()]
        return material("paper", "\n\n".join([visible(manuscript.title), *parts]), limit=PAPER_CHARACTERS)


def _remark(item: Objection) -> Remark:
    text = f'On "{" ".join(item.quote.split())}": {" ".join(item.text.split())}'
    return Remark(section=item.section, kind=item.kind, severity=item.severity, text=text)


def _printed(body: str, manuscript: Manuscript) -> str:
    """A body with its results as a reader sees them."""
    texts = {number.key: number.text for number in manuscript.numbers}
    for key in dict.fromkeys(result_keys(body)):
        body = body.replace(f"\\result{{{key}}}", texts.get(key, "?"))
    return body


def _tables(manuscript: Manuscript, analysis: Analysis) -> str:
    """The tables that the paper shows, in plain rows."""
    shown = []
    for table in analysis.tables:
        if any(f"\\inputtable{{{table.id}}}" in section.body for section in manuscript.sections):
            rows = [
                " | ".join(visible(_printed(cell, manuscript)) for cell in row) for row in (table.header, *table.rows)
            ]
            shown.append("\n".join([f"[{table.id}] {visible(_printed(table.caption, manuscript))}", *rows]))
    return material("tables of the paper", "\n\n".join(shown))
