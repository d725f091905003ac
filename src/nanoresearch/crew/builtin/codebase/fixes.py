"""Cures for known trouble in tables: each makes a step for PREPARATION in models.py.

Every step looks at column types and hands other columns on, so that the steps work in whatever order they are added.
"""

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


FIXES = {
    "encode_categories": encode_categories,
    "impute_missing": impute_missing,
    "standardise": standardise,
}
