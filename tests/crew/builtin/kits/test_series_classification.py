import ast
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.series_classification.kit import KIT
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.schema.blueprint import MethodSpec

CODE = Path(importlib.util.find_spec("nanoresearch").origin).parent / "crew/builtin/kits" / KIT.id / "code"


@pytest.fixture
def code(monkeypatch):
    monkeypatch.syspath_prepend(str(CODE))
    names = ("data", "models", "evaluate")
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


def run_program(folder, root, dataset, components, sweep=None):
    parts = [(), *((c,) for c in components), tuple(components)]
    variants = [MethodSpec(id="+".join(p) or "baseline", name="x", role="variant", components=p) for p in parts]
    config = study_config(
        datasets=[dataset],
        methods=(KIT.reference, KIT.alternatives[0], *variants),
        metrics=[metric.spec.id for metric in KIT.metrics[:2]],
        sweep=sweep,
        protocol=KIT.protocols[0].spec,
        measures=["parameter_count"],
        slices=KIT.sliced,
    )
    folder.mkdir()
    for name, text in source_files(KIT.id, config).items():
        (folder / name).write_text(text)
    command = [sys.executable, "run.py", "--seed", "1", "--data", str(root), "--smoke"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return {(r["method"], r["metric"]): r["value"] for r in records}


def write_archive(root):
    rng = np.random.default_rng(0)
    (root / "gunpoint").mkdir()
    for part, count in (("TRAIN", 20), ("TEST", 40)):
        rows = ["@problemName toy", "@data"]
        for number in range(count):
            wave = np.sin(np.arange(60) * (0.2 if number % 2 else 0.5) + rng.uniform(0, 6)) + rng.normal(0, 0.3, 60)
            rows.append(",".join(f"{value:.4f}" for value in wave) + f":{number % 2}")
        (root / "gunpoint" / f"GunPoint_{part}.ts").write_text("\n".join(rows) + "\n")


@pytest.fixture
def toy(code, tmp_path):
    write_archive(tmp_path)
    return code["data"].load_gunpoint(tmp_path)


def test_the_program_runs(tmp_path):
    write_archive(tmp_path)
    kernels = next(s.spec for s in KIT.sweeps if s.spec.id == "kernels")
    results = run_program(
        tmp_path / "study", tmp_path, "gunpoint", ["dilation", "bias", "proportion_positive"], kernels
    )
    assert results["dilation", "accuracy"] > results["majority", "accuracy"] + 0.3
    assert results["baseline", "parameter_count"] < results["proportion_positive", "parameter_count"]


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_features(code, toy, component):
    models = code["models"]
    plain, changed = models.Recipe(0), models.Recipe(0)
    models.COMPONENTS[component](changed)
    tables = [models.transform(toy.series, models.draw_kernels(50, 1, 60, r), r) for r in (plain, changed, changed)]
    assert tables[0].shape != tables[1].shape or not np.allclose(tables[0], tables[1])
    assert np.array_equal(tables[1], tables[2])


def test_a_transform_is_a_convolution(code):
    models = code["models"]
    series = np.random.default_rng(0).standard_normal((3, 1, 30)).astype(np.float32)
    kernel = models.Kernel(np.arange(7.0) - 3, 0.5, 2, 6, 0, False)
    recipe = models.Recipe(0, proportions=True)
    features = models.transform(series, [kernel], recipe)
    padded = np.pad(series[1, 0], 6)
    responses = [float(kernel.weights @ padded[i : i + 13 : 2]) + 0.5 for i in range(30)]
    assert features[1] == pytest.approx([max(responses), np.mean(np.array(responses) > 0)], rel=1e-4)


def test_short_lists_of_kernels_begin_long_ones(code):
    models = code["models"]
    recipe = models.Recipe(3, dilation=True, padding=True, bias=True)
    short, long = models.draw_kernels(5, 2, 40, recipe), models.draw_kernels(9, 2, 40, recipe)
    assert all(np.array_equal(a.weights, b.weights) and a.gap == b.gap for a, b in zip(short, long[:5], strict=True))


def test_training_and_test_series_are_disjoint(code, toy):
    for protocol in ("resampled", "published"):
        parts = code["data"].split(toy, {"id": protocol, "test_fraction": 0.7}, 0, {})
        train = {row.tobytes() for row in parts.train.series}
        assert not train & {row.tobytes() for row in parts.inputs}
    assert len(parts.train.series) == 20
    noisy = code["data"].split(toy, {"id": "published", "test_fraction": 0.7}, 0, {"noise": 0.5})
    assert np.array_equal(noisy.train.series, parts.train.series)
    assert not np.allclose(noisy.inputs, parts.inputs)


def test_warping_forgives_a_shift(code):
    models = code["models"]
    bump = np.exp(-((np.arange(60) - 28) ** 2) / 10)
    train = np.array([[bump], [np.zeros(60)]], dtype=np.float32)
    model = models.WarpingNeighbour().fit(train, np.array(["bump", "flat"]))
    shifted = np.roll(train[:1], 4, axis=2)
    assert model.predict(shifted)[0] == "bump"
    assert model.distances(shifted)[0, 0] < models.NearestNeighbour().fit(train, None).distances(shifted)[0, 0] / 4
