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
from nanoresearch.crew.builtin.kits.node_classification.kit import KIT
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


PROTOCOL = {"id": "transfer", "test_fraction": 0.3}


def block_graph(seed, sizes=(20, 20, 8)):
    rng = np.random.default_rng(seed)
    labels = np.repeat(["a", "b", "c"], sizes)
    rates = np.array([[4, 1, 0.2], [0.3, 3, 2], [2, 0.2, 1]])
    block = np.unique(labels, return_inverse=True)[1]
    return rng.poisson(rates[np.ix_(block, block)]), labels


@pytest.fixture
def pair(tmp_path):
    (tmp_path / "drosophila").mkdir()
    for seed, side in enumerate(("left", "right")):
        weights, labels = block_graph(seed)
        np.savetxt(tmp_path / "drosophila" / f"{side}_adjacency.csv", weights, fmt="%d")
        (tmp_path / "drosophila" / f"{side}_cell_labels.csv").write_text("\n".join(labels) + "\n")
    return tmp_path


@pytest.fixture
def parts(code, pair):
    return code["data"].split(code["data"].load_drosophila(pair), PROTOCOL, 0, {})


def test_the_program_runs_on_library_data(tmp_path):
    components = ["spectral_embedding", "neighbour_profiles", "walk_statistics"]
    results = run_program(tmp_path / "study", tmp_path, "karate-club", components)
    assert results["spectral_embedding", "accuracy"] > results["majority", "accuracy"]


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_probabilities(code, parts, component):
    models = code["models"]
    plain, changed = (models.fit("baseline", names, parts.train, 0) for names in ([], [component]))
    chances = [model.classifier.predict_proba(model.target) for model in (plain, changed)]
    assert not np.allclose(*chances)


@pytest.mark.parametrize("base", ["majority", "random_forest", "mlp"])
def test_every_base_labels_all_nodes(code, parts, base):
    model = code["models"].fit(base, [], parts.train, 0)
    assert code["models"].predict(model, parts.inputs).shape == parts.targets.shape
    assert (code["models"].count_parameters(model) > 0) == (base != "majority")


def test_signs_are_aligned_without_labels(code):
    models = code["models"]
    weights, _ = block_graph(0)
    source = models.embed(weights)
    order = np.random.default_rng(1).permutation(len(weights))
    flips = np.array([1, -1, -1, 1, -1, 1])
    target = source[order] * np.tile(flips, 2)
    assert np.allclose(models.align_signs(source, target), source[order])
    assert np.allclose(models.align_rotation(source, target), source[order])


def test_no_label_of_the_other_graph_is_used(code, pair):
    data, models = code["data"], code["models"]
    graphs = data.load_drosophila(pair)
    blind = [graphs[0], data.Graph(graphs[1].weights, np.array(["a", "b"] * 24))]
    names = [c.spec.id for c in KIT.components]
    parts = [data.split(g, PROTOCOL, 0, {}) for g in (graphs, blind)]
    labels = [models.predict(models.fit("baseline", names, p.train, 0), p.inputs) for p in parts]
    assert np.array_equal(*labels)


def test_held_out_nodes_of_one_graph_are_not_learnt_from(code):
    data = code["data"]
    for load in (data.load_karate_club, data.load_les_miserables):
        graphs = load(Path())
        for condition in ({}, {"train_fraction": 0.1}, {"removed_edges": 0.3}):
            parts = data.split(graphs, PROTOCOL, 0, condition)
            assert not set(parts.train.nodes) & set(parts.inputs)
            assert set(parts.train.labels) == set(graphs[0].labels)
            assert np.array_equal(parts.train.source, parts.train.source.T)


def test_the_direction_is_reversed(code, pair):
    data = code["data"]
    graphs = data.load_drosophila(pair)
    parts = data.split(graphs, PROTOCOL, 0, {"direction": "right to left"})
    assert np.array_equal(parts.train.source, graphs[1].weights)
    assert np.array_equal(parts.train.target, graphs[0].weights)
