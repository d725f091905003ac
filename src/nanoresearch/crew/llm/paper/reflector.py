"""What a stage taught: rules in a model's words, and memories, outcomes and credits from the records alone."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.builtin.kits.family import family_of
from nanoresearch.crew.builtin.reflect import crediting, drafts, outcomes
from nanoresearch.crew.builtin.reflect.cures import cured
from nanoresearch.crew.builtin.sizing import hardware_cores
from nanoresearch.crew.builtin.troubles import trouble
from nanoresearch.crew.llm.desk import RULES, Desk, material
from nanoresearch.crew.llm.paper.dossier import finding_told
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Trajectory
from nanoresearch.experience.linter import lint_skill
from nanoresearch.models.request import UselessReplies
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Conditions, Credit, Lessons, Memory, Skill, SkillKind
from nanoresearch.schema.feedback import Stage
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.schema.profile import Profile

KINDS: dict[Stage, tuple[SkillKind, ...]] = {
    "ideation_and_planning": ("ideation", "planning"),
    "experiments": ("coding", "debugging", "ideation"),
    "writing": ("writing",),
}
"""Kinds of rules that a stage can teach."""
MOST_RULES = 4
LONGEST_NOTE = 400


class Rule(BaseModel):
    """A rule as the model gives it."""

    kind: SkillKind
    when: str = Field(description="When it applies, one sentence.")
    what: str = Field(description="What to do, in the imperative.")
    tags: list[str] = Field(default_factory=list, description="One to five lower-case words.")
    attempt: int | None = Field(None, description="For a debugging rule: number of the failed attempt that was cured.")


class Reflection(BaseModel):
    """Lessons as the model gives them."""

    rules: list[Rule]
    note: str = Field("", description="For a researcher who comes back to this very question.")


@dataclass(frozen=True)
class Past:
    """A trajectory, and what its rules are held against."""

    trajectory: Trajectory
    blueprint: Blueprint

    @property
    def cured(self) -> dict[int, str]:
        """Troubles that a cure ended, by attempt."""
        return {
            attempt.number: trouble(attempt.failure, self.blueprint)
            for attempt, ended in cured(self.trajectory.attempts, self.blueprint)
            if ended and attempt.failure
        }

    def skill(self, rule: Rule) -> Skill:
        """The rule as a record. The same words have the same id."""
        trigger = self.cured.get(rule.attempt or 0, "") if rule.kind == "debugging" else ""
        when, what = " ".join(rule.when.split()), " ".join(rule.what.split())
        slug = re.sub(r"[^a-z0-9]+", "-", when.lower())[:40].strip("-")
        digest = hashlib.sha256(f"{when}\n{what}".encode()).hexdigest()[:6]
        tags = [self.blueprint.domain, *(re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-") for tag in rule.tags[:5])]
        if (error := trigger.partition(":")[0]).isidentifier():
            tags.append(error)
        return Skill(
            id=f"{rule.kind}-{slug}-{digest}".replace("--", "-"), kind=rule.kind, when=when, what=what, trigger=trigger,
            tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
        )  # fmt: skip

    def fault(self, rule: Rule) -> str:
        """Why a rule cannot be kept, or nothing."""
        if rule.kind not in KINDS[self.trajectory.stage]:
            return f"this stage teaches rules of the kinds {', '.join(KINDS[self.trajectory.stage])}"
        if not rule.when.strip() or not rule.what.strip():
            return "it does not say when it applies and what to do"
        if rule.kind == "debugging" and rule.attempt not in self.cured:
            known = ", ".join(str(number) for number in self.cured) or "none"
            return f"attempt {rule.attempt} is no failed attempt whose cure worked (those are: {known})"
        try:
            skill = self.skill(rule)
        except ValueError as error:
            return f"it cannot be kept: {str(error).splitlines()[0]}"
        return "; ".join(lint_skill(skill, forbidden=self._names())[:3])

    def _names(self) -> list[str]:
        """What belongs to this run and user."""
        staged = (*self.blueprint.datasets, *self.blueprint.support)
        profile = self.trajectory.profile
        named = [text for item in staged for text in (item.card.id, item.card.name)]
        return [*named, profile.name, *filter(None, [profile.writing.author, profile.writing.affiliation])]


_REFLECTOR: Agent[Past, Reflection] = Agent(
    output_type=Reflection, instructions=RULES + prompt("reflector"), deps_type=Past, retries=2, name="reflector"
)


@_REFLECTOR.output_validator
def _fit_to_share(ctx: RunContext[Past], said: Reflection) -> Reflection:
    """Rules that the records bear out and that name nothing of one project; the others are given back, then dropped."""
    wrong = [f'- "{rule.when[:60]}": {fault}' for rule in said.rules if (fault := ctx.deps.fault(rule))]
    if wrong and not ctx.last_attempt:
        raise ModelRetry("Mend these or leave them out, and send all lessons again:\n" + "\n".join(wrong))
    kept = [rule for rule in said.rules if not ctx.deps.fault(rule)]
    return Reflection(rules=kept[:MOST_RULES], note=" ".join(said.note.split())[:LONGEST_NOTE])


class LlmReflector:
    """Outcomes are read off the records; a model puts the rules into words."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def situate(
        self, topic: str, profile: Profile, hypothesis: Hypothesis | None, blueprint: Blueprint | None
    ) -> tuple[tuple[str, ...], Conditions]:
        """Tags and known conditions, without asking a model: what is decided is known."""
        tags: list[str] = [profile.domain] if profile.domain else []
        conditions: Conditions = {}
        if hypothesis:
            tags += hypothesis.components
            memory = f"memory_gb:{profile.compute.memory_gb:g}"
            conditions["component"] = hypothesis.components  # which kind of study it becomes, the designer decides
            conditions["hardware"] = (hardware_cores(profile.compute.cores), memory)
            if hypothesis.datasets:
                conditions["dataset"] = hypothesis.datasets
        if blueprint:
            tags += [blueprint.study, blueprint.domain, *(tag for item in blueprint.components for tag in item.tags)]
            conditions |= outcomes.tested_under(blueprint)
            conditions |= {"domain": (blueprint.domain,), "test": (blueprint.test,)}
        return tuple(dict.fromkeys(tags)), conditions

    def reflect(self, trajectory: Trajectory) -> Lessons:
        """What the stage that has just ended taught; nothing when there is no blueprint yet."""
        blueprint = trajectory.blueprint
        if blueprint is None:
            return Lessons()
        said = self._asked(Past(trajectory, blueprint))
        memories = [*_memories(trajectory, blueprint)]
        if said.note and memories and memories[0].kind == "hypothesis":
            told = f"{memories[0].text} Looking back: {said.note}"
            memories[0] = memories[0].model_copy(update={"text": told})
        skills = {item.id: item for item in (Past(trajectory, blueprint).skill(rule) for rule in said.rules)}
        return Lessons(
            skills=tuple(skills.values()), memories=tuple(memories), credits=tuple(_credits(trajectory, blueprint))
        )

    def _asked(self, past: Past) -> Reflection:
        records = _records(past)
        if not records:
            return Reflection(rules=[])
        kinds = ", ".join(KINDS[past.trajectory.stage])
        prompt = "\n\n".join(
            [
                material("topic", past.trajectory.topic),
                material(f"records of the stage {past.trajectory.stage}", records),
                f"What do these records teach? Kinds of rules: {kinds}.",
            ]
        )
        try:
            return self._desk.models.ask("reflector", _REFLECTOR, prompt, deps=past).output
        except UselessReplies as error:
            self._desk.events.emit("degraded", f"No rules were drawn from {past.trajectory.stage}: {error}")
            return Reflection(rules=[])


