"""How the labels handed in along a stream are judged. Targets and predictions are class numbers in stream order."""

import numpy as np

WINDOW = 50


def progressive_accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of all rows labelled correctly before their label was seen."""
    return float(np.mean(targets == predictions))


def accuracy_after(targets: np.ndarray, predictions: np.ndarray) -> float:
    """The same share over the second half of the stream, where the synthetic drift is, if there is any."""
    middle = len(targets) // 2
    return progressive_accuracy(targets[middle:], predictions[middle:])


def recovery_rows(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Rows after the middle until the accuracy over the latest 50 of them is back at nine tenths of its level.

    The level is the accuracy over the 200 rows before the middle. At best 50; all rows that are left when the
    accuracy never returns.
    """
    middle = len(targets) // 2
    hit = (targets == predictions).astype(float)
    level = hit[max(0, middle - 200) : middle].mean()
    recent = np.convolve(hit[middle:], np.ones(WINDOW) / WINDOW, mode="valid")
    back = np.flatnonzero(recent >= 0.9 * level - 1e-12)
    return float(WINDOW + back[0] if len(back) else len(targets) - middle)


METRICS = {
    "progressive_accuracy": progressive_accuracy,
    "accuracy_after": accuracy_after,
    "recovery_rows": recovery_rows,
}


def slices(targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Accuracy in every tenth of the stream."""
    parts = np.array_split(targets == predictions, 10)
    return {f"tenth {number}": float(part.mean()) for number, part in enumerate(parts, start=1)}
