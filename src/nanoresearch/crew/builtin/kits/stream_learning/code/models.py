"""Learners for streams: the baseline, the components that can be added to it, and the methods it is compared with.

A learner has label(row) and learn(row, truth). The only way to a truth is to hand in a label for its row first.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtr, softmax


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    features: int
    classes: int
    seed: int
    standardise: bool = False
    adaptive_steps: bool = False
    copies: int = 1
    forgetting: float = 1.0
    detectors: list = field(default_factory=list)


class DriftDetectionMethod:
    """Signals drift when the error rate has risen by three standard deviations above its best."""

    def __init__(self):
        self.rows, self.rate, self.best = 0, 0.0, (np.inf, np.inf)

    def update(self, error: float) -> bool:
        """Take one error, 0 or 1, and say whether there is drift."""
        self.rows += 1
        self.rate += (error - self.rate) / self.rows
        deviation = np.sqrt(self.rate * (1 - self.rate) / self.rows)
        if self.rows < 30:
            return False
        if self.rate + deviation < sum(self.best):
            self.best = (self.rate, deviation)
        return self.rate + deviation > self.best[0] + 3 * self.best[1]


class PageHinkley:
    """Signals drift when the errors above their mean, less 0.005 a row, have piled up to ten."""

    def __init__(self):
        self.rows, self.mean, self.total, self.lowest = 0, 0.0, 0.0, 0.0

    def update(self, error: float) -> bool:
        """Take one error, 0 or 1, and say whether there is drift."""
        self.rows += 1
        self.mean += (error - self.mean) / self.rows
        self.total += error - self.mean - 0.005
        self.lowest = min(self.lowest, self.total)
        return self.rows >= 30 and self.total - self.lowest > 10


def add_standardisation(recipe: Recipe) -> None:
    """Scale features by the mean and the deviation of the rows seen so far."""
    recipe.standardise = True


def add_ddm(recipe: Recipe) -> None:
    """Start the learner anew when the drift detection method signals."""
    recipe.detectors.append(DriftDetectionMethod)


def add_page_hinkley(recipe: Recipe) -> None:
    """Start the learner anew when the Page-Hinkley test signals."""
    recipe.detectors.append(PageHinkley)


def add_bagging(recipe: Recipe) -> None:
    """Let ten copies vote that see every row a random number of times."""
    recipe.copies = 10


def add_adaptive_steps(recipe: Recipe) -> None:
    """Give every weight a step that shrinks with its own past gradients."""
    recipe.adaptive_steps = True


def add_forgetting(recipe: Recipe) -> None:
    """Let weights and gradient sums fade by one in two hundred with every row."""
    recipe.forgetting = 0.995


COMPONENTS = {
    "standardisation": add_standardisation,
    "ddm": add_ddm,
    "page_hinkley": add_page_hinkley,
    "bagging": add_bagging,
    "adaptive_steps": add_adaptive_steps,
    "forgetting": add_forgetting,
}


class Scaler:
    """Running mean and variance of every feature."""

    def __init__(self, features: int):
        self.rows, self.mean, self.squares = 0, np.zeros(features), np.zeros(features)

    def update(self, row: np.ndarray) -> None:
        """Take in one row, without its label."""
        self.rows += 1
        step = row - self.mean
        self.mean += step / self.rows
        self.squares += step * (row - self.mean)

    def scale(self, row: np.ndarray) -> np.ndarray:
        """The row with mean zero and variance one by what was seen; a constant feature becomes zero."""
        deviation = np.sqrt(self.squares / self.rows)
        return np.divide(row - self.mean, deviation, out=np.zeros(len(row)), where=deviation > 1e-12)


class SoftmaxRegression:
    """Online multinomial logistic regression by stochastic gradient steps, with the recipe's components."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.rng = np.random.default_rng(recipe.seed)
        self.scaler = Scaler(recipe.features)
        self.last = -1
        self.restart()

    def restart(self) -> None:
        """Forget weights, step sizes and the state of the detectors; keep the scale of the features."""
        shape = (self.recipe.copies, self.recipe.classes, self.recipe.features + 1)
        self.weights = np.zeros(shape)
        self.squares = np.zeros(shape)
        self.detectors = [detector() for detector in self.recipe.detectors]

    def prepare(self, row: np.ndarray) -> np.ndarray:
        """The row as the weights see it, with a one at the end."""
        return np.append(self.scaler.scale(row) if self.recipe.standardise else row, 1.0)

    def label(self, row: np.ndarray) -> int:
        """Class with the highest mean probability over the copies."""
        if self.recipe.standardise:
            self.scaler.update(row)
        self.last = int(np.argmax(softmax(self.weights @ self.prepare(row), axis=1).mean(axis=0)))
        return self.last

    def learn(self, row: np.ndarray, truth: int) -> None:
        """Watch for drift, then make one gradient step."""
        signals = [detector.update(float(self.last != truth)) for detector in self.detectors]
        if any(signals):
            self.restart()
        inputs = self.prepare(row)
        slope = softmax(self.weights @ inputs, axis=1)  # (copies, classes)
        slope[:, truth] -= 1
        if self.recipe.copies > 1:
            slope *= self.rng.poisson(1, size=(self.recipe.copies, 1))
        gradient = slope[:, :, None] * inputs
        self.weights *= self.recipe.forgetting
        if self.recipe.adaptive_steps:
            self.squares = self.recipe.forgetting * self.squares + gradient**2
            self.weights -= 0.5 * gradient / np.sqrt(self.squares + 1e-8)
        else:
            self.weights -= 0.05 * gradient

    def size(self) -> int:
        """Numbers kept between rows."""
        kept = self.weights.size * (1 + self.recipe.adaptive_steps)
        return kept + (2 * self.recipe.features + 1) * self.recipe.standardise + 4 * len(self.detectors)


