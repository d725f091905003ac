"""Tables with a rare positive class: loading, and division into training and test parts.

A data set may be a collection: it loads as several tables by name, and a method is fitted to each of them separately.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split


@dataclass
class Table:
    """Rows of features; a label is 1 for the rare class and 0 for the other."""

    features: pd.DataFrame
    labels: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth, each by the name of the table."""

    train: dict[str, Table]
    inputs: dict[str, pd.DataFrame]
    targets: dict[str, np.ndarray]


def load_keel(root: Path) -> dict[str, Table]:
    """The tables of the KEEL imbalanced collection with at least 300 rows and 25 of them positive."""
    tables = {}
    for path in sorted((root / "keel-imbalanced" / "imbalanced").glob("*.dat")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        cells = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip() and line[0] != "@"]
        frame = pd.DataFrame(cells, columns=[f"x{number}" for number in range(len(cells[0]))])
        labels = (frame.pop(frame.columns[-1]) == "positive").to_numpy(dtype=int)
        if len(labels) >= 300 and labels.sum() >= 25:
            tables[path.stem] = Table(numeric_where_possible(frame), labels)
    return tables


def numeric_where_possible(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn the columns that hold only numbers from text into numbers."""
    columns = {name: pd.to_numeric(column, errors="coerce") for name, column in frame.items()}
    return pd.DataFrame({name: frame[name] if column.isna().any() else column for name, column in columns.items()})


def load_credit_default(root: Path) -> dict[str, Table]:
    """Credit card default: student status, balance and income of 10000 simulated customers; default is rare."""
    frame = pd.read_csv(root / "credit-default" / "Default.csv")
    return {"default": Table(frame.drop(columns="default"), (frame["default"] == "Yes").to_numpy(dtype=int))}


def load_caravan(root: Path) -> dict[str, Table]:
    """Caravan insurance: 85 codes about 5822 customers and their postal areas; purchase is rare."""
    frame = pd.read_csv(root / "caravan" / "Caravan.csv")
    return {"purchase": Table(frame.drop(columns="Purchase"), (frame["Purchase"] == "Yes").to_numpy(dtype=int))}


def load_digit_tables(root: Path) -> dict[str, Table]:
    """UCI digits: ten tables, in each of which one digit is the rare class; 64 pixel sums of 1797 images."""
    bunch = load_digits(as_frame=True)
    labels = bunch.target.to_numpy()
    return {f"digit {digit}": Table(bunch.data, (labels == digit).astype(int)) for digit in range(10)}


LOADERS = {
    "keel-imbalanced": load_keel,
    "credit-default": load_credit_default,
    "caravan": load_caravan,
    "digits": load_digit_tables,
}


def split(tables: dict[str, Table], protocol: dict, seed: int, condition: dict) -> Split:
    """Divide every table, and thin out the positive training rows when the sweep says so."""
    parts = Split({}, {}, {})
    for name, table in tables.items():
        learn, test = divide(table.labels, protocol, seed)
        learn = thin_positives(learn, table.labels, condition.get("positive_share", 1.0), seed)
        parts.train[name] = Table(table.features.iloc[learn], table.labels[learn])
        parts.inputs[name] = table.features.iloc[test]
        parts.targets[name] = table.labels[test]
    return parts


def divide(labels: np.ndarray, protocol: dict, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the training and the test part, both with the share of positives of the whole table.

    Holdout: a fresh random part for every seed. Cross-validation: seeds 0 to 4 are the five folds of one random
    order, seeds 5 to 9 those of the next.
    """
    if protocol["id"] == "cross_validation":
        repetition, fold = divmod(seed, 5)
        folds = StratifiedKFold(5, shuffle=True, random_state=repetition)
        return list(folds.split(np.zeros(len(labels)), labels))[fold]
    rows = np.arange(len(labels))
    return train_test_split(rows, test_size=protocol["test_fraction"], stratify=labels, random_state=seed)


def thin_positives(rows: np.ndarray, labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Keep all negative rows and a random share of the positive ones."""
    positive = np.random.default_rng(seed).permutation(rows[labels[rows] == 1])
    kept = positive[: round(share * len(positive))]
    return np.sort(np.concatenate([rows[labels[rows] == 0], kept]))
