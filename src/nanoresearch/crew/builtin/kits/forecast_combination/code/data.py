"""Collections of time series whose last values are to be forecast."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import statsmodels.api as sm

# Values to forecast at the end of every series.
HORIZON = 6
# No series is shortened below this many fitting values.
SHORTEST = 6


@dataclass
class Collection:
    """Series with the values to forecast at their ends, and the number of values in a season (1: no season)."""

    series: list[np.ndarray]
    period: int


@dataclass
class Train:
    """The fitting part of every series, oldest value first, and the number of values in a season."""

    histories: list[np.ndarray]
    period: int


@dataclass
class Inputs:
    """How many series to forecast, and how many steps ahead."""

    count: int
    horizon: int


@dataclass
class Targets:
    """The values that came (series, steps), and each series' mean absolute seasonal change in its fitting part."""

    values: np.ndarray
    scales: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must forecast, and the truth."""

    train: Train
    inputs: Inputs
    targets: Targets


def cut(values: np.ndarray, history: int) -> list[np.ndarray]:
    """Pieces of one long series: `history` values to fit on and six to forecast, which no two pieces share."""
    starts = range(0, len(values) - history - HORIZON + 1, HORIZON)
    return [values[start : start + history + HORIZON] for start in starts]


def load_m1_yearly(root: Path) -> Collection:
    """All 181 yearly series of the M1 competition, 15 to 58 values long."""
    text = (root / "m1-yearly" / "m1_yearly_dataset.tsf").read_text(encoding="utf-8", errors="replace")
    rows = text.split("@data", 1)[1].split()
    # The start stamp of a row contains a blank, so values are what follows the last colon.
    rows = [row for row in rows if row.count(",") >= 2]
    return Collection([np.array([float(value) for value in row.rsplit(":", 1)[1].split(",")]) for row in rows], 1)


def load_sunspots(root: Path) -> Collection:
    """Yearly sunspot numbers: pieces of 60 years to fit on and 6 to forecast."""
    return Collection(cut(sm.datasets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(float), 60), 1)


def load_nile(root: Path) -> Collection:
    """Yearly flow of the Nile: pieces of 30 years to fit on and 6 to forecast."""
    return Collection(cut(sm.datasets.nile.load_pandas().data["volume"].to_numpy(float), 30), 1)


def load_elnino(root: Path) -> Collection:
    """Monthly sea surface temperature: pieces of 10 years to fit on and 6 months to forecast."""
    months = sm.datasets.elnino.load_pandas().data.drop(columns="YEAR").to_numpy(float).ravel()
    return Collection(cut(months, 120), 12)


def load_co2(root: Path) -> Collection:
    """Monthly means of carbon dioxide at Mauna Loa: pieces of 10 years to fit on and 6 months to forecast."""
    months = sm.datasets.co2.load_pandas().data["co2"].resample("MS").mean().interpolate()
    return Collection(cut(months.to_numpy(float), 120), 12)


LOADERS = {
    "m1-yearly": load_m1_yearly,
    "sunspots": load_sunspots,
    "co2": load_co2,
    "elnino": load_elnino,
    "nile": load_nile,
}


def draw_series(collection: Collection, protocol: dict, seed: int) -> list[np.ndarray]:
    """A random half of the series, or all of them ending `seed` values earlier as far as their length allows."""
    if protocol["id"] == "all_series":
        spare = [max(0, len(values) - HORIZON - SHORTEST) for values in collection.series]
        return [values[: len(values) - min(seed, most)] for values, most in zip(collection.series, spare, strict=True)]
    rng = np.random.default_rng(seed)
    count = len(collection.series)
    chosen = rng.permutation(count)[: round(count * protocol["test_fraction"])]
    return [collection.series[index] for index in np.sort(chosen)]


def seasonal_change(history: np.ndarray, period: int) -> float:
    """Mean absolute difference between values one season apart; 1 for a constant series."""
    return float(np.abs(history[period:] - history[:-period]).mean()) or 1.0


def spoil(history: np.ndarray, period: int, rng: np.random.Generator) -> np.ndarray:
    """A copy in which one of the last five values is raised by five mean absolute seasonal changes."""
    spoiled = history.copy()
    spoiled[-rng.integers(1, 6)] += 5 * seasonal_change(history, period)
    return spoiled


def split(collection: Collection, protocol: dict, seed: int, condition: dict) -> Split:
    """Separate the last values; apply the condition that the sweep sets to the fitting parts."""
    horizon = int(condition.get("horizon", HORIZON))
    series = draw_series(collection, protocol, seed)
    histories = [values[:-HORIZON] for values in series]
    values = np.array([values[-HORIZON:][:horizon] for values in series])
    # Errors are scaled by the untouched fitting part, so that conditions can be compared.
    scales = np.array([seasonal_change(history, collection.period) for history in histories])
    rng = np.random.default_rng(seed)
    outliers = rng.permutation(len(histories))[: round(len(histories) * condition.get("outliers", 0.0))]
    for index in outliers:
        histories[index] = spoil(histories[index], collection.period, rng)
    dropped = condition.get("dropped_history", 0.0)
    shortest = max(SHORTEST, 2 * collection.period)
    histories = [history[-max(shortest, round(len(history) * (1 - dropped))) :] for history in histories]
    return Split(Train(histories, collection.period), Inputs(len(histories), horizon), Targets(values, scales))
