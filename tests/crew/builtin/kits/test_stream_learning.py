import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.stream_learning.kit import KIT
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
def table(code):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=400)
    features = rng.normal(size=(400, 2)) + 3 * np.eye(3)[labels][:, :2]
    return code["data"].Table(features + 1.0, labels)


def make(code, table, drift="none", seed=0):
    return code["data"].split(table, {"id": "test_then_train", "test_fraction": 0.999}, seed, {"drift": drift})


def test_the_program_runs_over_the_drift_sweep(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "phishing").mkdir()
    rows = ["a,b,is_phishing", *(f"{a:.3f},{b:.3f},{int(a > b)}" for a, b in rng.random((300, 2)))]
    import gzip

    (tmp_path / "phishing" / "phishing.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    records = run_program("phishing", tmp_path, tmp_path, KIT.sweeps[0].spec)
    assert {r["condition"] for r in records} == {"drift=none", "drift=swap"}
    assert sum(r["metric"].startswith("progressive_accuracy:tenth") for r in records) == 40


def test_a_row_cannot_be_seen_before_the_one_before_is_answered(code, table):
    stream = make(code, table).inputs.play()
    rows = stream.rows()
    next(rows)
    with pytest.raises(RuntimeError, match="before row 0 was answered"):
        next(rows)


def test_labels_come_only_after_predictions_and_every_row_once(code, table):
    split = make(code, table)
    seen = []

    class Spy:
        def label(self, row):
            seen.append("label")
            return 0

        def learn(self, row, truth):
            seen.append(truth)

    answers = code["models"].predict(Spy(), split.inputs)
    assert seen[::2] == ["label"] * 400
    assert seen[1::2] == split.targets.tolist()
    assert answers.tolist() == [0] * 400


def test_drift_renames_the_classes_of_the_second_half(code, table):
    plain, swapped = make(code, table).targets, make(code, table, "swap").targets
    assert np.array_equal(plain[:200], swapped[:200])
    assert np.array_equal((plain[200:] + 1) % 3, swapped[200:])
    assert not np.array_equal(plain, make(code, table, seed=1).targets)


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_answers_under_drift(code, table, component):
    models, split = code["models"], make(code, table, "swap")
    plain = models.predict(models.fit("baseline", [], split.train, 0), split.inputs)
    changed = models.predict(models.fit("baseline", [component], split.train, 0), split.inputs)
    again = models.predict(models.fit("baseline", [component], split.train, 0), split.inputs)
    assert not np.array_equal(plain, changed)
    assert np.array_equal(changed, again)


@pytest.mark.parametrize("detector", ["DriftDetectionMethod", "PageHinkley"])
def test_detectors_signal_a_rise_of_errors_and_not_before(code, detector):
    watch = getattr(code["models"], detector)()
    rng = np.random.default_rng(0)
    assert not any(watch.update(float(error)) for error in rng.random(300) < 0.1)
    assert any(watch.update(float(error)) for error in rng.random(60) < 0.9)


@pytest.mark.parametrize("base", ["hoeffding_tree", "naive_bayes", "network"])
def test_alternatives_learn(code, table, base):
    models, split = code["models"], make(code, table)
    model = models.fit(base, [], split.train, 0)
    assert np.mean(models.predict(model, split.inputs) == split.targets) > 0.75
    assert models.count_parameters(model) > 0


def test_hoeffding_tree_splits_where_one_feature_decides(code):
    models = code["models"]
    rng = np.random.default_rng(0)
    tree = models.fit("hoeffding_tree", [], code["data"].Schema(2, 2), 0)
    for row in rng.random((1500, 2)):
        tree.learn(row, int(row[1] > 0.5))
    assert tree.root.children
    assert tree.root.feature == 1


def test_recovery_counts_rows_after_the_middle(code):
    recovery = code["evaluate"].recovery_rows
    targets = np.zeros(1000, dtype=int)
    assert recovery(targets, targets) == 50
    lost = np.where((np.arange(1000) >= 500) & (np.arange(1000) < 600), 1, 0)
    assert recovery(targets, lost) == 145
    assert recovery(targets, (np.arange(1000) >= 500).astype(int)) == 500
