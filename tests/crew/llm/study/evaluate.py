"""How far the value that was reached lies above the least one."""

import numpy as np


def log_gap(least: float, reached: np.ndarray) -> float:
    """Decimal logarithm of the gap after the last step, not below the rounding error."""
    return float(np.log10(max(reached[-1] - least, 1e-12)))


def steps_to_half(least: float, reached: np.ndarray) -> float:
    """Steps until half of the first gap is left; the number of steps when it never is."""
    below = np.flatnonzero(reached - least <= 0.5 * (reached[0] - least))
    return float(below[0] if len(below) else len(reached))


METRICS = {"log_gap": log_gap, "steps_to_half": steps_to_half}


def slices(least: float, reached: np.ndarray) -> dict:
    """There are no classes here."""
    return {}
