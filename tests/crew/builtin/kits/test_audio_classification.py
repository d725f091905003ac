"""The kit audio_classification: its facts agree with its program text, and the program does what it says."""

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest

from nanoresearch.crew.builtin import kits
from nanoresearch.crew.builtin.kits.audio_classification.kit import KIT
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
def clips():
    rng = np.random.default_rng(0)
    voices = {}
    for label, low in (("a", 300), ("b", 900)):
        voices[label] = {}
        for number in range(30):
            time = np.arange(8000 + 1200 * (number % 24)) / data.RATE
            loud = 0.2 * (np.sin(2 * np.pi * 3 * time) > -0.5)
            sound = loud * np.sin(2 * np.pi * (low + 40 * number) * time) + 0.0005 * rng.normal(size=len(time))
            voices[label][f"prompt-{number}"] = sound.astype(np.float32)
    return data.join(voices)


GROUPED = {"id": "grouped", "test_fraction": 0.3}


def test_no_prompt_name_is_on_both_sides(clips) -> None:
    split = data.split(clips, GROUPED, 0, {})
    tested = [
        i for i, clip in enumerate(clips.clips) for x in split.inputs if np.array_equal(data.centre(clip, 32000), x)
    ]
    assert len(tested) == len(split.inputs)
    assert not set(clips.groups[tested]) & set(split.train.groups)


def test_lengths_are_compared_on_the_same_prompts(clips) -> None:
    long, short = (data.split(clips, GROUPED, 0, {"clip_seconds": value}) for value in (3, 0.5))
    assert np.array_equal(long.targets, short.targets)
    assert {len(clip) for clip in long.inputs} == {24000}
    assert {len(clip) for clip in short.inputs} == {4000}


@pytest.mark.parametrize("sweep", ["snr", "test_snr"])
def test_noise_where_the_sweep_says(sweep: str, clips) -> None:
    clean, noisy = (data.split(clips, GROUPED, 0, condition) for condition in ({}, {sweep: 0}))
    assert not np.array_equal(clean.inputs[0], noisy.inputs[0])
    assert np.array_equal(clean.train.clips[0], noisy.train.clips[0]) == (sweep == "test_snr")


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_changes_the_probabilities(component: str, clips) -> None:
    split = data.split(clips, GROUPED, 0, {"clip_share": 0.5})
    fitted = [models.fit("baseline", names, split.train, 0) for names in ([], [component])]
    found = [models.predict(model, split.inputs)[0] for model in fitted]
    assert not np.allclose(*found)


@pytest.mark.parametrize("base", models.BASES)
def test_bases_also_take_cepstra(base: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 20)
    frames = [rng.normal(loc=label == "a", size=(rng.integers(7, 29), 12)).astype(np.float32) for label in labels]
    split = data.split(data.Clips(frames, labels, np.arange(40)), GROUPED, 0, {"clip_share": 0.25})
    names = ["deviations", "deltas", "cmn", "percentiles", "covariances"]
    probabilities, _ = models.predict(models.fit(base, names, split.train, 0), split.inputs)
    assert probabilities.shape == (12, 2)
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_vowels_are_read_from_the_packaged_format(tmp_path) -> None:
    folder = tmp_path / "japanese-vowels"
    folder.mkdir()
    line = ":".join(["1.0,2.0,3.0"] * 12) + ":4\n"
    for part in ("TRAIN", "TEST"):
        (folder / f"JapaneseVowels_{part}.ts").write_text("#x\n@classLabel true 4\n@data\n" + line)
    loaded = data.load_vowels(tmp_path)
    assert [clip.shape for clip in loaded.clips] == [(3, 12), (3, 12)]
    assert list(loaded.labels) == ["4", "4"]
