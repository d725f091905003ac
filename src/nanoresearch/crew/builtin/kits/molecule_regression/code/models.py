"""Counts of patterns in molecules with ridge regression, components that refine the counts or the model, and others.

Every method predicts a mean and a standard deviation.
"""

from collections import Counter
from dataclasses import dataclass

import networkx as nx
import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor


@dataclass
class Recipe:
    """Labels, radius and model, changed by components."""

    seed: int
    radii: tuple[int, ...] = (0,)
    hydrogens: bool = False
    aromaticity: bool = False
    bonds: bool = False
    process: bool = False


def add_radius_one(recipe: Recipe) -> None:
    """Count also every atom together with its neighbours."""
    recipe.radii = (*recipe.radii, 1)


def add_radius_two(recipe: Recipe) -> None:
    """Count also every atom together with what lies within two bonds."""
    recipe.radii = (*recipe.radii, 2)


def add_hydrogen_labels(recipe: Recipe) -> None:
    """Tell atoms with different numbers of hydrogens apart."""
    recipe.hydrogens = True


def add_aromaticity_labels(recipe: Recipe) -> None:
    """Tell aromatic atoms apart."""
    recipe.aromaticity = True


def add_bond_labels(recipe: Recipe) -> None:
    """Count bonds by order, and tell patterns with different bonds apart."""
    recipe.bonds = True


def add_gaussian_process(recipe: Recipe) -> None:
    """Replace ridge regression by a Gaussian process on the same counts."""
    recipe.process = True


COMPONENTS = {
    "radius_one": add_radius_one,
    "gaussian_process": add_gaussian_process,
    "radius_two": add_radius_two,
    "bond_labels": add_bond_labels,
    "aromaticity_labels": add_aromaticity_labels,
    "hydrogen_labels": add_hydrogen_labels,
}


def atom_label(atom: dict, recipe: Recipe) -> str:
    """Element and charge, and what else the recipe tells apart."""
    label = f"{atom['element']}{atom.get('charge', 0):+d}"
    if recipe.hydrogens:
        label += f"H{atom.get('hcount', 0)}"
    if recipe.aromaticity and atom.get("aromatic"):
        label += "a"
    return label


def count_patterns(graph: nx.Graph, recipe: Recipe) -> Counter:
    """How often each pattern occurs: labels of atoms, refined by their neighbours' labels once for each radius."""
    labels = {node: atom_label(atom, recipe) for node, atom in graph.nodes(data=True)}
    counts: Counter = Counter()
    if recipe.bonds:
        counts.update(f"bond {order}" for _, _, order in graph.edges(data="order"))
    for radius in range(max(recipe.radii) + 1):
        if radius in recipe.radii:
            counts.update(f"{radius} {label}" for label in labels.values())
        labels = {node: refine(graph, node, labels, recipe) for node in graph}
    return counts


def refine(graph: nx.Graph, node: int, labels: dict[int, str], recipe: Recipe) -> str:
    """An atom's label with those of its neighbours, in alphabetical order, and the bonds to them if wanted."""
    around = sorted(
        (f"{bond['order']}" if recipe.bonds else "") + labels[other] for other, bond in graph.adj[node].items()
    )
    return f"({labels[node]}:{','.join(around)})"


class Counts:
    """Turns molecules into rows of counts; patterns that the training part lacks are left out."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def fit(self, graphs: list[nx.Graph]) -> np.ndarray:
        """Learn the patterns and their mean counts; rows of the training part, and the spread of all columns."""
        counts = [count_patterns(graph, self.recipe) for graph in graphs]
        self.columns = {name: index for index, name in enumerate(sorted(set().union(*counts)))}
        table = self.tabulate(counts)
        self.mean = table.mean(axis=0)
        # One scale for all columns: common patterns keep their greater weight.
        self.scale = np.sqrt(table.var(axis=0).mean())
        return (table - self.mean) / self.scale

    def transform(self, graphs: list[nx.Graph]) -> np.ndarray:
        """Rows (molecules, patterns)."""
        return (self.tabulate([count_patterns(graph, self.recipe) for graph in graphs]) - self.mean) / self.scale

    def tabulate(self, counts: list[Counter]) -> np.ndarray:
        """Counts of the known patterns."""
        table = np.zeros((len(counts), len(self.columns)))
        for row, counted in enumerate(counts):
            for name, number in counted.items():
                if name in self.columns:
                    table[row, self.columns[name]] = number
        return table


class Ridge:
    """Ridge regression; the penalty, and one standard deviation for all, come from the leave-one-out error."""

    def fit(self, rows: np.ndarray, values: np.ndarray) -> "Ridge":
        """Fit with the best of 13 penalties."""
        self.model = RidgeCV(alphas=np.logspace(-3, 3, 13), store_cv_results=True).fit(rows, values)
        losses = self.model.cv_results_.mean(axis=0)
        self.deviation = float(np.sqrt(losses.min()))
        return self

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations."""
        return self.model.predict(rows), np.full(len(rows), self.deviation)

    def count_parameters(self) -> int:
        """Coefficients and the intercept."""
        return self.model.coef_.size + 1


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances (rows, others)."""
    return np.maximum((rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T, 0)


class Process:
    """A Gaussian process with a squared exponential kernel and noise.

    Length scale and share of noise are those with the greatest marginal likelihood on a grid, for which the best
    variance is known in closed form: one eigendecomposition for each length scale serves all shares of noise.
    """

    def fit(self, rows: np.ndarray, values: np.ndarray) -> "Process":
        """Try eight length scales around the median distance and ten shares of noise."""
        self.rows, self.mean = rows, values.mean()
        distances = squared_distances(rows, rows)
        middle = np.sqrt(np.median(distances[distances > 0]))
        best = -np.inf
        for length in middle * 2.0 ** np.arange(-2, 6):
            sizes, vectors = np.linalg.eigh(np.exp(-distances / (2 * length**2)))
            parts = vectors.T @ (values - self.mean)
            for noise in 10.0 ** np.linspace(-5, 1, 10):
                spread = np.maximum(sizes, 0) + noise
                variance = (parts**2 / spread).mean()
                likelihood = -0.5 * (len(values) * np.log(variance) + np.log(spread).sum())
                if likelihood > best:
                    best = likelihood
                    self.kept = (length, noise, variance, vectors, spread, parts)
        return self

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations, the noise included."""
        length, noise, variance, vectors, spread, parts = self.kept
        cross = np.exp(-squared_distances(rows, self.rows) / (2 * length**2)) @ vectors
        means = self.mean + cross @ (parts / spread)
        return means, np.sqrt(variance * np.maximum(1 + noise - (cross**2 / spread).sum(axis=1), noise))

    def count_parameters(self) -> int:
        """One weight for every training molecule, and the three numbers of the kernel."""
        return len(self.rows) + 3


