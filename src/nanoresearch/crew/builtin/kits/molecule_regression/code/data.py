"""Molecules as graphs, with a measured property, divided at random or by size."""

import csv
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np
from pysmiles import read_smiles

# The parser reports every molecule whose stereo marks it drops.
logging.getLogger("pysmiles").setLevel(logging.ERROR)


@dataclass
class Molecules:
    """Graphs of heavy atoms and the measured property (kcal/mol)."""

    graphs: list[nx.Graph]
    values: np.ndarray


@dataclass
class Train:
    """Molecules to learn from and their measured values."""

    graphs: list[nx.Graph]
    values: np.ndarray


@dataclass
class Inputs:
    """Molecules to predict."""

    graphs: list[nx.Graph]


@dataclass
class Split:
    """What a method may learn from, what it must predict, and the truth."""

    train: Train
    inputs: Inputs
    targets: np.ndarray


def parse(smiles: str) -> nx.Graph:
    """Heavy atoms with element, charge, hydrogens and aromaticity, joined by bonds with orders; no stereo marks."""
    return read_smiles(re.sub(r"[/\\@]", "", smiles))


def load_freesolv(root: Path) -> Molecules:
    """Hydration free energies of 642 small molecules."""
    with open(root / "freesolv" / "freesolv.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    graphs = [parse(row["smiles"]) for row in rows]
    return Molecules(graphs, np.array([float(row["expt"]) for row in rows]))


LOADERS = {
    "freesolv": load_freesolv,
}


def split(molecules: Molecules, protocol: dict, seed: int, condition: dict) -> Split:
    """A random test part, or the largest molecules; a seed then draws nine tenths of the smaller ones to learn from."""
    rng = np.random.default_rng(seed)
    count = len(molecules.graphs)
    order = rng.permutation(count)
    size = round(count * protocol["test_fraction"])
    by_size = condition.get("test_part", "random") == "largest" or protocol["id"] == "size_ordered"
    if by_size:
        atoms = np.array([len(graph) for graph in molecules.graphs])
        # Sorting the shuffled list keeps the order of equally large molecules random.
        order = order[np.argsort(-atoms[order], kind="stable")]
    test, train = order[:size], rng.permutation(order[size:])
    share = condition.get("train_fraction", 1.0) * (0.9 if by_size else 1.0)
    train = np.sort(train[: round(len(train) * share)])
    return Split(
        Train([molecules.graphs[index] for index in train], molecules.values[train]),
        Inputs([molecules.graphs[index] for index in test]),
        molecules.values[test],
    )
