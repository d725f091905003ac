"""The baseline, the components that can be added to it, and the methods it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

JOINT = "joint"


@dataclass
class Encoded:
    """Every view as scaled columns, zero where it is missing, and which items have it."""

    blocks: dict[str, np.ndarray]
    present: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.present.values())))

    def take(self, rows: np.ndarray) -> "Encoded":
        """Some of the items."""
        return Encoded(
            {name: block[rows] for name, block in self.blocks.items()},
            {name: mask[rows] for name, mask in self.present.items()},
        )


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    single_views: bool = False
    """Whether one classifier for every view takes the place of the joint one."""
    stacked: bool = False
    """Whether a trained combiner takes the place of the mean."""
    steps: list[Callable] = field(default_factory=list)
    """Makers of further steps on encoded views; each has fit(encoded) and apply(encoded)."""
    augment: list[Callable] = field(default_factory=list)
    """Changes to the training items: (encoded, rng) to (encoded, rows they were made of)."""


class BlockScaler(TransformerMixin, BaseEstimator):
    """Centres columns and divides all of them by one number, so that their mean variance is one.

    Latent dimensions keep their relative sizes: to blow up the small ones would be to blow up noise.
    """

    def fit(self, columns: np.ndarray, labels: np.ndarray | None = None) -> "BlockScaler":
        """Learn the centre and the number."""
        self.mean_ = columns.mean(axis=0)
        self.scale_ = np.sqrt(columns.var(axis=0).mean())
        return self

    def transform(self, columns: np.ndarray) -> np.ndarray:
        """Scaled columns."""
        return (columns - self.mean_) / self.scale_


def encoder_of(view: np.ndarray, seed: int) -> Pipeline:
    """Columns of a view before fusion, of mean variance one; depends on the kind of the view.

    Texts: 300 latent dimensions of their character sequences; more than 500 numbers: 60 principal components; fewer
    numbers: standardised columns.
    """
    if view.dtype == object:
        counts = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)
        return make_pipeline(counts, TruncatedSVD(300, random_state=seed), BlockScaler())
    if view.shape[1] > 500:
        return make_pipeline(PCA(60, random_state=seed), BlockScaler())
    return make_pipeline(StandardScaler())


def add_late_fusion(recipe: Recipe) -> None:
    """Train one classifier for every view in place of the joint one."""
    recipe.single_views = True


def add_stacking(recipe: Recipe) -> None:
    """Combine classifiers by a trained combiner."""
    recipe.stacked = True


class KernelMaps:
    """Appends to every view 100 features of a Gaussian kernel, as wide as the median distance of its items."""

    def __init__(self, seed: int):
        self.seed = seed
        self.maps: dict[str, Pipeline] = {}

    def fit(self, encoded: Encoded) -> None:
        """Choose landmarks and width for every view."""
        for name, block in encoded.blocks.items():
            some = np.random.default_rng(self.seed).permutation(len(block))[:200]
            distances = pairwise_distances(block[some], metric="sqeuclidean")
            width = 1 / max(1e-9, np.median(distances[np.triu_indices(len(some), 1)]))
            kernel = Nystroem(gamma=width, n_components=min(100, len(block)), random_state=self.seed)
            self.maps[name] = make_pipeline(kernel, StandardScaler()).fit(block)

    def apply(self, encoded: Encoded) -> Encoded:
        """Views with kernel features; zero where a view is missing."""
        blocks = {
            name: np.hstack([block, self.maps[name].transform(block) * encoded.present[name][:, None]])
            for name, block in encoded.blocks.items()
        }
        return Encoded(blocks, encoded.present)


def add_kernel_maps(recipe: Recipe) -> None:
    """Let every view have its own Gaussian kernel."""
    recipe.steps.append(KernelMaps)


class ViewScales:
    """Divides every view by the root of its number of columns, so that all views weigh the same."""

    def __init__(self, seed: int):
        self.scales: dict[str, float] = {}

    def fit(self, encoded: Encoded) -> None:
        """Look up the sizes; the factor keeps the mean variance of all columns at one."""
        widths = {name: block.shape[1] for name, block in encoded.blocks.items()}
        mean = sum(widths.values()) / len(widths)
        self.scales = {name: float(np.sqrt(mean / width)) for name, width in widths.items()}

    def apply(self, encoded: Encoded) -> Encoded:
        """Scaled views."""
        blocks = {name: block * self.scales[name] for name, block in encoded.blocks.items()}
        return Encoded(blocks, encoded.present)


def add_view_scaling(recipe: Recipe) -> None:
    """Give every view the same total variance."""
    recipe.steps.append(ViewScales)


class CrossImputer:
    """Fills in a missing view by ridge regression on the other views."""

    def __init__(self, seed: int):
        self.models: dict[str, Ridge] = {}

    def fit(self, encoded: Encoded) -> None:
        """One regression for every view, with penalty ten per item and column of unit variance."""
        if len(encoded.blocks) > 1:
            for name, block in encoded.blocks.items():
                self.models[name] = Ridge(alpha=10.0).fit(self.others(encoded, name), block)

    def apply(self, encoded: Encoded) -> Encoded:
        """Views with the missing ones estimated; an item that lacks all views keeps lacking them."""
        blocks, present = dict(encoded.blocks), dict(encoded.present)
        some = np.any(list(encoded.present.values()), axis=0)
        for name, model in self.models.items():
            missing = ~encoded.present[name] & some
            if missing.any():
                blocks[name] = blocks[name].copy()
                blocks[name][missing] = model.predict(self.others(encoded, name)[missing]).reshape(missing.sum(), -1)
            present[name] = encoded.present[name] | missing
        return Encoded(blocks, present)

    @staticmethod
    def others(encoded: Encoded, name: str) -> np.ndarray:
        """Columns of all views but one."""
        return np.hstack([block for other, block in encoded.blocks.items() if other != name])


def add_cross_imputation(recipe: Recipe) -> None:
    """Estimate missing views from the others; comes before all other steps."""
    recipe.steps.insert(0, CrossImputer)


def blank_views(encoded: Encoded, rng: np.random.Generator) -> tuple[Encoded, np.ndarray]:
    """Every item twice: as it is, and with one view, drawn at random, taken away."""
    names, count = list(encoded.blocks), len(encoded)
    if len(names) == 1:
        return encoded, np.arange(count)
    lost = rng.integers(len(names), size=count)
    blocks, present = {}, {}
    for number, name in enumerate(names):
        kept = lost != number
        blocks[name] = np.vstack([encoded.blocks[name], encoded.blocks[name] * kept[:, None]])
        present[name] = np.concatenate([encoded.present[name], encoded.present[name] & kept])
    return Encoded(blocks, present), np.tile(np.arange(count), 2)


def add_view_dropout(recipe: Recipe) -> None:
    """Train also on copies that lack a view."""
    recipe.augment.append(blank_views)


class ViewProducts:
    """Appends to every pair of views the products of their five leading principal components, as a view of its own."""

    def __init__(self, seed: int):
        self.seed = seed
        self.leading: dict[str, Pipeline] = {}

    def fit(self, encoded: Encoded) -> None:
        """Find the leading components of every view."""
        for name, block in encoded.blocks.items():
            leading = PCA(min(5, *block.shape), random_state=self.seed)
            self.leading[name] = make_pipeline(leading, StandardScaler()).fit(block)

    def apply(self, encoded: Encoded) -> Encoded:
        """Views and products; a product is there where both views are."""
        parts = {name: model.transform(encoded.blocks[name]) for name, model in self.leading.items()}
        blocks, present = dict(encoded.blocks), dict(encoded.present)
        for first, second in combinations(parts, 2):
            name = f"{first} x {second}"
            present[name] = encoded.present[first] & encoded.present[second]
            products = np.einsum("ia,ib->iab", parts[first], parts[second]).reshape(len(encoded), -1)
            blocks[name] = products * present[name][:, None]
        return Encoded(blocks, present)


def add_view_products(recipe: Recipe) -> None:
    """Let pairs of views interact."""
    recipe.steps.append(ViewProducts)


COMPONENTS = {
    "late_fusion": add_late_fusion,
    "stacking": add_stacking,
    "kernel_maps": add_kernel_maps,
    "view_scaling": add_view_scaling,
    "view_dropout": add_view_dropout,
    "view_products": add_view_products,
    "cross_imputation": add_cross_imputation,
}


class ViewEncoder:
    """Turns raw views into scaled columns, then applies the recipe's steps."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.encoders: dict[str, Pipeline] = {}
        self.steps = [maker(recipe.seed) for maker in recipe.steps]

    def fit(self, views: dict[str, np.ndarray]) -> Encoded:
        """Learn from complete training items and return them encoded."""
        self.encoders = {name: encoder_of(view, self.recipe.seed).fit(view) for name, view in views.items()}
        encoded = self.encode(views, {name: np.ones(len(view), dtype=bool) for name, view in views.items()})
        for step in self.steps:
            step.fit(encoded)
            encoded = step.apply(encoded)
        return encoded

    def apply(self, views: dict[str, np.ndarray], present: dict[str, np.ndarray]) -> Encoded:
        """Encode new items."""
        encoded = self.encode(views, present)
        for step in self.steps:
            encoded = step.apply(encoded)
        return encoded

    def encode(self, views: dict[str, np.ndarray], present: dict[str, np.ndarray]) -> Encoded:
        """Scaled columns; a missing view becomes zero, the mean of the training part."""
        blocks = {
            name: encoder.transform(views[name]) * present[name][:, None] for name, encoder in self.encoders.items()
        }
        return Encoded(blocks, present)


