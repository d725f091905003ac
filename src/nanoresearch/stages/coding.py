"""Stage II, first part: the codebase is written and committed."""

from nanoresearch.execution.repository import Codebase
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.plan import Plan
from nanoresearch.stages.workplace import Workplace

CODE = "coding/code"


def write_code(work: Workplace, blueprint: Blueprint, plan: Plan) -> Codebase:
    """The repository with the experiment: written when it is not there yet, else cleaned of unfinished changes."""
    root = work.folder.path(CODE)
    if root.exists():
        codebase = Codebase(root)
        codebase.restore()
        return codebase
    work.log.step(CODE)
    files = work.crew.coder.write(work.briefing(plan), blueprint)
    codebase = Codebase.create(root, files, f"Experiment for blueprint {blueprint.digest()[:12]}")
    work.events.emit("decision", f"codebase written: {', '.join(sorted(files))}")
    return codebase
