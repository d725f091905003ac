"""Whether an update may stay: how far plans moved from the base, how varied they still are, what was forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nanoresearch.schema.learning import LearningSettings, PhaseMeasure

CERTAIN_GAIN = 0.25
"""Inclusion that an earlier preference must have gained for its loss to be told from the noise of sampling."""


@dataclass(frozen=True)
class Verdict:
    """Keep an update or not, and why."""

    accepted: bool
    reason: str


def judge(measures: Sequence[PhaseMeasure], kept: Mapping[int, float], settings: LearningSettings) -> Verdict:
    """The trust region. kept: earlier version -> share of its gain that is left."""
    for measure in measures:
        if measure.drift > settings.max_drift:
            return Verdict(
                False,
                f"Rolled back: {measure.phase} plans moved {measure.drift:.1f} nats from the base model's, "
                f"more than the {settings.max_drift:g} allowed.",
            )
        if measure.entropy < settings.min_entropy * measure.base_entropy:
            return Verdict(
                False,
                f"Rolled back: {measure.phase} plans lost their variety (entropy {measure.entropy:.1f} of "
                f"{measure.base_entropy:.1f} nats; at least {settings.min_entropy:.0%} must stay).",
            )
    for version, share in sorted(kept.items()):
        if share < settings.keep_share:
            return Verdict(
                False,
                f"Rolled back: of what update {version} had gained, {max(share, 0):.0%} would be left "
                f"(at least {settings.keep_share:.0%} must stay).",
            )
    return Verdict(True, "Learned.")


def share_kept(
    base: Mapping[str, float], reached: Mapping[str, float], now: Mapping[str, float], asked: Mapping[str, float]
) -> float | None:
    """Mean share of a preference's gain that is left, over directives that it clearly moved the way it asked.

    None when there is no such directive. base, reached, now: inclusion; asked: bonus of directives still standing.
    """
    shares = []
    for name, nats in asked.items():
        if name not in base or name not in reached or name not in now:
            continue
        gain = reached[name] - base[name]
        if abs(gain) >= CERTAIN_GAIN and gain * nats > 0:
            shares.append(min(1.0, (now[name] - base[name]) / gain))
    return sum(shares) / len(shares) if shares else None
