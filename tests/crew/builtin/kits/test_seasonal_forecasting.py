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
from nanoresearch.crew.builtin.kits.seasonal_forecasting.kit import KIT
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


PROTOCOL = {"id": "half_of_origins", "test_fraction": 0.5}


def test_the_program_runs_on_library_data(tmp_path):
    results = run_program(tmp_path / "study", tmp_path, "co2", ["lag_regression", "seasonal_smoothing", "fourier"])
    assert all(0 < value < 0.02 for (_, metric), value in results.items() if metric == "mape")


def test_demand_is_read_as_text(code, tmp_path):
    (tmp_path / "taylor-demand").mkdir()
    (tmp_path / "taylor-demand" / "taylor.py.txt").write_text("import nothing\nx = np.array([1, 2, 3])\ny = [4]\n")
    series = code["data"].load_taylor_demand(tmp_path)
    assert list(series.values) == [1, 2, 3]
    assert series.periods == (48, 336)


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_forecasts(code, component):
    models, data = code["models"], code["data"]
    parts = data.split(data.load_elnino(Path()), PROTOCOL, 0, {})
    plain, changed = (
        models.predict(models.fit("baseline", c, parts.train, 0), parts.inputs) for c in ([], [component])
    )
    assert changed[0].shape == parts.targets.values.shape
    assert not np.allclose(plain[0], changed[0])
    assert (changed[1] > 0).all()


@pytest.mark.parametrize("base", ["last_value", "theta", "random_network"])
def test_every_base_forecasts(code, base):
    models, data = code["models"], code["data"]
    parts = data.split(data.load_elnino(Path()), PROTOCOL, 0, {"horizon": 0.5})
    forecasts, widths = models.predict(models.fit(base, [], parts.train, 0), parts.inputs)
    assert forecasts.shape == parts.targets.values.shape
    assert parts.targets.values.shape[1] == 6
    assert np.isfinite(forecasts).all()
    assert widths.shape == (len(forecasts), 1)


def test_members_know_a_pure_season(code):
    models = code["models"]
    season = 10 + np.sin(np.arange(12) * 2 * np.pi / 12) + 0.3 * np.cos(np.arange(12) * 4 * np.pi / 12)
    history = np.tile(season, 15)[None]
    members = [models.repeat_season, models.average_seasons, models.regress_lags, models.regress_fourier]
    for member in [*members, models.smooth_seasons, models.find_analogues, models.forecast_theta]:
        assert member(history, 12, (12,))[0] == pytest.approx(season, abs=0.05), member.__name__


def test_two_seasons_are_smoothed_together(code):
    steps = np.arange(28 * 8)
    values = 50 + 5 * np.sin(steps * 2 * np.pi / 4) + 3 * (steps % 28 < 8)
    forecast = code["models"].smooth_seasons(values[None, :-28], 28, (4, 28))[0]
    assert forecast == pytest.approx(values[-28:], abs=0.5)


def test_a_forecast_uses_only_its_own_history(code):
    models, data = code["models"], code["data"]
    series = data.load_elnino(Path())
    parts = data.split(series, PROTOCOL, 0, {})
    components = [c.spec.id for c in KIT.components]
    whole, _ = models.predict(models.fit("baseline", components, parts.train, 0), parts.inputs)
    alone = data.Train(parts.train.histories[:1], parts.train.periods)
    first, _ = models.predict(models.fit("baseline", components, alone, 0), data.Inputs(1, parts.inputs.horizon))
    assert first[0] == pytest.approx(whole[0])


def test_origins_do_not_share_values(code):
    data = code["data"]
    series = data.load_co2(Path())
    for name in ("half_of_origins", "shifted_origins"):
        origins = data.draw_origins(series, {"id": name, "test_fraction": 0.5}, 3)
        assert np.diff(origins).min() >= series.horizon
        assert origins[0] >= series.history
        assert origins[-1] + series.horizon <= len(series.values)


def test_coverage(code):
    evaluate, data = code["evaluate"], code["data"]
    targets = data.Targets(np.arange(20.0).reshape(2, 10) + 1, np.ones(2))
    assert evaluate.coverage(targets, (targets.values + 1, np.full((2, 1), 2.0))) == 1
    assert evaluate.coverage_gap(targets, (targets.values + 3, np.full((2, 1), 2.0))) == pytest.approx(0.9)
