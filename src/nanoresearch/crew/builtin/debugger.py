"""Mends a study's program with cures: those that helped earlier studies first, then the others of its kit.

Each is applied at most once, those included that the program held from the start.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.kits import load_kits, read_code
from nanoresearch.crew.builtin.kits.kit import Fix
from nanoresearch.crew.builtin.recall import advice
from nanoresearch.crew.builtin.troubles import answers
from nanoresearch.crew.roles import Briefing
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Failure, Patch


class BuiltinDebugger:
    """Matches the error against troubles of earlier studies, then against those that the kit knows."""

    def patch(
        self,
        briefing: Briefing,
        blueprint: Blueprint,
        files: dict[str, str],
        failure: Failure,
        attempts: Sequence[Attempt],
    ) -> Patch | None:
        """The first cure that fits the error and is not in the program yet, or None."""
        tried = {attempt.patch for attempt in attempts}
        for fix, skill in candidates(briefing, blueprint, failure):
            if fix.id not in tried and fix.file in files and not holds(files[fix.file], fix):
                changed = apply_fix(files[fix.file], blueprint.study, fix)
                return Patch(fix=fix.id, reason=fix.reason, files={fix.file: changed}, skill=skill)
        return None


def candidates(briefing: Briefing, blueprint: Blueprint, failure: Failure) -> Iterator[tuple[Fix, str | None]]:
    """Cures for a failure, each with the skill that it comes from; the surest skill first, then the kit's order."""
    fixes = {fix.id: fix for fix in load_kits()[blueprint.study].fixes}
    known = advice(briefing.skills, ("debugging", "coding"), "fix", blueprint.study)
    for item in sorted(known, key=lambda item: -item.confidence):
        if item.target in fixes and answers(item.trigger, failure, blueprint):
            yield fixes[item.target], item.skill
    text = f"{failure.signature}\n{failure.message}\n{failure.tail}"
    for fix in fixes.values():
        if re.search(fix.pattern, text):
            yield fix, None


def holds(source: str, fix: Fix) -> bool:
    """Whether a program already has that cure. True also where it has no place for it."""
    try:
        return fix.id in codegen.registered(source, fix.registry)
    except ValueError:
        return True


def apply_fix(source: str, kit: str, fix: Fix) -> str:
    """Source with the function of that cure added and registered."""
    cure = codegen.take(read_code(kit, "fixes.py"), {"FIXES": [fix.id]})
    tree = ast.parse(cure)
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    functions = [ast.get_source_segment(cure, node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)]
    return codegen.register(source, fix.registry, fix.id, "\n\n\n".join(functions), imports)
