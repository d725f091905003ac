"""Time series for classification: reading, standardising, and division into a training and a test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

# Kernels that a method may draw where the study does not vary their number.
KERNELS = 500


@dataclass
class Archive:
    """All series (cases, channels, length) and their classes; the first `published` are the published training part."""

    series: np.ndarray
    labels: np.ndarray
    published: int


@dataclass
class Train:
    """Labelled series (cases, channels, length) and the number of kernels that a method may draw."""

    series: np.ndarray
    labels: np.ndarray
    kernels: int


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth."""

    train: Train
    inputs: np.ndarray
    targets: np.ndarray


def read_ts(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Series (cases, channels, length) and class names from a file in the .ts format."""
    rows = path.read_text(encoding="utf-8", errors="replace").splitlines()
    start = next(number for number, row in enumerate(rows) if row.strip().lower() == "@data")
    cases = [row.strip().split(":") for row in rows[start + 1 :] if row.strip()]
    series = [[[float(value) for value in channel.split(",")] for channel in case[:-1]] for case in cases]
    return np.array(series), np.array([case[-1] for case in cases])


def standardise(series: np.ndarray) -> np.ndarray:
    """Every channel of every series with mean zero and standard deviation one; constant channels become zero."""
    centred = series - series.mean(axis=2, keepdims=True)
    return (centred / np.maximum(centred.std(axis=2, keepdims=True), 1e-8)).astype(np.float32)


def read_archive(folder: Path, name: str) -> Archive:
    """Both published parts of one problem, joined."""
    train, train_labels = read_ts(folder / f"{name}_TRAIN.ts")
    test, test_labels = read_ts(folder / f"{name}_TEST.ts")
    series = standardise(np.concatenate([train, test]))
    return Archive(series, np.concatenate([train_labels, test_labels]), len(train))


def load_arrowhead(root: Path) -> Archive:
    """Outlines of projectile points, three types, length 251."""
    return read_archive(root / "arrowhead", "ArrowHead")


def load_gunpoint(root: Path) -> Archive:
    """Hand position of actors drawing a gun or pointing, two classes, length 150."""
    return read_archive(root / "gunpoint", "GunPoint")


def load_italy_power_demand(root: Path) -> Archive:
    """Daily power demand in Italy, winter or summer half-year, length 24."""
    return read_archive(root / "italy-power-demand", "ItalyPowerDemand")


def load_osu_leaf(root: Path) -> Archive:
    """Outlines of leaves, six species, length 427."""
    return read_archive(root / "osu-leaf", "OSULeaf")


def load_basic_motions(root: Path) -> Archive:
    """Six channels of a wrist-worn sensor, four activities, length 100."""
    return read_archive(root / "basic-motions", "BasicMotions")


def load_acsf1(root: Path) -> Archive:
    """Power drawn by appliances, ten types, length 1460."""
    return read_archive(root / "acsf1", "ACSF1")


LOADERS = {
    "arrowhead": load_arrowhead,
    "gunpoint": load_gunpoint,
    "italy-power-demand": load_italy_power_demand,
    "osu-leaf": load_osu_leaf,
    "basic-motions": load_basic_motions,
    "acsf1": load_acsf1,
}


def split(archive: Archive, protocol: dict, seed: int, condition: dict) -> Split:
    """Redraw a stratified test part, or keep the published one; apply the condition that the sweep sets."""
    cases = np.arange(len(archive.labels))
    if protocol["id"] == "published":
        train, test = cases[: archive.published], cases[archive.published :]
    else:
        train, test = train_test_split(
            cases, test_size=protocol["test_fraction"], stratify=archive.labels, random_state=seed
        )
    fraction = condition.get("train_fraction", 1.0)
    if fraction < 1.0:
        train, _ = train_test_split(train, train_size=fraction, stratify=archive.labels[train], random_state=seed)
    inputs = archive.series[test]
    noise = condition.get("noise", 0.0)
    if noise > 0:
        # The same draws at every strength, so that only the strength changes.
        draws = np.random.default_rng(seed).standard_normal(inputs.shape)
        inputs = standardise(inputs + noise * draws)
    labelled = Train(archive.series[train], archive.labels[train], int(condition.get("kernels", KERNELS)))
    return Split(labelled, inputs, archive.labels[test])
