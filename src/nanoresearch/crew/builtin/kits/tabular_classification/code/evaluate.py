"""How predictions are judged. Predictions are the probabilities (rows, classes) and the classes in that order."""

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, recall_score


def labels(predictions) -> np.ndarray:
    """The most probable class of every row."""
    probabilities, classes = predictions
    return classes[np.argmax(probabilities, axis=1)]


def balanced_accuracy(targets: np.ndarray, predictions) -> float:
    """Mean recall over classes."""
    return balanced_accuracy_score(targets, labels(predictions))


def accuracy(targets: np.ndarray, predictions) -> float:
    """Share of rows labelled correctly."""
    return accuracy_score(targets, labels(predictions))


def negative_log_likelihood(targets: np.ndarray, predictions) -> float:
    """Mean negative log-likelihood, in nats; a probability of zero counts as the smallest number above zero."""
    probabilities, classes = predictions
    return log_loss(targets, probabilities, labels=classes)


def brier_score(targets: np.ndarray, predictions) -> float:
    """Half the mean squared distance between the probabilities and the truth; the usual score for two classes."""
    probabilities, classes = predictions
    truth = targets[:, None] == classes[None, :]  # (rows, classes)
    unforeseen = ~truth.any(axis=1)  # rows of a class that the model does not know: its probability is zero
    return float(np.mean(np.sum((probabilities - truth) ** 2, axis=1) + unforeseen) / 2)


def calibration_error(targets: np.ndarray, predictions) -> float:
    """Expected calibration error of the top class in ten bins of equal width."""
    probabilities, _ = predictions
    top = probabilities.max(axis=1)
    hit = labels(predictions) == targets
    bins = np.minimum((top * 10).astype(int), 9)
    return float(sum(abs(hit[bins == b].sum() - top[bins == b].sum()) for b in range(10)) / len(top))


METRICS = {
    "balanced_accuracy": balanced_accuracy,
    "accuracy": accuracy,
    "log_loss": negative_log_likelihood,
    "brier": brier_score,
    "ece": calibration_error,
}


def slices(targets: np.ndarray, predictions) -> dict[str, float]:
    """Recall of every class."""
    names = np.unique(targets)
    values = recall_score(targets, labels(predictions), labels=names, average=None, zero_division=0)
    return {str(name): float(value) for name, value in zip(names, values, strict=True)}
