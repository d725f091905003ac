"""Forecasters of seasonal series, their combination, and prediction intervals from a backtest.

All forecasters take histories (origins, values) and return forecasts (origins, steps). Each origin is handled by
itself: nothing is learnt across origins, since a later history contains what an earlier one must forecast.
"""

from dataclasses import dataclass, field
from itertools import product

import numpy as np

# Backtest origins inside each history, one horizon apart, from which intervals are found.
BACKTESTS = 3
# Share of values that the intervals should hold.
LEVEL = 0.9


@dataclass
class Recipe:
    """Members of the combination and further settings, changed by components."""

    seed: int
    members: list = field(default_factory=list)
    corrected: bool = False


def repeat_season(histories: np.ndarray, horizon: int, periods: tuple[int, ...]) -> np.ndarray:
    """The values one longest season before."""
    season = histories[:, -periods[-1] :]
    return np.resize(season.T, (horizon, len(histories))).T if horizon > periods[-1] else season[:, :horizon]


def average_seasons(histories: np.ndarray, horizon: int, periods: tuple[int, ...]) -> np.ndarray:
    """Mean of the values one to four longest seasons before, each season moved to the level of the latest."""
    period = periods[-1]
    seasons = [histories[:, len(histories[0]) - number * period :][:, :period] for number in range(1, 5)]
    level = seasons[0].mean(axis=1, keepdims=True)
    profile = np.mean([season - season.mean(axis=1, keepdims=True) for season in seasons], axis=0)
    return repeat_season(profile + level, horizon, periods)


