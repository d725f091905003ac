"""Descriptions of nodes by the structure around them, a linear classifier on them, and other classifiers.

Descriptions use edges only, of both graphs but without any label, so that they can be computed on a graph whose nodes
are still to be labelled.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# Singular vectors of each kind in the embedding, and steps of the random walk.
DIMENSIONS = 6
STEPS = 8


@dataclass
class Recipe:
    """Descriptions and further settings, changed by components."""

    seed: int
    descriptions: list = field(default_factory=list)
    ranked: bool = False
    self_training: bool = False
    class_weight: str | None = None


def describe_degrees(train) -> list[np.ndarray]:
    """Logarithms of the number and of the summed weight of edges out of and into every node."""
    return [
        np.log1p(np.array([(graph > 0).sum(1), (graph > 0).sum(0), graph.sum(1), graph.sum(0)]).T)
        for graph in (train.source, train.target)
    ]


def embed(graph: np.ndarray) -> np.ndarray:
    """Left and then right singular vectors of the logarithmic weights, scaled by the roots of the singular values."""
    left, sizes, right = np.linalg.svd(np.log1p(graph))
    roots = np.sqrt(sizes[:DIMENSIONS])
    return np.hstack([left[:, :DIMENSIONS] * roots, right[:DIMENSIONS].T * roots])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance between the quantiles of two samples."""
    levels = np.linspace(0, 1, 101)
    return float(np.abs(np.quantile(one, levels) - np.quantile(other, levels)).mean())


