"""The kit image_classification: its facts agree with its program text, and the program does what it says."""

import importlib.util
import json
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from nanoresearch.crew.builtin import kits
from nanoresearch.crew.builtin.kits.image_classification.kit import KIT
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.schema.blueprint import MethodSpec


def load(name: str) -> ModuleType:
    """A module of the kit's program text, under a name of its own."""
    path = next(iter(kits.__path__)) + f"/{KIT.id}/code/{name}.py"
    spec = importlib.util.spec_from_file_location(f"{KIT.id}_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


data, models, evaluate = load("data"), load("models"), load("evaluate")
COMPONENTS = [component.spec.id for component in KIT.components]


def test_registries_match_the_spec() -> None:
    assert set(models.COMPONENTS) == set(COMPONENTS)
    assert set(models.BASES) == {"baseline", KIT.reference.id, *(method.id for method in KIT.alternatives)}
    assert list(evaluate.METRICS) == [metric.spec.id for metric in KIT.metrics]
    assert set(data.LOADERS) == {option.id for option in KIT.datasets}


def test_data_sets_are_in_the_catalogue() -> None:
    wanted = {name for option in KIT.datasets for name in (option.id, *option.needs)}
    assert wanted <= set(load_catalogue())


def program(folder, datasets: list[str], components: tuple[str, ...]) -> dict[str, str]:
    """Write the generated program of a study with one variant."""
    variant = MethodSpec(id="variant", name="variant", role="variant", components=components)
    config = study_config(
        datasets=datasets,
        methods=(KIT.reference, KIT.baseline, variant),
        metrics=[metric.spec.id for metric in KIT.metrics],
        sweep=None,
        protocol=KIT.protocols[0].spec,
        measures=["fit_seconds", "parameter_count"],
        slices=KIT.sliced,
    )
    files = source_files(KIT.id, config)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return files


@pytest.mark.parametrize("component", COMPONENTS)
def test_pruned_program_compiles(component: str, tmp_path) -> None:
    files = program(tmp_path, [KIT.datasets[0].id], (component,))
    for name in ("data.py", "models.py", "evaluate.py"):
        compile(files[name], name, "exec")
    others = [models.COMPONENTS[other].__name__ for other in COMPONENTS if other != component]
    assert not [name for name in others if f"def {name}(" in files["models.py"]]


def test_generated_program_runs(tmp_path) -> None:
    program(tmp_path, ["digits"], ("shifts",))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "run.py", "--seed", "0", "--data", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {line["method"] for line in lines} == {KIT.reference.id, "baseline", "variant"}
    values = {line["method"]: line["value"] for line in lines if line["metric"] == "accuracy"}
    assert values["majority"] < 0.2 < values["baseline"]


def test_results_repeat(split) -> None:
    runs = [models.predict(models.fit("baseline", COMPONENTS, split.train, 4), split.inputs) for _ in range(2)]
    assert np.array_equal(*runs)


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    pixels = rng.random((120, 28, 28), dtype=np.float32) * 0.3
    for label, image in zip(labels, pixels, strict=True):
        image[5 : 20 - 3 * label, 6 + 5 * label : 11 + 5 * label] += 0.6
    return data.split(data.divide(data.Images(pixels, labels), 10), {"id": "few_images"}, 0, {})


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_changes_the_model(component: str, split) -> None:
    plain, changed = (models.fit("baseline", names, split.train, 0) for names in ([], [component]))
    clean = models.clean(changed.cleaners, split.inputs)
    rows, before = changed.description.rows(clean), plain.description.rows(split.inputs)
    sizes = [len(model.classifier.vectors) for model in (plain, changed)]
    assert rows.shape != before.shape or not np.allclose(rows, before) or sizes[0] != sizes[1]
    assert evaluate.accuracy(split.targets, models.predict(changed, split.inputs)) > 0.5


@pytest.mark.parametrize("base", models.BASES)
def test_every_base_predicts_and_is_counted(base: str, split) -> None:
    model = models.fit(base, [], split.train, 0)
    assert len(models.predict(model, split.inputs)) == models.count_inputs(split.inputs)
    assert models.count_parameters(model) >= 0


def test_training_and_test_images_are_disjoint() -> None:
    loaded = data.load_uci_digits(None)
    split = data.split(loaded, {"id": "more_images"}, 3, {})
    test = {image.tobytes() for image in loaded.test.pixels}
    assert len(split.train.labels) == 500
    assert not [image for image in split.train.pixels if image.tobytes() in test]


@pytest.mark.parametrize("option", KIT.sweeps, ids=lambda option: option.spec.id)
def test_every_setting_of_a_sweep_changes_the_split(option) -> None:
    loaded = data.load_uci_digits(None)
    splits = [data.split(loaded, {"id": "few_images"}, 0, {option.spec.id: value}) for value in option.spec.values]
    standard = data.split(loaded, {"id": "few_images"}, 0, {})
    assert np.array_equal(splits[0].inputs, standard.inputs)
    prints = {split.inputs.tobytes() + split.train.pixels.tobytes() for split in splits}
    assert len(prints) == len(splits)
