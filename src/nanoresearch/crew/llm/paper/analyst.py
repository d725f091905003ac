"""Says what the results mean: statistics by the program, their reading by a model, in words without numbers."""

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.builtin.analyst import BuiltinAnalyst
from nanoresearch.crew.llm.desk import RULES, Desk, material, told
from nanoresearch.crew.llm.paper.dossier import study_told
from nanoresearch.crew.llm.paper.figures import further_figures
from nanoresearch.crew.llm.paper.numbers import QuotableNumbers
from nanoresearch.crew.llm.paper.wording import Evidence
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Briefing
from nanoresearch.evidence.audit.case import Case
from nanoresearch.evidence.audit.paperwork import proper_names
from nanoresearch.evidence.statistics import Ledger
from nanoresearch.models.prompts import lay_out
from nanoresearch.models.request import UselessReplies
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Analysis

MOST_CAUTIONS = 5


class Meaning(BaseModel):
    """What a model says of one finding."""

    finding: str = Field(description="Id of the finding.")
    text: str = Field(description="What it means, in words without numbers.")


class Interpretation(BaseModel):
    """What a model says of the findings."""

    readings: list[Meaning] = Field(description="Most important first.")
    cautions: list[str] = Field(description="What limits these conclusions, in words without numbers.")


_ANALYST: Agent[Evidence, Interpretation] = Agent(
    output_type=Interpretation, instructions=RULES + prompt("analyst"), deps_type=Evidence, retries=2,
    name="analyst",
)  # fmt: skip


@_ANALYST.output_validator
def _within_the_findings(ctx: RunContext[Evidence], said: Interpretation) -> Interpretation:
    """Readings and cautions that can stand; the others are given back, and in the end left out."""
    wrong = [
        f"- {item.finding}: {fault}" for item in said.readings if (fault := ctx.deps.fault_of(item.finding, item.text))
    ]
    wrong += [f'- caution "{text[:60]}": {fault}' for text in said.cautions if (fault := ctx.deps.fault(text))]
    if wrong and not ctx.last_attempt:
        raise ModelRetry("Mend these and send the whole interpretation again:\n" + "\n".join(wrong[:12]))
    return Interpretation(
        readings=[item for item in said.readings if not ctx.deps.fault_of(item.finding, item.text)],
        cautions=[text for text in said.cautions if not ctx.deps.fault(text)][:MOST_CAUTIONS],
    )


class LlmAnalyst:
    """The verdicts are those of the program; a model says what they mean and which matter."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def analyse(self, briefing: Briefing, ledger: Ledger, folder: RunFolder) -> Analysis:
        """Statistics, findings in the order of their weight, tables and figures."""
        analysis = BuiltinAnalyst().analyse(briefing, ledger, folder)
        evidence = Evidence(analysis, frozenset(proper_names(Case(folder))))
        quotable = QuotableNumbers(ledger, folder)
        numbers = material("results", quotable.shown())
        prompt = lay_out(
            constant=told(briefing),
            changing="\n\n".join([study_told(ledger.blueprint, analysis), numbers, "Interpret these findings."]),
        )
        try:
            said = self._desk.models.ask("analyst", _ANALYST, prompt, deps=evidence).output
        except UselessReplies as error:
            self._desk.events.emit("degraded", f"No model interpreted the findings: {error}")
            return analysis
        analysis = interpreted(analysis, said)
        style = briefing.profile.writing
        more = further_figures(self._desk, ledger.blueprint, analysis, quotable, evidence, style)
        return analysis.model_copy(update={"figures": (*analysis.figures, *more)})


def interpreted(analysis: Analysis, said: Interpretation) -> Analysis:
    """The analysis with a model's words: what decides stays first, the rest follows the model's order."""
    order = {item.finding: place for place, item in reversed(list(enumerate(said.readings)))}
    texts = {item.finding: " ".join(item.text.split()) for item in reversed(said.readings)}
    last = len(order)
    ranked = sorted(analysis.findings, key=lambda item: (item.kind != "primary", order.get(item.id, last)))
    return analysis.model_copy(
        update={
            "findings": tuple(item.model_copy(update={"text": texts.get(item.id, item.text)}) for item in ranked),
            "cautions": (*analysis.cautions, *(" ".join(text.split()) for text in said.cautions)),
        }
    )
