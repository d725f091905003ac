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
from nanoresearch.crew.builtin.kits.forecast_combination.kit import KIT
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


PROTOCOL = {"id": "half_of_series", "test_fraction": 0.5}


@pytest.fixture
def sunspots(code):
    return code["data"].load_sunspots(Path())


def test_the_program_runs_on_library_data(tmp_path):
    results = run_program(tmp_path / "study", tmp_path, "nile", ["inverse_error", "trimming", "median"])
    assert all(0.3 < value < 3 for (_, metric), value in results.items() if metric == "mase")


def test_m1_file_is_read(code, tmp_path):
    (tmp_path / "m1-yearly").mkdir()
    text = "# a\n@missing false\n@data\nT1:1972-01-01 00-00-00:1,2,3.5\nT2:1974-01-01 00-00-00:4,5,6,7\n"
    (tmp_path / "m1-yearly" / "m1_yearly_dataset.tsf").write_text(text)
    assert [list(s) for s in code["data"].load_m1_yearly(tmp_path).series] == [[1, 2, 3.5], [4, 5, 6, 7]]


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_forecasts(code, component):
    models, data = code["models"], code["data"]
    parts = data.split(data.load_nile(Path()), PROTOCOL, 0, {})
    values = [models.predict(models.fit("baseline", c, parts.train, 0), parts.inputs) for c in ([], [component])]
    assert values[0].shape == parts.targets.values.shape
    assert not np.allclose(values[0], values[1])


@pytest.mark.parametrize("base", ["naive", "drift", "damped_trend", "selection", "mlp"])
def test_every_base_forecasts(code, base):
    models, data = code["models"], code["data"]
    parts = data.split(data.load_nile(Path()), PROTOCOL, 0, {"horizon": 3})
    forecasts = models.predict(models.fit(base, [], parts.train, 0), parts.inputs)
    assert forecasts.shape == parts.targets.values.shape == (len(parts.train.histories), 3)
    assert np.isfinite(forecasts).all()


def test_members_continue_a_line(code):
    models = code["models"]
    line = np.arange(20.0)
    assert models.forecast_drift(line, 3) == pytest.approx([20, 21, 22])
    assert models.forecast_naive(line, 2) == pytest.approx([19, 19])
    assert models.forecast_damped_trend(line, 1)[0] == pytest.approx(20, abs=0.3)
    season = np.tile([0.0, 5, 1, -6], 6) + line.repeat(2)[:24]
    assert models.forecast(models.forecast_drift, season, 4, 4) == pytest.approx([10, 17, 13, 6], abs=3)


def test_weighted_median(code):
    median = code["models"].weighted_median
    assert median(np.array([3.0, 1, 2]), np.ones(3)) == 2
    assert median(np.array([1.0, 2, 3, 4]), np.ones(4)) == 2.5
    assert median(np.array([1.0, 2, 3]), np.array([8.0, 1, 1])) == 1


def test_nothing_of_the_future_is_in_the_fitting_part(code, sunspots):
    data = code["data"]
    changed = data.Collection([np.append(s[:-6], s[-6:] + 999) for s in sunspots.series], 1)
    for name in ("half_of_series", "all_series"):
        parts = [data.split(c, {"id": name, "test_fraction": 0.5}, 0, {}) for c in (sunspots, changed)]
        pairs = zip(parts[0].train.histories, parts[1].train.histories, strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
        assert np.array_equal(parts[0].targets.scales, parts[1].targets.scales)
    assert len(parts[0].train.histories) == len(sunspots.series)


def test_seeds_of_all_series_move_the_origin(code, sunspots):
    data = code["data"]
    first, second = (data.split(sunspots, {"id": "all_series", "test_fraction": 0.5}, seed, {}) for seed in (0, 2))
    assert np.array_equal(first.targets.values[:, :4], second.targets.values[:, 2:])


def test_conditions_leave_the_truth_alone(code, sunspots):
    data = code["data"]
    plain = data.split(sunspots, PROTOCOL, 0, {})
    for condition in ({"outliers": 1.0}, {"dropped_history": 0.5}):
        parts = data.split(sunspots, PROTOCOL, 0, condition)
        assert np.array_equal(parts.targets.values, plain.targets.values)
        assert np.array_equal(parts.targets.scales, plain.targets.scales)
        assert not np.array_equal(parts.train.histories[0], plain.train.histories[0])
