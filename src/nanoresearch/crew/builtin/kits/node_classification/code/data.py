"""Graphs with node classes: a pair of graphs to transfer between, or one graph with some nodes held out."""

from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np
from sklearn.model_selection import train_test_split


@dataclass
class Graph:
    """Edge weights from row to column (nodes, nodes), and the class of every node."""

    weights: np.ndarray
    labels: np.ndarray


@dataclass
class Train:
    """Weights of the graph with labelled nodes and of the graph to label, the labelled nodes, and their classes.

    Both graphs are the same where a data set has only one. `alignment` says how embeddings of the two are aligned.
    """

    source: np.ndarray
    target: np.ndarray
    nodes: np.ndarray
    labels: np.ndarray
    alignment: str


@dataclass
class Split:
    """What a method may learn from, the nodes it must label, and the truth."""

    train: Train
    inputs: np.ndarray
    targets: np.ndarray


def load_drosophila(root: Path) -> list[Graph]:
    """Synapse counts between neurons of the larval mushroom body, left and right side, four cell types."""
    folder = root / "drosophila"
    return [
        Graph(np.loadtxt(folder / f"{side}_adjacency.csv"), np.loadtxt(folder / f"{side}_cell_labels.csv", dtype=str))
        for side in ("left", "right")
    ]


def load_karate_club(root: Path) -> list[Graph]:
    """Friendships in a karate club, and which of two clubs each member joined after the split."""
    graph = nx.karate_club_graph()
    return [Graph(nx.to_numpy_array(graph), np.array([graph.nodes[node]["club"] for node in graph]))]


def load_les_miserables(root: Path) -> list[Graph]:
    """Joint appearances in a novel; the classes are communities found by modularity in the graph itself."""
    # Numbers instead of names, because the order of sets of names differs from run to run.
    graph = nx.convert_node_labels_to_integers(nx.les_miserables_graph())
    groups = nx.community.greedy_modularity_communities(graph, weight="weight")
    labels = {node: f"community {number}" for number, group in enumerate(groups) for node in group}
    return [Graph(nx.to_numpy_array(graph), np.array([labels[node] for node in graph]))]


LOADERS = {
    "drosophila": load_drosophila,
    "karate-club": load_karate_club,
    "les-miserables": load_les_miserables,
}


def remove_edges(weights: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A copy without a random share of the edges; both directions of a symmetric graph go together."""
    draws = np.random.default_rng(seed).random(weights.shape)
    if np.array_equal(weights, weights.T):
        draws = np.triu(draws) + np.triu(draws, 1).T
    return np.where(draws < share, 0, weights)


def split(graphs: list[Graph], protocol: dict, seed: int, condition: dict) -> Split:
    """Draw the labelled nodes from one graph; the nodes to label are those of the other, or the rest of the same."""
    order = graphs[::-1] if condition.get("direction") == "right to left" else graphs
    if protocol["id"] == "within":
        order = order[:1]
    source, target = order[0], order[-1]
    nodes, held = train_test_split(
        np.arange(len(source.labels)), test_size=protocol["test_fraction"], stratify=source.labels, random_state=seed
    )
    inputs = held if source is target else np.arange(len(target.labels))
    fraction = condition.get("train_fraction", 1.0)
    if fraction < 1.0:
        rng = np.random.default_rng(seed)
        # A share of every class, at least one node, so that no class is lost.
        parts = [rng.permutation(nodes[source.labels[nodes] == label]) for label in np.unique(source.labels)]
        nodes = np.sort(np.concatenate([part[: max(1, round(len(part) * fraction))] for part in parts]))
    weights = remove_edges(target.weights, condition.get("removed_edges", 0.0), seed)
    known = weights if source is target else source.weights
    train = Train(known, weights, nodes, source.labels[nodes], condition.get("alignment", "signs"))
    return Split(train, inputs, target.labels[inputs])
