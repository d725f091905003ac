"""The crew of language models, put together."""

from nanoresearch.crew.llm.coding.agent import coder_for, debugger_for
from nanoresearch.crew.llm.coding.judge import judge_for
from nanoresearch.crew.llm.design.critic import LlmCritic
from nanoresearch.crew.llm.design.designer import LlmDesigner
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.crew.llm.ideas.ideator import LlmIdeator
from nanoresearch.crew.llm.ideas.novelty import LlmNoveltyReader
from nanoresearch.crew.llm.ideas.surveyor import LlmSurveyor
from nanoresearch.crew.llm.paper.analyst import LlmAnalyst
from nanoresearch.crew.llm.paper.reflector import LlmReflector
from nanoresearch.crew.llm.paper.reviewer import LlmReviewer
from nanoresearch.crew.llm.paper.writer import LlmWriter
from nanoresearch.crew.roles import Crew


def llm_crew(desk: Desk) -> Crew:
    """A role each; code is written by the external agent that the configuration names, if it names one."""
    return Crew(
        name="llm",
        surveyor=LlmSurveyor(desk),
        ideator=LlmIdeator(desk),
        designer=LlmDesigner(desk),
        critic=LlmCritic(desk),
        coder=coder_for(desk),
        debugger=debugger_for(desk),
        analyst=LlmAnalyst(desk),
        writer=LlmWriter(desk),
        reviewer=LlmReviewer(desk),
        reflector=LlmReflector(desk),
        judge=judge_for,
        close=desk.models.close,
        novelty=LlmNoveltyReader(desk),
    )
