"""Makes skills and memories: ids, tags, and who and when."""

import hashlib
import re
from typing import Any

from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.recall import CREW
from nanoresearch.crew.roles import Trajectory
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Conditions, Memory, MemoryKind, Outcome, Remedy, Skill, SkillKind

LONGEST_ID = 64


def skill(
    kind: SkillKind, action: str, target: str, kit: Kit, *, when: str, what: str, trigger: str = "",
    tags: tuple[str, ...] = (), everywhere: bool = False,
) -> Skill:  # fmt: skip
    """A rule with a remedy, for a kit or for all. The same rule has the same id in every run."""
    scope = "" if everywhere else kit.id
    return Skill(
        id=skill_id(action, target, scope, trigger),
        kind=kind,
        when=when,
        what=what,
        trigger=trigger,
        tags=tuple(dict.fromkeys((*(() if everywhere else (kit.id, kit.domain)), *tags))),
        remedy=Remedy(crew=CREW, action=action, target=target, scope=scope),
    )


def skill_id(action: str, target: str, scope: str, trigger: str = "") -> str:
    """Name of a rule; the error that it answers is told apart by a short digest."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{action} {target} {'in' if scope else ''} {scope}".lower()).strip("-")
    ending = "-" + hashlib.sha256(trigger.encode()).hexdigest()[:6] if trigger else ""
    return name[: LONGEST_ID - len(ending)].strip("-") + ending


def memory(
    past: Trajectory, kind: MemoryKind, outcome: Outcome, text: str, conditions: Conditions, facts: dict[str, Any],
    tags: tuple[str, ...] = (),
) -> Memory:  # fmt: skip
    """Something that this run lived through. Two of one run and kind differ in their conditions."""
    parts = [past.run, kind, outcome, *(f"{name}={','.join(values)}" for name, values in sorted(conditions.items()))]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return Memory(
        id=f"{kind}-{digest}",
        kind=kind,
        profile=past.profile.name,
        project=past.project,
        run=past.run,
        text=text,
        conditions=conditions,
        outcome=outcome,
        facts=facts,
        tags=tags,
    )


def data_ids(blueprint: Blueprint) -> tuple[str, ...]:
    """Ids of the data sets of a study."""
    return tuple(staged.card.id for staged in blueprint.datasets)


def data_names(blueprint: Blueprint) -> list[str]:
    """Their names in prose."""
    return [staged.card.name for staged in blueprint.datasets]