class FusionModel:
    """Logistic regressions on all views together or on one view each, and a rule that combines them."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.encoder = ViewEncoder(recipe)
        self.combiner: LogisticRegression | None = None

    def fit(self, train) -> "FusionModel":
        """Encode, augment, train the members, and train the combiner on scores that members give to unseen items."""
        encoded = self.encoder.fit(train.views)
        labels, groups = train.labels, train.groups
        for change in self.recipe.augment:
            encoded, rows = change(encoded, np.random.default_rng(self.recipe.seed))
            labels, groups = labels[rows], groups[rows]
        self.classes, counts = np.unique(labels, return_counts=True)
        self.prior = np.log(counts / counts.sum())
        if self.recipe.stacked:
            scores = np.zeros((len(labels), len(self.member_names(encoded)), len(self.classes)))
            folds = StratifiedGroupKFold(3, shuffle=True, random_state=self.recipe.seed)
            for inner, outer in folds.split(labels, labels, groups):
                self.members = self.fit_members(encoded.take(inner), labels[inner])
                scores[outer] = self.score(encoded.take(outer), absent=self.prior)
            self.combiner = LogisticRegression(C=0.1, tol=1e-3, max_iter=2000).fit(
                scores.reshape(len(labels), -1), labels
            )
        self.members = self.fit_members(encoded, labels)
        return self

    def member_names(self, encoded: Encoded) -> list[str]:
        """Joint classifier alone, single views alone, or with stacking both unless single views take its place."""
        joint = [] if self.recipe.single_views else [JOINT]
        return joint + (list(encoded.blocks) if self.recipe.single_views or self.recipe.stacked else [])

    def fit_members(self, encoded: Encoded, labels: np.ndarray) -> dict[str, LogisticRegression]:
        """Train every member on the items that have what it looks at."""
        members = {}
        for name in self.member_names(encoded):
            rows = slice(None) if name == JOINT else encoded.present[name]
            members[name] = LogisticRegression(C=0.1, tol=1e-3, max_iter=2000).fit(
                columns(encoded, name)[rows], labels[rows]
            )
        return members

    def score(self, encoded: Encoded, absent: np.ndarray | float) -> np.ndarray:
        """Log-probabilities (items, members, classes), with absent where a member's view is missing."""
        scores = []
        for name, member in self.members.items():
            score = np.tile(self.prior, (len(encoded), 1))
            score[:, np.searchsorted(self.classes, member.classes_)] = member.predict_log_proba(columns(encoded, name))
            if name != JOINT:
                score[~encoded.present[name]] = absent
            scores.append(score)
        return np.stack(scores, axis=1)

    def predict(self, inputs) -> np.ndarray:
        """Class of every item: by the combiner, or by the mean log-probability of members whose view is there."""
        encoded = self.encoder.apply(inputs.views, inputs.present)
        if self.combiner:
            return self.combiner.predict(self.score(encoded, absent=self.prior).reshape(len(encoded), -1))
        scores = self.score(encoded, absent=np.nan)
        scores[np.isnan(scores).all(axis=(1, 2))] = self.prior
        return self.classes[np.argmax(np.nanmean(scores, axis=1), axis=1)]

    def count_parameters(self) -> int:
        """Weights and intercepts of members and combiner."""
        fitted = [*self.members.values(), *([self.combiner] if self.combiner else [])]
        return sum(model.coef_.size + model.intercept_.size for model in fitted)


