"""The text kit: its facts agree with its program, splits keep groups apart, and every component does something."""

import sys
import types

import numpy as np
import pytest

from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.text_classification.kit import KIT
from nanoresearch.datasets.catalogue import load_catalogue

GROUPED = {"id": "grouped", "test_fraction": 0.2}
PUBLISHED = {"id": "published", "test_fraction": 0.25}


def module(name: str) -> types.ModuleType:
    """A file of the kit's program, imported under a name of its own."""
    made = types.ModuleType(f"text_classification_{name}")
    sys.modules[made.__name__] = made
    exec(compile(read_code(KIT.id, f"{name}.py"), name, "exec"), made.__dict__)
    return made


data, models, evaluate = module("data"), module("models"), module("evaluate")


@pytest.fixture(scope="module")
def corpus():
    """180 texts of three unequal classes in 30 groups; each class has words of its own, and names in capitals."""
    rng = np.random.default_rng(0)
    texts, labels = [], []
    for number in range(180):
        label = "abc"[0 if number % 6 < 3 else 1 if number % 6 < 5 else 2]
        own = [f"{label}{word}" for word in rng.integers(12, size=2)]
        noise = [f"word{word}" for word in rng.integers(30, size=8)]
        texts.append(" ".join(["the", *rng.permutation(own + noise), f"Anna{number % 30}", "end"]))
        labels.append(label)
    published = np.arange(180) >= 140
    return data.Corpus(np.array(texts, dtype=object), np.array(labels), np.arange(180) // 6, published)


def test_facts_agree_with_program():
    cards = load_catalogue()
    assert {option.id for option in KIT.datasets} == set(data.LOADERS) <= set(cards)
    assert {component.spec.id for component in KIT.components} == set(models.COMPONENTS)
    bases = {KIT.reference.id, KIT.baseline.id, *(method.id for method in KIT.alternatives)}
    assert bases == set(models.BASES)
    assert {metric.spec.id for metric in KIT.metrics} == set(evaluate.METRICS)


@pytest.mark.parametrize("seed", [0, 1])
def test_grouped_split_keeps_groups_apart(corpus, seed):
    train, test = data.divide(corpus, GROUPED, seed, {})
    assert not set(corpus.groups[train]) & set(corpus.groups[test])
    assert len(train) + len(test) == 180


def test_published_split_keeps_the_test_part_and_resamples_the_training_part(corpus):
    parts = [data.divide(corpus, PUBLISHED, seed, {}) for seed in (0, 1)]
    for train, test in parts:
        assert np.array_equal(test, np.arange(140, 180))
        assert train.max() < 140
    assert not np.array_equal(parts[0][0], parts[1][0])


def test_split_designs_share_test_texts_and_training_size(corpus):
    grouped, random = (data.divide(corpus, GROUPED, 0, {"split_design": name}) for name in ("grouped", "random"))
    assert np.array_equal(grouped[1], random[1])
    assert len(grouped[0]) == len(random[0])
    assert not set(corpus.groups[grouped[0]]) & set(corpus.groups[grouped[1]])
    assert set(corpus.groups[random[0]]) & set(corpus.groups[random[1]])
    assert not set(random[0]) & set(random[1])


def test_label_budget_holds(corpus):
    part = data.split(corpus, GROUPED, 0, {"labels_per_class": 5})
    assert np.array_equal(np.unique(part.train.labels, return_counts=True)[1], [5, 5, 5])
    assert len(part.train.texts) + len(part.train.unlabelled) + len(part.inputs) == 180
    oracle = part.train.oracle(1)
    oracle.ask(0)
    with pytest.raises(RuntimeError, match="budget"):
        oracle.ask(1)


def test_uncertainty_sampling_spends_no_more_labels_than_the_baseline(corpus):
    part = data.split(corpus, GROUPED, 0, {"labels_per_class": 8})
    model = models.LinearTextModel(models.Recipe(0))
    features = model.reader.fit([*part.train.texts, *part.train.unlabelled])
    rows, labels = models.query_uncertain(model.recipe, features, part.train)
    assert len(rows) == len(set(rows)) == len(labels) == 24
    truth = np.concatenate([part.train.labels, part.train.unlabelled_truth])
    assert np.array_equal(labels, truth[rows])


@pytest.mark.parametrize("component", list(models.COMPONENTS))
def test_component_changes_the_model_and_repeats_itself(corpus, component):
    needs_unlabelled = component in ("self_training", "label_spreading", "uncertainty_sampling")
    part = data.split(corpus, GROUPED, 0, {"labels_per_class": 10} if needs_unlabelled else {})
    plain = models.fit("baseline", [], part.train, 0)
    first, second = (models.fit("baseline", [component], part.train, 0) for _ in range(2))
    weights = [np.concatenate([m.coef_.ravel() for m in model.linear.machines]) for model in (plain, first, second)]
    assert weights[0].shape != weights[1].shape or not np.allclose(weights[0], weights[1])
    assert np.array_equal(weights[1], weights[2])
    assert len(models.predict(first, part.inputs)) == models.count_inputs(part.inputs)


@pytest.mark.parametrize("base", list(models.BASES))
def test_base_labels_every_text(corpus, base):
    part = data.split(corpus, GROUPED, 0, {})
    predictions = models.predict(models.fit(base, [], part.train, 0), part.inputs)
    values = [metric(part.targets, predictions) for metric in evaluate.METRICS.values()]
    assert all(0 <= value <= 1 for value in values)
    assert (values[0] > 0.6) == (base != "majority")


def test_all_components_together(corpus):
    part = data.split(corpus, GROUPED, 0, {"labels_per_class": 5})
    assert len(models.predict(models.fit("baseline", list(models.COMPONENTS), part.train, 0), part.inputs))


def test_names_are_masked_inside_sentences_only():
    masked = models.mask_names("Anna saw Robert De Niro, and I slept. Then he left with Mary.")
    assert masked == "Anna saw somename somename somename, and I slept. Then he left with somename."


def test_slices_name_the_rarest_classes():
    targets = np.repeat([f"class{n:02}" for n in range(12)], np.arange(1, 13))
    assert list(evaluate.slices(targets, targets)) == [f"class{n:02}" for n in range(10)]


def test_emoji_variants_are_one_family():
    assert data.emoji_family("WOMAN VAMPIRE") == data.emoji_family("VAMPIRE") == "vampire"
    assert data.emoji_family("FAMILY: MAN, WOMAN, BOY") == "family"
