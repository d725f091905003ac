"""Tables with a number to be predicted: loading, and division into a training and a test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, train_test_split


@dataclass
class Table:
    """Rows of features and their targets."""

    features: pd.DataFrame
    values: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must predict, and the truth."""

    train: Table
    inputs: pd.DataFrame
    targets: np.ndarray


def load_diabetes_table(root: Path) -> Table:
    """Diabetes: ten measurements of 442 patients; a score of progression after one year."""
    bunch = load_diabetes(as_frame=True, scaled=False)
    return Table(bunch.data, bunch.target.to_numpy(dtype=float))


def load_hitters(root: Path) -> Table:
    """Baseball hitters: 19 columns about 263 players whose salary, in thousand dollars, is known."""
    frame = pd.read_csv(root / "hitters" / "Hitters.csv").dropna(subset=["Salary"])
    return Table(frame.drop(columns="Salary"), frame["Salary"].to_numpy(dtype=float))


def load_carseats(root: Path) -> Table:
    """Carseats: ten columns about 400 simulated stores; unit sales in thousands."""
    frame = pd.read_csv(root / "carseats" / "Carseats.csv")
    return Table(frame.drop(columns="Sales"), frame["Sales"].to_numpy(dtype=float))


def load_auto_mpg(root: Path) -> Table:
    """Auto: seven columns about 392 car models, without their names; miles per gallon."""
    frame = pd.read_csv(root / "auto-mpg" / "Auto.csv")
    return Table(frame.drop(columns=["mpg", "name"]), frame["mpg"].to_numpy(dtype=float))


def load_wage(root: Path) -> Table:
    """Mid-Atlantic wages: eight columns about 3000 workers; wage in thousand dollars, without its logarithm."""
    frame = pd.read_csv(root / "wage" / "Wage.csv")
    return Table(frame.drop(columns=["wage", "logwage"]), frame["wage"].to_numpy(dtype=float))


LOADERS = {
    "diabetes": load_diabetes_table,
    "hitters": load_hitters,
    "carseats": load_carseats,
    "auto-mpg": load_auto_mpg,
    "wage": load_wage,
}


def split(table: Table, protocol: dict, seed: int, condition: dict) -> Split:
    """Divide the rows; keep a share of the training rows, or spoil some targets, where the sweep says so."""
    learn, test = divide(len(table.values), protocol, seed)
    rng = np.random.default_rng(seed)
    learn = rng.permutation(learn)[: round(condition.get("train_fraction", 1.0) * len(learn))]
    values = spoil(table.values[learn], condition.get("outliers", 0.0), rng)
    return Split(Table(table.features.iloc[learn], values), table.features.iloc[test], table.values[test])


def divide(rows: int, protocol: dict, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the training and the test part.

    Holdout: a fresh random part for every seed. Cross-validation: seeds 0 to 4 are the five folds of one random
    order, seeds 5 to 9 those of the next.
    """
    if protocol["id"] == "cross_validation":
        repetition, fold = divmod(seed, 5)
        folds = KFold(5, shuffle=True, random_state=repetition)
        return list(folds.split(np.zeros(rows)))[fold]
    return train_test_split(np.arange(rows), test_size=protocol["test_fraction"], random_state=seed)


def spoil(values: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply a random share of the targets by three."""
    wrong = rng.permutation(len(values))[: round(share * len(values))]
    spoiled = values.copy()
    spoiled[wrong] *= 3
    return spoiled