def columns(encoded: Encoded, name: str) -> np.ndarray:
    """What a member looks at: one view, or all."""
    return np.hstack(list(encoded.blocks.values())) if name == JOINT else encoded.blocks[name]


class SingleViewModel(FusionModel):
    """The logistic regression on the one view that does best in three inner folds of the training part."""

    def fit(self, train) -> "SingleViewModel":
        """Choose the view, then train on it alone."""
        encoded = self.encoder.fit(train.views)
        self.classes, counts = np.unique(train.labels, return_counts=True)
        self.prior = np.log(counts / counts.sum())
        hits = dict.fromkeys(encoded.blocks, 0)
        folds = StratifiedGroupKFold(3, shuffle=True, random_state=self.recipe.seed)
        for inner, outer in folds.split(train.labels, train.labels, train.groups):
            for name, member in self.fit_members(encoded.take(inner), train.labels[inner]).items():
                hits[name] += (member.predict(encoded.blocks[name][outer]) == train.labels[outer]).sum()
        best = max(hits, key=lambda name: hits[name])
        self.members = {best: self.fit_members(encoded, train.labels)[best]}
        return self

    def member_names(self, encoded: Encoded) -> list[str]:
        """Every view."""
        return list(encoded.blocks)


class ConcatenatedModel:
    """One classifier of scikit-learn on the encoded views side by side."""

    def __init__(self, recipe: Recipe, classifier: BaseEstimator):
        self.encoder = ViewEncoder(recipe)
        self.classifier = classifier

    def fit(self, train) -> "ConcatenatedModel":
        """Encode and train."""
        self.classifier.fit(columns(self.encoder.fit(train.views), JOINT), train.labels)
        return self

    def predict(self, inputs) -> np.ndarray:
        """Class of every item."""
        return self.classifier.predict(columns(self.encoder.apply(inputs.views, inputs.present), JOINT))

    def count_parameters(self) -> int:
        """Weights of a network."""
        layers = [*getattr(self.classifier, "coefs_", []), *getattr(self.classifier, "intercepts_", [])]
        return sum(np.size(layer) for layer in layers)


