"""Finds what is wrong with a blueprint: first what a program can see, then what takes judgement.

What the program objects to, no model can overrule: it is not even asked then. What the model objects to counts where
it points to a part of the blueprint, quotes it, and may be changed by the designer at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.builtin.critic import (
    check_budget,
    check_controls,
    check_data,
    check_fairness,
    check_form,
    check_power,
)
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.llm.design.assignment import fixed_by
from nanoresearch.crew.llm.design.data_desk import DataDesk
from nanoresearch.crew.llm.design.designer import ANSWERS, CRITIQUES, Answered
from nanoresearch.crew.llm.design.outline import Outline, holds, outline_of, outline_text, value_at
from nanoresearch.crew.llm.design.rules import check_forbidden
from nanoresearch.crew.llm.desk import RULES, Desk, material, told
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Briefing
from nanoresearch.evidence.audit.blueprint import identity_problems
from nanoresearch.models.prompts import lay_out
from nanoresearch.schema.blueprint import OWN, Blueprint, Critique, Objection
from nanoresearch.schema.idea import Ideas, NoveltyReport
from nanoresearch.schema.record import Record

HYPOTHESES = "ideation/hypotheses.json"
NOVELTY = "ideation/novelty.json"
CORRECTIONS = 2
"""Corrections of one reply; in the last one objections without ground are left out."""
ASKED = "Judge the blueprint as it stands now."
FIXED = ("seeds", "confidence", "test", "correction", "budget")
"""Parts of a blueprint that profile and plan decide, and no designer can change."""


class ObjectionDraft(Record):
    """A defect that would make the experiment answer another question, or none."""

    kind: Literal[
        "unfair_comparison",
        "missing_baseline",
        "missing_control",
        "missing_data",
        "over_budget",
        "taboo",
        "malformed",
    ]
    """What is wrong; malformed for a design that cannot decide about its hypothesis."""
    path: Annotated[str, Field(max_length=200)]
    """Part of the blueprint that it is about, such as methods.baseline.description."""
    quote: Annotated[str, Field(max_length=400)]
    """Words from that part, exactly."""
    problem: Annotated[str, Field(max_length=500)]
    """What goes wrong because of it, in one sentence."""
    change: Annotated[str, Field(max_length=500)]
    """The smallest change that mends it, in one sentence."""
    blocking: bool
    """Whether the experiment must not be run without that change."""


class CritiqueDraft(Record):
    """A verdict; no objections when the experiment may be run."""

    objections: Annotated[tuple[ObjectionDraft, ...], Field(max_length=40)] = ()
    """Gravest first."""


@dataclass
class Reading:
    """What a critic has before it."""

    outline: Outline
    dropped: list[str] = field(default_factory=list)
    """Why objections of the last reply did not count."""


agent: Agent[Reading, CritiqueDraft] = Agent(
    name="critic",
    output_type=CritiqueDraft,
    instructions=RULES + prompt("critic"),
    deps_type=Reading,
    retries=CORRECTIONS,
)


@agent.output_validator
def _check(context: RunContext[Reading], reply: CritiqueDraft) -> CritiqueDraft:
    """Send objections back that point at nothing; those that still do in the end are left out."""
    faults = {
        number: fault for number, item in enumerate(reply.objections) if (fault := groundless(item, context.deps))
    }
    if faults and not context.last_attempt:
        listed = "\n".join(f"- objection {number + 1}: {fault}" for number, fault in faults.items())
        raise ModelRetry(f"Correct these objections or drop them, and send all that remain again:\n{listed}")
    context.deps.dropped.extend(faults.values())
    kept = tuple(item for number, item in enumerate(reply.objections) if number not in faults)
    return reply.model_copy(update={"objections": kept})


class LlmCritic:
    """Checks by program, then asks the role "critic"."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def critique(self, briefing: Briefing, blueprint: Blueprint, number: int, data_root: Path) -> Critique:
        """Objections; none means that the draft passes."""
        seen = tuple(program_objections(self._desk, briefing, blueprint, data_root))
        objections = seen or self._judged(briefing, blueprint, number)
        return Critique(round=number, passed=not objections, objections=objections)

    def _judged(self, briefing: Briefing, blueprint: Blueprint, number: int) -> tuple[Objection, ...]:
        """What the model objects to and the designer must mend; advice is told and forgotten."""
        reading = Reading(outline_of(blueprint))
        answer = self._desk.models.ask(
            "critic",
            agent,
            lay_out(
                constant="\n\n".join([told(briefing), *self._chosen(), fixed_by(briefing).told()]),
                changing="\n\n".join(
                    [*self._earlier(number), material("blueprint", outline_text(reading.outline)), ASKED]
                ),
            ),
            deps=reading,
        )
        for fault in reading.dropped:
            self._desk.events.emit("decision", f"an objection of the critic was left out: {fault}")
        for item in answer.output.objections:
            if not item.blocking:
                self._desk.events.emit("decision", f"critic advises on {item.path}: {item.problem} {item.change}")
        return tuple(
            Objection(kind=item.kind, text=f'{item.path}: "{item.quote}": {item.problem} {item.change}')
            for item in answer.output.objections
            if item.blocking
        )

    def _chosen(self) -> Iterator[str]:
        """The hypothesis that ideation chose, to see whether the blueprint is still about it."""
        folder = self._desk.folder
        if folder.has(HYPOTHESES) and folder.has(NOVELTY):
            chosen = folder.load(NOVELTY, NoveltyReport).chosen
            for item in folder.load(HYPOTHESES, Ideas).proposals:
                if item.hypothesis.id == chosen:
                    yield material("hypothesis as it was chosen", item.hypothesis.statement)

    def _earlier(self, number: int) -> Iterator[str]:
        """What was objected to in earlier rounds of this run, and what the designer says was done about it."""
        folder = self._desk.folder
        answers = [item for item in folder.load_lines(ANSWERS, Answered) if item.round < number]
        lines = []
        for critique in folder.load_lines(CRITIQUES, Critique)[: number - 1]:
            for place, item in enumerate(critique.objections, start=1):
                said = [a.answer for a in answers if (a.round, a.objection) == (critique.round, place)]
                lines.append(f"round {critique.round}: {item.kind}: {item.text}\n  designer: {' '.join(said)}")
        if lines:
            yield material("earlier objections, and what was done about them", "\n".join(lines))


