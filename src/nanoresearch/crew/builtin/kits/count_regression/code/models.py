"""The baseline, the components that can be added to it, and the methods it is compared with.

All of them are generalised linear models of a count: the logarithm of the mean is linear in the columns of a design.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.optimize import minimize
from scipy.special import expit, gammaln, psi
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.utils import check_array

# Steps that the data turned out to need before any method can be fitted; applied to all methods alike.
PREPARATION: list = []

# Cuts of the share of the training rows that the time limit turned out to need; applied to all methods alike.
REDUCTION: list = []


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    dispersion: bool = False
    zeros: str = "none"  # or "inflated", or "hurdle"
    splines: bool = False
    interactions: bool = False
    log_covariates: bool = False
    penalty: float = 0.0
    covariates: bool = True


@dataclass
class CountModel:
    """A fitted model: the design, coefficients of the log mean, of the log odds of a zero, and the log dispersion."""

    design: Pipeline | FunctionTransformer
    mean: np.ndarray
    zero: np.ndarray | None
    log_dispersion: float | None
    hurdle: bool


def add_negative_binomial(recipe: Recipe) -> None:
    """Let the variance exceed the mean by a dispersion times the squared mean."""
    recipe.dispersion = True


def add_zero_inflation(recipe: Recipe) -> None:
    """Add zeros of their own, with a logistic model."""
    recipe.zeros = "inflated"


def add_splines(recipe: Recipe) -> None:
    """Bend the effect of every covariate with many values by cubic splines."""
    recipe.splines = True


def add_interactions(recipe: Recipe) -> None:
    """Append the products of all pairs of covariates."""
    recipe.interactions = True


def add_log_covariates(recipe: Recipe) -> None:
    """Append logarithms of the covariates."""
    recipe.log_covariates = True


def add_penalty(recipe: Recipe) -> None:
    """Shrink the coefficients of standardised columns towards zero by a quadratic penalty."""
    recipe.penalty = 10.0


COMPONENTS = {
    "negative_binomial": add_negative_binomial,
    "zero_inflation": add_zero_inflation,
    "splines": add_splines,
    "interactions": add_interactions,
    "log_covariates": add_log_covariates,
    "penalty": add_penalty,
}


def build_baseline(recipe: Recipe) -> Recipe:
    """Poisson regression, as changed by components."""
    return recipe


def build_intercept(recipe: Recipe) -> Recipe:
    """Poisson law with the same mean for all rows."""
    return Recipe(covariates=False)


def build_hurdle(recipe: Recipe) -> Recipe:
    """Logistic regression for zero or more, and a negative binomial law cut off at zero for how many."""
    return Recipe(dispersion=True, zeros="hurdle")


def build_hurdle_poisson(recipe: Recipe) -> Recipe:
    """Logistic regression for zero or more, and a Poisson law cut off at zero for how many."""
    return Recipe(zeros="hurdle")


BASES = {
    "baseline": build_baseline,
    "intercept": build_intercept,
    "hurdle": build_hurdle,
    "hurdle_poisson": build_hurdle_poisson,
}


class LogColumns(TransformerMixin, BaseEstimator):
    """Appends log(1 + x) of every numeric column that has more than ten values, none of them negative."""

    def fit(self, features: pd.DataFrame, y=None) -> "LogColumns":
        """Choose the columns by the training part."""
        numbers = features.select_dtypes("number")
        self.columns_ = [c for c in numbers if numbers[c].nunique() > 10 and numbers[c].min() >= 0]
        return self

    def transform(self, features: pd.DataFrame) -> pd.DataFrame:
        """The columns and their logarithms; a value below zero in new data counts as zero."""
        logs = np.log1p(features[self.columns_].clip(lower=0)).add_prefix("log_")
        return pd.concat([features, logs], axis=1)


class Splines(TransformerMixin, BaseEstimator):
    """Replaces every column of more than ten values by a cubic spline basis, linear beyond the outer knots."""

    def fit(self, values: np.ndarray, y=None) -> "Splines":
        """Place up to five knots of each column at quartiles and extremes of the training part."""
        self.bases_ = {}
        for column in range(values.shape[1]):
            knots = np.unique(np.quantile(values[:, column], [0, 0.25, 0.5, 0.75, 1]))
            if len(np.unique(values[:, column])) > 10 and len(knots) > 2:
                basis = SplineTransformer(knots=knots[:, None], extrapolation="linear", include_bias=False)
                self.bases_[column] = basis.fit(values[:, [column]])
        return self

    def transform(self, values: np.ndarray) -> np.ndarray:
        """The columns, each by itself or by its basis."""
        parts = [
            self.bases_[column].transform(values[:, [column]]) if column in self.bases_ else values[:, [column]]
            for column in range(values.shape[1])
        ]
        return np.hstack(parts)


def make_design(recipe: Recipe) -> Pipeline:
    """Steps from covariates to the columns of the design, without the intercept."""
    branches = [Splines() if recipe.splines else FunctionTransformer()]
    if recipe.interactions:
        pairs = PolynomialFeatures(degree=(2, 2), interaction_only=True, include_bias=False)
        branches.append(make_pipeline(pairs, VarianceThreshold(), StandardScaler()))
    logs = [LogColumns()] if recipe.log_covariates else []
    scale = [StandardScaler()] if recipe.penalty else []
    prepare = [step() for step in PREPARATION]
    return make_pipeline(*logs, *prepare, FunctionTransformer(check_array), make_union(*branches), *scale)


def rows_in_use(count: int, seed: int) -> np.ndarray:
    """Training rows to learn from: all of that many, or a random share of them where REDUCTION asks for fewer."""
    share = 1.0
    for cut in REDUCTION:
        share = cut(share)
    rng = np.random.default_rng([seed, 1])  # not the numbers that divided the data
    return np.sort(rng.permutation(count)[: int(np.ceil(share * count))])


def fit(base: str, components: list[str], train, seed: int) -> CountModel:
    """Fit a base with components switched on by maximum likelihood. The seed only says which rows are in use."""
    rows = rows_in_use(len(train.counts), seed)
    recipe = Recipe()
    for component in components:
        COMPONENTS[component](recipe)
    recipe = BASES[base](recipe)
    design = make_design(recipe) if recipe.covariates else FunctionTransformer(drop_columns)
    columns = with_intercept(design.fit_transform(train.features.iloc[rows]))
    return maximise_likelihood(recipe, design, columns, train.counts[rows])


def drop_columns(features: pd.DataFrame) -> np.ndarray:
    """No columns at all."""
    return np.empty((len(features), 0))


def with_intercept(columns: np.ndarray) -> np.ndarray:
    """Columns after a column of ones."""
    return np.hstack([np.ones((len(columns), 1)), columns])


def maximise_likelihood(recipe: Recipe, design, columns: np.ndarray, counts: np.ndarray) -> CountModel:
    """Quasi-Newton search from a model without covariates; warns when it does not converge.

    The search runs in coordinates in which the columns of the design are orthogonal and equally long: overlapping
    columns, such as those of splines, would otherwise make it crawl. A faint penalty in these coordinates keeps
    the maximum finite where few rows leave a direction open; elsewhere the model is the same to many digits.
    """
    width = columns.shape[1]
    rotate = orthogonal_coordinates(columns, recipe.penalty)
    share = np.clip(np.mean(counts == 0) * (0.5 if recipe.zeros == "inflated" else 1.0), 0.001, 0.999)
    start = np.zeros(2 * width + 1)
    start[0] = np.log(counts.mean())
    start[width] = np.log(share / (1 - share)) if recipe.zeros != "none" else 0.0
    whole = block_diag(rotate, rotate, [[1.0]])  # (coefficients, coordinates)

    def rotated_loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss(whole @ point, recipe, columns, counts)
        faint = 0.01 / len(counts)
        return value + faint * (point @ point) / 2, whole.T @ gradient + faint * point

    options = {"maxiter": 2000, "maxfun": 4000, "gtol": 1e-5, "ftol": 1e-10}
    first = np.linalg.lstsq(whole, start, rcond=None)[0]
    search = minimize(rotated_loss, first, jac=True, method="L-BFGS-B", options=options)
    if not search.success:
        message = f"the likelihood search failed to converge: {search.message}"
        warnings.warn(message, ConvergenceWarning, stacklevel=2)
    found = whole @ search.x
    return CountModel(
        design,
        mean=found[:width],
        zero=found[width:-1] if recipe.zeros != "none" else None,
        log_dispersion=float(found[-1]) if recipe.dispersion else None,
        hurdle=recipe.zeros == "hurdle",
    )


def orthogonal_coordinates(columns: np.ndarray, penalty: float) -> np.ndarray:
    """Matrix (columns, rank) that turns coordinates into coefficients; repeated directions are left out."""
    _, lengths, directions = np.linalg.svd(columns, full_matrices=False)
    kept = lengths > 1e-6 * lengths[0]
    return directions[kept].T / np.sqrt(lengths[kept] ** 2 + penalty) * np.sqrt(len(columns))


def loss(values: np.ndarray, recipe: Recipe, columns: np.ndarray, counts: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean negative log-likelihood with the penalty, and its gradient.

    values: coefficients of the log mean, of the log odds of a zero, and the log dispersion; those that the recipe
    does not use have gradient zero and stay where they start.
    """
    width = columns.shape[1]
    # Beyond exp(30) nothing can be told apart; the bound only keeps early steps of the search finite.
    mean = np.exp(np.clip(columns @ values[:width], -30, 30))
    dispersion = np.exp(np.clip(values[-1], -12, 12)) if recipe.dispersion else 0.0
    log_p, by_mean, by_dispersion = law(counts, mean, dispersion)
    by_zero = np.zeros(len(counts))
    if recipe.zeros != "none":
        zero_law = law(np.zeros(len(counts)), mean, dispersion)
        odds = np.clip(columns @ values[width:-1], -30, 30)
        mix = hurdle if recipe.zeros == "hurdle" else inflate
        log_p, by_mean, by_dispersion, by_zero = mix(counts, (log_p, by_mean, by_dispersion), zero_law, odds)
    slopes = np.array(values)
    slopes[[0, width, -1]] = 0.0
    gradient = -np.concatenate([columns.T @ by_mean, columns.T @ by_zero, [by_dispersion.sum()]])
    penalty = recipe.penalty
    total = -log_p.sum() + penalty * (slopes @ slopes) / 2
    return total / len(counts), (gradient + penalty * slopes) / len(counts)


