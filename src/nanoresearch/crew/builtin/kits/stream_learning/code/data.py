"""Streams of rows for test-then-train learning.

A learner gets a stream as a Feed: it must hand in a label for the current row before it is told the true one and
before it can see the next row. What it handed in cannot be changed, and these answers are what is judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd


@dataclass
class Table:
    """Rows of features and class numbers from 0, in the order of the file."""

    features: np.ndarray
    labels: np.ndarray


@dataclass
class Schema:
    """All that a learner knows before the first row."""

    features: int
    classes: int


class Feed:
    """A stream of rows that reveals the label of a row in exchange for a prediction."""

    def __init__(self, features: np.ndarray, labels: np.ndarray):
        self._features = features
        self._labels = labels

    def __len__(self) -> int:
        """Rows in the stream."""
        return len(self._labels)

    def play(self) -> "Pass":
        """Start one pass over the stream."""
        return Pass(self._features, self._labels)


class Pass:
    """One pass over a stream."""

    def __init__(self, features: np.ndarray, labels: np.ndarray):
        self._features = features
        self._labels = labels
        self._answers: list[int] = []

    def rows(self) -> Iterator[np.ndarray]:
        """Rows in order. Raises RuntimeError when the row before has not been answered."""
        for number, row in enumerate(self._features):
            if len(self._answers) != number:
                raise RuntimeError(f"row {number} was asked for before row {number - 1} was answered")
            yield row.copy()

    def answer(self, label: int) -> int:
        """Hand in the label of the current row; returns the true one."""
        self._answers.append(int(label))
        return int(self._labels[len(self._answers) - 1])

    def answers(self) -> np.ndarray:
        """What was handed in so far."""
        return np.array(self._answers)


@dataclass
class Split:
    """What is known beforehand, the stream to be labelled, and the truth in stream order."""

    train: Schema
    inputs: Feed
    targets: np.ndarray


def load_phishing(root: Path) -> Table:
    """Phishing: nine coded properties of 1250 web pages, phishing or not."""
    frame = pd.read_csv(root / "phishing" / "phishing.csv.gz")
    return Table(frame.drop(columns="is_phishing").to_numpy(dtype=float), frame["is_phishing"].to_numpy())


def load_image_segments(root: Path) -> Table:
    """Image segments: 18 colour and edge measurements of 2310 patches, seven surfaces."""
    with ZipFile(root / "image-segments" / "segment.csv.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    frame = pd.read_csv(StringIO(text))
    labels = np.unique(frame.pop("category"), return_inverse=True)[1]
    return Table(frame.to_numpy(dtype=float), labels)


def load_bananas(root: Path) -> Table:
    """Bananas: 5300 artificial points in the plane, two bent classes."""
    # Each line reads "class 1:x 2:y"; the archive also holds a stray file of another system.
    with ZipFile(root / "bananas" / "banana.zip") as archive:
        text = archive.read("banana.all.txt").decode()
    rows = np.array([[part.split(":")[-1] for part in line.split()] for line in text.splitlines()], dtype=float)
    return Table(rows[:, 1:], (rows[:, 0] > 0).astype(int))


LOADERS = {
    "phishing": load_phishing,
    "image-segments": load_image_segments,
    "bananas": load_bananas,
}


def split(table: Table, protocol: dict, seed: int, condition: dict) -> Split:
    """Shuffle the rows into a stream, and insert the synthetic drift that the sweep asks for.

    Drift: from the middle row on, every class bears the label of the next one; two classes trade places.
    """
    order = np.random.default_rng(seed).permutation(len(table.labels))
    features, labels = table.features[order], table.labels[order]
    classes = int(table.labels.max()) + 1
    if condition.get("drift", "none") == "swap":
        middle = len(labels) // 2
        labels[middle:] = (labels[middle:] + 1) % classes
    return Split(Schema(features.shape[1], classes), Feed(features, labels), labels.copy())
