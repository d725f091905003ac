"""How predicted labels are judged."""

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of texts labelled correctly."""
    return accuracy_score(targets, predictions)


def macro_f1(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean over classes of the harmonic mean of precision and recall; zero for a class that is never hit."""
    return f1_score(targets, predictions, average="macro", zero_division=0)


def balanced_accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean recall over the classes of the test part."""
    return balanced_accuracy_score(targets, predictions)


METRICS = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
}


def slices(targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Recall of the ten rarest classes of the test part, rarest first (ties by name)."""
    names, counts = np.unique(targets, return_counts=True)
    rarest = names[np.argsort(counts, kind="stable")][:10]
    values = recall_score(targets, predictions, labels=rarest, average=None, zero_division=0)
    return {str(name): float(value) for name, value in zip(rarest, values, strict=True)}
