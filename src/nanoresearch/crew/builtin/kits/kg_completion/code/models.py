"""A bilinear model of knowledge graphs, components that change its form, and other models. All in numpy.

The score of a triple is Re(h' W t*) for vectors h and t of its entities and a matrix W of its relation; heads are asked
for with the conjugate transpose of W. Diagonal and real W is the baseline.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.neural_network import MLPClassifier

# Real numbers for every entity, and passes over the training triples at most.
RANK = 32
PASSES = 60
# Standard deviation of the first numbers.
START = 0.5
# Passes between two looks at the validation triples.
LOOK = 10


@dataclass
class Recipe:
    """Settings of the bilinear model, changed by components."""

    seed: int
    complex_form: bool = False
    full_matrix: bool = False
    own_inverses: bool = False
    frequency: bool = False
    cubed_penalty: float = 0.0


def add_complex_form(recipe: Recipe) -> None:
    """Use complex numbers, half as many, so that a relation need not be symmetric."""
    recipe.complex_form = True


def add_inverse_relations(recipe: Recipe) -> None:
    """Learn separate numbers for every relation read backwards."""
    recipe.own_inverses = True


def add_full_matrix(recipe: Recipe) -> None:
    """Use a full matrix for every relation instead of a diagonal."""
    recipe.full_matrix = True


def add_frequency_prior(recipe: Recipe) -> None:
    """Add the weighted logarithm of how often an entity fills the place in the relation."""
    recipe.frequency = True


def add_cubed_penalty(recipe: Recipe) -> None:
    """Penalise the cubed sizes of all numbers that enter a score."""
    recipe.cubed_penalty = 0.03


COMPONENTS = {
    "complex_form": add_complex_form,
    "inverse_relations": add_inverse_relations,
    "full_matrix": add_full_matrix,
    "frequency_prior": add_frequency_prior,
    "cubed_penalty": add_cubed_penalty,
}


@dataclass
class Batch:
    """Different queries with the counts of their answers (queries, entities), sorted by relation and direction."""

    entity: np.ndarray
    slot: np.ndarray
    counts: np.ndarray


def gather(triples: np.ndarray, entities: int, relations: int) -> Batch:
    """Both queries of every triple, equal ones joined. The slot is the relation, or the relation read backwards."""
    head, relation, tail = triples.T
    keys = np.concatenate([relation * entities + head, (relation + relations) * entities + tail])
    unique, row = np.unique(keys, return_inverse=True)
    counts = np.zeros((len(unique), entities), dtype=np.float32)
    np.add.at(counts, (row, np.concatenate([tail, head])), 1)
    return Batch(unique % entities, unique // entities, counts)


def slot_frequencies(triples: np.ndarray, entities: int, relations: int) -> np.ndarray:
    """How often each entity is the answer in each slot: (2 * relations, entities)."""
    counts = np.zeros((2 * relations, entities), dtype=np.float32)
    np.add.at(counts, (triples[:, 1], triples[:, 2]), 1)
    np.add.at(counts, (triples[:, 1] + relations, triples[:, 0]), 1)
    return counts


def slot_spans(slots: np.ndarray) -> list[tuple[int, slice]]:
    """Rows of every slot that occurs in sorted slots."""
    found, starts = np.unique(slots, return_index=True)
    ends = [*starts[1:], len(slots)]
    return [(int(slot), slice(start, end)) for slot, start, end in zip(found, starts, ends, strict=True)]


class Validation:
    """Queries from the validation triples, to choose among passes and settings by their filtered rank."""

    def __init__(self, train) -> None:
        self.batch = gather(train.valid, train.entities, train.relations)
        known = np.zeros((2 * train.relations, train.entities, train.entities), dtype=bool)
        for head, relation, tail in np.concatenate([train.triples, train.valid]):
            known[relation, head, tail] = known[relation + train.relations, tail, head] = True
        self.known = known[self.batch.slot, self.batch.entity]

    def reciprocal_rank(self, scores: np.ndarray) -> float:
        """Filtered mean reciprocal rank of the answers, for scores (queries, entities); ties share their mean rank."""
        wrong = np.where(self.known, -np.inf, scores)
        row, answer = np.nonzero(self.batch.counts)
        right = scores[row, answer][:, None]
        better, tied = (wrong[row] > right).sum(axis=1), (wrong[row] == right).sum(axis=1)
        return float((1 / (1 + better + tied / 2)).mean())


class Adam:
    """Adam steps for arrays, real or complex."""

    def __init__(self, arrays: list[np.ndarray], rate: float) -> None:
        self.arrays, self.rate, self.step = arrays, rate, 0
        self.mean = [np.zeros_like(array) for array in arrays]
        self.square = [np.zeros(array.shape, dtype=np.float32) for array in arrays]

    def update(self, gradients: list[np.ndarray]) -> None:
        """One step against the gradients, in place."""
        self.step += 1
        for array, gradient, mean, square in zip(self.arrays, gradients, self.mean, self.square, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.01 * (np.abs(gradient) ** 2 - square)
            size = np.sqrt(square / (1 - 0.99**self.step)) + 1e-8
            array -= self.rate * (mean / (1 - 0.9**self.step)) / size


class Bilinear:
    """Entity vectors and relation matrices trained by the softmax over all entities."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def fit(self, train) -> "Bilinear":
        """Train with Adam and keep the pass that is best on the validation triples."""
        self.start(train)
        batch = gather(train.triples, train.entities, train.relations)
        held = Validation(train)
        optimiser = Adam(self.arrays, rate=0.1)
        best = -np.inf
        kept = [array.copy() for array in self.arrays]
        for number in range(1, PASSES + 1):
            optimiser.update(self.gradients(batch))
            if number % LOOK == 0:
                score = held.reciprocal_rank(self.score(held.batch.entity, held.batch.slot))
                if score > best:
                    best, kept = score, [array.copy() for array in self.arrays]
        for array, value in zip(self.arrays, kept, strict=True):
            array[...] = value
        return self

    def start(self, train) -> None:
        """Small random numbers for entities and relations, and weight zero for the frequencies."""
        rng = np.random.default_rng(self.recipe.seed)
        self.relations = train.relations
        width = RANK // 2 if self.recipe.complex_form else RANK
        slots = train.relations * (2 if self.recipe.own_inverses else 1)
        shape = (slots, width, width) if self.recipe.full_matrix else (slots, width)
        self.vectors = self.draw(rng, (train.entities, width), START)
        self.matrices = self.draw(rng, shape, START / np.sqrt(width) if self.recipe.full_matrix else START)
        self.weight = np.zeros(1, dtype=np.float32)
        self.prior = np.log1p(slot_frequencies(train.triples, train.entities, train.relations))
        self.arrays = [self.vectors, self.matrices, self.weight]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], size: float) -> np.ndarray:
        """Normal numbers, complex ones if the recipe says so."""
        real = size * rng.standard_normal(shape)
        if not self.recipe.complex_form:
            return real.astype(np.float32)
        return (real + size * 1j * rng.standard_normal(shape)).astype(np.complex64) / np.float32(np.sqrt(2))

    def matrix(self, slot: int) -> np.ndarray:
        """Matrix or diagonal that turns the known entity's vector into a query."""
        if self.recipe.own_inverses or slot < self.relations:
            return self.matrices[slot]
        return self.matrices[slot - self.relations].conj().T

    def query(self, entity: np.ndarray, slot: np.ndarray) -> np.ndarray:
        """Query vectors (queries, width) for sorted slots."""
        known = self.vectors[entity]
        result = np.empty_like(known)
        for number, rows in slot_spans(slot):
            matrix = self.matrix(number)
            result[rows] = known[rows] @ matrix if self.recipe.full_matrix else known[rows] * matrix
        return result

    def score(self, entity: np.ndarray, slot: np.ndarray) -> np.ndarray:
        """Scores of all entities (queries, entities) for sorted slots."""
        scores = (self.query(entity, slot) @ self.vectors.conj().T).real
        return scores + self.weight * self.prior[slot] if self.recipe.frequency else scores

    def gradients(self, batch: Batch) -> list[np.ndarray]:
        """Gradients of the mean loss of a triple, for vectors, matrices and the frequencies' weight.

        For complex numbers a gradient is the derivative by the real part plus i times that by the imaginary part.
        """
        scores = self.score(batch.entity, batch.slot)
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        shares /= shares.sum(axis=1, keepdims=True)
        totals = batch.counts.sum(axis=1, keepdims=True)
        by_score = (shares * totals - batch.counts) / batch.counts.sum()
        query = self.query(batch.entity, batch.slot)
        by_vector = (query.T @ by_score).T if not self.recipe.complex_form else by_score.T @ query
        by_query = by_score @ self.vectors
        known = self.vectors[batch.entity]
        by_known = np.empty_like(known)
        by_matrix = np.zeros_like(self.matrices)
        for slot, rows in slot_spans(batch.slot):
            matrix = self.matrix(slot)
            if self.recipe.full_matrix:
                by_known[rows] = by_query[rows] @ matrix.conj().T
                change = known[rows].conj().T @ by_query[rows]
            else:
                by_known[rows] = by_query[rows] * matrix.conj()
                change = (known[rows].conj() * by_query[rows]).sum(axis=0)
            if self.recipe.own_inverses or slot < self.relations:
                by_matrix[slot] += change
            else:
                by_matrix[slot - self.relations] += change.conj().T
        np.add.at(by_vector, batch.entity, by_known)
        if self.recipe.cubed_penalty:
            by_vector = by_vector + self.shrink(self.vectors)
            by_matrix += self.shrink(self.matrices)
        by_weight = (by_score * self.prior[batch.slot]).sum(keepdims=True).reshape(1)
        return [by_vector, by_matrix, by_weight * self.recipe.frequency]

    def shrink(self, array: np.ndarray) -> np.ndarray:
        """Gradient of the cubed sizes, as a mean over rows."""
        return self.recipe.cubed_penalty * 3 * np.abs(array) * array / len(array)

    def predict(self, queries) -> np.ndarray:
        """Scores of all entities (queries, entities)."""
        slot = queries.relation + self.relations * queries.inverse
        order = np.argsort(slot, kind="stable")
        scores = np.empty((len(slot), len(self.vectors)), dtype=np.float32)
        scores[order] = self.score(queries.entity[order], slot[order])
        return scores

    def count_parameters(self) -> int:
        """Real numbers: a complex one counts twice."""
        factor = 2 if self.recipe.complex_form else 1
        return factor * (self.vectors.size + self.matrices.size) + int(self.recipe.frequency)


