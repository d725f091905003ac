"""How predictions are judged."""

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of nodes labelled correctly."""
    return accuracy_score(targets, predictions)


def balanced_accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean recall over classes."""
    return balanced_accuracy_score(targets, predictions)


def macro_f1(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean over classes of the harmonic mean of precision and recall."""
    return f1_score(targets, predictions, average="macro", zero_division=0)


METRICS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}


def slices(targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Recall of every class."""
    names = np.unique(targets)
    values = recall_score(targets, predictions, labels=names, average=None, zero_division=0)
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}