def program_objections(desk: Desk, briefing: Briefing, blueprint: Blueprint, root: Path) -> Iterator[Objection]:
    """Everything that a program can see: form, fairness, controls, data, budget, power, taboos, fixed choices."""
    data = DataDesk(desk, root)
    yield from check_form(blueprint)
    for problem in identity_problems(blueprint):
        yield Objection(kind="malformed", text=f"{problem}.")
    yield from check_fairness(blueprint)
    yield from check_controls(blueprint)
    yield from check_offer(blueprint, data)
    yield from check_data(blueprint, root)
    yield from check_kit(blueprint)
    yield from check_budget(blueprint)
    yield from check_limits(blueprint, briefing)
    yield from check_power(blueprint)
    yield from check_forbidden(blueprint, briefing.profile.taboos)


def check_offer(blueprint: Blueprint, data: DataDesk) -> Iterator[Objection]:
    """Every data set is on offer, or made by a program that is allowed to."""
    for staged in (*blueprint.datasets, *blueprint.support):
        card = staged.card
        if card.carrier == "program":
            if blueprint.study != OWN or not data.makes or card.id in data.taken:
                yield Objection(
                    kind="missing_data", text=f"{card.id} may not be made by the program: use data on offer."
                )
        elif card.id not in data.ids or data.card(card.id) != card:
            yield Objection(kind="missing_data", text=f"{card.id} is not on offer in this run: use data on offer.")


def check_kit(blueprint: Blueprint) -> Iterator[Objection]:
    """Data, metrics, division and sweep of a kit's study are the kit's, or its evaluation would be another."""
    if blueprint.study == OWN:
        return
    kit = load_kits().get(blueprint.study)
    if kit is None:
        yield Objection(kind="malformed", text=f"There is no kit {blueprint.study}.")
        return
    sweeps = {option.spec.id: option.spec for option in kit.sweeps}
    strangers = [staged.card.id for staged in blueprint.datasets if staged.card.id not in {o.id for o in kit.datasets}]
    strangers += [metric.id for metric in blueprint.metrics if metric not in [item.spec for item in kit.metrics]]
    if blueprint.protocol.id not in [item.spec.id for item in kit.protocols]:
        strangers.append(blueprint.protocol.id)
    if (sweep := blueprint.sweep) and (sweep.id not in sweeps or not set(sweep.values) <= set(sweeps[sweep.id].values)):
        strangers.append(sweep.id)
    for name in strangers:
        yield Objection(kind="malformed", text=f"{name} is not as the kit {kit.id} defines it: take the kit's.")


def check_limits(blueprint: Blueprint, briefing: Briefing) -> Iterator[Objection]:
    """Resources and statistics are those of the researcher."""
    compute, fixed = briefing.profile.compute, fixed_by(briefing)
    budget = blueprint.budget
    if budget.minutes > compute.minutes or budget.memory_gb > compute.memory_gb or budget.parallel > compute.cores:
        yield Objection(kind="over_budget", text="The budget is more than the profile allows: keep to the profile.")
    if len(blueprint.seeds) < fixed.seeds:
        yield Objection(
            kind="underpowered",
            text=f"{len(blueprint.seeds)} seeds are fewer than the {fixed.seeds} that are asked for.",
        )
    if (blueprint.confidence, blueprint.correction) != (fixed.confidence, fixed.correction):
        yield Objection(kind="malformed", text="Confidence or correction are not those that the researcher asks for.")


def groundless(item: ObjectionDraft, reading: Reading) -> str | None:
    """Why an objection does not count, or None."""
    path = item.path.strip().strip("./").replace("/", ".")
    if path.partition(".")[0] in FIXED:
        return f"{path} is decided by the researcher; the designer cannot change it. Drop the objection."
    try:
        value = value_at(reading.outline, path)
    except KeyError:
        return f'there is no "{item.path}" in the blueprint; name a part of it, such as methods.baseline.description.'
    if not item.quote.strip() or not holds(value, item.quote):
        return f'"{item.quote[:80]}" does not stand at {path}; quote it exactly.'
    if not item.problem.strip() or not item.change.strip():
        return "say what goes wrong and which change mends it."
    return None
