import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.tabular_classification.kit import KIT
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.schema.blueprint import MethodSpec

CODE = Path(importlib.util.find_spec("nanoresearch").origin).parent / "crew/builtin/kits" / KIT.id / "code"


@pytest.fixture
def code(monkeypatch):
    monkeypatch.syspath_prepend(str(CODE.parents[2] / "codebase"))  # what all kits share
    monkeypatch.syspath_prepend(str(CODE))
    for name in ("data", "models", "evaluate", "fixes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    modules = {name: importlib.import_module(name) for name in ("data", "models", "evaluate", "fixes")}
    yield modules
    for name in modules:
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
    assert keys("fixes.py", "FIXES") >= {f.id for f in KIT.fixes}
    assert set(load_catalogue()) >= {d.id for d in KIT.datasets}


def penguin_folder(root):
    rng = np.random.default_rng(0)
    species = np.repeat(["Adelie", "Gentoo", "Chinstrap"], 30)
    frame = pd.DataFrame({"species": species, "island": rng.choice(["Dream", "Biscoe"], 90)})
    frame["bill_length_mm"] = rng.normal(40, 3, 90) + 3 * (species == "Gentoo")
    frame["body_mass_g"] = rng.normal(4000, 500, 90)
    frame["sex"] = rng.choice(["male", "female"], 90)
    frame["year"] = 2007
    frame.loc[3, ["bill_length_mm", "sex"]] = None
    (root / "penguins").mkdir()
    frame.to_csv(root / "penguins" / "penguins.csv", index=False)


def run(folder, root):
    command = [sys.executable, "run.py", "--seed", "0", "--data", str(root)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_each_trouble_in_the_data_is_met_and_cured_by_its_fix(tmp_path):
    penguin_folder(tmp_path)
    folder = tmp_path / "study"
    folder.mkdir()
    methods = (KIT.reference, KIT.baseline, MethodSpec(id="x", name="x", role="variant", components=("interactions",)))
    config = study_config(
        datasets=["penguins", "breast-cancer"],
        methods=methods,
        metrics=["ece", "brier"],
        sweep=None,
        protocol=KIT.protocols[0].spec,
        measures=["fit_seconds"],
        slices=True,
    )
    for name, text in source_files(KIT.id, config).items():
        (folder / name).write_text(text)
    met = []
    while (done := run(folder, tmp_path)).returncode and len(met) < 3:
        fix = next(f for f in KIT.fixes if f.id not in met and re.search(f.pattern, done.stderr))
        met.append(fix.id)
        (folder / "results.jsonl").unlink(missing_ok=True)
        tree = ast.parse(codegen.take(read_code(KIT.id, "fixes.py"), {"FIXES": [fix.id]}))
        imports = [ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        definition = next(ast.unparse(n) for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == fix.id)
        source = (folder / fix.file).read_text()
        (folder / fix.file).write_text(codegen.register(source, fix.registry, fix.id, definition, imports))
    assert done.returncode == 0, done.stderr
    assert met[0] == "encode_categories"
    assert set(met) == {fix.id for fix in KIT.fixes if fix.registry == "PREPARATION"}
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert {r["method"] for r in records if r["metric"] == "brier"} == {"majority", "baseline", "x"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_fixes_work_in_whatever_order_they_were_added(code, tmp_path, order):
    penguin_folder(tmp_path)
    table = code["data"].load_penguins(tmp_path)
    steps = [code["fixes"].FIXES[fix.id] for fix in KIT.fixes if fix.registry == "PREPARATION"]
    code["models"].PREPARATION.extend(steps[i] for i in order)
    model = code["models"].fit("baseline", [], table, 0)
    values = model[:-1].transform(table.features)
    assert np.isfinite(np.asarray(values, dtype=float)).all()
    assert values["body_mass_g"].std() == pytest.approx(1, abs=0.02)


@pytest.fixture
def wine(code):
    code["models"].PREPARATION.append(code["fixes"].standardise)
    table = code["data"].load_wine_table(Path())
    return code["data"].split(table, {"id": "holdout", "test_fraction": 0.3}, 0, {})


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_probabilities(code, wine, component):
    models = code["models"]
    plain, _ = models.predict(models.fit("baseline", [], wine.train, 0), wine.inputs)
    changed, _ = models.predict(models.fit("baseline", [component], wine.train, 0), wine.inputs)
    again, _ = models.predict(models.fit("baseline", [component], wine.train, 0), wine.inputs)
    assert not np.allclose(plain, changed)
    assert np.array_equal(changed, again)


@pytest.mark.parametrize("base", ["majority", "gradient_boosting", "random_forest", "mlp"])
def test_every_base_gives_probabilities(code, wine, base):
    models = code["models"]
    model = models.fit(base, [], wine.train, 0)
    probabilities, classes = models.predict(model, wine.inputs)
    assert probabilities.shape == (len(wine.targets), len(classes))
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (models.count_parameters(model) > 0) == (base != "majority")


def test_five_folds_test_every_row_once_and_never_train_on_it(code):
    data = code["data"]
    table = data.load_iris_table(Path())
    tested = []
    for seed in range(5):
        split = data.split(table, {"id": "cross_validation", "test_fraction": 0.2}, seed, {})
        assert not set(split.train.features.index) & set(split.inputs.index)
        tested.extend(split.inputs.index)
    assert sorted(tested) == list(range(150))


def test_sweeps_touch_the_training_part_only(code):
    data = code["data"]
    table = data.load_iris_table(Path())
    protocol = {"id": "holdout", "test_fraction": 0.3}
    plain = data.split(table, protocol, 1, {})
    noisy = data.split(table, protocol, 1, {"label_noise": 0.2})
    small = data.split(table, protocol, 1, {"train_fraction": 0.5})
    assert np.mean(plain.train.labels != noisy.train.labels) == pytest.approx(0.2, abs=0.01)
    assert np.array_equal(plain.targets, noisy.targets)
    assert np.array_equal(plain.targets, small.targets)
    assert len(small.train.labels) == len(plain.train.labels) // 2


def test_brier_score_is_the_usual_one_for_two_classes(code):
    targets = np.array([0, 1, 1])
    predictions = (np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]), np.array([0, 1]))
    assert code["evaluate"].brier_score(targets, predictions) == pytest.approx((0.04 + 0.16 + 0.25) / 3)


def test_a_class_that_the_model_does_not_know_counts_as_improbable(code):
    predictions = (np.array([[0.8, 0.2]]), np.array([0, 1]))
    assert code["evaluate"].brier_score(np.array([2]), predictions) == pytest.approx((0.64 + 0.04 + 1) / 2)
