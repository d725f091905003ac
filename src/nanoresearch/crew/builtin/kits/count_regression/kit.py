"""Regression of counts: which departures from the Poisson law pay on held-out rows."""

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Fix, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

COMPONENTS = (
    Component(
        ComponentSpec(
            id="negative_binomial",
            name="negative binomial dispersion",
            description="lets the variance exceed the mean by a fitted multiple of the squared mean",
            tags=("glm", "probabilistic"),
            citations=("cameron1986econometric", "hilbe2011negative"),
        ),
        keywords=("negative binomial", "negative-binomial", "overdispersion", "over-dispersion", "dispersion"),
        why="counts of persons or hours vary more than a Poisson law with the right mean allows",
        detail="The Poisson law is replaced by the negative binomial law with variance "
        "$\\mu + \\alpha\\mu^2$; the dispersion $\\alpha$ is the same for all rows and fitted together with the "
        "coefficients.",
        promises=("gain", "calibration"),
    ),
    Component(
        ComponentSpec(
            id="zero_inflation",
            name="zero inflation",
            description="mixes the law with zeros of their own, whose probability has a logistic model",
            tags=("glm", "probabilistic"),
            citations=("lambert1992zero",),
        ),
        keywords=("zero-inflated", "zero inflation", "excess zeros", "hurdle", "zeros"),
        why="some rows may be zero for a reason that the law of the other counts does not know",
        detail="With a probability that follows a logistic regression on all columns of the design a count is zero; "
        "otherwise it follows the law of the mean. Both parts are fitted together by maximum likelihood.",
        promises=("gain", "calibration"),
        # No hour of the year is without a rented bike.
        datasets=("randhie",),
    ),
    Component(
        ComponentSpec(
            id="splines",
            name="spline covariates",
            description="bends the effect of every covariate with many values by cubic splines",
            tags=("features", "smoothing"),
            citations=("hastie2009elements",),
        ),
        keywords=("spline", "nonlinear", "non-linear", "additive", "smooth effect"),
        why="the log mean need not be linear in income, age or the hour of the day",
        detail="Every column with more than ten values is replaced by a cubic B-spline basis with knots at its "
        "extremes and quartiles in the training part, repeated quartiles merged, and linear beyond the outer knots.",
    ),
    Component(
        ComponentSpec(
            id="interactions",
            name="pairwise interactions",
            description="appends the products of all pairs of covariates",
            tags=("features",),
            citations=("hastie2009elements",),
        ),
        keywords=("interaction", "product", "effect modification", "feature cross"),
        why="the effect of one covariate may depend on another",
        detail="The products of all pairs of columns are appended; constant products are dropped and the others "
        "standardised.",
    ),
    Component(
        ComponentSpec(
            id="log_covariates",
            name="log covariates",
            description="appends the logarithms of covariates with many values",
            tags=("features", "preprocessing"),
        ),
        keywords=("log transform", "logarithm", "log covariate", "skewed"),
        why="the effect of a skewed covariate often levels off",
        detail="For every numeric column with more than ten values, none negative in the training part, "
        "$\\log(1+x)$ is appended before any other step.",
    ),
    Component(
        ComponentSpec(
            id="penalty",
            name="ridge penalty",
            description="shrinks all slopes towards zero by a quadratic penalty",
            tags=("regularisation",),
            citations=("hoerl1970ridge",),
        ),
        keywords=("penalty", "ridge", "regularisation", "regularization", "shrinkage", "penalised", "penalized"),
        why="many weak covariates cost variance",
        detail="The columns of the design are standardised, and five times the squared length of their slopes, those "
        "of a zero part included, is added to the negative log-likelihood; intercepts and the dispersion are free.",
        promises=("gain", "robustness"),
    ),
)

FIXES = (
    Fix(
        id="encode_categories",
        pattern=r"could not convert string to float|Cannot convert string|invalid literal",
        reason="Some columns hold text; each of their categories becomes a column of zeros and ones.",
    ),
    Fix(
        id="impute_missing",
        pattern=r"contains NaN|contains missing values|Input X contains infinity",
        reason="Some values are missing; each is replaced by the median of its column in the training part.",
    ),
    Fix(
        id="standardise",
        pattern=r"ConvergenceWarning|failed to converge|hasn't converged",
        reason="The search for the maximum of the likelihood does not converge on columns of very different scale; "
        "every column is shifted and scaled to mean zero and variance one in the training part.",
    ),
    Fix(
        id="halve_rows",
        pattern=r"\ATimeLimit\b",
        reason="A run was not done when its time was up; every method now learns from half as many training rows, "
        "drawn at random, so all of them may do worse than before, and by different amounts.",
        registry="REDUCTION",
    ),
    Fix(
        id="quarter_rows",
        pattern=r"\ATimeLimit\b",
        reason="A run was not done when its time was up; every method now learns from a quarter as many training "
        "rows, drawn at random, which costs accuracy and favours methods that need few rows.",
        registry="REDUCTION",
    ),
)

