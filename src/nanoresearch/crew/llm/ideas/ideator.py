"""Seeks hypotheses in a loop of thinking and looking up, with tools that can only look up and put forward.

Works that a search finds here may be built on as well as those of the survey: what a proposal names joins the survey,
so that the paper can cite it.
"""

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.llm.desk import RULES, Desk, material, told
from nanoresearch.crew.llm.ideas.bench import READS, SEARCHES, Bench, Candidate, slug
from nanoresearch.crew.llm.ideas.foundations import on_topic
from nanoresearch.crew.llm.ideas.shelf import Shelf, listed
from nanoresearch.crew.llm.ideas.surveyor import MOST_TOLD, nearest, reported
from nanoresearch.crew.roles import Briefing
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.models.prompts import lay_out
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import OWN
from nanoresearch.schema.idea import Hypothesis, Ideas, Proposal, Survey
from nanoresearch.schema.plan import IdeationGuidance

REQUESTS = 45
"""Replies of the ideator at most."""
SURVEY_ABSTRACT = 500
"""Characters of an abstract in the list of surveyed works."""

INSTRUCTIONS = f"""{RULES}
Task: find hypotheses on the topic that an experiment can refute, and that are worth refuting.

Work in steps. Think about the gaps; look up what you need with the tools; put each hypothesis forward with `propose`;
when there are enough, give the final result. You have {SEARCHES} searches and {READS} readings: check with `search`
whether an idea was done already before you propose it.

Tools: search(query) finds works; read(key, page) shows a work, page 1 its abstract; evidence(words) finds scores that
surveyed works report; propose(...) puts one hypothesis forward and answers "Accepted" or what is wrong with it.

A good hypothesis
- adds one to three named components to a baseline, so that each can be left out and its share measured;
- says what should change, in which measure, on what kind of data, and could turn out wrong;
- can be tested within the researcher's compute and time, on data at hand or data that a program can generate;
- respects the researcher's taboos and preferences, and differs from the other candidates in substance.
Refused: claims that earlier experiments refuted, works whose key you did not see, gaps that are not listed, the same
claim twice. Keys of works found by search may be used in based_on.

Final result: a score from 0 to 10 for every accepted id (worth knowing, likely to be decided by the experiment, and
feasible, taken together), and the ids of skills and memories that shaped the ideas, if any.
"""


class Rated(BaseModel):
    """One accepted candidate."""

    id: str = Field(description="As in 'Accepted as h1'.")
    score: float = Field(ge=0, le=10)


class Finished(BaseModel):
    """The final result."""

    ideas: list[Rated]
    informed_by: list[str] = Field(default=[], description="Ids of given skills and memories that shaped the ideas.")


AGENT = Agent(output_type=Finished, instructions=INSTRUCTIONS, retries=4, deps_type=Bench, name="ideator")


# The tools are coroutines that wait for nothing: several calls of one reply are then answered in their order.
@AGENT.tool
async def search(context: RunContext[Bench], query: str) -> str:
    """Find works by a few English words."""
    return context.deps.search(query)


@AGENT.tool
async def read(context: RunContext[Bench], key: str, page: int = 1) -> str:
    """Show a work by its key: page 1 is the abstract, later pages are its text where it is at hand."""
    return context.deps.read(key, page)


@AGENT.tool
async def evidence(context: RunContext[Bench], words: str) -> str:
    """Find scores that surveyed works report, by names of methods, data sets or measures."""
    return context.deps.evidence(words)


@AGENT.tool
async def propose(context: RunContext[Bench], candidate: Candidate) -> str:
    """Put one hypothesis forward."""
    return context.deps.propose(candidate)


@AGENT.output_validator
def _complete(context: RunContext[Bench], output: Finished) -> Finished:
    bench = context.deps
    wanted, accepted = bench.guidance.hypotheses, len(bench.candidates)
    if not accepted:
        raise ModelRetry(f"No hypothesis has been accepted yet. Call propose for each of {wanted}, then finish.")
    if accepted < wanted and not bench.asked_for_more:
        bench.asked_for_more = True
        raise ModelRetry(f"{wanted} hypotheses are wanted and {accepted} accepted. Propose more, or finish again.")
    rated = [item.id for item in output.ideas]
    if sorted(rated) != sorted(bench.candidates):
        raise ModelRetry(f"Score each of these ids once, and no other: {', '.join(bench.candidates)}.")
    return output


