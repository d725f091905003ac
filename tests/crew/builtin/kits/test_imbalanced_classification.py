import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.imbalanced_classification.kit import KIT
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


def keel_folder(root):
    folder = root / "keel-imbalanced" / "imbalanced"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, rows, positives in (("large", 320, 30), ("related", 310, 40), ("too-few-positives", 400, 20)):
        labels = np.arange(rows) < positives
        x = rng.normal(size=(rows, 2)) + 1.5 * labels[:, None]
        lines = [f"{a:.4f}, {b:.4f}, {'positive' if y else 'negative'}" for (a, b), y in zip(x, labels, strict=True)]
        (folder / f"{name}.dat").write_text("@relation x\n@data\n" + "\n".join(lines) + "\n")


@pytest.fixture
def split(code, tmp_path):
    keel_folder(tmp_path)
    tables = code["data"].load_keel(tmp_path)
    return code["data"].split(tables, {"id": "holdout", "test_fraction": 0.3}, 0, {})


def test_the_program_runs_and_reports_every_table(tmp_path):
    keel_folder(tmp_path)
    records = run_program("keel-imbalanced", tmp_path, tmp_path)
    sliced = {r["metric"] for r in records if ":" in r["metric"]}
    assert sliced == {"balanced_accuracy:large", "balanced_accuracy:related"}
    parts = [r["value"] for r in records if r["method"] == "baseline" and r["metric"] in sliced]
    whole = [r["value"] for r in records if r["method"] == "baseline" and r["metric"] == "balanced_accuracy"]
    assert whole == pytest.approx([np.mean(parts)])


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_decisions(code, split, component):
    models = code["models"]
    plain = models.predict(models.fit("baseline", [], split.train, 0), split.inputs)
    changed = models.predict(models.fit("baseline", [component], split.train, 0), split.inputs)
    again = models.predict(models.fit("baseline", [component], split.train, 0), split.inputs)
    assert any(not np.array_equal(plain[name][1], changed[name][1]) for name in plain)
    assert all(np.array_equal(changed[name][0], again[name][0]) for name in plain)


def test_resampling_methods_share_the_work_and_end_in_balance(code):
    models = code["models"]
    seen = []

    class Learner:
        def fit(self, features, labels, sample_weight=None):
            weights = np.ones(len(labels)) if sample_weight is None else sample_weight
            seen.append(weights[labels == 1].sum() / weights[labels == 0].sum())
            return self

    features, labels = np.random.default_rng(0).normal(size=(1010, 2)), np.arange(1010) < 10
    for parts in (["smote"], ["undersampling", "oversampling"], ["smote", "class_weights", "undersampling"]):
        recipe = models.Recipe(0)
        for part in parts:
            models.COMPONENTS[part](recipe)
        models.Remedied(Learner(), recipe).fit(features, labels.astype(int))
    assert seen == pytest.approx([1, 1, 1], rel=0.05)


def test_synthetic_rows_lie_between_rows_of_the_rare_class(code):
    features = np.array([[0.0, 0], [1, 0], [0, 1], [9, 9], [8, 9], [9, 8], [7, 7]])
    labels = np.array([1, 1, 1, 0, 0, 0, 0])
    code["models"].NEIGHBOURING.append(lambda count, rows: min(count, rows - 1))
    more, marks = code["models"].synthesise_positives(features, labels, 4.0, np.random.default_rng(0))
    new = more[len(labels) :]
    assert len(new) == 9
    assert marks[len(labels) :].tolist() == [1] * 9
    assert ((new >= 0) & (new <= 1)).all()


def test_thinning_touches_positive_training_rows_only(code, tmp_path):
    keel_folder(tmp_path)
    data = code["data"]
    tables = data.load_keel(tmp_path)
    protocol = {"id": "holdout", "test_fraction": 0.3}
    plain, thin = (data.split(tables, protocol, 0, {"positive_share": share}) for share in (1.0, 0.5))
    assert np.array_equal(plain.targets["related"], thin.targets["related"])
    assert thin.train["related"].labels.sum() == plain.train["related"].labels.sum() // 2
    assert (thin.train["related"].labels == 0).sum() == (plain.train["related"].labels == 0).sum()
    assert not set(plain.train["large"].features.index) & set(plain.inputs["large"].index)


def test_a_score_without_any_rare_row_is_no_number(code):
    nothing = {"a": (np.zeros(3), np.zeros(3, dtype=int))}
    assert code["evaluate"].f1({"a": np.array([0, 1, 0])}, nothing) == 0
    assert np.isnan(code["evaluate"].f1({"a": np.zeros(3, dtype=int)}, nothing))
