"""Writes the program of a study with a language model: a plan of files, file by file, then mended until it runs.

Every reply is held to the contract (contract.py) before it counts, and the whole program to a dry run (dry_run.py).
What a kit knows already is taken from the kit and not written again.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, Field
from pydantic_ai import Agent, ModelRetry, RunContext

from nanoresearch.crew.llm.coding.base_repository import BaseRepository, base_repository, copy_of
from nanoresearch.crew.llm.coding.contract import (
    MOST_CHARACTERS,
    Contract,
    bad_name,
    check_file,
    check_program,
    imported_modules,
)
from nanoresearch.crew.llm.coding.data_preview import data_text
from nanoresearch.crew.llm.coding.dry_run import can_dry_run, dry_run
from nanoresearch.crew.llm.coding.edits import EditRefused, Repair, apply_edits, shown
from nanoresearch.crew.llm.coding.program import (
    contract_of,
    experiment_text,
    finished,
    form_of_predictions,
    known_methods,
    starting_point,
)
from nanoresearch.crew.llm.coding.syntax import interface
from nanoresearch.crew.llm.desk import RULES, Desk, material, told
from nanoresearch.crew.llm.prompts import prompt
from nanoresearch.crew.roles import Briefing
from nanoresearch.errors import ExecutionError
from nanoresearch.execution.repository import GUARDED, PROTECTED
from nanoresearch.models.prompts import lay_out
from nanoresearch.models.request import UselessReplies
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Failure, Program
from nanoresearch.schema.setup import PinnedRepository

MOST_FILES = 8

_OPENING = re.compile(r"^[ \t]*```[ \t]*(?:python3?|py)?[ \t]*$", re.IGNORECASE | re.MULTILINE)
_CLOSING = re.compile(r"^[ \t]*```[ \t]*$", re.MULTILINE)


class PlannedFile(BaseModel, use_attribute_docstrings=True):
    """One file that will be written."""

    name: str
    """Its name, such as models.py."""
    purpose: str = Field(max_length=400)
    """What it is for, one sentence."""
    offers: tuple[str, ...] = ()
    """Functions and classes that other files use."""


class FilePlan(BaseModel, use_attribute_docstrings=True):
    """How a program will be laid out."""

    approach: str = Field(max_length=4000)
    """How the methods will be done, what a fitted model and a prediction are, and why the limits hold."""
    files: tuple[PlannedFile, ...] = Field(min_length=1, max_length=MOST_FILES)
    """Files, what is imported before what imports it."""


@dataclass(frozen=True)
class FileTask:
    """What a reply with one file is held to."""

    name: str
    contract: Contract
    modules: frozenset[str]
    """Modules of the program, written or not."""


@dataclass(frozen=True)
class RepairTask:
    """What a reply with changes is held to."""

    contract: Contract
    written: Mapping[str, str]
    """Files as they are."""


class LlmCoder:
    """A coder that is a language model."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        rounds = desk.config.coding.rounds
        instructions = f"{RULES}\n{prompt('coder')}\n{prompt('contract')}"
        self._planner = Agent(
            name="coder-plan", output_type=FilePlan, instructions=instructions, deps_type=Contract, retries=rounds
        )
        self._planner.output_validator(_check_plan)
        self._writer = Agent(
            name="coder-file", output_type=str, instructions=instructions, deps_type=FileTask, retries=rounds
        )
        self._writer.output_validator(_check_written)
        self._mender = Agent(
            name="coder-repair", output_type=Repair, instructions=instructions, deps_type=RepairTask, retries=rounds
        )
        self._mender.output_validator(_check_repair)

    def write(self, briefing: Briefing, blueprint: Blueprint) -> Program:
        """The codebase, which ran once. Raises ExecutionError when no program comes about that keeps the contract."""
        base = base_repository(self._desk, blueprint)
        contract = contract_of(briefing, blueprint, self._desk.config.coding, base)
        constant = study_text(self._desk, briefing, blueprint, contract, base)
        pinned = copy_of(self._desk, base) if base else None
        if base is None and (known := known_methods(blueprint)):
            self._desk.events.emit("decision", f"all methods are known to {blueprint.study}: its own text is taken")
            written = {"models.py": known}
        else:
            written = self._write_files(constant, contract)
        files = self._mended(briefing, blueprint, contract, constant, written, pinned)
        warn_if_unused(self._desk, contract, files, pinned)
        return Program(files=files, base=pinned)

    def _write_files(self, constant: str, contract: Contract) -> dict[str, str]:
        ask = self._desk.models.ask
        plan = ask(
            "coder",
            self._planner,
            lay_out(constant=constant, changing=prompt("plan")),
            deps=contract,
        ).output
        modules = frozenset(file.name.removesuffix(".py") for file in plan.files)
        modules |= {name.removesuffix(".py") for name in contract.trusted if name.endswith(".py")}
        layout = material("your plan of the files", plan.model_dump_json(indent=1))
        written: dict[str, str] = {}
        for file in plan.files:
            so_far = "\n\n".join(interface(name, text) for name, text in written.items())
            parts = [
                layout,
                material("interfaces of the files written so far", so_far) if so_far else "No file is written so far.",
                f"Now write {file.name}. {prompt('file')}",
            ]
            reply = ask(
                "coder",
                self._writer,
                lay_out(constant=constant, changing="\n\n".join(parts)),
                deps=FileTask(file.name, contract, modules),
            )
            written[file.name] = code_in(reply.output)
        return written

    def _mended(
        self,
        briefing: Briefing,
        blueprint: Blueprint,
        contract: Contract,
        constant: str,
        written: dict[str, str],
        base: PinnedRepository | None,
    ) -> dict[str, str]:
        """The finished codebase once it keeps the contract and runs, after as many corrections as are allowed."""
        tried: list[str] = []
        for number in range(self._desk.config.coding.rounds + 1):
            complaints = check_program({**written, **contract.trusted}, contract)
            failure: Failure | None = None
            if not complaints:
                files = finished(briefing, blueprint, contract, written, base)
                if not can_dry_run(self._desk):
                    return files
                run = dry_run(self._desk, blueprint, files, base)
                if run.outcome != "failed" or run.failure is None:
                    return files
                failure = run.failure
            if number < self._desk.config.coding.rounds:
                try:
                    repair = self._repair(constant, contract, written, trouble(complaints, failure), tried)
                except UselessReplies as error:
                    if failure is None:  # there is no program that a debugger could be given
                        raise
                    self._desk.events.emit("warning", f"the program is not corrected further: {error}")
                    break
                tried.append(f"- {repair.name}: {repair.reason or repair.diagnosis}")
                written = written | apply_edits(written, repair.edits)
        if failure is not None and failure.file not in (*PROTECTED, *GUARDED):
            text = (
                f"the program still fails after {len(tried)} corrections and goes to the debugger: {failure.signature}"
            )
            self._desk.events.emit("warning", text)
            return files
        what = failure.signature if failure else "; ".join(complaints)
        raise ExecutionError(
            f"After {len(tried)} corrections the program still does not work: {what}. A new run with another "
            "model for the role coder, or with more coding.rounds, may do better."
        )

    def _repair(
        self, constant: str, contract: Contract, written: Mapping[str, str], what: str, tried: list[str]
    ) -> Repair:
        parts = [
            shown(written),
            what,
            *(["Corrections so far, none of which was enough:\n" + "\n".join(tried)] if tried else []),
            "Mend the program: find the cause, and give the smallest edits that cure it. All files above are yours.",
        ]
        return self._desk.models.ask(
            "coder",
            self._mender,
            lay_out(constant=constant, changing="\n\n".join(parts)),
            deps=RepairTask(contract, written),
        ).output