def ridge_weights(rows: np.ndarray, values: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge coefficients for centred rows and values."""
    return np.linalg.solve(rows.T @ rows + penalty * np.eye(rows.shape[1]), rows.T @ values)


def regress_lags(histories: np.ndarray, horizon: int, periods: tuple[int, ...]) -> np.ndarray:
    """Ridge regression on lagged values, applied step by step to its own forecasts."""
    lags = sorted({1, 2, 3, *periods, *(period + 1 for period in periods), 2 * periods[-1]})
    forecasts = []
    for history in histories:
        mean, scale = history.mean(), history.std() or 1.0
        values = (history - mean) / scale
        rows = np.array([values[lags[-1] - lag : len(values) - lag] for lag in lags]).T
        weights = ridge_weights(rows, values[lags[-1] :], 0.01)
        path = list(values)
        for _ in range(horizon):
            path.append(sum(weight * path[-lag] for weight, lag in zip(weights, lags, strict=True)))
        forecasts.append(np.array(path[-horizon:]) * scale + mean)
    return np.array(forecasts)


def fourier_terms(steps: np.ndarray, periods: tuple[int, ...], length: int) -> np.ndarray:
    """A trend, and sines and cosines of the seasons: up to 8 waves of the shortest, 12 of a longer one."""
    columns = [np.ones(len(steps)), steps / length]
    for period in periods:
        waves = min(8 if period == periods[0] else 12, period // 2)
        for wave in range(1, waves + 1):
            angle = 2 * np.pi * wave * steps / period
            columns += [np.sin(angle), np.cos(angle)]
    return np.array(columns).T


def regress_fourier(histories: np.ndarray, horizon: int, periods: tuple[int, ...]) -> np.ndarray:
    """Ridge regression on a trend and Fourier terms of all seasons."""
    length = histories.shape[1]
    terms = fourier_terms(np.arange(length + horizon), periods, length)
    centre = histories.mean(axis=1)
    weights = ridge_weights(terms[:length], (histories - centre[:, None]).T, 0.1)
    return (terms[length:] @ weights).T + centre[:, None]


def smooth_seasons(histories: np.ndarray, horizon: int, periods: tuple[int, ...]) -> np.ndarray:
    """Additive seasonal exponential smoothing with one index set for each season and a correction for the last error.

    With two seasons this is double-seasonal smoothing. The constants of each history are those with the least squared
    one-step error in its second half, among all triples of a grid. All origins and triples are smoothed at once.
    """
    grid = np.array(list(product((0.02, 0.1, 0.3, 0.6), (0.1, 0.3), (0.0, 0.5, 0.9))))
    alpha, gamma, phi = grid.T
    count, length = histories.shape
    start = histories[:, : 2 * periods[-1]]
    level = np.repeat(start.mean(axis=1)[:, None], len(grid), axis=1)
    indices, rest = [], start - start.mean(axis=1, keepdims=True)
    for period in periods:
        places = np.arange(start.shape[1]) % period
        first = np.array([rest[:, places == place].mean(axis=1) for place in range(period)])
        rest = rest - first[places].T
        indices.append(np.repeat(first[:, :, None], len(grid), axis=2))
    error, loss = np.zeros((count, len(grid))), np.zeros((count, len(grid)))
    for step in range(length):
        season = sum(index[step % period] for index, period in zip(indices, periods, strict=True))
        surprise = histories[:, step, None] - level - season
        if step >= length // 2:
            loss += (surprise - phi * error) ** 2
        error = surprise
        level = level + alpha * surprise
        for index, period in zip(indices, periods, strict=True):
            index[step % period] += gamma * (1 - alpha) * surprise / len(periods)
    best = np.argmin(loss, axis=1)
    rows = np.arange(count)
    steps = np.arange(horizon)
    season = sum(
        index[(length + steps) % period][:, rows, best] for index, period in zip(indices, periods, strict=True)
    )
    return (level[rows, best] + season + phi[best] ** (steps[:, None] + 1) * error[rows, best]).T


def find_analogues(histories: np.ndarray, horizon: int, periods: tuple[int, ...]) -> np.ndarray:
    """Mean continuation of the five earlier stretches, at the same place in the season, most like the latest."""
    period = periods[0]
    forecasts = []
    for history in histories:
        latest = history[-period:]
        ends = np.arange(len(history) - period, period - 1, -period)
        ends = ends[ends + horizon <= len(history)]
        shapes = np.array([history[end - period : end] for end in ends])
        distances = ((shapes - shapes.mean(axis=1, keepdims=True) - latest + latest.mean()) ** 2).sum(axis=1)
        nearest = np.argsort(distances, kind="stable")[:5]
        changes = [history[ends[index] : ends[index] + horizon] - shapes[index].mean() for index in nearest]
        forecasts.append(np.mean(changes, axis=0) + latest.mean())
    return np.array(forecasts)


def add_lag_regression(recipe: Recipe) -> None:
    """Let ridge regression on lagged values be a member."""
    recipe.members.append(regress_lags)


def add_fourier(recipe: Recipe) -> None:
    """Let regression on Fourier terms be a member."""
    recipe.members.append(regress_fourier)


def add_seasonal_smoothing(recipe: Recipe) -> None:
    """Let seasonal exponential smoothing be a member."""
    recipe.members.append(smooth_seasons)


def add_seasonal_average(recipe: Recipe) -> None:
    """Let the mean of the last four seasons be a member."""
    recipe.members.append(average_seasons)


def add_analogues(recipe: Recipe) -> None:
    """Let the continuation of similar stretches be a member."""
    recipe.members.append(find_analogues)


def add_level_correction(recipe: Recipe) -> None:
    """Move the forecasts by a fading share of the error at the last step before the origin."""
    recipe.corrected = True


COMPONENTS = {
    "lag_regression": add_lag_regression,
    "seasonal_smoothing": add_seasonal_smoothing,
    "fourier": add_fourier,
    "seasonal_average": add_seasonal_average,
    "analogues": add_analogues,
    "level_correction": add_level_correction,
}


class Combination:
    """Mean of the recipe's members, or the seasonal repeat if it has none, with intervals from a backtest."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def fit(self, train) -> "Combination":
        """Keep the histories; members are fitted when the number of steps is known."""
        self.train = train
        return self

    def forecast(self, histories: np.ndarray, horizon: int) -> np.ndarray:
        """Mean of the members (origins, steps), corrected for the last error if the recipe says so."""
        forecasts = self.combine(histories, horizon)
        if not self.recipe.corrected:
            return forecasts
        # What the same combination would have said for the last value, one step before the origin.
        error = histories[:, -1] - self.combine(histories[:, :-1], 1)[:, 0]
        return forecasts + error[:, None] * 0.9 ** np.arange(1, horizon + 1)

    def combine(self, histories: np.ndarray, horizon: int) -> np.ndarray:
        """Mean of the members (origins, steps)."""
        members = self.recipe.members or [repeat_season]
        return np.mean([member(histories, horizon, self.train.periods) for member in members], axis=0)

    def predict(self, inputs) -> tuple[np.ndarray, np.ndarray]:
        """Forecasts (origins, steps) and half the length of their intervals (origins, 1)."""
        histories, horizon = self.train.histories, inputs.horizon
        length = histories.shape[1] - BACKTESTS * horizon
        errors = []
        for back in range(1, BACKTESTS + 1):
            end = histories.shape[1] - back * horizon
            known, future = histories[:, end - length : end], histories[:, end : end + horizon]
            errors.append(np.abs(self.forecast(known, horizon) - future))
        widths = np.quantile(np.concatenate(errors, axis=1), LEVEL, axis=1)
        return self.forecast(histories, horizon), widths[:, None]

    def count_parameters(self) -> int:
        """Members that are averaged, without the numbers inside them."""
        return max(1, len(self.recipe.members))


def forecast_theta(histories: np.ndarray, horizon: int, periods: tuple[int, ...]) -> np.ndarray:
    """Exponential smoothing plus half the slope of a fitted line, after removing the mean longest season."""
    count, length = histories.shape
    steps = np.arange(length)
    lines = np.polynomial.polynomial.polyfit(steps, histories.T, 1)
    departures = histories - lines[0][:, None] - lines[1][:, None] * steps
    places = np.arange(length + horizon) % periods[-1]
    indices = np.array([departures[:, places[:length] == place].mean(axis=1) for place in range(periods[-1])])
    season = indices[places].T
    adjusted = histories - season[:, :length]
    alpha = np.linspace(0.05, 1.0, 20)
    level, loss = np.repeat(adjusted[:, :1], 20, axis=1), np.zeros((count, 20))
    for step in range(1, length):
        error = adjusted[:, step, None] - level
        loss += error**2
        level = level + alpha * error
    best = np.argmin(loss, axis=1)
    growth = np.arange(horizon) + 1 / alpha[best][:, None]
    return level[np.arange(count), best][:, None] + lines[1][:, None] / 2 * growth + season[:, length:]


def fit_network(histories: np.ndarray, horizon: int, periods: tuple[int, ...], seed: int) -> np.ndarray:
    """One network for each history: it maps a shortest season, and the place in the longest, to what follows.

    Its 100 hidden units have random weights that stay fixed; the output weights are found by ridge regression.
    """
    period = periods[0]
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((period + 3, 100)) / np.sqrt(period + 3)
    forecasts = []
    for history in histories:
        mean, scale = history.mean(), history.std() or 1.0
        values = (history - mean) / scale
        ends = np.arange(period, len(values) + 1, max(1, period // 12))
        # The stretch that ends at the origin is last, whatever the step.
        ends = np.append(ends[ends + horizon <= len(values)], len(values))
        angles = ends / periods[-1] * 2 * np.pi
        stretches = np.array([values[end - period : end] for end in ends])
        rows = np.tanh(np.column_stack([stretches, np.sin(angles), np.cos(angles), np.ones(len(ends))]) @ hidden)
        futures = np.array([values[end : end + horizon] for end in ends[:-1]])
        forecasts.append(rows[-1] @ ridge_weights(rows[:-1], futures, 0.1) * scale + mean)
    return np.array(forecasts)


def build_baseline(recipe: Recipe) -> Combination:
    """The combination with the recipe's members; without any, the repeat of the longest season."""
    return Combination(recipe)


def build_last_value(recipe: Recipe) -> Combination:
    """The last value at all steps."""
    recipe.members = [lambda histories, horizon, periods: np.repeat(histories[:, -1:], horizon, axis=1)]
    return Combination(recipe)


def build_theta(recipe: Recipe) -> Combination:
    """The theta method without the season."""
    recipe.members = [forecast_theta]
    return Combination(recipe)


def build_network(recipe: Recipe) -> Combination:
    """A network with random hidden units for each origin."""
    recipe.members = [lambda histories, horizon, periods: fit_network(histories, horizon, periods, recipe.seed)]
    return Combination(recipe)


BASES = {
    "baseline": build_baseline,
    "last_value": build_last_value,
    "theta": build_theta,
    "random_network": build_network,
}


def fit(base: str, components: list[str], train, seed: int) -> Combination:
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe).fit(train)


def predict(model: Combination, inputs) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts (origins, steps) and half the length of their intervals (origins, 1)."""
    return model.predict(inputs)


def count_inputs(inputs) -> int:
    """Values to forecast."""
    return inputs.count * inputs.horizon


def count_parameters(model: Combination) -> int:
    """Members of the combination."""
    return model.count_parameters()