class Majority:
    """The class that was most frequent so far."""

    def __init__(self, recipe: Recipe):
        self.counts = np.zeros(recipe.classes)

    def label(self, row: np.ndarray) -> int:
        """Most frequent class so far."""
        return int(np.argmax(self.counts))

    def learn(self, row: np.ndarray, truth: int) -> None:
        """Count the class."""
        self.counts[truth] += 1

    def size(self) -> int:
        """Numbers kept between rows."""
        return len(self.counts)


class NaiveBayes:
    """Running mean and variance of every feature in every class, taken for independent normal."""

    def __init__(self, recipe: Recipe):
        self.counts = np.zeros(recipe.classes)
        self.mean = np.zeros((recipe.classes, recipe.features))
        self.squares = np.zeros((recipe.classes, recipe.features))

    def log_odds(self, row: np.ndarray) -> np.ndarray:
        """Log-probabilities of the classes up to a common constant; classes not seen yet are impossible."""
        seen = np.maximum(self.counts, 1)[:, None]
        variance = self.squares / seen + 1e-3 * (1 + self.squares.sum(axis=0) / max(1.0, self.counts.sum()))
        closeness = -0.5 * (np.log(variance) + (row - self.mean) ** 2 / variance).sum(axis=1)
        return np.where(self.counts > 0, np.log(np.maximum(self.counts, 1)) + closeness, -np.inf)

    def label(self, row: np.ndarray) -> int:
        """Most probable class."""
        return int(np.argmax(self.log_odds(row)))

    def learn(self, row: np.ndarray, truth: int) -> None:
        """Update the moments of the true class."""
        self.counts[truth] += 1
        step = row - self.mean[truth]
        self.mean[truth] += step / self.counts[truth]
        self.squares[truth] += step * (row - self.mean[truth])

    def size(self) -> int:
        """Numbers kept between rows."""
        return self.counts.size + self.mean.size + self.squares.size


class HoeffdingTree:
    """A tree that splits a leaf once enough rows have shown which feature to split on; leaves are naive Bayes."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.root = Leaf(recipe)

    def find(self, row: np.ndarray) -> "Leaf":
        """Leaf that the row falls into."""
        node = self.root
        while node.children:
            node = node.children[int(row[node.feature] > node.threshold)]
        return node

    def label(self, row: np.ndarray) -> int:
        """Most probable class in the row's leaf."""
        return self.find(row).bayes.label(row)

    def learn(self, row: np.ndarray, truth: int) -> None:
        """Update the row's leaf, and look for a split every hundred rows."""
        leaf = self.find(row)
        leaf.learn(row, truth)
        if leaf.bayes.counts.sum() % 100 == 0:
            leaf.try_split()

    def size(self) -> int:
        """Numbers kept between rows."""
        return self.root.size()


