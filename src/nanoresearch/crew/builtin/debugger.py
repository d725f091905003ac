"""Mends a study's program with the cures its kit knows, each at most once."""

import ast
import re
from collections.abc import Sequence

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.kits import load_kits, read_code
from nanoresearch.crew.builtin.kits.kit import Fix
from nanoresearch.crew.roles import Briefing
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Failure, Patch


class BuiltinDebugger:
    """Matches the error against the kit's known troubles, in the kit's order."""

    def patch(
        self,
        briefing: Briefing,
        blueprint: Blueprint,
        files: dict[str, str],
        failure: Failure,
        attempts: Sequence[Attempt],
    ) -> Patch | None:
        """The first cure that fits the error and was not applied before, or None."""
        applied = {attempt.patch for attempt in attempts}
        text = f"{failure.signature}\n{failure.message}\n{failure.tail}"
        for fix in load_kits()[blueprint.study].fixes:
            if fix.id not in applied and fix.file in files and re.search(fix.pattern, text):
                changed = apply_fix(files[fix.file], blueprint.study, fix)
                return Patch(fix=fix.id, reason=fix.reason, files={fix.file: changed})
        return None


def apply_fix(source: str, kit: str, fix: Fix) -> str:
    """Source with the function of that cure added and registered."""
    cure = codegen.take(read_code(kit, "fixes.py"), {"FIXES": [fix.id]})
    tree = ast.parse(cure)
    imports = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    functions = [ast.get_source_segment(cure, node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)]
    return codegen.register(source, fix.registry, fix.id, "\n\n\n".join(functions), imports)
