"""Wishes about code, execution and results."""

import ast
import re
from collections.abc import Callable
from typing import Any

from nanoresearch.bench.artifacts import Artifacts

PRETRAINED = ("torch", "torchvision", "transformers", "tensorflow", "timm", "sentence_transformers", "speechbrain")
VERSIONS = re.compile(r"\bpython \d+\.\d+.*\b\w+ \d+\.\d+", re.IGNORECASE)
TIMES = re.compile(r"\b\d+\.\d+ s\b")


def imported(code: dict[str, str]) -> set[str]:
    """Top-level modules that the Python files import; files that do not parse are left out."""
    found: set[str] = set()
    for name, text in code.items():
        if not name.endswith(".py"):
            continue
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def forbid_modules(run: Artifacts, value: list[str]) -> bool:
    """Code that imports none of these."""
    return bool(run.code) and not imported(run.code) & set(value)


def forbid_pretrained(run: Artifacts, value: bool) -> bool:
    """Code that imports nothing that brings pretrained models."""
    return forbid_modules(run, list(PRETRAINED))


def out_of_reach(run: Artifacts, value: bool) -> bool:
    """Results scored by a program outside the experiment's reach, so that nothing can have been tuned on the truth."""
    return bool(run.results) and all(item.scored == "frozen" for item in run.results)


def max_wall_seconds(run: Artifacts, value: float) -> bool:
    """An experiment that took no longer."""
    return run.final_attempt is not None and run.final_attempt.seconds <= value


def no_unreported_warnings(run: Artifacts, value: bool) -> bool:
    """No warnings on the error output, or a paper that speaks of them."""
    if run.final_attempt is None:
        return False
    return "Warning" not in run.output("stderr") or "warning" in run.text().lower()


def code_files(run: Artifacts, value: list[str]) -> bool:
    """These files beside the program."""
    return set(value) <= set(run.code)


def no_code_files(run: Artifacts, value: list[str]) -> bool:
    """None of these files."""
    return bool(run.code) and not set(value) & set(run.code)


def log_shows(run: Artifacts, value: str) -> bool:
    """Versions or times in what the experiment printed."""
    return bool({"versions": VERSIONS, "times": TIMES}[value].search(run.output("stdout")))


def predictions_kept(run: Artifacts, value: bool) -> bool:
    """Predictions among the files of the attempt that the results are from."""
    if run.final_attempt is None:
        return False
    folder = run.folder.path(f"execution/attempts/{run.final_attempt.number}")
    return any("prediction" in str(path.relative_to(folder)).lower() for path in folder.rglob("*") if path.is_file())


TESTS: dict[str, Callable[[Artifacts, Any], bool]] = {
    "forbid_modules": forbid_modules,
    "forbid_pretrained": forbid_pretrained,
    "no_test_tuning": out_of_reach,
    "no_target_labels": out_of_reach,
    "resample_in_fold": out_of_reach,
    "max_wall_seconds": max_wall_seconds,
    "no_unreported_warnings": no_unreported_warnings,
    "code_files": code_files,
    "no_code_files": no_code_files,
    "log_shows": log_shows,
    "predictions_kept": predictions_kept,
}
