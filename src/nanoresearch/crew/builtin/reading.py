"""What a topic asks for, in terms of the kits: which family, data, components, metric and sweep, and what is left over.

Reads the researcher's topic and profile only. Feedback never comes here.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.kits.kit import Component, Kit, Metric, ProtocolOption, SweepOption
from nanoresearch.crew.builtin.words import found, positions, stems
from nanoresearch.datasets import catalogue
from nanoresearch.errors import TopicRefused
from nanoresearch.schema.dataset import DatasetCard
from nanoresearch.schema.profile import Profile

MAX_TOPIC = 4000
"""Characters of a topic; more is a document, not a topic."""

LEAST_SHARE = 0.5
"""Share of a topic's content words that a kit must answer to when the topic names none of its data and techniques."""

LEAST_SHARE_NAMED = 1 / 3
"""The same for topics that do name data or techniques of the kit."""


@dataclass(frozen=True)
class Reading:
    """How one kit understands a topic."""

    kit: Kit
    score: float
    named_data: tuple[str, ...]
    """Data sets the topic names, as card ids."""
    hinted_data: tuple[str, ...]
    """Data sets that words of the topic point to."""
    components: tuple[Component, ...]
    """Components allowed, those asked for first."""
    asked: tuple[str, ...]
    """Ids of the components asked for."""
    metric: Metric
    sweep: SweepOption | None
    sweep_asked: bool
    protocol: ProtocolOption
    unanswered: tuple[str, ...]
    """Content words of the topic that nothing in the kit answers to."""


def read_topic(topic: str, profile: Profile) -> Reading:
    """The best reading of a topic. Raises TopicRefused, naming what can be done, when no kit serves it honestly."""
    text = stems(topic)
    if len(topic) > MAX_TOPIC:
        raise TopicRefused(f"The topic has {len(topic)} characters; {MAX_TOPIC} are read. State it in a paragraph.")
    if len([stem for stem in text if stem.isalpha()]) < 2:
        raise TopicRefused("The topic says nothing to work on. " + offer())
    blocked = found(dict.fromkeys(_vocabulary()["out_of_reach"]), text)
    readings = [reading for kit in load_kits().values() if (reading := _read(kit, topic, text, profile, blocked))]
    if not readings:
        raise TopicRefused(_refusal(text, blocked, profile))
    return max(readings, key=lambda reading: reading.score)


def offer() -> str:
    """What the builtin crew can do, in a few sentences."""
    cards = _cards()
    lines = []
    for kit in load_kits().values():
        names = [cards[option.id].name for option in kit.datasets if option.id in cards]
        lines.append(f"  {kit.name} ({kit.domain}): {', '.join(names)}")
    return (
        "The builtin crew does component studies on packaged data, of these kinds:\n"
        + "\n".join(lines)
        + "\nName the kind of data and the task, or one of these data sets. Other topics need a language model."
    )


def _read(kit: Kit, topic: str, text: Sequence[str], profile: Profile, blocked: Sequence[str]) -> Reading | None:
    if not _answered(found(kit.out_of_reach, text), kit, text):
        return None
    cards = _cards()
    named_at = {
        option.id: _cover((cards[option.id].name, option.id, *cards[option.id].aliases), text)
        for option in kit.datasets
        if option.id in cards
    }
    # "Fashion-MNIST" names one data set, not also the one called "MNIST".
    named = [name for name, here in named_at.items() if here and not any(here < other for other in named_at.values())]
    hints = {option.id: _cover(option.keywords, text) for option in kit.datasets}
    hinted = [name for name, here in hints.items() if here and name not in named]
    covered = set().union(*named_at.values(), *hints.values())
    if blocked and not _answered(blocked, kit, text):
        return None
    if not named and (found(_vocabulary()["foreign_data"], text) or _names_other_data(kit, text)):
        return None
    banned = taboo_tags(profile, kit)
    if banned & set(kit.baseline.tags):
        return None
    allowed = [item for item in kit.components if not banned & {*item.spec.tags, item.spec.id, item.spec.name}]
    hits = {item.spec.id: _cover((item.spec.name, *item.keywords), text) for item in allowed}
    asked = [item.spec.id for item in allowed if hits[item.spec.id]]
    subjects, tasks = _cover(kit.subjects, text), _cover(kit.tasks, text)
    if not allowed or not (subjects or named or hinted):
        return None
    metric, metric_spots = _choose_metric(kit, text)
    sweep, sweep_asked, sweep_spots = _choose_sweep(kit, text, [item for item in allowed if item.spec.id in asked])
    allowed = [item for item in allowed if item.needs_sweep is None or (sweep and item.needs_sweep == sweep.spec.id)]
    asked = [item.spec.id for item in allowed if item.spec.id in asked]
    protocol, protocol_spots = _choose_protocol(kit, text)
    covered |= subjects | tasks | metric_spots | sweep_spots | protocol_spots
    covered |= set().union(*hits.values()) if hits else set()
    words = topic_words(topic)
    common = {stem for word in _vocabulary()["common"] for stem in stems(word)}
    content = [index for index in range(len(text)) if text[index] not in common and not text[index].isdigit()]
    left = [words[index] for index in content if index not in covered]
    share = 1 - len(left) / max(1, len(content))
    if not (tasks or asked) and not (named and share >= LEAST_SHARE):
        return None
    if share < (LEAST_SHARE if not named and not asked else LEAST_SHARE_NAMED):
        return None
    score = 4 * len(named) + 2 * len(asked) + min(3, len(subjects)) + min(3, len(tasks)) + 4 * share + len(hinted)
    score += (bool(sweep_spots) + bool(metric_spots) + bool(protocol_spots)) + 1.5 * (profile.domain == kit.domain)
    return Reading(
        kit=kit,
        score=score,
        named_data=tuple(named),
        hinted_data=tuple(hinted),
        components=tuple(sorted(allowed, key=lambda item: (item.spec.id not in asked, _order(item, profile, kit)))),
        asked=tuple(asked),
        metric=metric,
        sweep=sweep,
        sweep_asked=sweep_asked,
        protocol=protocol,
        unanswered=tuple(dict.fromkeys(left)),
    )


