"""What a design takes, and whether this researcher has it."""

import math
from collections.abc import Mapping
from importlib.util import find_spec

from nanoresearch.crew.builtin.kits.kit import DatasetOption
from nanoresearch.crew.builtin.sizing import START_UP_S, Forecast
from nanoresearch.schema.profile import Compute

LIBRARIES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "scikit-learn": "sklearn",
    "statsmodels": "statsmodels",
    "networkx": "networkx",
    "torch": "torch",
    "transformers": "transformers",
}
"""Packages that experiments can be built on, with their import names."""


def available_libraries() -> tuple[str, ...]:
    """Those that are installed here."""
    return tuple(name for name, module in LIBRARIES.items() if find_spec(module) is not None)


def known_seconds(option: DatasetOption, known: Forecast) -> float:
    """Seconds of one fit on a kit's data set: the most that earlier runs measured here, else as the kit says."""
    measured = [seconds for (name, _), seconds in known.measured.items() if name == option.id]
    return max(measured, default=option.seconds * known.slowdown.get(option.id, 1.0))


def forecast_minutes(
    seconds: Mapping[str, float], methods: int, settings: int, seeds: int, cores: int, start_up_s: float = START_UP_S
) -> float:
    """Wall-clock minutes of all seeds, `seconds` being those of one fit by data set."""
    one_seed = start_up_s + settings * methods * sum(seconds.values())
    return one_seed * waves(seeds, cores) / 60


def waves(seeds: int, cores: int) -> int:
    """How many seeds run one after another on each core."""
    return math.ceil(seeds / parallel(seeds, cores))


def parallel(seeds: int, cores: int) -> int:
    """Seeds that run at once."""
    return max(1, min(cores, seeds))


def affordable_seconds(
    methods: int, datasets: int, settings: int, seeds: int, compute: Compute, start_up_s: float = START_UP_S
) -> float:
    """The most seconds of one fit with which a study of this size keeps the budget; never below zero."""
    one_seed = 60 * compute.minutes / waves(seeds, compute.cores) - start_up_s
    return max(0.0, one_seed / max(1, settings * methods * datasets))
