"""Regression on small molecules by counts of patterns: how far neighbourhoods and labels help."""

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
    id="molecule_regression",
    domain="graph",
    name="regression on molecular graphs",
    subjects=(
        "molecule",
        "molecular",
        "chemical",
        "chemistry",
        "compound",
        "solvation",
        "hydration",
        "smiles",
        "solubility",
    ),
    tasks=(
        "regression",
        "predict",
        "prediction",
        "property",
        "free energy",
        "fingerprint",
        "pattern count",
        "neighbourhood count",
        "pattern radius",
        "graph kernel",
        "gaussian process",
        "uncertainty",
    ),
    datasets=(DatasetOption("freesolv", seconds=4.0),),
    reference=MethodSpec(
        id="mean",
        name="training mean",
        role="reference",
        description="predicts the mean of the training part, with its standard deviation",
    ),
    baseline=MethodSpec(
        id="baseline",
        name="atom counts with ridge regression",
        role="baseline",
        description="counts of atoms by element and charge, with ridge regression",
        tags=("linear",),
    ),
    alternatives=(
        MethodSpec(
            id="random_forest",
            name="random forest",
            role="alternative",
            description="a forest of 200 trees on counts up to radius one with all labels",
            tags=("tree", "ensemble"),
        ),
        MethodSpec(
            id="mlp",
            name="multilayer perceptron",
            role="alternative",
            description="a network with 64 hidden units on counts up to radius one with all labels, trained for 150 "
            "passes",
            tags=("neural", "deep learning"),
        ),
    ),
    components=(
        Component(
            ComponentSpec(
                id="radius_one",
                name="radius-one patterns",
                description="counts also every atom together with its neighbours",
                tags=("features", "kernel"),
                citations=("shervashidze2011weisfeiler", "rogers2010extended"),
            ),
            keywords=("radius", "radius 1", "neighbourhood", "neighborhood", "pattern", "fingerprint", "weisfeiler"),
            why="an atom's effect depends on what it is bound to",
            detail="Each atom's label is joined with the sorted labels of its neighbours, and the joined labels are "
            "counted beside those of atoms alone.",
        ),
        Component(
            ComponentSpec(
                id="gaussian_process",
                name="Gaussian process",
                description="replaces ridge regression by a Gaussian process on the same counts",
                tags=("kernel", "probabilistic"),
                citations=("rasmussen2006gaussian",),
            ),
            keywords=("gaussian process", "uncertainty", "kernel", "coverage", "interval", "probabilistic"),
            why="it bends where a line cannot, and its deviation grows away from the training molecules",
            detail="The kernel is squared exponential with added noise. Length scale and share of noise are those "
            "with the "
            "greatest marginal likelihood among eight scales, from a quarter of the median distance upwards by factors "
            "of two, and ten shares from 0.00001 to 10; the variance is then known in closed form.",
            promises=("gain", "calibration"),
        ),
        Component(
            ComponentSpec(
                id="bond_labels",
                name="bond labels",
                description="counts bonds by order and tells patterns with different bonds apart",
                tags=("features",),
                citations=("ralaivola2005graph",),
            ),
            keywords=("bond", "bond order", "label", "labels", "double bond"),
            why="single, double and aromatic bonds hold charge differently",
            detail="Columns with the number of bonds of each order are appended, and each neighbour in a larger "
            "pattern "
            "carries the order of the bond to it.",
        ),
        Component(
            ComponentSpec(
                id="aromaticity_labels",
                name="aromaticity labels",
                description="tells aromatic atoms apart from others of their element",
                tags=("features",),
                citations=("weininger1988smiles",),
            ),
            keywords=("aromatic", "aromaticity", "label", "labels", "ring"),
            why="aromatic rings interact with water in their own way",
            detail="The label of every atom says whether the parser found it aromatic; larger patterns inherit the "
            "label.",
        ),
        Component(
            ComponentSpec(
                id="hydrogen_labels",
                name="hydrogen labels",
                description="tells atoms with different numbers of hydrogens apart",
                tags=("features",),
                citations=("rogers2010extended",),
            ),
            keywords=("hydrogen", "atom label", "label", "labels", "donor"),
            why="an atom with a hydrogen can give a hydrogen bond where one without cannot",
            detail="The label of every atom holds its number of hydrogens, which the graph does not show as nodes; "
            "larger "
            "patterns inherit the label.",
        ),
        Component(
            ComponentSpec(
                id="radius_two",
                name="radius-two patterns",
                description="counts also every atom together with what lies within two bonds",
                tags=("features", "kernel"),
                citations=("shervashidze2011weisfeiler", "rogers2010extended"),
            ),
            keywords=(
                "radius 2",
                "radius two",
                "pattern radius",
                "radius",
                "neighbourhood counts",
                "larger neighbourhood",
            ),
            why="groups such as esters and amides span more than one bond",
            detail="Labels are joined with those of neighbours twice; the patterns of radius one are counted only if "
            "their "
            "own component is on.",
        ),
    ),
    metrics=(
        Metric(
            MetricSpec(
                id="rmse",
                name="RMSE",
                direction="lower",
                description="the root of the mean squared error, in kcal/mol",
            ),
            keywords=("rmse",),
        ),
        Metric(
            MetricSpec(id="mae", name="MAE", direction="lower", description="the mean absolute error, in kcal/mol"),
            keywords=("mae", "absolute error"),
        ),
        Metric(
            MetricSpec(
                id="coverage_gap",
                name="coverage gap",
                direction="lower",
                percent=True,
                description="the distance between the level of an interval and the share of values inside it, as a "
                "mean "
                "over the levels one half, four fifths and nineteen twentieths",
            ),
            keywords=("coverage", "calibration", "calibrated", "usable uncertainty"),
        ),
        Metric(
            MetricSpec(
                id="coverage_gap_95",
                name="coverage gap at 0.95",
                direction="lower",
                percent=True,
                description="the same distance for the widest interval alone",
            ),
        ),
        Metric(
            MetricSpec(
                id="log_score",
                name="log score",
                direction="lower",
                description="the mean negative logarithm of the predicted normal density at the true value, in nats",
            ),
            keywords=("log score", "likelihood", "proper score"),
        ),
    ),
    protocols=(
        ProtocolOption(
            Protocol(
                id="random",
                description="Every seed draws a random fifth of the molecules as the test part; all methods share it.",
                test_fraction=0.2,
                resampled=True,
            ),
            keywords=("random split",),
        ),
        ProtocolOption(
            Protocol(
                id="size_ordered",
                description="The fifth of the molecules with most heavy atoms is tested; every seed draws nine tenths "
                "of "
                "the smaller molecules to learn from and decides among equally large ones.",
                test_fraction=0.2,
                resampled=True,
            ),
            keywords=("extrapolation only", "largest molecules only"),
        ),
    ),
    sweeps=(
        SweepOption(
            Sweep(
                id="test_part",
                name="test part",
                values=("random", "largest"),
                description="which molecules are tested: a random fifth, or the fifth with most heavy atoms, with nine "
                "tenths of the smaller ones to learn from",
            ),
            keywords=(
                "size-ordered",
                "extrapolation",
                "larger molecules",
                "shift",
                "split",
                "splits",
                "out of distribution",
            ),
            default=True,
        ),
        SweepOption(
            Sweep(
                id="train_fraction",
                name="share of the training molecules",
                values=(1.0, 0.5, 0.25),
                description="the share of the training molecules that methods may learn from",
            ),
            keywords=("few labels", "small data", "learning curve", "sample size", "training size"),
        ),
    ),
    setting="Molecules are read from SMILES strings by pysmiles into graphs of heavy atoms; marks of stereochemistry "
    "are "
    "dropped before, because the parser rejects some of them. "
    "Patterns that the training part lacks are ignored; columns are centred and divided by one common scale. "
    "The ridge penalty is chosen among 13 values from 0.001 to 1000 by the leave-one-out error, whose root is also the "
    "standard deviation of all predictions. "
    "The simulated free energies in the file are not used.",
    question="How far do larger patterns and finer labels improve counts as a description of small molecules?",
    citations=("mobley2014freesolv", "wu2018moleculenet", "hoerl1970ridge", "nadeau2003inference", "kriege2020survey"),
    queries=(
        "molecular property prediction",
        "graph kernels for molecules",
        "circular fingerprints",
        "Gaussian process uncertainty molecules",
    ),
    requires=("networkx", "numpy", "pysmiles", "scikit-learn", "scipy"),
    cautions=(
        "One data set of 642 small neutral molecules: nothing follows for drugs, ions or other properties.",
        "The deviation of ridge regression is the same for all molecules, so that its intervals cannot widen with "
        "size.",
    ),
    out_of_reach=(
        "generation",
        "docking",
        "reaction",
        "retrosynthesis",
        "protein",
        "toxicity",
        "conformer",
        "quantum",
        "knowledge graph",
        "link prediction",
        "community",
        "node classification",
    ),
    predictions="moments",
    exposures=(Exposure("molecules tested in one condition are learned from in another", sweep="test_part"),),
)
