"""Classification of time series: which random choices in convolution kernels pay."""

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

KIT = Kit(
    id="series_classification",
    domain="time_series",
    name="classification of time series",
    subjects=("time series", "series", "ucr", "sensor", "signal", "temporal", "motion", "waveform", "outline"),
    tasks=(
        "classification",
        "classifier",
        "classify",
        "recognition",
        "convolution",
        "kernel count",
        "random kernel",
        "rocket",
        "nearest neighbour",
        "dynamic time warping",
    ),
    datasets=(
        DatasetOption("arrowhead", seconds=0.7, keywords=("ucr",)),
        DatasetOption("osu-leaf", seconds=1.8, keywords=("ucr",)),
        DatasetOption("gunpoint", seconds=0.6, default=False, keywords=("ucr",)),
        DatasetOption("italy-power-demand", seconds=0.7, default=False, keywords=("ucr",)),
        DatasetOption(
            "basic-motions",
            seconds=0.6,
            default=False,
            keywords=("multivariate", "accelerometer", "activity", "wearable", "smartwatch"),
        ),
        DatasetOption("acsf1", seconds=3.0, default=False, keywords=("appliance", "household")),
    ),
    reference=MethodSpec(
        id="majority",
        name="majority class",
        role="reference",
        description="predicts the most frequent class of the training part",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="plain random kernels",
        role="baseline",
        description="random convolution kernels pooled by their maximum alone, with a ridge classifier",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="nearest_neighbour",
            name="nearest neighbour",
            role="alternative",
            description="the class of the nearest training series by Euclidean distance",
            tags=("instance-based",),
        ),
        MethodSpec(
            id="warping_neighbour",
            name="nearest neighbour with warping",
            role="alternative",
            description="the class of the nearest training series by dynamic time warping, on series shortened to at "
            "most 64 block means and with a band of a tenth of the length",
            tags=("instance-based", "alignment"),
        ),
        MethodSpec(
            id="mlp",
            name="multilayer perceptron",
            role="alternative",
            description="a network with one hidden layer of 100 units on the raw values, trained for 200 passes",
            tags=("neural", "deep learning"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="dilation",
                name="dilation",
                description="spreads the weights of every kernel by a random gap",
                tags=("features",),
                citations=("dempster2020rocket",),
            ),
            keywords=("dilation", "dilated", "receptive field", "scale"),
            why="one kernel length can then match patterns of many durations",
            detail="The gap between neighbouring weights is two to the power of a uniform draw, so that the kernel "
            "spans "
            "anything from its own length to the whole series; gaps are rounded down.",
        ),
        Component(
            ComponentSpec(
                id="proportion_positive",
                name="proportion of positive values",
                description="pools the responses also by the proportion that is positive",
                tags=("features",),
                citations=("dempster2020rocket",),
            ),
            keywords=("proportion of positive", "proportion-of-positive-values", "ppv", "pooling"),
            why="it tells how much of a series matches a pattern, where the maximum only tells how well the best part "
            "does",
            detail="Each kernel yields a second feature: the share of positions at which its response exceeds zero.",
        ),
        Component(
            ComponentSpec(
                id="padding",
                name="padding",
                description="extends the series by zeros at both ends for a random half of the kernels",
                tags=("preprocessing",),
                citations=("dempster2020rocket",),
            ),
            keywords=("padding", "zero-padding", "border", "edges"),
            why="patterns at the ends of a series are otherwise seen by few weights",
            detail="A fair coin decides for each kernel; the zeros on either side number half of the kernel's span, so "
            "that its centre visits every value.",
        ),
        Component(
            ComponentSpec(
                id="bias",
                name="bias",
                description="adds a random constant to the responses of every kernel",
                tags=("features",),
                citations=("dempster2020rocket",),
            ),
            keywords=("bias", "offset", "threshold"),
            why="it moves the threshold at which a response counts as positive",
            detail="The constant is uniform between minus one and one. It shifts the maximum of a kernel by the same "
            "amount in every series, which the later standardisation removes; it can therefore act only together with "
            "pooling that counts or averages positive responses.",
        ),
        Component(
            ComponentSpec(
                id="differences",
                name="first differences",
                description="lets every other kernel read the first differences of the series",
                tags=("preprocessing", "features"),
                citations=("tan2022multirocket",),
            ),
            keywords=("difference", "differencing", "derivative", "multirocket"),
            why="changes can tell classes apart where levels do not",
            detail="Kernels with an odd number are applied to the first differences instead of the values; the number "
            "of kernels stays the same.",
        ),
        Component(
            ComponentSpec(
                id="positive_mean",
                name="mean of positive values",
                description="pools the responses also by the mean of the positive ones",
                tags=("features",),
                citations=("tan2022multirocket",),
            ),
            keywords=("mean of positive", "pooling operator", "pooling", "multirocket"),
            why="it tells the typical strength of matches, which neither a maximum nor a proportion does",
            detail="Each kernel yields a further feature: the mean of its responses above zero, or zero if there are "
            "none.",
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="accuracy",
                name="accuracy",
                direction="higher",
                percent=True,
                description="the share of series labelled correctly",
            ),
            keywords=("accuracy",),
        ),
        Metric(
            MetricSpec(
                id="balanced_accuracy",
                name="balanced accuracy",
                direction="higher",
                percent=True,
                description="the mean recall over classes",
            ),
            keywords=("imbalance", "imbalanced", "rare class", "balanced accuracy"),
        ),
        Metric(
            MetricSpec(
                id="macro_f1",
                name="macro-F1",
                direction="higher",
                percent=True,
                description="the mean over classes of the harmonic mean of precision and recall",
            ),
            keywords=("macro-f1", "f1"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="resampled",
                description="The two published parts are joined and every seed draws a new stratified test part; "
                "all methods share it. The scores are therefore not those of the published division.",
                test_fraction=0.7,
                resampled=True,
            ),
            keywords=("resample", "resampled"),
        ),
        ProtocolOption(
            Protocol(
                id="published",
                description="The published training and test parts are kept, whatever their sizes; seeds change only "
                "the random numbers of the methods.",
                test_fraction=0.7,
                resampled=False,
            ),
            keywords=("official split", "published split", "official train", "default split", "archive split"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="kernels",
                name="number of kernels",
                values=(2000, 500, 100, 30, 10),
                description="the number of kernels that a method may draw; classifiers without kernels ignore it",
            ),
            keywords=(
                "kernel count",
                "number of kernels",
                "how many kernels",
                "2000",
                "feature count",
                "efficiency",
                "budget",
            ),
        ),
        SweepOption(
            Sweep(
                id="train_fraction",
                name="share of the training series",
                values=(1.0, 0.5, 0.25),
                description="the share of the training series that methods may learn from",
            ),
            keywords=("few labels", "small data", "label budget", "learning curve", "sample size", "training size"),
            default=True,
        ),
        SweepOption(
            Sweep(
                id="noise",
                name="noise in the test series",
                values=(0.0, 0.25, 0.5, 1.0),
                unit="standard deviations",
                description="the strength of Gaussian noise added to the test series, which are standardised again",
            ),
            keywords=("noise", "noisy", "robust", "robustness", "corruption", "corrupted"),
        ),
    ),
    setting="Every channel of every series is standardised to mean zero and unit standard deviation. "
    "Kernels have 7, 9 or 11 normally distributed weights with their mean removed, and each reads one channel. "
    "A method draws 500 kernels unless their number is varied. "
    "All variants with the same seed share weights: random numbers that a variant does not use are drawn all the same. "
    "Features are standardised on the training part, and the ridge penalty is chosen among ten values from 0.001 to "
    "1000 by the leave-one-out error on the training part. "
    "The transform is written in numpy; kernels of equal shape are applied by one matrix product.",
    question="Which random choices in convolution kernels make a linear classifier of time series accurate?",
    citations=("dempster2020rocket", "dau2019ucr", "hoerl1970ridge", "nadeau2003inference", "pedregosa2011scikit"),
    queries=(
        "time series classification",
        "random convolutional kernels",
        "UCR archive",
        "dilation and pooling of convolution kernels",
    ),
    requires=("numpy", "scikit-learn"),
    cautions=(
        "The problems are small and their series are cut to equal length and aligned in advance; "
        "results need not carry over to raw sensor streams.",
    ),
    sliced=True,
    out_of_reach=(
        "forecast",
        "forecasting",
        "anomaly",
        "anomaly detection",
        "segmentation",
        "clustering",
        "imputation",
        "change point",
        "early classification",
        "generation",
    ),
)