class Forest:
    """A forest of 200 trees; the deviation is that of its errors on molecules that a tree has not seen."""

    def __init__(self, seed: int) -> None:
        self.model = RandomForestRegressor(n_estimators=200, max_features=0.3, oob_score=True, random_state=seed)

    def fit(self, rows: np.ndarray, values: np.ndarray) -> "Forest":
        """Grow the trees."""
        self.model.fit(rows, values)
        self.deviation = float(np.sqrt(((self.model.oob_prediction_ - values) ** 2).mean()))
        return self

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations."""
        return self.model.predict(rows), np.full(len(rows), self.deviation)

    def count_parameters(self) -> int:
        """Nodes of all trees."""
        return sum(tree.tree_.node_count for tree in self.model.estimators_)


class Network:
    """A perceptron with 64 hidden units, trained for 150 passes; a fifth is left out first to find the deviation."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def train(self, rows: np.ndarray, values: np.ndarray) -> MLPRegressor:
        """150 passes from the same start."""
        model = MLPRegressor(hidden_layer_sizes=(64,), alpha=0.1, learning_rate_init=0.003, random_state=self.seed)
        for _ in range(150):
            model.partial_fit(rows, values)
        return model

    def fit(self, rows: np.ndarray, values: np.ndarray) -> "Network":
        """Train without a fifth to find the deviation, then on everything."""
        self.mean = values.mean()
        order = np.random.default_rng(self.seed).permutation(len(rows))
        held, kept = order[: len(rows) // 5], order[len(rows) // 5 :]
        first = self.train(rows[kept], values[kept] - self.mean)
        self.deviation = float(np.sqrt(((first.predict(rows[held]) - values[held] + self.mean) ** 2).mean()))
        self.model = self.train(rows, values - self.mean)
        return self

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations."""
        return self.model.predict(rows) + self.mean, np.full(len(rows), self.deviation)

    def count_parameters(self) -> int:
        """Weights and biases."""
        return sum(part.size for part in [*self.model.coefs_, *self.model.intercepts_])


class Regression:
    """A model on counts of patterns."""

    def __init__(self, recipe: Recipe, model) -> None:
        self.counts, self.model = Counts(recipe), model

    def fit(self, train) -> "Regression":
        """Count and fit."""
        self.model.fit(self.counts.fit(train.graphs), train.values)
        return self

    def predict(self, inputs) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations, in kcal/mol."""
        return self.model.predict(self.counts.transform(inputs.graphs))

    def count_parameters(self) -> int:
        """Fitted numbers."""
        return self.model.count_parameters()


class Mean:
    """The mean and the standard deviation of the training part for every molecule."""

    def fit(self, train) -> "Mean":
        """Two numbers."""
        self.mean, self.deviation = train.values.mean(), train.values.std()
        return self

    def predict(self, inputs) -> tuple[np.ndarray, np.ndarray]:
        """The same for every molecule."""
        return np.full(len(inputs.graphs), self.mean), np.full(len(inputs.graphs), self.deviation)

    def count_parameters(self) -> int:
        """Mean and deviation."""
        return 2


def build_baseline(recipe: Recipe) -> Regression:
    """Counts with ridge regression, or with a Gaussian process if the recipe says so."""
    return Regression(recipe, Process() if recipe.process else Ridge())


def build_mean(recipe: Recipe) -> Mean:
    """The mean of the training part."""
    return Mean()


def build_random_forest(recipe: Recipe) -> Regression:
    """A forest on all labels up to radius one."""
    return Regression(Recipe(recipe.seed, (0, 1), True, True, True), Forest(recipe.seed))


def build_network(recipe: Recipe) -> Regression:
    """A perceptron on all labels up to radius one."""
    return Regression(Recipe(recipe.seed, (0, 1), True, True, True), Network(recipe.seed))


BASES = {
    "baseline": build_baseline,
    "mean": build_mean,
    "random_forest": build_random_forest,
    "mlp": build_network,
}


def fit(base: str, components: list[str], train, seed: int):
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe).fit(train)


def predict(model, inputs) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations, in kcal/mol."""
    return model.predict(inputs)


def count_inputs(inputs) -> int:
    """Molecules to predict."""
    return len(inputs.graphs)


def count_parameters(model) -> int:
    """Fitted numbers."""
    return model.count_parameters()
