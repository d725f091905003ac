"""Turns a hypothesis into a blueprint by asking a language model for a draft, and mends it as its critique asks.

The model writes what takes judgement. What profile and plan decide, what follows from the rest, and which data there
are, is no matter of words: it is filled in or refused here.
"""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.messages import ModelMessage

from nanoresearch.crew.llm.design.assignment import Assignment, Fixed, fixed_by, surveyed_works, usable_kits
from nanoresearch.crew.llm.design.compose import compose, imagined, needed
from nanoresearch.crew.llm.design.data_desk import DataDesk
from nanoresearch.crew.llm.design.draft import Draft
from nanoresearch.crew.llm.design.feasibility import affordable_seconds
from nanoresearch.crew.llm.design.outline import outline_of, outline_text
from nanoresearch.crew.llm.design.rules import complaints
from nanoresearch.crew.llm.desk import RULES, Desk, material, told
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Briefing
from nanoresearch.errors import BlueprintRejected, BudgetExceeded
from nanoresearch.models.access import NoUsableReply
from nanoresearch.models.prompts import lay_out
from nanoresearch.models.request import CutOff
from nanoresearch.paths import RunFolder
from nanoresearch.schema.blueprint import Blueprint, Critique
from nanoresearch.schema.dataset import StagedDataset
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.record import Record

CRITIQUES = "planning/critiques.jsonl"
"""File of a run with the critiques so far."""
ANSWERS = "planning/answers.jsonl"
"""File of a run that keeps how each objection was met."""
CORRECTIONS = 4
"""Corrections of one draft before giving up."""
MOST_COMPLAINTS = 12
"""Complaints of one correction: more are not read."""


class Answered(Record):
    """How a draft met an objection to the one before."""

    round: int
    """Round of the critique."""
    objection: int
    """Place of the objection in it, counted from 1."""
    answer: str
    """What was changed."""


@dataclass
class Sitting:
    """One conversation about a draft."""

    task: Assignment
    gone: set[str] = field(default_factory=set)
    """Data that turned out not to be had."""
    refused: list[Draft] = field(default_factory=list)
    """Drafts of this conversation so far."""


agent: Agent[Sitting, Draft] = Agent(
    name="designer",
    output_type=Draft,
    instructions=RULES + prompt("designer"),
    deps_type=Sitting,
    retries=CORRECTIONS,
)


@agent.output_validator
def _check(context: RunContext[Sitting], draft: Draft) -> Draft:
    """Refuse a draft that no blueprint can be made of, saying why."""
    sitting = context.deps
    found = complaints(draft, sitting.task)
    found += [f"datasets: {name} cannot be had. Leave it out." for name in draft.datasets if name in sitting.gone]
    if any(_cheaper_by_word(draft, before) for before in sitting.refused):
        found.append("cost: the estimate is lower than before for the same work. Change the work or keep the estimate.")
    sitting.refused.append(draft)
    if found:
        listed = "\n".join(f"- {text}" for text in list(dict.fromkeys(found))[:MOST_COMPLAINTS])
        raise ModelRetry(f"This draft cannot be used. Send it again, whole, with these corrected:\n{listed}")
    return draft