class Frequency:
    """Scores an entity by how often it fills the place in the relation."""

    def fit(self, train) -> "Frequency":
        """Count."""
        self.relations = train.relations
        self.counts = slot_frequencies(train.triples, train.entities, train.relations)
        return self

    def predict(self, queries) -> np.ndarray:
        """Counts of all entities (queries, entities)."""
        return self.counts[queries.relation + self.relations * queries.inverse]

    def count_parameters(self) -> int:
        """Counts that are not zero."""
        return int((self.counts > 0).sum())


class LeastSquares:
    """Full bilinear model of the adjacency tensor, fitted by alternating least squares (RESCAL).

    Rank and penalty are those with the best validation rank among six pairs.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, train) -> "LeastSquares":
        """Try every pair of settings and keep the best."""
        tensor = np.zeros((train.relations, train.entities, train.entities), dtype=np.float32)
        tensor[train.triples[:, 1], train.triples[:, 0], train.triples[:, 2]] = 1
        held = Validation(train)
        best = -np.inf
        for rank in (10, 30):
            for penalty in (0.1, 1.0, 10.0):
                vectors, matrices = self.alternate(tensor, min(rank, train.entities), penalty)
                slices = vectors @ matrices @ vectors.T
                table = np.concatenate([slices, slices.transpose(0, 2, 1)])
                score = held.reciprocal_rank(table[held.batch.slot, held.batch.entity])
                if score > best:
                    best, self.table, self.size = score, table, vectors.size + matrices.size
        self.relations = train.relations
        return self

    def alternate(self, tensor: np.ndarray, rank: int, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """Entity vectors and relation matrices after twelve rounds from leading eigenvectors of the summed slices."""
        summed = tensor.sum(axis=0)
        rng = np.random.default_rng(self.seed)
        _, vectors = np.linalg.eigh(summed + summed.T)
        vectors = vectors[:, -rank:] + 0.01 * rng.standard_normal((len(summed), rank)).astype(np.float32)
        matrices = self.solve_matrices(tensor, vectors, penalty)
        ridge = penalty * np.eye(rank, dtype=np.float32)
        for _ in range(12):
            square = vectors.T @ vectors
            swapped = matrices.transpose(0, 2, 1)
            sums = (tensor @ (vectors @ swapped) + tensor.transpose(0, 2, 1) @ (vectors @ matrices)).sum(axis=0)
            inner = (matrices @ square @ swapped + swapped @ square @ matrices).sum(axis=0)
            vectors = np.linalg.solve(inner + ridge, sums.T).T
            matrices = self.solve_matrices(tensor, vectors, penalty)
        return vectors, matrices

    def solve_matrices(self, tensor: np.ndarray, vectors: np.ndarray, penalty: float) -> np.ndarray:
        """Relation matrices with the least penalised squares for given vectors."""
        left, sizes, right = np.linalg.svd(vectors, full_matrices=False)
        gains = np.outer(sizes, sizes) / (np.outer(sizes, sizes) ** 2 + penalty)
        return right.T @ (gains * (left.T @ tensor @ left)) @ right

    def predict(self, queries) -> np.ndarray:
        """Scores of all entities (queries, entities)."""
        return self.table[queries.relation + self.relations * queries.inverse, queries.entity]

    def count_parameters(self) -> int:
        """Numbers of the chosen model."""
        return self.size


class Translation:
    """A relation moves a head's vector to near its tail's (TransE), trained with the same softmax loss."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, train) -> "Translation":
        """Train with Adam and keep the pass that is best on the validation triples."""
        rng = np.random.default_rng(self.seed)
        self.relations = train.relations
        self.vectors = rng.standard_normal((train.entities, RANK)).astype(np.float32)
        self.moves = 0.1 * rng.standard_normal((train.relations, RANK)).astype(np.float32)
        batch = gather(train.triples, train.entities, train.relations)
        held = Validation(train)
        arrays = [self.vectors, self.moves]
        optimiser = Adam(arrays, rate=0.05)
        best, kept = -np.inf, [array.copy() for array in arrays]
        for number in range(1, 2 * PASSES + 1):
            optimiser.update(self.gradients(batch))
            if number % LOOK == 0:
                score = held.reciprocal_rank(self.score(held.batch.entity, held.batch.slot))
                if score > best:
                    best, kept = score, [array.copy() for array in arrays]
        self.vectors, self.moves = kept
        return self

    def query(self, entity: np.ndarray, slot: np.ndarray) -> np.ndarray:
        """The point where the answer should lie (queries, width)."""
        sign = np.where(slot < self.relations, 1, -1).astype(np.float32)[:, None]
        return self.vectors[entity] + sign * self.moves[slot % self.relations]

    def score(self, entity: np.ndarray, slot: np.ndarray) -> np.ndarray:
        """Negative squared distances (queries, entities)."""
        query = self.query(entity, slot)
        return 2 * query @ self.vectors.T - (query**2).sum(1)[:, None] - (self.vectors**2).sum(1)

    def gradients(self, batch: Batch) -> list[np.ndarray]:
        """Gradients of the mean loss of a triple, for vectors and moves."""
        scores = self.score(batch.entity, batch.slot)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        totals = batch.counts.sum(axis=1, keepdims=True)
        by_score = (shares * totals - batch.counts) / batch.counts.sum()
        query = self.query(batch.entity, batch.slot)
        # The rows of by_score sum to zero, so that the query's own size has no gradient.
        by_query = 2 * by_score @ self.vectors
        by_vector = 2 * (by_score.T @ query) - 2 * by_score.sum(axis=0)[:, None] * self.vectors
        np.add.at(by_vector, batch.entity, by_query)
        by_move = np.zeros_like(self.moves)
        sign = np.where(batch.slot < self.relations, 1, -1).astype(np.float32)[:, None]
        np.add.at(by_move, batch.slot % self.relations, sign * by_query)
        return [by_vector, by_move]

    def predict(self, queries) -> np.ndarray:
        """Scores of all entities (queries, entities)."""
        return self.score(queries.entity, queries.relation + self.relations * queries.inverse)

    def count_parameters(self) -> int:
        """Vectors and moves."""
        return self.vectors.size + self.moves.size


