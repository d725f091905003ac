"""How predictions are judged.

Predictions hold for every table the scores of its test rows and the decisions, 1 for the rare class. The value of a
collection is the mean over its tables, each of which counts the same.
"""

import numpy as np
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, matthews_corrcoef, recall_score


def balanced_accuracy(targets: dict, predictions: dict) -> float:
    """Mean of the recalls of both classes."""
    return float(np.mean([balanced_accuracy_score(truth, predictions[name][1]) for name, truth in targets.items()]))


def pr_auc(targets: dict, predictions: dict) -> float:
    """Area under the precision-recall curve as average precision; depends on the scores only."""
    return float(np.mean([average_precision_score(truth, predictions[name][0]) for name, truth in targets.items()]))


def f1(targets: dict, predictions: dict) -> float:
    """Harmonic mean of precision and recall of the rare class: zero when nothing is found, no number without any."""
    values = [f1_score(truth, predictions[name][1], zero_division=np.nan) for name, truth in targets.items()]
    return float(np.mean(values))


def recall(targets: dict, predictions: dict) -> float:
    """Share of the rare class that is found."""
    return float(np.mean([recall_score(truth, predictions[name][1]) for name, truth in targets.items()]))


def matthews(targets: dict, predictions: dict) -> float:
    """Correlation between decisions and truth; zero when all decisions are the same."""
    return float(np.mean([matthews_corrcoef(truth, predictions[name][1]) for name, truth in targets.items()]))


METRICS = {
    "balanced_accuracy": balanced_accuracy,
    "pr_auc": pr_auc,
    "f1": f1,
    "recall": recall,
    "mcc": matthews,
}


def slices(targets: dict, predictions: dict) -> dict[str, float]:
    """Balanced accuracy on every table."""
    return {name: float(balanced_accuracy_score(truth, predictions[name][1])) for name, truth in targets.items()}
