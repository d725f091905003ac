"""Classification of texts by topic or opinion: what helps a linear model on counted words."""

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

CASED = ("rotten-tomatoes", "political-conventions")
SHORT = ("rotten-tomatoes", "emoji-names", "political-conventions")

KIT = Kit(
    id="text_classification",
    domain="nlp",
    name="text classification",
    subjects=(
        "text",
        "document",
        "review",
        "snippet",
        "newswire",
        "news",
        "newsgroup",
        "posting",
        "post",
        "speech",
        "sentence",
        "natural language",
        "bag of words",
        "bag-of-words",
        "emoji name",
        "language processing",
        "short text",
    ),
    tasks=(
        "classification",
        "classifier",
        "classify",
        "categorisation",
        "categorization",
        "sentiment",
        "topic label",
        "label budget",
        "semi-supervised",
        "active learning",
        "unlabelled",
        "unlabeled",
        "macro-f1",
        "long tail",
        "leakage",
        "random split",
        "fresh or rotten",
        "few-shot",
    ),
    datasets=(
        DatasetOption(
            "rotten-tomatoes", seconds=6.0, keywords=("film", "movie", "sentiment", "review", "fresh", "rotten")
        ),
        DatasetOption("emoji-names", seconds=0.9, keywords=("emoji", "short text")),
        DatasetOption(
            "political-conventions",
            seconds=1.3,
            default=False,
            keywords=("political", "speech", "party", "long document"),
        ),
        DatasetOption(
            "reuters-r52", seconds=15.0, default=False, keywords=("reuters", "newswire", "rare topics", "long tail")
        ),
        DatasetOption("reuters-r8", seconds=7.0, default=False, keywords=("reuters", "newswire")),
        DatasetOption(
            "newsgroups-20", seconds=8.0, default=False, keywords=("newsgroup", "posts", "postings", "usenet")
        ),
    ),
    reference=MethodSpec(
        id="majority",
        name="majority class",
        role="reference",
        description="predicts the most frequent class of the labelled texts",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="linear SVM on words",
        role="baseline",
        description="a linear support vector machine on TF-IDF weighted words",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="complement_naive_bayes",
            name="complement naive Bayes",
            role="alternative",
            description="complement naive Bayes on TF-IDF weighted words",
            tags=("probabilistic", "smoothing"),
        ),
        MethodSpec(
            id="neural_network",
            name="neural network",
            role="alternative",
            description="a perceptron with one layer of 20 hidden units on TF-IDF weighted words",
            tags=("neural", "deep learning"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="bigrams",
                name="word pairs",
                description="appends pairs of neighbouring words",
                tags=("features",),
                citations=("wang2012baselines",),
            ),
            keywords=("bigram", "word pair", "n-gram", "word order", "phrase", "negation"),
            why="pairs keep some word order, such as a negated adjective",
            detail="The 20000 most frequent pairs of neighbouring words that occur in at least two texts are weighted "
            "like words and appended.",
        ),
        Component(
            ComponentSpec(
                id="class_weights",
                name="class weighting",
                description="weighs every class by the inverse of its frequency",
                tags=("reweighting",),
                citations=("he2009learning",),
            ),
            keywords=(
                "class weight",
                "weighting",
                "imbalance",
                "imbalanced",
                "rare class",
                "rare topic",
                "long tail",
                "macro-f1",
                "long-tail",
                "cost-sensitive",
                "inexpensive",
            ),
            why="rare classes otherwise contribute little to the loss",
            detail="The loss of every text is multiplied by the inverse relative frequency of its class when it is the "
            "positive class of its machine.",
            promises=("gain", "robustness"),
        ),
        Component(
            ComponentSpec(
                id="latent_features",
                name="latent semantic features",
                description="appends 100 latent semantic dimensions",
                tags=("features",),
                citations=("deerwester1990indexing",),
            ),
            keywords=(
                "latent semantic",
                "latent",
                "svd",
                "lsa",
                "topic features",
                "unlabelled",
                "unlabeled",
                "label budget",
                "semi-supervised",
                "few labels",
            ),
            why="words that occur in the same texts share a dimension, so that evidence carries over to words without "
            "labels",
            detail="A truncated singular value decomposition of the word weights of all training texts, labelled or "
            "not, gives 100 dimensions; they are scaled to unit length and appended.",
        ),
        Component(
            ComponentSpec(
                id="log_count_ratios",
                name="naive-Bayes scaling",
                description="scales features by their naive-Bayes log-count ratios",
                tags=("probabilistic", "reweighting"),
                citations=("wang2012baselines",),
            ),
            keywords=(
                "naive bayes",
                "log-count",
                "nb-svm",
                "nbsvm",
                "term weighting",
                "feature weighting",
                "inexpensive",
            ),
            why="the ratio tells at once how much a word speaks for a class",
            detail="For every class against the rest, each counted feature is multiplied by the size of the logarithm "
            "of the ratio of its smoothed document shares inside and outside the class, and rows are scaled to unit "
            "length.",
        ),
        Component(
            ComponentSpec(
                id="character_ngrams",
                name="character sequences",
                description="appends sequences of three and four characters",
                tags=("features",),
                citations=("joulin2017bag",),
            ),
            keywords=("character", "subword", "n-gram", "morphology", "spelling", "typo"),
            why="parts of words connect inflected and rare forms",
            detail="The 20000 most frequent sequences of three and four characters inside words are weighted like "
            "words and appended.",
            promises=("gain", "robustness"),
            datasets=SHORT,
        ),
        Component(
            ComponentSpec(
                id="name_masking",
                name="name masking",
                description="replaces capitalised words inside sentences by one placeholder",
                tags=("preprocessing", "regularisation"),
            ),
            keywords=("mask", "masking", "name", "capitalised", "capitalized", "entity", "leakage", "anonymise"),
            why="names of people and works identify a group rather than the class",
            detail="A capitalised word that follows a space after a letter, comma, colon, semicolon, dash or closing "
            "bracket is replaced by one placeholder; first words of sentences and the pronoun I stay.",
            promises=("robustness",),
            datasets=CASED,
        ),
        Component(
            ComponentSpec(
                id="self_training",
                name="self-training",
                description="adds unlabelled texts with the labels that the classifier is surest of",
                tags=("semi-supervised",),
                citations=("yarowsky1995unsupervised",),
            ),
            needs_sweep="labels_per_class",
            keywords=("self-training", "pseudo-label", "semi-supervised", "unlabelled", "unlabeled", "few labels"),
            why="sure predictions on unlabelled texts carry words that labelled texts lack",
            detail="In each of three rounds the classifier labels the unlabelled texts; those with the largest margin "
            "between the two best classes are added, for every class at most as many as it had labels at first and at "
            "most half of those assigned to it.",
        ),
        Component(
            ComponentSpec(
                id="label_spreading",
                name="label spreading",
                description="adds unlabelled texts with labels spread over a graph of neighbours",
                tags=("semi-supervised", "instance-based"),
                citations=("zhou2003learning",),
            ),
            needs_sweep="labels_per_class",
            keywords=(
                "label spreading",
                "label propagation",
                "graph",
                "semi-supervised",
                "unlabelled",
                "unlabeled",
                "few labels",
            ),
            why="neighbouring texts mostly share a class, however few of them are labelled",
            detail="Labels spread for 30 iterations with damping 0.9 over a graph of ten nearest neighbours in 100 "
            "latent dimensions; the surer half of the unlabelled texts joins the training part of the classifier.",
        ),
        Component(
            ComponentSpec(
                id="uncertainty_sampling",
                name="uncertainty sampling",
                description="spends half of the labels on the texts that the classifier is least certain of",
                tags=("search", "semi-supervised"),
                citations=("lewis1994sequential",),
            ),
            needs_sweep="labels_per_class",
            keywords=("uncertainty sampling", "active learning", "query", "select", "annotation"),
            why="a label tells most where the classifier wavers",
            detail="Half of the random labels are given back, and as many are bought, a tenth of the budget at a time, "
            "for the texts with the smallest margin between the two best classes; the number of labels stays the same.",
            promises=("gain", "efficiency"),
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="accuracy",
                name="accuracy",
                direction="higher",
                percent=True,
                description="the share of texts labelled correctly",
            ),
            keywords=("accuracy", "leakage", "label budget"),
        ),
        Metric(
            MetricSpec(
                id="macro_f1",
                name="macro-F1",
                direction="higher",
                percent=True,
                description="the mean over classes of the harmonic mean of precision and recall",
            ),
            keywords=("macro-f1", "macro f1", "f1", "long tail", "rare topic", "rare class", "imbalance"),
        ),
        Metric(
            MetricSpec(
                id="balanced_accuracy",
                name="balanced accuracy",
                direction="higher",
                percent=True,
                description="the mean recall over classes",
            ),
            keywords=("balanced accuracy", "mean recall"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="grouped",
                description="Every seed draws a stratified test part such that texts of one film, speaker or emoji "
                "family are all on one side; texts without groups are drawn singly. All methods share it.",
                test_fraction=0.2,
                resampled=True,
                grouped_by="film, speaker or emoji family",
            ),
            keywords=("grouped", "film", "leakage", "unseen film", "unseen speaker", "group"),
        ),
        ProtocolOption(
            Protocol(
                id="published",
                description="The published test part of a corpus is kept whole, and every seed draws nine tenths of "
                "its published training part, class by class; of a corpus without a published division every seed "
                "draws a stratified test part. All methods share it.",
                test_fraction=0.25,
                resampled=True,
            ),
            keywords=(
                "published split",
                "published train",
                "official split",
                "standard split",
                "by-date",
                "reuters",
                "r52",
                "r8",
                "newswire",
                "newsgroups",
                "20 newsgroups",
            ),
        ),
        ProtocolOption(
            Protocol(
                id="holdout",
                description="Every seed draws a stratified test part; all methods share it.",
                test_fraction=0.2,
                resampled=True,
            ),
            keywords=("stratified holdout", "random holdout"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="labels_per_class",
                name="labels per class",
                values=(5, 20, 100),
                description="the number of training texts of every class whose label is known; the other training "
                "texts stay as unlabelled texts",
            ),
            keywords=(
                "label budget",
                "labels per class",
                "few labels",
                "unlabelled",
                "unlabeled",
                "semi-supervised",
                "few-shot",
                "self-training",
                "pseudo-label",
                "label spreading",
                "label propagation",
                "active learning",
                "uncertainty sampling",
                "annotation",
            ),
        ),
        SweepOption(
            Sweep(
                id="split_design",
                name="split design",
                values=("grouped", "random"),
                description="whether the training part is drawn from the groups that are not tested or, in the same "
                "size, from all texts that are not tested; the test texts are the same in both",
            ),
            keywords=(
                "random split",
                "random splitting",
                "split design",
                "leakage",
                "film-grouped",
                "grouped split",
                "overstate",
            ),
            datasets=SHORT,
        ),
        SweepOption(
            Sweep(
                id="training_share",
                name="share of the training texts",
                values=(1.0, 0.3, 0.1),
                description="the share of the training texts of every class that methods may learn from",
            ),
            keywords=("learning curve", "sample size", "training size", "small data", "amount of training data"),
        ),
    ),
    setting="Texts are lower-cased and cut into words of at least two characters; words in at least two training "
    "texts are weighted by one plus the logarithm of their count times the inverse document frequency, which is taken "
    "from all training texts, labelled or not. All blocks of features are scaled to unit length, joined, and scaled "
    "to unit length again. The baseline is one linear support vector machine for every class against the rest with "
    "squared hinge loss and penalty strength one; within a run nothing is tuned on test texts. Flags and components "
    "are left out of the emoji names, plots out of the film snippets. Of 20 Newsgroups, 250 training and 75 test "
    "postings of every group are kept, always the same, and cut after 2000 characters. In the comparison of split "
    "designs, a third of the texts of three tenths of the groups is tested. A seed changes the division, the draw of "
    "labels, and random starts.",
    question="Which inexpensive additions to a linear model on counted words pay, and for which classes?",
    citations=(
        "joachims1998text",
        "fan2008liblinear",
        "salton1988term",
        "rennie2003tackling",
        "sebastiani2002machine",
        "nadeau2003inference",
        "pedregosa2011scikit",
    ),
    queries=(
        "text classification linear models",
        "semi-supervised text classification",
        "active learning text",
        "rare classes macro F1",
        "data leakage grouped split",
        "sentiment classification reviews",
    ),
    requires=("numpy", "scipy", "pandas", "scikit-learn"),
    cautions=(
        "Weights and vocabulary limits were fixed while the kit was developed, after scores on Reuters, newsgroup and "
        "review texts had been seen.",
        "All models count words or characters; nothing is said about pretrained language models.",
        "With a published division the test texts are the same for every seed, so intervals describe the draw of "
        "training texts only.",
        "The Reuters texts are stored in lower case without digits and punctuation, so nothing about case or numbers "
        "can be tested; the 20 Newsgroups texts keep part of their headers.",
        "Comparing split designs, about half of the other texts of a tested group can be in the random training part, "
        "fewer than in ordinary cross-validation.",
    ),
    sliced=True,
    out_of_reach=(
        "translation",
        "generation",
        "summarisation",
        "summarization",
        "question answering",
        "parsing",
        "tagging",
        "named entity recognition",
        "coreference",
        "dialogue",
        "chatbot",
        "language model",
        "prompt",
        "transformer",
        "fine-tuning",
        "retrieval",
        "embedding",
        "ner",
        "machine reading",
        "speech recognition",
        "authorship",
    ),
    withheld=("unlabelled_truth",),
    exposures=(
        Exposure(
            "labels that a method may only ask for lie inside the experiment",
            component="uncertainty_sampling",
        ),
        Exposure("one collection is a part of the other", together=("reuters-r52", "reuters-r8")),
    ),
)
