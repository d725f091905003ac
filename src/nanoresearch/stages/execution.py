"""Stage II, second part: run, debug, and take the results into the ledger."""

from dataclasses import dataclass, replace

from nanoresearch.crew.roles import Briefing
from nanoresearch.datasets.stage import verify
from nanoresearch.errors import ExecutionError
from nanoresearch.evidence.statistics import Ledger
from nanoresearch.execution.attempts import ATTEMPT_FILE, attempt_reports, run_attempt
from nanoresearch.execution.collect import merge
from nanoresearch.execution.repository import Codebase, same_change
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Failure, Patch, Result
from nanoresearch.schema.plan import CodingGuidance
from nanoresearch.stages.workplace import Workplace

RESULTS = "execution/results.jsonl"
MEASUREMENTS = "execution/measurements.jsonl"
PATCH_FILE = "patch.json"

PROPOSALS = 3
"""Patches that a debugger may propose for one failure, when those before are refused."""


@dataclass(frozen=True)
class Execution:
    """What execution hands on."""

    ledger: Ledger
    attempts: tuple[Attempt, ...]


def execute(
    work: Workplace, blueprint: Blueprint, codebase: Codebase, briefing: Briefing, *, proven: bool = False
) -> Execution:
    """Run the experiment until it succeeds.

    Raises ExecutionError when no cure is known or the tries are spent, DatasetError when data are not as they were.

    A reduced run comes first if the plan wants one, the experiment has conditions to leave out, and the program has
    not proven itself before.
    """
    attempts = recorded_attempts(work)
    if not work.folder.has(RESULTS):
        attempts = _run_until_success(work, blueprint, codebase, briefing, attempts, proven)
        _take_in(work, blueprint, attempts[-1])
    work.log.attempts(tuple(attempts))
    results = work.folder.load_lines(RESULTS, Result)
    return Execution(Ledger(blueprint, results, work.folder.load_lines(MEASUREMENTS, Result)), tuple(attempts))


def recorded_attempts(work: Workplace) -> list[Attempt]:
    """Attempts that ended and were dealt with, oldest first."""
    attempts: list[Attempt] = []
    while work.folder.has(name := f"{_folder(len(attempts) + 1)}/{ATTEMPT_FILE}"):
        attempts.append(work.folder.load(name, Attempt))
    return attempts


def _run_until_success(
    work: Workplace,
    blueprint: Blueprint,
    codebase: Codebase,
    briefing: Briefing,
    attempts: list[Attempt],
    proven: bool,
) -> list[Attempt]:
    reduced_first = guide(briefing.plan, CodingGuidance).smoke_run and blueprint.sweep is not None and not proven
    if attempts and attempts[-1].outcome != "succeeded":  # killed between a failure and its cure
        attempts[-1] = _cure(work, blueprint, codebase, briefing, attempts)
    while not attempts or attempts[-1].smoke or attempts[-1].outcome != "succeeded":
        number = len(attempts) + 1
        if number > work.config.execution.attempts:
            raise ExecutionError(_advice(work, attempts[-1], f"All {number - 1} attempts are spent."))
        tried = bool(attempts) and attempts[-1].outcome == "succeeded"
        smoke = reduced_first and not tried
        work.log.step(_folder(number))
        for staged in (*blueprint.datasets, *blueprint.support):
            verify(staged, work.data_root)
        attempt = run_attempt(
            number,
            smoke=smoke,
            codebase=codebase,
            blueprint=blueprint,
            folder=work.folder.path(_folder(number)),
            executor=work.executor,
            data_root=work.data_root,
            config=work.config.execution,
            events=work.events,
            judge=work.crew.judge(blueprint),
            judge_executor=work.judge_executor,
            environments=work.environments,
        )
        attempts.append(attempt)
        work.log.attempts(tuple(attempts))
        if attempt.outcome != "succeeded":
            attempts[-1] = _cure(work, blueprint, codebase, briefing, attempts)
    return attempts


