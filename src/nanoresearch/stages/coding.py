"""Stage II, first part: the codebase is written and committed."""

from dataclasses import dataclass

from nanoresearch.crew.roles import Briefing
from nanoresearch.execution.repository import Codebase
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Preparation, Program
from nanoresearch.schema.setup import PinnedRepository
from nanoresearch.stages.workplace import Workplace

CODE = "coding/code"
PROGRAM = "coding/program.json"
"""What the coder said of the codebase; the files themselves are in the repository."""


@dataclass(frozen=True)
class Coding:
    """What coding hands on."""

    codebase: Codebase
    prepared: tuple[Preparation, ...]
    proven_by: str | None
    """Memory of a run that makes a reduced one needless."""
    base: PinnedRepository | None
    """Code of others that it is built on."""


def write_code(work: Workplace, blueprint: Blueprint, briefing: Briefing) -> Coding:
    """The repository with the experiment: written when it is not there yet, else cleaned of unfinished changes."""
    root = work.folder.path(CODE)
    if root.exists():
        codebase = Codebase(root)
        codebase.restore()
        said = work.folder.load(PROGRAM, Program) if work.folder.has(PROGRAM) else Program(files={})
        return Coding(codebase, said.prepared, said.proven_by, said.base)
    work.log.step(CODE)
    program = work.crew.coder.write(briefing, blueprint)
    # Before the repository, whose presence says that this is done.
    work.folder.save(PROGRAM, program.model_copy(update={"files": {}}))
    message = f"Experiment for blueprint {blueprint.digest()[:12]}"
    codebase = Codebase.create(root, program.files, message, program.base)
    if program.base:
        work.events.emit("decision", f"built on {program.base.origin} at {program.base.commit[:12]}")
    for item in program.prepared:
        work.events.emit("decision", f"applied from the start: {item.fix}, from {item.skill}")
    if program.proven_by:
        work.events.emit("decision", f"no reduced run is needed: {program.proven_by} had the same data and components")
    work.events.emit("decision", f"codebase written: {', '.join(sorted(program.files))}")
    return Coding(codebase, program.prepared, program.proven_by, program.base)
