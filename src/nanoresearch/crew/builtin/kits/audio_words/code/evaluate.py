"""How ranked guesses of words are judged."""

import numpy as np


def ranks(targets: np.ndarray, predictions) -> np.ndarray:
    """Place of the true word among all words, from 1; ties count against the truth."""
    scores, words = predictions
    true = scores[np.arange(len(targets)), np.searchsorted(words, targets)]
    return (scores >= true[:, None]).sum(axis=1)


def accuracy(targets: np.ndarray, predictions) -> float:
    """Share of the words that come first."""
    return float(np.mean(ranks(targets, predictions) == 1))


def top_five(targets: np.ndarray, predictions) -> float:
    """Share of the words that are among the first five."""
    return float(np.mean(ranks(targets, predictions) <= 5))


def reciprocal_rank(targets: np.ndarray, predictions) -> float:
    """Mean of one over the place of the true word."""
    return float(np.mean(1 / ranks(targets, predictions)))


METRICS = {
    "accuracy": accuracy,
    "top_five": top_five,
    "reciprocal_rank": reciprocal_rank,
}

KINDS = {"digits": "numbers", "letters": "letters and signs", "phonetic": "code words"}


def slices(targets: np.ndarray, predictions) -> dict[str, float]:
    """Accuracy on numbers, on letters and signs, and on code words."""
    hits = ranks(targets, predictions) == 1
    kinds = np.array([target.partition("/")[0] for target in targets])
    return {name: float(hits[kinds == kind].mean()) for kind, name in KINDS.items() if np.any(kinds == kind)}