def study_text(
    desk: Desk,
    briefing: Briefing,
    blueprint: Blueprint,
    contract: Contract,
    base: BaseRepository | None,
    *,
    anew: bool = True,
) -> str:
    """What stays the same in all prompts about one program. `anew`: also what is there before it is written."""
    parts = [
        told(briefing),
        material("the experiment", experiment_text(blueprint)),
        data_text(desk, blueprint),
        _wanted(contract),
    ]
    if form := form_of_predictions(blueprint):
        parts.append(f"predict() must return {form}.")
        given = {name: contract.trusted[name] for name in ("data.py", "evaluate.py")}
        parts.append("These files are given and judge the methods; they are not yours to write:\n\n" + shown(given))
    if anew and (start := starting_point(blueprint)):
        parts.append(
            "These methods exist. Build on this text, and keep what it does:\n\n" + shown({"models.py": start})
        )
    if base:
        parts.append(base.text(contract.upstream))
    return "\n\n".join(parts)


def warn_if_unused(desk: Desk, contract: Contract, files: Mapping[str, str], base: PinnedRepository | None) -> None:
    """Say so where a program imports nothing of the code that it was to be built on."""
    if base and not imported_modules(files) & contract.upstream:
        desk.events.emit("warning", f"the program uses nothing of {base.origin}, on which it was to be built")


