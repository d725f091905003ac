"""Labelled texts: loading, and division into a training and a test part."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split


@dataclass
class Corpus:
    """Texts with labels, a group for each text, and which texts belong to a published test part, if there is one."""

    texts: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None
    published_test: np.ndarray | None = None


class Oracle:
    """Tells labels of unlabelled training texts one by one, up to a budget."""

    def __init__(self, labels: np.ndarray, budget: int):
        self._labels = labels
        self.budget = budget

    def ask(self, row: int):
        """The label of one unlabelled text; raises RuntimeError when the budget is spent."""
        if self.budget <= 0:
            raise RuntimeError("the label budget is spent")
        self.budget -= 1
        return self._labels[row]


@dataclass
class Train:
    """Texts with labels, and further texts of the training part whose labels must be asked for."""

    texts: list[str]
    labels: np.ndarray
    unlabelled: list[str] = field(default_factory=list)
    unlabelled_truth: np.ndarray | None = field(default=None, repr=False)

    def oracle(self, budget: int) -> Oracle:
        """A fresh oracle for the unlabelled texts."""
        return Oracle(self.unlabelled_truth, budget)


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth."""

    train: Train
    inputs: list[str]
    targets: np.ndarray


def draw_by_label(
    labels: np.ndarray, rng: np.random.Generator, count: int | None = None, share: float = 1.0
) -> np.ndarray:
    """Positions of a count, or else of a share (rounded up), of the texts of every label, drawn at random."""
    chosen = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        chosen.append(members[: int(np.ceil(share * len(members))) if count is None else count])
    return np.sort(np.concatenate(chosen))


def load_rotten_tomatoes(root: Path) -> Corpus:
    """Review snippets, fresh or rotten, grouped by film."""
    frame = pd.read_csv(root / "rotten-tomatoes" / "rotten_tomatoes_corpus_full.csv.bz2")
    frame = frame[frame["category"] != "plot"]
    return Corpus(
        frame["text"].to_numpy(dtype=object),
        frame["category"].to_numpy(dtype=str),
        frame["movie_name"].to_numpy(dtype=str),
    )


def emoji_family(name: str) -> str:
    """Name without what comes after a colon (who is in the picture) and without words for gender and direction."""
    variants = {"man", "men", "mans", "woman", "women", "womans", "person", "people", "boy", "girl", "facing", "right"}
    head, _, tail = name.lower().partition(":")
    words = [word for word in head.replace(",", " ").split() if word not in variants]
    return " ".join(words) or tail.strip() or "person"


def load_emoji_names(root: Path) -> Corpus:
    """Names of emoji in eight categories (flags and components left out), grouped by family."""
    entries = json.loads((root / "emoji-names" / "emoji.json").read_text(encoding="utf-8"))
    entries = [entry for entry in entries if entry["category"] not in ("Flags", "Component")]
    texts = [" ".join([entry["name"], *entry["short_names"]]).lower().replace("_", " ") for entry in entries]
    return Corpus(
        np.array(texts, dtype=object),
        np.array([entry["category"] for entry in entries]),
        np.array([emoji_family(entry["name"]) for entry in entries]),
    )


def load_political_conventions(root: Path) -> Corpus:
    """Speeches at the party conventions of 2012, by party, grouped by speaker."""
    frame = pd.read_csv(root / "political-conventions" / "political_data.csv")
    return Corpus(
        frame["text"].to_numpy(dtype=object), frame["party"].to_numpy(dtype=str), frame["speaker"].to_numpy(dtype=str)
    )


def read_tab(path: Path) -> pd.DataFrame:
    """Category and text of every document in a tab-separated file with three header lines."""
    csv.field_size_limit(10**9)  # some postings are longer than the default limit
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in list(csv.reader(file, delimiter="\t"))[3:] if len(row) == 2 and any(row)]
    return pd.DataFrame(rows, columns=["category", "text"])


def load_published(folder: Path, name: str) -> Corpus:
    """A corpus that comes as a training and a test file."""
    parts = [read_tab(folder / f"{name}-{part}.tab") for part in ("train", "test")]
    frame = pd.concat(parts)
    return Corpus(
        frame["text"].to_numpy(dtype=object),
        frame["category"].to_numpy(dtype=str),
        published_test=np.repeat([False, True], [len(part) for part in parts]),
    )


