"""Classification of small tables: what helps a linear model, and whose probabilities can be trusted."""

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Fix, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

COMPONENTS = (
    Component(
        ComponentSpec(
            id="sigmoid_calibration",
            name="sigmoid recalibration",
            description="maps the scores of the model to probabilities by a sigmoid fitted in inner folds",
            tags=("calibration",),
            citations=("platt1999probabilistic",),
        ),
        conflicts=("isotonic_calibration",),
        keywords=("calibration", "recalibration", "platt", "sigmoid", "probabilities"),
        why="the scores of a regularised model can be too timid or too bold",
        detail="The training part is divided into three inner folds. A model is fitted to two of them and a sigmoid "
        "to its scores on the third, one sigmoid for every class against the rest; the three calibrated models are "
        "averaged. Recalibration therefore never sees a row that it is judged on.",
        promises=("calibration",),
    ),
    Component(
        ComponentSpec(
            id="isotonic_calibration",
            name="isotonic recalibration",
            description="maps the scores of the model to probabilities by an increasing step function fitted in inner "
            "folds",
            tags=("calibration",),
            citations=("zadrozny2002transforming",),
        ),
        conflicts=("sigmoid_calibration",),
        keywords=("calibration", "recalibration", "isotonic", "probabilities"),
        why="an increasing step function can mend distortions of any shape",
        detail="As with sigmoid recalibration there are three inner folds of the training part, but the map from "
        "scores to probabilities is the increasing step function of least squared error. When both kinds of "
        "recalibration are on, the step function is fitted to the output of the sigmoids, in inner folds of its own.",
        promises=("calibration",),
    ),
    Component(
        ComponentSpec(
            id="forest",
            name="random forest",
            description="learns by a forest of 100 randomised trees instead of the linear model",
            tags=("tree", "ensemble"),
            citations=("breiman2001random",),
        ),
        only_if_asked=True,
        keywords=("random forest", "forest", "tree ensemble", "trees"),
        why="trees follow thresholds and interactions that a linear model misses",
        detail="The logistic regression is replaced by a forest of 100 unpruned trees with the settings of the "
        "library; everything around it stays the same.",
        promises=("gain", "robustness"),
    ),
    Component(
        ComponentSpec(
            id="quantiles",
            name="quantile transform",
            description="maps every feature to a normal distribution by its training ranks",
            tags=("preprocessing", "normalisation"),
        ),
        keywords=("quantile", "rank transform", "skewed", "outlier", "preprocessing", "scaling"),
        why="ranks remove skew and outliers that pull a linear decision boundary",
        detail="Each feature is replaced by the normal quantile of its rank, interpolated between 25 quantiles of "
        "the training part.",
        promises=("gain", "robustness"),
    ),
    Component(
        ComponentSpec(
            id="interactions",
            name="pairwise interactions",
            description="appends the products of all pairs of features",
            tags=("features",),
            citations=("hastie2009elements",),
        ),
        keywords=("interaction", "polynomial", "feature cross", "nonlinear", "feature engineering"),
        why="products let a linear model bend its boundary",
        detail="All pairwise products of the features are appended and every column is standardised afterwards.",
    ),
    Component(
        ComponentSpec(
            id="feature_selection",
            name="feature selection",
            description="keeps the half of the features in which the classes differ most",
            tags=("features", "regularisation"),
            citations=("guyon2003introduction",),
        ),
        keywords=("feature selection", "variable selection", "irrelevant features", "dimension reduction"),
        why="features without signal add variance when rows are few",
        detail="Constant columns are dropped. The others are ranked by the F statistic of a one-way analysis of "
        "variance between the classes of the training part, and the better half is kept.",
        promises=("gain", "efficiency"),
    ),
    Component(
        ComponentSpec(
            id="class_weights",
            name="class weighting",
            description="weighs every class by the inverse of its frequency",
            tags=("reweighting",),
            citations=("he2009learning",),
        ),
        keywords=("class weight", "reweighting", "cost-sensitive"),
        why="rare classes otherwise contribute little to the loss",
        detail="The loss of every row is multiplied by the inverse relative frequency of its class in the training "
        "part.",
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
        id="limit_folds",
        pattern=r"provided less than 3 examples for at least one class",
        reason="A class has fewer training rows than recalibration has inner folds; where that is so there are only as "
        "many folds as the smallest class has rows, and with a single row the method goes without recalibration.",
        registry="FOLDING",
    ),
    Fix(
        id="halve_rows",
        pattern=r"\ATimeLimit\b",
        reason="A run was not done when its time was up; every method now learns from half as many training rows, "
        "drawn at random within every class, so all of them may do worse than before, and by different amounts.",
        registry="REDUCTION",
    ),
    Fix(
        id="quarter_rows",
        pattern=r"\ATimeLimit\b",
        reason="A run was not done when its time was up; every method now learns from a quarter as many training "
        "rows, drawn at random within every class, which costs accuracy and favours methods that need few rows.",
        registry="REDUCTION",
    ),
)

