"""The baseline, the steps that bring two sources of images together, and the methods they are compared with."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

SIDE = 8
INK = 0.2


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    box: bool = False
    deskew: bool = False
    unit_norm: bool = False
    center: bool = False
    coral: bool = False
    subspace: int | None = None
    self_training: bool = False


def add_bounding_box(recipe: Recipe) -> None:
    """Stretch the box around the ink to the whole image."""
    recipe.box = True


def add_unit_norm(recipe: Recipe) -> None:
    """Bring every image to the same contrast, a Euclidean norm of one."""
    recipe.unit_norm = True


def add_coral(recipe: Recipe) -> None:
    """Give the source features the mean and the covariance of the target features."""
    recipe.coral = True


def add_centering(recipe: Recipe) -> None:
    """Subtract from each domain its own mean image."""
    recipe.center = True


def add_subspace(recipe: Recipe) -> None:
    """Turn the leading directions of the source towards those of the target."""
    recipe.subspace = 30


def add_self_training(recipe: Recipe) -> None:
    """Learn again with the surest half of the unlabelled target images under their predicted classes."""
    recipe.self_training = True


def add_deskewing(recipe: Recipe) -> None:
    """Set the ink of every image upright."""
    recipe.deskew = True


COMPONENTS = {
    "bounding_box": add_bounding_box,
    "unit_norm": add_unit_norm,
    "coral": add_coral,
    "centering": add_centering,
    "subspace": add_subspace,
    "self_training": add_self_training,
    "deskewing": add_deskewing,
}


def overlaps(low: float, high: float, size: int) -> np.ndarray:
    """Weights (SIDE, size) that average the pixels between two edges into SIDE cells of equal width."""
    edges = np.linspace(low, high, SIDE + 1)
    pixels = np.arange(size)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(shared, 0) * SIDE / (high - low)


def ink_box(image: np.ndarray) -> tuple[int, int, int, int]:
    """First and last edge of the rows and of the columns that have ink; the whole image where none has."""
    rows, columns = np.flatnonzero(image.max(axis=1) > INK), np.flatnonzero(image.max(axis=0) > INK)
    if not len(rows):
        return 0, len(image), 0, len(image)
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def upright(image: np.ndarray) -> np.ndarray:
    """The image sheared so that rows and columns of ink are uncorrelated."""
    height, width = image.shape
    rows, columns = np.mgrid[:height, :width].astype(float)
    mass = image.sum() + 1e-6
    row, column = (image * rows).sum() / mass, (image * columns).sum() / mass
    slant = (image * (rows - row) * (columns - column)).sum() / ((image * (rows - row) ** 2).sum() + 1e-6)
    places = np.arange(width)
    return np.stack([np.interp(places + slant * (r - row), places, line) for r, line in enumerate(image)])


def describe(recipe: Recipe, pixels: np.ndarray) -> np.ndarray:
    """Images of any size as rows of SIDE * SIDE mean grey values."""
    rows = np.empty((len(pixels), SIDE * SIDE))
    size = pixels.shape[1]
    # The larger images have a margin: their middle 24 pixels fall into eight blocks of three.
    margin = 2 if size == 28 else 0
    for row, image in zip(rows, pixels, strict=True):
        image = upright(image) if recipe.deskew else image
        top, bottom, left, right = ink_box(image) if recipe.box else (margin, size - margin, margin, size - margin)
        row[:] = (overlaps(top, bottom, size) @ image @ overlaps(left, right, size).T).ravel()
    if recipe.unit_norm:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6
    return rows


def power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def ridged_covariance(rows: np.ndarray) -> np.ndarray:
    """Covariance with a tenth of the mean variance added to every variance."""
    covariance = np.cov(rows.T)
    return covariance + 0.1 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))


def leading(rows: np.ndarray, count: int) -> np.ndarray:
    """The directions of largest variance, as columns."""
    return np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:count].T


@dataclass
class Alignment:
    """Linear maps of source and target rows into the space of the classifier."""

    source_mean: np.ndarray
    source_map: np.ndarray
    target_mean: np.ndarray
    target_map: np.ndarray


def fit_alignment(recipe: Recipe, source: np.ndarray, target: np.ndarray) -> Alignment:
    """Estimate the maps from the rows of both domains; labels play no part."""
    size = source.shape[1]
    result = Alignment(np.zeros(size), np.eye(size), np.zeros(size), np.eye(size))
    if recipe.center or recipe.coral:
        result.source_mean, result.target_mean = source.mean(axis=0), target.mean(axis=0)
    if recipe.coral:
        result.source_map = power(ridged_covariance(source), -0.5) @ power(ridged_covariance(target), 0.5)
    if recipe.subspace:
        ours, theirs = leading(source @ result.source_map, recipe.subspace), leading(target, recipe.subspace)
        result.source_map = result.source_map @ ours @ ours.T @ theirs
        result.target_map = theirs
    return result


def build_baseline(seed: int) -> BaseEstimator:
    """A support vector machine with a Gaussian kernel."""
    return SVC(C=10, gamma="scale")


def build_majority(seed: int) -> BaseEstimator:
    """Always the most frequent class of the source."""
    return DummyClassifier(strategy="most_frequent")


def build_neighbours(seed: int) -> BaseEstimator:
    """The label of the nearest source image."""
    return KNeighborsClassifier(n_neighbors=1)


def build_perceptron(seed: int) -> BaseEstimator:
    """A neural network with one hidden layer of 100 units."""
    return MLPClassifier(hidden_layer_sizes=(100,), max_iter=500, tol=1e-3, learning_rate_init=3e-3, random_state=seed)


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "perceptron": build_perceptron,
    "neighbours": build_neighbours,
}


@dataclass
class Model:
    """Everything fitted."""

    recipe: Recipe
    alignment: Alignment
    classifier: BaseEstimator


def surest(classifier: BaseEstimator, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The half of the rows with the widest gap between the two best scores, and their predicted classes."""
    scores = np.sort(classifier.decision_function(rows), axis=1)
    order = np.argsort(scores[:, -2] - scores[:, -1], kind="stable")[: len(rows) // 2]
    return rows[order], classifier.predict(rows[order])


def fit(base: str, components: list[str], train, seed: int) -> Model:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    source, target = describe(recipe, train.pixels), describe(recipe, train.unlabelled)
    alignment = fit_alignment(recipe, source, target)
    rows = (source - alignment.source_mean) @ alignment.source_map
    classifier = BASES[base](seed).fit(rows, train.labels)
    if recipe.self_training:
        sure, guessed = surest(classifier, (target - alignment.target_mean) @ alignment.target_map)
        rows, labels = np.concatenate([rows, sure]), np.concatenate([train.labels, guessed])
        classifier = BASES[base](seed).fit(rows, labels)
    return Model(recipe, alignment, classifier)


def predict(model: Model, inputs: np.ndarray) -> np.ndarray:
    """The class of every target image."""
    rows = (describe(model.recipe, inputs) - model.alignment.target_mean) @ model.alignment.target_map
    return model.classifier.predict(rows)


def count_inputs(inputs: np.ndarray) -> int:
    """Images to label."""
    return len(inputs)


def count_parameters(model: Model) -> int:
    """Stored numbers: support vectors with coefficients, network weights, neighbours, and the map of target rows."""
    names = ("support_vectors_", "dual_coef_", "_fit_X")
    total = sum(getattr(model.classifier, name, np.empty(0)).size for name in names)
    for array in [*getattr(model.classifier, "coefs_", []), *getattr(model.classifier, "intercepts_", [])]:
        total += array.size
    return total + model.alignment.target_map.size + model.alignment.target_mean.size
