"""Tables for classification: loading, and division into a training and a test part."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.model_selection import StratifiedKFold, train_test_split


@dataclass
class Table:
    """Rows of features and their classes."""

    features: pd.DataFrame
    labels: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth."""

    train: Table
    inputs: pd.DataFrame
    targets: np.ndarray


def load_breast_cancer_table(root: Path) -> Table:
    """Wisconsin diagnostic breast cancer: 30 measurements of cell nuclei, two classes."""
    bunch = load_breast_cancer(as_frame=True)
    return Table(bunch.data, bunch.target.to_numpy())


def load_wine_table(root: Path) -> Table:
    """Wine recognition: 13 chemical measurements, three cultivars."""
    bunch = load_wine(as_frame=True)
    return Table(bunch.data, bunch.target.to_numpy())


def load_iris_table(root: Path) -> Table:
    """Iris: four measurements, three species."""
    bunch = load_iris(as_frame=True)
    return Table(bunch.data, bunch.target.to_numpy())


def load_penguins(root: Path) -> Table:
    """Palmer penguins: body measurements, island and sex, with gaps; three species."""
    frame = pd.read_csv(root / "penguins" / "penguins.csv")
    return Table(frame.drop(columns=["species", "year"]), frame["species"].to_numpy(dtype=str))


def load_pima(root: Path) -> Table:
    """Pima diabetes: eight measurements of 768 women; zeros that stand for missing values are left as they are."""
    names = ["pregnancies", "glucose", "pressure", "skin", "insulin", "mass", "pedigree", "age", "outcome"]
    frame = pd.read_csv(root / "pima" / "pima.dat", comment="@", names=names, skipinitialspace=True)
    return Table(frame.drop(columns="outcome"), frame["outcome"].to_numpy(dtype=str))


def load_phishing(root: Path) -> Table:
    """Phishing: nine coded properties of 1250 web pages, phishing or not."""
    frame = pd.read_csv(root / "phishing" / "phishing.csv.gz")
    return Table(frame.drop(columns="is_phishing"), frame["is_phishing"].to_numpy())


def load_bananas(root: Path) -> Table:
    """Bananas: 5300 artificial points in the plane, two bent classes."""
    # Each line reads "class 1:x 2:y"; the archive also holds a stray file of another system.
    with ZipFile(root / "bananas" / "banana.zip") as archive:
        text = archive.read("banana.all.txt").decode()
    rows = np.array([[part.split(":")[-1] for part in line.split()] for line in text.splitlines()], dtype=float)
    return Table(pd.DataFrame(rows[:, 1:], columns=["x", "y"]), rows[:, 0].astype(int))


def load_orange_juice(root: Path) -> Table:
    """Orange juice: price, discount, store and loyalty of 1070 purchases, brand CH or MM."""
    frame = pd.read_csv(root / "orange-juice" / "OJ.csv")
    return Table(frame.drop(columns="Purchase"), frame["Purchase"].to_numpy(dtype=str))


def load_college(root: Path) -> Table:
    """US colleges: 17 numbers about 777 colleges, private or not."""
    frame = pd.read_csv(root / "college" / "College.csv")
    return Table(frame.drop(columns="Private"), frame["Private"].to_numpy(dtype=str))


def load_credit_default(root: Path) -> Table:
    """Credit card default: student status, balance and income of 10000 simulated customers."""
    frame = pd.read_csv(root / "credit-default" / "Default.csv")
    return Table(frame.drop(columns="default"), frame["default"].to_numpy(dtype=str))


LOADERS = {
    "breast-cancer": load_breast_cancer_table,
    "wine": load_wine_table,
    "iris": load_iris_table,
    "penguins": load_penguins,
    "pima": load_pima,
    "phishing": load_phishing,
    "bananas": load_bananas,
    "orange-juice": load_orange_juice,
    "college": load_college,
    "credit-default": load_credit_default,
}


def split(table: Table, protocol: dict, seed: int, condition: dict) -> Split:
    """Divide the rows, then make learning harder where the sweep says so. The test part is never changed."""
    learn, test = divide(table.labels, protocol, seed)
    learn = keep_fraction(learn, table.labels, condition.get("train_fraction", 1.0), seed)
    labels = flip_labels(table.labels[learn], np.unique(table.labels), condition.get("label_noise", 0.0), seed)
    return Split(Table(table.features.iloc[learn], labels), table.features.iloc[test], table.labels[test])


def divide(labels: np.ndarray, protocol: dict, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the training and the test part, both with the class shares of the whole table.

    Holdout: a fresh random part for every seed. Cross-validation: seeds 0 to 4 are the five folds of one random
    order, seeds 5 to 9 those of the next, so that every row is tested once in five seeds.
    """
    if protocol["id"] == "cross_validation":
        repetition, fold = divmod(seed, 5)
        folds = StratifiedKFold(5, shuffle=True, random_state=repetition)
        return list(folds.split(np.zeros(len(labels)), labels))[fold]
    rows = np.arange(len(labels))
    return train_test_split(rows, test_size=protocol["test_fraction"], stratify=labels, random_state=seed)


def keep_fraction(rows: np.ndarray, labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """A stratified random share of the rows."""
    if fraction >= 1.0:
        return rows
    kept, _ = train_test_split(rows, train_size=fraction, stratify=labels[rows], random_state=seed)
    return kept


def flip_labels(labels: np.ndarray, classes: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Replace a random share of the labels, each by one of the other classes."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    codes = np.searchsorted(classes, labels)
    codes[wrong] = (codes[wrong] + rng.integers(1, len(classes), size=len(wrong))) % len(classes)
    return classes[codes]
