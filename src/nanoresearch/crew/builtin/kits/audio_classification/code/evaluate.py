"""How predicted class probabilities are judged."""

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score


def labels(predictions) -> np.ndarray:
    """The most probable class of every clip."""
    probabilities, classes = predictions
    return classes[np.argmax(probabilities, axis=1)]


def accuracy(targets: np.ndarray, predictions) -> float:
    """Share of clips labelled correctly."""
    return accuracy_score(targets, labels(predictions))


def macro_f1(targets: np.ndarray, predictions) -> float:
    """Mean over classes of the harmonic mean of precision and recall."""
    return f1_score(targets, labels(predictions), average="macro", zero_division=0)


def negative_log_likelihood(targets: np.ndarray, predictions) -> float:
    """Mean negative log-likelihood, in nats."""
    probabilities, classes = predictions
    return log_loss(targets, probabilities, labels=classes)


METRICS = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "log_loss": negative_log_likelihood,
}


def slices(targets: np.ndarray, predictions) -> dict[str, float]:
    """Share of the clips of every class that are labelled correctly."""
    names = np.unique(targets)
    values = recall_score(targets, labels(predictions), labels=names, average=None, zero_division=0)
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}