class Leaf:
    """A node of a Hoeffding tree; it has two children once it has been split."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.bayes = NaiveBayes(recipe)
        self.low = np.full(recipe.features, np.inf)
        self.high = np.full(recipe.features, -np.inf)
        self.children: list[Leaf] = []

    def learn(self, row: np.ndarray, truth: int) -> None:
        """Update moments and ranges."""
        self.bayes.learn(row, truth)
        self.low, self.high = np.minimum(self.low, row), np.maximum(self.high, row)

    def try_split(self) -> None:
        """Split when the best gain leads by the Hoeffding bound, or the bound is so small that it is a tie."""
        gains, thresholds = self.gains()
        best, second = np.sort(gains)[::-1][:2] if len(gains) > 1 else (gains[0], 0.0)
        counts = self.bayes.counts
        bound = np.sqrt(np.log2(self.recipe.classes) ** 2 * np.log(1e7) / (2 * counts.sum()))
        if best > 1e-6 and (best - max(second, 0.0) > bound or bound < 0.05):
            self.feature = int(np.argmax(gains))
            self.threshold = thresholds[self.feature]
            self.children = [Leaf(self.recipe), Leaf(self.recipe)]

    def gains(self) -> tuple[np.ndarray, np.ndarray]:
        """Best information gain of every feature among ten thresholds, and the thresholds, from normal moments."""
        counts = self.bayes.counts
        parts = np.linspace(0, 1, 12)[1:-1, None]
        cuts = self.low + parts * (self.high - self.low)  # (cuts, features)
        deviation = np.sqrt(self.bayes.squares / np.maximum(counts, 1)[:, None]) + 1e-9
        below = ndtr((cuts[:, None, :] - self.bayes.mean) / deviation)  # (cuts, classes, features)
        left = below * counts[:, None]
        right = (1 - below) * counts[:, None]
        share = left.sum(axis=1) / counts.sum()
        gain = entropy(counts[:, None])[0] - share * entropy(left) - (1 - share) * entropy(right)
        gain = np.where(self.high > self.low, gain, -1.0)
        return gain.max(axis=0), cuts[gain.argmax(axis=0), np.arange(cuts.shape[1])]

    def size(self) -> int:
        """Numbers kept in this node and below."""
        if self.children:
            return 2 + sum(child.size() for child in self.children)
        return self.bayes.size() + 2 * len(self.low)


def entropy(counts: np.ndarray) -> np.ndarray:
    """Entropy in bits of class counts, classes on the last axis but one."""
    share = counts / np.maximum(counts.sum(axis=-2, keepdims=True), 1e-12)
    return -(share * np.log2(np.maximum(share, 1e-12))).sum(axis=-2)


class Network:
    """A network with one hidden layer of 20 units, trained by one gradient step for each row."""

    def __init__(self, recipe: Recipe):
        rng = np.random.default_rng(recipe.seed)
        self.scaler = Scaler(recipe.features)
        self.inner = rng.normal(0, 1 / np.sqrt(recipe.features + 1), size=(20, recipe.features + 1))
        self.outer = np.zeros((recipe.classes, 21))

    def forward(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scaled inputs, hidden values and class probabilities."""
        inputs = np.append(self.scaler.scale(row), 1.0)
        hidden = np.append(np.tanh(self.inner @ inputs), 1.0)
        return inputs, hidden, softmax(self.outer @ hidden)

    def label(self, row: np.ndarray) -> int:
        """Most probable class."""
        self.scaler.update(row)
        return int(np.argmax(self.forward(row)[2]))

    def learn(self, row: np.ndarray, truth: int) -> None:
        """One step down the gradient of the log loss."""
        inputs, hidden, slope = self.forward(row)
        slope[truth] -= 1
        back = (slope @ self.outer)[:-1] * (1 - hidden[:-1] ** 2)
        self.outer -= 0.05 * np.outer(slope, hidden)
        self.inner -= 0.05 * np.outer(back, inputs)

    def size(self) -> int:
        """Numbers kept between rows."""
        return self.inner.size + self.outer.size + 2 * len(self.scaler.mean) + 1


BASES = {
    "baseline": SoftmaxRegression,
    "majority": Majority,
    "hoeffding_tree": HoeffdingTree,
    "naive_bayes": NaiveBayes,
    "network": Network,
}


def fit(base: str, components: list[str], train, seed: int):
    """The learner as it is before the first row; it learns nothing here, since the stream holds all labels."""
    recipe = Recipe(train.features, train.classes, seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe)


def predict(model, inputs) -> np.ndarray:
    """One pass over the stream: label a row, hand the label in, then learn from the true one."""
    stream = inputs.play()
    for row in stream.rows():
        truth = stream.answer(model.label(row))
        model.learn(row, truth)
    return stream.answers()


def count_inputs(inputs) -> int:
    """Rows of the stream."""
    return len(inputs)


def count_parameters(model) -> int:
    """Numbers that the learner keeps between rows, at the end of the stream."""
    return model.size()
