"""How predicted distributions of counts are judged.

A prediction holds four arrays, one number for each row: "mean" and "dispersion" of a negative binomial law (Poisson
where the dispersion is zero), "zero", a probability, and "hurdle". Without hurdle, "zero" is the probability that the
count is zero for a reason of its own; with hurdle it is the whole probability of zero, and the law is cut off there.
"""

import numpy as np
from scipy.special import gammaln
from scipy.stats import nbinom, poisson


def log_law(counts: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """Log-probability of counts under the negative binomial law with variance mean + dispersion * mean**2."""
    if np.all(dispersion == 0):
        return counts * np.log(mean) - mean - gammaln(counts + 1)
    size = 1 / dispersion
    rest = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1)
    return rest - size * np.log1p(dispersion * mean) + counts * (np.log(mean) - np.log(size + mean))


def log_probability(counts: np.ndarray, predictions: dict) -> np.ndarray:
    """Log-probability of each count under its predicted distribution, in nats."""
    mean, dispersion, zero = predictions["mean"], predictions["dispersion"], predictions["zero"]
    inside = log_law(counts, mean, dispersion)
    at_zero = np.exp(log_law(np.zeros(len(mean)), mean, dispersion))
    with np.errstate(divide="ignore"):  # a share of exactly zero never meets the branch it is the log of
        mixed = np.where(counts == 0, np.log(zero + (1 - zero) * at_zero), np.log1p(-zero) + inside)
        cut = np.where(counts == 0, np.log(zero), np.log1p(-zero) + inside - np.log1p(-at_zero))
    return np.where(predictions["hurdle"], cut, mixed)


def expected_counts(predictions: dict) -> np.ndarray:
    """Mean of each predicted distribution."""
    mean, dispersion, zero = predictions["mean"], predictions["dispersion"], predictions["zero"]
    at_zero = np.exp(log_law(np.zeros(len(mean)), mean, dispersion))
    return (1 - zero) * mean / np.where(predictions["hurdle"], 1 - at_zero, 1.0)


def exceedance(limit: int, predictions: dict) -> np.ndarray:
    """Predicted probability of a count above the limit, which is at least zero."""
    mean, dispersion, zero = predictions["mean"], predictions["dispersion"], predictions["zero"]
    at_zero = np.exp(log_law(np.zeros(len(mean)), mean, dispersion))
    if np.all(dispersion == 0):
        above = poisson.sf(limit, mean)
    else:
        above = nbinom.sf(limit, 1 / dispersion, 1 / (1 + dispersion * mean))
    return (1 - zero) * above / np.where(predictions["hurdle"], 1 - at_zero, 1.0)


def log_score(targets: np.ndarray, predictions: dict) -> float:
    """Mean negative log-probability of the observed counts, in nats."""
    return float(-np.mean(log_probability(targets, predictions)))


def poisson_deviance(targets: np.ndarray, predictions: dict) -> float:
    """Mean Poisson deviance of the observed counts from the predicted means."""
    mean = expected_counts(predictions)
    ratio = np.where(targets > 0, targets, 1) / mean
    return float(2 * np.mean(np.where(targets > 0, targets * np.log(ratio), 0) - targets + mean))


def zero_error(targets: np.ndarray, predictions: dict) -> float:
    """Distance between the predicted and the observed share of zeros."""
    return float(abs(np.mean(1 - exceedance(0, predictions)) - np.mean(targets == 0)))


def tail_error(targets: np.ndarray, predictions: dict) -> float:
    """Mean distance between predicted and observed shares above the 90th, 95th and 99th percentile of the counts."""
    limits = np.quantile(targets, [0.9, 0.95, 0.99]).astype(int)
    errors = [np.mean(exceedance(limit, predictions)) - np.mean(targets > limit) for limit in limits]
    return float(np.mean(np.abs(errors)))


def absolute_error(targets: np.ndarray, predictions: dict) -> float:
    """Mean distance between the counts and the predicted means."""
    return float(np.mean(np.abs(targets - expected_counts(predictions))))


METRICS = {
    "log_score": log_score,
    "poisson_deviance": poisson_deviance,
    "zero_error": zero_error,
    "tail_error": tail_error,
    "mae": absolute_error,
}


def slices(targets: np.ndarray, predictions: dict) -> dict[str, float]:
    """Mean negative log-probability of the zeros and of the counts up to each quartile of the positive ones."""
    limits = np.unique(np.quantile(targets[targets > 0], [0.25, 0.5, 0.75]).astype(int))
    bins = np.where(targets == 0, 0, 1 + np.searchsorted(limits, targets))
    names = ["zero", *(f"quartile {number} of the positive counts" for number in range(1, len(limits) + 2))]
    loss = -log_probability(targets, predictions)
    return {name: float(loss[bins == part].mean()) for part, name in enumerate(names) if np.any(bins == part)}
