"""Random convolution kernels with a ridge classifier, the choices that can be added to them, and other classifiers.

Plain numpy: kernels of equal length, dilation and padding are applied together by one matrix product.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# Kernels convolved at once: large enough for fast products, small enough for the cache.
BLOCK = 16


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    dilation: bool = False
    padding: bool = False
    bias: bool = False
    proportions: bool = False
    positive_means: bool = False
    differences: bool = False


def add_dilation(recipe: Recipe) -> None:
    """Spread the weights of every kernel by a random gap."""
    recipe.dilation = True


def add_proportion(recipe: Recipe) -> None:
    """Pool also by the proportion of positive responses."""
    recipe.proportions = True


def add_bias(recipe: Recipe) -> None:
    """Add a random constant to the responses of every kernel."""
    recipe.bias = True


def add_padding(recipe: Recipe) -> None:
    """Extend the series by zeros at both ends for a random half of the kernels."""
    recipe.padding = True


def add_differences(recipe: Recipe) -> None:
    """Let every other kernel read the first differences of the series."""
    recipe.differences = True


def add_positive_mean(recipe: Recipe) -> None:
    """Pool also by the mean of the positive responses."""
    recipe.positive_means = True


COMPONENTS = {
    "dilation": add_dilation,
    "proportion_positive": add_proportion,
    "bias": add_bias,
    "padding": add_padding,
    "differences": add_differences,
    "positive_mean": add_positive_mean,
}


@dataclass
class Kernel:
    """Weights read from one channel, every `gap` steps, after `pad` zeros at both ends."""

    weights: np.ndarray
    bias: float
    gap: int
    pad: int
    channel: int
    differenced: bool


def draw_kernels(count: int, channels: int, length: int, recipe: Recipe) -> list[Kernel]:
    """Random kernels for series of this shape.

    Every random number is drawn whether or not the recipe uses it: variants then share their weights, and the first
    kernels of a long list are those of a short one.
    """
    rng = np.random.default_rng(recipe.seed)
    kernels = []
    for number in range(count):
        size = int(rng.choice([7, 9, 11]))
        weights = rng.standard_normal(11)[:size]
        bias, exponent, coin = rng.uniform(-1, 1), rng.uniform(), rng.uniform()
        channel = int(rng.integers(channels))
        widest = max(1.0, (length - 2) / (size - 1))
        gap = int(widest**exponent) if recipe.dilation else 1
        pad = (size - 1) * gap // 2 if recipe.padding and coin < 0.5 else 0
        differenced = recipe.differences and number % 2 == 1
        kernels.append(Kernel(weights - weights.mean(), bias * recipe.bias, gap, pad, channel, differenced))
    return kernels


def windows(series: np.ndarray, size: int, gap: int, pad: int) -> np.ndarray:
    """Values under every kernel position: (weights, cases * positions) from (cases, length)."""
    series = np.pad(series, ((0, 0), (pad, pad)))
    positions = series.shape[1] - (size - 1) * gap
    return np.stack([series[:, tap * gap : tap * gap + positions] for tap in range(size)]).reshape(size, -1)


def pool(responses: np.ndarray, recipe: Recipe) -> list[np.ndarray]:
    """Features (kernels, cases) from responses (kernels, cases, positions)."""
    features = [responses.max(axis=2)]
    if recipe.proportions:
        features.append((responses > 0).mean(axis=2, dtype=np.float32))
    if recipe.positive_means:
        positive = responses > 0
        total = np.where(positive, responses, 0).sum(axis=2)
        features.append(total / np.maximum(positive.sum(axis=2), 1))
    return features


def transform(series: np.ndarray, kernels: list[Kernel], recipe: Recipe) -> np.ndarray:
    """Pooled responses (cases, features) of series (cases, channels, length)."""
    groups = defaultdict(list)
    for kernel in kernels:
        shape = (len(kernel.weights), kernel.gap, kernel.pad, kernel.channel, kernel.differenced)
        groups[shape].append(kernel)
    changes = np.diff(series, axis=2)
    features = []
    for (size, gap, pad, channel, differenced), members in groups.items():
        columns = windows((changes if differenced else series)[:, channel], size, gap, pad)
        for start in range(0, len(members), BLOCK):
            block = members[start : start + BLOCK]
            weights = np.array([kernel.weights for kernel in block], dtype=np.float32)
            bias = np.array([[kernel.bias] for kernel in block], dtype=np.float32)
            responses = weights @ columns + bias
            features += pool(responses.reshape(len(block), len(series), -1), recipe)
    return np.concatenate(features).T.astype(float)


class RandomKernels:
    """Ridge classifier on standardised features of random kernels; the penalty is chosen by leave-one-out error."""

    def __init__(self, recipe: Recipe, count: int) -> None:
        self.recipe = recipe
        self.count = count
        self.ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)))

    def fit(self, series: np.ndarray, labels: np.ndarray) -> "RandomKernels":
        """Draw the kernels and fit the ridge classifier."""
        _, channels, length = series.shape
        self.kernels = draw_kernels(self.count, channels, length, self.recipe)
        self.ridge.fit(transform(series, self.kernels, self.recipe), labels)
        return self

    def predict(self, series: np.ndarray) -> np.ndarray:
        """A class for every series."""
        return self.ridge.predict(transform(series, self.kernels, self.recipe))

    def count_parameters(self) -> int:
        """Fitted coefficients and intercepts; the kernels themselves are random, not fitted."""
        return self.ridge[-1].coef_.size + self.ridge[-1].intercept_.size


class NearestNeighbour:
    """The class of the nearest training series by Euclidean distance."""

    def fit(self, series: np.ndarray, labels: np.ndarray) -> "NearestNeighbour":
        """Keep the training series."""
        self.series, self.labels = series, labels
        return self

    def distances(self, series: np.ndarray) -> np.ndarray:
        """Squared distance (cases, training cases)."""
        left, right = series.reshape(len(series), -1), self.series.reshape(len(self.series), -1)
        return (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T

    def predict(self, series: np.ndarray) -> np.ndarray:
        """A class for every series."""
        return self.labels[np.argmin(self.distances(series), axis=1)]

    def count_parameters(self) -> int:
        """Stored values."""
        return self.series.size


class WarpingNeighbour(NearestNeighbour):
    """The class of the nearest training series by dynamic time warping of series shortened to 64 block means."""

    def shorten(self, series: np.ndarray) -> np.ndarray:
        """Means of at most 64 blocks of nearly equal length."""
        blocks = np.array_split(series, min(64, series.shape[2]), axis=2)
        return np.stack([block.mean(axis=2) for block in blocks], axis=2)

    def distances(self, series: np.ndarray) -> np.ndarray:
        """Squared warping distance (cases, training cases) with a band of a tenth of the length."""
        left, right = self.shorten(series)[:, None], self.shorten(self.series)[None]
        length = left.shape[-1]
        band = max(1, length // 10)
        shape = (left.shape[0], right.shape[1])
        barrier = np.full(shape, np.inf, dtype=np.float32)
        above = {-1: np.zeros(shape, dtype=np.float32)}
        for row in range(length):
            line = {}
            for column in range(max(0, row - band), min(length, row + band + 1)):
                cost = ((left[..., row] - right[..., column]) ** 2).sum(axis=-1)
                steps = (above.get(column, barrier), above.get(column - 1, barrier), line.get(column - 1, barrier))
                line[column] = cost + np.minimum(np.minimum(steps[0], steps[1]), steps[2])
            above = line
        return above[length - 1]


class Network:
    """A perceptron with one hidden layer on the raw values, trained for a fixed number of passes."""

    def __init__(self, seed: int) -> None:
        self.model = MLPClassifier(hidden_layer_sizes=(100,), alpha=1e-3, learning_rate_init=1e-3, random_state=seed)

    def fit(self, series: np.ndarray, labels: np.ndarray) -> "Network":
        """200 passes over the training series."""
        flat = series.reshape(len(series), -1)
        for _ in range(200):
            self.model.partial_fit(flat, labels, classes=np.unique(labels))
        return self

    def predict(self, series: np.ndarray) -> np.ndarray:
        """A class for every series."""
        return self.model.predict(series.reshape(len(series), -1))

    def count_parameters(self) -> int:
        """Weights and biases."""
        return sum(part.size for part in [*self.model.coefs_, *self.model.intercepts_])


class Majority:
    """Always the most frequent class."""

    def fit(self, series: np.ndarray, labels: np.ndarray) -> "Majority":
        """Count the classes."""
        self.model = DummyClassifier(strategy="most_frequent").fit(series[:, 0], labels)
        return self

    def predict(self, series: np.ndarray) -> np.ndarray:
        """A class for every series."""
        return self.model.predict(series[:, 0])

    def count_parameters(self) -> int:
        """One class."""
        return 1


def build_baseline(recipe: Recipe, kernels: int) -> RandomKernels:
    """Random kernels with the recipe's choices."""
    return RandomKernels(recipe, kernels)


def build_majority(recipe: Recipe, kernels: int) -> Majority:
    """The most frequent class."""
    return Majority()


def build_nearest_neighbour(recipe: Recipe, kernels: int) -> NearestNeighbour:
    """Nearest neighbour by Euclidean distance."""
    return NearestNeighbour()


def build_warping_neighbour(recipe: Recipe, kernels: int) -> WarpingNeighbour:
    """Nearest neighbour by dynamic time warping."""
    return WarpingNeighbour()


def build_network(recipe: Recipe, kernels: int) -> Network:
    """Multilayer perceptron."""
    return Network(recipe.seed)


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "nearest_neighbour": build_nearest_neighbour,
    "warping_neighbour": build_warping_neighbour,
    "mlp": build_network,
}


def fit(base: str, components: list[str], train, seed: int):
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe, train.kernels).fit(train.series, train.labels)


def predict(model, inputs: np.ndarray) -> np.ndarray:
    """A class for every series."""
    return model.predict(inputs)


def count_inputs(inputs: np.ndarray) -> int:
    """Series to label."""
    return len(inputs)


def count_parameters(model) -> int:
    """Fitted numbers."""
    return model.count_parameters()
