"""How predictions and their standard deviations are judged. Predictions are (means, deviations), in kcal/mol."""

import numpy as np
from scipy.stats import norm


def rmse(targets: np.ndarray, predictions) -> float:
    """Root of the mean squared error, in kcal/mol."""
    return float(np.sqrt(((targets - predictions[0]) ** 2).mean()))


def mae(targets: np.ndarray, predictions) -> float:
    """Mean absolute error, in kcal/mol."""
    return float(np.abs(targets - predictions[0]).mean())


def coverage_gap_at(targets: np.ndarray, predictions, level: float) -> float:
    """Distance between a level and the share of values inside the normal interval of that level."""
    means, deviations = predictions
    inside = np.abs(targets - means) <= norm.ppf((1 + level) / 2) * deviations
    return float(abs(inside.mean() - level))


def coverage_gap(targets: np.ndarray, predictions) -> float:
    """Mean gap of the intervals at 50, 80 and 95 percent."""
    return float(np.mean([coverage_gap_at(targets, predictions, level) for level in (0.5, 0.8, 0.95)]))


def coverage_gap_95(targets: np.ndarray, predictions) -> float:
    """Gap of the intervals at 95 percent."""
    return coverage_gap_at(targets, predictions, 0.95)


def log_score(targets: np.ndarray, predictions) -> float:
    """Mean negative logarithm of the normal density of the true value, in nats."""
    means, deviations = predictions
    return float(-norm.logpdf(targets, means, deviations).mean())


METRICS = {
    "rmse": rmse,
    "mae": mae,
    "coverage_gap": coverage_gap,
    "coverage_gap_95": coverage_gap_95,
    "log_score": log_score,
}
