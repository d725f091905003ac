"""Combination of simple forecasts: which rule beats their plain mean."""

from nanoresearch.crew.builtin.kits.kit import (
    Component,
    DatasetOption,
    Exposure,
    Kit,
    Metric,
    ProtocolOption,
    SweepOption,
)
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

KIT = Kit(
    id="forecast_combination",
    domain="time_series",
    name="combination of simple forecasts",
    subjects=("time series", "series", "yearly", "annual", "monthly", "forecast", "m1 competition", "competition data"),
    tasks=(
        "forecast combination",
        "combination",
        "combine",
        "combining",
        "averaging",
        "ensemble of forecasts",
        "ensemble",
        "forecast",
        "forecasting",
        "extrapolation",
        "damped trend",
        "exponential smoothing",
        "theta",
        "naive",
    ),
    datasets=(
        DatasetOption("m1-yearly", seconds=1.0, keywords=("competition", "short series", "many series")),
        DatasetOption("sunspots", seconds=0.6, keywords=("solar", "cycle")),
        DatasetOption("elnino", seconds=2.0, default=False, keywords=("monthly", "climate", "seasonal")),
        DatasetOption("co2", seconds=1.2, default=False, keywords=("monthly", "climate", "seasonal", "greenhouse")),
        DatasetOption("nile", seconds=0.3, default=False, keywords=("river", "level shift", "hydrology")),
    ),
    reference=MethodSpec(
        id="naive",
        name="naive forecast",
        role="reference",
        description="repeats the last value, of the same season where there is one",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="mean of five",
        role="baseline",
        description="the plain mean of five simple methods: naive, drift, exponential smoothing, damped trend and "
        "theta",
        tags=("ensemble", "smoothing"),
    ),
    alternatives=(
        MethodSpec(
            id="damped_trend",
            name="damped trend",
            role="alternative",
            description="exponential smoothing with a damped trend, by itself",
            tags=("smoothing",),
        ),
        MethodSpec(
            id="selection",
            name="selection by backtest",
            role="alternative",
            description="for every series the one method that did best on its last fitting values",
            tags=("search",),
        ),
        MethodSpec(
            id="drift",
            name="drift",
            role="alternative",
            description="the line through the first and the last fitting value, continued",
            tags=("linear",),
        ),
        MethodSpec(
            id="mlp",
            name="multilayer perceptron",
            role="alternative",
            description="one network with 32 hidden units for all series, which maps the last five scaled values to "
            "the next six",
            tags=("neural", "deep learning"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="inverse_error",
                name="inverse-error weights",
                description="weighs every method by the inverse of its error in a backtest",
                tags=("ensemble", "reweighting"),
                citations=("bates1969combination",),
            ),
            keywords=("inverse-error", "inverse error", "weighted", "weights", "weighting", "performance-based"),
            why="methods that failed on a series before are likely to fail on it again",
            detail="For each series, every method forecasts the last six fitting values, or the last third of them if "
            "that is less, from those before; its weight is the inverse of its mean absolute error there, plus one "
            "hundredth of the average error of all methods so that no weight becomes infinite.",
        ),
        Component(
            ComponentSpec(
                id="trimming",
                name="trimming",
                description="leaves out the lowest and the highest forecast at every step",
                tags=("ensemble",),
                citations=("jose2008simple",),
            ),
            keywords=("trimmed", "trimming", "trim", "robust", "outlier"),
            why="one method that runs away then cannot pull the mean with it",
            detail="The lowest and the highest forecast are dropped separately at each step, and the others keep their "
            "relative weights. With equal weights it changes nothing about a median.",
            promises=("gain", "robustness"),
        ),
        Component(
            ComponentSpec(
                id="median",
                name="median",
                description="takes the median of the methods instead of their mean",
                tags=("ensemble",),
                citations=("stock2004combination",),
            ),
            keywords=("median", "robust"),
            why="the middle forecast ignores how far away the extreme ones are",
            detail="The mean is replaced by the weighted median at each step, which is the plain median if weights are "
            "equal.",
            promises=("gain", "robustness"),
        ),
        Component(
            ComponentSpec(
                id="screening",
                name="screening of methods",
                description="keeps for each series the three methods with the least error in a backtest",
                tags=("ensemble", "search"),
                citations=("timmermann2006forecast",),
            ),
            keywords=("screening", "pruning", "selection", "select", "pool", "best methods", "chosen with care"),
            why="a mean is only as good as the methods that enter it",
            detail="The backtest is the one described for weights: forecasts of the last six fitting values, or the "
            "last third of them if that is less.",
        ),
        Component(
            ComponentSpec(
                id="log_scale",
                name="logarithmic scale",
                description="forecasts logarithms and transforms them back",
                tags=("preprocessing",),
                citations=("hyndman2018forecasting",),
            ),
            keywords=("log", "logarithm", "transformation", "box-cox", "multiplicative", "growth"),
            why="growth is often by a constant share rather than by a constant amount",
            detail="Series with a value of zero or below in their fitting part stay on their scale. The methods are "
            "fitted to logarithms, and the combination works on forecasts that have been transformed back, without a "
            "correction for the bias of the back transformation.",
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="mase",
                name="MASE",
                direction="lower",
                description="the mean over series of the absolute error divided by the mean absolute seasonal change "
                "in the fitting part",
            ),
            keywords=("mase", "scaled error"),
        ),
        Metric(
            MetricSpec(
                id="smape",
                name="sMAPE",
                direction="lower",
                percent=True,
                description="the mean over series of the absolute error divided by the mean of the sizes of forecast "
                "and truth",
            ),
            keywords=("smape", "symmetric percentage"),
        ),
        Metric(
            MetricSpec(
                id="median_mase",
                name="median MASE",
                direction="lower",
                description="the median over series of the scaled error",
            ),
            keywords=("median error",),
        ),
        Metric(
            MetricSpec(
                id="median_smape",
                name="median sMAPE",
                direction="lower",
                percent=True,
                description="the median over series of the symmetric percentage error",
            ),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="half_of_series",
                description="The last six values of every series are forecast from those before. Every seed draws a "
                "random half of the series, so that the spread over seeds shows how much the choice of series matters.",
                test_fraction=0.5,
                resampled=True,
            ),
        ),
        ProtocolOption(
            Protocol(
                id="all_series",
                description="Every seed forecasts six values of all series; the first seed takes the last six, and "
                "each "
                "further seed ends every series one value earlier, as far as six fitting values remain.",
                test_fraction=0.5,
                resampled=True,
            ),
            keywords=(
                "all series",
                "whole benchmark",
                "full benchmark",
                "every series",
                "no exclusions",
                "rolling origin",
            ),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="outliers",
                name="share of series with an outlier",
                values=(0.0, 0.25, 0.5, 1.0),
                description="the share of series in which one of the last five fitting values is raised by five mean "
                "absolute seasonal changes",
            ),
            keywords=("outlier", "robust", "robustness", "contaminated", "contamination", "noise"),
            default=True,
        ),
        SweepOption(
            Sweep(
                id="horizon",
                name="steps ahead",
                values=(6, 3, 1),
                description="how many of the six values are forecast and judged",
            ),
            keywords=("horizon", "steps ahead", "short-term", "long-term", "one step"),
        ),
        SweepOption(
            Sweep(
                id="dropped_history",
                name="share of the history left out",
                values=(0.0, 0.25, 0.5),
                description="the share of the oldest fitting values that methods may not use",
            ),
            keywords=("short history", "history length", "few values", "small data", "data length", "short series"),
        ),
    ),
    setting="Long single series are cut into overlapping pieces: for yearly series 60 years (Nile: 30), for monthly "
    "ones "
    "ten years to fit on, each followed by six values to forecast, which no two pieces share. "
    "Weekly carbon dioxide values are averaged by month, and months without a value are interpolated. "
    "Where there is a season, its additive indices are estimated on the fitting part as mean departures from a line, "
    "removed before a method is applied, and added again afterwards. "
    "Smoothing constants are those with the least squared one-step error in the fitting part: 20 values for "
    "exponential smoothing and 160 triples for the damped trend. "
    "All methods but the network are deterministic, so that a seed changes only which values are forecast.",
    question="Which rule for combining simple forecasts beats their plain mean?",
    citations=(
        "bates1969combination",
        "timmermann2006forecast",
        "hyndman2006another",
        "gardner1985forecasting",
        "assimakopoulos2000theta",
        "nadeau2003inference",
    ),
    queries=(
        "forecast combination",
        "simple forecasting methods",
        "damped trend exponential smoothing",
        "forecast accuracy measures",
    ),
    requires=("numpy", "scikit-learn", "statsmodels"),
    cautions=(
        "Point forecasts only: the study says nothing about forecast intervals.",
        "Pieces of one long series share most of their fitting values and are not independent.",
    ),
    out_of_reach=(
        "classification",
        "anomaly",
        "anomaly detection",
        "imputation",
        "clustering",
        "segmentation",
        "change point",
        "causal",
        "half-hourly",
        "hourly",
        "load",
        "interval coverage",
        "stock price",
        "multivariate",
    ),
    predictions="forecasts",
    exposures=(
        Exposure(
            "the pieces of one long series overlap: the values to forecast in one are the history of later ones",
            datasets=("sunspots", "nile", "elnino", "co2"),
        ),
    ),
)
