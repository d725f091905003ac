import pytest

from nanoresearch.evidence.audit.taboos import forbidden_imports, forbidden_tags, kindred_names


@pytest.mark.parametrize(
    ("source", "taboo", "names"),
    [
        ("import torch.nn as nn", "deep learning", ["torch.nn"]),
        ("from sklearn.neural_network import MLPRegressor", "no MLPs", ["sklearn.neural_network.MLPRegressor"]),
        ("import importlib\nimportlib.import_module('jax')", "Deep Learning", ["jax"]),
        ("__import__('keras')", "deep nets", ["keras"]),
        ("def f():\n    import tensorflow", "neural networks", ["tensorflow"]),
        ("from sklearn.ensemble import ExtraTreesClassifier", "forests", ["sklearn.ensemble.ExtraTreesClassifier"]),
        ("from sklearn.ensemble import RandomForestClassifier", "gradient boosting", []),
        ("from sklearn.linear_model import LogisticRegression", "deep learning", []),
        ("import torchlike", "deep learning", []),
        ("import torch", "expensive data", []),
    ],
)
def test_imports(source: str, taboo: str, names: list[str]) -> None:
    assert sorted({name for name, _ in forbidden_imports(source, [taboo])} - {"importlib"}) == names


def test_tags_are_found_where_a_taboo_spells_them_out() -> None:
    assert list(forbidden_tags(("neural", "linear"), ["no neural networks"])) == [("neural", "no neural networks")]
    assert list(forbidden_tags(("random_forest",), ["random forests"])) == [("random_forest", "random forests")]
    assert list(forbidden_tags(("linear",), ["nonlinear methods"])) == []


def test_kin_of_what_a_taboo_names_is_found_under_other_names() -> None:
    assert list(kindred_names(["multilayer_perceptron", "ridge"], ["no deep learning"])) == [
        ("multilayer perceptron", "no deep learning")
    ]
    assert list(kindred_names(["random forest"], ["no deep learning", "no small samples"])) == []
