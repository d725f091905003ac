"""Classification of small grey images: what helps a kernel machine when training images are few or test images poor."""

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.schema.blueprint import ComponentSpec, MethodSpec, MetricSpec, Protocol, Sweep

KIT = Kit(
    id="image_classification",
    domain="cv",
    name="classification of small grey images",
    subjects=(
        "image",
        "picture",
        "digit",
        "handwriting",
        "handwritten",
        "garment",
        "fashion",
        "clothing",
        "pixel",
        "computer vision",
        "visual",
    ),
    tasks=(
        "classification",
        "classifier",
        "classify",
        "recognition",
        "recognise",
        "recognize",
        "kernel classifier",
        "rbf",
        "support vector machine",
        "augmentation",
        "corruption",
        "robustness",
        "image features",
        "few-shot",
    ),
    datasets=(
        DatasetOption("digits", seconds=0.2),
        DatasetOption("mnist-5k", seconds=1.0),
        DatasetOption("fashion-mnist", seconds=1.0, default=False, keywords=("garment", "clothing", "fashion")),
    ),
    reference=MethodSpec(
        id="majority",
        name="constant class",
        role="reference",
        description="always predicts the most frequent class of the training images, the first of equals",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="RBF-SVM on pixels",
        role="baseline",
        description="a support vector machine with a Gaussian kernel and cost 10 on the raw grey values",
        tags=("kernel",),
    ),
    alternatives=(
        MethodSpec(
            id="perceptron",
            name="small neural network",
            role="alternative",
            description="a neural network with one hidden layer of 100 units on the same pixels",
            tags=("neural", "deep learning"),
        ),
        MethodSpec(
            id="neighbours",
            name="nearest neighbour",
            role="alternative",
            description="the label of the training image at the smallest Euclidean distance",
            tags=("instance-based",),
        ),
        MethodSpec(
            id="forest",
            name="random forest",
            role="alternative",
            description="a forest of 100 trees on the same pixels",
            tags=("tree", "ensemble"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="shifts",
                name="shifted copies",
                description="trains also on copies of the images that are moved by one pixel in four directions",
                tags=("augmentation", "synthetic data"),
                citations=("decoste2002training",),
            ),
            keywords=(
                "shift",
                "shifted copies",
                "translation",
                "translated copies",
                "augmentation",
                "virtual examples",
            ),
            why="a digit keeps its meaning when it moves, which pixels do not show",
            detail="Every training image is joined by four copies, moved up, down, left and right by one pixel.",
        ),
        Component(
            ComponentSpec(
                id="hog",
                name="gradient histograms",
                description="describes images by histograms of gradient directions instead of pixels",
                tags=("features",),
                citations=("dalal2005histograms",),
            ),
            keywords=(
                "gradient histogram",
                "gradient-histogram",
                "oriented gradient",
                "oriented-gradient",
                "histograms of gradients",
                "hog",
                "edge features",
            ),
            why="directions of strokes and edges vary less within a class than grey values do",
            detail=(
                "Gradients vote for nine unsigned directions, with linear interpolation between "
                "neighbouring directions, "
                "in square cells of a seventh of the image width, but at least two pixels. "
                "Overlapping blocks of two by two cells are brought to unit length and clipped at 0.2."
            ),
        ),
        Component(
            ComponentSpec(
                id="elastic",
                name="elastic distortion",
                description="trains also on copies of the images under smooth random displacements",
                tags=("augmentation", "synthetic data"),
                citations=("simard2003best",),
            ),
            keywords=("elastic", "elastic distortion", "deformation", "augmentation", "warped copies"),
            why="hands vary smoothly, and smooth displacements imitate that",
            detail=(
                "Every training image is joined by three copies. Each is displaced by a random field "
                "that is smoothed by "
                "a Gaussian of a seventh of the image width and scaled to a root mean square of 5 "
                "percent of the width. "
                "Copies are made of the original images only, so that they add to shifted copies and "
                "do not multiply them."
            ),
        ),
        Component(
            ComponentSpec(
                id="pca",
                name="PCA whitening",
                description="reduces the description to its leading principal components, scaled to equal variance",
                tags=("features", "preprocessing", "normalisation"),
                citations=("turk1991eigenfaces",),
            ),
            keywords=("pca", "principal component", "whitening", "dimension reduction", "eigen"),
            why="leading components keep the shape and leave pixel noise out",
            detail="Forty principal components of the training images are kept and scaled to unit variance.",
            promises=("robustness", "efficiency"),
        ),
        Component(
            ComponentSpec(
                id="patches",
                name="random-patch features",
                description=(
                    "describes every quarter of an image by its similarity to random patches of training images"
                ),
                tags=("features",),
                citations=("coates2011analysis",),
            ),
            keywords=("random patch", "random-patch", "patch features", "patches", "local features"),
            why="sums over a quarter do not depend on the exact place of a stroke",
            detail=(
                "Sixty-four patches, a fifth of the width wide, are drawn from the training images, "
                "flat ones excepted, and "
                "brought to zero mean and unit length. Similarities above 0.25 are averaged over "
                "each quarter of the image. "
                "When several descriptions are switched on, they are joined at equal total variance."
            ),
            promises=("gain", "robustness"),
        ),
        Component(
            ComponentSpec(
                id="deskewing",
                name="deskewing",
                description="shears every image until its ink stands upright",
                tags=("preprocessing", "normalisation"),
                citations=("lecun1998gradient",),
            ),
            keywords=("deskew", "deskewing", "slant", "skew", "shear", "upright"),
            why="slant is a habit of the writer and says nothing about the digit",
            detail="The shear that removes the covariance of rows and columns of ink is applied to every image.",
            datasets=("digits", "mnist-5k"),
        ),
        Component(
            ComponentSpec(
                id="median",
                name="median filter",
                description="smooths all images by a median over three by three pixels",
                tags=("preprocessing", "smoothing"),
            ),
            keywords=("median filter", "denoising", "noise removal", "smoothing"),
            why="a median removes single wrong pixels and keeps edges",
            detail=(
                "Each pixel is replaced by the median of its three by three neighbourhood, in training and test images."
            ),
            promises=("robustness",),
            datasets=("mnist-5k", "fashion-mnist"),
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="accuracy",
                name="accuracy",
                direction="higher",
                percent=True,
                description="the share of test images labelled correctly",
            ),
            keywords=("accuracy", "error rate"),
        ),
        Metric(
            MetricSpec(
                id="macro_f1",
                name="macro-F1",
                direction="higher",
                percent=True,
                description="the mean over classes of the harmonic mean of precision and recall",
            ),
            keywords=("macro-f1", "macro f1", "f1"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="few_images",
                description=(
                    "Every seed draws ten training images of every class from a fixed pool. "
                    "All seeds and methods share the test images, which are never in the pool."
                ),
                test_fraction=0.3,
                resampled=False,
            ),
            keywords=("few images", "few training", "tiny", "small data", "ten images", "few-shot", "10 per class"),
        ),
        ProtocolOption(
            Protocol(
                id="more_images",
                description=(
                    "Every seed draws fifty training images of every class from a fixed pool. "
                    "All seeds and methods share the test images, which are never in the pool."
                ),
                test_fraction=0.3,
                resampled=False,
            ),
            keywords=("corruption", "corrupted", "robustness", "occlusion", "50 per class", "fifty images"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="images_per_class",
                name="training images per class",
                values=(10, 50),
                unit="images",
                description="the number of training images of every class",
            ),
            keywords=("50 training", "10 or 50", "10 and 50", "training size", "learning curve", "sample size"),
        ),
        SweepOption(
            Sweep(
                id="corruption",
                name="corruption",
                values=(
                    "clean",
                    *(f"noise {strength}" for strength in (0.1, 0.2, 0.3, 0.4)),
                    *(f"blur {percent}" for percent in (2, 4, 6, 8)),
                    *(f"occlusion {percent}" for percent in (15, 30, 45, 60)),
                ),
                description=(
                    "three corruptions of the test images at four strengths: Gaussian noise by its "
                    "standard deviation, blur by "
                    "its standard deviation and square occlusion by its side, the last two in "
                    "percent of the image width"
                ),
            ),
            keywords=("corruption", "corruptions", "noise, blur", "blur and", "noise and blur", "degradation"),
        ),
        SweepOption(
            Sweep(
                id="noise",
                name="standard deviation of the noise",
                values=(0.0, 0.1, 0.2, 0.3, 0.4),
                description="Gaussian noise on every test pixel, as a share of the grey range",
            ),
            keywords=("noise", "noisy", "gaussian noise"),
        ),
        SweepOption(
            Sweep(
                id="blur",
                name="blur",
                values=(0, 2, 4, 6, 8),
                unit="percent of the width",
                description="the standard deviation of a Gaussian blur of the test images",
            ),
            keywords=("blur", "blurred", "out of focus"),
        ),
        SweepOption(
            Sweep(
                id="occlusion",
                name="side of the occluding square",
                values=(0, 15, 30, 45, 60),
                unit="percent of the width",
                description="the side of a black square at a random place of every test image",
            ),
            keywords=("occlusion", "occluded", "missing part", "cutout", "hidden"),
        ),
    ),
    setting=(
        "Grey values are scaled to the range from zero to one and not changed otherwise. "
        "The test images are a fixed draw of 100 per class, or 70 where a class has only about 180 images; "
        "for Fashion-MNIST they come from its published test part. "
        "The pool holds at most 400 further images per class, for Fashion-MNIST from its published training part. "
        "The kernel has the same form for every description: its squared distances are divided by the total variance "
        "of the training rows. No setting is tuned. "
        "A seed changes the training images, random patches, random distortions and the corruption of test images."
    ),
    question="What helps a kernel classifier of small images, and do gains add up?",
    citations=("cortes1995support", "chang2011libsvm", "pedregosa2011scikit"),
    queries=(
        "handwritten digit recognition support vector machine",
        "data augmentation images",
        "image features gradient histograms",
        "robustness image corruption",
    ),
    requires=("numpy", "scipy", "scikit-learn"),
    cautions=(
        "Intervals describe the choice of training images; the test images are the same for every seed.",
        "Training sets of different seeds overlap when fifty images per class are drawn from the small digits.",
        "The images are small, centred and on a plain ground; results need not carry over to photographs.",
        "The latency is that of one image within a batch.",
    ),
    sliced=True,
    out_of_reach=(
        "segmentation",
        "detection",
        "generation",
        "generative",
        "video",
        "caption",
        "super-resolution",
        "depth",
        "pose",
        "tracking",
        "retrieval",
        "medical",
        "self-supervised",
    ),
)
