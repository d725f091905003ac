"""Classification of nodes by the structure around them, across a pair of graphs or within one."""

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
    id="node_classification",
    domain="graph",
    name="classification of nodes",
    subjects=("node", "nodes", "connectome", "neuron", "network", "social network", "graph", "brain", "hemisphere"),
    tasks=(
        "node classification",
        "classification",
        "classify",
        "cell type",
        "node description",
        "node label",
        "transfer",
        "spectral embedding",
        "degree",
        "neighbourhood profile",
        "random-walk",
        "random walk",
        "alignment",
        "align",
    ),
    datasets=(
        DatasetOption("drosophila", seconds=1.2, keywords=("connectome", "neuron", "brain", "cell type", "transfer")),
        DatasetOption("karate-club", seconds=0.6, keywords=("social", "club", "friendship")),
        DatasetOption("les-miserables", seconds=0.6, default=False, keywords=("novel", "character", "co-occurrence")),
    ),
    reference=MethodSpec(
        id="majority",
        name="majority class",
        role="reference",
        description="predicts the most frequent class of the labelled nodes",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="degrees with logistic regression",
        role="baseline",
        description="logistic regression on logarithms of the number and summed weight of edges out of and into a node",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="random_forest",
            name="random forest",
            role="alternative",
            description="a forest of 200 trees on degrees, embedding, neighbour profiles and walk statistics together",
            tags=("tree", "ensemble"),
        ),
        MethodSpec(
            id="mlp",
            name="multilayer perceptron",
            role="alternative",
            description="a network with 32 hidden units on degrees, embedding, neighbour profiles and walk statistics "
            "together, trained for 300 passes",
            tags=("neural", "deep learning"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="spectral_embedding",
                name="aligned spectral embedding",
                description="describes nodes also by scaled singular vectors, those of the second graph aligned to "
                "the first",
                tags=("features", "alignment"),
                citations=("sussman2012consistent", "athreya2018statistical"),
            ),
            keywords=("spectral", "embedding", "singular", "align", "alignment", "sign"),
            why="the leading singular vectors tell which groups of nodes a node connects to",
            detail="The six leading left and right singular vectors of the logarithm of one plus the weights are "
            "multiplied "
            "by the roots of their singular values. The sign of each pair of vectors is arbitrary: in the graph to "
            "label "
            "it is the one that brings the quantiles of the pair's values nearer to those in the other graph, which "
            "needs "
            "no labels.",
        ),
        Component(
            ComponentSpec(
                id="neighbour_profiles",
                name="neighbour profiles",
                description="describes nodes also by the degrees of their neighbours",
                tags=("features",),
                citations=("hamilton2017inductive",),
            ),
            keywords=("neighbourhood", "neighborhood", "neighbour", "neighbor", "profile", "aggregation"),
            why="what a node connects to can differ where the number of its edges does not",
            detail="For successors and for predecessors apart, the weighted mean and standard deviation of the four "
            "degree "
            "numbers are appended.",
        ),
        Component(
            ComponentSpec(
                id="walk_statistics",
                name="random-walk statistics",
                description="describes nodes also by the chance that a random walk returns",
                tags=("features",),
                citations=("perozzi2014deepwalk",),
            ),
            keywords=("random-walk", "random walk", "walk", "return probability", "diffusion"),
            why="walks return soon where a node sits in a tight group",
            detail="The logarithm of the chance to be back after two to eight steps is appended for a walk that "
            "ignores the "
            "direction of edges and follows them by weight; 0.0001 is added to each chance.",
        ),
        Component(
            ComponentSpec(
                id="rank_alignment",
                name="rank alignment",
                description="replaces every number by its rank within its graph",
                tags=("preprocessing", "alignment", "normalisation"),
                citations=("pan2010survey",),
            ),
            keywords=("rank", "quantile", "align", "alignment", "normalisation", "normalization", "shift"),
            why="two graphs can differ in the scale of a number but not in its order",
            detail="Each column of the descriptions is ranked within its graph, ties with their mean rank, and "
            "divided by "
            "the number of nodes.",
            promises=("gain", "robustness"),
        ),
        Component(
            ComponentSpec(
                id="self_training",
                name="self-training",
                description="learns again with the nodes that were labelled with confidence",
                tags=("semi-supervised",),
                citations=("yarowsky1995unsupervised",),
            ),
            keywords=("self-training", "self training", "pseudo-label", "unlabelled", "unlabeled", "semi-supervised"),
            why="confident guesses on the other graph show how its classes lie",
            detail="After a first fit, unlabelled nodes of the graph to label whose top class has a probability of at "
            "least "
            "0.9 are added with that class, and the classifier is fitted once more.",
        ),
        Component(
            ComponentSpec(
                id="class_weights",
                name="class weighting",
                description="weighs every class by the inverse of its frequency",
                tags=("reweighting",),
                citations=("he2009learning",),
            ),
            keywords=("class weight", "imbalance", "imbalanced", "rare", "rare class", "rare type"),
            why="rare classes otherwise contribute little to the loss",
            detail="The loss of every labelled node is multiplied by the inverse relative frequency of its class.",
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="accuracy",
                name="accuracy",
                direction="higher",
                percent=True,
                description="the share of nodes labelled correctly",
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
            keywords=("macro-f1", "f1", "rare"),
        ),
        Metric(
            MetricSpec(
                id="balanced_accuracy",
                name="balanced accuracy",
                direction="higher",
                percent=True,
                description="the mean recall over classes",
            ),
            keywords=("balanced accuracy", "imbalance", "imbalanced"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="transfer",
                description="Every seed draws seven tenths of the labelled nodes of one graph, by class, to learn "
                "from. "
                "Where a data set has two graphs, all nodes of the other one are tested and none of its labels is "
                "used; "
                "where it has one, the other nodes of the same graph are tested.",
                test_fraction=0.3,
                resampled=True,
            ),
            keywords=("transfer", "across", "left", "right", "reverse"),
        ),
        ProtocolOption(
            Protocol(
                id="within",
                description="Every seed draws a stratified test part among the nodes of one graph, the first where a "
                "data "
                "set has two; descriptions use the edges of all nodes.",
                test_fraction=0.3,
                resampled=True,
            ),
            keywords=("within one graph", "within-side", "within side", "same graph"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="direction",
                name="direction of the transfer",
                values=("left to right", "right to left"),
                description="which side is learnt from and which is tested",
            ),
            keywords=("direction", "reverse", "both directions", "left side", "right side", "left and right"),
            datasets=("drosophila",),
        ),
        SweepOption(
            Sweep(
                id="train_fraction",
                name="share of the labelled nodes",
                values=(1.0, 0.5, 0.25, 0.1),
                description="the share of the labelled nodes that methods may learn from, at least one for each class",
            ),
            keywords=("few labels", "small data", "label budget", "learning curve", "sample size"),
            default=True,
        ),
        SweepOption(
            Sweep(
                id="alignment",
                name="alignment of the embeddings",
                values=("signs", "none", "rotation"),
                description="how the embedding of the second graph is aligned without labels: by the signs of singular "
                "vectors, not at all, or by signs followed by ten rounds of nearest-neighbour matching and orthogonal "
                "rotation",
            ),
            keywords=("aligned without labels", "procrustes", "rotation", "sign alignment", "alignment method"),
            datasets=("drosophila",),
        ),
        SweepOption(
            Sweep(
                id="removed_edges",
                name="share of edges removed",
                values=(0.0, 0.1, 0.3, 0.5),
                description="the share of edges removed at random from the graph whose nodes are labelled",
            ),
            keywords=("missing edges", "removed edges", "edge removal", "robust", "robustness", "noise", "sparse"),
        ),
    ),
    setting="Descriptions use edges only, never labels, and are computed for both graphs where there are two. "
    "Columns are standardised on the labelled nodes; the logistic regression has an L2 penalty of strength one. "
    "The classes of the novel's characters are the communities that greedy modularity finds in the same graph, since "
    "the "
    "graph has no labels of its own.",
    question="Which description of nodes by structure alone tells their classes, also in another graph?",
    citations=(
        "luxburg2007tutorial",
        "athreya2018statistical",
        "nadeau2003inference",
        "pedregosa2011scikit",
        "hagberg2008exploring",
    ),
    queries=(
        "node classification structural features",
        "adjacency spectral embedding",
        "connectome cell types",
        "transfer between graphs",
    ),
    requires=("networkx", "numpy", "scikit-learn", "scipy"),
    cautions=(
        "The two sides of one animal are a single pair of graphs: nothing follows for other animals.",
        "The social graphs are demonstrations of a few dozen nodes.",
        "Test nodes of a transfer are the same for all seeds, which differ in the nodes that are labelled.",
    ),
    sliced=True,
    out_of_reach=(
        "knowledge graph",
        "link prediction",
        "missing link",
        "graph classification",
        "molecule",
        "molecular",
        "community detection",
        "clustering",
        "generation",
        "graph matching",
        "influence",
        "centrality",
    ),
    exposures=(
        Exposure("the order of its nodes follows their classes", datasets=("drosophila",)),
        Exposure("its classes are computed from the graph that is handed out", datasets=("les-miserables",)),
    ),
)
