"""Five simple forecasting methods, ways to combine them, and other forecasters.

A method sees the fitting part of each series only; weights come from a backtest inside it.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.neural_network import MLPRegressor

# Fitting values that the network reads before it forecasts.
LAGS = 5


@dataclass
class Recipe:
    """Settings of the combination, changed by components."""

    seed: int
    weighted: bool = False
    trimmed: bool = False
    median: bool = False
    screened: bool = False
    logged: bool = False


def add_inverse_error(recipe: Recipe) -> None:
    """Weigh every member by the inverse of its error in the backtest."""
    recipe.weighted = True


def add_trimming(recipe: Recipe) -> None:
    """Leave out the lowest and the highest forecast at every step."""
    recipe.trimmed = True


def add_median(recipe: Recipe) -> None:
    """Take the median of the members instead of their mean."""
    recipe.median = True


def add_screening(recipe: Recipe) -> None:
    """Keep the three members with the least error in the backtest."""
    recipe.screened = True


def add_log_scale(recipe: Recipe) -> None:
    """Forecast logarithms where all fitting values are positive."""
    recipe.logged = True


COMPONENTS = {
    "inverse_error": add_inverse_error,
    "trimming": add_trimming,
    "median": add_median,
    "screening": add_screening,
    "log_scale": add_log_scale,
}


def forecast_naive(history: np.ndarray, horizon: int) -> np.ndarray:
    """Repeat the last value."""
    return np.full(horizon, history[-1])


def forecast_drift(history: np.ndarray, horizon: int) -> np.ndarray:
    """Continue the line from the first to the last value."""
    return history[-1] + (history[-1] - history[0]) / (len(history) - 1) * np.arange(1, horizon + 1)


def smooth(history: np.ndarray) -> tuple[float, float]:
    """Last level and smoothing constant of exponential smoothing with the least squared one-step error on a grid."""
    alpha = np.linspace(0.05, 1.0, 20)
    level, loss = np.full(20, history[0]), np.zeros(20)
    for value in history[1:]:
        error = value - level
        loss += error**2
        level = level + alpha * error
    best = int(np.argmin(loss))
    return float(level[best]), float(alpha[best])


def forecast_smoothing(history: np.ndarray, horizon: int) -> np.ndarray:
    """Simple exponential smoothing."""
    return np.full(horizon, smooth(history)[0])


def forecast_damped_trend(history: np.ndarray, horizon: int) -> np.ndarray:
    """Exponential smoothing with a damped trend; constants by least squared one-step error on a grid of 160."""
    alpha, beta, phi = (
        axis.ravel() for axis in np.meshgrid(np.linspace(0.1, 1.0, 10), [0.05, 0.1, 0.2, 0.4], [0.8, 0.9, 0.95, 0.98])
    )
    # The first trend is a mean change, since a single one would be too noisy.
    early = history[: min(len(history), 5)]
    level, trend = np.full(alpha.size, early[0]), np.full(alpha.size, (early[-1] - early[0]) / (len(early) - 1))
    loss = np.zeros(alpha.size)
    for value in history[1:]:
        expected = level + phi * trend
        error = value - expected
        loss += error**2
        level = expected + alpha * error
        trend = phi * trend + alpha * beta * error
    best = int(np.argmin(loss))
    return level[best] + trend[best] * np.cumsum(phi[best] ** np.arange(1, horizon + 1))


def forecast_theta(history: np.ndarray, horizon: int) -> np.ndarray:
    """The theta method: exponential smoothing plus half of the slope of a fitted line."""
    level, alpha = smooth(history)
    count = len(history)
    slope = np.polyfit(np.arange(count), history, 1)[0]
    return level + slope / 2 * (np.arange(horizon) + (1 - (1 - alpha) ** count) / alpha)


MEMBERS = [forecast_naive, forecast_drift, forecast_smoothing, forecast_damped_trend, forecast_theta]


def seasonal_indices(history: np.ndarray, period: int) -> np.ndarray:
    """Mean departure from a fitted line for every place in the season, centred; place 0 is the first value."""
    steps = np.arange(len(history))
    departures = history - np.polyval(np.polyfit(steps, history, 1), steps)
    indices = np.array([departures[place::period].mean() for place in range(period)])
    return indices - indices.mean()


def remove_season(values: np.ndarray, horizon: int, period: int) -> tuple[np.ndarray, np.ndarray]:
    """Values without their season, and the season of the steps that follow them."""
    if period == 1:
        return values, np.zeros(horizon)
    season = np.resize(seasonal_indices(values, period), len(values) + horizon)
    return values - season[: len(values)], season[len(values) :]


def forecast(member, history: np.ndarray, horizon: int, period: int, logged: bool = False) -> np.ndarray:
    """One member's forecasts, on the logarithmic scale if wanted and possible, and without the season."""
    logged = logged and history.min() > 0
    values = np.log(history) if logged else history
    adjusted, season = remove_season(values, horizon, period)
    result = member(adjusted, horizon) + season
    return np.exp(result) if logged else result


