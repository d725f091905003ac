"""How predicted classes are judged."""

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, recall_score


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of items labelled correctly."""
    return accuracy_score(targets, predictions)


def macro_f1(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean over classes of the harmonic mean of precision and recall; zero for a class that is never hit."""
    return f1_score(targets, predictions, average="macro", zero_division=0)


METRICS = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
}


def slices(targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Recall of every class."""
    names = np.unique(targets)
    values = recall_score(targets, predictions, labels=names, average=None, zero_division=0)
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}
