"""Mends a program that failed, with a language model: a reason, edits, and what they rule out.

What reports, divides and scores is not within its reach: such edits are refused here with the reason, before the
repository would refuse them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.llm.coding.base_repository import built_on
from nanoresearch.crew.llm.coding.coder import check_edits, study_text, trouble
from nanoresearch.crew.llm.coding.contract import RESERVED, Contract
from nanoresearch.crew.llm.coding.dry_run import places_of, plain_failure
from nanoresearch.crew.llm.coding.edits import Repair, apply_edits, shown
from nanoresearch.crew.llm.coding.program import contract_of
from nanoresearch.crew.llm.desk import RULES, Desk, material
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Briefing
from nanoresearch.execution.repository import PROTECTED, PatchRefused, check_change
from nanoresearch.models.prompts import lay_out
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Failure, Patch

SCARCE = ("TimeLimit", "BudgetExhausted", "MemoryLimit", "MemoryError", "DiskLimit", "ProcessLimit")
"""Beginnings of signatures of failures that less work would cure."""


@dataclass(frozen=True)
class Case:
    """What a reply is held to."""

    files: Mapping[str, str]
    contract: Contract
    tried: frozenset[str]
    """Names of cures that were applied before."""
    skills: frozenset[str]


class LlmDebugger:
    """A debugger that is a language model."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._agent = Agent(
            name="debugger",
            output_type=Repair,
            instructions=f"{RULES}\n{prompt('debugger')}\n{prompt('contract')}",
            deps_type=Case,
            retries=desk.config.coding.rounds,
        )
        self._agent.output_validator(_check)

    def patch(
        self,
        briefing: Briefing,
        blueprint: Blueprint,
        files: dict[str, str],
        failure: Failure,
        attempts: Sequence[Attempt],
    ) -> Patch | None:
        """A change that may cure the failure; None when the model knows none, or proposes what has failed before."""
        base = built_on(self._desk, blueprint)
        contract = contract_of(briefing, blueprint, self._desk.config.coding, base)
        case = Case(
            files,
            contract,
            frozenset(attempt.patch for attempt in attempts if attempt.patch),
            frozenset(skill.id for skill in briefing.skills),
        )
        plainly = plain_failure(failure, places_of(self._desk), blueprint)
        earlier = [
            item.model_copy(update={"failure": plain_failure(item.failure, places_of(self._desk), blueprint)})
            for item in attempts
            if item.failure
        ]
        changing = "\n\n".join(_question(files, contract, plainly, earlier))
        constant = study_text(self._desk, briefing, blueprint, contract, base, anew=False)
        repair = self._desk.models.ask(
            "debugger", self._agent, lay_out(constant=constant, changing=changing), deps=case
        ).output
        if not repair.edits:
            self._desk.events.emit("decision", f"the debugger knows no cure: {repair.diagnosis}")
            return None
        changed = apply_edits(files, repair.edits)
        if repeated(self._desk, changed, failure, attempts):
            self._desk.events.emit("decision", f"the debugger repeats itself: {repair.name} was tried for this before")
            return None
        return Patch(fix=repair.name, reason=repair.printable_reason(), files=changed, skill=repair.skill)


def repeated(desk: Desk, changed: Mapping[str, str], failure: Failure, attempts: Sequence[Attempt]) -> bool:
    """Whether the same files were put in place for the same failure before."""
    for attempt in attempts:
        name = f"execution/attempts/{attempt.number}/patch.json"
        alike = attempt.failure is not None and attempt.failure.signature == failure.signature
        if alike and desk.folder.has(name) and desk.folder.load(name, Patch).files == dict(changed):
            return True
    return False


def protected_files(files: Mapping[str, str], contract: Contract) -> list[str]:
    """Files of a codebase that no cure may touch."""
    around = [name for name in files if not name.endswith(".py") or name in RESERVED]
    return sorted({*PROTECTED, *contract.trusted, *around} & {*files, *contract.trusted})


def refused(files: Mapping[str, str], changed: Mapping[str, str], contract: Contract) -> str:
    """Why a change is not within a debugger's reach, or nothing."""
    if beyond := sorted(set(changed) & set(protected_files(files, contract))):
        return f"{beyond[0]} must stay as it is: it is the harness, the scoring, the division or a record."
    try:
        check_change(files, changed)
    except PatchRefused as error:
        return str(error)
    return ""


def _question(
    files: Mapping[str, str], contract: Contract, failure: Failure, attempts: Sequence[Attempt]
) -> Iterator[str]:
    beyond = protected_files(files, contract)
    yield shown({name: text for name, text in files.items() if name.endswith(".py") and name not in beyond})
    if "evaluate.py" not in contract.trusted:  # else it stands with what is given
        yield shown({"evaluate.py": files["evaluate.py"]})
    yield f"These files must stay as they are: {', '.join(beyond)}. In data.py, split() and what it uses must too."
    earlier = [
        f"attempt {item.number}: {item.failure.signature}\n  cure: {item.patch or 'none'}. {item.patch_reason or ''}"
        for item in attempts
        if item.failure
    ]
    if earlier:
        yield material("earlier failures and what was done", "\n".join(earlier), limit=6000)
    yield trouble([], failure)
    if failure.signature.startswith(SCARCE):
        yield prompt("resources")
    yield "Find the cause of this last failure and mend it."


def _check(context: RunContext[Case], repair: Repair) -> Repair:
    case = context.deps
    if repair.skill is not None and repair.skill not in case.skills:
        known = ", ".join(sorted(case.skills)) or "none"
        raise ModelRetry(
            f"There is no skill {repair.skill!r}; there are: {known}. Leave `skill` empty if you used none."
        )
    if not repair.edits:
        return repair
    if not repair.reason.strip():
        raise ModelRetry("Give the reason, one plain sentence.")
    if not repair.name or repair.name in case.tried:
        used = f"; these are taken: {', '.join(sorted(case.tried))}" if case.tried else ""
        raise ModelRetry(f"Give the cure a name of its own{used}.")
    beyond = protected_files(case.files, case.contract)
    if touched := sorted({edit.file for edit in repair.edits} & set(beyond)):
        raise ModelRetry(f"{touched[0]} must stay as it is: it is the harness, the scoring, the division or a record.")
    python = {name: text for name, text in case.files.items() if name.endswith(".py") and name not in RESERVED}
    changed = check_edits(repair, python, case.contract)
    if words := refused(case.files, changed, case.contract):
        raise ModelRetry(words)
    return repair
