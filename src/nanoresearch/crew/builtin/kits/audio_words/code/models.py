"""Template matching of spoken words, the steps that can be added to it, and the methods it is compared with."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct, rfft
from sklearn.neural_network import MLPClassifier

RATE = 8000
WINDOW = 256
HOP = 128
BANDS = 24
COEFFICIENTS = 12
FLOOR = 1e-9
WARPS = (0.84, 0.89, 0.94, 1.0, 1.06, 1.12, 1.19)


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    normalise: bool = False
    deltas: bool = False
    warping: bool = False
    trimming: bool = False
    lifter: bool = False
    band: float | None = None


def add_cmvn(recipe: Recipe) -> None:
    """Bring every coefficient of a word to zero mean and unit variance."""
    recipe.normalise = True


def add_deltas(recipe: Recipe) -> None:
    """Append the slopes of all coefficients over five frames."""
    recipe.deltas = True


def add_warping(recipe: Recipe) -> None:
    """Stretch the frequency axis of the tested speaker to fit the templates."""
    recipe.warping = True


def add_trimming(recipe: Recipe) -> None:
    """Cut quiet frames from both ends of every word."""
    recipe.trimming = True


def add_lifter(recipe: Recipe) -> None:
    """Weigh coefficients by a raised sine over their order."""
    recipe.lifter = True


def add_band(recipe: Recipe) -> None:
    """Keep the alignment within a quarter of the length around the diagonal."""
    recipe.band = 0.25


COMPONENTS = {
    "cmvn": add_cmvn,
    "deltas": add_deltas,
    "warping": add_warping,
    "trimming": add_trimming,
    "lifter": add_lifter,
    "band": add_band,
}


def mel(hertz):
    """The mel scale."""
    return 2595 * np.log10(1 + hertz / 700)


def filterbank(warp: float = 1.0) -> np.ndarray:
    """Triangular filters (BANDS, WINDOW / 2 + 1), evenly spaced in mel from 100 to 3400 Hz, centres times warp."""
    marks = np.linspace(mel(100), mel(3400), BANDS + 2)
    edges = np.minimum(700 * (10 ** (marks / 2595) - 1) * warp, RATE / 2)[:, None]
    hertz = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2] + 1e-9)
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1] + 1e-9)
    return np.maximum(0, np.minimum(rising, falling))


def power_spectrum(samples: np.ndarray) -> np.ndarray:
    """Power in overlapping windows of 32 ms every 16 ms. (samples,) -> (frames, WINDOW / 2 + 1)"""
    emphasised = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    padded = np.pad(emphasised, (0, max(0, WINDOW - len(emphasised))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * np.hamming(WINDOW)
    return np.abs(rfft(frames, axis=1)) ** 2


def trim(power: np.ndarray) -> np.ndarray:
    """Frames from the first to the last that are at most 30 dB below the loudest."""
    loudness = 10 * np.log10(power.sum(axis=1) + 1e-10)
    loud = np.flatnonzero(loudness > loudness.max() - 30)
    return power[loud[0] : loud[-1] + 1]


def slopes(frames: np.ndarray) -> np.ndarray:
    """Regression slopes over five frames."""
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    return (2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / 10


def cepstra(recipe: Recipe, power: np.ndarray, warp: float = 1.0) -> np.ndarray:
    """Mel cepstra without the zeroth, as the recipe wants them. (frames, bins) -> (frames, coefficients)"""
    bands = power @ filterbank(warp).T
    # Without a floor, pauses that are digitally silent would outweigh the speech.
    bands = np.log(np.maximum(bands, FLOOR * bands.max()))
    frames = dct(bands, norm="ortho", axis=1)[:, 1 : COEFFICIENTS + 1]
    if recipe.lifter:
        frames = frames * (1 + COEFFICIENTS / 2 * np.sin(np.pi * np.arange(1, COEFFICIENTS + 1) / COEFFICIENTS))
    if recipe.normalise:
        frames = (frames - frames.mean(axis=0)) / (frames.std(axis=0) + 1e-6)
    if recipe.deltas:
        # Slopes are smaller than values: three times the slope has about the same spread.
        frames = np.hstack([frames, 3 * slopes(frames)])
    return frames.astype(np.float32)


def spectra(recipe: Recipe, sounds: list[np.ndarray]) -> list[np.ndarray]:
    """Power spectra of all words, trimmed if the recipe says so."""
    powers = [power_spectrum(samples) for samples in sounds]
    return [trim(power) for power in powers] if recipe.trimming else powers


@dataclass
class Templates:
    """All templates, padded to one length."""

    frames: np.ndarray
    """(templates, longest, coefficients)"""
    lengths: np.ndarray

    @classmethod
    def of(cls, words: list[np.ndarray]) -> "Templates":
        """Pad with zeros."""
        lengths = np.array([len(word) for word in words])
        frames = np.zeros((len(words), lengths.max(), words[0].shape[1]), dtype=np.float32)
        for row, word in zip(frames, words, strict=True):
            row[: len(word)] = word
        return cls(frames, lengths)


def local_distances(word: np.ndarray, templates: Templates) -> np.ndarray:
    """Euclidean distances of all frames. (frames, templates, longest)"""
    count, longest, width = templates.frames.shape
    flat = templates.frames.reshape(-1, width)
    squares = (word**2).sum(axis=1)[:, None] + (flat**2).sum(axis=1) - 2 * word @ flat.T
    return np.sqrt(np.maximum(squares, 0)).reshape(len(word), count, longest)


def align(word: np.ndarray, templates: Templates, band: float | None) -> np.ndarray:
    """Distance of a word to every template by dynamic time warping, divided by the sum of both lengths.

    Steps go forward in the word, in the template, or in both at double weight. All templates advance together,
    one anti-diagonal after the other, since the cells of an anti-diagonal do not depend on each other.
    """
    local = local_distances(word, templates)
    length, count, longest = local.shape
    if band is not None:
        apart = np.abs(np.arange(length)[:, None, None] / length - np.arange(longest) / templates.lengths[:, None])
        local[apart > band] = 1e6
    # Cell (i, j) of the sum lies at place i + 1 of anti-diagonal i + j; place 0 is the edge.
    before = np.full((length + 1, count), np.inf, dtype=np.float32)
    last = before.copy()
    result = np.empty(count)
    for diagonal in range(length + longest - 1):
        i = np.arange(max(0, diagonal - longest + 1), min(length, diagonal + 1))
        cost = local[i, :, diagonal - i]
        now = np.full_like(last, np.inf)
        best = np.minimum(np.minimum(last[i], last[i + 1]) + cost, before[i] + 2 * cost)
        now[i + 1] = best if diagonal else 2 * cost
        ending = templates.lengths == diagonal - length + 2
        result[ending] = now[length, ending]
        before, last = last, now
    return result / (length + templates.lengths)


@dataclass
class Matcher:
    """Scores words by their alignment with one template each."""

    recipe: Recipe
    templates: Templates

    def distances(self, powers: list[np.ndarray], warp: float) -> np.ndarray:
        """(words, templates)"""
        words = [cepstra(self.recipe, power, warp) for power in powers]
        return np.stack([align(word, self.templates, self.recipe.band) for word in words])

    def scores(self, sounds: list[np.ndarray]) -> np.ndarray:
        """Negative distances (words, templates); one warp for all words, found without knowing any of them."""
        powers = spectra(self.recipe, sounds)
        warp = 1.0
        if self.recipe.warping:
            sample = powers[:: max(1, len(powers) // 20)]
            warp = min(WARPS, key=lambda value: self.distances(sample, value).min(axis=1).mean())
        return -self.distances(powers, warp)


def build_baseline(recipe: Recipe, sounds: list[np.ndarray]) -> Matcher:
    """Dynamic time warping to one template per word."""
    return Matcher(recipe, Templates.of([cepstra(recipe, power) for power in spectra(recipe, sounds)]))


@dataclass
class Guesser:
    """Scores that do not depend on the sound."""

    seed: int
    count: int

    def scores(self, sounds: list[np.ndarray]) -> np.ndarray:
        """Random numbers (words, templates)."""
        return np.random.default_rng(self.seed).random((len(sounds), self.count))


def build_guess(recipe: Recipe, sounds: list[np.ndarray]) -> Guesser:
    """A random word."""
    return Guesser(recipe.seed, len(sounds))


def stretch(frames: np.ndarray, length: int = 20) -> np.ndarray:
    """Frames resampled to a fixed number by linear interpolation, as one row."""
    places = np.linspace(0, len(frames) - 1, length)
    return np.stack([np.interp(places, np.arange(len(frames)), column) for column in frames.T]).ravel()


@dataclass
class Stretcher:
    """Compares words after a linear change of tempo."""

    recipe: Recipe
    rows: np.ndarray

    def scores(self, sounds: list[np.ndarray]) -> np.ndarray:
        """Negative distances (words, templates)."""
        words = np.stack([stretch(cepstra(self.recipe, power)) for power in spectra(self.recipe, sounds)])
        return -np.linalg.norm(words[:, None] - self.rows, axis=2)


def build_stretching(recipe: Recipe, sounds: list[np.ndarray]) -> Stretcher:
    """The nearest template when all words are stretched to twenty frames."""
    return Stretcher(recipe, np.stack([stretch(cepstra(recipe, power)) for power in spectra(recipe, sounds)]))


@dataclass
class Network:
    """A neural network on words stretched to twenty frames."""

    recipe: Recipe
    machine: MLPClassifier
    scale: float

    def scores(self, sounds: list[np.ndarray]) -> np.ndarray:
        """Probabilities (words, templates)."""
        rows = np.stack([stretch(cepstra(self.recipe, power)) for power in spectra(self.recipe, sounds)])
        return self.machine.predict_proba(rows / self.scale)


def build_network(recipe: Recipe, sounds: list[np.ndarray]) -> Network:
    """One hidden layer of 100 units, trained on the stretched templates and three noisy copies of each."""
    rows = np.stack([stretch(cepstra(recipe, power)) for power in spectra(recipe, sounds)])
    scale = float(rows.std())
    rng = np.random.default_rng(recipe.seed)
    copies = np.concatenate([rows / scale, *(rows / scale + rng.normal(0, 0.5, size=rows.shape) for _ in range(3))])
    machine = MLPClassifier((100,), max_iter=300, tol=1e-3, learning_rate_init=3e-3, random_state=recipe.seed)
    return Network(recipe, machine.fit(copies, np.tile(np.arange(len(rows)), 4)), scale)


@dataclass
class Clock:
    """Compares nothing but durations."""

    durations: np.ndarray

    def scores(self, sounds: list[np.ndarray]) -> np.ndarray:
        """Negative differences of duration (words, templates)."""
        return -np.abs(np.array([len(samples) for samples in sounds])[:, None] - self.durations)


def build_duration(recipe: Recipe, sounds: list[np.ndarray]) -> Clock:
    """The template of the nearest duration."""
    return Clock(np.array([len(samples) for samples in sounds]))


BASES = {
    "baseline": build_baseline,
    "guess": build_guess,
    "stretching": build_stretching,
    "network": build_network,
    "duration": build_duration,
}


@dataclass
class Model:
    """A recogniser and its words, sorted."""

    recogniser: object
    words: np.ndarray


def fit(base: str, components: list[str], train, seed: int) -> Model:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    order = np.argsort(train.words)
    return Model(BASES[base](recipe, [train.templates[i] for i in order]), np.array(train.words)[order])


def predict(model: Model, inputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Scores (inputs, words), larger is better, and the words in that order."""
    return model.recogniser.scores(inputs), model.words


def count_inputs(inputs: list[np.ndarray]) -> int:
    """Words to recognise."""
    return len(inputs)


def count_parameters(model: Model) -> int:
    """Numbers stored: template frames, rows, durations or weights."""
    recogniser = model.recogniser
    machine = getattr(recogniser, "machine", None)
    if machine is not None:
        return sum(array.size for array in [*machine.coefs_, *machine.intercepts_])
    templates = getattr(recogniser, "templates", None)
    if templates is not None:
        return int(templates.lengths.sum()) * templates.frames.shape[2]
    return sum(getattr(recogniser, name, np.empty(0)).size for name in ("rows", "durations"))
