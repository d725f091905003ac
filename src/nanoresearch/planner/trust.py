"""Whether an update may stay: how far plans moved from the base, how varied they still are, what was forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass

from nanoresearch.planner.replay import Chain, Standing
from nanoresearch.schema.learning import LearningSettings, PhaseMeasure

CERTAIN_GAIN = 0.25
"""Inclusion that an earlier preference must have gained for its loss to be told from the noise of sampling."""


@dataclass(frozen=True)
class Verdict:
    """Keep an update or not, and why."""

    accepted: bool
    reason: str


def judge(measure: PhaseMeasure, kept: Mapping[int, float], settings: LearningSettings) -> Verdict:
    """The trust region. kept: earlier version -> share of its gain that is left."""
    phase = measure.phase
    if measure.drift > settings.max_drift:
        return Verdict(
            False,
            f"Rolled back: {phase} plans moved {measure.drift:.1f} nats from the base model's, "
            f"more than the {settings.max_drift:g} allowed.",
        )
    if measure.entropy < settings.min_entropy * measure.base_entropy:
        return Verdict(
            False,
            f"Rolled back: {phase} plans lost their variety (entropy {measure.entropy:.1f} of "
            f"{measure.base_entropy:.1f} nats; at least {settings.min_entropy:.0%} must stay).",
        )
    if settings.anchored and (more := strays(measure)) > settings.max_strays:
        return Verdict(
            False,
            f"Rolled back: {phase} plans would hold {more:.1f} directives that nobody asked for "
            f"(at most {settings.max_strays:g} allowed).",
        )
    for version, share in sorted(kept.items()):
        if share < settings.keep_share:
            return Verdict(
                False,
                f"Rolled back: of what update {version} had gained in {phase}, {max(share, 0):.0%} would be left "
                f"(at least {settings.keep_share:.0%} must stay).",
            )
    return Verdict(True, "Learned.")


def strays(measure: PhaseMeasure) -> float:
    """Directives a plan that are neither the teacher's nor were there before."""
    return sum(
        max(0.0, share - max(measure.before.get(name, 0.0), measure.teacher.get(name, 0.0)))
        for name, share in measure.after.items()
    )


def moved(
    start: Mapping[str, float], aim: Mapping[str, float], now: Mapping[str, float], asked: Mapping[str, float]
) -> float | None:
    """Least share of the way from start to aim that is left now, over directives that the way clearly leads to.

    None when there is no such directive. start, aim, now: inclusion; asked: bonus of directives still standing.
    """
    ways = []
    for name, nats in asked.items():
        if name not in start or name not in aim or name not in now:
            continue
        way = aim[name] - start[name]
        if abs(way) >= CERTAIN_GAIN and way * nats > 0:
            ways.append(min(1.0, (now[name] - start[name]) / way))
    return min(ways, default=None)


def kept(chain: Chain, asked: Mapping[str, Standing], now: Mapping[str, float]) -> dict[int, float]:
    """Earlier version -> least share that is left of what it had gained in a phase for what it still decides on."""
    shares = {version: moved(item.base, item.reached, now, decided_by(asked, version)) for version, item in chain}
    return {version: share for version, share in shares.items() if share is not None}


def slipping(kept: Mapping[int, float], gained: float | None, settings: LearningSettings) -> bool:
    """Whether more steps are needed: an earlier preference is about to be lost, or the new one was not reached.

    gained: share of the way to its teacher that the new feedback went, None where there is none to go.
    """
    lost = any(share < settings.keep_share for share in kept.values())
    return lost or (gained is not None and gained < settings.gain_share)


def decided_by(asked: Mapping[str, Standing], version: int) -> dict[str, float]:
    """What a version still decides on, as far as it does not merely touch it."""
    bonus = {name: item.bonus for name, item in asked.items() if item.version == version}
    most = max(map(abs, bonus.values()), default=0.0)
    return {name: nats for name, nats in bonus.items() if abs(nats) >= 0.5 * most}
