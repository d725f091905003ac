"""What a user's past feedback asks for today: newer words take the place of older ones on the same matter.

A feedback speaks of a directive when the model's own relevance and attitude say so (attitude.py): it is then the
matter of that feedback. Newer words that say the opposite decide when they are at least half as clear, in nats; newer
words that agree never weaken what stands; words that clearly speak of a directive and want nothing of it end it.
Directives that set the same field of the guidance to different values (five seeds, ten seeds) are one matter: a plan
cannot follow both, so when newer words want one of them, older wishes for the others lapse. No words are compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nanoresearch.schema.learning import Preference, UpdateRecord
from nanoresearch.schema.plan import Directive, Phase

RIVAL_NATS = 3.0
"""How much worse than its best rival a feedback may fit a directive that it still seems to want."""
MEANT_NATS = 1.0
"""Bonus from which a feedback is taken to ask for, or against, a directive."""
SPOKEN_NATS = 6.0
"""Relevance from which a feedback that neither asks for a directive nor against it is taken to speak of it."""
CLEAR_SHARE = 0.5
"""How clear newer words must be beside older ones, in nats, to take their place: a faint echo must not undo a wish."""


@dataclass(frozen=True)
class Standing:
    """What is asked for about one directive, and by which update."""

    bonus: float
    version: int


Chain = Sequence[tuple[int, Preference]]
"""What the feedback of each version said about one phase, oldest first."""


def lineage(history: Sequence[UpdateRecord], version: int) -> list[UpdateRecord]:
    """The accepted updates that led to a version, oldest first."""
    by_version = {record.version: record for record in history if record.accepted}
    chain = []
    while record := by_version.get(version):
        chain.append(record)
        version = record.parent
    return chain[::-1]


def learned(history: Sequence[UpdateRecord], version: int) -> dict[Phase, list[UpdateRecord]]:
    """The updates that led to a version's adapter of each phase, oldest first; phases without an adapter are absent."""
    found: dict[Phase, list[UpdateRecord]] = {}
    for record in lineage(history, version):
        for phase in record.phases:
            found.setdefault(phase, []).append(record)
    return found


def chain_of(records: Sequence[UpdateRecord], phase: Phase) -> list[tuple[int, Preference]]:
    """What these updates said about a phase."""
    return [(record.version, item) for record in records for item in record.preferences if item.phase == phase]


def standing(chain: Chain, rivals: Mapping[str, frozenset[str]]) -> dict[str, Standing]:
    """Directive -> what the un-superseded part of a chain of feedback asks for."""
    held: dict[str, Standing] = {}
    for version, preference in chain:
        asked = {name: nats for name, nats in preference.bonus.items() if abs(nats) >= MEANT_NATS}
        for name in spoken(preference) - asked.keys():
            held.pop(name, None)
        for name, nats in asked.items():
            if not _decides(nats, held.get(name)):
                continue
            if nats > 0:
                for rival in rivals.get(name, frozenset()):
                    old = held.get(rival)
                    if old and old.bonus > 0 and old.version != version and nats >= CLEAR_SHARE * old.bonus:
                        del held[rival]
            held[name] = Standing(nats, version)
    return held


def _decides(nats: float, old: Standing | None) -> bool:
    """Whether newer words take the place of older ones: they agree and are clearer, or object and are clear enough."""
    if old is None:
        return True
    return abs(nats) >= abs(old.bonus) * (1.0 if nats * old.bonus > 0 else CLEAR_SHARE)


def changes_anything(chain: Chain, new: tuple[int, Preference], rivals: Mapping[str, frozenset[str]]) -> bool:
    """Whether newer words decide on any directive, or end an older wish."""
    before, after = standing(chain, rivals), standing([*chain, new], rivals)
    return before != after


def superseded(before: Mapping[str, Standing], after: Mapping[str, Standing]) -> dict[int, tuple[str, ...]]:
    """Earlier version -> directives on which it no longer decides."""
    lost: dict[int, list[str]] = {}
    for name, old in before.items():
        new = after.get(name)
        if new is None or new.version != old.version:
            lost.setdefault(old.version, []).append(name)
    return {version: tuple(names) for version, names in lost.items()}


def spoken(preference: Preference) -> set[str]:
    """The directives that a feedback is about, whatever it says of them."""
    return {
        name
        for name, nats in preference.bonus.items()
        if abs(nats) >= MEANT_NATS or preference.relevance.get(name, 0.0) >= SPOKEN_NATS
    }


def rivals(menu: Sequence[Directive]) -> dict[str, frozenset[str]]:
    """Directive -> those that set a field of the guidance to another value than it does."""
    return {
        one.id: frozenset(other.id for other in menu if other.id != one.id and _clash(one.effect, other.effect))
        for one in menu
    }


def with_rivals(bonus: Mapping[str, float], against: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """Who wants a directive does not want its rivals, unless they are wanted too: a plan holds one of them."""
    whole = dict(bonus)
    for name, nats in bonus.items():
        for rival in against.get(name, frozenset()) if nats >= MEANT_NATS else ():
            if bonus.get(rival, 0.0) < MEANT_NATS:
                whole[rival] = min(whole.get(rival, 0.0), -nats)
    return whole


def settle(
    bonus: Mapping[str, float], fit: Mapping[str, float], against: Mapping[str, frozenset[str]]
) -> dict[str, float]:
    """Of rivals that one feedback seems to want, those that it fits clearly worse than the best are ruled out by it.

    fit: nats; how much likelier the words make the directive, plus how likely the directive makes the words. Both
    estimate the same pointwise mutual information up to a constant, so that their errors partly cancel.
    """
    wanted = contested(bonus, against)
    outdone = {
        name
        for name in wanted
        if any(fit[rival] > fit[name] + RIVAL_NATS for rival in against[name] if rival in wanted)
    }
    return {name: -nats if name in outdone else nats for name, nats in bonus.items()}


def contested(bonus: Mapping[str, float], against: Mapping[str, frozenset[str]]) -> set[str]:
    """Directives that a feedback seems to want together with a rival of theirs."""
    wanted = {name for name, nats in bonus.items() if nats > 0}
    return {name for name in wanted if against.get(name, frozenset()) & wanted}


def _clash(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return any(
        key in other and other[key] != value and not isinstance(value, list | tuple) for key, value in one.items()
    )
