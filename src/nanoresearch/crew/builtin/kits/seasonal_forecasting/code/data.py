"""Seasonal time series forecast from rolling origins."""

import ast
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import statsmodels.api as sm


@dataclass
class Series:
    """One series, the lengths of its seasons (shortest first), and how it is cut.

    Every origin has `history` values before it and `horizon` values after it; no value is forecast twice.
    """

    values: np.ndarray
    periods: tuple[int, ...]
    history: int
    horizon: int


@dataclass
class Train:
    """The values before every origin (origins, values), oldest first, and the lengths of the seasons."""

    histories: np.ndarray
    periods: tuple[int, ...]


@dataclass
class Inputs:
    """How many origins to forecast from, and how many steps ahead."""

    count: int
    horizon: int


@dataclass
class Targets:
    """The values that came (origins, steps), and each origin's mean absolute change over the longest season before."""

    values: np.ndarray
    scales: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must forecast, and the truth."""

    train: Train
    inputs: Inputs
    targets: Targets


def load_taylor_demand(root: Path) -> Series:
    """Half-hourly electricity demand in England and Wales, 12 weeks of 2000, megawatts; six weeks before each day."""
    text = (root / "taylor-demand" / "taylor.py.txt").read_text(encoding="utf-8")
    lists = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.List)]
    values = ast.literal_eval(max(lists, key=lambda node: len(node.elts)))
    return Series(np.array(values, dtype=float), (48, 336), 2016, 48)


def load_co2(root: Path) -> Series:
    """Monthly means of carbon dioxide at Mauna Loa, in parts per million; fifteen years before each year."""
    months = sm.datasets.co2.load_pandas().data["co2"].resample("MS").mean().interpolate()
    return Series(months.to_numpy(float), (12,), 180, 12)


def load_elnino(root: Path) -> Series:
    """Monthly sea surface temperature of the region Nino 1+2, in degrees; fifteen years before each year."""
    months = sm.datasets.elnino.load_pandas().data.drop(columns="YEAR").to_numpy(float).ravel()
    return Series(months, (12,), 180, 12)


LOADERS = {
    "taylor-demand": load_taylor_demand,
    "co2": load_co2,
    "elnino": load_elnino,
}


def draw_origins(series: Series, protocol: dict, seed: int) -> np.ndarray:
    """Positions of the first values to forecast: a random half of all origins, in order of time."""
    origins = np.arange(series.history, len(series.values) - series.horizon + 1, series.horizon)
    if protocol["id"] == "shifted_origins":
        # Every seed moves all origins by its own part of a season; the last origin is lost if it has no room.
        origins = origins + (seed * 7) % series.horizon
        return origins[origins + series.horizon <= len(series.values)]
    chosen = np.random.default_rng(seed).permutation(len(origins))[: round(len(origins) * protocol["test_fraction"])]
    return origins[np.sort(chosen)]


def spoil(histories: np.ndarray, share: float, period: int, seed: int) -> np.ndarray:
    """A copy in which a share of the values of the last two seasons lacks a quarter of the values' range."""
    spoiled = histories.copy()
    recent = spoiled[:, -2 * period :]
    hit = np.random.default_rng(seed).random(recent.shape) < share
    recent -= hit * 0.25 * np.ptp(histories, axis=1, keepdims=True)
    return spoiled


def split(series: Series, protocol: dict, seed: int, condition: dict) -> Split:
    """Values before and after the origins of a seed, with the condition that the sweep sets."""
    horizon = max(1, round(series.horizon * condition.get("horizon", 1.0)))
    origins = draw_origins(series, protocol, seed)
    histories = np.array([series.values[origin - series.history : origin] for origin in origins])
    values = np.array([series.values[origin : origin + horizon] for origin in origins])
    season = series.periods[-1]
    # Errors are scaled by the untouched values, so that conditions can be compared.
    scales = np.abs(histories[:, season:] - histories[:, :-season]).mean(axis=1)
    if condition.get("faults", 0.0) > 0:
        histories = spoil(histories, condition["faults"], series.periods[0], seed)
    kept = round(series.history * condition.get("history", 1.0))
    return Split(Train(histories[:, -kept:], series.periods), Inputs(len(origins), horizon), Targets(values, scales))
