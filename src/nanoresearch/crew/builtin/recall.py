"""What earlier runs mean for a study of the builtin crew: remedies it can act on, and claims not to be tested again.

Reads the skills and memories of a briefing. Where they are kept and how they were chosen is not known here.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from nanoresearch.crew.builtin.data_choice import wanted_data
from nanoresearch.crew.builtin.reading import Reading
from nanoresearch.experience.life_cycle import confidence
from nanoresearch.schema.experience import Memory, Outcome, Skill, SkillKind

CREW = "builtin"


@dataclass(frozen=True)
class Advice:
    """A skill that this crew can act on."""

    skill: str
    """Its id."""
    target: str
    """What it is about, in the words of the role that acts on it."""
    trigger: str
    confidence: float
    """Mean of the posterior that it helps, with a flat prior."""
    hearsay: bool = False
    """Whether it came from elsewhere and no study here has confirmed it."""


def advice(skills: Iterable[Skill], kinds: Iterable[SkillKind], action: str, study: str) -> tuple[Advice, ...]:
    """Skills of these kinds with that action for a kit, retired ones left out, in the order in which they came."""
    wanted = set(kinds)
    return tuple(
        Advice(
            skill.id,
            skill.remedy.target,
            skill.trigger,
            confidence(skill),
            hearsay=skill.origin == "imported" and not skill.successes,
        )
        for skill in skills
        if skill.kind in wanted
        and skill.status != "retired"
        and skill.remedy is not None
        and (skill.remedy.crew, skill.remedy.action) == (CREW, action)
        and skill.remedy.scope in ("", study)
    )


@dataclass(frozen=True)
class Refutation:
    """An earlier experiment that refuted a claim under conditions that hold here."""

    memory: Memory
    components: frozenset[str]
    datasets: tuple[str, ...]
    """Data sets of that experiment that this study would use too."""


def refutations(memories: Iterable[Memory], reading: Reading) -> tuple[Refutation, ...]:
    """Claims that are not worth a second test: same family and metric, and data on which they turned out wrong.

    The claims of this crew speak of every data set, so that one on which the proposal was worse is enough. A topic
    that asks for a varied condition is another question than one that asks for none or for another.
    """
    here = set(reading.named_data or wanted_data(reading))
    found = []
    for memory in memories:
        if memory.kind != "hypothesis" or memory.outcome != "refuted" or memory.superseded_by:
            continue
        holds = memory.conditions
        components = frozenset(words_of(memory.facts.get("components")) or holds.get("component", ()))
        against = words_of(memory.facts.get("worse_on")) or holds.get("dataset", ())
        shared = tuple(name for name in against if name in here)
        same = (
            reading.kit.id in holds.get("study", ())
            and reading.metric.spec.id in holds.get("metric", (reading.metric.spec.id,))
            and _same_sweep(memory, reading)
        )
        if same and components and shared:
            found.append(Refutation(memory, components, shared))
    return tuple(found)


def configurations(
    memories: Iterable[Memory], study: str, datasets: Iterable[str], outcomes: Iterable[Outcome] = ("validated",)
) -> tuple[Memory, ...]:
    """Configurations of a family that were tried on at least one of these data sets, best match first."""
    wanted, ended = set(datasets), set(outcomes)
    return tuple(
        memory
        for memory in memories
        if memory.kind == "configuration"
        and memory.outcome in ended
        and not memory.superseded_by
        and study in memory.conditions.get("study", ())
        and wanted & set(memory.conditions.get("dataset", ()))
    )


def _same_sweep(memory: Memory, reading: Reading) -> bool:
    """Whether both topics ask for the same varied condition, or both for none."""
    now = reading.sweep.spec.id if reading.sweep and reading.sweep_asked else ""
    asked = memory.facts.get("asked_sweep")
    if asked is None:  # from a crew that does not say what was asked for
        return not now or now in memory.conditions.get("sweep", ())
    return bool(asked == now)


def words_of(value: object) -> tuple[str, ...]:
    """The strings of a list among a memory's facts; nothing when it is no list."""
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def number_of(value: object) -> float | None:
    """A number among a memory's facts; None when it is none, negative or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
