"""The baseline, the components that can be added to it, and the methods it is compared with."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import ComplementNB
from sklearn.neighbors import kneighbors_graph
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, normalize
from sklearn.svm import LinearSVC


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    edits: list[Callable] = field(default_factory=list)
    """Changes to a text before it is cut into words."""
    vectorizers: list[BaseEstimator] = field(default_factory=lambda: [word_vectorizer()])
    """What turns texts into counted features."""
    latent_sizes: list[int] = field(default_factory=list)
    """Numbers of latent dimensions to append."""
    class_weight: str | None = None
    """Handed to the linear classifier."""
    counted: int = 0
    """Number of counted features, which come first; known once texts have been read."""
    fit_scores: Callable = field(default_factory=lambda: SharedScores)
    """Fits linear scores of all classes."""
    select: Callable | None = None
    """Decides which texts are labelled, in place of the random draw."""
    label_steps: list[Callable] = field(default_factory=list)
    """What gives labels to unlabelled texts, in order."""


def word_vectorizer() -> TfidfVectorizer:
    """Logarithmic counts of words in at least two texts, times inverse document frequency, of unit length."""
    return TfidfVectorizer(sublinear_tf=True, min_df=2)


def add_class_weights(recipe: Recipe) -> None:
    """Weigh every class by the inverse of its frequency."""
    recipe.class_weight = "balanced"


def add_bigrams(recipe: Recipe) -> None:
    """Append the 20000 most frequent pairs of neighbouring words."""
    recipe.vectorizers.append(TfidfVectorizer(ngram_range=(2, 2), sublinear_tf=True, min_df=2, max_features=20000))


def add_character_ngrams(recipe: Recipe) -> None:
    """Append the 20000 most frequent sequences of three and four characters inside words."""
    recipe.vectorizers.append(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, min_df=2, max_features=20000)
    )


class RatioScores:
    """One linear machine per class, on features scaled by their naive-Bayes log-count ratios for that class."""

    def __init__(self, recipe: Recipe, features: sparse.csr_matrix, labels: np.ndarray):
        self.classes, counts = np.unique(labels, return_counts=True)
        self.scales = [log_count_ratios(features, labels == label, recipe.counted) for label in self.classes]
        self.machines = []
        for label, count, scale in zip(self.classes, counts, self.scales, strict=True):
            weight = len(labels) / (len(self.classes) * count) if recipe.class_weight else 1.0
            machine = LinearSVC(class_weight={True: weight, False: 1.0}, max_iter=20000, random_state=recipe.seed)
            self.machines.append(machine.fit(normalize(features @ sparse.diags(scale)), labels == label))

    def scores(self, features: sparse.csr_matrix) -> np.ndarray:
        """Signed distances (texts, classes)."""
        pairs = zip(self.machines, self.scales, strict=True)
        return np.column_stack(
            [machine.decision_function(normalize(features @ sparse.diags(scale))) for machine, scale in pairs]
        )


def log_count_ratios(features: sparse.csr_matrix, positive: np.ndarray, counted: int) -> np.ndarray:
    """How much larger the share of a feature is inside a class than outside: size of the logarithm of the ratio.

    Shares are of texts that have the feature, plus one. Features that are not counted get one.
    """
    present = features[:, :counted] > 0
    inside = 1 + np.asarray(present[positive].sum(axis=0)).ravel()
    outside = 1 + np.asarray(present[~positive].sum(axis=0)).ravel()
    ratios = np.ones(features.shape[1])
    ratios[:counted] = np.abs(np.log((inside / inside.sum()) / (outside / outside.sum())))
    return ratios


def add_log_count_ratios(recipe: Recipe) -> None:
    """Scale features by their naive-Bayes log-count ratios, class by class."""
    recipe.fit_scores = RatioScores


def add_latent_features(recipe: Recipe) -> None:
    """Append 100 latent semantic dimensions."""
    recipe.latent_sizes.append(100)


def mask_names(text: str) -> str:
    """Replace capitalised words inside a sentence by one word; the first word of a sentence stays."""
    return re.sub(r"(?<=[\w,;:'’)-] )(?!I\b)[A-Z][\w'’-]*", "somename", text)


def add_name_masking(recipe: Recipe) -> None:
    """Hide the names in all texts."""
    recipe.edits.append(mask_names)


def query_uncertain(recipe: Recipe, features, train) -> tuple[np.ndarray, np.ndarray]:
    """Keep half of the labelled texts and spend the other half of the labels where the classifier is least certain.

    features: of the labelled and then the unlabelled texts. Returns rows of features, and their labels. Labels are
    bought in five batches, each by the smallest distance between the two best classes.
    """
    budget = len(train.labels) if train.unlabelled else 0
    order = np.random.default_rng(recipe.seed).permutation(len(train.labels))
    _, first = np.unique(train.labels[order], return_index=True)  # one text of every class is always kept
    kept = list(order[first]) + [row for row in order if row not in set(order[first])]
    rows = np.array(kept[: max(len(first), len(kept) - budget // 2)])
    labels = train.labels[rows]
    oracle = train.oracle(len(train.labels) - len(rows))
    while oracle.budget > 0:
        free = np.setdiff1d(np.arange(len(train.labels), features.shape[0]), rows)
        if not len(free):
            break
        scores = np.sort(recipe.fit_scores(recipe, features[rows], labels).scores(features[free]), axis=1)
        batch = min(oracle.budget, max(1, len(train.labels) // 10))
        asked = free[np.argsort(scores[:, -1] - scores[:, -2], kind="stable")[:batch]]
        answers = [oracle.ask(row - len(train.labels)) for row in asked]
        rows, labels = np.concatenate([rows, asked]), np.concatenate([labels, answers])
    return rows, labels


def add_uncertainty_sampling(recipe: Recipe) -> None:
    """Choose half of the texts to label by uncertainty."""
    recipe.select = query_uncertain


def spread_labels(recipe: Recipe, features, rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label the surer half of the unlabelled texts by spreading labels over a graph of ten neighbours.

    Source: Zhou et al. (2003), with damping 0.9 and 30 iterations; every class is scaled to its share of the labels.
    """
    free = np.setdiff1d(np.arange(features.shape[0]), rows)
    if not len(free):
        return rows, labels
    size = max(1, min(100, min(features.shape) - 1))
    places = normalize(TruncatedSVD(size, n_iter=3, random_state=recipe.seed).fit_transform(features))
    graph = kneighbors_graph(places, min(10, len(places) - 1))
    graph = graph.maximum(graph.T)
    scale = sparse.diags(1 / np.sqrt(np.asarray(graph.sum(axis=1)).ravel()))
    graph = scale @ graph @ scale
    classes, codes = np.unique(labels, return_inverse=True)
    start = np.zeros((features.shape[0], len(classes)))
    start[rows, codes] = 1
    start /= start.sum(axis=0)
    state = start
    for _ in range(30):
        state = 0.9 * (graph @ state) + 0.1 * start
    state = state * np.bincount(codes) / np.maximum(state.sum(axis=0), 1e-12)
    state = state[free] / np.maximum(state[free].sum(axis=1, keepdims=True), 1e-12)
    surest = np.argsort(-state.max(axis=1), kind="stable")[: len(free) // 2]
    return (
        np.concatenate([rows, free[surest]]),
        np.concatenate([labels, classes[np.argmax(state[surest], axis=1)]]),
    )


def add_label_spreading(recipe: Recipe) -> None:
    """Also train on unlabelled texts that label spreading has labelled."""
    recipe.label_steps.append(spread_labels)


def train_on_own_labels(
    recipe: Recipe, features, rows: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Label the unlabelled texts that the classifier is surest of, in three rounds.

    A round adds for every class at most as many texts as it had labels at first, and at most half of those free.
    """
    limits = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    for _ in range(3):
        free = np.setdiff1d(np.arange(features.shape[0]), rows)
        if not len(free):
            break
        classifier = recipe.fit_scores(recipe, features[rows], labels)
        scores = classifier.scores(features[free])
        guesses = classifier.classes[np.argmax(scores, axis=1)]
        ordered = np.sort(scores, axis=1)
        sureness = ordered[:, -1] - ordered[:, -2]
        for label, limit in limits.items():
            members = np.flatnonzero(guesses == label)
            best = members[np.argsort(-sureness[members], kind="stable")][: min(limit, (len(members) + 1) // 2)]
            rows = np.concatenate([rows, free[best]])
            labels = np.concatenate([labels, np.repeat(label, len(best))])
    return rows, labels


def add_self_training(recipe: Recipe) -> None:
    """Also train on unlabelled texts that the classifier itself has labelled."""
    recipe.label_steps.append(train_on_own_labels)


COMPONENTS = {
    "bigrams": add_bigrams,
    "character_ngrams": add_character_ngrams,
    "class_weights": add_class_weights,
    "log_count_ratios": add_log_count_ratios,
    "latent_features": add_latent_features,
    "name_masking": add_name_masking,
    "self_training": add_self_training,
    "label_spreading": add_label_spreading,
    "uncertainty_sampling": add_uncertainty_sampling,
}


class SharedScores:
    """A linear support vector machine for every class against the rest."""

    def __init__(self, recipe: Recipe, features: sparse.csr_matrix, labels: np.ndarray):
        machine = LinearSVC(class_weight=recipe.class_weight, max_iter=20000, random_state=recipe.seed)
        self.machines = [machine.fit(features, labels)]
        self.classes = machine.classes_

    def scores(self, features: sparse.csr_matrix) -> np.ndarray:
        """Signed distances (texts, classes)."""
        distances = self.machines[0].decision_function(features)
        return distances if distances.ndim == 2 else np.column_stack([-distances, distances])


class Reader:
    """Turns texts into rows of unit length: counted features, then latent dimensions."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.projections: list[TruncatedSVD] = []

    def edit(self, texts: list[str]) -> list[str]:
        """Texts after all edits."""
        for change in self.recipe.edits:
            texts = [change(text) for text in texts]
        return texts

    def fit(self, texts: list[str]) -> sparse.csr_matrix:
        """Learn vocabulary, document frequencies and latent dimensions; return the features of the texts."""
        texts = self.edit(texts)
        blocks = [vectorizer.fit_transform(texts) for vectorizer in self.recipe.vectorizers]
        self.recipe.counted = sum(block.shape[1] for block in blocks)
        for size in self.recipe.latent_sizes:
            limit = min(blocks[0].shape) - 1
            projection = TruncatedSVD(min(size, limit), n_iter=3, random_state=self.recipe.seed)
            self.projections.append(projection.fit(blocks[0]))
        return self._join(blocks)

    def read(self, texts: list[str]) -> sparse.csr_matrix:
        """Features of new texts."""
        texts = self.edit(texts)
        return self._join([vectorizer.transform(texts) for vectorizer in self.recipe.vectorizers])

    def _join(self, blocks: list[sparse.csr_matrix]) -> sparse.csr_matrix:
        latent = [sparse.csr_matrix(normalize(projection.transform(blocks[0]))) for projection in self.projections]
        return normalize(sparse.hstack([*blocks, *latent], format="csr"))


class LinearTextModel:
    """Linear scores on the recipe's features, learnt from the labels that the recipe arranges for."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.reader = Reader(recipe)

    def fit(self, train) -> "LinearTextModel":
        """Read all training texts, with and without labels; learn from those that have or get labels."""
        features = self.reader.fit([*train.texts, *train.unlabelled])
        rows, labels = np.arange(len(train.texts)), train.labels
        if self.recipe.select:
            rows, labels = self.recipe.select(self.recipe, features, train)
        for step in self.recipe.label_steps:
            rows, labels = step(self.recipe, features, rows, labels)
        self.linear = self.recipe.fit_scores(self.recipe, features[rows], labels)
        return self

    def predict(self, texts: list[str]) -> np.ndarray:
        """Labels of the highest score."""
        return self.linear.classes[np.argmax(self.linear.scores(self.reader.read(texts)), axis=1)]

    def count_parameters(self) -> int:
        """Weights and intercepts of the machines, and entries of the latent projections."""
        machines = sum(machine.coef_.size + machine.intercept_.size for machine in self.linear.machines)
        return machines + sum(projection.components_.size for projection in self.reader.projections)


class PlainTextModel:
    """A pipeline of scikit-learn, learnt from the labelled texts only."""

    def __init__(self, steps: list):
        self.pipeline = make_pipeline(*steps)

    def fit(self, train) -> "PlainTextModel":
        """Learn from the labelled texts."""
        self.pipeline.fit(train.texts, train.labels)
        return self

    def predict(self, texts: list[str]) -> np.ndarray:
        """Labels of texts."""
        return self.pipeline.predict(texts)

    def count_parameters(self) -> int:
        """Numbers in the fitted arrays of every step."""
        names = ("coef_", "intercept_", "coefs_", "intercepts_", "feature_log_prob_", "components_")
        arrays = [getattr(step, name, ()) for _, step in self.pipeline.steps for name in names]
        return sum(sum(map(np.size, array)) if isinstance(array, list) else np.size(array) for array in arrays)


def build_baseline(recipe: Recipe) -> LinearTextModel:
    """Linear support vector machine on TF-IDF of words, plus the recipe's additions."""
    return LinearTextModel(recipe)


def build_majority(recipe: Recipe) -> PlainTextModel:
    """Always the most frequent label."""
    return PlainTextModel([FunctionTransformer(count_texts), DummyClassifier(strategy="most_frequent")])


def count_texts(texts: list[str]) -> np.ndarray:
    """One empty column for every text: the majority class needs no features."""
    return np.zeros((len(texts), 1))


def build_complement_naive_bayes(recipe: Recipe) -> PlainTextModel:
    """Complement naive Bayes on the baseline's features."""
    return PlainTextModel([word_vectorizer(), ComplementNB()])


def build_neural_network(recipe: Recipe) -> PlainTextModel:
    """A perceptron with one layer of 20 hidden units on the baseline's features.

    Training ends when the loss has not fallen by a hundredth in three passes.
    """
    network = MLPClassifier(
        (20,), learning_rate_init=0.01, tol=0.01, n_iter_no_change=3, max_iter=500, random_state=recipe.seed
    )
    return PlainTextModel([word_vectorizer(), network])


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "complement_naive_bayes": build_complement_naive_bayes,
    "neural_network": build_neural_network,
}


def fit(base: str, components: list[str], train, seed: int) -> LinearTextModel | PlainTextModel:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe).fit(train)


def predict(model: LinearTextModel | PlainTextModel, inputs: list[str]) -> np.ndarray:
    """The label of every text."""
    return model.predict(inputs)


def count_inputs(inputs: list[str]) -> int:
    """Texts to label."""
    return len(inputs)


def count_parameters(model: LinearTextModel | PlainTextModel) -> int:
    """Fitted numbers."""
    return model.count_parameters()
