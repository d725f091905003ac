"""The baseline, the components that can be added to it, and the methods it is compared with."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectPercentile, VarianceThreshold, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, StandardScaler

# Steps that the data turned out to need before any method can be fitted; applied to all methods alike.
PREPARATION: list = []

# Cuts of the share of the training rows that the time limit turned out to need; applied to all methods alike.
REDUCTION: list = []

# Changes to the number of inner folds that small classes turned out to need; one fold means no recalibration.
FOLDING: list = []


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    forest: bool = False
    folds: int = 3
    class_weight: str | None = None
    # Steps before the learner by their place in the pipeline, whatever order components come in.
    transforms: dict[int, list] = field(default_factory=dict)
    # Recalibration maps by their place; the first sits directly on the learner.
    calibrations: dict[int, str] = field(default_factory=dict)


def add_sigmoid_calibration(recipe: Recipe) -> None:
    """Recalibrate the scores by sigmoids fitted in inner folds."""
    recipe.calibrations[0] = "sigmoid"


def add_isotonic_calibration(recipe: Recipe) -> None:
    """Recalibrate the scores by increasing step functions fitted in inner folds."""
    recipe.calibrations[1] = "isotonic"


def add_forest(recipe: Recipe) -> None:
    """Learn by a random forest instead of the linear model."""
    recipe.forest = True


def add_quantiles(recipe: Recipe) -> None:
    """Map every feature to a normal distribution by its training ranks."""
    recipe.transforms[0] = [QuantileTransformer(n_quantiles=25, output_distribution="normal")]


def add_interactions(recipe: Recipe) -> None:
    """Append the products of all pairs of features and standardise all columns."""
    products = PolynomialFeatures(degree=2, interaction_only=True, include_bias=False)
    recipe.transforms[1] = [products, StandardScaler()]


def add_feature_selection(recipe: Recipe) -> None:
    """Keep the half of the varying features in which the classes differ most."""
    recipe.transforms[2] = [VarianceThreshold(), SelectPercentile(f_classif, percentile=50)]


def add_class_weights(recipe: Recipe) -> None:
    """Weigh every class by the inverse of its frequency."""
    recipe.class_weight = "balanced"


COMPONENTS = {
    "sigmoid_calibration": add_sigmoid_calibration,
    "isotonic_calibration": add_isotonic_calibration,
    "forest": add_forest,
    "quantiles": add_quantiles,
    "interactions": add_interactions,
    "feature_selection": add_feature_selection,
    "class_weights": add_class_weights,
}


def build_baseline(recipe: Recipe) -> BaseEstimator:
    """Logistic regression, or the recipe's learner, behind its transforms and within its recalibration."""
    learner = LogisticRegression(max_iter=1000, class_weight=recipe.class_weight, random_state=recipe.seed)
    if recipe.forest:
        learner = RandomForestClassifier(100, class_weight=recipe.class_weight, random_state=recipe.seed)
    steps = [step for place in sorted(recipe.transforms) for step in recipe.transforms[place]]
    model = make_pipeline(*steps, learner)
    for place in sorted(recipe.calibrations) if recipe.folds > 1 else ():
        model = CalibratedClassifierCV(model, method=recipe.calibrations[place], cv=recipe.folds)
    return model


def build_majority(recipe: Recipe) -> BaseEstimator:
    """Always the most frequent class, with its frequency as probability."""
    return DummyClassifier(strategy="prior")


def build_gradient_boosting(recipe: Recipe) -> BaseEstimator:
    """A hundred boosted trees of depth three."""
    return GradientBoostingClassifier(random_state=recipe.seed)


def build_random_forest(recipe: Recipe) -> BaseEstimator:
    """A forest of 100 trees with default settings."""
    return RandomForestClassifier(100, random_state=recipe.seed)


def build_mlp(recipe: Recipe) -> BaseEstimator:
    """A network with one hidden layer of 50 units; stops when an epoch no longer lowers the loss by 0.001."""
    return MLPClassifier((50,), learning_rate_init=0.005, tol=1e-3, max_iter=1000, random_state=recipe.seed)


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "gradient_boosting": build_gradient_boosting,
    "random_forest": build_random_forest,
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


def fit(base: str, components: list[str], train, seed: int) -> BaseEstimator:
    """Fit a base with components switched on."""
    rows = rows_in_use(train.labels, seed)
    labels = train.labels[rows]
    recipe = Recipe(seed)
    for change in FOLDING:
        recipe.folds = change(recipe.folds, labels)
    for component in components:
        COMPONENTS[component](recipe)
    model = make_pipeline(*[step() for step in PREPARATION], BASES[base](recipe))
    return model.fit(train.features.iloc[rows], labels)


def predict(model: BaseEstimator, inputs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (rows, classes) and the classes in that order."""
    return model.predict_proba(inputs), model.classes_


def count_inputs(inputs: pd.DataFrame) -> int:
    """Rows to label."""
    return len(inputs)


def count_parameters(model: BaseEstimator) -> int:
    """Fitted coefficients of linear models and networks, nodes of trees; recalibration maps are not counted."""
    parts = [step for _, step in getattr(model, "steps", [])]
    parts += [inner.estimator for inner in getattr(model, "calibrated_classifiers_", [])]
    parts += list(np.ravel(getattr(model, "estimators_", [])))
    if parts:
        return sum(count_parameters(part) for part in parts)
    if hasattr(model, "tree_"):
        return int(model.tree_.node_count)
    if hasattr(model, "coefs_"):
        return int(sum(np.size(layer) for layer in [*model.coefs_, *model.intercepts_]))
    return int(np.size(getattr(model, "coef_", ())) + np.size(getattr(model, "intercept_", ())))