def trouble(complaints: list[str], failure: Failure | None) -> str:
    """What is wrong with a program, as material."""
    if failure is None:
        return material("what the check of the program says", "\n".join(complaints))
    text = f"{failure.signature}\n\n{failure.message}\n\nEnd of the error output:\n{failure.tail}"
    return material("what went wrong when the program ran", text, limit=8000)


def code_in(reply: str) -> str:
    """The program text of a reply. Raises ModelRetry when there is not exactly one block of it."""
    openings = list(_OPENING.finditer(reply))
    if not openings:
        if _is_program(reply):
            return reply.strip("\n") + "\n"
        raise ModelRetry("There is no block of code. Put the whole file between ```python and ```.")
    body = reply[openings[0].end() :]
    closings = list(_CLOSING.finditer(body))
    if not closings:
        raise ModelRetry("The block of code does not end: close it with ```, or write a shorter file.")
    if len(closings) > 1 and not _is_program(body[: closings[-1].start()]):
        raise ModelRetry("There are several blocks of code. Put the whole file into one, and write nothing else.")
    return body[: closings[-1].start()].strip("\n") + "\n"


def _is_program(text: str) -> bool:
    try:
        return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError):
        return False


def _wanted(contract: Contract) -> str:
    registries = [
        f"- {file}: {registry} with {', '.join(repr(key) for key in keys)}"
        for file in contract.written
        for registry, keys in contract.registries[file].items()
    ]
    more = ", and those of the repository" if contract.upstream else ""
    return (
        f"Files that must be written: {', '.join(contract.written)}.\n"
        f"Given files: {', '.join(sorted(contract.trusted))}.\n"
        f"Modules that may be imported besides Python's own: {', '.join(sorted(contract.packages))}{more}.\n"
        "Registries:\n" + "\n".join(registries)
    )


def _check_plan(context: RunContext[Contract], plan: FilePlan) -> FilePlan:
    names = [file.name for file in plan.files]
    complaints = [fault for name in names if (fault := bad_name(name, context.deps))]
    complaints += [f"{name} must be among the files" for name in context.deps.written if name not in names]
    complaints += [f"{name} is listed twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    if complaints:
        raise ModelRetry("The plan cannot be followed:\n" + "\n".join(f"- {item}" for item in complaints))
    return plan


def _check_written(context: RunContext[FileTask], reply: str) -> str:
    if len(reply) > 2 * MOST_CHARACTERS:
        raise ModelRetry(f"The reply has {len(reply)} characters: write the file alone, in {MOST_CHARACTERS} at most.")
    task = context.deps
    if complaints := check_file(task.name, code_in(reply), task.contract, task.modules):
        found = "\n".join(f"- {item}" for item in complaints)
        raise ModelRetry(f"The file does not hold to the contract:\n{found}\nGive the whole mended file.")
    return reply


def _check_repair(context: RunContext[RepairTask], repair: Repair) -> Repair:
    if not repair.edits:
        raise ModelRetry("The program does not work as it is: give edits that mend it.")
    check_edits(repair, context.deps.written, context.deps.contract)
    return repair


def check_edits(repair: Repair, files: Mapping[str, str], contract: Contract) -> dict[str, str]:
    """The changed files. Raises ModelRetry when the edits cannot be made or what they make breaks the contract."""
    try:
        changed = apply_edits(files, repair.edits)
    except EditRefused as error:
        raise ModelRetry(str(error)) from error
    written = {name: text for name, text in files.items() if name not in contract.trusted} | changed
    complaints = [fault for name in changed if (fault := bad_name(name, contract))]
    if complaints := complaints or check_program(written | {**contract.trusted}, contract):
        found = "\n".join(f"- {item}" for item in complaints)
        raise ModelRetry(f"With these edits the program does not hold to the contract:\n{found}")
    return changed
