"""What the debug loop taught: which cure helped against which trouble."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from nanoresearch.crew.builtin.kits.kit import Fix, Kit
from nanoresearch.crew.builtin.reflect.entries import skill
from nanoresearch.crew.builtin.troubles import arises_in, trouble
from nanoresearch.crew.roles import Trajectory
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Skill
from nanoresearch.schema.experiment import Attempt, Failure


def learned_cures(past: Trajectory, blueprint: Blueprint, kit: Kit) -> tuple[Skill, ...]:
    """A rule for every trouble that a cure put an end to. Cures that came from a skill earn it credit instead."""
    fixes = {fix.id: fix for fix in kit.fixes}
    return tuple(
        _rule(fixes[attempt.patch], trouble(attempt.failure, blueprint), kit)
        for attempt, ended in cured(past.attempts, blueprint)
        if ended and attempt.skill is None and attempt.patch in fixes and attempt.failure
    )


def cured(attempts: Sequence[Attempt], blueprint: Blueprint) -> Iterator[tuple[Attempt, bool]]:
    """Every attempt that failed and was patched, and whether the next one showed that this helped.

    Attempts after which nothing more can be told are left out.
    """
    for attempt, following in pairwise(attempts):
        if attempt.failure is None or attempt.patch is None:
            continue
        if following.failure is not None:
            same = trouble(following.failure, blueprint) == trouble(attempt.failure, blueprint)
            yield attempt, not same and not arises_in(following.failure, attempt.patch)
        elif following.outcome == "succeeded":
            yield attempt, True


def needed_cures(past: Trajectory, blueprint: Blueprint) -> tuple[str, ...]:
    """Cures that ended a trouble which this run met. Whether those applied from the start were needed is not known."""
    helped = [attempt.patch for attempt, ended in cured(past.attempts, blueprint) if ended and attempt.patch]
    return tuple(dict.fromkeys(helped))


def standing_cures(past: Trajectory, blueprint: Blueprint) -> tuple[str, ...]:
    """Cures that were in the program from the start or helped on the way."""
    return tuple(dict.fromkeys([*(item.fix for item in past.prepared), *needed_cures(past, blueprint)]))


def is_for(fix: Fix, failure: Failure) -> bool:
    """Whether a failure is of the kind that a cure is for."""
    return bool(re.search(fix.pattern, f"{failure.signature}\n{failure.message}\n{failure.tail}"))


def _rule(fix: Fix, trigger: str, kit: Kit) -> Skill:
    return skill(
        "debugging",
        "fix",
        fix.id,
        kit,
        when=f"A study of {kit.name} stops with the error {trigger}.",
        what=f"Change the program once, for all methods alike. {fix.reason}",
        trigger=trigger,
        tags=(fix.id, trigger.partition(":")[0]),
    )
