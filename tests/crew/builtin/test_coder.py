import ast
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nanoresearch.config import SetupConfig
from nanoresearch.crew.builtin.coder import BuiltinCoder, _requirement
from nanoresearch.crew.builtin.debugger import BuiltinDebugger
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.troubles import trouble
from nanoresearch.crew.roles import Briefing
from nanoresearch.execution.environment import HERE, environment_for
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Memory, Skill
from nanoresearch.schema.experiment import Attempt, Failure, Program
from nanoresearch.schema.plan import CodingGuidance
from nanoresearch.schema.profile import CodingStyle, Profile

from .conftest import briefing_for
from .lived import GAPS, OTHER_TEXT, TEXT, attempt, failure, memory, skill

TABLES = "tabular_classification"


def test_the_codebase_is_self_contained_and_parses(blueprint: Blueprint) -> None:
    files = BuiltinCoder().write(briefing_for("coding"), blueprint).files
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


@pytest.mark.parametrize("requirements", ["pinned", "ranges"])
def test_no_environment_is_made_for_what_is_written(blueprint: Blueprint, tmp_path: Path, requirements: str) -> None:
    """It asks for what is installed here, whatever its kit and the way in which versions are given."""
    for kit in load_kits().values():
        guidance = guide(briefing_for("coding", requirements=requirements).plan, CodingGuidance)
        text = "".join(f"{_requirement(name, guidance)}\n" for name in kit.requires)
        assert environment_for(text, tmp_path, SetupConfig()) is HERE, kit.id
    text = BuiltinCoder().write(briefing_for("coding", requirements=requirements), blueprint).files["requirements.txt"]
    assert environment_for(text, tmp_path, SetupConfig()) is HERE
    assert ("==" in text) is (requirements == "pinned")
    assert list(tmp_path.iterdir()) == []


def test_only_what_the_study_needs_is_written(blueprint: Blueprint) -> None:
    models = BuiltinCoder().write(briefing_for("coding"), blueprint).files["models.py"]
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
    plain = BuiltinCoder().write(briefing_for("coding"), blueprint).files
    changed = BuiltinCoder().write(briefing_for("coding", **effect), blueprint).files
    assert (name in changed) is present
    assert (name in plain) is not present


def test_coding_style_follows_profile_and_plan(blueprint: Blueprint) -> None:
    bare = Profile(coding=CodingStyle(docstrings=False, type_hints=False, comments=False))
    files = BuiltinCoder().write(briefing_for("coding", bare), blueprint).files
    tree = ast.parse(files["models.py"])
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert all(ast.get_docstring(node) is None and node.returns is None for node in functions)
    asked = BuiltinCoder().write(briefing_for("coding", bare, docstrings=True), blueprint).files
    assert ast.get_docstring(ast.parse(asked["models.py"]).body[-1])  # type: ignore[arg-type]


def cured_files(blueprint: Blueprint) -> dict[str, str]:
    """A codebase as it is after its first failure was cured."""
    files = BuiltinCoder().write(briefing_for("coding"), blueprint).files
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
    for copy in ("a", "b"):
        folder = tmp_path / copy
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        subprocess.run([sys.executable, "run.py", "--seed", "0"], cwd=folder, check=True, capture_output=True)
        outputs.append((folder / "results.jsonl").read_bytes())
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == len(small.methods) * len(small.metrics)


def test_a_cure_is_tried_once(blueprint: Blueprint) -> None:
    files = BuiltinCoder().write(briefing_for("coding"), blueprint).files
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
    files = BuiltinCoder().write(briefing_for("coding"), blueprint).files
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


# What earlier runs taught


def briefed(*entries: Skill | Memory) -> Briefing:
    return replace(
        briefing_for("coding"),
        skills=tuple(item for item in entries if isinstance(item, Skill)),
        memories=tuple(item for item in entries if isinstance(item, Memory)),
    )


def steps(program: Program, registry: str = "PREPARATION") -> str:
    line = next(line for line in program.files["models.py"].splitlines() if line.startswith(f"{registry}:"))
    return line.partition("= ")[2]


def test_nothing_is_prepared_without_a_reason(blueprint: Blueprint) -> None:
    program = BuiltinCoder().write(briefing_for("coding"), blueprint)
    assert program.prepared == ()
    assert steps(program) == "[]"


def test_cures_of_earlier_studies_are_applied_from_the_start_in_the_kits_order(blueprint: Blueprint) -> None:
    late = skill("debugging", "fix", "impute_missing", trigger=trouble(GAPS))
    early = skill("coding", "fix", "encode_categories", trigger=trouble(TEXT), status="trusted")
    program = BuiltinCoder().write(briefed(late, early), blueprint)
    assert [(item.fix, item.skill) for item in program.prepared] == [
        ("encode_categories", early.id),
        ("impute_missing", late.id),
    ]
    assert steps(program) == "[encode_categories, impute_missing]"
    assert program.prepared[0].reason.startswith("Earlier studies of this kind failed without it: there, some columns")
    ast.parse(program.files["models.py"])


def test_what_was_not_seen_here_is_not_said_to_be_seen(blueprint: Blueprint) -> None:
    told = skill("debugging", "fix", "encode_categories", trigger=trouble(TEXT), origin="imported")
    (first,) = BuiltinCoder().write(briefed(told), blueprint).prepared
    assert "taken over from elsewhere" in first.reason
    data = tuple(staged.card.id for staged in blueprint.datasets)
    where = {"study": (blueprint.study,), "dataset": data}
    for needed, words in (((), "had it from the start"), (("standardise",), "failed without it: there,")):
        known = memory("configuration", "validated", where, fixes=["standardise"], needed=list(needed))
        (item,) = BuiltinCoder().write(replace(briefed(), memories=(known,)), blueprint).prepared
        assert words in item.reason