def law(counts: np.ndarray, mean: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probabilities, and their slopes by the log mean and by the log dispersion.

    Poisson when the dispersion is zero, else negative binomial with variance mean + dispersion * mean**2.
    """
    if dispersion == 0.0:
        return counts * np.log(mean) - mean - gammaln(counts + 1), counts - mean, np.zeros(len(counts))
    size, spread = 1 / dispersion, 1 + dispersion * mean
    log_p = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1)
    log_p = log_p - size * np.log(spread) + counts * (np.log(dispersion * mean) - np.log(spread))
    by_mean = (counts - mean) / spread
    return log_p, by_mean, size * (np.log(spread) - psi(counts + size) + psi(size)) + by_mean


def inflate(counts, inside, at_zero, odds) -> tuple[np.ndarray, ...]:
    """Mix a law with zeros of their own, whose log odds are given; log-probabilities and slopes."""
    extra = expit(odds)
    zero = counts == 0
    total = extra + (1 - extra) * np.exp(at_zero[0])
    weight = np.where(zero, (1 - extra) * np.exp(at_zero[0]) / total, 1.0)
    log_p = np.where(zero, np.log(total), np.log(1 - extra) + inside[0])
    by_odds = np.where(zero, extra * (1 - extra) * (1 - np.exp(at_zero[0])) / total, -extra)
    return log_p, weight * inside[1], weight * inside[2], by_odds


def hurdle(counts, inside, at_zero, odds) -> tuple[np.ndarray, ...]:
    """Zero with the given log odds, else a law cut off at zero; log-probabilities and slopes."""
    zero = counts == 0
    absent = expit(odds)
    rest = -np.expm1(at_zero[0])  # probability of more than zero under the law
    factor = np.exp(at_zero[0]) / rest
    log_p = np.where(zero, np.log(absent), np.log(1 - absent) + inside[0] - np.log(rest))
    by_mean = np.where(zero, 0.0, inside[1] + factor * at_zero[1])
    by_dispersion = np.where(zero, 0.0, inside[2] + factor * at_zero[2])
    return log_p, by_mean, by_dispersion, np.where(zero, 1 - absent, -absent)


def predict(model: CountModel, inputs: pd.DataFrame) -> dict[str, np.ndarray]:
    """Arrays that describe the distribution of every row's count: mean, dispersion, zero, hurdle; see evaluate.py."""
    columns = with_intercept(model.design.transform(inputs))
    rows = len(columns)
    return {
        "mean": np.exp(np.clip(columns @ model.mean, -30, 30)),
        "dispersion": np.full(rows, 0.0 if model.log_dispersion is None else np.exp(model.log_dispersion)),
        "zero": np.zeros(rows) if model.zero is None else expit(np.clip(columns @ model.zero, -30, 30)),
        "hurdle": np.full(rows, model.hurdle),
    }


def count_inputs(inputs: pd.DataFrame) -> int:
    """Rows to predict."""
    return len(inputs)


def count_parameters(model: CountModel) -> int:
    """Fitted coefficients, intercepts and the dispersion."""
    return len(model.mean) + (0 if model.zero is None else len(model.zero)) + (model.log_dispersion is not None)
