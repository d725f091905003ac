"""How a skill earns trust: candidate, trusted after success in two projects, retired when it probably harms.

Functions from a skill to a skill; the store writes what they return.
"""

import math
from datetime import datetime

from nanoresearch.schema.experience import Skill, SkillStatus

PROJECTS_FOR_TRUST = 2
USES_BEFORE_RETIREMENT = 4
HARMFUL = 0.95
_EXACT = 1000


def confidence(skill: Skill) -> float:
    """Mean of the posterior of the success rate, Beta(1 + successes, 1 + failures)."""
    return (1 + skill.successes) / (2 + skill.successes + skill.failures)


def harm(skill: Skill) -> float:
    """Probability under the posterior that the success rate is below one half.

    Exact up to 1,000 outcomes: I_1/2(a, b) is a binomial tail of a fair coin. Beyond, its normal approximation.
    """
    tosses = skill.successes + skill.failures + 1
    if tosses > _EXACT:
        return 0.5 * (1 + math.erf((skill.failures - skill.successes) / math.sqrt(2 * tosses)))
    tail = sum(math.comb(tosses, heads) for heads in range(skill.successes + 1, tosses + 1))
    return tail / int(2**tosses)


def judge(skill: Skill) -> SkillStatus:
    """The status that a skill's record earns it. A retired one stays retired; a trusted one does not fall back."""
    if skill.status == "retired":
        return "retired"
    if skill.uses >= USES_BEFORE_RETIREMENT and harm(skill) > HARMFUL:
        return "retired"
    confirmed = skill.successes >= PROJECTS_FOR_TRUST and len(set(skill.projects)) >= PROJECTS_FOR_TRUST
    return "trusted" if confirmed else skill.status


def credit(skill: Skill, helped: bool, project: str, now: datetime) -> Skill:
    """The skill after one more use. Success names the project as one that confirmed it."""
    projects = (*skill.projects, project) if helped and project and project not in skill.projects else skill.projects
    used = skill.model_copy(
        update={
            "uses": skill.uses + 1,
            "successes": skill.successes + helped,
            "failures": skill.failures + (not helped),
            "projects": projects,
            "updated": now.isoformat(timespec="seconds"),
        }
    )
    return used.model_copy(update={"status": judge(used)})


def revive(skill: Skill) -> Skill:
    """A retired skill in use again. Where its record would retire it at once, it starts anew without one."""
    alive = skill.model_copy(update={"status": "candidate"})
    if judge(alive) == "retired":
        return alive.model_copy(update={"uses": 0, "successes": 0, "failures": 0, "projects": ()})
    return alive.model_copy(update={"status": judge(alive)})