def backtest(members: list, history: np.ndarray, period: int, logged: bool) -> np.ndarray:
    """Mean absolute error of every member on the last six fitting values, or on a third of them if that is less."""
    held = min(6, len(history) // 3)
    known, future = history[:-held], history[-held:]
    return np.array([np.abs(forecast(member, known, held, period, logged) - future).mean() for member in members])


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The middle of sorted values by weight; between two values if the halves are equal."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    low = order[np.searchsorted(reached, 0.5 - 1e-9)]
    high = order[np.searchsorted(reached, 0.5 + 1e-9)]
    return float(values[low] + values[high]) / 2


def combine_step(values: np.ndarray, weights: np.ndarray, recipe: Recipe) -> float:
    """One forecast from the members' forecasts for one step."""
    if recipe.trimmed:
        kept = np.sort(np.argsort(values, kind="stable")[1:-1])
        values, weights = values[kept], weights[kept]
    if recipe.median:
        return weighted_median(values, weights)
    return float(np.average(values, weights=weights))


class Combination:
    """A combination of the five members, its weights found for every series by itself."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def fit(self, train) -> "Combination":
        """Keep the fitting parts and choose the weight of every member for every series."""
        self.train = train
        self.weights = [self.choose_weights(history) for history in train.histories]
        return self

    def choose_weights(self, history: np.ndarray) -> np.ndarray:
        """Equal weights, or those of the recipe; members that are left out have weight zero."""
        weights = np.ones(len(MEMBERS))
        if self.recipe.weighted or self.recipe.screened:
            errors = backtest(MEMBERS, history, self.train.period, self.recipe.logged)
            if self.recipe.weighted:
                # Bounded, so that a member without error does not take all of the weight.
                weights = 1 / (errors + 0.01 * errors.mean() + 1e-12)
            if self.recipe.screened:
                weights[np.argsort(errors, kind="stable")[3:]] = 0
        return weights / weights.sum()

    def predict(self, inputs) -> np.ndarray:
        """Forecasts (series, steps)."""
        rows = []
        for history, weights in zip(self.train.histories, self.weights, strict=True):
            used = [(member, weight) for member, weight in zip(MEMBERS, weights, strict=True) if weight > 0]
            paths = np.array(
                [forecast(member, history, inputs.horizon, self.train.period, self.recipe.logged) for member, _ in used]
            )
            kept = np.array([weight for _, weight in used])
            rows.append([combine_step(step, kept, self.recipe) for step in paths.T])
        return np.array(rows)

    def count_parameters(self) -> int:
        """Weights, where they are estimated."""
        return sum(len(weights) for weights in self.weights) if self.recipe.weighted else 0


class Single:
    """One member for all series."""

    def __init__(self, member) -> None:
        self.member = member

    def fit(self, train) -> "Single":
        """Keep the fitting parts."""
        self.train = train
        return self

    def predict(self, inputs) -> np.ndarray:
        """Forecasts (series, steps)."""
        return np.array(
            [forecast(self.member, history, inputs.horizon, self.train.period) for history in self.train.histories]
        )

    def count_parameters(self) -> int:
        """No numbers beyond those of the member."""
        return 0


class Selection(Single):
    """For every series the member that did best in the backtest."""

    def predict(self, inputs) -> np.ndarray:
        """Forecasts (series, steps)."""
        rows = []
        for history in self.train.histories:
            best = MEMBERS[int(np.argmin(backtest(MEMBERS, history, self.train.period, False)))]
            rows.append(forecast(best, history, inputs.horizon, self.train.period))
        return np.array(rows)

    def count_parameters(self) -> int:
        """One choice for every series."""
        return len(self.train.histories)


class Network:
    """One perceptron for all series: it reads the last values and forecasts the changes from the last one.

    Values are divided by the mean absolute change within the fitting part, so that series can share a network.
    """

    def __init__(self, seed: int) -> None:
        self.model = MLPRegressor(hidden_layer_sizes=(32,), alpha=1e-2, learning_rate_init=3e-3, random_state=seed)

    def fit(self, train) -> "Network":
        """200 passes over all stretches of five values and the six that follow them."""
        self.train = train
        adjusted = [remove_season(history, 0, train.period)[0] for history in train.histories]
        stretches = [
            values[start : start + LAGS + 6] / self.scale(values)
            for values in adjusted
            for start in range(len(values) - LAGS - 5)
        ]
        table = np.array(stretches)
        table = table - table[:, LAGS - 1 : LAGS]
        for _ in range(200):
            self.model.partial_fit(np.clip(table[:, : LAGS - 1], -20, 20), np.clip(table[:, LAGS:], -20, 20))
        return self

    def scale(self, history: np.ndarray) -> float:
        """Mean absolute change; 1 for a constant series."""
        return float(np.abs(np.diff(history)).mean()) or 1.0

    def predict(self, inputs) -> np.ndarray:
        """Forecasts (series, steps)."""
        rows = []
        for history in self.train.histories:
            values, season = remove_season(history, inputs.horizon, self.train.period)
            scale = self.scale(values)
            lags = np.clip((values[-LAGS:-1] - values[-1]) / scale, -20, 20)
            rows.append(values[-1] + scale * self.model.predict(lags[None])[0][: inputs.horizon] + season)
        return np.array(rows)

    def count_parameters(self) -> int:
        """Weights and biases."""
        return sum(part.size for part in [*self.model.coefs_, *self.model.intercepts_])


def build_baseline(recipe: Recipe) -> Combination:
    """The combination with the recipe's settings; without any, the mean of the five members."""
    return Combination(recipe)


def build_naive(recipe: Recipe) -> Single:
    """The last value of the series, in the same season."""
    return Single(forecast_naive)


def build_damped_trend(recipe: Recipe) -> Single:
    """Exponential smoothing with a damped trend."""
    return Single(forecast_damped_trend)


def build_drift(recipe: Recipe) -> Single:
    """The line through the first and the last value."""
    return Single(forecast_drift)


def build_selection(recipe: Recipe) -> Selection:
    """The best member of the backtest for every series."""
    return Selection(None)


def build_network(recipe: Recipe) -> Network:
    """A perceptron shared by all series."""
    return Network(recipe.seed)


BASES = {
    "baseline": build_baseline,
    "naive": build_naive,
    "damped_trend": build_damped_trend,
    "drift": build_drift,
    "selection": build_selection,
    "mlp": build_network,
}


def fit(base: str, components: list[str], train, seed: int):
    """Fit a base with components switched on."""
    recipe = Recipe(seed)
    for component in components:
        COMPONENTS[component](recipe)
    return BASES[base](recipe).fit(train)


def predict(model, inputs) -> np.ndarray:
    """Forecasts (series, steps)."""
    return model.predict(inputs)


def count_inputs(inputs) -> int:
    """Values to forecast."""
    return inputs.count * inputs.horizon


def count_parameters(model) -> int:
    """Numbers fitted beyond those of the members."""
    return model.count_parameters()
