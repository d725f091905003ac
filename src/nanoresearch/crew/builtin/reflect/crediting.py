"""What came of skills that were put to use: credit when things went well, debit when they did not.

A skill that was retrieved and not used, and one of which nothing can be told, gets neither.
"""

from collections.abc import Iterator

from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.reflect.cures import cured, is_for
from nanoresearch.crew.builtin.reflect.drafts import raised_rules
from nanoresearch.crew.builtin.reflect.entries import skill_id
from nanoresearch.crew.builtin.reflect.outcomes import verdict_on
from nanoresearch.crew.builtin.troubles import answers, arises_in
from nanoresearch.crew.roles import Trajectory
from nanoresearch.schema.analysis import Analysis
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Credit, Skill


def planning_credits(past: Trajectory, blueprint: Blueprint) -> Iterator[Credit]:
    """A change made in the first draft helped when the objection that it answers was not raised."""
    raised = {item.kind for critique in past.critiques for item in critique.objections}
    for name, known in _recalled(past).items():
        if name in blueprint.informed_by and known.kind == "planning" and known.remedy:
            kind = known.remedy.target.partition(":")[0]
            helped = kind not in raised
            what = kind.replace("_", " ")
            yield Credit(
                skill=name,
                helped=helped,
                why=f"the objection {what!r} {'was not raised' if helped else 'was raised all the same'}",
            )


def cure_credits(past: Trajectory, blueprint: Blueprint, kit: Kit) -> Iterator[Credit]:
    """A cure helped when its trouble stayed away, or ended, and the code that it added did not fail."""
    ran = bool(past.attempts) and past.attempts[-1].outcome == "succeeded" and not past.attempts[-1].smoke
    failures = [attempt.failure for attempt in past.attempts if attempt.failure]
    fixes = {fix.id: fix for fix in kit.fixes}
    recalled, memories = _recalled(past), _recalled_memories(past)
    for item in past.prepared:
        if item.skill in memories:
            continue
        trigger = recalled[item.skill].trigger if item.skill in recalled else ""
        again = any(
            (item.fix in fixes and is_for(fixes[item.fix], failure)) or answers(trigger, failure, blueprint)
            for failure in failures
        )
        own = any(arises_in(failure, item.fix) for failure in failures)
        if again or own:
            why = "the trouble came up all the same" if again else "the code that it added failed"
            yield Credit(skill=item.skill, helped=False, why=f"{item.fix} was applied from the start and {why}")
        elif ran:
            why = f"{item.fix} was applied from the start and the trouble did not come up"
            yield Credit(skill=item.skill, helped=True, why=why)
    for attempt, ended in cured(past.attempts, blueprint):
        if attempt.skill is not None and attempt.skill not in memories:
            why = f"after {attempt.patch} the error {'was gone' if ended else 'remained or another came from the cure'}"
            yield Credit(skill=attempt.skill, helped=ended, why=why)


def preference_credits(past: Trajectory, blueprint: Blueprint, analysis: Analysis) -> Iterator[Credit]:
    """A preference helped when its component was found better once more, and hurt when it was found worse."""
    used = past.ideas.informed_by if past.ideas else ()
    recalled = _recalled(past)
    for item in blueprint.components:
        usual = skill_id("prefer", item.id, blueprint.study)
        for name in used:
            remedy = recalled[name].remedy if name in recalled else None
            meant = remedy.action == "prefer" and remedy.target == item.id if remedy else name == usual
            verdict = verdict_on(item.id, blueprint, analysis.findings)
            if meant and verdict in ("better", "worse"):
                why = f"{item.name} was found {verdict} in another study"
                yield Credit(skill=name, helped=verdict == "better", why=why)


def writing_credits(past: Trajectory) -> Iterator[Credit]:
    """Advice that was followed in the first version helped when its first review had no such remark."""
    if past.manuscript is None or not past.reviews:
        return
    raised = raised_rules(past.reviews[0])
    for name, known in _recalled(past).items():
        if name in past.manuscript.informed_by and known.kind == "writing" and known.remedy:
            helped = known.remedy.target not in raised
            why = f"the first review {'had no' if helped else 'had a'} remark of the kind {known.remedy.target}"
            yield Credit(skill=name, helped=helped, why=why)


def _recalled(past: Trajectory) -> dict[str, Skill]:
    return {item.skill.id: item.skill for recall in past.recalls for item in recall.skills}


def _recalled_memories(past: Trajectory) -> set[str]:
    return {item.memory.id for recall in past.recalls for item in recall.memories}
