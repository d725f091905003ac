"""One round of learning: what is trained on, what is measured, what is repaired, and whether it may stay.

Lessons are the planner inputs that the feedback is about, the same phases on a topic of nobody's, and every phase with
earlier preferences, each time on another topic. Measures are taken on topics that no round ever trains on
(topics.toml). Imports torch.
"""

from collections.abc import Callable, Sequence

from torch import Tensor

from nanoresearch.planner import replay, trust
from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.lessons import Lesson, prepare, schedule
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.policy import Policy
from nanoresearch.planner.sdpo import Teacher
from nanoresearch.planner.topics import load_topics
from nanoresearch.planner.training import Trainer
from nanoresearch.planner.using import Inclusion, average, base_plans, draws, shares, teacher_plans, user_plans
from nanoresearch.schema.learning import LearningSettings, PhaseMeasure, Preference, UpdateRecord
from nanoresearch.schema.plan import Phase
from nanoresearch.schema.profile import Profile

HINDSIGHT = (
    "{}\n\nThe researcher later said: {}\nChoose directives that satisfy the researcher."  # at the end of the message
)
REPAIR_RATE = 0.5
"""Learning rate of repairing steps, as a share of the round's."""

Listen = Callable[[Lesson, str], Preference]
Weights = dict[str, Tensor]


