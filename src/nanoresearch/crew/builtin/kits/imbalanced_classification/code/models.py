"""The baseline, remedies for a rare class that can be added to it, and the methods it is compared with.

Every remedy that shifts the balance of the classes shares the work with the others that are on: with k of them, each
raises the weight or the number of the rare class by the k-th root of what balance needs. A single one balances fully.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

# Steps that the data turned out to need before any method can be fitted; applied to all methods alike.
PREPARATION: list = []

# Cuts of the share of the training rows that the time limit turned out to need; applied to all methods alike.
REDUCTION: list = []

# Changes to the number of neighbours that few rare rows turned out to need.
NEIGHBOURING: list = []

# Changes to the number of inner folds that few rare rows turned out to need; with one fold no threshold is tuned.
FOLDING: list = []


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    weighting: bool = False
    tune_threshold: bool = False
    tree: bool = False
    # Ways of resampling by their place: rows are dropped before any are added.
    samplers: dict = field(default_factory=dict)

    @property
    def shifts(self) -> int:
        """How many remedies share the work of balancing."""
        return len(self.samplers) + self.weighting


def drop_negatives(features, labels, ratio: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Drop random rows of the common class until it has 1/ratio of its size."""
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    kept = rng.permutation(negative)[: max(len(positive), round(len(negative) / ratio))]
    rows = np.sort(np.concatenate([positive, kept]))
    return features[rows], labels[rows]


def repeat_positives(features, labels, ratio: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Repeat random rows of the rare class until it has ratio times its size."""
    positive = np.flatnonzero(labels == 1)
    extra = rng.choice(positive, size=round((ratio - 1) * len(positive)))
    return np.vstack([features, features[extra]]), np.append(labels, labels[extra])


def synthesise_positives(features, labels, ratio: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Add points between rows of the rare class and one of their five nearest in it, up to ratio times its size."""
    positive = features[labels == 1]
    neighbours = 5
    for change in NEIGHBOURING:
        neighbours = change(neighbours, len(positive))
    nearest = NearestNeighbors(n_neighbors=neighbours + 1).fit(positive).kneighbors(positive, return_distance=False)
    count = round((ratio - 1) * len(positive))
    start = rng.integers(len(positive), size=count)
    # The first neighbour of a row is the row itself, which stands in where there is no other.
    end = nearest[start, rng.integers(min(1, neighbours), neighbours + 1, size=count)]
    new = positive[start] + rng.random((count, 1)) * (positive[end] - positive[start])
    return np.vstack([features, new]), np.append(labels, np.ones(count, dtype=int))


def add_class_weights(recipe: Recipe) -> None:
    """Weigh the rare class up."""
    recipe.weighting = True


def add_smote(recipe: Recipe) -> None:
    """Add synthetic rows between neighbours of the rare class."""
    recipe.samplers[2] = synthesise_positives


def add_threshold(recipe: Recipe) -> None:
    """Move the threshold of the decision to where inner folds say it is best."""
    recipe.tune_threshold = True


def add_oversampling(recipe: Recipe) -> None:
    """Repeat random rows of the rare class."""
    recipe.samplers[1] = repeat_positives


def add_undersampling(recipe: Recipe) -> None:
    """Drop random rows of the common class."""
    recipe.samplers[0] = drop_negatives


def add_tree(recipe: Recipe) -> None:
    """Learn by a decision tree instead of the linear model."""
    recipe.tree = True


COMPONENTS = {
    "class_weights": add_class_weights,
    "smote": add_smote,
    "threshold": add_threshold,
    "oversampling": add_oversampling,
    "undersampling": add_undersampling,
    "tree": add_tree,
}


class Remedied(ClassifierMixin, BaseEstimator):
    """A learner behind the remedies of a recipe. Rows are resampled in training only, also in inner folds."""

    def __init__(self, learner: BaseEstimator, recipe: Recipe):
        self.learner = learner
        self.recipe = recipe

    def fit(self, features, labels: np.ndarray) -> "Remedied":
        """Fit the learner, and tune the threshold where the recipe says so."""
        features = np.asarray(features)
        self.classes_ = np.array([0, 1])
        self.threshold_ = 0.5
        folds = 3
        for change in FOLDING:
            folds = change(folds, labels)
        if self.recipe.tune_threshold and folds > 1:
            scores = np.zeros(len(labels))
            parts = StratifiedKFold(folds, shuffle=True, random_state=self.recipe.seed)
            for learn, held_out in parts.split(features, labels):
                scores[held_out] = self._fit(features[learn], labels[learn]).predict_proba(features[held_out])[:, 1]
            self.threshold_ = best_threshold(scores, labels)
        self.learner = self._fit(features, labels)
        return self

    def _fit(self, features, labels: np.ndarray) -> BaseEstimator:
        rng = np.random.default_rng(self.recipe.seed)
        gap = np.sum(labels == 0) / np.sum(labels == 1)
        ratio = max(1.0, gap) ** (1 / max(1, self.recipe.shifts))
        for place in sorted(self.recipe.samplers):
            features, labels = self.recipe.samplers[place](features, labels, ratio, rng)
        weights = np.where(labels == 1, ratio, 1.0) if self.recipe.weighting else None
        return self.learner.fit(features, labels, sample_weight=weights)

    def predict_proba(self, features) -> np.ndarray:
        """Probabilities of the common and the rare class."""
        return self.learner.predict_proba(np.asarray(features))


def best_threshold(scores: np.ndarray, labels: np.ndarray) -> float:
    """Threshold with the highest balanced accuracy among 99 quantiles of the scores."""
    candidates = np.unique(np.quantile(scores, np.linspace(0.01, 0.99, 99)))
    chosen = scores[None, :] >= candidates[:, None]  # (candidates, rows)
    balance = chosen[:, labels == 1].mean(axis=1) - chosen[:, labels == 0].mean(axis=1)
    return float(candidates[np.argmax(balance)])


def build_baseline(recipe: Recipe) -> BaseEstimator:
    """Logistic regression, or the recipe's tree, with the recipe's remedies."""
    learner = LogisticRegression(max_iter=1000, random_state=recipe.seed)
    if recipe.tree:
        learner = DecisionTreeClassifier(min_samples_leaf=5, random_state=recipe.seed)
    return Remedied(learner, recipe)


def build_majority(recipe: Recipe) -> BaseEstimator:
    """Never the rare class, with its frequency as score."""
    return DummyClassifier(strategy="prior")


def build_decision_tree(recipe: Recipe) -> BaseEstimator:
    """A decision tree with at least five rows in every leaf."""
    return DecisionTreeClassifier(min_samples_leaf=5, random_state=recipe.seed)


def build_balanced_forest(recipe: Recipe) -> BaseEstimator:
    """A forest of 30 trees, each grown on a bootstrap sample whose classes are weighted to balance."""
    return RandomForestClassifier(30, class_weight="balanced_subsample", random_state=recipe.seed)


def build_mlp(recipe: Recipe) -> BaseEstimator:
    """A network with one hidden layer of 20 units; stops when an epoch no longer lowers the loss by 0.001."""
    return MLPClassifier((20,), learning_rate_init=0.01, tol=1e-3, max_iter=1000, random_state=recipe.seed)


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "decision_tree": build_decision_tree,
    "balanced_forest": build_balanced_forest,
    "mlp": build_mlp,
}


