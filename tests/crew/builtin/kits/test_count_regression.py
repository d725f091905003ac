import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.count_regression.kit import KIT
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
    full = code["data"].load_randhie(Path())
    return code["data"].Table(full.features[:3000], full.counts[:3000], full.groups[:3000])


def test_the_program_runs_on_data_of_a_library(tmp_path):
    records = run_program("randhie", tmp_path, tmp_path)
    value = {(r["method"], r["metric"]): r["value"] for r in records}
    assert value["baseline", "poisson_deviance"] < value["intercept", "poisson_deviance"]


def test_coefficients_agree_with_statsmodels(code, table):
    import statsmodels.api as sm

    design = sm.add_constant(table.features.to_numpy())
    poisson = sm.GLM(table.counts, design, family=sm.families.Poisson()).fit()
    found = code["models"].fit("baseline", [], table, 0)
    assert found.mean == pytest.approx(poisson.params, abs=2e-3)


@pytest.mark.parametrize("zeros", ["none", "inflated", "hurdle"])
@pytest.mark.parametrize("dispersion", [False, True])
def test_gradient_is_that_of_the_loss(code, zeros, dispersion):
    from scipy.optimize import approx_fprime

    rng = np.random.default_rng(0)
    columns = np.hstack([np.ones((60, 1)), rng.normal(size=(60, 2))])
    counts = rng.poisson(1.5, 60)
    recipe = code["models"].Recipe(dispersion=dispersion, zeros=zeros, penalty=2.0)
    point = rng.normal(size=7) * 0.3
    gradient = code["models"].loss(point, recipe, columns, counts)[1]
    rough = approx_fprime(point, lambda x: code["models"].loss(x, recipe, columns, counts)[0], 1e-6)
    assert gradient == pytest.approx(rough, abs=1e-4)


@pytest.mark.parametrize("hurdle", [False, True])
@pytest.mark.parametrize("dispersion", [0.0, 0.8])
def test_predicted_distributions_sum_to_one_and_have_the_stated_mean(code, hurdle, dispersion):
    counts = np.arange(2000)
    ones = np.ones(len(counts))
    prediction = {"mean": 2.5 * ones, "dispersion": dispersion * ones, "zero": 0.3 * ones, "hurdle": ones * hurdle == 1}
    evaluate = code["evaluate"]
    law = np.exp(evaluate.log_probability(counts, prediction))
    assert law.sum() == pytest.approx(1)
    assert law @ counts == pytest.approx(evaluate.expected_counts(prediction)[0])
    assert law[6:].sum() == pytest.approx(evaluate.exceedance(5, prediction)[0])


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_log_score(code, table, component):
    models, score = code["models"], code["evaluate"].log_score
    plain = models.predict(models.fit("baseline", [], table, 0), table.features)
    changed = models.predict(models.fit("baseline", [component], table, 0), table.features)
    assert abs(score(table.counts, plain) - score(table.counts, changed)) > 1e-6


@pytest.mark.parametrize("base", ["hurdle", "hurdle_poisson", "intercept"])
def test_other_methods_give_finite_scores(code, table, base):
    models = code["models"]
    model = models.fit(base, [], table, 0)
    prediction = models.predict(model, table.features)
    assert all(np.isfinite(f(table.counts, prediction)) for f in code["evaluate"].METRICS.values())
    assert models.count_parameters(model) == {"hurdle": 21, "hurdle_poisson": 20, "intercept": 1}[base]


def test_grouped_split_keeps_groups_together(code, table):
    split = code["data"].split(table, {"id": "grouped", "test_fraction": 0.25}, 0, {})
    tested = table.groups[table.features.index.get_indexer(split.inputs.index)]
    assert not set(split.train.groups) & set(tested)
    assert len(split.targets) + len(split.train.counts) == len(table.counts)