class Network:
    """A perceptron that reads the known entity and the slot as indicators and gives a probability to every entity."""

    def __init__(self, seed: int) -> None:
        self.model = MLPClassifier(hidden_layer_sizes=(64,), learning_rate_init=0.01, random_state=seed)

    def fit(self, train) -> "Network":
        """Fifteen passes over both queries of every training triple."""
        self.entities, self.relations = train.entities, train.relations
        head, relation, tail = train.triples.T
        rows = self.encode(np.concatenate([head, tail]), np.concatenate([relation, relation + train.relations]))
        for _ in range(15):
            self.model.partial_fit(rows, np.concatenate([tail, head]), classes=np.arange(train.entities))
        return self

    def encode(self, entity: np.ndarray, slot: np.ndarray) -> np.ndarray:
        """Indicators (queries, entities + slots)."""
        rows = np.zeros((len(entity), self.entities + 2 * self.relations), dtype=np.float32)
        rows[np.arange(len(entity)), entity] = 1
        rows[np.arange(len(entity)), self.entities + slot] = 1
        return rows

    def predict(self, queries) -> np.ndarray:
        """Probabilities of all entities (queries, entities)."""
        return self.model.predict_proba(
            self.encode(queries.entity, queries.relation + self.relations * queries.inverse)
        )

    def count_parameters(self) -> int:
        """Weights and biases."""
        return sum(part.size for part in [*self.model.coefs_, *self.model.intercepts_])


def build_baseline(recipe: Recipe) -> Bilinear:
    """The bilinear model with the recipe's settings."""
    return Bilinear(recipe)


def build_frequency(recipe: Recipe) -> Frequency:
    """The frequency rule."""
    return Frequency()


def build_least_squares(recipe: Recipe) -> LeastSquares:
    """Full bilinear model by alternating least squares."""
    return LeastSquares(recipe.seed)


def build_translation(recipe: Recipe) -> Translation:
    """Translation model."""
    return Translation(recipe.seed)


def build_network(recipe: Recipe) -> Network:
    """Multilayer perceptron."""
    return Network(recipe.seed)


BASES = {
    "baseline": build_baseline,
    "frequency": build_frequency,
    "least_squares": build_least_squares,
    "translation": build_translation,
    "mlp": build_network,
}


def fit(base: str, components: list[str], train, seed: int):
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe).fit(train)


def predict(model, inputs) -> np.ndarray:
    """Scores of all entities (queries, entities)."""
    return model.predict(inputs)


def count_inputs(inputs) -> int:
    """Queries."""
    return len(inputs.entity)


def count_parameters(model) -> int:
    """Fitted numbers."""
    return model.count_parameters()