def rows_in_use(strata: np.ndarray, seed: int) -> np.ndarray:
    """Training rows to learn from: all, or a random share of every class where REDUCTION asks for fewer."""
    share = 1.0
    for cut in REDUCTION:
        share = cut(share)
    rng = np.random.default_rng([seed, 1])  # not the numbers that divided the data
    parts = [rng.permutation(np.flatnonzero(strata == stratum)) for stratum in np.unique(strata)]
    return np.sort(np.concatenate([part[: int(np.ceil(share * len(part)))] for part in parts]))


def fit(base: str, components: list[str], train: dict, seed: int) -> dict[str, BaseEstimator]:
    """Fit a base with components switched on to every table by itself."""
    models = {}
    for name, table in train.items():
        rows = rows_in_use(table.labels, seed)
        recipe = Recipe(seed)
        for component in components:
            COMPONENTS[component](recipe)
        model = make_pipeline(*[step() for step in PREPARATION], BASES[base](recipe))
        models[name] = model.fit(table.features.iloc[rows], table.labels[rows])
    return models


def predict(models: dict[str, BaseEstimator], inputs: dict[str, pd.DataFrame]) -> dict:
    """Scores and decisions, 1 for the rare class, of the rows of every table."""
    predictions = {}
    for name, features in inputs.items():
        scores = models[name].predict_proba(features)[:, 1]
        threshold = getattr(models[name][-1], "threshold_", 0.5)
        predictions[name] = (scores, (scores >= threshold).astype(int))
    return predictions


def count_inputs(inputs: dict[str, pd.DataFrame]) -> int:
    """Rows to label, over all tables."""
    return sum(len(features) for features in inputs.values())


def count_parameters(models: dict[str, BaseEstimator]) -> int:
    """Fitted coefficients of linear models and networks, or nodes of trees, over all tables."""
    return sum(count_one(model[-1]) for model in models.values())


def count_one(model: BaseEstimator) -> int:
    """Fitted coefficients or nodes of one model."""
    model = getattr(model, "learner", model)
    if hasattr(model, "estimators_"):
        return sum(tree.tree_.node_count for tree in model.estimators_)
    if hasattr(model, "tree_"):
        return int(model.tree_.node_count)
    if hasattr(model, "coefs_"):
        return int(sum(np.size(layer) for layer in [*model.coefs_, *model.intercepts_]))
    return int(np.size(getattr(model, "coef_", ())) + np.size(getattr(model, "intercept_", ())))
