"""The kit audio_words: its facts agree with its program text, and the program does what it says."""

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest

from nanoresearch.crew.builtin import kits
from nanoresearch.crew.builtin.kits.audio_words.kit import KIT
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


def speech(pitch: float, seed: int) -> dict[str, np.ndarray]:
    """Synthetic words: two tones, one after the other, in noise."""
    rng = np.random.default_rng(seed)
    words = {}
    for number in range(8):
        time = np.arange(3200 + 200 * rng.integers(0, 4)) / data.RATE
        tones = np.where(time < time[-1] / 2, 400 + 150 * number, 2600 - 230 * number) * pitch
        edge = np.zeros(900)
        sound = np.concatenate([edge, np.sin(2 * np.pi * tones * time), edge])
        words[f"digits/{number}"] = (0.3 * sound + 0.003 * rng.normal(size=len(sound))).astype(np.float32)
    return words


@pytest.fixture(scope="module")
def split():
    return data.split(data.pair(speech(1.0, 0), speech(1.03, 1)), {"test_fraction": 0.75}, 0, {})


def test_templates_and_tested_words_come_from_different_speakers(split) -> None:
    assert len(split.train.templates) == 8
    assert len(split.inputs) == len(split.targets) == 6
    assert not [1 for a in split.inputs for b in split.train.templates if np.array_equal(a, b)]


def test_baseline_recognises_clear_words(split) -> None:
    predictions = models.predict(models.fit("baseline", [], split.train, 0), split.inputs)
    assert evaluate.accuracy(split.targets, predictions) > 0.5


def test_alignment_is_the_textbook_recursion(split) -> None:
    rng = np.random.default_rng(0)
    word = rng.normal(size=(6, 3)).astype(np.float32)
    others = [rng.normal(size=(n, 3)).astype(np.float32) for n in (4, 9, 1)]
    expected = []
    for other in others:
        local = np.linalg.norm(word[:, None] - other, axis=2)
        total = np.full((len(word) + 1, len(other) + 1), np.inf)
        total[0, 0] = 0
        for i in range(len(word)):
            for j in range(len(other)):
                c = local[i, j]
                total[i + 1, j + 1] = min(total[i, j + 1] + c, total[i + 1, j] + c, total[i, j] + 2 * c)
        expected.append(total[-1, -1] / (len(word) + len(other)))
    assert np.allclose(models.align(word, models.Templates.of(others), None), expected, rtol=1e-4)


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_changes_the_scores(component: str, split) -> None:
    fitted = [models.fit("baseline", names, split.train, 0) for names in ([], [component])]
    scores = [models.predict(model, split.inputs)[0] for model in fitted]
    assert np.isfinite(scores).all()
    assert not np.allclose(*scores)


@pytest.mark.parametrize("base", models.BASES)
def test_every_base_ranks_all_words(base: str, split) -> None:
    scores, words = models.predict(models.fit(base, [], split.train, 0), split.inputs)
    assert scores.shape == (6, 8)
    assert list(words) == sorted(split.train.words)


def test_smaller_vocabulary(split) -> None:
    loaded = data.pair(speech(1.0, 0), speech(1.03, 1))
    small = data.split(loaded, {"test_fraction": 0.75}, 0, {"vocabulary": 4})
    assert len(small.train.words) == 4
    assert set(small.targets) <= set(small.train.words)


def test_only_words_are_read() -> None:
    names = ("digits/7", "digits/h-7", "letters/a", "phonetic/a_p", "phonetic/ICAO/a_p", "hello")
    assert [data.is_word(name) for name in names] == [True, False, True, True, False, False]
