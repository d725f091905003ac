"""Classification of items seen in several views or modalities: how to fuse them, and what happens when one is lost."""

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

KIT = Kit(
    id="fusion",
    domain="multimodal",
    name="multi-view and multimodal classification",
    subjects=(
        "multimodal",
        "multi-modal",
        "modality",
        "modalities",
        "multi-view",
        "multiview",
        "view",
        "image and text",
        "image and name",
        "fusion",
        "emoji",
        "sensor",
        "heterogeneous features",
    ),
    tasks=(
        "fusion",
        "fuse",
        "classification",
        "classify",
        "predict the category",
        "missing modality",
        "missing view",
        "stacking",
        "stacked",
        "late",
        "early",
        "concatenation",
        "combine",
        "ensemble",
        "recognition",
    ),
    datasets=(
        DatasetOption(
            "mfeat",
            seconds=7.0,
            keywords=("multi-view", "digit", "fourier", "zernike", "morphology", "handwritten", "view"),
        ),
        DatasetOption(
            "emoji-glyphs",
            seconds=3.5,
            keywords=("emoji", "image and text", "image and name", "rendered image", "modality", "vision and language"),
            needs=("emoji-names",),
        ),
        DatasetOption("nutrimouse", seconds=0.3, default=False, keywords=("gene", "lipid", "omics", "mouse", "mice")),
    ),
    reference=MethodSpec(
        id="majority",
        name="majority class",
        role="reference",
        description="predicts the most frequent class of the training part",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="early fusion",
        role="baseline",
        description="multinomial logistic regression on the concatenated views",
        tags=("linear", "fusion"),
    ),
    alternatives=(
        MethodSpec(
            id="best_single_view",
            name="best single view",
            role="alternative",
            description="logistic regression on the one view that does best in three inner folds of the training part",
            tags=("linear",),
        ),
        MethodSpec(
            id="neural_network",
            name="neural network",
            role="alternative",
            description="a perceptron with one layer of 100 hidden units on the concatenated views",
            tags=("neural", "deep learning"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="late_fusion",
                name="late fusion",
                description="replaces the joint classifier by one classifier for every view",
                tags=("fusion", "ensemble", "linear"),
                citations=("kittler1998combining", "snoek2005early"),
            ),
            keywords=("late fusion", "late", "decision level", "product rule", "fusion rule", "vote", "missing"),
            why="every view is judged by itself, so that a lost view simply does not vote",
            detail="One logistic regression is trained for every view; the class with the largest mean "
            "log-probability over the views that an item has wins.",
            promises=("gain", "robustness"),
        ),
        Component(
            ComponentSpec(
                id="stacking",
                name="stacking",
                description="combines classifiers by a trained combiner",
                tags=("fusion", "ensemble"),
                citations=("wolpert1992stacked",),
            ),
            keywords=("stacking", "stacked", "stack", "meta-classifier", "trained combiner", "fusion rule"),
            why="views differ in reliability from class to class, which a trained combiner can learn",
            detail="A logistic regression combines the log-probabilities of the single-view classifiers, and of the "
            "joint classifier unless late fusion takes its place; it is trained on scores for items held out in three "
            "inner folds. The log-probabilities of a missing view are replaced by those of the class frequencies.",
        ),
        Component(
            ComponentSpec(
                id="kernel_maps",
                name="per-view kernels",
                description="appends to every view the features of a Gaussian kernel of its own",
                tags=("kernel", "features"),
                citations=("gonen2011multiple",),
            ),
            keywords=("kernel", "multiple kernel", "nonlinear", "gaussian", "rbf", "fusion rule"),
            why="every view has its own scale of similarity",
            detail="The Nystroem method with at most 100 landmarks approximates a Gaussian kernel on every view; its "
            "width is the median squared distance between training items. The features are standardised and appended.",
        ),
        Component(
            ComponentSpec(
                id="view_dropout",
                name="view dropout",
                description="trains also on copies of the items that lack a view",
                tags=("augmentation", "regularisation"),
                citations=("ngiam2011multimodal",),
            ),
            keywords=("modality dropout", "view dropout", "dropout", "missing", "absent", "lost", "robust"),
            why="a classifier that has met missing views does not lean on one view alone",
            detail="Every training item is used twice, once complete and once with one view, drawn at random, taken "
            "away.",
            promises=("robustness",),
        ),
        Component(
            ComponentSpec(
                id="view_scaling",
                name="view scaling",
                description="gives every view the same total variance",
                tags=("normalisation", "preprocessing"),
            ),
            keywords=("scaling", "normalisation", "normalization", "balance", "weight of a view", "dimension"),
            why="a view with many columns otherwise outweighs one with few",
            detail="Every view is divided by the root of its number of columns and multiplied by the root of the mean "
            "number.",
        ),
        Component(
            ComponentSpec(
                id="view_products",
                name="view products",
                description="appends products of the leading components of every pair of views",
                tags=("features", "fusion"),
                citations=("baltrusaitis2019multimodal",),
            ),
            keywords=("bilinear", "product", "tensor fusion", "interaction", "cross-modal"),
            why="what one view means can depend on another",
            detail="The five leading principal components of each of two views are multiplied with each other, and "
            "the 25 products join as a further view.",
        ),
        Component(
            ComponentSpec(
                id="cross_imputation",
                name="cross-view imputation",
                description="estimates a missing view from the others",
                tags=("preprocessing",),
                citations=("little2002statistical",),
            ),
            keywords=("imputation", "impute", "estimate missing", "reconstruct"),
            why="views of one item are correlated",
            detail="A ridge regression with penalty ten, trained on the complete training items, predicts the columns "
            "of a missing view from the others; complete items are left as they are.",
            promises=("robustness",),
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="accuracy",
                name="accuracy",
                direction="higher",
                percent=True,
                description="the share of items labelled correctly",
            ),
            keywords=("accuracy",),
        ),
        Metric(
            MetricSpec(
                id="macro_f1",
                name="macro-F1",
                direction="higher",
                percent=True,
                description="the mean over classes of the harmonic mean of precision and recall",
            ),
            keywords=("macro-f1", "macro f1", "f1", "rare class", "imbalance"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="grouped",
                description="Every seed draws a stratified test part such that variants of one emoji are all on one "
                "side; items without groups are drawn singly. All methods share it.",
                test_fraction=0.2,
                resampled=True,
                grouped_by="emoji family",
            ),
            keywords=("grouped", "base name", "family", "unseen emoji", "variants"),
        ),
        ProtocolOption(
            Protocol(
                id="holdout",
                description="Every seed draws a stratified test part; all methods share it.",
                test_fraction=0.2,
                resampled=True,
            ),
            keywords=("random split", "ungrouped", "stratified holdout"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="missing_view_rate",
                name="rate of missing views",
                values=(0.0, 0.3, 0.6),
                description="the probability that a test item lacks one view, drawn at random",
            ),
            keywords=(
                "missing view",
                "view being missing",
                "whole view",
                "missing for",
                "sensor failure",
                "missing rate",
                "robust",
            ),
            default=True,
        ),
        SweepOption(
            Sweep(
                id="missing_modality",
                name="missing modality",
                values=("none", "image", "text"),
                description="the modality that all test items lack; training items are complete",
            ),
            keywords=(
                "missing modality",
                "modality is missing",
                "image absent",
                "text absent",
                "one channel",
                "missing at test time",
            ),
            datasets=("emoji-glyphs",),
        ),
        SweepOption(
            Sweep(
                id="view_subset",
                name="views",
                values=(
                    "fourier+zernike+morphology",
                    "fourier",
                    "zernike",
                    "morphology",
                    "fourier+zernike",
                    "fourier+morphology",
                    "zernike+morphology",
                    "all six",
                ),
                description="the views that methods may train on and see at test time",
            ),
            keywords=("single view", "view subset", "subset of views", "all pairs", "six views", "which views"),
            datasets=("mfeat",),
        ),
        SweepOption(
            Sweep(
                id="modality_subset",
                name="modalities",
                values=("image+text", "image", "text"),
                description="the modalities that methods may train on and see at test time",
            ),
            keywords=("single modality", "unimodal", "image only", "text only", "name only"),
            datasets=("emoji-glyphs",),
        ),
    ),
    setting="Of the multiple features, the three weak views (Fourier coefficients, Zernike moments, morphology) are "
    "used unless stated otherwise; numeric columns are standardised. Emoji are drawn at 24 by 24 pixels, which give "
    "60 principal components, and their names give 300 latent dimensions of TF-IDF weighted sequences of two to four "
    "characters; both blocks are centred and scaled to mean variance one. Flags and components are left out. For the "
    "mice, the diet is predicted. Everything is fitted on the training part. A missing view is replaced by its "
    "training mean, which is zero after scaling. All logistic regressions have inverse penalty strength 0.1. A seed "
    "changes the division, inner folds, random starts, and which views are missing.",
    question="Which way of fusing views pays, and which one survives the loss of a view?",
    citations=(
        "kittler1998combining",
        "snoek2005early",
        "baltrusaitis2019multimodal",
        "nadeau2003inference",
        "pedregosa2011scikit",
    ),
    queries=(
        "multimodal fusion early late",
        "stacked generalisation multiple views",
        "missing modality robustness",
        "multiple kernel learning",
        "combining classifiers handwritten digits",
        "emoji representation",
    ),
    requires=("numpy", "pandas", "scikit-learn", "pillow"),
    cautions=(
        "Block scaling and text dimensions were fixed while the kit was developed, after scores on splits of the emoji "
        "data had been seen.",
        "The views of the digits were computed from the same binary images, so they are not separate sensors.",
        "The emoji images are drawings of one font, not photographs, and their names were written by those who file "
        "them.",
        "Training items are complete; views are missing at test time only, and independently of the class.",
        "Forty mice leave eight test items in a split, so intervals on them are wide.",
    ),
    sliced=True,
    out_of_reach=(
        "captioning",
        "caption",
        "visual question answering",
        "question answering",
        "retrieval",
        "generation",
        "translation",
        "video",
        "grounding",
        "contrastive",
        "clip",
        "alignment",
        "segmentation",
        "detection",
        "audio-visual",
        "speech",
    ),
)
