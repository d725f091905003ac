"""Skills and memories as the builtin reflector makes them, and attempts as the executor records them."""

from typing import Any
from zlib import crc32

from nanoresearch.schema.experience import Conditions, Memory, MemoryKind, Outcome, Remedy, Skill, SkillKind
from nanoresearch.schema.experiment import Attempt, Failure, Job


def skill(kind: SkillKind, action: str, target: str, **changes: Any) -> Skill:
    """A rule for tabular classification."""
    scope = changes.pop("scope", "tabular_classification")
    return Skill(
        id=changes.pop("id", f"{action}-{target}".replace("_", "-").replace(":", "-")),
        kind=kind,
        when="It applies.",
        what="Do it.",
        remedy=Remedy(crew=changes.pop("crew", "builtin"), action=action, target=target, scope=scope),
        **changes,
    )


def memory(kind: MemoryKind, outcome: Outcome, conditions: Conditions, **facts: Any) -> Memory:
    """Something that happened in another run of this researcher."""
    return Memory(
        id=f"{kind}-{crc32(repr((conditions, outcome, facts)).encode())}",
        kind=kind,
        profile="default",
        project="p",
        run="r",
        text="It happened.",
        conditions=conditions,
        outcome=outcome,
        facts=facts,
    )


def refuted(*components: str, datasets: tuple[str, ...] = ("wine", "breast-cancer"), **facts: Any) -> Memory:
    """A claim on tables that an experiment refuted."""
    conditions = {
        "study": ("tabular_classification",),
        "dataset": datasets,
        "component": components,
        "metric": (facts.pop("metric", "balanced_accuracy"),),
    }
    return memory("hypothesis", "refuted", conditions, components=list(components), **facts)


def failure(signature: str, message: str = "", tail: str = "") -> Failure:
    return Failure(
        outcome="failed",
        signature=signature,
        message=message or signature.partition(": ")[2],
        file="models.py",
        line=1,
        tail=tail,
    )


TEXT = failure("ValueError @ models.py:fit: could not convert string to float: 'Biscoe'")
OTHER_TEXT = failure('ValueError @ data.py:load: could not convert string to float: "no"')
GAPS = failure("ValueError @ models.py:fit: Input X contains NaN.")


def attempt(number: int, what: Failure | None = None, **changes: Any) -> Attempt:
    """One that failed, or a full one of five seeds that succeeded."""
    outcome = changes.pop("outcome", "failed" if what else "succeeded")
    jobs = tuple(
        Job(seed=seed, outcome=outcome, exit_code=0, seconds=12.0, cpu_seconds=11.0, peak_memory_mb=100)
        for seed in range(5)
    )
    return Attempt(
        number=number,
        commit=f"c{number}",
        smoke=changes.pop("smoke", False),
        outcome=outcome,
        jobs=jobs,
        started="2026-01-01T00:00:00+00:00",
        seconds=30.0,
        failure=what,
        **changes,
    )
