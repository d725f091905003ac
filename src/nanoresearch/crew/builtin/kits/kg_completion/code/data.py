"""Knowledge graphs: triples of head, relation and tail, divided into a training, a validation and a test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class KnowledgeGraph:
    """Triples as numbers (rows of head, relation, tail), in the published parts, and how many names there are."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    entities: int
    relations: int


@dataclass
class Train:
    """Triples to learn from and triples to choose settings by, and how many entities and relations there are."""

    triples: np.ndarray
    valid: np.ndarray
    entities: int
    relations: int


@dataclass
class Queries:
    """Incomplete triples: the known entity, the relation, and whether the head (1) or the tail (0) is asked for."""

    entity: np.ndarray
    relation: np.ndarray
    inverse: np.ndarray


@dataclass
class Targets:
    """The right answer of every query, and the symmetry of its relation.

    `others` marks further right answers, to be filtered out: (queries, entities).
    """

    answer: np.ndarray
    others: np.ndarray
    symmetry: np.ndarray


@dataclass
class Split:
    """What a method may learn from, what it must complete, and the truth."""

    train: Train
    inputs: Queries
    targets: Targets


def read_graph(folder: Path) -> KnowledgeGraph:
    """The three published files, with names numbered in alphabetical order."""
    parts = {}
    for name in ("train", "valid", "test"):
        rows = (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        parts[name] = [row.split("\t") for row in rows if row.strip()]
    triples = [triple for part in parts.values() for triple in part]
    entities = {name: number for number, name in enumerate(sorted({t[0] for t in triples} | {t[2] for t in triples}))}
    relations = {name: number for number, name in enumerate(sorted({t[1] for t in triples}))}
    train, valid, test = (
        np.array([[entities[head], relations[relation], entities[tail]] for head, relation, tail in part])
        for part in parts.values()
    )
    return KnowledgeGraph(train, valid, test, len(entities), len(relations))


def load_umls(root: Path) -> KnowledgeGraph:
    """Unified Medical Language System: 135 biomedical concepts, 46 relations."""
    return read_graph(root / "umls")


def load_kinships(root: Path) -> KnowledgeGraph:
    """Kinship terms among 104 members of the Alyawarra, 25 relations."""
    return read_graph(root / "kinships")


def load_nations(root: Path) -> KnowledgeGraph:
    """Political relations: 14 nations, 55 relations."""
    return read_graph(root / "nations")


LOADERS = {
    "umls": load_umls,
    "kinships": load_kinships,
    "nations": load_nations,
}


def both_directions(triples: np.ndarray) -> tuple[Queries, np.ndarray]:
    """Two queries for every triple, for its tail and for its head, and their answers."""
    head, relation, tail = triples.T
    flags = np.repeat([0, 1], len(triples))
    queries = Queries(np.concatenate([head, tail]), np.concatenate([relation, relation]), flags)
    return queries, np.concatenate([tail, head])


def other_answers(queries: Queries, answer: np.ndarray, triples: np.ndarray, entities: int) -> np.ndarray:
    """True where another entity than the answer completes a query to a known triple."""
    known, known_answers = both_directions(triples)
    answers: dict[tuple[int, int, int], list[int]] = {}
    for entity, relation, inverse, right in zip(
        known.entity, known.relation, known.inverse, known_answers, strict=True
    ):
        answers.setdefault((entity, relation, inverse), []).append(right)
    others = np.zeros((len(answer), entities), dtype=bool)
    for row, key in enumerate(zip(queries.entity, queries.relation, queries.inverse, strict=True)):
        others[row, answers.get(key, [])] = True
        others[row, answer[row]] = False
    return others


def symmetry_of_relations(triples: np.ndarray, relations: int) -> np.ndarray:
    """For every relation the share of its triples between different entities whose reverse is also known."""
    present = {tuple(triple) for triple in triples.tolist()}
    reversed_, total = np.zeros(relations), np.zeros(relations)
    for head, relation, tail in present:
        if head != tail:
            total[relation] += 1
            reversed_[relation] += (tail, relation, head) in present
    return reversed_ / np.maximum(total, 1)


def redraw(graph: KnowledgeGraph, fraction: float, seed: int) -> KnowledgeGraph:
    """All triples divided anew: `fraction` for the test, as many for validation, the others for training."""
    triples = np.unique(np.concatenate([graph.train, graph.valid, graph.test]), axis=0)
    triples = np.random.default_rng(seed).permutation(triples)
    size = round(len(triples) * fraction)
    return KnowledgeGraph(
        triples[2 * size :], triples[size : 2 * size], triples[:size], graph.entities, graph.relations
    )


def split(graph: KnowledgeGraph, protocol: dict, seed: int, condition: dict) -> Split:
    """The published or a redrawn division; fewer training triples where the sweep says so."""
    everything = np.concatenate([graph.train, graph.valid, graph.test])
    if protocol["id"] == "redrawn":
        graph = redraw(graph, protocol["test_fraction"], seed)
    triples = graph.train
    fraction = condition.get("train_fraction", 1.0)
    if fraction < 1.0:
        triples = np.random.default_rng(seed).permutation(triples)[: round(len(triples) * fraction)]
    inputs, answer = both_directions(graph.test)
    symmetry = symmetry_of_relations(everything, graph.relations)[inputs.relation]
    targets = Targets(answer, other_answers(inputs, answer, everything, graph.entities), symmetry)
    return Split(Train(triples, graph.valid, graph.entities, graph.relations), inputs, targets)