def _records(past: Past) -> str:
    """What there is to learn from, in lines; nothing when all went smoothly."""
    run = past.trajectory
    match run.stage:
        case "ideation_and_planning":
            lines = [
                f"Draft {item.round}: {'passed' if item.passed else 'refused'}. "
                + " ".join(f"({objection.kind}) {objection.text}" for objection in item.objections)
                for item in run.critiques
            ]
            return "\n".join(lines) if any(item.objections for item in run.critiques) else ""
        case "experiments":
            return "\n".join([*_attempted(past), *_found(past)])
        case "writing":
            if not run.reviews:
                return ""
            last = {(item.section, item.kind) for item in run.reviews[-1].remarks}
            remarks = run.reviews[0].remarks
            return "\n".join(
                f"First review, {item.section}, {item.kind}, {item.severity}: {item.text} "
                + ("(still open in the end)" if (item.section, item.kind) in last and len(run.reviews) > 1 else "")
                for item in remarks
            )


def _attempted(past: Past) -> Iterator[str]:
    cures = past.cured
    for attempt in past.trajectory.attempts:
        if attempt.failure is None:
            yield f"Attempt {attempt.number}: {attempt.outcome}{' (reduced)' if attempt.smoke else ''}."
            continue
        outcome = "the cure worked" if attempt.number in cures else "the cure did not help, or nothing is known of it"
        patch = f" Cure: {attempt.patch_reason}; {outcome}." if attempt.patch else " No cure was found."
        yield f"Attempt {attempt.number} failed: {trouble(attempt.failure, past.blueprint)}.{patch}"


def _found(past: Past) -> Iterator[str]:
    analysis = past.trajectory.analysis
    if analysis is None:
        return
    yield f"Hypothesis: {past.blueprint.hypothesis}. It is {analysis.verdict}, since {analysis.verdict_reason}."
    yield from (finding_told(item, past.blueprint) for item in analysis.findings[:12])


def _memories(past: Trajectory, blueprint: Blueprint) -> Iterator[Memory]:
    if past.stage == "ideation_and_planning":
        yield from drafts.decision_memories(past, blueprint)
    elif past.stage == "experiments":
        if past.analysis:
            yield outcomes.hypothesis_memory(past, blueprint, past.analysis)
        yield outcomes.configuration_memory(past, blueprint)


def _credits(past: Trajectory, blueprint: Blueprint) -> Iterator[Credit]:
    """What came of rules that were put before the crew, told from records alone."""
    shown = {item.skill.id: item.skill for recall in past.recalls for item in recall.skills}
    match past.stage:
        case "ideation_and_planning":
            used = [name for name in blueprint.informed_by if name in shown and shown[name].kind == "planning"]
            passed = bool(past.critiques) and not past.critiques[0].objections
            why = f"the first draft {'met no objection' if passed else 'met objections'}"
        case "experiments":
            yield from crediting.cure_credits(past, blueprint, family_of(blueprint))
            return
        case "writing":
            used = [name for name in (past.manuscript.informed_by if past.manuscript else ()) if name in shown]
            passed = bool(past.reviews) and past.reviews[0].passed
            why = f"the first version {'passed' if passed else 'did not pass'} its review"
            if not past.reviews:
                return
    yield from (Credit(skill=name, helped=passed, why=why) for name in used)
