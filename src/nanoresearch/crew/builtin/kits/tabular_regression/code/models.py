"""The baseline, the components that can be added to it, and the methods it is compared with."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectPercentile, VarianceThreshold, f_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.utils import check_array

# Steps that the data turned out to need before any method can be fitted; applied to all methods alike.
PREPARATION: list = []

# Cuts of the share of the training rows that the time limit turned out to need; applied to all methods alike.
REDUCTION: list = []


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    robust: bool = False
    log_target: bool = False
    tune_penalty: bool = False
    # Steps before the learner by their place in the pipeline, whatever order components come in.
    transforms: dict[int, list] = field(default_factory=dict)


class AppendedSplines(TransformerMixin, BaseEstimator):
    """Appends a cubic spline basis with quartile knots for every column of more than ten values."""

    def fit(self, features, y=None) -> "AppendedSplines":
        """Place the knots in the training part."""
        values = check_array(features)
        self.bases_ = {}
        for column in range(values.shape[1]):
            knots = np.unique(np.quantile(values[:, column], [0, 0.25, 0.5, 0.75, 1]))
            if len(np.unique(values[:, column])) > 10 and len(knots) > 2:
                basis = SplineTransformer(knots=knots[:, None], extrapolation="linear", include_bias=False)
                self.bases_[column] = basis.fit(values[:, [column]])
        return self

    def transform(self, features) -> np.ndarray:
        """The columns and their bases."""
        values = check_array(features)
        bases = [basis.transform(values[:, [column]]) for column, basis in self.bases_.items()]
        return np.hstack([values, *bases])


class HuberRidge(RegressorMixin, BaseEstimator):
    """Ridge regression under Huber's loss, by repeated weighted least squares."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def fit(self, features, values: np.ndarray) -> "HuberRidge":
        """Fit; the scale of the errors is settled in the first ten rounds, and the fit is then a convex problem."""
        weights, spread = np.ones(len(values)), np.std(values)
        before = np.full(len(values), np.inf)
        for round_number in range(500):
            self.ridge_ = Ridge(alpha=self.alpha).fit(features, values, sample_weight=weights)
            fitted = self.ridge_.predict(features)
            if round_number >= 10 and np.max(np.abs(fitted - before)) < 1e-3 * spread:
                return self
            before, errors = fitted, np.abs(values - fitted)
            if round_number < 10:
                # The median distance of normal errors from zero is 0.6745 standard deviations; a fit through nearly
                # all rows has no such scale, hence the lower bound.
                bend = 1.35 * max(np.median(errors) / 0.6745, 0.05 * spread)
            weights = np.minimum(1.0, bend / np.maximum(errors, 1e-12))
        warnings.warn("the robust fit failed to converge", ConvergenceWarning, stacklevel=2)
        return self

    def predict(self, features) -> np.ndarray:
        """One number for every row."""
        return self.ridge_.predict(features)


def add_interactions(recipe: Recipe) -> None:
    """Append the products of all pairs of features and standardise all columns."""
    products = PolynomialFeatures(degree=2, interaction_only=True, include_bias=False)
    recipe.transforms[0] = [products, StandardScaler()]


def add_splines(recipe: Recipe) -> None:
    """Append splines of every feature with many values and standardise all columns."""
    recipe.transforms[1] = [AppendedSplines(), StandardScaler()]


def add_feature_selection(recipe: Recipe) -> None:
    """Keep the half of the varying columns that are most correlated with the target."""
    recipe.transforms[2] = [VarianceThreshold(), SelectPercentile(f_regression, percentile=50)]


def add_log_target(recipe: Recipe) -> None:
    """Learn the logarithm of one plus the target."""
    recipe.log_target = True


def add_robust_loss(recipe: Recipe) -> None:
    """Replace the squared loss by Huber's, which grows only linearly for large errors."""
    recipe.robust = True


def add_tuned_penalty(recipe: Recipe) -> None:
    """Choose the strength of the penalty by five inner folds."""
    recipe.tune_penalty = True