class LlmIdeator:
    """Asks a model that can search, read, look up evidence and propose."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def propose(self, briefing: Briefing, survey: Survey) -> Ideas:
        """Candidate hypotheses, preferred first. Raises ModelError and BudgetExceeded."""
        bench = Bench(self._desk, briefing, guide(briefing.plan, IdeationGuidance), survey, Shelf(survey.papers))
        prompt = lay_out(constant=told(nearest(briefing)), changing=_task(bench))
        answer = self._desk.models.ask("ideator", AGENT, prompt, deps=bench, requests=REQUESTS)
        ranked = sorted(answer.output.ideas, key=lambda item: -item.score)
        if len(ranked) < bench.guidance.hypotheses:
            self._desk.events.emit(
                "progress", f"{len(ranked)} hypotheses instead of {bench.guidance.hypotheses} were proposed"
            )
        given = {item.id for item in briefing.skills} | {item.id for item in briefing.memories}
        shaping = [name for name in answer.output.informed_by if name in given]
        cited = [key for item in ranked for key in bench.candidates[item.id].based_on]
        return Ideas(
            proposals=tuple(_proposal(item, bench.candidates[item.id]) for item in ranked),
            informed_by=tuple(dict.fromkeys((*shaping, *(item.memory for item in survey.set_aside)))),
            works=bench.shelf.late(cited),
        )


def _proposal(rated: Rated, candidate: Candidate) -> Proposal:
    parts = " ".join(f"{item.name}: {_flat(item.what)}" for item in candidate.components)
    hypothesis = Hypothesis(
        id=rated.id,
        statement=_flat(candidate.statement).rstrip("."),
        rationale=f"{_flat(candidate.rationale)} {parts}",
        prediction=_flat(candidate.prediction),
        gap=candidate.gap,
        study=OWN,
        components=tuple(slug(item.name) for item in candidate.components),
        datasets=tuple(dict.fromkeys(_flat(name) for name in candidate.datasets)),
        score=rated.score,
    )
    terms = tuple(dict.fromkeys(_flat(term).lower() for term in candidate.distinctive_terms))
    return Proposal(hypothesis=hypothesis, distinctive_terms=terms, based_on=tuple(dict.fromkeys(candidate.based_on)))


def _task(bench: Bench) -> str:
    survey, guidance = bench.survey, bench.guidance
    works = on_topic(survey)
    parts = [listed(works, SURVEY_ABSTRACT) if works else "The survey found no works on the topic."]
    parts += [  # without the cause, which may name files of this machine
        f"The survey is incomplete: {material('note', text.partition(': ')[0])}" for text in survey.degraded[:5]
    ]
    if survey.evidence:
        parts.append(reported(survey.evidence))
    parts += [material("gap", f"{gap.text}\nseen from: {', '.join(gap.papers)}", gap.id) for gap in survey.gaps]
    parts += [
        material("refuted earlier, not to be proposed again", item.statement) for item in survey.set_aside[:MOST_TOLD]
    ]
    data = "; ".join(f"{card.id} ({card.domain})" for card in load_catalogue().values())
    parts.append(
        f"Data sets that come with the system, by id: {data}. Others are wished by name; 'generated' means data "
        "that the experiment's program makes."
    )
    parts.append(_wanted(guidance))
    return "\n\n".join(parts)


def _wanted(guidance: IdeationGuidance) -> str:
    shape = {
        "any": "with one to three components each",
        "combine": "that join as many components as make sense together, three at most",
        "pairs": "with exactly two components each",
        "isolate": "with exactly one component each",
    }[guidance.strategy]
    lines = [f"Propose {guidance.hypotheses} hypotheses, {shape}."]
    if guidance.prefer != "none":
        lines.append(f"Prefer components that promise {guidance.prefer}.")
    if guidance.prefer_tags:
        lines.append(f"Prefer: {', '.join(guidance.prefer_tags)}.")
    if guidance.avoid_tags:
        lines.append(f"Leave out: {', '.join(guidance.avoid_tags)}.")
    return " ".join(lines)


def _flat(text: str) -> str:
    return " ".join(text.split())
