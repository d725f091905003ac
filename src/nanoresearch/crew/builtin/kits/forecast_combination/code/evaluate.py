"""How forecasts are judged. Forecasts and true values have the shape (series, steps)."""

import numpy as np


def scaled_errors(targets, predictions: np.ndarray) -> np.ndarray:
    """Mean absolute error of every series, in units of its mean absolute seasonal change in the fitting part."""
    return np.abs(targets.values - predictions).mean(axis=1) / targets.scales


def symmetric_errors(targets, predictions: np.ndarray) -> np.ndarray:
    """Symmetric absolute percentage error of every series, as a share: 0 is perfect, 2 the worst."""
    size = np.abs(targets.values) + np.abs(predictions)
    return (2 * np.abs(targets.values - predictions) / np.maximum(size, 1e-12)).mean(axis=1)


def mase(targets, predictions: np.ndarray) -> float:
    """Mean over series of the scaled error."""
    return float(scaled_errors(targets, predictions).mean())


def smape(targets, predictions: np.ndarray) -> float:
    """Mean over series of the symmetric percentage error."""
    return float(symmetric_errors(targets, predictions).mean())


def median_mase(targets, predictions: np.ndarray) -> float:
    """Median over series of the scaled error."""
    return float(np.median(scaled_errors(targets, predictions)))


def median_smape(targets, predictions: np.ndarray) -> float:
    """Median over series of the symmetric percentage error."""
    return float(np.median(symmetric_errors(targets, predictions)))


METRICS = {
    "mase": mase,
    "smape": smape,
    "median_mase": median_mase,
    "median_smape": median_smape,
}
