"""Troubles that a study of a kit meets: it fails without the cure, succeeds with it, on the same test rows."""

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nanoresearch.config import ExecutionConfig
from nanoresearch.crew.builtin.debugger import apply_fix
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.events import Events
from nanoresearch.execution.attempts import run_attempt
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.schema.blueprint import MethodSpec, Sweep
from nanoresearch.schema.experiment import Patch

BUILTIN = Path(importlib.util.find_spec("nanoresearch").origin).parent / "crew/builtin"
MODULES = ("data", "models", "evaluate", "fixes")
TABLES = ("count_regression", "imbalanced_classification", "tabular_classification", "tabular_regression")
BASELINE = MethodSpec(id="baseline", name="baseline", role="baseline")


@pytest.fixture
def load(monkeypatch):
    """Import the program text of a kit."""

    def load_code(kit):
        monkeypatch.syspath_prepend(str(BUILTIN / "codebase"))
        monkeypatch.syspath_prepend(str(BUILTIN / "kits" / kit / "code"))
        for name in MODULES:
            monkeypatch.delitem(sys.modules, name, raising=False)
        return {name: importlib.import_module(name) for name in MODULES}

    yield load_code
    for name in MODULES:
        sys.modules.pop(name, None)


def fix_of(kit, name):
    return next(fix for fix in load_kits()[kit].fixes if fix.id == name)


def fitting(kit, text):
    return [fix.id for fix in load_kits()[kit].fixes if re.search(fix.pattern, text)]


def write(folder, kit, dataset, components, metrics, sweep):
    variant = MethodSpec(id="variant", name="variant", role="variant", components=components)
    config = study_config(
        datasets=[dataset],
        methods=(BASELINE, variant),
        metrics=metrics,
        sweep=sweep,
        protocol=load_kits()[kit].protocols[0].spec,
        measures=[],
        slices=False,
    )
    folder.mkdir()
    for name, text in source_files(kit, config).items():
        (folder / name).write_text(text)