def load_reuters_r52(root: Path) -> Corpus:
    """Newswire stories in 52 topics."""
    return load_published(root / "reuters-r52", "reuters-r52")


def load_reuters_r8(root: Path) -> Corpus:
    """Newswire stories in 8 topics."""
    return load_published(root / "reuters-r8", "reuters-r8")


def load_newsgroups(root: Path) -> Corpus:
    """Postings of 20 newsgroups, cut after 2000 characters.

    Of each group at most 250 training and 75 test postings are kept, always the same.
    """
    corpus = load_published(root / "newsgroups-20", "20newsgroups")
    rng = np.random.default_rng(0)  # not the seed of the study: the subset is part of the data
    train, test = np.flatnonzero(~corpus.published_test), np.flatnonzero(corpus.published_test)
    keep = np.concatenate(
        [
            train[draw_by_label(corpus.labels[train], rng, count=250)],
            test[draw_by_label(corpus.labels[test], rng, count=75)],
        ]
    )
    texts = np.array([text[:2000] for text in corpus.texts[keep]], dtype=object)
    return Corpus(texts, corpus.labels[keep], published_test=corpus.published_test[keep])


LOADERS = {
    "rotten-tomatoes": load_rotten_tomatoes,
    "emoji-names": load_emoji_names,
    "political-conventions": load_political_conventions,
    "reuters-r52": load_reuters_r52,
    "reuters-r8": load_reuters_r8,
    "newsgroups-20": load_newsgroups,
}


def split_stratified(corpus: Corpus, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows, with every label in its share in both."""
    rows = np.arange(len(corpus.labels))
    return tuple(train_test_split(rows, test_size=fraction, stratify=corpus.labels, random_state=seed))


def split_grouped(corpus: Corpus, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows with no group in both, and labels in about their share."""
    folds = StratifiedGroupKFold(n_splits=round(1 / fraction), shuffle=True, random_state=seed)
    return next(folds.split(corpus.texts, corpus.labels, corpus.groups))


def split_published(corpus: Corpus, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Nine tenths of the published training texts of every label, and the whole published test part."""
    published = np.flatnonzero(~corpus.published_test)
    drawn = draw_by_label(corpus.labels[published], np.random.default_rng(seed), share=0.9)
    return published[drawn], np.flatnonzero(corpus.published_test)


def split_by_design(corpus: Corpus, design: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same test texts with and without texts of their groups in a training part of one size.

    A third of the texts of three tenths of the groups is tested. "grouped": the training part is all texts of the
    other groups. "random": as many texts, drawn from all that are not tested.
    """
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(corpus.groups))
    tested_groups = np.isin(corpus.groups, names[: round(0.3 * len(names))])
    members = rng.permutation(np.flatnonzero(tested_groups))
    test = np.sort(members[: len(members) // 3])
    grouped = np.flatnonzero(~tested_groups)
    if design == "grouped":
        return grouped, test
    others = np.setdiff1d(np.arange(len(corpus.labels)), test)
    return np.sort(rng.choice(others, len(grouped), replace=False)), test


def divide(corpus: Corpus, protocol: dict, seed: int, condition: dict) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training and of the test part."""
    if "split_design" in condition and corpus.groups is not None:
        return split_by_design(corpus, condition["split_design"], seed)
    if protocol["id"] == "published" and corpus.published_test is not None:
        return split_published(corpus, seed)
    if protocol["id"] == "grouped" and corpus.groups is not None:
        return split_grouped(corpus, protocol["test_fraction"], seed)
    return split_stratified(corpus, protocol["test_fraction"], seed)


def split(corpus: Corpus, protocol: dict, seed: int, condition: dict) -> Split:
    """Divide the corpus, and keep only as many labels or texts as the sweep allows."""
    train, test = divide(corpus, protocol, seed, condition)
    labels = corpus.labels[train]
    rng = np.random.default_rng(seed)
    known, hidden = np.arange(len(train)), np.array([], dtype=int)
    if "labels_per_class" in condition:
        known = draw_by_label(labels, rng, count=int(condition["labels_per_class"]))
        hidden = np.setdiff1d(np.arange(len(train)), known)
    elif "training_share" in condition:
        known = draw_by_label(labels, rng, share=condition["training_share"])
    texts = corpus.texts[train]
    return Split(
        Train(list(texts[known]), labels[known], list(texts[hidden]), labels[hidden]),
        list(corpus.texts[test]),
        corpus.labels[test],
    )
