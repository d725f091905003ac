"""Wishes about the paper: what it shows, says and leaves out."""

import re
from collections.abc import Callable
from typing import Any

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.schema.analysis import Statistic

SWEPT = {
    "learning_curve": ("labels_per_class", "training_share", "train_fraction", "images_per_class", "unlabelled"),
    "accuracy_vs_strength": ("corruption", "noise", "blur", "occlusion"),
    "accuracy_vs_length": ("clip_seconds", "clip_share"),
    "accuracy_vs_snr": ("snr", "test_snr"),
}
"""Figures that draw a sweep, and what is varied in them."""
DRAWN = {
    "misclassified_grid_20": ("misclassified",),
    "confusion_per_modality": ("confusion",),
    "average_rank_diagram": ("average rank", "mean rank", "critical difference"),
    "reliability_diagram": ("reliability diagram", "reliability curve", "calibration curve"),
}
"""Figures that a caption must name."""
REPORTED = {
    "inference_latency_ms": ("latency_ms",),
    "held_out_log_score": ("log_score",),
    "zero_fraction_fit": ("zero_error",),
    "memory_bytes": ("peak_memory_mb", "memory_bytes"),
    "us_per_row": ("us_per_row", "latency_ms"),
    "interval_coverage": ("coverage_gap", "coverage"),
    "median": ("median_mase",),
}
"""What a wish calls it -> metrics or costs of which one must be reported."""
STATED = {
    "coverage_50_80_95": ("coverage at 50",),
    "per_class_recall": ("recall of each class", "recall by class", "recall for each", "per-class recall"),
    "feature_time_per_second": ("per second of audio", "for each second of audio"),
    "real_time_factor": ("real-time factor", "real time factor"),
    "energy_joules": ("joule", "energy"),
    "labels_saved_at_0.75": ("labels saved", "label saving", "saves labels"),
}
"""What only the text can tell."""


def figure(run: Artifacts, value: str | list[str]) -> bool:
    """Each of these drawings in the paper."""
    wanted = [value] if isinstance(value, str) else value
    return all(_drawn(run, item) for item in wanted)


def _drawn(run: Artifacts, name: str) -> bool:
    if name in SWEPT:
        varied = run.blueprint.sweep.id if run.blueprint and run.blueprint.sweep else ""
        return varied in SWEPT[name] and any(item.kind == "sweep" for item in run.figures)
    captions = [item.caption.lower() for item in run.figures]
    return any(words in caption for caption in captions for words in DRAWN[name])


def must_report(run: Artifacts, value: str | list[str]) -> bool:
    """Each of these quantities: recorded and shown in a table, drawn, or stated where only text can tell."""
    wanted = [value] if isinstance(value, str) else value
    return all(_reported(run, item) for item in wanted)


def recordable(value: str | list[str]) -> bool:
    """Whether all of these are metrics or costs, which a design fixes."""
    wanted = [value] if isinstance(value, str) else value
    return not any(item in DRAWN or item in STATED for item in wanted)


def _reported(run: Artifacts, name: str) -> bool:
    if name in DRAWN:
        return _drawn(run, name)
    if name in STATED:
        return run.states(*STATED[name])
    if name == "all_view_subsets":
        return len({item for item in run.conditions if item.startswith("view_subset=")}) >= 7
    shown = recorded = run.metrics | run.costs
    if run.manuscript is not None:
        sources = [number.source for number in run.manuscript.numbers]
        shown = {source.of.metric for source in sources if isinstance(source, Statistic)}
    return any(item in shown & recorded for item in REPORTED.get(name, (name,)))


def table(run: Artifacts, value: str) -> bool:
    """This table in the paper."""
    if value == "missing_modality":
        return len({item for item in run.conditions if item.startswith("missing_modality=")}) >= 3 and bool(run.tables)
    shown = [f"{item.caption} {' '.join(item.header)}".lower() for item in run.tables]
    return any("robust" in text and ("standard error" in text or "s.e." in text) for text in shown)


def table_rows_min(run: Artifacts, value: dict[str, Any]) -> bool:
    """A table about the rarest classes, with their sizes and at least so many rows."""
    for item in run.tables:
        text = f"{item.caption} {' '.join(item.header)}".lower()
        if re.search(r"\brarest\b|\bclass(?:es)?\b|\btopics?\b", text) and re.search(r"\bsupport\b|\bsizes?\b", text):
            return len(item.rows) >= int(value["rows"])
    return False


def report_scalar(run: Artifacts, value: str) -> bool:
    """This one number, stated."""
    return run.manuscript is not None and run.states(*STATED[value])


def must_state(run: Artifacts, value: str) -> bool:
    """A sentence with all of these words, in the order of none."""
    words = value.lower().split()
    return any(all(word in text for word in words) for text in re.split(r"(?<=[.?!])\s", run.text().lower()))


def forbid_phrases(run: Artifacts, value: list[str]) -> bool:
    """A paper without these phrases."""
    text = run.text().lower()
    return bool(text) and not any(phrase.lower() in text for phrase in value)


def paper_layout(run: Artifacts, value: str) -> bool:
    """This page layout."""
    formats = {"two_column": ("twocolumn", "ieee"), "one_column": ("article",)}
    return run.manuscript is not None and run.manuscript.format in formats[value]


def section(run: Artifacts, value: str) -> bool:
    """A section of this name that says something."""
    return value in run.sections and len(run.text(value).split()) >= 10


def no_section(run: Artifacts, value: str) -> bool:
    """No such section."""
    return run.manuscript is not None and value not in run.sections


def figures_min(run: Artifacts, value: int) -> bool:
    """So many figures."""
    return len(run.figures) >= value


def seed_table(run: Artifacts, value: bool) -> bool:
    """A table with the value of every repetition."""
    return any(len(item.rows) >= run.seeds > 0 and item.header[:1] == ("seed",) for item in run.tables)


def bullets(run: Artifacts, value: bool) -> bool:
    """A list in the introduction."""
    introduction = run.sections.get("introduction")
    return introduction is not None and ("\\begin{itemize}" in introduction.body) is value


def equations(run: Artifacts, value: bool) -> bool:
    """Displayed equations, or none."""
    bodies = [item.body for item in run.sections.values()]
    return bool(bodies) and any(re.search(r"\\begin\{(?:equation|align)", body) for body in bodies) is value


TESTS: dict[str, Callable[[Artifacts, Any], bool]] = {
    "figure": figure,
    "must_report": must_report,
    "table": table,
    "table_rows_min": table_rows_min,
    "report_scalar": report_scalar,
    "must_state": must_state,
    "forbid_phrases": forbid_phrases,
    "paper_layout": paper_layout,
    "section": section,
    "no_section": no_section,
    "figures_min": figures_min,
    "seed_table": seed_table,
    "bullets": bullets,
    "equations": equations,
}
