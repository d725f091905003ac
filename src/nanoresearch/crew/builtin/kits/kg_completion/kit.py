"""Completion of small knowledge graphs: which form of a bilinear model pays."""

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
    id="kg_completion",
    domain="graph",
    name="completion of knowledge graphs",
    subjects=(
        "knowledge base",
        "knowledge graph",
        "knowledge base",
        "ontology",
        "triple",
        "relational data",
        "multi-relational",
        "kg",
    ),
    tasks=(
        "translational embedding",
        "translation model",
        "translation embedding",
        "translation-based",
        "link prediction",
        "completion",
        "complete",
        "link prediction",
        "missing link",
        "predict links",
        "embedding",
        "ranking",
        "bilinear",
        "translation model",
        "transe",
        "distmult",
        "rescal",
        "frequency rule",
    ),
    datasets=(
        DatasetOption("umls", seconds=1.8, keywords=("medical", "biomedical", "ontology")),
        DatasetOption("kinships", seconds=2.5, keywords=("kinship", "family", "social")),
        DatasetOption("nations", seconds=0.4, default=False, keywords=("political", "countries")),
    ),
    reference=MethodSpec(
        id="frequency",
        name="frequency rule",
        role="reference",
        description="ranks entities by how often they fill the same place in the same relation, whatever the other "
        "entity",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="diagonal bilinear model",
        role="baseline",
        description="32 real numbers for every entity and a diagonal of 32 for every relation, trained by a softmax "
        "over "
        "all entities (DistMult)",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="least_squares",
            name="full bilinear least squares",
            role="alternative",
            description="a full bilinear model fitted by alternating least squares (RESCAL), its rank and penalty "
            "chosen "
            "on the validation triples",
            tags=("linear",),
        ),
        MethodSpec(
            id="translation",
            name="translation model",
            role="alternative",
            description="a relation moves the vector of a head to near that of its tail (TransE), trained by a softmax "
            "over all entities",
            tags=("linear",),
        ),
        MethodSpec(
            id="mlp",
            name="multilayer perceptron",
            role="alternative",
            description="a network with one hidden layer of 64 units that reads entity and relation as indicators and "
            "gives a probability to every entity",
            tags=("neural", "deep learning"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="complex_form",
                name="complex form",
                description="uses complex numbers, half as many, so that a relation need not be symmetric",
                tags=("features",),
                citations=("trouillon2016complex",),
            ),
            keywords=("complex", "asymmetry", "asymmetric", "symmetry", "antisymmetric"),
            why="a real diagonal gives a triple and its reverse the same score, which most relations contradict",
            detail="Entities and relations have 16 complex numbers instead of 32 real ones, so that the count of "
            "fitted "
            "numbers stays the same; the score is the real part of the product with the conjugated tail.",
        ),
        Component(
            ComponentSpec(
                id="full_matrix",
                name="full relation matrix",
                description="gives every relation a full matrix instead of a diagonal",
                tags=("features",),
                citations=("nickel2011three",),
            ),
            keywords=("full bilinear", "full matrix", "rescal", "bilinear"),
            why="a matrix lets every feature of a head interact with every feature of a tail",
            detail="The matrix has 32 rows and columns, or 16 where numbers are complex; its first entries are "
            "smaller by "
            "the square root of the width, so that scores start equally large.",
        ),
        Component(
            ComponentSpec(
                id="cubed_penalty",
                name="cubed penalty",
                description="penalises the cubed sizes of all numbers of entities and relations",
                tags=("regularisation",),
                citations=("lacroix2018canonical",),
            ),
            keywords=("penalty", "regularisation", "regularization", "weight decay", "overfitting", "n3"),
            why="a few thousand triples are few for as many free numbers",
            detail="0.03 times the cubed absolute values, as means over entities and over relations, is added to the "
            "mean loss of a triple; the factor was chosen once on validation triples.",
            promises=("gain", "robustness"),
        ),
        Component(
            ComponentSpec(
                id="inverse_relations",
                name="inverse relations",
                description="learns separate numbers for every relation read backwards",
                tags=("augmentation", "features"),
                citations=("lacroix2018canonical", "kadlec2017knowledge"),
            ),
            keywords=("inverse", "reciprocal", "both directions", "backwards", "augmentation"),
            why="asking for heads and asking for tails are different questions",
            detail="Queries for heads use their own numbers instead of the conjugate transpose of those for tails.",
        ),
        Component(
            ComponentSpec(
                id="frequency_prior",
                name="frequency prior",
                description="adds the weighted logarithm of how often an entity fills the place in the relation",
                tags=("fusion", "features"),
                citations=("toutanova2015observed",),
            ),
            keywords=("frequency", "prior", "popularity", "observed feature", "hybrid", "rule"),
            why="the counts are known exactly and need not be learnt by vectors",
            detail="One weight for the logarithm of one plus the training count is learnt together with the vectors, "
            "starting from zero.",
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="mrr",
                name="MRR",
                direction="higher",
                description="the mean over queries of one divided by the filtered rank of the right answer",
            ),
            keywords=("mrr", "reciprocal rank", "ranking"),
        ),
        Metric(
            MetricSpec(
                id="hits_at_10",
                name="Hits at 10",
                direction="higher",
                percent=True,
                description="the share of queries whose right answer is among the first ten",
            ),
            keywords=("hits@10", "hits at 10"),
        ),
        Metric(
            MetricSpec(
                id="hits_at_1",
                name="Hits at 1",
                direction="higher",
                percent=True,
                description="the share of queries whose right answer comes first",
            ),
            keywords=("hits@1", "hits at 1"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="published",
                description="The published training, validation and test triples are kept; seeds change only the first "
                "numbers of a model and the order of its training. Settings and passes are chosen on validation "
                "triples.",
                test_fraction=0.1,
                resampled=False,
            ),
            keywords=("official split", "published split"),
        ),
        ProtocolOption(
            Protocol(
                id="redrawn",
                description="Every seed divides all triples anew into training, validation and test part; all methods "
                "share it. The scores are therefore not those of the published division.",
                test_fraction=0.1,
                resampled=True,
            ),
            keywords=("resample", "resampled", "redrawn", "random split", "repeated split"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="train_fraction",
                name="share of the training triples",
                values=(1.0, 0.5, 0.25),
                description="the share of the training triples that methods may learn from; validation triples are not "
                "reduced",
            ),
            keywords=("sparse", "sparsity", "few triples", "small data", "learning curve", "sample size", "incomplete"),
            default=True,
        ),
    ),
    setting="Every triple asks two questions: for its tail and for its head. "
    "Ranks are filtered: other entities that complete the query to a known triple are left out, and ties share their "
    "mean rank. "
    "Bilinear models are trained in numpy with 60 full-batch Adam steps at a rate of 0.1 on the sum of both "
    "questions' softmax losses, and the step with the best filtered rank on validation triples, looked up every ten "
    "steps, is kept. First numbers are normal with standard deviation 0.5. "
    "The number of fitted parameters counts a complex number twice. "
    "Scores are also given apart for relations whose triples are mostly known in both directions (at least three "
    "quarters), hardly (at most one quarter), and in between.",
    question="Which form of a bilinear model completes small knowledge graphs best?",
    citations=("nickel2016review", "yang2015embedding", "kemp2006learning", "ruffinelli2020you", "ali2021pykeen"),
    queries=(
        "knowledge graph completion",
        "bilinear embedding of relations",
        "filtered ranking evaluation link prediction",
        "translation embedding",
    ),
    requires=("numpy", "scikit-learn"),
    cautions=(
        "The graphs are tiny, dense and closed; results need not carry over to large sparse knowledge bases.",
        "With the published division, intervals over seeds show the effect of random starts only.",
    ),
    sliced=True,
    out_of_reach=(
        "node classification",
        "graph classification",
        "question answering",
        "entity alignment",
        "entity linking",
        "molecule",
        "community",
        "temporal",
        "text",
        "rule mining",
        "inductive",
    ),
    exposures=(Exposure("every triple is asked for from both ends, and each question holds the answer to the other"),),
)
