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
from nanoresearch.crew.builtin.kits.molecule_regression.kit import KIT
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


ROWS = """iupac,smiles,expt,calc
ethanol,CCO,-5.0,-4.0
propanol,CCCO,-4.85,-4.0
phenol,c1ccccc1O,-6.6,-5.0
benzene,c1ccccc1,-0.9,-0.8
toluene,Cc1ccccc1,-0.9,-0.8
ethene,C=C,1.3,1.0
propene,CC=C,1.3,1.0
butene,C/C=C/C,1.3,1.0
acetone,CC(=O)C,-3.8,-3.4
acetamide,CC(=O)N,-9.7,-8.0
pyridine,c1ccncc1,-4.7,-3.5
alanine,C[C@@H](N)C(=O)O,-8.0,-7.0
butane,CCCC,2.1,2.5
hexane,CCCCCC,2.5,2.9
chloroform,ClC(Cl)Cl,-1.1,-0.5
ether,CCOCC,-1.6,-1.0
amine,CCN,-4.5,-3.5
nitrile,CC#N,-3.9,-2.5
acid,CC(=O)O,-6.7,-7.0
ester,CC(=O)OC,-3.1,-3.6
"""


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("pysmiles")
    (tmp_path / "freesolv").mkdir()
    (tmp_path / "freesolv" / "freesolv.csv").write_text(ROWS)
    return tmp_path


def test_the_program_runs(tmp_path, folder):
    results = run_program(tmp_path / "study", folder, "freesolv", ["radius_one", "gaussian_process", "bond_labels"])
    assert all(np.isfinite(value) for value in results.values())
    assert results["radius_one", "parameter_count"] > results["baseline", "parameter_count"]


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_predictions(code, folder, component):
    models, data = code["models"], code["data"]
    parts = data.split(data.load_freesolv(folder), {"id": "random", "test_fraction": 0.2}, 0, {})
    plain, changed = (
        models.predict(models.fit("baseline", c, parts.train, 0), parts.inputs) for c in ([], [component])
    )
    assert not np.allclose(plain[0], changed[0])
    assert (changed[1] > 0).all()


@pytest.mark.parametrize("base", ["mean", "mlp"])
def test_every_base_gives_deviations(code, folder, base):
    models, data = code["models"], code["data"]
    parts = data.split(data.load_freesolv(folder), {"id": "random", "test_fraction": 0.2}, 0, {})
    means, deviations = models.predict(models.fit(base, [], parts.train, 0), parts.inputs)
    assert means.shape == deviations.shape == parts.targets.shape


def test_labels_and_radii_are_counted(code, folder):
    models, data = code["models"], code["data"]
    acetone = data.load_freesolv(folder).graphs[8]
    assert models.count_patterns(acetone, models.Recipe(0)) == {"0 C+0": 3, "0 O+0": 1}
    counts = models.count_patterns(acetone, models.Recipe(0, (0, 1), hydrogens=True, bonds=True))
    assert counts["bond 2"] == 1
    assert counts["0 C+0H3"] == 2
    assert counts["1 (C+0H0:1C+0H3,1C+0H3,2O+0H0)"] == 1


def test_the_gaussian_process_interpolates_and_doubts_far_points(code):
    rows = np.linspace(-1, 1, 30)[:, None]
    model = code["models"].Process().fit(rows, np.sin(3 * rows[:, 0]))
    means, deviations = model.predict(np.array([[0.05], [9.0]]))
    assert means[0] == pytest.approx(np.sin(0.15), abs=0.02)
    assert deviations[1] > 10 * deviations[0]


def test_the_largest_molecules_are_tested(code, folder):
    data = code["data"]
    molecules = data.load_freesolv(folder)
    parts = data.split(molecules, {"id": "random", "test_fraction": 0.2}, 0, {"test_part": "largest"})
    assert min(len(g) for g in parts.inputs.graphs) >= max(len(g) for g in parts.train.graphs)
    assert not {id(g) for g in parts.inputs.graphs} & {id(g) for g in parts.train.graphs}
