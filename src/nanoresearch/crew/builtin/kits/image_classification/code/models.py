"""The baseline, the components that can be added to it, and the methods it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter, shift
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    cleaners: list[Callable] = field(default_factory=list)
    """Applied to all images, in training and in use: images -> images."""
    augmenters: list[Callable] = field(default_factory=list)
    """Make further copies of the training images: images -> copies, a whole number of them for every image."""
    features: list[Callable] = field(default_factory=list)
    """Replace the pixels; several are joined: training images -> function from images to rows."""
    components: int | None = None
    """Principal components to keep."""


def shifted_copies(pixels: np.ndarray) -> np.ndarray:
    """Every image moved by one pixel in each of four directions; zeros come in at the edge. (n, h, w) -> (4n, h, w)"""
    moves = ((0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
    return np.concatenate([shift(pixels, move, order=0) for move in moves])


def add_shifts(recipe: Recipe) -> None:
    """Train also on copies of the images that are shifted by one pixel."""
    recipe.augmenters.append(shifted_copies)


def elastic_copies(pixels: np.ndarray, seed: int, copies: int = 3) -> np.ndarray:
    """Every image under smooth random displacements of 5% of its width. (n, h, w) -> (copies * n, h, w)"""
    rng = np.random.default_rng([seed, 2])
    images = np.concatenate([pixels] * copies)
    _, height, width = images.shape
    fields = gaussian_filter(
        rng.uniform(-1, 1, size=(len(images), 2, height, width)), sigma=(0, 0, width / 7, width / 7)
    )
    fields *= 0.05 * width / np.sqrt(np.mean(fields**2, axis=(1, 2, 3), keepdims=True))
    grid = np.mgrid[:height, :width]
    return np.stack([map_coordinates(image, grid + move, order=1) for image, move in zip(images, fields, strict=True)])


def add_elastic(recipe: Recipe) -> None:
    """Train also on elastically distorted copies of the images."""
    recipe.augmenters.append(lambda pixels: elastic_copies(pixels, recipe.seed))


def gradient_histograms(pixels: np.ndarray, orientations: int = 9) -> np.ndarray:
    """Histograms of unsigned gradient directions in square cells, normalised in blocks of two by two cells.

    (n, height, width) -> (n, features). Cells are a seventh of the width, but at least two pixels.
    """
    count, height, width = pixels.shape
    cell = max(2, width // 7)
    rows, columns = height // cell, width // cell
    pixels = pixels[:, : rows * cell, : columns * cell]
    down, right = np.gradient(pixels, axis=(1, 2))
    magnitude = np.hypot(down, right)
    # A gradient votes for the two bins that its direction lies between.
    position = np.mod(np.arctan2(down, right), np.pi) / np.pi * orientations
    lower = position.astype(int)
    share = position - lower
    row, column = np.mgrid[: rows * cell, : columns * cell] // cell
    place = (np.arange(count)[:, None, None] * rows + row) * columns + column
    histograms = np.zeros(count * rows * columns * orientations)
    for bins, votes in ((lower, magnitude * (1 - share)), (lower + 1, magnitude * share)):
        index = place * orientations + bins % orientations
        histograms += np.bincount(index.ravel(), votes.ravel(), minlength=len(histograms))
    histograms = histograms.reshape(count, rows, columns, orientations).astype(np.float32)
    corners = [histograms[:, i : rows - 1 + i, j : columns - 1 + j] for i in (0, 1) for j in (0, 1)]
    blocks = np.concatenate(corners, axis=-1)
    blocks /= np.sqrt(np.sum(blocks**2, axis=-1, keepdims=True) + 0.01)
    return np.minimum(blocks, 0.2).reshape(count, -1)


def add_hog(recipe: Recipe) -> None:
    """Describe images by histograms of gradient directions."""
    recipe.features.append(lambda train: gradient_histograms)


def windows(pixels: np.ndarray, side: int) -> np.ndarray:
    """Patches at every place, or every other in larger images, with zero mean and about unit length.

    (n, h, w) -> (n, rows, columns, side * side)
    """
    step = 2 if pixels.shape[2] > 16 else 1
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (side, side), axis=(1, 2))[:, ::step, ::step]
    patches = patches.reshape(*patches.shape[:3], side * side)
    patches = patches - patches.mean(axis=-1, keepdims=True)
    # The constant keeps flat patches near zero instead of blowing up their noise.
    return patches / np.sqrt(np.sum(patches**2, axis=-1, keepdims=True) + 0.1)


@dataclass
class PatchMatcher:
    """Describes images by how well each quarter matches a number of filters."""

    filters: np.ndarray
    """Patches of zero mean and unit length, (filters, side * side)."""
    side: int
    """Height and width of a patch, in pixels."""

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(n, height, width) -> (n, 4 * filters)"""
        responses = np.maximum(windows(pixels, self.side) @ self.filters.T - 0.25, 0)
        rows, columns = responses.shape[1] // 2, responses.shape[2] // 2
        halves = (responses[:, :rows], responses[:, rows:])
        quarters = [part for half in halves for part in (half[:, :, :columns], half[:, :, columns:])]
        return np.concatenate([quarter.mean(axis=(1, 2)) for quarter in quarters], axis=1)