def _names_other_data(kit: Kit, text: Sequence[str]) -> bool:
    """Whether the topic names a data set of the catalogue that this kit cannot load."""
    own = {name for option in kit.datasets for name in (option.id, *option.needs)}
    known = _cover((*kit.subjects, *(word for option in kit.datasets for word in option.keywords)), text)
    others = (card for card in _cards().values() if card.id not in own)
    return any(_cover((card.name, *card.aliases), text) - known for card in others)


def topic_words(topic: str) -> list[str]:
    """Words of a topic, one for each stem."""
    words = []
    for chunk in topic.replace("_", " ").split():
        count = len(stems(chunk))
        pieces = [piece for piece in _split(chunk) if stems(piece)]
        words += pieces if len(pieces) == count else [chunk] * count
    return words


def taboo_tags(profile: Profile, kit: Kit) -> set[str]:
    """Tags and names of the kit's techniques that a taboo of the profile speaks of."""
    techniques = {tag for item in kit.components for tag in (*item.spec.tags, item.spec.id, item.spec.name)}
    techniques |= {
        tag for method in (kit.baseline, *kit.alternatives) for tag in (*method.tags, method.id, method.name)
    }
    taboos = [stems(taboo) for taboo in profile.taboos]
    return {name for name in techniques if any(positions(name, taboo) for taboo in taboos)}


def unmatched_taboos(profile: Profile, kit: Kit) -> tuple[str, ...]:
    """Taboos that speak of nothing this kit knows."""
    names = taboo_tags(profile, kit)
    return tuple(taboo for taboo in profile.taboos if not found(names, stems(taboo)))


def _order(component: Component, profile: Profile, kit: Kit) -> tuple[bool, int]:
    wishes = [stems(wish) for wish in profile.preferences]
    names = (*component.spec.tags, component.spec.name, *component.keywords)
    liked = any(positions(name, wish) for name in names for wish in wishes)
    return not liked, kit.components.index(component)


def _cover(phrases: Sequence[str], text: Sequence[str]) -> set[int]:
    return set().union(*(positions(phrase, text) for phrase in phrases)) if phrases else set()


def _answered(blocked: Sequence[str], kit: Kit, text: Sequence[str]) -> bool:
    """Whether every out-of-reach phrase stands inside a longer phrase that the kit knows."""
    known = [*kit.subjects, *kit.tasks, *(word for item in kit.components for word in (item.spec.name, *item.keywords))]
    covered = _cover(known, text)
    return all(positions(phrase, text) <= covered for phrase in blocked)


def _choose_metric(kit: Kit, text: Sequence[str]) -> tuple[Metric, set[int]]:
    best, spots = kit.metrics[0], set[int]()
    for metric in kit.metrics:
        here = _cover((metric.spec.name, *metric.keywords), text)
        if len(here) > len(spots):
            best, spots = metric, here
    return best, spots


def _choose_sweep(
    kit: Kit, text: Sequence[str], asked: Sequence[Component]
) -> tuple[SweepOption | None, bool, set[int]]:
    """The sweep that the topic asks for in words, or by a component that needs it, else the kit's default."""
    best: SweepOption | None = None
    spots: set[int] = set()
    for option in kit.sweeps:
        here = _cover((option.spec.name, *option.keywords), text)
        if len(here) > len(spots):
            best, spots = option, here
    if best is None:
        needed = [item.needs_sweep for item in asked if item.needs_sweep]
        best = next((option for option in kit.sweeps if option.spec.id in needed), None)
    if best:
        return best, True, spots
    return next((option for option in kit.sweeps if option.default), None), False, spots


def _choose_protocol(kit: Kit, text: Sequence[str]) -> tuple[ProtocolOption, set[int]]:
    best, spots = kit.protocols[0], set[int]()
    for option in kit.protocols:
        here = _cover(option.keywords, text)
        if len(here) > len(spots):
            best, spots = option, here
    return best, spots


def _split(chunk: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in chunk).split()


def _refusal(text: Sequence[str], blocked: Sequence[str], profile: Profile) -> str:
    reasons = []
    if blocked:
        reasons.append(f"It asks for {', '.join(blocked)}, which no experiment at hand can test.")
    foreign = found(_vocabulary()["foreign_data"], text)
    if foreign:
        reasons.append(f"It names {', '.join(foreign)}, which is not at hand.")
    if profile.taboos and not reasons:
        reasons.append("No experiment family matches it under the profile's taboos.")
    if not reasons:
        reasons.append("No experiment family matches its words.")
    return "This topic cannot be served honestly. " + " ".join(reasons) + "\n" + offer()


@cache
def _cards() -> dict[str, DatasetCard]:
    return catalogue.load_catalogue()


@cache
def _vocabulary() -> dict[str, list[str]]:
    data: dict[str, list[str]] = tomllib.loads(
        files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8")
    )
    return data
