"""The baseline, the components that can be added to it, and the methods it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.fft import dct, rfft
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RATE = 8000
WINDOW = 256
HOP = 128
BANDS = 24
COEFFICIENTS = 12
FLOOR = 1e-8


@dataclass
class Frames:
    """One clip, frame by frame."""

    cepstra: np.ndarray
    """(frames, coefficients)"""
    bands: np.ndarray | None
    """Logarithmic energies of mel bands (frames, BANDS); None where only cepstra are given."""


@dataclass
class Recipe:
    """Settings of the baseline, changed by components."""

    seed: int
    statistics: list[Callable] = field(default_factory=lambda: [means])
    """From the frames of a clip to numbers."""
    normalise: bool = False
    speech_only: bool = False


def means(frames: Frames) -> np.ndarray:
    """Mean of every coefficient."""
    return frames.cepstra.mean(axis=0)


def deviations(frames: Frames) -> np.ndarray:
    """Standard deviation of every coefficient over time."""
    return frames.cepstra.std(axis=0)


def add_deviations(recipe: Recipe) -> None:
    """Append the standard deviations of all coefficients."""
    recipe.statistics.append(deviations)


def slopes(frames: Frames) -> np.ndarray:
    """Mean absolute regression slope of every coefficient over five frames."""
    padded = np.pad(frames.cepstra, ((2, 2), (0, 0)), mode="edge")
    return np.abs(2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]).mean(axis=0) / 10


def add_deltas(recipe: Recipe) -> None:
    """Append how fast the coefficients change."""
    recipe.statistics.append(slopes)


def contrasts(frames: Frames) -> np.ndarray:
    """Gap between loud and quiet frames in six groups of mel bands: 90th less 10th percentile, in nats."""
    groups = frames.bands.reshape(len(frames.bands), 6, -1).mean(axis=2)
    return np.percentile(groups, 90, axis=0) - np.percentile(groups, 10, axis=0)


def add_contrast(recipe: Recipe) -> None:
    """Append the gap between loud and quiet frames in six frequency regions."""
    recipe.statistics.append(contrasts)


def outer_shares(frames: Frames) -> np.ndarray:
    """10th and 90th percentile of every coefficient."""
    return np.percentile(frames.cepstra, (10, 90), axis=0).ravel()


def add_percentiles(recipe: Recipe) -> None:
    """Append the 10th and 90th percentile of all coefficients."""
    recipe.statistics.append(outer_shares)


def correlations(frames: Frames) -> np.ndarray:
    """Covariances of all pairs of coefficients over time."""
    centred = frames.cepstra - frames.cepstra.mean(axis=0)
    return (centred.T @ centred / len(centred))[np.triu_indices(centred.shape[1], 1)]


def add_covariances(recipe: Recipe) -> None:
    """Append the covariances of all pairs of coefficients."""
    recipe.statistics.append(correlations)


def add_cmn(recipe: Recipe) -> None:
    """Subtract from each frame the mean of the quieter half of the clip, which a fixed channel colours as well."""
    recipe.normalise = True


def add_speech_only(recipe: Recipe) -> None:
    """Leave out frames that are 30 dB quieter than the loudest."""
    recipe.speech_only = True


COMPONENTS = {
    "deviations": add_deviations,
    "deltas": add_deltas,
    "cmn": add_cmn,
    "contrast": add_contrast,
    "percentiles": add_percentiles,
    "covariances": add_covariances,
    "speech_only": add_speech_only,
}


def mel_filters() -> np.ndarray:
    """Triangular filters (BANDS, WINDOW / 2 + 1) whose centres are evenly spaced in mel from 100 to 3800 Hz."""
    low, high = 2595 * np.log10(1 + np.array([100, 3800]) / 700)
    edges = (700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1))[:, None]
    hertz = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


FILTERS = mel_filters()
TAPER = np.hamming(WINDOW).astype(np.float32)


def analyse(clip: np.ndarray) -> Frames:
    """Mel cepstra 1 to 12 in windows of 32 ms every 16 ms; cepstra that come as such are taken as they are."""
    if clip.ndim == 2:
        return Frames(clip, None)
    emphasised = np.append(clip[:1], clip[1:] - np.float32(0.97) * clip[:-1])
    padded = np.pad(emphasised, (0, max(0, WINDOW - len(emphasised))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * TAPER
    spectrum = rfft(windows, axis=1)
    bands = (spectrum.real**2 + spectrum.imag**2) @ FILTERS.T
    # Without a floor, pauses that are digitally silent would outweigh the speech.
    bands = np.log(np.maximum(bands, FLOOR * bands.max() + 1e-12))
    return Frames(dct(bands, norm="ortho", axis=1)[:, 1 : COEFFICIENTS + 1], bands)


def loudness(frames: Frames) -> np.ndarray:
    """Mean logarithmic energy of every frame; without energies, nearness to the middle of the clip."""
    if frames.bands is not None:
        return frames.bands.mean(axis=1)
    count = len(frames.cepstra)
    return -np.abs(np.arange(count) - (count - 1) / 2)


def keep(frames: Frames, chosen: np.ndarray) -> Frames:
    """Some of the frames."""
    return Frames(frames.cepstra[chosen], None if frames.bands is None else frames.bands[chosen])


def statistics(recipe: Recipe, clip: np.ndarray) -> np.ndarray:
    """The numbers that stand for a clip."""
    frames = analyse(clip)
    if recipe.normalise:
        loud = loudness(frames)
        frames.cepstra = frames.cepstra - frames.cepstra[loud <= np.median(loud)].mean(axis=0)
    if recipe.speech_only and frames.bands is not None:
        loud = loudness(frames)
        frames = keep(frames, loud > loud.max() - 3 * np.log(10))
    return np.concatenate([statistic(frames) for statistic in recipe.statistics])


def quiet_means(recipe: Recipe, clip: np.ndarray) -> np.ndarray:
    """Mean cepstra of the quietest tenth of the frames: background and channel, hardly any speech."""
    frames = analyse(clip)
    loud = loudness(frames)
    return keep(frames, loud <= np.quantile(loud, 0.1)).cepstra.mean(axis=0)


def logistic_regression(seed: int) -> BaseEstimator:
    """Multinomial logistic regression with an L2 penalty of strength one."""
    return LogisticRegression(max_iter=2000, random_state=seed)


def build_baseline(seed: int) -> tuple[Callable, BaseEstimator]:
    """Logistic regression on statistics of cepstra."""
    return statistics, logistic_regression(seed)


def build_majority(seed: int) -> tuple[Callable, BaseEstimator]:
    """Always the most frequent class, with its frequency as probability."""
    return statistics, DummyClassifier(strategy="prior")


def build_quiet(seed: int) -> tuple[Callable, BaseEstimator]:
    """The control: logistic regression on frames with hardly any speech."""
    return quiet_means, logistic_regression(seed)


def build_perceptron(seed: int) -> tuple[Callable, BaseEstimator]:
    """A neural network with one hidden layer of 50 units on the same statistics."""
    network = MLPClassifier((50,), max_iter=1000, tol=1e-3, learning_rate_init=3e-3, alpha=0.01, random_state=seed)
    return statistics, network


def build_neighbours(seed: int) -> tuple[Callable, BaseEstimator]:
    """Class shares among the five nearest training clips."""
    return statistics, KNeighborsClassifier(n_neighbors=5)


BASES = {
    "baseline": build_baseline,
    "majority": build_majority,
    "quiet_frames": build_quiet,
    "perceptron": build_perceptron,
    "neighbours": build_neighbours,
}


@dataclass
class Model:
    """Everything fitted."""

    recipe: Recipe
    describe: Callable
    classifier: BaseEstimator


def table(model_recipe: Recipe, describe: Callable, clips: list[np.ndarray]) -> np.ndarray:
    """Clips as rows of numbers."""
    return np.stack([describe(model_recipe, clip) for clip in clips])


def fit(base: str, components: list[str], train, seed: int) -> Model:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    describe, classifier = BASES[base](seed)
    pipeline = make_pipeline(StandardScaler(), classifier)
    return Model(recipe, describe, pipeline.fit(table(recipe, describe, train.clips), train.labels))


def predict(model: Model, inputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (clips, classes) and the classes in that order."""
    rows = table(model.recipe, model.describe, inputs)
    return model.classifier.predict_proba(rows), model.classifier.classes_


def count_inputs(inputs: list[np.ndarray]) -> int:
    """Clips to label."""
    return len(inputs)


def count_parameters(model: Model) -> int:
    """Stored numbers: coefficients, network weights, neighbours."""
    last = model.classifier[-1]
    total = sum(np.size(getattr(last, name, ())) for name in ("coef_", "intercept_", "_fit_X"))
    return total + sum(array.size for array in [*getattr(last, "coefs_", []), *getattr(last, "intercepts_", [])])
