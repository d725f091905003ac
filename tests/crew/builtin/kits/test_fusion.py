"""The fusion kit: its facts agree with its program, missing views stay hidden, and every component does something."""

import sys
import types

import numpy as np
import pytest

from nanoresearch.crew.builtin.kits import read_code
from nanoresearch.crew.builtin.kits.fusion.kit import KIT
from nanoresearch.datasets.catalogue import load_catalogue

GROUPED = {"id": "grouped", "test_fraction": 0.2}


def module(name: str) -> types.ModuleType:
    """A file of the kit's program, imported under a name of its own."""
    made = types.ModuleType(f"fusion_{name}")
    sys.modules[made.__name__] = made
    exec(compile(read_code(KIT.id, f"{name}.py"), name, "exec"), made.__dict__)
    return made


data, models, evaluate = module("data"), module("models"), module("evaluate")


@pytest.fixture(scope="module")
def items():
    """240 items of three classes in two correlated numeric views of 6 and 12 columns, in groups of three."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=240)
    centres = rng.normal(size=(3, 4))
    hidden = centres[labels] + rng.normal(size=(240, 4))
    views = {
        name: hidden @ rng.normal(size=(4, width)) + 0.5 * rng.normal(size=(240, width))
        for name, width in (("image", 6), ("text", 12))
    }
    return data.Items(views, labels, np.arange(240) // 3)


def test_facts_agree_with_program():
    cards = load_catalogue()
    assert {option.id for option in KIT.datasets} == set(data.LOADERS) <= set(cards)
    assert {need for option in KIT.datasets for need in option.needs} <= set(cards)
    assert {component.spec.id for component in KIT.components} == set(models.COMPONENTS)
    bases = {KIT.reference.id, KIT.baseline.id, *(method.id for method in KIT.alternatives)}
    assert bases == set(models.BASES)
    assert {metric.spec.id for metric in KIT.metrics} == set(evaluate.METRICS)


@pytest.mark.parametrize("seed", [0, 1])
def test_grouped_split_keeps_groups_apart(items, seed):
    train, test = data.divide(items, GROUPED, seed)
    assert not set(items.groups[train]) & set(items.groups[test])
    assert len(train) + len(test) == 240


def test_missing_views_are_blank(items):
    inputs = data.split(items, GROUPED, 0, {"missing_view_rate": 0.5}).inputs
    lost = np.concatenate([~mask for mask in inputs.present.values()])
    assert 0.3 * len(inputs) < lost.sum() < 0.7 * len(inputs)
    assert np.all(np.sum(list(inputs.present.values()), axis=0) >= 1)
    for name, mask in inputs.present.items():
        assert not inputs.views[name][~mask].any()
    gone = data.split(items, GROUPED, 0, {"missing_modality": "image"}).inputs
    assert not gone.present["image"].any()
    assert gone.present["text"].all()


def test_subset_leaves_one_view(items):
    part = data.split(items, GROUPED, 0, {"modality_subset": "text"})
    assert list(part.train.views) == list(part.inputs.views) == ["text"]
    for names in ([], list(models.COMPONENTS)):
        assert len(models.predict(models.fit("baseline", names, part.train, 0), part.inputs)) == len(part.targets)


@pytest.mark.parametrize("component", [name for name in models.COMPONENTS if name != "cross_imputation"])
def test_component_changes_the_scores_and_repeats_itself(items, component):
    part = data.split(items, GROUPED, 0, {"missing_view_rate": 0.6})

    def weights(names):
        fitted = models.fit("baseline", names, part.train, 0)
        return np.concatenate([model.coef_.ravel() for model in [*fitted.members.values(), fitted.combiner] if model])

    plain, first, second = weights([]), weights([component]), weights([component])
    assert plain.shape != first.shape or not np.allclose(plain, first)
    assert np.array_equal(first, second)


def test_cross_imputation_fills_in_from_the_other_view(items):
    part = data.split(items, GROUPED, 0, {"missing_modality": "image"})
    encoder = models.fit("baseline", ["cross_imputation"], part.train, 0).encoder
    filled = encoder.apply(part.inputs.views, part.inputs.present)
    complete = data.split(items, GROUPED, 0, {}).inputs
    truth = encoder.apply(complete.views, complete.present)
    assert filled.present["image"].all()
    assert np.mean((filled.blocks["image"] - truth.blocks["image"]) ** 2) < 0.7 * np.mean(truth.blocks["image"] ** 2)


def test_late_fusion_ignores_the_missing_view(items):
    part = data.split(items, GROUPED, 0, {"missing_modality": "image"})
    model = models.fit("baseline", ["late_fusion"], part.train, 0)
    encoded = model.encoder.apply(part.inputs.views, part.inputs.present)
    assert np.array_equal(models.predict(model, part.inputs), model.members["text"].predict(encoded.blocks["text"]))


@pytest.mark.parametrize("base", list(models.BASES))
def test_base_labels_every_item(items, base):
    part = data.split(items, GROUPED, 0, {})
    predictions = models.predict(models.fit(base, [], part.train, 0), part.inputs)
    value = evaluate.accuracy(part.targets, predictions)
    assert (value > 0.55) == (base != "majority")


def test_all_components_together(items):
    part = data.split(items, GROUPED, 0, {"missing_view_rate": 0.3})
    model = models.fit("baseline", list(models.COMPONENTS), part.train, 0)
    assert evaluate.accuracy(part.targets, models.predict(model, part.inputs)) > 0.5
    assert models.count_parameters(model) > 0