def _cure(
    work: Workplace, blueprint: Blueprint, codebase: Codebase, briefing: Briefing, attempts: list[Attempt]
) -> Attempt:
    """Commit a patch for the last failure and note it with the attempt. It is saved first: a kill loses nothing.

    Raises ExecutionError when there is none that may be applied, or the same one as for the same failure before.
    """
    attempt = attempts[-1]
    if attempt.patch is not None and codebase.head() != attempt.commit:
        return attempt
    if attempt.failure is None:
        raise ExecutionError(_advice(work, attempt, "The failure cannot be told."))
    work.events.emit("decision", f"attempt {attempt.number} failed: {attempt.failure.signature}")
    name = f"{_folder(attempt.number)}/{PATCH_FILE}"
    if work.folder.has(name):
        patch = work.folder.load(name, Patch)
    else:
        patch = _find_cure(work, blueprint, codebase, briefing, attempt.failure, attempts)
    work.folder.save(name, patch)
    if codebase.head() == attempt.commit:
        codebase.apply(patch)
    work.events.emit("decision", f"patch {patch.fix}: {patch.reason}")
    cured = attempt.model_copy(update={"patch": patch.fix, "patch_reason": patch.reason, "skill": patch.skill})
    work.folder.save(f"{_folder(attempt.number)}/{ATTEMPT_FILE}", cured)
    return cured


def _find_cure(
    work: Workplace,
    blueprint: Blueprint,
    codebase: Codebase,
    briefing: Briefing,
    failure: Failure,
    attempts: list[Attempt],
) -> Patch:
    """A patch that may be applied and was not tried before. What is refused is told to the debugger, a few times.

    Raises ExecutionError when none is known, and when the debugger goes in a circle.
    """
    attempt = attempts[-1]
    known = work.recall(f"{_folder(attempt.number)}/recalled.json", "debugging", _words(failure), None, blueprint)
    informed = replace(
        briefing,
        skills=tuple(item.skill for item in known.skills),
        memories=tuple(item.memory for item in known.memories),
    )
    proposed: list[Patch] = []
    while len(proposed) < PROPOSALS:
        files = codebase.files()
        patch = work.crew.debugger.patch(informed, blueprint, files, failure, attempts[:-1])
        if patch is None:
            raise ExecutionError(_advice(work, attempt, "No cure is known for it."))
        if earlier := _tried(work, failure, patch, attempts[:-1]):
            raise ExecutionError(
                _advice(
                    work,
                    attempt,
                    f"The same failure came back after the same patch, {patch.fix}, of attempt {earlier}, so that it "
                    "would go on like this.",
                )
            )
        if any(same_change(patch.files, other.files) for other in proposed):
            break
        proposed.append(patch)
        try:
            codebase.check(patch)
        except ExecutionError as error:
            work.events.emit("decision", f"patch {patch.fix} is refused: {error}")
            failure = failure.model_copy(update={"refused": (*failure.refused, str(error))})
        else:
            return patch
    reasons = " ".join(dict.fromkeys(failure.refused))
    raise ExecutionError(_advice(work, attempt, f"Every patch for it was refused. {reasons}"))


def _tried(work: Workplace, failure: Failure, patch: Patch, earlier: list[Attempt]) -> int | None:
    """Number of the attempt that had the same failure and was given the same patch."""
    for attempt in earlier:
        name = f"{_folder(attempt.number)}/{PATCH_FILE}"
        same = attempt.failure is not None and attempt.failure.signature == failure.signature
        if same and work.folder.has(name) and same_change(work.folder.load(name, Patch).files, patch.files):
            return attempt.number
    return None


def _take_in(work: Workplace, blueprint: Blueprint, attempt: Attempt) -> None:
    reports = attempt_reports(work.folder.path(_folder(attempt.number)), blueprint)
    results, measurements = merge(
        reports, blueprint, attempt=attempt.number, commit=attempt.commit, blueprint_hash=blueprint.digest()
    )
    work.folder.save_lines(MEASUREMENTS, measurements)
    work.folder.save_lines(RESULTS, results)  # last: its presence says that the experiment is done


def _folder(number: int) -> str:
    return f"execution/attempts/{number}"


def _words(failure: Failure) -> str:
    end = "\n".join(failure.tail.splitlines()[-5:])
    return f"{failure.signature}\n{failure.message}\n{end}"


def _advice(work: Workplace, attempt: Attempt, first: str) -> str:
    failure = attempt.failure
    what = f" {failure.signature}: {failure.message}" if failure else ""
    hint = (
        " Raise compute.minutes in the profile, or ask for a smaller study."
        if attempt.outcome == "timed_out"
        else " Code and output are kept there. Code changed by hand is told by the audit."
    )
    return (
        f"The experiment did not succeed (attempt {attempt.number}, {attempt.outcome}).{what} {first} "
        f"See {work.folder.path(_folder(attempt.number))}.{hint}"
    )
