"""The kit image_transfer: its facts agree with its program text, and the program does what it says."""

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest

from nanoresearch.crew.builtin import kits
from nanoresearch.crew.builtin.kits.image_transfer.kit import KIT
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


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)

    def images(size: int, count: int) -> "data.Images":
        labels = rng.integers(0, 3, count)
        pixels = rng.random((count, size, size), dtype=np.float32) * 0.15
        for label, image in zip(labels, pixels, strict=True):
            top, left, step = size // 4 + rng.integers(0, 2), size // 4, size // 8
            image[top : size - 2 * step, left + label * step : left + (label + 2) * step] += 0.8
            image[top : top + step, left : left + 5 * step] += 0.5
        return data.Images(np.clip(pixels, 0, 1), labels)

    return data.split(data.Transfer(images(28, 90), images(8, 120)), {"test_fraction": 0.5}, 0, {})


def test_target_parts_are_disjoint(split) -> None:
    seen = {image.tobytes() for image in split.train.unlabelled}
    assert len(split.inputs) == len(split.train.unlabelled) == 60
    assert not [image for image in split.inputs if image.tobytes() in seen]


def test_training_part_has_no_target_labels(split) -> None:
    assert set(vars(split.train)) == {"pixels", "labels", "unlabelled"}
    assert len(split.train.labels) == len(split.train.pixels) == 90


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_changes_the_scores(component: str, split) -> None:
    scores = []
    for names in ([], [component]):
        model = models.fit("baseline", names, split.train, 0)
        alignment = model.alignment
        rows = (models.describe(model.recipe, split.inputs) - alignment.target_mean) @ alignment.target_map
        scores.append(model.classifier.decision_function(rows))
    assert not np.allclose(*scores)


@pytest.mark.parametrize("base", models.BASES)
def test_every_base_predicts(base: str, split) -> None:
    model = models.fit(base, [], split.train, 0)
    assert len(models.predict(model, split.inputs)) == models.count_inputs(split.inputs)


def test_fewer_unlabelled_images_leave_the_test_part_alone() -> None:
    images = data.read_uci()
    loaded = data.Transfer(images, images)
    many, few = (data.split(loaded, {"test_fraction": 0.5}, 0, {"unlabelled": n}) for n in (800, 50))
    assert np.array_equal(many.inputs, few.inputs)
    assert len(few.train.unlabelled) == 50


def test_covariance_alignment_matches_the_target(split) -> None:
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(400, 5)) * [1, 2, 3, 4, 5], rng.normal(size=(400, 5)) + 7
    recipe = models.Recipe(0, coral=True)
    alignment = models.fit_alignment(recipe, source, target)
    mapped = (source - alignment.source_mean) @ alignment.source_map
    gap = np.abs(np.cov(mapped.T) - np.cov(target.T)).max()
    assert gap < np.abs(np.cov(source.T) - np.cov(target.T)).max() / 5
