"""Tables with a count to be explained: loading, and division into a training and a test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.datasets import randhie


@dataclass
class Table:
    """Rows of covariates, their counts, and a group number for rows that belong together."""

    features: pd.DataFrame
    counts: np.ndarray
    groups: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must predict, and the truth."""

    train: Table
    inputs: pd.DataFrame
    targets: np.ndarray


def load_randhie(root: Path) -> Table:
    """RAND health insurance experiment: outpatient visits in 20190 person-years, nine covariates.

    Persons carry no number. Rows that follow each other with the same plan, payment, limits and chronic diseases
    are taken for years of one person or family, and have the same group.
    """
    frame = randhie.load_pandas().data
    plan = frame[["lncoins", "idp", "lpi", "fmde", "physlm", "disea"]]
    groups = (plan != plan.shift()).any(axis=1).cumsum()
    return Table(frame.drop(columns="mdvis"), frame["mdvis"].to_numpy(dtype=int), groups.to_numpy())


def load_bikeshare(root: Path) -> Table:
    """Bike sharing: bikes rented in 8645 hours of one year, with calendar and weather; a day is a group.

    Left out are the two shares that add up to the count, and the number of the day.
    """
    frame = pd.read_csv(root / "bikeshare" / "Bikeshare.csv")
    features = frame.drop(columns=["bikers", "casual", "registered", "day"])
    return Table(features, frame["bikers"].to_numpy(dtype=int), frame["day"].to_numpy(dtype=int))


LOADERS = {
    "randhie": load_randhie,
    "bikeshare": load_bikeshare,
}


def split(table: Table, protocol: dict, seed: int, condition: dict) -> Split:
    """Draw a random test part, of whole groups where the protocol says so; keep a share of the training rows."""
    rng = np.random.default_rng(seed)
    units = table.groups if protocol["id"] == "grouped" else np.arange(len(table.counts))
    names = rng.permutation(np.unique(units))
    tested = np.isin(units, names[: round(protocol["test_fraction"] * len(names))])
    learn, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    learn = np.sort(rng.permutation(learn)[: round(condition.get("train_fraction", 1.0) * len(learn))])
    train = Table(table.features.iloc[learn], table.counts[learn], table.groups[learn])
    return Split(train, table.features.iloc[test], table.counts[test])
