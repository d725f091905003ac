"""Proposes hypotheses: which components to add to the kit's baseline, and what that should show."""

from collections.abc import Sequence
from itertools import combinations

from nanoresearch.crew.builtin.kits.kit import Component, Kit
from nanoresearch.crew.builtin.reading import Reading, read_topic
from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.roles import Briefing
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import MetricSpec
from nanoresearch.schema.idea import Gap, Hypothesis, Proposal, Survey
from nanoresearch.schema.plan import IdeationGuidance

MAX_COMPONENTS = 3
"""A full factorial of three components is eight methods; of four it would be sixteen."""
SIZES = {"any": (1, 2, 3), "combine": (3, 2, 1), "pairs": (2, 1, 3), "isolate": (1, 2)}
"""How many components a hypothesis may have under each strategy, the wanted number first."""


class BuiltinIdeator:
    """Ranks components by what topic, plan and profile ask for, and proposes sets of them."""

    def propose(self, briefing: Briefing, survey: Survey) -> tuple[Proposal, ...]:
        """Candidate hypotheses, preferred first."""
        reading = read_topic(briefing.topic, briefing.profile)
        guidance = guide(briefing.plan, IdeationGuidance)
        ranked = rank_components(reading, guidance)
        pool = ranked[: MAX_COMPONENTS + 2]
        sizes = SIZES[guidance.strategy]
        sets = [chosen for size in sizes for chosen in combinations(pool, size) if compatible(chosen)]
        sets.sort(key=lambda chosen: -_score(chosen, ranked, reading, guidance))
        return tuple(
            self._proposal(index, chosen, reading, survey, _score(chosen, ranked, reading, guidance))
            for index, chosen in enumerate(sets[: guidance.hypotheses], start=1)
        )

    def _proposal(
        self, index: int, chosen: Sequence[Component], reading: Reading, survey: Survey, score: float
    ) -> Proposal:
        kit = reading.kit
        statement, prediction = claim(kit, [item.spec.name for item in chosen], reading.metric.spec)
        gap = _gap_for(chosen, survey.gaps)
        hypothesis = Hypothesis(
            id=f"h{index}",
            statement=statement,
            rationale="; ".join(f"{item.spec.name}: {item.why}" for item in chosen),
            prediction=prediction,
            gap=gap.id if gap else None,
            study=kit.id,
            components=tuple(item.spec.id for item in chosen),
            datasets=reading.named_data,
            score=score,
        )
        terms = [item.spec.name for item in chosen] + [kit.baseline.name, kit.subjects[0]]
        return Proposal(hypothesis=hypothesis, distinctive_terms=tuple(dict.fromkeys(terms)))


def claim(kit: Kit, components: Sequence[str], metric: MetricSpec) -> tuple[str, str]:
    """What is said of the components with these names, and what must be seen if it holds."""
    names = listing(components)
    verb = "raises" if metric.direction == "higher" else "lowers"
    return (
        f"Adding {names} to {kit.baseline.name} {verb} {metric.name} in {kit.name}",
        f"on every data set, {kit.baseline.name} with {names} has {metric.direction} {metric.name} than "
        f"{kit.baseline.name} alone, after correction for multiple comparisons",
    )


def rank_components(reading: Reading, guidance: IdeationGuidance) -> list[Component]:
    """Components that the plan allows, those that topic and plan favour first."""
    avoided = set(guidance.avoid_tags)
    preferred = set(guidance.prefer_tags)
    allowed = [
        item
        for item in reading.components
        if not avoided & {*item.spec.tags, item.spec.id}
        and (not item.only_if_asked or item.spec.id in reading.asked or preferred & set(item.spec.tags))
    ]

    def key(item: Component) -> tuple[bool, bool, bool, int]:
        return (
            item.spec.id not in reading.asked,
            guidance.prefer != "none" and guidance.prefer not in item.promises,
            not preferred & set(item.spec.tags),
            reading.components.index(item),
        )

    return sorted(allowed or reading.components, key=key)


def compatible(chosen: Sequence[Component]) -> bool:
    """Whether no component replaces another one."""
    ids = {item.spec.id for item in chosen}
    return not any(ids & set(item.conflicts) for item in chosen)


def _score(chosen: Sequence[Component], ranked: list[Component], reading: Reading, guidance: IdeationGuidance) -> float:
    """What the topic asks for weighs more than the number of components that the plan wants."""
    off = 0 if guidance.strategy == "any" else SIZES[guidance.strategy].index(len(chosen))
    asked = sum(item.spec.id in reading.asked for item in chosen)
    missed = len(set(reading.asked) & {item.spec.id for item in ranked}) - asked
    unasked = len(chosen) - asked if reading.asked else 0
    rank = sum(ranked.index(item) for item in chosen) / len(chosen)
    return round(10 + 2 * asked - min(missed, 3) - 4 * unasked - 0.5 * rank - 1.5 * off, 3)


def _gap_for(chosen: Sequence[Component], gaps: Sequence[Gap]) -> Gap | None:
    ids = {item.spec.id for item in chosen}
    for gap in gaps:
        parts = gap.id.partition("_")
        if parts[0] == "joint" and sum(name in gap.id for name in ids) >= 2:
            return gap
        if parts[0] == "alone" and parts[2] in ids:
            return gap
    return gaps[0] if gaps and gaps[0].id == "protocol" else None
