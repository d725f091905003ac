"""Reads the works closest to each hypothesis: words may agree where claims do not, and claims where words do not.

The verdict may only be stricter than the one by terms: that a model finds an idea new is no evidence that it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.llm.desk import RULES, Desk, material, told
from nanoresearch.crew.llm.ideas.shelf import listed
from nanoresearch.crew.llm.ideas.surveyor import nearest
from nanoresearch.crew.roles import Briefing, NoveltyReading
from nanoresearch.literature.novelty import CLOSEST, Comparison
from nanoresearch.models.access import Ask
from nanoresearch.models.prompts import lay_out
from nanoresearch.models.request import UselessReplies
from nanoresearch.schema.idea import NoveltyVerdict, Proposal
from nanoresearch.schema.paper import Paper

UNREAD = "No model read the nearest works again: this rests on their terms alone."
STRICTNESS = {"novel": 0, "incremental": 1, "covered": 2}

INSTRUCTIONS = f"""{RULES}
Task: say whether the listed works already did what a hypothesis claims. Judge the claim, not the wording.

covered: a listed work tested essentially this claim: same addition, same kind of task, same measure.
incremental: a listed work did something that this claim changes or extends in one respect.
novel: none of the listed works comes that close.
Name in `closest` the works that you judge by, nearest first, by their keys. The reason is one sentence without numbers,
and says what the nearest work did and what it did not. You see only these works: do not draw on memory of others.
"""


class Reading(BaseModel):
    """How near the works come to one hypothesis."""

    verdict: Literal["novel", "incremental", "covered"]
    closest: list[str] = Field(max_length=CLOSEST, description="Keys of listed works, nearest first.")
    reason: str = Field(min_length=10, max_length=400)


@dataclass(frozen=True)
class Compared:
    """Keys of the works that a question lists."""

    keys: frozenset[str]


AGENT = Agent(output_type=Reading, instructions=INSTRUCTIONS, retries=3, deps_type=Compared, name="novelty")


@AGENT.output_validator
def _named(context: RunContext[Compared], output: Reading) -> Reading:
    if context.last_attempt:  # one slip of a model does not end the run: what is right counts
        return output.model_copy(update={"closest": [key for key in output.closest if key in context.deps.keys]})
    if unknown := next((key for key in output.closest if key not in context.deps.keys), None):
        raise ModelRetry(f"No listed work has the key {unknown[:80]!r}.")
    if output.verdict != "novel" and not output.closest:
        raise ModelRetry(f"A hypothesis is {output.verdict} by some work: name it in closest.")
    return output


class LlmNoveltyReader:
    """Asks a model about each hypothesis with the works before it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read(self, briefing: Briefing, proposals: Sequence[Proposal], found: Sequence[Comparison]) -> NoveltyReading:
        """The stricter of two verdicts for each proposal; that by terms alone where no model gives one of use.

        Raises ModelError and BudgetExceeded.
        """
        constant = told(nearest(briefing, 0))
        shown = [near(comparison) for comparison in found]
        asks = [
            Ask(
                "surveyor",
                AGENT,
                lay_out(
                    constant=constant,
                    changing=f"{listed(works)}\n\n{material('hypothesis', proposal.hypothesis.statement)}\n"
                    f"{material('components and reasons', proposal.hypothesis.rationale)}",
                ),
                deps=Compared(frozenset(paper.key for paper in works)),
            )
            for proposal, works in zip(proposals, shown, strict=True)
            if works
        ]
        try:
            readings = iter([answer.output for answer in self._desk.models.ask_all(asks)])
        except UselessReplies as error:
            self._desk.events.emit("degraded", f"Novelty rests on a comparison of terms alone. {error}")
            return NoveltyReading(tuple(_by_terms(comparison.verdict) for comparison in found), ())
        verdicts: list[NoveltyVerdict] = []
        named: dict[str, Paper] = {}
        for comparison, works in zip(found, shown, strict=True):
            verdict = _stricter(comparison, next(readings)) if works else comparison.verdict
            verdicts.append(verdict)
            keys = {work.paper for work in verdict.closest}
            named |= {paper.key: paper for paper in comparison.found if paper.key in keys}
        return NoveltyReading(tuple(verdicts), tuple(named.values()))


def _by_terms(verdict: NoveltyVerdict) -> NoveltyVerdict:
    return verdict.model_copy(update={"reason": f"{verdict.reason} {UNREAD}"})


def near(comparison: Comparison) -> list[Paper]:
    """Works to be read: those that name most of the terms, and those that the sources found most relevant."""
    by_key = {paper.key: paper for paper in comparison.found}
    closest = [by_key[work.paper] for work in comparison.verdict.closest]
    return list({paper.key: paper for paper in (*closest, *comparison.found[:CLOSEST])}.values())


def _stricter(comparison: Comparison, reading: Reading) -> NoveltyVerdict:
    terms = comparison.verdict
    said = " ".join(reading.reason.split())
    if STRICTNESS[reading.verdict] <= STRICTNESS[terms.verdict]:
        return terms.model_copy(
            update={"reason": f"{terms.reason} Read again, the nearest works make it {reading.verdict}: {said}"}
        )
    works = {work.paper: work for work in comparison.works}
    first = [works[key] for key in dict.fromkeys(reading.closest)]
    closest = list({work.paper: work for work in (*first, *terms.closest)}.values())[:CLOSEST]
    reason = f"By its terms {terms.verdict}; read again, {reading.verdict}: {said} {terms.reason}"
    return terms.model_copy(update={"verdict": reading.verdict, "reason": reason, "closest": tuple(closest)})