@pytest.mark.parametrize(
    "other",
    [
        skill("debugging", "fix", "impute_missing", status="retired"),
        skill("debugging", "fix", "impute_missing", scope="count_regression"),
        skill("debugging", "fix", "impute_missing", crew="another"),
        skill("debugging", "mend", "impute_missing"),
        skill("planning", "fix", "impute_missing"),
        skill("debugging", "fix", "no_such_cure"),
        skill("debugging", "fix", "halve_rows", trigger="TimeLimit: not done after"),
        skill("debugging", "fix", "halve_rows"),
    ],
    ids=["retired", "other kit", "other crew", "other action", "other phase", "unknown", "lack of time", "reduction"],
)
def test_what_does_not_apply_is_not_applied(blueprint: Blueprint, other: Skill) -> None:
    program = BuiltinCoder().write(briefed(other), blueprint)
    assert program.prepared == ()
    assert program.files == BuiltinCoder().write(briefing_for("coding"), blueprint).files


def tried(dataset: str, fix: str, minutes: float = 1.0) -> Memory:
    conditions = {"study": (TABLES,), "dataset": (dataset,)}
    return memory("configuration", "validated", conditions, fixes=[fix], minutes_per_run=minutes)


def test_a_configuration_speaks_for_its_own_data(blueprint: Blueprint) -> None:
    own, other = tried("wine", "standardise"), tried("iris", "impute_missing")
    program = BuiltinCoder().write(briefed(own, other), blueprint)
    assert [(item.fix, item.skill) for item in program.prepared] == [("standardise", own.id)]


def test_rows_are_left_out_from_the_start_only_where_time_was_as_short(blueprint: Blueprint) -> None:
    here = blueprint.budget.minutes_per_run
    for minutes, expected in ((here, ["halve_rows"]), (here / 2, [])):
        program = BuiltinCoder().write(briefed(tried("wine", "halve_rows", minutes)), blueprint)
        assert [item.fix for item in program.prepared] == expected
        assert (steps(program, "REDUCTION") == "[halve_rows]") is bool(expected)


def test_prepared_cures_follow_the_coding_style(blueprint: Blueprint) -> None:
    bare = Profile(coding=CodingStyle(docstrings=False, type_hints=False, comments=False))
    asked = replace(briefing_for("coding", bare), skills=(skill("debugging", "fix", "impute_missing"),))
    tree = ast.parse(BuiltinCoder().write(asked, blueprint).files["models.py"])
    cure = next(item for item in tree.body if isinstance(item, ast.FunctionDef) and item.name == "impute_missing")
    assert ast.get_docstring(cure) is None


def test_the_debugger_tries_what_helped_before_first_and_names_it(blueprint: Blueprint) -> None:
    files = BuiltinCoder().write(briefing_for("coding"), blueprint).files
    strange = failure("ValueError @ models.py:fit: the matrix holds gaps in 'age'")
    known = skill("debugging", "fix", "impute_missing", trigger=trouble(strange))
    assert BuiltinDebugger().patch(briefing_for("coding"), blueprint, files, strange, ()) is None
    patch = BuiltinDebugger().patch(briefed(known), blueprint, files, strange, ())
    assert patch is not None
    assert (patch.fix, patch.skill) == ("impute_missing", known.id)
    usual = skill("debugging", "fix", "encode_categories", trigger=trouble(TEXT))
    patch = BuiltinDebugger().patch(briefed(known, usual), blueprint, files, OTHER_TEXT, ())
    assert patch is not None
    assert (patch.fix, patch.skill) == ("encode_categories", usual.id)
    written = skill("debugging", "fix", "impute_missing", trigger="the matrix holds gaps")
    vague = skill("debugging", "fix", "standardise", trigger="ValueError")
    patch = BuiltinDebugger().patch(briefed(vague, written), blueprint, files, strange, ())
    assert patch is not None
    assert patch.skill == written.id


def test_a_surer_skill_comes_first_and_the_kit_last(blueprint: Blueprint) -> None:
    files = BuiltinCoder().write(briefing_for("coding"), blueprint).files
    unsure = skill("debugging", "fix", "standardise", trigger=trouble(GAPS), uses=3, failures=3)
    sure = skill("debugging", "fix", "encode_categories", trigger=trouble(GAPS), uses=3, successes=3)
    first = BuiltinDebugger().patch(briefed(unsure, sure), blueprint, files, GAPS, ())
    assert first is not None
    assert first.skill == sure.id
    again = (attempt(1, GAPS, patch="encode_categories"), attempt(2, GAPS, patch="standardise"))
    last = BuiltinDebugger().patch(briefed(unsure, sure), blueprint, files, GAPS, again)
    assert last is not None
    assert (last.fix, last.skill) == ("impute_missing", None)


def test_a_prepared_cure_is_not_applied_again(blueprint: Blueprint) -> None:
    known = skill("debugging", "fix", "impute_missing", trigger=trouble(GAPS))
    program = BuiltinCoder().write(briefed(known), blueprint)
    assert BuiltinDebugger().patch(briefed(known), blueprint, program.files, GAPS, ()) is None