def build_baseline(recipe: Recipe) -> FusionModel:
    """Early fusion by concatenation, plus the recipe's additions."""
    return FusionModel(recipe)


def build_majority(recipe: Recipe) -> ConcatenatedModel:
    """Always the most frequent class."""
    return ConcatenatedModel(recipe, DummyClassifier(strategy="most_frequent"))


def build_best_single_view(recipe: Recipe) -> SingleViewModel:
    """The best view alone."""
    return SingleViewModel(recipe)


def build_neural_network(recipe: Recipe) -> ConcatenatedModel:
    """A perceptron with one layer of 100 hidden units on the concatenated views."""
    network = MLPClassifier((100,), alpha=0.01, tol=1e-3, max_iter=1000, random_state=recipe.seed)
    return ConcatenatedModel(recipe, network)


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "best_single_view": build_best_single_view,
    "neural_network": build_neural_network,
}


def fit(base: str, components: list[str], train, seed: int) -> FusionModel | ConcatenatedModel:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe).fit(train)


def predict(model: FusionModel | ConcatenatedModel, inputs) -> np.ndarray:
    """The class of every item."""
    return model.predict(inputs)


def count_inputs(inputs) -> int:
    """Items to label."""
    return len(inputs)


def count_parameters(model: FusionModel | ConcatenatedModel) -> int:
    """Fitted weights of classifiers."""
    return model.count_parameters()
