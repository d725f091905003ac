"""One round of learning for one phase: what is trained on, measured and repaired, and whether it may stay.

Each phase has an adapter of its own, so that what is learned for one cannot disturb another. Lessons are the planner
inputs that the feedback is about and the same phase on a topic of nobody's; their teacher knows the new feedback and
all earlier feedback that still stands. Measures are taken on topics that no round ever trains on (topics.toml).
Imports torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from nanoresearch.planner import replay, trust
from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.hindsight import make_teacher
from nanoresearch.planner.lessons import Lesson, prepare
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.policy import Policy
from nanoresearch.planner.sdpo import Teacher
from nanoresearch.planner.topics import load_topics
from nanoresearch.planner.training import Trainer
from nanoresearch.planner.using import Inclusion, average, base_plans, draws, shares, teacher_plans, user_plans
from nanoresearch.schema.learning import LearningSettings, PhaseMeasure, Preference, UpdateRecord
from nanoresearch.schema.plan import Phase
from nanoresearch.schema.profile import Profile

REPAIR_RATE = 0.5
"""Learning rate of repairing steps, as a share of the round's."""
CLOSER = 3
"""How many times as many plans are sampled in all before a round is refused: a refusal must not rest on chance."""

SAMPLING = ("temperature", "anchored", "sharpness", "prompt_tokens")
"""Settings that plans are sampled with."""

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Outcome:
    """What came of a round for one phase."""

    preference: Preference
    """What was heard, with what was measured of it."""
    verdict: trust.Verdict
    measure: PhaseMeasure
    kept: dict[int, float]
    """Earlier version -> share of its gain that is left."""
    superseded: dict[int, tuple[str, ...]]
    """Earlier version -> directives on which it no longer decides."""
    losses: list[float]
    weights: Weights | None
    """The adapter; None where it may not stay."""


