"""Forecasting of seasonal series from rolling origins: what beats the seasonal repeat."""

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
    id="seasonal_forecasting",
    domain="time_series",
    name="forecasting of seasonal series",
    subjects=(
        "time series",
        "series",
        "seasonal",
        "demand",
        "load",
        "electricity",
        "half-hourly",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "energy",
        "climate",
    ),
    tasks=(
        "forecast",
        "forecasting",
        "predict the next",
        "prediction of the next",
        "rolling origin",
        "lag regression",
        "double-seasonal",
        "seasonal smoothing",
        "holt-winters",
        "fourier regression",
        "weekly repeat",
        "seasonal naive",
        "prediction interval",
    ),
    datasets=(
        DatasetOption(
            "taylor-demand",
            seconds=1.0,
            keywords=(
                "half-hourly",
                "load",
                "demand",
                "electricity",
                "energy",
                "power",
                "double-seasonal",
                "weekly repeat",
            ),
        ),
        DatasetOption("elnino", seconds=0.4, keywords=("climate", "ocean", "monthly", "temperature")),
        DatasetOption("co2", seconds=0.3, default=False, keywords=("climate", "monthly", "greenhouse", "trend")),
    ),
    reference=MethodSpec(
        id="last_value",
        name="last value",
        role="reference",
        description="repeats the last value at all steps",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="seasonal repeat",
        role="baseline",
        description="repeats the values of one longest season before: a week of half-hours, or a year of months",
        tags=("instance-based",),
    ),
    alternatives=(
        MethodSpec(
            id="theta",
            name="theta method",
            role="alternative",
            description="exponential smoothing plus half the slope of a fitted line, after removing the mean season",
            tags=("smoothing",),
        ),
        MethodSpec(
            id="random_network",
            name="network with random hidden units",
            role="alternative",
            description="a network whose 100 hidden units have fixed random weights and whose output weights come from "
            "ridge regression; it maps the latest shortest season to the following steps",
            tags=("neural",),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="lag_regression",
                name="lag regression",
                description="makes ridge regression on lagged values a member of the forecast",
                tags=("linear",),
                citations=("hoerl1970ridge",),
            ),
            keywords=("lag", "lagged", "autoregression", "autoregressive", "ridge", "regression"),
            why="the latest values tell how today departs from the usual season",
            detail="Lags are one to three steps, every season, every season plus one step, and two longest seasons. "
            "The "
            "regression is applied step by step to its own forecasts. Its penalty is 0.01 on standardised values, "
            "found "
            "on the first six weeks of the demand series, which are never forecast in the study.",
        ),
        Component(
            ComponentSpec(
                id="seasonal_smoothing",
                name="seasonal smoothing",
                description="makes seasonal exponential smoothing a member of the forecast, double-seasonal where "
                "there are two seasons",
                tags=("smoothing",),
                citations=("taylor2003short", "winters1960forecasting"),
            ),
            keywords=("smoothing", "double-seasonal", "holt-winters", "exponential smoothing"),
            why="level and season drift slowly and can be followed",
            detail="The smoothing is additive, with a level, one set of indices for each season, and a fading "
            "correction "
            "for the last error, but no trend. Its three constants are those with the least squared one-step error in "
            "the second half of the values before the origin, among 24 triples.",
        ),
        Component(
            ComponentSpec(
                id="fourier",
                name="Fourier regression",
                description="makes regression on a trend and Fourier terms a member of the forecast",
                tags=("linear", "features"),
                citations=("hyndman2018forecasting",),
            ),
            keywords=("fourier", "harmonic", "trigonometric", "sine"),
            why="a few waves describe a smooth season with little noise",
            detail="A straight line, up to eight waves of the shortest season and up to twelve of a longer one are "
            "fitted "
            "to all values before the origin by ridge regression with penalty 0.1.",
        ),
        Component(
            ComponentSpec(
                id="seasonal_average",
                name="mean of four seasons",
                description="makes the mean of the last four seasons a member of the forecast",
                tags=("ensemble", "smoothing"),
                citations=("hyndman2018forecasting",),
            ),
            keywords=("average", "mean profile", "seasonal average", "seasonal mean", "profile"),
            why="a mean of seasons has less noise than the latest season alone",
            detail="The last four longest seasons are centred, averaged, and moved to the mean of the latest.",
        ),
        Component(
            ComponentSpec(
                id="analogues",
                name="analogues",
                description="makes the continuation of similar earlier stretches a member of the forecast",
                tags=("instance-based",),
                citations=("cover1967nearest",),
            ),
            keywords=(
                "analogue",
                "analog",
                "nearest neighbour",
                "nearest neighbor",
                "similar days",
                "pattern matching",
            ),
            why="days or years that looked alike tend to continue alike",
            detail="The latest shortest season is compared, after centring, with all earlier stretches at the same "
            "place "
            "in the season; the continuations of the five nearest are averaged and moved to the latest level.",
        ),
        Component(
            ComponentSpec(
                id="level_correction",
                name="level correction",
                description="moves all forecasts by a fading share of the error at the last step before the origin",
                tags=("smoothing",),
                citations=("taylor2006comparison",),
            ),
            keywords=("level correction", "error correction", "bias correction", "residual", "adjustment"),
            why="an error at the origin tends to last for some steps",
            detail="The same combination forecasts the last value before the origin from those before it; its error "
            "times "
            "0.9 to the power of the step is added to each forecast.",
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="mape",
                name="MAPE",
                direction="lower",
                percent=True,
                description="the mean absolute error as a share of the true value",
            ),
            keywords=("mape", "percentage error"),
        ),
        Metric(
            MetricSpec(
                id="mase",
                name="MASE",
                direction="lower",
                description="the mean absolute error divided by the mean absolute change over the longest season "
                "before "
                "the origin",
            ),
            keywords=("mase", "scaled error"),
        ),
        Metric(
            MetricSpec(
                id="smape",
                name="sMAPE",
                direction="lower",
                percent=True,
                description="the mean absolute error as a share of the mean size of forecast and truth",
            ),
            keywords=("smape", "symmetric percentage"),
        ),
        Metric(
            MetricSpec(
                id="coverage_gap",
                name="coverage gap",
                direction="lower",
                percent=True,
                description="the distance between the share of true values inside the forecast intervals and their "
                "level of nine tenths",
            ),
            keywords=("coverage", "calibration", "calibrated"),
        ),
        Metric(
            MetricSpec(
                id="interval_score",
                name="interval score",
                direction="lower",
                description="the scaled length of the intervals plus twenty times the scaled distance of values "
                "outside",
            ),
            keywords=("interval score", "probabilistic", "sharpness", "uncertainty"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="half_of_origins",
                description="Origins lie one horizon apart, so that no value is forecast twice, and every seed draws a "
                "random half of them; each forecast uses only values before its origin.",
                test_fraction=0.5,
                resampled=True,
            ),
            keywords=("rolling origin",),
        ),
        ProtocolOption(
            Protocol(
                id="shifted_origins",
                description="All origins, one horizon apart, are used; every seed moves them by another part of the "
                "horizon. Each forecast uses only values before its origin.",
                test_fraction=0.5,
                resampled=True,
            ),
            keywords=("all origins", "every origin", "time of day", "shifted origin"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="horizon",
                name="share of the horizon",
                values=(1.0, 0.5, 0.25),
                description="the share of the full horizon (48 half-hours, or 12 months) that is forecast and judged",
            ),
            keywords=("horizon", "steps ahead", "horizon block", "short-term", "lead time", "next 48"),
            default=True,
        ),
        SweepOption(
            Sweep(
                id="history",
                name="share of the history",
                values=(1.0, 0.75, 0.5),
                description="the share of the values before the origin, counted from the latest, that methods may use",
            ),
            keywords=("short history", "history length", "little data", "small data", "training window", "data length"),
            datasets=("co2", "elnino"),
        ),
        SweepOption(
            Sweep(
                id="faults",
                name="share of faulty recent values",
                values=(0.0, 0.02, 0.05, 0.1),
                description="the share of the values of the last two shortest seasons from which a quarter of the "
                "values' range is taken away",
            ),
            keywords=("fault", "faulty", "sensor", "outlier", "robust", "robustness", "noise", "corrupted"),
        ),
    ),
    setting="The forecast is the plain mean of its members; without any member it is the seasonal repeat, which "
    "leaves as "
    "soon as another member enters. "
    "Demand is forecast for 48 half-hours from six weeks of values before each origin, monthly series for twelve "
    "months "
    "from fifteen years; weekly carbon dioxide values are averaged by month, and months without a value are "
    "interpolated. "
    "Every origin is handled by itself: later histories contain what earlier origins forecast, so nothing is learnt "
    "across "
    "origins. "
    "Intervals at nine tenths have the same length at all steps: twice the matching quantile of the absolute errors "
    "that "
    "the same method makes from three earlier origins inside the history. "
    "All methods but the network are deterministic, so that a seed changes only the origins.",
    question="Which forecasters of seasonal series, alone and averaged, beat the seasonal repeat?",
    citations=(
        "taylor2006comparison",
        "hyndman2006another",
        "tashman2000out",
        "hyndman2018forecasting",
        "nadeau2003inference",
    ),
    queries=(
        "short-term electricity demand forecasting",
        "double seasonal exponential smoothing",
        "rolling origin evaluation",
        "forecast combination",
    ),
    requires=("numpy", "scikit-learn", "statsmodels"),
    cautions=(
        "Each data set is a single series, and the demand series covers twelve weeks of one summer: nothing follows "
        "for "
        "winters, holidays or other regions.",
        "Errors of neighbouring origins are related, so that intervals may be too narrow.",
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
        "m1",
        "yearly",
        "stock price",
        "multivariate",
        "spatial",
        "weather variables",
    ),
    exposures=(Exposure("origins roll: the values to forecast from one are the history of later ones"),),
)