def align_signs(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The target's embedding with each pair of singular vectors in the sign that fits the source better.

    The sign of a pair is arbitrary. The better one brings the distribution of its values over nodes nearer to that of
    the source, which needs neither labels nor a matching of nodes.
    """
    target = target.copy()
    for number in range(DIMENSIONS):
        columns = [number, DIMENSIONS + number]
        same = sum(distance(source[:, column], target[:, column]) for column in columns)
        flipped = sum(distance(source[:, column], -target[:, column]) for column in columns)
        if flipped < same:
            target[:, columns] *= -1
    return target


def align_rotation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The target's embedding after signs and ten rounds of nearest-neighbour matching and orthogonal rotation."""
    target = align_signs(source, target)
    for _ in range(10):
        gaps = ((target[:, None] - source[None]) ** 2).sum(axis=2)
        matched = source[np.argmin(gaps, axis=1)]
        for part in (slice(0, DIMENSIONS), slice(DIMENSIONS, None)):
            left, _, right = np.linalg.svd(target[:, part].T @ matched[:, part])
            target[:, part] = target[:, part] @ left @ right
    return target


def describe_spectrum(train) -> list[np.ndarray]:
    """Spectral embeddings of both graphs, that of the target aligned to that of the source."""
    source, target = embed(train.source), embed(train.target)
    if train.alignment == "signs":
        target = align_signs(source, target)
    elif train.alignment == "rotation":
        target = align_rotation(source, target)
    return [source, target]


def describe_neighbours(train) -> list[np.ndarray]:
    """Weighted mean and deviation of the degree description over successors and over predecessors."""
    results = []
    for graph, degrees in zip((train.source, train.target), describe_degrees(train), strict=True):
        columns = []
        for weights in (graph, graph.T):
            shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
            mean = shares @ degrees
            columns += [mean, np.sqrt(np.maximum(shares @ degrees**2 - mean**2, 0))]
        results.append(np.hstack(columns))
    return results


def describe_walks(train) -> list[np.ndarray]:
    """Logarithms of the chance that a random walk that ignores direction is back after two to eight steps."""
    results = []
    for graph in (train.source, train.target):
        both = graph + graph.T
        step = both / np.maximum(both.sum(axis=1, keepdims=True), 1)
        power, columns = step, []
        for _ in range(2, STEPS + 1):
            power = power @ step
            columns.append(np.log(np.diag(power) + 1e-4))
        results.append(np.array(columns).T)
    return results


def add_spectral_embedding(recipe: Recipe) -> None:
    """Describe nodes also by an aligned spectral embedding."""
    recipe.descriptions.append(describe_spectrum)


def add_neighbour_profiles(recipe: Recipe) -> None:
    """Describe nodes also by the degrees of their neighbours."""
    recipe.descriptions.append(describe_neighbours)


def add_walk_statistics(recipe: Recipe) -> None:
    """Describe nodes also by the return of random walks."""
    recipe.descriptions.append(describe_walks)


def add_rank_alignment(recipe: Recipe) -> None:
    """Replace every number by its rank within its graph."""
    recipe.ranked = True


def add_self_training(recipe: Recipe) -> None:
    """Learn again with the nodes that were labelled with confidence."""
    recipe.self_training = True


def add_class_weights(recipe: Recipe) -> None:
    """Weigh every class by the inverse of its frequency."""
    recipe.class_weight = "balanced"


COMPONENTS = {
    "spectral_embedding": add_spectral_embedding,
    "neighbour_profiles": add_neighbour_profiles,
    "walk_statistics": add_walk_statistics,
    "rank_alignment": add_rank_alignment,
    "self_training": add_self_training,
    "class_weights": add_class_weights,
}


def describe(train, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Descriptions of all nodes of the source and of the target."""
    parts = [description(train) for description in [describe_degrees, *recipe.descriptions]]
    source, target = (np.hstack(side) for side in zip(*parts, strict=True))
    if recipe.ranked:
        source, target = rankdata(source, axis=0) / len(source), rankdata(target, axis=0) / len(target)
    return source, target


class NodeClassifier:
    """A classifier on node descriptions."""

    def __init__(self, recipe: Recipe, classifier) -> None:
        self.recipe = recipe
        self.classifier = classifier

    def fit(self, train) -> "NodeClassifier":
        """Describe the nodes of both graphs and learn from the labelled ones."""
        source, self.target = describe(train, self.recipe)
        rows, labels = source[train.nodes], train.labels
        self.classifier.fit(rows, labels)
        if self.recipe.self_training:
            # In a single graph the labelled nodes are among those of the target: they keep their true labels.
            known = train.nodes if train.source is train.target else np.array([], dtype=int)
            open_nodes = np.setdiff1d(np.arange(len(self.target)), known)
            chances = self.classifier.predict_proba(self.target[open_nodes])
            sure = open_nodes[chances.max(axis=1) >= 0.9]
            if len(sure):
                guesses = self.classifier.predict(self.target[sure])
                self.classifier.fit(np.vstack([rows, self.target[sure]]), np.concatenate([labels, guesses]))
        return self

    def predict(self, nodes: np.ndarray) -> np.ndarray:
        """A class for every node of the target."""
        return self.classifier.predict(self.target[nodes])

    def count_parameters(self) -> int:
        """Coefficients and intercepts of linear models, weights of networks, nodes of trees."""
        last = self.classifier[-1]
        if hasattr(last, "estimators_"):
            return sum(tree.tree_.node_count for tree in last.estimators_)
        if hasattr(last, "coefs_"):
            return sum(part.size for part in [*last.coefs_, *last.intercepts_])
        return sum(np.size(getattr(last, name, ())) for name in ("coef_", "intercept_"))


class PatientNetwork(MLPClassifier):
    """A perceptron that is trained for a fixed number of passes."""

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> "PatientNetwork":
        """300 passes."""
        for _ in range(300):
            self.partial_fit(rows, labels, classes=np.unique(labels))
        return self


def build_baseline(recipe: Recipe) -> NodeClassifier:
    """Logistic regression on the recipe's descriptions."""
    model = LogisticRegression(max_iter=5000, class_weight=recipe.class_weight)
    return NodeClassifier(recipe, make_pipeline(StandardScaler(), model))


def build_majority(recipe: Recipe) -> NodeClassifier:
    """The most frequent class."""
    return NodeClassifier(recipe, make_pipeline(DummyClassifier(strategy="most_frequent")))


def build_random_forest(recipe: Recipe) -> NodeClassifier:
    """A forest of 200 trees on all descriptions."""
    recipe.descriptions = [describe_spectrum, describe_neighbours, describe_walks]
    return NodeClassifier(recipe, make_pipeline(RandomForestClassifier(n_estimators=200, random_state=recipe.seed)))


def build_network(recipe: Recipe) -> NodeClassifier:
    """A perceptron on all descriptions."""
    recipe.descriptions = [describe_spectrum, describe_neighbours, describe_walks]
    model = PatientNetwork(hidden_layer_sizes=(32,), alpha=0.01, random_state=recipe.seed)
    return NodeClassifier(recipe, make_pipeline(StandardScaler(), model))


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "random_forest": build_random_forest,
    "mlp": build_network,
}


def fit(base: str, components: list[str], train, seed: int) -> NodeClassifier:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe).fit(train)


def predict(model: NodeClassifier, inputs: np.ndarray) -> np.ndarray:
    """A class for every node."""
    return model.predict(inputs)


def count_inputs(inputs: np.ndarray) -> int:
    """Nodes to label."""
    return len(inputs)


def count_parameters(model: NodeClassifier) -> int:
    """Fitted numbers."""
    return model.count_parameters()
