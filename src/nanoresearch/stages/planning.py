"""Stage I, second half: a blueprint is drafted, critiqued, revised and frozen."""

from nanoresearch.errors import BlueprintRejected, BudgetExceeded, CorruptRecord
from nanoresearch.events import now_utc
from nanoresearch.paths import write_atomic
from nanoresearch.schema.blueprint import Blueprint, Critique
from nanoresearch.schema.idea import Hypothesis
from nanoresearch.stages.workplace import Workplace

BLUEPRINT = "planning/blueprint.json"
SEAL = "planning/blueprint.sha256"
CRITIQUES = "planning/critiques.jsonl"


def design(work: Workplace, hypothesis: Hypothesis) -> Blueprint:
    """The frozen blueprint. Raises BlueprintRejected when no draft passes, CorruptRecord when it was changed since."""
    briefing = work.begin("planning", hypothesis.statement, hypothesis)
    if work.folder.has(SEAL):
        return read_frozen(work)
    work.log.step(BLUEPRINT)
    critiques: list[Critique] = []
    previous: tuple[Blueprint, Critique] | None = None
    for number in range(1, work.config.design.rounds + 1):
        draft = work.crew.designer.design(briefing, hypothesis, previous, work.data_root)
        critique = work.crew.critic.critique(briefing, draft, number, work.data_root)
        critiques.append(critique)
        work.folder.save_lines(CRITIQUES, critiques)
        for objection in critique.objections:
            work.events.emit("decision", f"critic: {objection.text}")
        if critique.passed:
            return freeze(work, draft)
        previous = (draft, critique)
    objections = " ".join(objection.text for objection in critiques[-1].objections)
    if {objection.kind for objection in critiques[-1].objections} == {"over_budget"}:
        raise BudgetExceeded(
            f"No design of this study fits into its time. {objections} "
            "Raise compute.minutes in the profile, or --budget-minutes, and run again."
        )
    raise BlueprintRejected(
        f"No design passed the critic in {work.config.design.rounds} drafts. Last objections: {objections} "
        "Change the topic or the profile, or raise design.rounds, and run again."
    )


def freeze(work: Workplace, blueprint: Blueprint) -> Blueprint:
    """Write the blueprint, then its seal: hash and time. From here on it must not change."""
    work.folder.save(BLUEPRINT, blueprint)
    seal = f"{blueprint.digest()}  {now_utc().isoformat(timespec='seconds')}\n"
    write_atomic(work.folder.path(SEAL), seal)
    work.events.emit(
        "decision", f"blueprint frozen: {blueprint.digest()[:12]}", forecast_minutes=blueprint.forecast_minutes
    )
    return blueprint


def read_frozen(work: Workplace) -> Blueprint:
    """The blueprint, checked against its seal."""
    blueprint = work.folder.load(BLUEPRINT, Blueprint)
    sealed = work.folder.path(SEAL).read_text(encoding="utf-8").split()
    if not sealed or sealed[0] != blueprint.digest():
        raise CorruptRecord(
            f"{work.folder.path(BLUEPRINT)} is not the blueprint that was frozen: its hash differs from {SEAL}. "
            "Restore it; a changed design is a new run."
        )
    return blueprint