def draw_patches(train: np.ndarray, seed: int, count: int = 64) -> PatchMatcher:
    """Take filters from random places of the training images, flat places excepted."""
    side = max(3, train.shape[2] // 5)
    candidates = windows(train, side).reshape(-1, side * side)
    lively = candidates[np.linalg.norm(candidates, axis=1) > 0.5]
    return PatchMatcher(lively[np.random.default_rng([seed, 3]).choice(len(lively), count, replace=False)], side)


def add_patches(recipe: Recipe) -> None:
    """Describe images by their similarity to random patches of the training images."""
    recipe.features.append(lambda train: draw_patches(train, recipe.seed))


def add_pca(recipe: Recipe) -> None:
    """Reduce the description to its 40 leading principal components, scaled to equal variance."""
    recipe.components = 40


def deskew(pixels: np.ndarray) -> np.ndarray:
    """Shear every image so that its ink stands upright, judged by second moments."""
    _, height, width = pixels.shape
    rows, columns = np.mgrid[:height, :width].astype(float)
    result = []
    for image in pixels:
        mass = image.sum() + 1e-6
        row, column = (image * rows).sum() / mass, (image * columns).sum() / mass
        slant = (image * (rows - row) * (columns - column)).sum() / ((image * (rows - row) ** 2).sum() + 1e-6)
        result.append(map_coordinates(image, [rows, columns + slant * (rows - row)], order=1))
    return np.stack(result)


def add_deskewing(recipe: Recipe) -> None:
    """Set the ink of every image upright."""
    recipe.cleaners.append(deskew)


def add_median(recipe: Recipe) -> None:
    """Smooth every image by a median over three by three pixels."""
    recipe.cleaners.append(lambda pixels: median_filter(pixels, size=(1, 3, 3)))


COMPONENTS = {
    "shifts": add_shifts,
    "hog": add_hog,
    "elastic": add_elastic,
    "pca": add_pca,
    "patches": add_patches,
    "deskewing": add_deskewing,
    "median": add_median,
}


class KernelMachine:
    """A support vector machine with a Gaussian kernel of width one and cost 10."""

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> "KernelMachine":
        """Learn from rows (n, features) whose total variance is one."""
        # Computing the kernel in numpy is several times faster than inside the library, with equal results.
        self.vectors = rows
        self.machine = SVC(C=10, kernel="precomputed").fit(rbf_kernel(rows, rows, gamma=1.0), labels)
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The class of every row."""
        return self.machine.predict(rbf_kernel(rows, self.vectors, gamma=1.0))


def build_baseline(seed: int) -> KernelMachine:
    """The kernel machine."""
    return KernelMachine()


def build_majority(seed: int) -> BaseEstimator:
    """Always the most frequent class of the training images; the first of equals."""
    return DummyClassifier(strategy="most_frequent")


def build_neighbours(seed: int) -> BaseEstimator:
    """The label of the nearest training image."""
    return KNeighborsClassifier(n_neighbors=1)


def build_perceptron(seed: int) -> BaseEstimator:
    """A neural network with one hidden layer of 100 units."""
    return MLPClassifier(hidden_layer_sizes=(100,), max_iter=500, tol=1e-3, learning_rate_init=3e-3, random_state=seed)


def build_forest(seed: int) -> BaseEstimator:
    """A forest of 100 trees."""
    return RandomForestClassifier(n_estimators=100, random_state=seed)


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "perceptron": build_perceptron,
    "neighbours": build_neighbours,
    "forest": build_forest,
}


@dataclass
class Description:
    """Turns images into rows of features; a row's total variance over the training images is one."""

    describers: list[Callable]
    scales: list[float] = field(default_factory=list)
    projection: PCA | None = None
    scale: float = 1.0

    def blocks(self, pixels: np.ndarray) -> np.ndarray:
        """The features of all describers side by side, each of them brought to the same spread."""
        rows = [describer(pixels) / scale for describer, scale in zip(self.describers, self.scales, strict=True)]
        return np.concatenate(rows, axis=1)

    def rows(self, pixels: np.ndarray) -> np.ndarray:
        """Images (n, height, width) as rows (n, features)."""
        blocks = self.blocks(pixels)
        return (blocks if self.projection is None else self.projection.transform(blocks)) / self.scale


@dataclass
class Model:
    """Everything fitted."""

    cleaners: list[Callable]
    description: Description
    classifier: BaseEstimator | KernelMachine


def flatten(pixels: np.ndarray) -> np.ndarray:
    """Images as rows. (n, h, w) -> (n, h * w)"""
    return pixels.reshape(len(pixels), -1)


def clean(cleaners: list[Callable], pixels: np.ndarray) -> np.ndarray:
    """Images after all cleaning steps."""
    for step in cleaners:
        pixels = step(pixels)
    return pixels


def spread(rows: np.ndarray) -> float:
    """Square root of the total variance. With rows divided by it, one kernel width suits every description."""
    return float(np.sqrt(rows.var(axis=0).sum()))


def fit_description(recipe: Recipe, originals: np.ndarray, pixels: np.ndarray) -> Description:
    """Fit features and projection; patches come from the originals, spreads from all training images."""
    description = Description([feature(originals) for feature in recipe.features] or [flatten])
    description.scales = [spread(describer(pixels)) for describer in description.describers]
    rows = description.blocks(pixels)
    if recipe.components:
        size = min(recipe.components, rows.shape[1], len(originals) - 1)
        description.projection = PCA(size, whiten=True, svd_solver="full").fit(rows)
        description.scale = spread(description.projection.transform(rows))
    return description


def fit(base: str, components: list[str], train, seed: int) -> Model:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    originals = clean(recipe.cleaners, train.pixels)
    pixels = np.concatenate([originals, *[augmenter(originals) for augmenter in recipe.augmenters]])
    labels = np.tile(train.labels, len(pixels) // len(originals))
    description = fit_description(recipe, originals, pixels)
    return Model(recipe.cleaners, description, BASES[base](seed).fit(description.rows(pixels), labels))


def predict(model: Model, inputs: np.ndarray) -> np.ndarray:
    """The class of every image."""
    return model.classifier.predict(model.description.rows(clean(model.cleaners, inputs)))


def count_inputs(inputs: np.ndarray) -> int:
    """Images to label."""
    return len(inputs)


def count_parameters(model: Model) -> int:
    """Stored numbers: filters, projection, support vectors, network weights, tree nodes or neighbours."""
    total = sum(getattr(describer, "filters", np.empty(0)).size for describer in model.description.describers)
    if model.description.projection is not None:
        total += model.description.projection.components_.size + model.description.projection.mean_.size
    classifier = model.classifier
    if isinstance(classifier, KernelMachine):
        machine = classifier.machine
        total += len(machine.support_) * classifier.vectors.shape[1] + machine.dual_coef_.size + machine.intercept_.size
    for array in [*getattr(classifier, "coefs_", []), *getattr(classifier, "intercepts_", [])]:
        total += array.size
    total += sum(tree.tree_.node_count for tree in getattr(classifier, "estimators_", []))
    return total + getattr(classifier, "_fit_X", np.empty(0)).size
