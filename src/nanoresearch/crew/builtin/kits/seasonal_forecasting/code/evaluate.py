"""How forecasts and their intervals are judged. Forecasts and true values have the shape (origins, steps)."""

import numpy as np

# Share of values that the intervals should hold.
LEVEL = 0.9


def mape(targets, predictions) -> float:
    """Mean absolute error as a share of the true value."""
    forecasts, _ = predictions
    return float((np.abs(targets.values - forecasts) / np.abs(targets.values)).mean())


def mase(targets, predictions) -> float:
    """Mean absolute error in units of the mean absolute change over the longest season before the origin."""
    forecasts, _ = predictions
    return float((np.abs(targets.values - forecasts) / targets.scales[:, None]).mean())


def smape(targets, predictions) -> float:
    """Mean absolute error as a share of the mean size of forecast and truth."""
    forecasts, _ = predictions
    size = (np.abs(targets.values) + np.abs(forecasts)) / 2
    return float((np.abs(targets.values - forecasts) / size).mean())


def coverage(targets, predictions) -> float:
    """Share of true values inside the interval."""
    forecasts, widths = predictions
    return float((np.abs(targets.values - forecasts) <= widths).mean())


def coverage_gap(targets, predictions) -> float:
    """Distance of the coverage from the share that the intervals should hold."""
    return abs(coverage(targets, predictions) - LEVEL)


def interval_score(targets, predictions) -> float:
    """Mean scaled length of the intervals, plus 20 times the scaled distance of values outside."""
    forecasts, widths = predictions
    outside = np.maximum(np.abs(targets.values - forecasts) - widths, 0)
    return float(((2 * widths + 2 / (1 - LEVEL) * outside) / targets.scales[:, None]).mean())


METRICS = {
    "mape": mape,
    "mase": mase,
    "smape": smape,
    "coverage_gap": coverage_gap,
    "interval_score": interval_score,
}