class Round:
    """One feedback on its way into the weights."""

    def __init__(
        self,
        base: BaseModel,
        policy: Policy,
        settings: LearningSettings,
        listen: Listen,
        chain: Sequence[tuple[int, Sequence[Preference]]],
        earlier: Sequence[PhaseMeasure],
        text: str,
        *,
        say: Callable[[str], None],
    ) -> None:
        """chain: version -> what its feedback said, oldest first. earlier: measures of the version in use."""
        self._base, self._policy, self._settings, self._listen = base, policy, settings, listen
        self._chain, self._text, self._say = chain, text, say
        self._earlier = {(measure.phase, measure.topic): measure for measure in earlier}
        self._frozen: Weights | None = None
        self._meant: set[Phase] = set()
        self._held: set[Phase] = set()

    def run(
        self, record: UpdateRecord, lessons: Sequence[Lesson], profile: Profile
    ) -> tuple[UpdateRecord, Weights | None]:
        """Train the policy's adapter. Returns what came of it, and the weights if they may stay."""
        heard: dict[Phase, Preference] = {}
        for lesson in lessons:
            if lesson.phase not in heard:
                heard[lesson.phase] = self._listen(lesson, self._text)
        record = record.model_copy(update={"preferences": tuple(heard.values())})
        self._meant = spoken_of([(record.version, tuple(heard.values()))], self._settings)
        if not self._meant:
            reason = (
                "The model found nothing in the feedback that bears on these phases' directives; nothing was learned."
            )
            return record.model_copy(update={"reason": reason}), None
        if self._settings.teacher != "base":
            self._frozen = self._policy.copy_weights()
        held = self._held = spoken_of(self._chain, self._settings)
        topics = load_topics().probes
        probes = {phase: [self._on(phase, topic, profile) for topic in topics] for phase in sorted(self._meant | held)}
        before = {phase: self._before(several, record.parent) for phase, several in probes.items()}
        start = {phase: self._start(several) for phase, several in probes.items()}
        trained = [lesson for lesson in lessons if lesson.phase in self._meant]
        trained += self._more_lessons(held, profile, record.version)
        asked, lost = self._ask([*trained, *(probe for several in probes.values() for probe in several)], record)
        teachers = {phase: self._teacher_inclusion(several) for phase, several in probes.items()}
        trainer = Trainer(
            self._policy,
            self._settings,
            trained,
            self._teacher,
            seed=record.version,
            moving=self._frozen if self._settings.teacher in ("ema", "live") else None,
            say=self._say,
        )
        trainer.run(schedule([lesson.fresh for lesson in trained], self._settings.steps))
        for repair in range(self._settings.repairs + 1):
            measures = [
                self._measure(probes[phase], before[phase], teachers[phase], record.version) for phase in probes
            ]
            reached = {measure.phase: measure.after for measure in measures}
            kept = trust.kept(self._chain, asked, reached)
            gained = trust.gained(record.version, asked, start, teachers, reached)
            weak = trust.slipping(kept, gained, self._settings)
            again = [i for i, lesson in enumerate(trained) if lesson.phase in weak]
            if not again or repair == self._settings.repairs:
                break
            self._say(f"{' and '.join(sorted(weak))} must be repeated")
            trainer.run([again[i % len(again)] for i in range(self._settings.repair_steps)], REPAIR_RATE)
        left = {version: min(by_phase.values()) for version, by_phase in kept.items()}
        verdict = trust.judge(measures, left, self._settings)
        preferences = tuple(
            preference.model_copy(
                update={
                    "base": start.get(preference.phase, {}),
                    "teacher": teachers.get(preference.phase, {}),
                    "reached": reached.get(preference.phase, {}),
                }
            )
            for preference in record.preferences
        )
        record = record.model_copy(
            update={
                "accepted": verdict.accepted,
                "reason": verdict.reason,
                "preferences": preferences,
                "superseded": lost,
                "losses": tuple(trainer.losses),
                "measures": tuple(measures),
                "kept": left,
                "drift": max(measure.drift for measure in measures),
                "entropy": min(m.entropy / m.base_entropy if m.base_entropy else 1.0 for m in measures),
            }
        )
        return record, self._policy.copy_weights() if verdict.accepted else None

    def _more_lessons(self, held: set[Phase], profile: Profile, version: int) -> list[Lesson]:
        topics = load_topics().lessons
        phases = [*sorted(self._meant), *sorted(held - self._meant if self._settings.replay else ())]
        return [
            self._on(phase, topics[(version * len(phases) + i) % len(topics)], profile, fresh=phase in self._meant)
            for i, phase in enumerate(phases)
        ]

    def _on(self, phase: Phase, topic: str, profile: Profile, *, fresh: bool = True) -> Lesson:
        return prepare(self._base, PlannerInput(phase, topic, profile), self._settings, fresh=fresh)

    def _ask(
        self, lessons: Sequence[Lesson], record: UpdateRecord
    ) -> tuple[dict[Phase, dict[str, replay.Standing]], dict[int, tuple[str, ...]]]:
        """Give each lesson its bonus. Returns what stands in each phase, and what lost its standing."""
        asked: dict[Phase, dict[str, replay.Standing]] = {}
        lost: dict[int, tuple[str, ...]] = {}
        for lesson in lessons:
            before = replay.standing(self._chain, lesson.phase, lesson.rivals)
            chain = [*self._chain, (record.version, record.preferences)]
            after = asked[lesson.phase] = replay.standing(chain, lesson.phase, lesson.rivals)
            for version, names in replay.superseded(before, after).items():
                lost[version] = tuple(dict.fromkeys([*lost.get(version, ()), *names]))
            wanted = replay.with_rivals({n: item.bonus for n, item in after.items()}, lesson.rivals)
            # Teachers that carry the adapter already follow what it has learned; they need the difference only.
            known = (
                {}
                if self._frozen is None
                else replay.with_rivals({n: item.bonus for n, item in before.items()}, lesson.rivals)
            )
            lesson.bonus = tuple(wanted.get(name, 0.0) - known.get(name, 0.0) for name in lesson.names)
        return asked, lost

    def _teacher(self, lesson: Lesson) -> Teacher:
        text = self._text if lesson.phase in self._meant else ""
        return make_teacher(self._base, self._policy, lesson, text, self._frozen, self._settings)

    def _start(self, several: Sequence[Lesson]) -> Inclusion:
        """Inclusion without any adapter; earlier rounds on the phase have measured it."""
        for _, preferences in self._chain:
            for preference in preferences:
                if preference.phase == several[0].phase and preference.base.keys() == set(several[0].names):
                    return preference.base
        count, temperature = self._share(several), self._settings.temperature
        plans = [p for lesson in several for p in base_plans(self._policy, lesson, count, 0, temperature)]
        return shares(plans, several[0].names)

    def _before(self, several: Sequence[Lesson], parent: int) -> Inclusion:
        known = self._earlier.get((several[0].phase, _topic(several)))
        if known is not None and known.after.keys() == set(several[0].names):
            return known.after
        if not parent or several[0].phase not in self._held:
            return self._start(several)
        count, temperature = self._share(several), self._settings.temperature
        plans = [p for lesson in several for p in user_plans(self._policy, lesson, count, parent, temperature).plans]
        return shares(plans, several[0].names)

    def _teacher_inclusion(self, several: Sequence[Lesson]) -> Inclusion:
        count, temperature = self._share(several), self._settings.temperature
        plain = self._frozen is None and not self._settings.prompt_weight
        plans = [
            plan
            for i, lesson in enumerate(several)
            for plan in teacher_plans(
                self._policy, lesson, None if plain else self._teacher(lesson), count, draws(i), temperature
            )
        ]
        return shares(plans, several[0].names)

    def _measure(self, several: Sequence[Lesson], before: Inclusion, teacher: Inclusion, seed: int) -> PhaseMeasure:
        count, temperature = self._share(several), self._settings.temperature
        found = average([user_plans(self._policy, lesson, count, seed, temperature) for lesson in several])
        return PhaseMeasure(
            phase=several[0].phase,
            topic=_topic(several),
            before=before,
            teacher=teacher,
            after=shares(found.plans, several[0].names),
            drift=found.drift,
            entropy=found.entropy,
            base_entropy=found.base_entropy,
        )

    def _share(self, several: Sequence[Lesson]) -> int:
        return -(-self._settings.probes // len(several))


def spoken_of(chain: Sequence[tuple[int, Sequence[Preference]]], settings: LearningSettings) -> set[Phase]:
    """Phases about whose directives some feedback said something. Only there does an adapter move anchored plans."""
    return {
        preference.phase
        for _, preferences in chain
        for preference in preferences
        if settings.prompt_weight or max(map(abs, preference.bonus.values()), default=0.0) >= replay.MEANT_NATS
    }


def make_teacher(
    base: BaseModel, policy: Policy, lesson: Lesson, text: str, weights: Weights | None, settings: LearningSettings
) -> Teacher:
    """The teacher of a lesson. text: the feedback where the lesson is about it. weights: an adapter's, or None."""
    informed = reading = None
    told = base.chat(HINDSIGHT.format(lesson.message, text)) if settings.prompt_weight and text else None
    if weights is not None:
        reading = policy.read(lesson.prompt, adapter=False) if lesson.anchor else None
        with policy.holding(weights):
            plain = policy.read(lesson.prompt)
            if told is not None:
                informed = policy.read(told)
    else:
        plain = policy.read(lesson.prompt, adapter=False)
        if told is not None:
            informed = policy.read(told, adapter=False)
    return Teacher(plain, informed, settings.prompt_weight, lesson.bonus, weights is not None, weights, reading)


def _topic(several: Sequence[Lesson]) -> str:
    return " | ".join(lesson.topic for lesson in several)
