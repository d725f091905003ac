"""How predicted numbers are judged."""

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error


def explained(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of the variance of the test targets that the predictions explain; negative when they add to it."""
    return float(r2_score(targets, predictions))


def squared_error(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Root of the mean squared error, in units of the target."""
    return float(root_mean_squared_error(targets, predictions))


def absolute_error(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean absolute error, in units of the target."""
    return float(mean_absolute_error(targets, predictions))


METRICS = {
    "r2": explained,
    "rmse": squared_error,
    "mae": absolute_error,
}