KIT = Kit(
    id="tabular_classification",
    domain="tabular",
    name="classification of tabular data",
    subjects=(
        "tabular",
        "table",
        "clinical data",
        "structured data",
        "small data",
        "feature columns",
        "spreadsheet",
        "measurements",
    ),
    tasks=(
        "classification",
        "classifier",
        "classify",
        "logistic regression",
        "calibration",
        "recalibration",
        "calibrated",
        "diagnosis",
        "label noise",
    ),
    datasets=(
        DatasetOption("breast-cancer", seconds=1.0, keywords=("clinical", "tumour", "tumor")),
        DatasetOption("wine", seconds=0.5),
        DatasetOption("penguins", seconds=0.6, default=False, keywords=("missing values", "mixed types")),
        DatasetOption("pima", seconds=0.8, default=False, keywords=("clinical", "diabetes")),
        DatasetOption("orange-juice", seconds=0.8, default=False),
        DatasetOption("college", seconds=0.8, default=False),
        DatasetOption("phishing", seconds=0.8, default=False),
        DatasetOption("bananas", seconds=1.5, default=False),
        DatasetOption("credit-default", seconds=2.5, default=False),
        DatasetOption("iris", seconds=0.4, default=False),
    ),
    reference=MethodSpec(
        id="majority",
        name="majority class",
        role="reference",
        description="predicts the class frequencies of the training part",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="logistic regression",
        role="baseline",
        description="multinomial logistic regression with an L2 penalty of strength one",
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
            description="a neural network with one hidden layer of 50 units, trained by Adam until an epoch lowers the "
            "loss by less than 0.001 ten times in a row",
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
                id="balanced_accuracy",
                name="balanced accuracy",
                direction="higher",
                percent=True,
                description="the mean recall over classes",
            ),
            keywords=("balanced accuracy",),
        ),
        Metric(
            MetricSpec(
                id="accuracy",
                name="accuracy",
                direction="higher",
                percent=True,
                description="the share of rows labelled correctly",
            ),
            keywords=("accuracy",),
        ),
        Metric(
            MetricSpec(
                id="log_loss",
                name="log loss",
                direction="lower",
                description="the mean negative log-likelihood in nats",
            ),
            keywords=("log loss", "likelihood", "probabilities"),
        ),
        Metric(
            MetricSpec(
                id="brier",
                name="Brier score",
                direction="lower",
                description="half the mean squared distance between the predicted probabilities and the truth",
            ),
            keywords=("brier", "probability score"),
        ),
        Metric(
            MetricSpec(
                id="ece",
                name="calibration error",
                direction="lower",
                description="the expected calibration error of the top class in ten bins of equal width",
            ),
            keywords=("calibration", "calibrated", "recalibration", "reliability", "ece"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="holdout",
                description="Every seed draws a stratified test part; all methods share it.",
                test_fraction=0.3,
                resampled=True,
            ),
            keywords=("holdout", "hold-out"),
        ),
        ProtocolOption(
            Protocol(
                id="cross_validation",
                description="Five seeds are the five stratified folds of one random order of the rows, the next five "
                "those of another; whatever is tuned or recalibrated uses inner folds of the training part only.",
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
                values=(1.0, 0.5, 0.25, 0.05),
                description="the share of the training part that methods may learn from",
            ),
            keywords=("few labels", "small sample", "label budget", "learning curve", "sample size", "little data"),
        ),
        SweepOption(
            Sweep(
                id="label_noise",
                name="share of wrong training labels",
                values=(0.0, 0.1, 0.2, 0.3),
                description="the share of the training labels that are replaced by a random other class",
            ),
            keywords=("label noise", "noisy labels", "wrong labels", "mislabelled", "annotation errors"),
        ),
    ),
    setting="Features enter as they come from the file; only row numbers and the survey year are left out. The "
    "logistic regression is fitted by a quasi-Newton method with at most 1000 steps, and a fit that does not converge "
    "counts as an error. A seed changes the division of the rows and the random choices of the learners.",
    question="Which additions to a linear model pay on small tables?",
    citations=("cox1958regression", "nadeau2003inference", "pedregosa2011scikit"),
    queries=("tabular data classification", "probability calibration of classifiers", "comparison of classifiers"),
    requires=("numpy", "pandas", "scikit-learn"),
    cautions=(
        "The tables are small, clean and old; results need not carry over to large operational data.",
        "On a few hundred rows, differences in calibration error of about 0.01 are within noise.",
        "Nothing here supports use in the care of patients.",
    ),
    sliced=True,
    out_of_reach=(
        "time series",
        "survival",
        "clustering",
        "anomaly detection",
        "regression trees for counts",
        "stream",
        "drift",
        "causal",
        "recommendation",
    ),
    predictions="probabilities",
)
