"""Regression on small tables: what helps ridge regression."""

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Fix, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

COMPONENTS = (
    Component(
        ComponentSpec(
            id="splines",
            name="spline features",
            description="appends a cubic spline basis for every feature with many values",
            tags=("features", "smoothing"),
            citations=("hastie2009elements",),
        ),
        keywords=("spline", "nonlinear", "non-linear", "additive", "smooth"),
        why="the target need not be linear in its features",
        detail="For every column with more than ten values a cubic B-spline basis is appended, with knots at its "
        "extremes and quartiles in the training part, repeated quartiles merged, and linear beyond the outer knots; "
        "all columns are standardised afterwards.",
    ),
    Component(
        ComponentSpec(
            id="interactions",
            name="pairwise interactions",
            description="appends the products of all pairs of features",
            tags=("features",),
            citations=("hastie2009elements",),
        ),
        keywords=("interaction", "polynomial", "feature cross", "products"),
        why="the effect of one feature may depend on another",
        detail="All pairwise products are appended and every column is standardised afterwards. With splines, the "
        "products come first.",
    ),
    Component(
        ComponentSpec(
            id="log_target",
            name="log target",
            description="learns the logarithm of the target and transforms predictions back",
            tags=("preprocessing",),
        ),
        keywords=("log target", "log transform", "logarithm", "skewed target", "target transformation"),
        why="effects on skewed targets such as salaries multiply rather than add",
        detail="The model is fitted to $\\log(1+y)$ and its predictions are transformed back without a correction for "
        "the bias of that step.",
    ),
    Component(
        ComponentSpec(
            id="tuned_penalty",
            name="tuned penalty",
            description="chooses the strength of the penalty by inner folds",
            tags=("regularisation", "search"),
            citations=("hoerl1970ridge",),
        ),
        keywords=("penalty", "regularisation", "regularization", "tuning", "tuned", "shrinkage", "ridge"),
        why="the right amount of shrinkage depends on the number of columns",
        detail="The strength of the penalty is the one of 0.1, 1, 10, 100 and 1000 with the highest coefficient of "
        "determination in five inner folds of the training part.",
        promises=("gain", "robustness"),
    ),
    Component(
        ComponentSpec(
            id="robust_loss",
            name="robust loss",
            description="replaces the squared loss by one that grows only linearly for large errors",
            tags=("regularisation",),
            citations=("huber1964robust",),
        ),
        keywords=("robust", "huber", "outlier", "heavy tails", "contaminated"),
        why="a few extreme targets otherwise pull the whole fit",
        detail="The squared loss is replaced by Huber's loss, linear beyond 1.35 standard deviations, and fitted by "
        "repeated weighted least squares; the standard deviation is taken from the median absolute error of the tenth "
        "round and is at least a twentieth of that of the targets. The penalty stays quadratic.",
        promises=("robustness",),
    ),
    Component(
        ComponentSpec(
            id="feature_selection",
            name="feature selection",
            description="keeps the half of the columns most correlated with the target",
            tags=("features", "regularisation"),
            citations=("guyon2003introduction",),
        ),
        keywords=("feature selection", "variable selection", "irrelevant features", "sparse"),
        why="columns without signal add variance when rows are few",
        detail="Constant columns are dropped. The others, appended ones included, are ranked by the F statistic of "
        "their correlation with the target in the training part, and the better half is kept.",
        promises=("gain", "efficiency"),
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
        reason="The solver does not converge on columns of very different scale; every column is shifted and scaled "
        "to mean zero and variance one in the training part.",
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
    id="tabular_regression",
    domain="tabular",
    name="regression on tabular data",
    subjects=(
        "tabular",
        "table",
        "structured data",
        "small data",
        "salary",
        "wage",
        "sales",
        "disease progression",
        "fuel consumption",
        "continuous target",
    ),
    tasks=(
        "regression",
        "linear regression",
        "ridge",
        "ridge regression",
        "predict a number",
        "salary prediction",
        "wage prediction",
        "robust regression",
    ),
    datasets=(
        DatasetOption("diabetes", seconds=1.5),
        DatasetOption("carseats", seconds=1.5),
        DatasetOption("hitters", seconds=1.5, default=False, keywords=("baseball",)),
        DatasetOption("auto-mpg", seconds=1.5, default=False, keywords=("cars",)),
        DatasetOption("wage", seconds=3.0, default=False, keywords=("workers",)),
    ),
    reference=MethodSpec(
        id="mean",
        name="training mean",
        role="reference",
        description="predicts the mean of the training targets",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="ridge regression",
        role="baseline",
        description="linear regression with an L2 penalty of strength one",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="gradient_boosting",
            name="gradient boosting",
            role="alternative",
            description="a boosted ensemble of 100 trees of depth three with the library's default settings",
            tags=("tree", "ensemble", "boosting"),
        ),
        MethodSpec(
            id="mlp",
            name="multilayer perceptron",
            role="alternative",
            description="a neural network with one hidden layer of 50 units on standardised features and targets, "
            "trained by Adam until an epoch lowers the loss by less than 0.001 ten times in a row",
            tags=("neural", "deep learning"),
        ),
        MethodSpec(
            id="random_forest",
            name="random forest",
            role="alternative",
            description="a forest of 100 trees with the library's default settings",
            tags=("tree", "ensemble"),
        ),
    ),
    components=COMPONENTS,
    metrics=(
        Metric(
            MetricSpec(
                id="r2",
                name="coefficient of determination",
                direction="higher",
                description="the share of the variance of the test targets that the predictions explain",
            ),
            keywords=("explained variance", "determination"),
        ),
        Metric(
            MetricSpec(
                id="rmse",
                name="RMSE",
                direction="lower",
                description="the root of the mean squared error in units of the target",
            ),
            keywords=("rmse", "squared error"),
        ),
        Metric(
            MetricSpec(
                id="mae",
                name="MAE",
                direction="lower",
                description="the mean absolute error in units of the target",
            ),
            keywords=("mae", "absolute error"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="holdout",
                description="Every seed draws a random test part; all methods share it.",
                test_fraction=0.3,
                resampled=True,
            ),
            keywords=("holdout", "hold-out"),
        ),
        ProtocolOption(
            Protocol(
                id="cross_validation",
                description="Five seeds are the five folds of one random order of the rows, the next five those of "
                "another; whatever is tuned uses inner folds of the training part only.",
                test_fraction=0.2,
                resampled=True,
            ),
            keywords=("cross-validation", "nested", "k-fold"),
        ),
    ),
    fixes=FIXES,
    sweeps=(
        SweepOption(
            Sweep(
                id="train_fraction",
                name="share of the training rows",
                values=(1.0, 0.5, 0.25),
                description="the share of the training part that methods may learn from",
            ),
            keywords=("small sample", "learning curve", "sample size", "little data", "few rows"),
        ),
        SweepOption(
            Sweep(
                id="outliers",
                name="share of spoiled training targets",
                values=(0.0, 0.05, 0.1, 0.2),
                description="the share of the training targets that are multiplied by three",
            ),
            keywords=("outlier", "contaminated", "robust", "corrupted targets", "gross errors"),
        ),
    ),
    setting="Features enter as they come from the file; names of car models, and copies of the target in another unit, "
    "are left out. Players without a known salary are dropped. Ridge regression is solved exactly, and an iterative "
    "fit that does not converge counts as an error. A seed changes the division of the rows, the inner folds and the "
    "random choices of the alternatives.",
    question="Which additions to ridge regression pay on small tables?",
    citations=("hoerl1970ridge", "hastie2009elements", "nadeau2003inference", "pedregosa2011scikit"),
    queries=("ridge regression", "regression on tabular data", "robust regression", "feature engineering"),
    requires=("numpy", "pandas", "scikit-learn"),
    cautions=(
        "The tables are small, and some of them simulated; results need not carry over to large operational data.",
        "RMSE and MAE have the units of the target, so their means over data sets say little.",
    ),
    out_of_reach=("time series", "forecast", "count", "survival", "causal", "stream", "drift", "spatial"),
    predictions="numbers",
)
