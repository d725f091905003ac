import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nanoresearch.crew.builtin.coder import BuiltinCoder
from nanoresearch.crew.builtin.debugger import BuiltinDebugger
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Failure
from nanoresearch.schema.profile import CodingStyle, Profile

from .conftest import briefing_for


def test_the_codebase_is_self_contained_and_parses(blueprint: Blueprint) -> None:
    files = BuiltinCoder().write(briefing_for("coding"), blueprint)
    assert {"data.py", "models.py", "train.py", "evaluate.py", "run.py", "harness.py"} <= set(files)
    assert {"README.md", "requirements.txt", "submit.sbatch", "config.json", ".gitignore"} <= set(files)
    for name, text in files.items():
        if name.endswith(".py"):
            tree = ast.parse(text)
            modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not any((module or "").startswith("nanoresearch") for module in modules)
    assert blueprint.digest() in files["README.md"]
    assert "#SBATCH --array=0,1,2,3,4" in files["submit.sbatch"]
    config = json.loads(files["config.json"])
    assert [method["id"] for method in config["methods"]] == [method.id for method in blueprint.methods]


def test_only_what_the_study_needs_is_written(blueprint: Blueprint) -> None:
    models = BuiltinCoder().write(briefing_for("coding"), blueprint)["models.py"]
    assert "add_quantiles" in models
    assert "add_interactions" not in models


@pytest.mark.parametrize(
    ("effect", "name", "present"),
    [
        ({"unit_tests": True}, "tests.py", True),
        ({"cluster_script": False}, "submit.sbatch", False),
    ],
)
def test_coding_directives_show_in_the_files(
    blueprint: Blueprint, effect: dict[str, object], name: str, present: bool
) -> None:
    plain = BuiltinCoder().write(briefing_for("coding"), blueprint)
    changed = BuiltinCoder().write(briefing_for("coding", **effect), blueprint)
    assert (name in changed) is present
    assert (name in plain) is not present


def test_coding_style_follows_profile_and_plan(blueprint: Blueprint) -> None:
    bare = Profile(coding=CodingStyle(docstrings=False, type_hints=False, comments=False))
    files = BuiltinCoder().write(briefing_for("coding", bare), blueprint)
    tree = ast.parse(files["models.py"])
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert all(ast.get_docstring(node) is None and node.returns is None for node in functions)
    asked = BuiltinCoder().write(briefing_for("coding", bare, docstrings=True), blueprint)
    assert ast.get_docstring(ast.parse(asked["models.py"]).body[-1])  # type: ignore[arg-type]


def cured_files(blueprint: Blueprint) -> dict[str, str]:
    """A codebase as it is after its first failure was cured."""
    files = BuiltinCoder().write(briefing_for("coding"), blueprint)
    cure = Failure(
        outcome="failed",
        signature="ConvergenceWarning",
        message="lbfgs failed to converge",
        file=None,
        line=None,
        tail="",
    )
    patch = BuiltinDebugger().patch(briefing_for("coding"), blueprint, files, cure, ())
    assert patch is not None
    return {**files, **patch.files}


def test_the_study_runs_and_gives_the_same_values_twice(blueprint: Blueprint, tmp_path: Path) -> None:
    small = blueprint.model_copy(update={"datasets": blueprint.datasets[:1], "measures": ()})
    files = cured_files(small)
    outputs = []
    for attempt in ("a", "b"):
        folder = tmp_path / attempt
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        subprocess.run([sys.executable, "run.py", "--seed", "0"], cwd=folder, check=True, capture_output=True)
        outputs.append((folder / "results.jsonl").read_bytes())
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == len(small.methods) * len(small.metrics)


def test_a_cure_is_tried_once(blueprint: Blueprint) -> None:
    files = BuiltinCoder().write(briefing_for("coding"), blueprint)
    failure = Failure(
        outcome="failed", signature="ValueError", message="Input X contains NaN.", file="models.py", line=1, tail=""
    )
    patch = BuiltinDebugger().patch(briefing_for("coding"), blueprint, files, failure, ())
    assert patch is not None
    assert set(patch.files) == {"models.py"}
    assert patch.fix in patch.files["models.py"]
    tried = Attempt(
        number=1, commit="c", smoke=True, outcome="failed", jobs=(), started="2026-01-01T00:00:00+00:00", seconds=1,
        failure=failure, patch=patch.fix,
    )  # fmt: skip
    assert BuiltinDebugger().patch(briefing_for("coding"), blueprint, files, failure, (tried,)) is None


def test_an_unknown_trouble_has_no_cure(blueprint: Blueprint) -> None:
    files = BuiltinCoder().write(briefing_for("coding"), blueprint)
    failure = Failure(
        outcome="failed", signature="ZeroDivisionError", message="division by zero", file=None, line=None, tail=""
    )
    assert BuiltinDebugger().patch(briefing_for("coding"), blueprint, files, failure, ()) is None


@pytest.mark.slurm
@pytest.mark.usefixtures("cluster")
def test_the_cluster_script_runs_by_hand(blueprint: Blueprint, tmp_path: Path) -> None:
    short = blueprint.model_copy(update={"seeds": blueprint.seeds[:2], "datasets": blueprint.datasets[:1]})
    for name, content in cured_files(short).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / f"results-{short.seeds[0]}.jsonl").write_text("of an earlier run\n")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["sbatch", "submit.sbatch"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    while subprocess.run(["squeue", "--noheader"], capture_output=True, check=True).stdout:
        time.sleep(0.2)
    printed = [path.read_text() for path in tmp_path.glob("slurm-*.out")]
    assert len(printed) == 2
    assert not any("Traceback" in text for text in printed), printed
    for seed in short.seeds:
        lines = (tmp_path / f"results-{seed}.jsonl").read_text().splitlines()
        assert {json.loads(line)["seed"] for line in lines} == {seed}
        assert {json.loads(line)["method"] for line in lines} == {method.id for method in short.methods}
