"""How scores of candidate entities are judged: filtered ranks, with the mean rank among ties."""

import numpy as np


def ranks(targets, predictions: np.ndarray) -> np.ndarray:
    """Rank of the right answer of every query, other right answers left out; ties share their mean rank."""
    right = predictions[np.arange(len(predictions)), targets.answer][:, None]
    candidates = ~targets.others
    candidates[np.arange(len(predictions)), targets.answer] = False
    better = (candidates & (predictions > right)).sum(axis=1)
    tied = (candidates & (predictions == right)).sum(axis=1)
    return 1 + better + tied / 2


def mean_reciprocal_rank(targets, predictions: np.ndarray) -> float:
    """Mean of one over the rank."""
    return float((1 / ranks(targets, predictions)).mean())


def hits_at_10(targets, predictions: np.ndarray) -> float:
    """Share of queries whose right answer is among the first ten."""
    return float((ranks(targets, predictions) <= 10).mean())


def hits_at_1(targets, predictions: np.ndarray) -> float:
    """Share of queries whose right answer is first."""
    return float((ranks(targets, predictions) <= 1).mean())


METRICS = {
    "mrr": mean_reciprocal_rank,
    "hits_at_10": hits_at_10,
    "hits_at_1": hits_at_1,
}


def slices(targets, predictions: np.ndarray) -> dict[str, float]:
    """Mean reciprocal rank for relations that mostly, partly and hardly hold in both directions."""
    values = 1 / ranks(targets, predictions)
    groups = {
        "symmetric": targets.symmetry >= 0.75,
        "mixed": (targets.symmetry < 0.75) & (targets.symmetry > 0.25),
        "asymmetric": targets.symmetry <= 0.25,
    }
    return {name: float(values[rows].mean()) for name, rows in groups.items() if rows.any()}
