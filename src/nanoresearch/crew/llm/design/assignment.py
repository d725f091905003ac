"""What a design is made from: the hypothesis, what the researcher has fixed, and what there is to work with."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.sizing import Ablation, Forecast, forecast_from
from nanoresearch.crew.llm.design.data_desk import DataDesk
from nanoresearch.crew.llm.design.feasibility import available_libraries
from nanoresearch.crew.llm.desk import material
from nanoresearch.crew.roles import Briefing
from nanoresearch.paths import RunFolder
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import OWN, Blueprint, Critique
from nanoresearch.schema.idea import Hypothesis, Survey
from nanoresearch.schema.plan import Measure, PlanningGuidance
from nanoresearch.schema.profile import Compute, Correction, PairedTest

SURVEY = "ideation/survey.json"
MOST_DATASETS = 6
MOST_ALTERNATIVES = 5


@dataclass(frozen=True)
class Fixed:
    """What profile and plan have decided, and no draft changes. None leaves it to the draft."""

    seeds: int
    confidence: float
    test: PairedTest
    correction: Correction
    compute: Compute
    components: int
    """Components at most."""
    datasets: int | None
    """Data sets at most."""
    alternatives: int | None
    """Alternative methods, exactly."""
    ablation: Ablation | None
    sweep: bool | None
    """Whether there must be a sweep; False for none."""
    measures: tuple[Measure, ...] | None
    secondary_metrics: bool
    reference: bool
    slices: bool
    avoid_tags: tuple[str, ...]

    def told(self) -> str:
        """In words, for a prompt."""
        compute = self.compute
        lines = [
            f"- {self.seeds} seeds, {self.test}, correction {self.correction}, confidence {self.confidence:g}",
            f"- budget of the whole experiment: {compute.minutes:g} minutes on {compute.cores} cores, "
            f"{compute.memory_gb:g} GB for each process, {compute.gpus} GPUs",
            f"- at most {self.components} components, at most {self.datasets or MOST_DATASETS} data sets, "
            + (f"at most {MOST_ALTERNATIVES}" if self.alternatives is None else f"exactly {self.alternatives}")
            + " alternatives",
        ]
        if self.ablation:
            lines.append(f"- ablation: {self.ablation}")
        if self.sweep is not None:
            lines.append("- a condition must be varied (sweep)" if self.sweep else "- no sweep")
        if self.measures is not None:
            lines.append(f"- costs to record: {', '.join(self.measures) or 'none'}")
        if not self.secondary_metrics:
            lines.append("- the primary metric alone")
        if not self.reference:
            lines.append("- no trivial reference")
        if self.avoid_tags:
            lines.append(f"- no alternatives of these kinds: {', '.join(self.avoid_tags)}")
        return "Decided by the researcher, and not yours to change:\n" + "\n".join(lines)


def fixed_by(briefing: Briefing, objected: Collection[str] = ()) -> Fixed:
    """What profile and plan decide, except where a critic has objected (by kind) to what they ask for."""
    guidance = guide(briefing.plan, PlanningGuidance)
    habits = briefing.profile.statistics
    said = {field for directive in briefing.plan.directives for field in directive.effect}
    seeds, test = guidance.seeds or habits.seeds, guidance.test or habits.test
    if "underpowered" in objected:
        seeds, test = max(seeds, 3), "paired_t"
    ablation = guidance.ablation if "ablation" in said else None
    if "missing_control" in objected and ablation == "none":
        ablation = "leave_one_out"
    return Fixed(
        seeds=seeds,
        confidence=guidance.confidence or habits.confidence,
        test=test,
        correction=guidance.correction or habits.correction,
        compute=briefing.profile.compute,
        components=guidance.components,
        datasets=guidance.datasets if "datasets" in said else None,
        alternatives=guidance.alternatives if "alternatives" in said else None,
        ablation=ablation,
        sweep=guidance.sweep,
        measures=tuple(dict.fromkeys(guidance.measures)) if "measures" in said else None,
        secondary_metrics=guidance.secondary_metrics,
        reference=guidance.reference or "missing_baseline" in objected,
        slices=guidance.slices,
        avoid_tags=guidance.avoid_tags,
    )


@dataclass(frozen=True)
class Assignment:
    """A designer's task."""

    briefing: Briefing
    hypothesis: Hypothesis
    fixed: Fixed
    data: DataDesk
    kits: Mapping[str, Kit]
    """Kits with data on offer."""
    works: Mapping[str, str]
    """Titles of the surveyed works by key."""
    previous: tuple[Blueprint, Critique] | None = None

    @property
    def known(self) -> Mapping[str, Forecast]:
        """What earlier runs measured on as many cores, by kit."""
        cores = self.fixed.compute.cores
        return {name: forecast_from(self.briefing.memories, name, cores) for name in self.kits}

    @property
    def lasting(self) -> str:
        """The part of a prompt that is the same for every draft of a run."""
        libraries = ", ".join(available_libraries())
        parts = [self.data.described()]
        if self.data.makes:
            parts.append(f'A study of its own ("{OWN}") may also use data that its program makes from the seed.')
        if self.kits:
            described = "\n\n".join(describe_kit(kit, self.data) for kit in self.kits.values())
            parts.append(material("kits", described))
        if self.works:
            listed = "\n".join(f"{key}: {title}" for key, title in self.works.items())
            parts.append(material("surveyed works", listed))
        parts.append(f"Libraries that experiments can import, beside Python's own: {libraries}. There is no network.")
        return "\n\n".join(parts)


def usable_kits(data: DataDesk) -> dict[str, Kit]:
    """Kits of which some data set is on offer with all that it needs."""
    return {name: kit for name, kit in load_kits().items() if kit_data(kit, data)}


def kit_data(kit: Kit, data: DataDesk) -> list[str]:
    """Ids of a kit's data sets that are on offer."""
    offered = set(data.ids)
    return [option.id for option in kit.datasets if {option.id, *option.needs} <= offered]


def describe_kit(kit: Kit, data: DataDesk) -> str:
    """A kit in a few lines: everything of it that a draft can name."""
    seconds = {option.id: option.seconds for option in kit.datasets}
    known = {
        "data sets (seconds of one fit)": ", ".join(f"{name} ({seconds[name]:g})" for name in kit_data(kit, data)),
        "metrics": ", ".join(f"{item.spec.id} ({item.spec.direction})" for item in kit.metrics),
        "protocols": ", ".join(item.spec.id for item in kit.protocols),
        "sweeps": "; ".join(f"{item.spec.id} {json.dumps(item.spec.values)}" for item in kit.sweeps) or "none",
        "predictions": kit.predictions,
        "reference": f"{kit.reference.id} ({kit.reference.name})",
        "baseline": f"{kit.baseline.name}: {kit.baseline.description}",
        "alternatives": ", ".join(item.id for item in kit.alternatives) or "none",
        "components": ", ".join(item.spec.id for item in kit.components),
    }
    return f"{kit.id}: {kit.name}. {kit.question}\n" + "\n".join(f"  {key}: {text}" for key, text in known.items())


def surveyed_works(folder: RunFolder) -> dict[str, str]:
    """Titles of the works of the run's survey by key; none where there is no survey yet."""
    if not folder.has(SURVEY):
        return {}
    survey: Survey = folder.load(SURVEY, Survey)
    return {paper.key: paper.title for paper in survey.papers}
