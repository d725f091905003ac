"""Learning from a stream, one row at a time: what helps an online linear model, with and without drift."""

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

COMPONENTS = (
    Component(
        ComponentSpec(
            id="standardisation",
            name="online standardisation",
            description="scales every feature by the mean and the deviation of the rows seen so far",
            tags=("preprocessing", "normalisation"),
        ),
        keywords=("standardisation", "standardization", "scaling", "normalisation", "normalization"),
        why="gradient steps of one size suit features only when these are of one scale",
        detail="Running means and variances of the features are updated by every row before it is labelled, without "
        "its label, and survive a restart.",
    ),
    Component(
        ComponentSpec(
            id="ddm",
            name="drift detection method",
            description="starts the model anew when its error rate has risen well above its best",
            tags=("probabilistic",),
            citations=("gama2004learning",),
        ),
        keywords=("drift detection", "detector", "ddm", "concept drift", "change detection", "adaptive"),
        why="a fresh model learns a changed concept faster than an old one unlearns",
        detail="The running error rate of the labels handed in and its standard deviation are compared with the pair "
        "of smallest sum since the last start; after at least 30 rows, a rise by three standard deviations sets all "
        "weights back to zero.",
        promises=("robustness", "gain"),
    ),
    Component(
        ComponentSpec(
            id="page_hinkley",
            name="Page-Hinkley test",
            description="starts the model anew when errors beyond their mean have piled up",
            tags=("probabilistic",),
            citations=("page1954continuous",),
        ),
        keywords=("page-hinkley", "detector", "cumulative sum", "cusum", "concept drift", "change detection"),
        why="a cumulative sum of errors notices a lasting change and forgives single mistakes",
        detail="The sum of errors less their running mean and less 0.005 is tracked from the last start; after at "
        "least 30 rows, a rise of more than ten above its lowest value sets all weights back to zero. With two "
        "detectors, either of them does.",
        promises=("robustness", "gain"),
    ),
    Component(
        ComponentSpec(
            id="bagging",
            name="online bagging",
            description="lets ten copies of the model vote that see every row a random number of times",
            tags=("ensemble", "resampling"),
            citations=("oza2001online",),
        ),
        keywords=("bagging", "ensemble", "ensembles", "adaptive ensembles", "committee"),
        why="the mean of several models is steadier than one of them",
        detail="Each of ten copies makes a gradient step multiplied by a Poisson number of mean one for every row; the "
        "probabilities of the copies are averaged. A detector restarts all copies.",
        promises=("gain", "robustness"),
    ),
    Component(
        ComponentSpec(
            id="adaptive_steps",
            name="adaptive step sizes",
            description="gives every weight a step that shrinks with its own past gradients",
            tags=("regularisation",),
        ),
        keywords=("adaptive learning rate", "adagrad", "step size", "learning rate"),
        why="weights of rare or small features deserve larger steps",
        detail="The step of a weight is 0.5 divided by the root of the sum of its squared gradients.",
    ),
    Component(
        ComponentSpec(
            id="forgetting",
            name="forgetting",
            description="lets old evidence fade by a fixed share with every row",
            tags=("regularisation",),
            citations=("gama2014survey",),
        ),
        keywords=("forgetting", "decay", "fading", "recency", "window"),
        why="what was learned long ago may no longer hold",
        detail="Before every step all weights, and sums of squared gradients where they are kept, are multiplied by "
        "0.995.",
        promises=("robustness",),
    ),
)