def run(folder, root):
    (folder / "results.jsonl").unlink(missing_ok=True)
    command = [sys.executable, "run.py", "--seed", "0", "--data", str(root)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def cure(folder, kit, name):
    fix = fix_of(kit, name)
    source = (folder / fix.file).read_text()
    (folder / fix.file).write_text(apply_fix(source, kit, fix))


def values(folder):
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return {(r["method"], r["condition"], r["metric"]): r["value"] for r in records}


def sweep_of(kit, name, *settings):
    option = next(option for option in load_kits()[kit].sweeps if option.spec.id == name)
    assert set(settings) <= set(option.spec.values)
    return Sweep(id=name, name=option.spec.name, values=settings, description=option.spec.description)


@pytest.mark.parametrize("component", ["sigmoid_calibration", "isotonic_calibration"])
def test_a_class_with_fewer_rows_than_recalibration_has_folds(tmp_path, component):
    kit, folder = "tabular_classification", tmp_path / "study"
    write(folder, kit, "wine", (component,), ["log_loss"], sweep_of(kit, "train_fraction", 1.0, 0.05))
    cure(folder, kit, "standardise")
    failed = run(folder, tmp_path)
    before = values(folder)
    assert failed.returncode
    assert fitting(kit, failed.stderr) == ["limit_folds"]
    cure(folder, kit, "limit_folds")
    done = run(folder, tmp_path)
    assert done.returncode == 0, done.stderr
    after = values(folder)
    assert before.items() <= after.items()  # what could be computed before is what it was
    assert len(after) == 4


def keel_table(root, positives=28):
    folder = root / "keel-imbalanced" / "imbalanced"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.arange(320) < positives
    x = rng.normal(size=(320, 2)) + labels[:, None]
    lines = [f"{a:.4f}, {b:.4f}, {'positive' if y else 'negative'}" for (a, b), y in zip(x, labels, strict=True)]
    (folder / "small.dat").write_text("@data\n" + "\n".join(lines) + "\n")


def test_fewer_rare_rows_than_synthetic_rows_need_neighbours(tmp_path):
    kit, folder = "imbalanced_classification", tmp_path / "study"
    keel_table(tmp_path)
    parts = ("smote", "threshold")  # in the inner folds of the last setting a single rare row is left
    write(folder, kit, "keel-imbalanced", parts, ["f1", "pr_auc"], sweep_of(kit, "positive_share", 1.0, 0.25, 0.1))
    failed = run(folder, tmp_path)
    before = values(folder)
    assert failed.returncode
    assert fitting(kit, failed.stderr) == ["limit_neighbours"]
    cure(folder, kit, "limit_neighbours")
    done = run(folder, tmp_path)
    assert done.returncode == 0, done.stderr
    assert before.items() <= values(folder).items()


@pytest.mark.parametrize("components", [["threshold"], ["threshold", "tree"]])
def test_an_inner_fold_without_a_rare_row(load, tmp_path, components):
    kit = "imbalanced_classification"
    code = load(kit)
    keel_table(tmp_path)
    tables = code["data"].load_keel(tmp_path)
    split = code["data"].split(tables, {"id": "holdout", "test_fraction": 0.3}, 0, {"positive_share": 0.1})
    for cut in ("halve_rows", "quarter_rows"):
        code["models"].REDUCTION.append(code["fixes"].FIXES[cut])
    with np.errstate(divide="ignore"), pytest.raises((ValueError, IndexError)) as error:
        code["models"].fit("baseline", components, split.train, 0)
    assert fitting(kit, f"{error.type.__name__}: {error.value}") == ["limit_folds"]
    code["models"].FOLDING.append(code["fixes"].limit_folds)
    model = code["models"].fit("baseline", components, split.train, 0)
    assert model["small"][-1].threshold_ == 0.5


@pytest.mark.parametrize("kit", TABLES)
def test_only_a_lack_of_time_is_cured_by_fewer_rows(kit):
    assert fitting(kit, "TimeLimit: was still running after N s") == ["halve_rows", "quarter_rows"]
    assert not fitting(kit, "BudgetExhausted: the experiment's time is used up")
    assert not fitting(kit, "TimeoutError: read timed out\nsee TimeLimit")


@pytest.mark.parametrize("kit", TABLES)
def test_reasons_can_stand_in_a_paper(kit):
    for fix in load_kits()[kit].fixes:
        assert not re.search(r"[&%$#_{}~^\\]", fix.reason)
        assert re.fullmatch(r"[^.]+\.", fix.reason)


@pytest.mark.parametrize("kit", TABLES)
def test_fewer_rows_are_a_nested_draw_of_the_seed(load, kit):
    code = load(kit)
    models, cures = code["models"], code["fixes"].FIXES
    classes = np.repeat([0, 1, 2], [70, 25, 1])
    strata = classes if kit.endswith("classification") else len(classes)
    assert models.rows_in_use(strata, 3).tolist() == list(range(96))
    models.REDUCTION.append(cures["halve_rows"])
    half = models.rows_in_use(strata, 3)
    assert half.tolist() == models.rows_in_use(strata, 3).tolist()
    assert half.tolist() != models.rows_in_use(strata, 4).tolist()
    models.REDUCTION.append(cures["quarter_rows"])
    eighth = models.rows_in_use(strata, 3)
    assert set(eighth) < set(half)
    if kit.endswith("classification"):  # no class is lost
        assert np.bincount(classes[half]).tolist() == [35, 13, 1]
        assert np.bincount(classes[eighth]).tolist() == [9, 4, 1]
    else:
        assert (len(half), len(eighth)) == (48, 12)


@pytest.mark.slow
def test_a_run_that_takes_too_long_goes_on_with_half_of_the_rows(blueprint, tmp_path):
    kit = "tabular_classification"
    small = blueprint.model_copy(
        update={
            "datasets": tuple(item for item in blueprint.datasets if item.card.id == "wine"),
            "methods": (BASELINE, MethodSpec(id="majority", name="majority", role="reference")),
            "sweep": None,
            "measures": (),
            "slices": False,
            "seeds": (0,),
            "budget": blueprint.budget.model_copy(update={"minutes": 1.5, "minutes_per_run": 0.4, "parallel": 1}),
        }
    )
    config = study_config(
        datasets=["wine"], methods=small.methods, metrics=[item.id for item in small.metrics], sweep=None,
        protocol=small.protocol, measures=[], slices=False,
    )  # fmt: skip
    files = source_files(kit, config)
    files["models.py"] = apply_fix(files["models.py"], kit, fix_of(kit, "standardise"))
    # A learner that takes a tenth of a second for every row, whatever the machine.
    files["models.py"] = files["models.py"].replace(
        "    return model.fit(", "    __import__('time').sleep(0.1 * len(rows))\n    return model.fit("
    )
    codebase = Codebase.create(tmp_path / "code", files)
    attempts = []
    while not attempts or attempts[-1].outcome != "succeeded":
        number = len(attempts) + 1
        attempts.append(
            run_attempt(
                number, smoke=False, codebase=codebase, blueprint=small, folder=tmp_path / "attempts" / str(number),
                executor=LocalExecutor(), data_root=tmp_path, config=ExecutionConfig(), events=Events(),
            )
        )  # fmt: skip
        failure = attempts[-1].failure
        if failure is not None:
            assert failure.signature.startswith("TimeLimit")
            text = f"{failure.signature}\n{failure.message}\n{failure.tail}"
            fix = fix_of(kit, fitting(kit, text)[number - 1])
            current = codebase.files()
            codebase.apply(
                Patch(fix=fix.id, reason=fix.reason, files={fix.file: apply_fix(current[fix.file], kit, fix)})
            )
    assert [attempt.outcome for attempt in attempts] == ["timed_out", "succeeded"]
    assert "REDUCTION: list = [halve_rows]" in codebase.files()["models.py"]