class Round:
    """One feedback on its way into the adapter of one phase."""

    def __init__(
        self,
        base: BaseModel,
        policy: Policy,
        settings: LearningSettings,
        text: str,
        *,
        version: int,
        chain: replay.Chain,
        measured: replay.Chain,
        earlier: PhaseMeasure | None,
        say: Callable[[str], None],
    ) -> None:
        """The policy holds the phase's present adapter. measured: the part of the chain whose inclusions compare with
        those of this round (`measures_alike`); earlier: the measure of the update that made the adapter, if it does.
        """
        self._base, self._policy, self._settings, self._text = base, policy, settings, text
        self._version, self._earlier, self._say = version, earlier, say
        self._chain, self._measured = chain, measured
        self._frozen = None if settings.teacher == "base" else policy.copy_weights()

    def run(self, lessons: Sequence[Lesson], heard: Preference, profile: Profile) -> Outcome:
        """Train on lessons of one phase, all of it."""
        settings, topics = self._settings, load_topics()
        extra = topics.lessons[self._version % len(topics.lessons)]
        trained = [*lessons, self._on(heard, extra, profile)]
        probes = [self._on(heard, topic, profile) for topic in topics.probes]
        asked, lost = self._ask([*trained, *probes], heard)
        start = self._start(probes)
        before = self._before(probes, start)
        teacher = self._teacher_inclusion(probes)
        wanted = trust.decided_by(asked, self._version)
        trainer = Trainer(
            self._policy,
            settings,
            trained,
            self._teacher,
            seed=self._version,
            moving=self._frozen if settings.teacher in ("ema", "live") else None,
            say=self._say,
        )
        trainer.run([step % len(trained) for step in range(settings.steps)])
        measure = self._measure(probes, before, teacher, settings.probes)
        for repair in range(settings.repairs):
            kept = trust.kept(self._measured, asked, measure.after)
            gained = trust.moved(start, teacher, measure.after, wanted)
            if not trust.slipping(kept, gained, settings):
                break
            self._say(f"{heard.phase} must be repeated")
            trainer.run([(repair + step) % len(trained) for step in range(settings.repair_steps)], REPAIR_RATE)
            measure = self._measure(probes, before, teacher, settings.probes)
        kept = trust.kept(self._measured, asked, measure.after)
        verdict = trust.judge(measure, kept, settings)
        if not verdict.accepted:
            self._say(f"{verdict.reason} A closer look is taken.")
            measure = self._measure(probes, before, teacher, CLOSER * settings.probes)
            kept = trust.kept(self._measured, asked, measure.after)
            verdict = trust.judge(measure, kept, settings)
        return Outcome(
            heard.model_copy(update={"base": start, "teacher": teacher, "reached": measure.after}),
            verdict,
            measure,
            kept,
            lost,
            trainer.losses,
            self._policy.copy_weights() if verdict.accepted else None,
        )

    def _on(self, heard: Preference, topic: str, profile: Profile) -> Lesson:
        return prepare(self._base, PlannerInput(heard.phase, topic, profile), self._settings)

    def _ask(
        self, lessons: Sequence[Lesson], heard: Preference
    ) -> tuple[dict[str, replay.Standing], dict[int, tuple[str, ...]]]:
        """Give each lesson its bonus. Returns what stands, and what lost its standing."""
        against = lessons[0].rivals  # one phase and profile: one menu
        before = replay.standing(self._chain, against)
        after = replay.standing([*self._chain, (self._version, heard)], against)
        taught = after if self._settings.replay else replay.standing([(self._version, heard)], against)
        wanted = replay.with_rivals({name: item.bonus for name, item in taught.items()}, against)
        # Teachers that carry the adapter already follow what it has learned; they need the difference only.
        carried = before if self._frozen is not None and self._settings.replay else {}
        known = replay.with_rivals({name: item.bonus for name, item in carried.items()}, against)
        for lesson in lessons:
            lesson.bonus = tuple(wanted.get(name, 0.0) - known.get(name, 0.0) for name in lesson.names)
        return after, replay.superseded(before, after)

    def _teacher(self, lesson: Lesson) -> Teacher:
        return make_teacher(self._base, self._policy, lesson, self._text, self._frozen, self._settings)

    def _start(self, probes: Sequence[Lesson]) -> Inclusion:
        """Inclusion without any adapter; earlier rounds on the phase have measured it."""
        for _, preference in self._measured:
            if preference.base.keys() == set(probes[0].names):
                return preference.base
        count, temperature = self._share(self._settings.probes), self._settings.temperature
        plans = [p for lesson in probes for p in base_plans(self._policy, lesson, count, 0, temperature)]
        return shares(plans, probes[0].names)

    def _before(self, probes: Sequence[Lesson], start: Inclusion) -> Inclusion:
        if not self._chain:
            return start
        known = self._earlier
        if known and known.topic == _topic(probes) and known.after.keys() == set(probes[0].names):
            return known.after
        return self._measure(probes, {}, {}, self._settings.probes).after

    def _teacher_inclusion(self, probes: Sequence[Lesson]) -> Inclusion:
        plain = self._frozen is None and not self._settings.prompt_weight
        unread = plain and probes[0].anchor is not None  # the model is not run at all, so that plans cost little
        count = self._share(self._settings.probes * (CLOSER if unread else 1))
        plans = [
            plan
            for i, lesson in enumerate(probes)
            for plan in teacher_plans(
                self._policy,
                lesson,
                None if plain else self._teacher(lesson),
                count,
                draws(i),
                self._settings.temperature,
            )
        ]
        return shares(plans, probes[0].names)

    def _measure(self, probes: Sequence[Lesson], before: Inclusion, teacher: Inclusion, count: int) -> PhaseMeasure:
        count, temperature = self._share(count), self._settings.temperature
        found = average([user_plans(self._policy, lesson, count, self._version, temperature) for lesson in probes])
        return PhaseMeasure(
            phase=probes[0].phase,
            topic=_topic(probes),
            before=before,
            teacher=teacher,
            after=shares(found.plans, probes[0].names),
            drift=found.drift,
            entropy=found.entropy,
            base_entropy=found.base_entropy,
        )

    def _share(self, count: int) -> int:
        return -(-count // len(load_topics().probes))


def measures_alike(one: LearningSettings, other: LearningSettings) -> bool:
    """Whether inclusions measured under two settings compare: they are those of plans sampled in the same way."""
    return all(getattr(one, name) == getattr(other, name) for name in SAMPLING)


def spoken_of(preference: Preference, settings: LearningSettings) -> bool:
    """Whether a feedback says something about the directives of a phase."""
    return bool(settings.prompt_weight) or any(abs(nats) >= replay.MEANT_NATS for nats in preference.bonus.values())


def summed_up(
    record: UpdateRecord, outcomes: Sequence[Outcome], unheard: Sequence[Preference]
) -> tuple[UpdateRecord, dict[Phase, Weights]]:
    """The record of an update from its rounds, and the adapters that may stay, by phase."""
    weights = {outcome.measure.phase: outcome.weights for outcome in outcomes if outcome.weights is not None}
    kept: dict[int, float] = {}
    lost: dict[int, tuple[str, ...]] = {}
    counted = [outcome for outcome in outcomes if outcome.weights is not None] or outcomes
    for outcome in counted:
        for version, share in outcome.kept.items():
            kept[version] = min(share, kept.get(version, share))
        for version, names in outcome.superseded.items() if weights else ():
            lost[version] = (*lost.get(version, ()), *names)
    measures = [outcome.measure for outcome in counted]
    several = len(outcomes) > 1
    reasons = [f"{o.measure.phase.capitalize()}: {o.verdict.reason}" if several else o.verdict.reason for o in outcomes]
    update = {
        "accepted": bool(weights),
        "phases": tuple(weights),
        "reason": " ".join(reasons),
        "preferences": (*(outcome.preference for outcome in outcomes), *unheard),
        "superseded": lost,
        "losses": tuple(loss for outcome in outcomes for loss in outcome.losses),
        "measures": tuple(outcome.measure for outcome in outcomes),
        "kept": kept,
        "drift": max(measure.drift for measure in measures),
        "entropy": min(m.entropy / m.base_entropy if m.base_entropy else 1.0 for m in measures),
    }
    return record.model_copy(update=update), weights


def _topic(probes: Sequence[Lesson]) -> str:
    return " | ".join(lesson.topic for lesson in probes)
