"""Classification with a rare class: which remedy pays, over many tables."""

from nanoresearch.crew.builtin.kits.kit import (
    Component,
    DatasetOption,
    Exposure,
    Fix,
    Kit,
    Metric,
    ProtocolOption,
    SweepOption,
)
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

SHARED = (
    "When several remedies that shift the balance of the classes are on, each raises the weight or the number of the "
    "rare class, or lowers that of the common one, by the k-th root of the imbalance ratio, where k is their number."
)

COMPONENTS = (
    Component(
        ComponentSpec(
            id="class_weights",
            name="class weighting",
            description="weighs the rows of the rare class up in the loss",
            tags=("reweighting",),
            citations=("elkan2001foundations",),
        ),
        keywords=("class weight", "weighting", "reweighting", "cost-sensitive", "cost sensitive"),
        why="rows of the rare class otherwise contribute little to the loss",
        detail="Every training row of the rare class has the weight of the imbalance ratio, the number of common rows "
        f"for each rare one, and every other row has weight one. {SHARED}",
    ),
    Component(
        ComponentSpec(
            id="smote",
            name="synthetic over-sampling",
            description="adds points between neighbouring rows of the rare class",
            tags=("resampling", "synthetic data", "augmentation"),
            citations=("chawla2002smote",),
        ),
        keywords=("smote", "synthetic", "synthetic oversampling", "synthetic over-sampling"),
        why="points between known ones widen the region of the rare class without repeating rows",
        detail="A random rare row is joined to one of its five nearest rare rows and a point on the line between them, "
        "drawn uniformly, is added to the training part, until the classes are balanced; columns of zeros and ones "
        "are interpolated like the others. Nothing is added to inner validation folds or to test rows.",
    ),
    Component(
        ComponentSpec(
            id="threshold",
            name="threshold moving",
            description="moves the threshold of the decision to where held-out scores balance the classes best",
            tags=("calibration",),
            citations=("elkan2001foundations",),
        ),
        keywords=("threshold", "threshold moving", "threshold tuning", "operating point", "cut-off"),
        why="the usual threshold of one half suits scores only when classes are about equally frequent",
        detail="Scores for the training part come from three inner folds, with all other remedies applied inside each "
        "of them; the threshold is the one of 99 quantiles of these scores with the highest balanced accuracy. The "
        "scores themselves do not change, and neither does the area under the precision-recall curve.",
        promises=("gain", "calibration"),
    ),
    Component(
        ComponentSpec(
            id="oversampling",
            name="random over-sampling",
            description="repeats random rows of the rare class",
            tags=("resampling",),
            citations=("batista2004study",),
        ),
        keywords=("over-sampling", "oversampling", "random oversampling", "over- and under-sampling", "resampling"),
        why="repetition gives the rare class a say in any learner, whatever its loss",
        detail="Random rare rows of the training part are repeated, with replacement, until the classes are balanced.",
    ),
    Component(
        ComponentSpec(
            id="undersampling",
            name="random under-sampling",
            description="drops random rows of the common class",
            tags=("resampling",),
            citations=("batista2004study",),
        ),
        keywords=("under-sampling", "undersampling", "downsampling", "random undersampling", "resampling"),
        why="balance by fewer rows also makes training faster",
        detail="Random common rows of the training part are dropped until the classes are balanced. When rows are "
        "dropped and added in the same method, they are dropped first.",
        promises=("gain", "efficiency"),
    ),
    Component(
        ComponentSpec(
            id="tree",
            name="tree learner",
            description="learns by a decision tree instead of the linear model",
            tags=("tree",),
            citations=("breiman1984classification",),
        ),
        only_if_asked=True,
        keywords=("tree", "tree model", "decision tree", "linear and one tree"),
        why="a tree can fence off a small region where the rare class lives",
        detail="The logistic regression is replaced by a decision tree with at least five rows in every leaf; the "
        "remedies around it stay the same.",
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
        id="limit_neighbours",
        pattern=r"Expected n_neighbors <= n_samples_fit",
        reason="A table has fewer rare training rows than synthetic over-sampling needs to find five neighbours for "
        "each; there it takes all other rare rows as neighbours, and repeats a single row, so new points vary less.",
        registry="NEIGHBOURING",
    ),
    Fix(
        id="limit_folds",
        pattern=r"needs samples of at least 2 classes in the data|index 1 is out of bounds for axis 1 with size 1",
        reason="An inner fold was left without any rare row; where a table has fewer rare training rows than there are "
        "folds there are only as many folds as rare rows, and with a single one the threshold stays at one half.",
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
    id="imbalanced_classification",
    domain="tabular",
    name="classification with a rare class",
    subjects=(
        "imbalanced",
        "imbalance",
        "rare class",
        "rare classes",
        "minority class",
        "skewed classes",
        "rare events",
        "fraud",
        "churn",
    ),
    tasks=(
        "classification",
        "classifier",
        "classify",
        "detection of rare",
        "class imbalance",
        "class weighting",
        "resampling",
        "oversampling",
        "over-sampling",
        "undersampling",
        "smote",
        "threshold moving",
        "linear and one tree model",
    ),
    datasets=(
        DatasetOption("credit-default", seconds=1.0, keywords=("loan", "credit")),
        DatasetOption("caravan", seconds=3.0, keywords=("insurance",)),
        DatasetOption(
            "keel-imbalanced", seconds=6.0, default=False, keywords=("benchmark", "many data sets", "at least 20")
        ),
        DatasetOption("digits", seconds=2.5, default=False),
    ),
    reference=MethodSpec(
        id="majority",
        name="common class",
        role="reference",
        description="always predicts the common class",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="logistic regression",
        role="baseline",
        description="logistic regression with an L2 penalty of strength one and a threshold of one half",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="decision_tree",
            name="decision tree",
            role="alternative",
            description="a decision tree with at least five rows in every leaf and no remedy for imbalance",
            tags=("tree",),
        ),
        MethodSpec(
            id="balanced_forest",
            name="balanced random forest",
            role="alternative",
            description="a forest of 30 trees in which every bootstrap sample is weighted to balance the classes",
            tags=("tree", "ensemble", "reweighting"),
        ),
        MethodSpec(
            id="mlp",
            name="multilayer perceptron",
            role="alternative",
            description="a neural network with one hidden layer of 20 units and no remedy for imbalance",
            tags=("neural", "deep learning"),
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
                description="the mean of the recalls of both classes, averaged over the tables of a collection",
            ),
            keywords=("balanced accuracy",),
        ),
        Metric(
            MetricSpec(
                id="pr_auc",
                name="PR-AUC",
                direction="higher",
                description="the average precision of the scores for the rare class",
            ),
            keywords=("pr-auc", "precision-recall", "average precision"),
        ),
        Metric(
            MetricSpec(
                id="f1",
                name="F1",
                direction="higher",
                description="the harmonic mean of precision and recall of the rare class; zero when nothing is found",
            ),
            keywords=("f1", "f-measure", "f-score"),
        ),
        Metric(
            MetricSpec(
                id="recall",
                name="recall of the rare class",
                direction="higher",
                percent=True,
                description="the share of the rare class that is found",
            ),
            keywords=("sensitivity", "missed cases"),
        ),
        Metric(
            MetricSpec(
                id="mcc",
                name="Matthews correlation",
                direction="higher",
                description="the correlation between decisions and truth; taken as zero when all decisions agree",
            ),
            keywords=("matthews", "mcc"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="holdout",
                description="Every seed draws a stratified test part of every table; all methods share it, and "
                "resampling touches training rows only.",
                test_fraction=0.3,
                resampled=True,
            ),
            keywords=("holdout", "hold-out"),
        ),
        ProtocolOption(
            Protocol(
                id="cross_validation",
                description="Five seeds are the five stratified folds of one random order of the rows, the next five "
                "those of another; resampling and threshold tuning use the training folds only.",
                test_fraction=0.2,
                resampled=True,
            ),
            keywords=("cross-validation", "training folds", "k-fold"),
        ),
    ),
    fixes=FIXES,
    sweeps=(
        SweepOption(
            Sweep(
                id="positive_share",
                name="share of the positive training rows",
                values=(1.0, 0.5, 0.25, 0.1),
                description="the share of the rare training rows that are kept",
            ),
            keywords=("degree of imbalance", "imbalance ratio", "severity", "rarer", "few positives"),
        ),
    ),
    setting="Features enter as they come from the file. A collection counts as one data set: a method is fitted to "
    "each of its tables by itself and the mean over tables is reported, with the value of every table beside it. Of "
    "the KEEL collection all tables with at least 300 rows and 25 positive ones are taken. Of the digits, ten tables "
    "are made, in each of which one digit is the rare class. The logistic regression is fitted by a quasi-Newton "
    "method with at most 1000 steps, and a fit that does not converge counts as an error. A seed changes the division "
    "of the rows and every random choice of the remedies.",
    question="Which remedies for a rare class pay, and do they add up?",
    citations=("he2009learning", "saito2015precision", "brodersen2010balanced", "pedregosa2011scikit"),
    queries=("imbalanced classification", "synthetic minority over-sampling", "cost-sensitive learning threshold"),
    requires=("numpy", "pandas", "scikit-learn"),
    cautions=(
        "Several tables of a collection come from one source and are related, so they count for less than their "
        "number.",
        "Balanced accuracy treats both kinds of error alike; where costs are known they should decide.",
    ),
    sliced=True,
    out_of_reach=("time series", "anomaly detection", "object detection", "stream", "drift", "text", "survival"),
    predictions="tables",
    exposures=(
        Exposure(
            "its tables are different views of the same rows, and the test rows of one are training rows of others",
            datasets=("keel-imbalanced", "digits"),
        ),
    ),
)
