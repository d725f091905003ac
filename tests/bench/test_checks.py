"""Every kind of wish is met by artifacts that have it, and not by those that lack it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.bench.checks import KINDS, holds, stage_of
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.paths import RunFolder
from nanoresearch.schema.benchmark import Check
from tests.bench import made

Case = tuple[Any, Mapping[str, Any], Mapping[str, Any]]
WHOLE = made.blueprint()
FACTORIAL = made.blueprint(
    components=made.components("a", "b", "c"),
    methods=tuple(made.method(f"m{i}", *parts) for i, parts in enumerate([(), *"abc", "ab", "ac", "bc", "abc"])),
)
LABELS = made.blueprint(
    components=made.components("bond_labels", "aromaticity_labels"),
    methods=(
        made.method("with_bond", "bond_labels"),
        made.method("with_aroma", "aromaticity_labels"),
        made.method("proposed", "bond_labels", "aromaticity_labels", role="proposed"),
    ),
)
SHOWN = "\\inputtable{t} \\inputfigure{f}"


def swept(name: str, *values: Any) -> dict[str, Any]:
    """Results at these settings."""
    return {
        "blueprint": made.blueprint(sweep=made.sweep(name, *values)),
        "results": [made.result(condition=f"{name}={value}") for value in values],
    }


def told(text: str, section: str = "results", **more: Any) -> dict[str, Any]:
    """A paper that says this."""
    return {"blueprint": WHOLE, "manuscript": made.paper(**{section: text}), **more}


def drawn(*parts: Any, body: str = SHOWN) -> dict[str, Any]:
    """A paper that shows these tables and figures."""
    return {"blueprint": WHOLE, "manuscript": made.paper(results=body), "analysis": made.analysis(*parts)}


def reported(*metrics: str) -> dict[str, Any]:
    """Results of these metrics, and a paper with their numbers."""
    numbers = tuple(made.number(name) for name in metrics)
    return {
        "blueprint": WHOLE,
        "results": [made.result(name) for name in metrics],
        "manuscript": made.paper(numbers=numbers, results="Words."),
    }


CASES: dict[str, list[Case]] = {
    "min_seeds": [
        (3, {"blueprint": WHOLE}, {"blueprint": made.blueprint(seeds=(0, 1))}),
        (2, {"results": [made.result(seed=0), made.result(seed=1)]}, {"blueprint": WHOLE, "results": [made.result()]}),
    ],
    "min_repeats": [(3, {"blueprint": WHOLE}, {"blueprint": made.blueprint(seeds=(0, 1))})],
    "confidence_interval": [(0.95, {"blueprint": WHOLE}, {"blueprint": made.blueprint(confidence=0.99)})],
    "paired_test": [
        (True, {"blueprint": WHOLE}, {"blueprint": made.blueprint(comparisons=())}),
        (
            True,
            {"blueprint": WHOLE, "analysis": made.analysis(made.number("accuracy", "p_value"))},
            {"blueprint": WHOLE, "analysis": made.analysis(made.number("accuracy"))},
        ),
    ],
    "effect_size": [
        (
            True,
            {"blueprint": WHOLE, "analysis": made.analysis(made.number("accuracy", "effect_size"))},
            {"blueprint": WHOLE, "analysis": made.analysis(made.number("accuracy", "p_value"))},
        )
    ],
    "correction": [("fdr_bh", {"blueprint": made.blueprint(correction="fdr_bh")}, {"blueprint": WHOLE})],
    "metrics_together": [
        (
            ["accuracy", "macro_f1"],
            {
                **drawn(made.table("t", "method", "Accuracy", "macro F1")),
                "blueprint": made.blueprint(metrics=(made.metric("accuracy"), made.metric("macro_f1"))),
            },
            {
                **drawn(made.table("t", "method", "Accuracy")),
                "blueprint": made.blueprint(metrics=(made.metric("accuracy"), made.metric("macro_f1"))),
            },
        )
    ],
    "costs_measured": [
        (["peak_memory_mb"], {"blueprint": made.blueprint(measures=("peak_memory_mb",))}, {"blueprint": WHOLE}),
        (
            ["peak_memory_mb"],
            {"results": [made.result()], "measurements": [made.result("peak_memory_mb")]},
            {"results": [made.result()], "blueprint": made.blueprint(measures=("peak_memory_mb",))},
        ),
    ],
    "per_class_results": [(True, {"results": [made.result("accuracy:red")]}, {"results": [made.result()]})],
    "datasets_min": [
        (2, {"results": [made.result(dataset="a"), made.result(dataset="b")]}, {"results": [made.result()]})
    ],
    "rivals_min": [
        (1, {"blueprint": made.blueprint(methods=(made.method("x", role="alternative"),))}, {"blueprint": WHOLE})
    ],
    "components_max": [(1, {"blueprint": made.blueprint(components=made.components("a"))}, {"blueprint": WHOLE})],
    "survey_min": [(3, {"survey": made.survey(3)}, {"survey": made.survey(2)})],
    "hypotheses_min": [(3, {"ideas": made.ideas(3)}, {"ideas": made.ideas(2)})],
    "ablation": [
        (
            "every_component",
            {"blueprint": WHOLE},
            {"blueprint": made.blueprint(methods=(made.method("proposed", "a", "b", role="proposed"),))},
        ),
        ("every_label_type", {"blueprint": LABELS}, {"blueprint": WHOLE}),
    ],
    "design": [("full_factorial_2x2x2", {"blueprint": FACTORIAL}, {"blueprint": WHOLE})],
    "grouped_split": [
        ("film", {"blueprint": made.blueprint(protocol=made.protocol(group="film"))}, {"blueprint": WHOLE})
    ],
    "validation": [
        (
            "nested_cv",
            told("Recalibration is fitted by nested cross-validation."),
            told("Recalibration does not use nested cross-validation."),
        )
    ],
    "model_family": [
        (
            ["linear", "kernel"],
            {"blueprint": made.blueprint(methods=(made.method("x", tags=("kernel", "ensemble")),))},
            {"blueprint": made.blueprint(methods=(made.method("x", tags=("neural",)),))},
        ),
        (
            ["linear", "glm"],
            {"blueprint": WHOLE},
            {"blueprint": made.blueprint(components=made.components("a", tags=("kernel",)))},
        ),
    ],
    "corruption_levels_min": [(2, swept("noise", 0, 1, 2), swept("noise", 0, 1))],
    "missing_view_rate": [(0.3, swept("missing_view_rate", 0.0, 0.3), swept("missing_view_rate", 0.0, 0.6))],
    "splits": [
        (["random", "size_ordered"], swept("test_part", "random", "largest"), swept("test_part", "random", "x"))
    ],
    "directions": [(2, swept("direction", "left", "right"), {"blueprint": WHOLE, "results": [made.result()]})],
    "evaluation": [
        (
            "prequential",
            {"blueprint": made.blueprint(protocol=made.protocol("test_then_train"))},
            {"blueprint": WHOLE},
        ),
        (
            "filtered_average_rank_both_sides",
            told("Ranks are filtered and averaged over both sides."),
            told("Ranks are raw and averaged over both sides."),
        ),
    ],
    "origins_min": [(14, told("There are 14 origins."), told("There are 12 origins."))],
    "horizon": [
        (6, told("Methods forecast the last six values."), told("Methods forecast the last three values.")),
        (6, swept("horizon", 6, 3), swept("horizon", 3, 1)),
    ],
    "series_count": [
        (181, {"blueprint": WHOLE}, {"blueprint": made.blueprint(protocol=made.protocol("half_of_series"))}),
    ],
    "permutations_min": [
        (1000, told("It rests on 2,000 permutations of the labels."), told("It rests on 100 permutations.")),
    ],
    "control_experiment": [
        (
            True,
            {"blueprint": made.blueprint(methods=(made.method("q", role="alternative", words="hears silence only"),))},
            {"blueprint": WHOLE},
        )
    ],
    "stat_test": [
        (
            "wilcoxon_holm",
            {"blueprint": made.blueprint(test="wilcoxon")},
            {"blueprint": made.blueprint(test="wilcoxon", correction="fdr_bh")},
        ),
        (
            ["friedman", "nemenyi|wilcoxon_holm"],
            told("A Friedman test with Nemenyi's procedure follows."),
            told("A Friedman test follows."),
        ),
        ("diebold_mariano|paired", {"blueprint": WHOLE}, {"blueprint": made.blueprint(comparisons=())}),
    ],
    "forbid_modules": [
        (["torch"], {"code": {"a.py": "import numpy"}}, {"code": {"a.py": "from torch.nn import Linear"}}),
    ],
    "forbid_pretrained": [(True, {"code": {"a.py": "import numpy"}}, {"code": {"a.py": "import transformers"}})],
    **{
        kind: [
            (
                True,
                {"results": [made.result()]},
                {"results": [made.result(), made.result(scored="self_reported")]},
            )
        ]
        for kind in ("no_test_tuning", "no_target_labels", "resample_in_fold")
    },
    "max_wall_seconds": [(10, {"attempts": [made.attempt(9.0)]}, {"attempts": [made.attempt(11.0)]})],
    "code_files": [(["Makefile"], {"code": {"Makefile": "all:"}}, {"code": {"run.py": ""}})],
    "no_code_files": [(["submit.sbatch"], {"code": {"run.py": ""}}, {"code": {"submit.sbatch": ""}})],
    "figure": [
        (
            "learning_curve",
            {
                **drawn(made.figure("f", "sweep")),
                "blueprint": made.blueprint(sweep=made.sweep("labels_per_class", 5, 20)),
            },
            {**drawn(made.figure("f", "sweep")), "blueprint": made.blueprint(sweep=made.sweep("noise", 0, 1))},
        ),
        (
            "reliability_diagram",
            drawn(made.figure("f", caption="Reliability diagram of all methods.")),
            drawn(made.figure("f", caption="Reliability diagram of all methods."), body="No figure."),
        ),
    ],
    "must_report": [
        (["inference_latency_ms", "accuracy"], reported("latency_ms", "accuracy"), reported("accuracy")),
        ("energy_joules", told("A prediction takes little energy."), told("Energy was not measured.")),
        ("all_view_subsets", swept("view_subset", *range(7)), swept("view_subset", *range(6))),
        ("peak_memory_mb", {"blueprint": made.blueprint(measures=("peak_memory_mb",))}, {"blueprint": WHOLE}),
    ],
    "table": [
        (
            "coefficients_robust_se",
            drawn(made.table("t", "term", "estimate", "robust standard error")),
            drawn(made.table("t", "term", "estimate", "standard error")),
        ),
        (
            "missing_modality",
            {
                **drawn(made.table("t", "method")),
                "results": [made.result(condition=f"missing_modality={name}") for name in ("none", "image", "text")],
            },
            drawn(made.table("t", "method")),
        ),
    ],
    "table_rows_min": [
        (
            {"table": "rarest topics", "rows": 10},
            drawn(made.table("t", "topic", "support", rows=10)),
            drawn(made.table("t", "topic", "support", rows=9)),
        )
    ],
    "report_scalar": [
        ("labels_saved_at_0.75", told("The label saving is large."), told("The label saving was not computed.")),
    ],
    "must_state": [
        ("synthetic drift", told("This drift is synthetic.", "setup"), told("There is drift. It is real.", "setup")),
    ],
    "forbid_phrases": [(["safe to deploy"], told("It is a study."), told("It is Safe to deploy."))],
    "paper_layout": [
        (
            "two_column",
            {"manuscript": made.paper(layout="twocolumn", results="x")},
            {"manuscript": made.paper(results="x")},
        )
    ],
    "section": [("ethics", told("word " * 12, "ethics"), told("Too short.", "ethics"))],
    "no_section": [("ethics", told("Words.", "results"), told("word " * 12, "ethics"))],
    "figures_min": [
        (
            2,
            drawn(made.figure("f"), made.figure("g"), body="\\inputfigure{f} \\inputfigure{g}"),
            drawn(made.figure("f"), made.figure("g"), body="\\inputfigure{f}"),
        )
    ],
    "seed_table": [
        (
            True,
            {**drawn(made.table("t", "seed", "Wine", rows=3)), "blueprint": WHOLE},
            {**drawn(made.table("t", "seed", "Wine", rows=2)), "blueprint": WHOLE},
        )
    ],
    "bullets": [
        (True, told("\\begin{itemize}\\item One\\end{itemize}", "introduction"), told("One.", "introduction")),
    ],
    "equations": [
        (False, told("Words.", "method"), told("\\begin{equation}x\\end{equation}", "method")),
        (True, told("\\begin{equation}x\\end{equation}", "method"), told("Words.", "method")),
    ],
}
ON_FILES = {"no_unreported_warnings", "log_shows", "predictions_kept"}
"""Kinds that read files of an attempt."""


@pytest.mark.parametrize(
    ("kind", "value", "having", "lacking"),
    [(kind, *case) for kind, cases in CASES.items() for case in cases],
    ids=[f"{kind}-{number}" for kind, cases in CASES.items() for number in range(len(cases))],
)
def test_a_wish_is_met_by_what_has_it_and_not_by_what_lacks_it(
    kind: str, value: Any, having: Mapping[str, Any], lacking: Mapping[str, Any]
) -> None:
    check = Check(kind=kind, value=value)
    assert holds(check, made.run(**having)) is True
    assert holds(check, made.run(**lacking)) is False


def test_every_kind_is_tried_and_fails_where_there_is_nothing() -> None:
    assert set(CASES) | ON_FILES == set(KINDS)
    for kind, cases in CASES.items():
        assert not holds(Check(kind=kind, value=cases[0][0]), made.run()), kind


def test_wishes_of_all_tasks_are_in_the_vocabulary_and_unmet_before_anything_is_there() -> None:
    for task in load_tasks().values():
        for check in task.extra_context.checks:
            assert holds(check, made.run()) is False, check


@pytest.fixture
def attempted(tmp_path: Path) -> Artifacts:
    """An attempt whose two seeds printed something."""
    for seed in (0, 1):
        folder = tmp_path / f"execution/attempts/1/seed-{seed}"
        folder.mkdir(parents=True)
        (folder / "stdout").write_text("seed 0: wine done\n")
        (folder / "stderr").write_text("")
    return made.run(folder=RunFolder(tmp_path), attempts=[made.attempt()])


def test_the_log_is_read_for_times_and_versions(attempted: Artifacts) -> None:
    for value, line in (("times", "wine done in 0.12 s"), ("versions", "Python 3.11.7, numpy 2.4.6")):
        check = Check(kind="log_shows", value=value)
        assert not holds(check, attempted)
        attempted.folder.path("execution/attempts/1/seed-1/stdout").write_text(line + "\n")
        assert holds(check, attempted)


def test_warnings_must_be_spoken_of(attempted: Artifacts) -> None:
    check = Check(kind="no_unreported_warnings", value=True)
    assert holds(check, attempted)
    attempted.folder.path("execution/attempts/1/seed-0/stderr").write_text("ConvergenceWarning: not converged")
    assert not holds(check, attempted)
    attempted.__dict__["manuscript"] = made.paper(results="One warning was raised and resolved.")
    assert holds(check, attempted)


def test_predictions_are_looked_for_in_the_attempt(attempted: Artifacts) -> None:
    check = Check(kind="predictions_kept", value=True)
    assert not holds(check, attempted)
    kept = attempted.folder.path("execution/attempts/1/seed-0/predictions/wine.pickle")
    kept.parent.mkdir()
    kept.touch()
    assert holds(check, attempted)


def test_what_is_left_out_is_no_evidence() -> None:
    """A paper that names a test among its limitations has not done it."""
    check = Check(kind="stat_test", value="mcnemar")
    assert not holds(check, made.run(**told("A McNemar test would be the next step.", "limitations")))
    assert holds(check, made.run(**told("A McNemar test compares both.", "setup")))


def test_a_stage_is_that_in_which_a_wish_shows() -> None:
    assert stage_of(Check(kind="min_seeds", value=5)) == "ideation_and_planning"
    assert stage_of(Check(kind="code_files", value=["Makefile"])) == "experiments"
    assert stage_of(Check(kind="section", value="ethics")) == "writing"
    assert stage_of(Check(kind="must_report", value=["mape", "parameter_count"])) == "ideation_and_planning"
    assert stage_of(Check(kind="must_report", value=["ece", "reliability_diagram"])) == "writing"
