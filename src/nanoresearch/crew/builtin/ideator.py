"""Proposes hypotheses: which components to add to the kit's baseline, and what that should show.

What earlier experiments of this researcher refuted here is not proposed again; components that earlier studies of the
family found better move up a little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from nanoresearch.crew.builtin.kits.kit import Component, Kit
from nanoresearch.crew.builtin.reading import Reading, read_topic
from nanoresearch.crew.builtin.recall import Advice, Refutation, advice, refutations
from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.roles import Briefing
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.blueprint import MetricSpec
from nanoresearch.schema.idea import Gap, Hypothesis, Ideas, Proposal, Survey
from nanoresearch.schema.plan import IdeationGuidance

MAX_COMPONENTS = 3
"""A full factorial of three components is eight methods; of four it would be sixteen."""
SIZES = {"any": (1, 2, 3), "combine": (3, 2, 1), "pairs": (2, 1, 3), "isolate": (1, 2)}
"""How many components a hypothesis may have under each strategy, the wanted number first."""


LEAST_CONFIDENCE = 0.5
"""An unproven preference counts, one that was wrong more often than right does not."""
TESTED_BEFORE = 20.0
"""Taken from the score of a refuted set for every time it was tested: more than anything else may add."""

Set = tuple[Component, ...]


@dataclass(frozen=True)
class _Choice:
    """Sets of components to propose with their scores, preferred first."""

    sets: list[tuple[Set, float]]
    replication: bool = False
    """Whether all of them were refuted before."""


class BuiltinIdeator:
    """Ranks components by what topic, plan and profile ask for, and proposes sets of them."""

    def propose(self, briefing: Briefing, survey: Survey) -> Ideas:
        """Candidate hypotheses, preferred first; what was refuted here only when there is nothing else."""
        reading = read_topic(briefing.topic, briefing.profile)
        guidance = guide(briefing.plan, IdeationGuidance)
        ranked = rank_components(reading, guidance)
        known = _set_aside(briefing, survey, reading)
        preferred = advice(briefing.skills, ("ideation",), "prefer", reading.kit.id)
        liked = {item.target: item for item in reversed(preferred) if item.confidence >= LEAST_CONFIDENCE}
        choice = _choose(ranked, reading, guidance, known, liked)
        unmoved = _choose(ranked, reading, guidance, known, {})
        moved = [chosen for chosen, _ in choice.sets] != [chosen for chosen, _ in unmoved.sets]
        shown = {item.spec.id for chosen, _ in choice.sets for item in chosen}
        said = _said(known, choice)
        proposals = tuple(
            self._proposal(index, chosen, reading, survey, score, said)
            for index, (chosen, score) in enumerate(choice.sets, start=1)
        )
        informed = [item.memory.id for item in known]
        informed += [item.skill for name, item in liked.items() if moved and name in shown]
        return Ideas(proposals=proposals, informed_by=tuple(dict.fromkeys(informed)))

    def _proposal(
        self, index: int, chosen: Set, reading: Reading, survey: Survey, score: float, said: Sequence[str]
    ) -> Proposal:
        kit = reading.kit
        statement, prediction = claim(kit, [item.spec.name for item in chosen], reading.metric.spec)
        gap = _gap_for(chosen, survey.gaps)
        reasons = [f"{item.spec.name}: {item.why}" for item in chosen]
        hypothesis = Hypothesis(
            id=f"h{index}",
            statement=statement,
            rationale="; ".join([*reasons, *said]),
            prediction=prediction,
            gap=gap.id if gap else None,
            study=kit.id,
            components=tuple(item.spec.id for item in chosen),
            datasets=reading.named_data,
            score=score,
        )
        terms = [item.spec.name for item in chosen] + [kit.baseline.name, kit.subjects[0]]
        return Proposal(hypothesis=hypothesis, distinctive_terms=tuple(dict.fromkeys(terms)))


def _said(known: Sequence[Refutation], choice: _Choice) -> list[str]:
    """What a rationale adds about earlier refutations."""
    if choice.replication:
        return [
            "every candidate was refuted by earlier experiments on these data; this is a replication of one of those "
            "that were tested least"
        ]
    if known:
        return ["what earlier experiments on these data refuted is not tested again"]
    return []


def _set_aside(briefing: Briefing, survey: Survey, reading: Reading) -> tuple[Refutation, ...]:
    """Refuted claims: those that hold here, and whatever else the survey sets aside."""
    found = refutations(briefing.memories, reading)
    told = {item.memory for item in survey.set_aside} - {item.memory.id for item in found}
    others = (
        Refutation(memory, frozenset(memory.conditions.get("component", ())), ())
        for memory in briefing.memories
        if memory.id in told
    )
    return (*found, *(item for item in others if item.components))


def _choose(
    ranked: list[Component],
    reading: Reading,
    guidance: IdeationGuidance,
    known: Sequence[Refutation],
    liked: Mapping[str, Advice],
) -> _Choice:
    """The best sets that were not refuted: of the preferred components, else of all, else those tested least."""
    tested = {item.components: 0 for item in known}
    for item in known:
        tested[item.components] += item.memory.seen
    narrow = ranked[: MAX_COMPONENTS + 2]
    narrow = [*narrow, *(item for item in ranked[MAX_COMPONENTS + 2 :] if item.spec.id in liked)]
    everything: list[tuple[Set, float]] = []
    for pool in (narrow, ranked):
        everything = [
            (chosen, _score(chosen, ranked, reading, guidance, liked))
            for size in SIZES[guidance.strategy]
            for chosen in combinations(pool, size)
            if compatible(chosen)
        ]
        everything.sort(key=lambda pair: -pair[1])
        fresh = [pair for pair in everything if _ids(pair[0]) not in tested]
        if fresh:
            return _Choice(fresh[: guidance.hypotheses])
    again = [(chosen, round(score - TESTED_BEFORE * tested[_ids(chosen)], 3)) for chosen, score in everything]
    again.sort(key=lambda pair: -pair[1])
    return _Choice(again[: guidance.hypotheses], replication=True)


def _ids(chosen: Sequence[Component]) -> frozenset[str]:
    return frozenset(item.spec.id for item in chosen)


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


def _score(
    chosen: Sequence[Component],
    ranked: list[Component],
    reading: Reading,
    guidance: IdeationGuidance,
    liked: Mapping[str, Advice],
) -> float:
    """What the topic asks for weighs more than the number of components that the plan wants, and earlier luck least.

    The latter adds one at most: less than a number of components that the plan does not want costs.
    """
    off = 0 if guidance.strategy == "any" else SIZES[guidance.strategy].index(len(chosen))
    asked = sum(item.spec.id in reading.asked for item in chosen)
    missed = len(set(reading.asked) & {item.spec.id for item in ranked}) - asked
    unasked = len(chosen) - asked if reading.asked else 0
    rank = sum(ranked.index(item) for item in chosen) / len(chosen)
    luck = sum(liked[item.spec.id].confidence for item in chosen if item.spec.id in liked) / len(chosen)
    return round(10 + 2 * asked - min(missed, 3) - 4 * unasked - 0.5 * rank - 1.5 * off + luck, 3)


def _gap_for(chosen: Sequence[Component], gaps: Sequence[Gap]) -> Gap | None:
    ids = {item.spec.id for item in chosen}
    for gap in gaps:
        parts = gap.id.partition("_")
        if parts[0] == "joint" and sum(name in gap.id for name in ids) >= 2:
            return gap
        if parts[0] == "alone" and parts[2] in ids:
            return gap
    return gaps[0] if gaps and gaps[0].id == "protocol" else None
