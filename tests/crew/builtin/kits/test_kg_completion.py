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
from nanoresearch.crew.builtin.kits.kg_completion.kit import KIT
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


@pytest.fixture
def graph_folder(tmp_path):
    """Ten people in a row: next to (symmetric), before (asymmetric), two after (asymmetric)."""
    triples = [(i, "next", j) for i in range(10) for j in (i - 1, i + 1) if 0 <= j < 10]
    triples += [(i, "before", j) for i in range(10) for j in range(i + 1, 10)]
    triples += [(i, "two_after", i - 2) for i in range(2, 10)]
    order = np.random.default_rng(0).permutation(len(triples))
    (tmp_path / "nations").mkdir()
    for name, rows in (("train", order[:52]), ("valid", order[52:61]), ("test", order[61:])):
        lines = [f"p{triples[r][0]}\t{triples[r][1]}\tp{triples[r][2]}\n" for r in rows]
        (tmp_path / "nations" / f"{name}.txt").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def parts(code, graph_folder):
    graph = code["data"].load_nations(graph_folder)
    return code["data"].split(graph, {"id": "published", "test_fraction": 0.1}, 0, {})


def test_the_program_runs(tmp_path, graph_folder):
    components = ["complex_form", "full_matrix", "inverse_relations"]
    results = run_program(tmp_path / "study", graph_folder, "nations", components)
    assert all(0 < value <= 1 for (_, metric), value in results.items() if metric.startswith("mrr"))
    assert results["complex_form", "parameter_count"] == results["baseline", "parameter_count"]
    assert results["full_matrix", "parameter_count"] > results["baseline", "parameter_count"]


@pytest.mark.parametrize("component", [c.spec.id for c in KIT.components])
def test_every_component_changes_the_scores(code, parts, component):
    models = code["models"]
    plain, changed, again = (
        models.predict(models.fit("baseline", c, parts.train, 0), parts.inputs) for c in ([], [component], [component])
    )
    assert not np.allclose(plain, changed)
    assert np.array_equal(changed, again)


@pytest.mark.parametrize("base", ["frequency", "least_squares", "translation", "mlp"])
def test_every_base_scores_all_entities(code, parts, base):
    scores = code["models"].predict(code["models"].fit(base, [], parts.train, 0), parts.inputs)
    assert scores.shape == (len(parts.targets.answer), parts.train.entities)
    assert np.isfinite(scores).all()


def test_the_diagonal_model_is_symmetric_and_the_complex_one_is_not(code, parts):
    models = code["models"]
    entities = np.arange(10)
    queries = code["data"].Queries(entities, np.zeros(10, dtype=int), np.zeros(10, dtype=int))
    for components, symmetric in (([], True), (["complex_form"], False)):
        table = models.predict(models.fit("baseline", components, parts.train, 0), queries)
        assert np.allclose(table, table.T, atol=1e-4) == symmetric


@pytest.mark.parametrize("names", [[], ["complex_form"], ["full_matrix"], ["complex_form", "full_matrix"]])
@pytest.mark.parametrize("extra", [[], ["inverse_relations", "frequency_prior", "cubed_penalty"]])
def test_gradients_agree_with_differences(code, parts, names, extra):
    models = code["models"]
    recipe = models.Recipe(0)
    for name in names + extra:
        models.COMPONENTS[name](recipe)
    model = models.Bilinear(recipe)
    model.start(parts.train)
    model.weight += 0.1
    batch = models.gather(parts.train.triples, parts.train.entities, parts.train.relations)
    width = "complex128" if recipe.complex_form else "float64"
    model.vectors, model.matrices = model.vectors.astype(width), model.matrices.astype(width)

    def loss():
        scores = model.score(batch.entity, batch.slot)
        scores = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        penalty = sum((np.abs(a) ** 3).sum() / len(a) for a in (model.vectors, model.matrices))
        return -(scores * batch.counts).sum() / batch.counts.sum() + recipe.cubed_penalty * penalty

    gradients = model.gradients(batch)
    steps = [1e-5, 1e-5j] if recipe.complex_form else [1e-5]
    for array, gradient in zip((model.vectors, model.matrices), gradients[:2], strict=True):
        for step in steps:
            place = (1,) * array.ndim
            array[place] += step
            above = loss()
            array[place] -= 2 * step
            below = loss()
            array[place] += step
            expected = gradient[place].imag if isinstance(step, complex) else gradient[place].real
            assert (above - below) / 2e-5 == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_ranks_are_filtered_and_share_ties(code):
    evaluate, data = code["evaluate"], code["data"]
    others = np.array([[False, True, False, False]])
    targets = data.Targets(np.array([0]), others, np.array([1.0]))
    assert evaluate.ranks(targets, np.array([[0.5, 0.9, 0.5, 0.1]]))[0] == 1.5
    assert evaluate.slices(targets, np.array([[0.5, 0.9, 0.4, 0.1]])) == {"symmetric": 1.0}


def test_test_triples_reach_only_the_filter(code, graph_folder):
    data = code["data"]
    graph = data.load_nations(graph_folder)
    for name in ("published", "redrawn"):
        parts = data.split(graph, {"id": name, "test_fraction": 0.1}, 1, {})
        learnt = {tuple(t) for t in np.concatenate([parts.train.triples, parts.train.valid]).tolist()}
        half = len(parts.targets.answer) // 2
        queries = (parts.inputs.entity[:half], parts.inputs.relation[:half], parts.targets.answer[:half])
        assert not learnt & {(int(h), int(r), int(t)) for h, r, t in zip(*queries, strict=True)}
