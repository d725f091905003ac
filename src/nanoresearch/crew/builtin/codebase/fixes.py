"""Cures for known trouble in tables, each for one of the lists at the top of models.py.

PREPARATION: each makes a step. Every step looks at column types and hands other columns on, so that the steps work in
whatever order they are added. REDUCTION: each lowers the share of the training rows. FOLDING and NEIGHBOURING: each
lowers a number to what a small class allows.
"""

import numpy as np
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def encode_categories() -> ColumnTransformer:
    """One column of zeros and ones for every category of a text column, with a category of its own for a gap.

    A category that the training part does not have becomes all zeros.
    """
    text = make_column_selector(dtype_exclude=["number", "bool"])
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    steps = [("text", encoder, text)]
    prepare = ColumnTransformer(steps, remainder="passthrough", verbose_feature_names_out=False)
    return prepare.set_output(transform="pandas")


def impute_missing() -> ColumnTransformer:
    """Fill the gaps of every numeric column with its median in the training part."""
    numeric = make_column_selector(dtype_include=["number", "bool"])
    steps = [("numeric", SimpleImputer(strategy="median"), numeric)]
    prepare = ColumnTransformer(steps, remainder="passthrough", verbose_feature_names_out=False)
    return prepare.set_output(transform="pandas")


def standardise() -> ColumnTransformer:
    """Shift and scale every numeric column to mean zero and variance one in the training part; gaps stay gaps."""
    numeric = make_column_selector(dtype_include=["number", "bool"])
    steps = [("numeric", StandardScaler(), numeric)]
    prepare = ColumnTransformer(steps, remainder="passthrough", verbose_feature_names_out=False)
    return prepare.set_output(transform="pandas")


def limit_folds(folds: int, labels: np.ndarray) -> int:
    """As many inner folds as the smallest class has rows, and no more than before."""
    return min(folds, int(np.unique(labels, return_counts=True)[1].min()))


def limit_neighbours(neighbours: int, rows: int) -> int:
    """As many neighbours as there are other rows, and no more than before."""
    return min(neighbours, rows - 1)


def halve_rows(share: float) -> float:
    """Half of the share of training rows."""
    return share / 2


def quarter_rows(share: float) -> float:
    """A quarter of the share of training rows."""
    return share / 4


FIXES = {
    "encode_categories": encode_categories,
    "impute_missing": impute_missing,
    "standardise": standardise,
    "limit_folds": limit_folds,
    "limit_neighbours": limit_neighbours,
    "halve_rows": halve_rows,
    "quarter_rows": quarter_rows,
}