KIT = Kit(
    id="stream_learning",
    domain="tabular",
    name="learning from data streams",
    subjects=(
        "stream",
        "streams",
        "data stream",
        "streaming",
        "online",
        "telemetry",
        "concept drift",
        "non-stationary",
    ),
    tasks=(
        "online learning",
        "incremental",
        "stream learning",
        "drift",
        "drift detector",
        "test-then-train",
        "prequential",
        "hoeffding",
        "hoeffding tree",
        "online logistic regression",
        "classification",
        "adaptive ensembles",
    ),
    datasets=(
        DatasetOption("phishing", seconds=0.6),
        DatasetOption("image-segments", seconds=1.2),
        DatasetOption("bananas", seconds=2.0),
    ),
    reference=MethodSpec(
        id="majority",
        name="majority class",
        role="reference",
        description="predicts the class that was most frequent so far and looks at no feature",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="online logistic regression",
        role="baseline",
        description="multinomial logistic regression trained by one gradient step of size 0.05 for each row",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="hoeffding_tree",
            name="Hoeffding tree",
            role="alternative",
            description="a tree that splits a leaf once the Hoeffding bound says which feature is best, with naive "
            "Bayes in its leaves",
            tags=("tree", "probabilistic"),
        ),
        MethodSpec(
            id="naive_bayes",
            name="incremental naive Bayes",
            role="alternative",
            description="naive Bayes with running means and variances of normal features",
            tags=("probabilistic",),
        ),
        MethodSpec(
            id="network",
            name="online network",
            role="alternative",
            description="a network with one hidden layer of 20 units and one gradient step for each row, on features "
            "standardised online",
            tags=("neural",),
        ),
    ),
    components=COMPONENTS,
    metrics=(
        Metric(
            MetricSpec(
                id="progressive_accuracy",
                name="progressive accuracy",
                direction="higher",
                percent=True,
                description="the share of all rows labelled correctly before their label was revealed",
            ),
            keywords=("progressive accuracy", "prequential"),
        ),
        Metric(
            MetricSpec(
                id="accuracy_after",
                name="accuracy in the second half",
                direction="higher",
                percent=True,
                description="the same share over the second half of the stream, which the synthetic drift opens",
            ),
            keywords=("after the drift", "second half"),
        ),
        Metric(
            MetricSpec(
                id="recovery_rows",
                name="recovery rows",
                direction="lower",
                description="the rows after the middle until the accuracy over the latest 50 of them is back at nine "
                "tenths of its level over the 200 rows before; at best 50, and all rows left when it never returns",
            ),
            keywords=("recovery", "recovers", "recover fastest", "recovery time"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="test_then_train",
                description="Every seed shuffles the rows into a stream of its own. Each row is labelled first and "
                "learned from afterwards, in one pass, so that all rows are tested.",
                test_fraction=0.999,
                resampled=False,
            ),
            keywords=("test-then-train", "prequential"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="drift",
                name="synthetic drift",
                values=("none", "swap"),
                description="whether, from the middle of the stream on, every class bears the label of the next one; "
                "this drift is synthetic",
            ),
            keywords=("drift", "label swap", "label-swap", "change", "recover", "adaptive", "non-stationary"),
            default=True,
        ),
    ),
    setting="Before the first row a learner knows only the number of features and classes. It can see a row only "
    "after it has handed in a label for the row before, which cannot be changed, and is told the true label in "
    "return. All learners are written in NumPy. Since rows carry no time stamp, a seed shuffles them into a new "
    "stream; the drift is synthetic in all conditions that have one. A seed also changes the random numbers of the "
    "ensemble.",
    question="What helps an online linear model, and what brings it back after a drift?",
    citations=("gama2013evaluating", "gama2014survey", "domingos2000mining", "harris2020array"),
    queries=("data stream classification", "concept drift detection", "online bagging", "Hoeffding tree"),
    requires=("numpy", "pandas", "scipy"),
    cautions=(
        "The drift is synthetic and the order of rows artificial; real drift may be slower and partial.",
        "All seeds use the same rows in different orders, so intervals describe the order and not other data.",
        "Recovery is measured against a method's own level, so a method near chance recovers at once; read it beside "
        "the accuracy.",
    ),
    sliced=True,
    out_of_reach=("forecast", "time series", "video", "audio", "speech", "reinforcement", "recommendation"),
    exposures=(Exposure("every label is handed out to the learner after its prediction, inside the experiment"),),
)
