import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.tabular_regression.kit import KIT
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.datasets.catalogue import load_catalogue

CODE = Path(importlib.import_module("nanoresearch").__file__).parent / "crew/builtin/kits" / KIT.id / "code"


@pytest.fixture
def code(monkeypatch):
    monkeypatch.syspath_prepend(str(CODE))
    names = [path.stem for path in CODE.glob("*.py")]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)


def keys(file, registry):
    tree = ast.parse(read_code(KIT.id, file))
    node = next(n for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == registry)
    return {key.value for key in node.value.keys}


def test_the_registries_hold_what_the_kit_promises():
    assert keys("models.py", "COMPONENTS") == {c.spec.id for c in KIT.components}
    assert keys("models.py", "BASES") == {"baseline", KIT.reference.id, *(m.id for m in KIT.alternatives)}
    assert keys("evaluate.py", "METRICS") == {m.spec.id for m in KIT.metrics}
    assert keys("data.py", "LOADERS") == {d.id for d in KIT.datasets}
    assert set(load_catalogue()) >= {d.id for d in KIT.datasets}
    if KIT.fixes:
        assert keys("fixes.py", "FIXES") >= {f.id for f in KIT.fixes}


def run_program(dataset, root, folder, sweep=None):
    config = study_config(
        datasets=[dataset],
        methods=(KIT.reference, KIT.baseline),
        metrics=[metric.spec.id for metric in KIT.metrics],
        sweep=sweep,
        protocol=KIT.protocols[0].spec,
        measures=["fit_seconds"],
        slices=KIT.sliced,
    )
    for name, text in source_files(KIT.id, config).items():
        (folder / name).write_text(text)
    command = [sys.executable, "run.py", "--seed", "0", "--data", str(root)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


@pytest.fixture
def split(code):
    table = code["data"].load_diabetes_table(Path())
    return code["data"].split(table, {"id": "holdout", "test_fraction": 0.3}, 0, {})


def test_the_program_runs_on_data_of_a_library(tmp_path):
    records = run_program("diabetes", tmp_path, tmp_path)
    value = {(r["method"], r["metric"]): r["value"] for r in records}
    assert value["baseline", "r2"] > 0.3 > value["mean", "r2"]


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_predictions(code, component):
    models, data = code["models"], code["data"]
    protocol = {"id": "holdout", "test_fraction": 0.3}
    split = data.split(data.load_diabetes_table(Path()), protocol, 0, {"train_fraction": 0.15})
    plain = models.predict(models.fit("baseline", [], split.train, 0), split.inputs)
    changed = models.predict(models.fit("baseline", [component], split.train, 0), split.inputs)
    again = models.predict(models.fit("baseline", [component], split.train, 0), split.inputs)
    assert not np.allclose(plain, changed)
    assert np.array_equal(changed, again)


@pytest.mark.parametrize("base", ["mean", "gradient_boosting", "mlp", "random_forest"])
def test_every_base_predicts_numbers(code, split, base):
    models = code["models"]
    model = models.fit(base, [], split.train, 0)
    assert np.isfinite(models.predict(model, split.inputs)).all()
    assert (models.count_parameters(model) > 0) == (base != "mean")


def test_robust_loss_resists_gross_errors(code, split):
    models = code["models"]
    truth = models.fit("baseline", [], split.train, 0)[-1][-1].coef_
    split.train.values[::10] *= 20
    spoiled = models.fit("baseline", [], split.train, 0)[-1][-1].coef_
    robust = models.fit("baseline", ["robust_loss"], split.train, 0)[-1][-1].ridge_.coef_
    assert np.abs(robust - truth).sum() < 0.5 * np.abs(spoiled - truth).sum()


def test_splits_are_disjoint_and_sweeps_touch_training_rows_only(code):
    data = code["data"]
    table = data.load_diabetes_table(Path())
    protocol = {"id": "cross_validation", "test_fraction": 0.2}
    tested = []
    for seed in range(5):
        plain = data.split(table, protocol, seed, {})
        spoiled = data.split(table, protocol, seed, {"outliers": 0.1})
        assert not set(plain.train.features.index) & set(plain.inputs.index)
        assert np.array_equal(plain.targets, spoiled.targets)
        assert np.mean(plain.train.values != spoiled.train.values) == pytest.approx(0.1, abs=0.01)
        tested.extend(plain.inputs.index)
    assert sorted(tested) == list(range(len(table.values)))