KIT = Kit(
    id="count_regression",
    domain="tabular",
    name="regression of counts",
    subjects=(
        "count",
        "counts",
        "count data",
        "doctor visits",
        "visits",
        "health insurance",
        "health-insurance",
        "health care use",
        "rental demand",
    ),
    tasks=(
        "poisson",
        "poisson regression",
        "count regression",
        "generalised linear model",
        "generalized linear model",
        "glm",
        "negative binomial",
        "negative-binomial",
        "zero-inflated",
        "zero inflation",
        "hurdle",
        "overdispersion",
    ),
    datasets=(
        DatasetOption("randhie", seconds=3.0, keywords=("coinsurance", "doctor visits", "health")),
        DatasetOption("bikeshare", seconds=1.5, keywords=("bike", "demand")),
    ),
    reference=MethodSpec(
        id="intercept",
        name="intercept only",
        role="reference",
        description="a Poisson law with the mean of the training part for every row",
        tags=("glm",),
    ),
    baseline=MethodSpec(
        id="baseline",
        name="Poisson regression",
        role="baseline",
        description="a Poisson generalised linear model with logarithmic link, fitted by maximum likelihood",
        tags=("linear", "glm"),
    ),
    alternatives=(
        MethodSpec(
            id="hurdle",
            name="negative binomial hurdle model",
            role="alternative",
            description="a two-part model with a logistic regression for zero or more and a negative binomial law "
            "cut off at zero for how many",
            tags=("glm", "probabilistic"),
        ),
        MethodSpec(
            id="hurdle_poisson",
            name="Poisson hurdle model",
            role="alternative",
            description="a two-part model with a logistic regression for zero or more and a Poisson law cut off at "
            "zero for how many",
            tags=("glm", "probabilistic"),
        ),
    ),
    components=COMPONENTS,
    metrics=(
        Metric(
            MetricSpec(
                id="log_score",
                name="log score",
                direction="lower",
                description="the mean negative log-probability of the held-out counts, in nats",
            ),
            keywords=("log score", "likelihood", "predictive density"),
        ),
        Metric(
            MetricSpec(
                id="poisson_deviance",
                name="Poisson deviance",
                direction="lower",
                description="the mean Poisson deviance of the held-out counts from the predicted means",
            ),
            keywords=("deviance",),
        ),
        Metric(
            MetricSpec(
                id="zero_error",
                name="zero-fraction error",
                direction="lower",
                description="the distance between the predicted and the observed share of zeros",
            ),
            keywords=("zero fraction", "zero-fraction", "share of zeros"),
        ),
        Metric(
            MetricSpec(
                id="tail_error",
                name="tail error",
                direction="lower",
                description="the mean distance between the predicted and the observed shares of counts above the "
                "90th, 95th and 99th percentile of the held-out counts",
            ),
            keywords=("tail error", "rootogram"),
        ),
        Metric(
            MetricSpec(
                id="mae",
                name="mean absolute error",
                direction="lower",
                description="the mean distance between the held-out counts and the predicted means",
            ),
            keywords=("absolute error", "mae"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="holdout",
                description="Every seed draws a random test part of the rows; all methods share it.",
                test_fraction=0.25,
                resampled=True,
            ),
            keywords=("holdout", "hold-out", "held-out"),
        ),
        ProtocolOption(
            Protocol(
                id="grouped",
                description="Every seed draws a random test part of whole groups; rows of one group are never on "
                "both sides.",
                test_fraction=0.25,
                resampled=True,
                grouped_by="person-years with the same plan and health record, or hours of the same day",
            ),
            keywords=("grouped", "leakage", "repeated persons", "clustered", "new persons", "new days"),
        ),
    ),
    fixes=FIXES,
    sweeps=(
        SweepOption(
            Sweep(
                id="train_fraction",
                name="share of the training rows",
                values=(1.0, 0.3, 0.1),
                description="the share of the training part that methods may learn from",
            ),
            keywords=("learning curve", "sample size", "small sample", "few rows", "little data"),
        ),
    ),
    setting="Covariates enter as they come from the file. All models give a whole distribution for every row and are "
    "fitted by a quasi-Newton search for the maximum of the likelihood with at most 2000 steps, in coordinates that "
    "make the columns of the design orthogonal and with a penalty of 0.01 there, which keeps the maximum finite; a "
    "search that does not converge counts as an error. A seed changes the division of the rows only.",
    question="Which departures from the Poisson law improve held-out predictions of counts?",
    citations=("nelder1972generalized", "cameron1998regression", "czado2009predictive", "gneiting2007strictly"),
    queries=("count data regression", "zero-inflated and hurdle models", "negative binomial regression"),
    requires=("numpy", "pandas", "scipy", "scikit-learn", "statsmodels"),
    cautions=(
        "Rows repeat persons or follow each other in time, so intervals from random splits are probably too narrow.",
        "The models describe associations; coefficients are not estimated or interpreted here.",
    ),
    sliced=True,
    out_of_reach=("time series", "forecast", "survival", "crowd counting", "object counting", "image", "text"),
    predictions="counts",
)