COMPONENTS = {
    "splines": add_splines,
    "interactions": add_interactions,
    "log_target": add_log_target,
    "tuned_penalty": add_tuned_penalty,
    "robust_loss": add_robust_loss,
    "feature_selection": add_feature_selection,
}


def build_baseline(recipe: Recipe) -> BaseEstimator:
    """Ridge regression, or its robust cousin, with the recipe's transforms."""
    learner = HuberRidge() if recipe.robust else Ridge(alpha=1.0)
    if recipe.tune_penalty:
        folds = KFold(5, shuffle=True, random_state=recipe.seed)
        strengths = {"alpha": [0.1, 1.0, 10.0, 100.0, 1000.0]}
        learner = GridSearchCV(learner, strengths, cv=folds, error_score="raise")
    steps = [step for place in sorted(recipe.transforms) for step in recipe.transforms[place]]
    model = make_pipeline(*steps, learner)
    if recipe.log_target:
        model = TransformedTargetRegressor(model, func=np.log1p, inverse_func=np.expm1)
    return model


def build_mean(recipe: Recipe) -> BaseEstimator:
    """Always the mean of the training targets."""
    return DummyRegressor()


def build_gradient_boosting(recipe: Recipe) -> BaseEstimator:
    """A hundred boosted trees of depth three."""
    return GradientBoostingRegressor(random_state=recipe.seed)


def build_random_forest(recipe: Recipe) -> BaseEstimator:
    """A forest of 100 trees with default settings."""
    return RandomForestRegressor(100, random_state=recipe.seed)


def build_mlp(recipe: Recipe) -> BaseEstimator:
    """A network with one hidden layer of 50 units on standardised features and targets."""
    network = MLPRegressor(
        hidden_layer_sizes=(50,), alpha=1.0, learning_rate_init=0.005, tol=1e-3, max_iter=1000, random_state=recipe.seed
    )
    return TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())


BASES = {
    "baseline": build_baseline,
    "mean": build_mean,
    "gradient_boosting": build_gradient_boosting,
    "random_forest": build_random_forest,
    "mlp": build_mlp,
}


def rows_in_use(count: int, seed: int) -> np.ndarray:
    """Training rows to learn from: all of that many, or a random share of them where REDUCTION asks for fewer."""
    share = 1.0
    for cut in REDUCTION:
        share = cut(share)
    rng = np.random.default_rng([seed, 1])  # not the numbers that divided the data
    return np.sort(rng.permutation(count)[: int(np.ceil(share * count))])


def fit(base: str, components: list[str], train, seed: int) -> BaseEstimator:
    """Fit a base with components switched on."""
    rows = rows_in_use(len(train.values), seed)
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    model = make_pipeline(*[step() for step in PREPARATION], BASES[base](recipe))
    return model.fit(train.features.iloc[rows], train.values[rows])


def predict(model: BaseEstimator, inputs: pd.DataFrame) -> np.ndarray:
    """One number for every row, in units of the target."""
    return model.predict(inputs)


def count_inputs(inputs: pd.DataFrame) -> int:
    """Rows to predict."""
    return len(inputs)


def count_parameters(model: BaseEstimator) -> int:
    """Fitted coefficients of linear models and networks, nodes of trees."""
    parts = [step for _, step in getattr(model, "steps", [])]
    parts += [getattr(model, name) for name in ("regressor_", "best_estimator_", "ridge_") if hasattr(model, name)]
    parts += list(np.ravel(getattr(model, "estimators_", [])))
    if parts:
        return sum(count_parameters(part) for part in parts)
    if hasattr(model, "tree_"):
        return int(model.tree_.node_count)
    if hasattr(model, "coefs_"):
        return int(sum(np.size(layer) for layer in [*model.coefs_, *model.intercepts_]))
    return int(np.size(getattr(model, "coef_", ())) + np.size(getattr(model, "intercept_", ())))