class LlmDesigner:
    """Asks the role "designer"."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def design(
        self,
        briefing: Briefing,
        hypothesis: Hypothesis,
        previous: tuple[Blueprint, Critique] | None,
        data_root: Path,
    ) -> Blueprint:
        """A draft, or the previous draft mended.

        Raises BlueprintRejected when the model goes on breaking rules or its draft is cut off, BudgetExceeded when no
        study fits into the time, DatasetError when data are gone, and what access to models raises.
        """
        data = DataDesk(self._desk, data_root)
        task = Assignment(
            briefing=briefing,
            hypothesis=hypothesis,
            fixed=fixed_by(briefing, objected(self._desk.folder, previous[1]) if previous else ()),
            data=data,
            kits=usable_kits(data),
            works=surveyed_works(self._desk.folder),
            previous=previous,
        )
        check_time(task.fixed)
        draft, staged = self._ask(task)
        if previous:
            keep_answers(self._desk.folder, previous[1], draft)
            for answer in draft.answers:
                self._desk.events.emit("decision", f"designer on objection {answer.objection}: {answer.answer}")
        return compose(draft, task, staged)

    def _ask(self, task: Assignment) -> tuple[Draft, dict[str, StagedDataset]]:
        """A draft that keeps all rules, and its data; asked again while some of these cannot be fetched."""
        sitting, history = Sitting(task), list[ModelMessage]()
        prompt = lay_out(
            constant=f"{told(task.briefing)}\n\n{task.lasting}", changing=f"{task.fixed.told()}\n\n{request(task)}"
        )
        while True:
            try:
                answer = self._desk.models.ask("designer", agent, prompt, deps=sitting, history=history)
            except NoUsableReply as error:
                raise BlueprintRejected(
                    f"The designer sent {CORRECTIONS + 1} drafts in a row that break the rules of a blueprint. {error}"
                ) from error
            except CutOff as error:
                raise BlueprintRejected(f"The designer's draft did not come whole. {error}") from error
            draft = answer.output
            obtained = {name: task.data.obtain(name) for name in needed(draft, task)}
            staged = {name: found for name, found in obtained.items() if found}
            lacking = {name for name in draft.datasets if not {name, *task.data.needs(name)} <= set(staged)}
            if not lacking:
                return draft, imagined(draft, task) | staged
            sitting.gone |= lacking
            history, sitting.refused = answer.messages, []
            prompt = f"These data sets cannot be had: {', '.join(sorted(sitting.gone))}. Design it without them."


def check_time(fixed: Fixed) -> None:
    """Raise BudgetExceeded when not even two methods on one data set fit, before a model is asked."""
    if affordable_seconds(2, 1, 1, fixed.seeds, fixed.compute) == 0:
        raise BudgetExceeded(
            f"{fixed.seeds} seeds take longer to start than the {fixed.compute.minutes:g} minutes that there are. "
            "Raise compute.minutes in the profile, or --budget-minutes, or use fewer seeds, and run again."
        )


def request(task: Assignment) -> str:
    """The part of the prompt that changes: the hypothesis, and a previous draft with what was objected to."""
    hypothesis = task.hypothesis.model_dump_json(indent=1, exclude={"id", "score"})
    parts = [material("hypothesis", hypothesis)]
    if task.previous is None:
        return "\n\n".join([*parts, "Design the experiment."])
    draft, critique = task.previous
    objections = "\n".join(
        f"{number}. {item.kind}: {item.text}" for number, item in enumerate(critique.objections, start=1)
    )
    return "\n\n".join(
        [
            *parts,
            material("previous draft, completed", outline_text(outline_of(draft))),
            material("objections to it", objections),
            "Send the whole draft again with every objection met; say in answers how. Keep what was not objected to.",
        ]
    )


def objected(folder: RunFolder, critique: Critique) -> set[str]:
    """Kinds of all objections up to and with a critique: what one of them changed of the plan stays changed."""
    earlier = [item for item in folder.load_lines(CRITIQUES, Critique) if item.round < critique.round]
    return {objection.kind for item in (*earlier, critique) for objection in item.objections}


def keep_answers(folder: RunFolder, critique: Critique, draft: Draft) -> None:
    """Write down how the objections of a round were met; what a later round says replaces nothing earlier."""
    kept = [item for item in folder.load_lines(ANSWERS, Answered) if item.round < critique.round]
    kept += [Answered(round=critique.round, objection=item.objection, answer=item.answer) for item in draft.answers]
    folder.save_lines(ANSWERS, kept)


def _cheaper_by_word(draft: Draft, before: Draft) -> bool:
    """Whether a draft asks for the same work as an earlier one and says that it takes less."""
    same = draft.model_dump(exclude={"cost", "answers"}) == before.model_dump(exclude={"cost", "answers"})
    return same and draft.cost.seconds_per_fit < before.cost.seconds_per_fit
