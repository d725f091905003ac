"""Least-squares problems, made from the seed: the noise-free solution is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Problem:
    """Minimise the mean square of matrix @ x - target."""

    matrix: np.ndarray
    target: np.ndarray


@dataclass
class Split:
    """What a method works on, where it starts, and the least value there is."""

    train: Problem
    inputs: np.ndarray
    targets: float | None


def load_gaussian(root: Path) -> float:
    """Well-conditioned problems: singular values between 1 and 10."""
    return 1.0


def load_stretched(root: Path) -> float:
    """Ill-conditioned problems: singular values between 1 and 1000."""
    return 3.0


LOADERS = {"gaussian": load_gaussian, "stretched": load_stretched}


def split(decades: float, protocol: dict, seed: int, condition: dict) -> Split:
    """A problem of its own for every seed."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(40, 20)))
    right, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    matrix = left * np.logspace(0, decades, 20) @ right
    target = matrix @ rng.normal(size=20) + condition.get("noise", 0.0) * rng.normal(size=40)
    best = np.linalg.lstsq(matrix, target, rcond=None)[0]
    least = float(np.mean((matrix @ best - target) ** 2))
    return Split(Problem(matrix, target), rng.normal(size=20), least)
