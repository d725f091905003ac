"""The planner that learns: free-form feedback becomes LoRA weights, and the next plan on any topic follows them.

    base = load_base("smollm2-135m-instruct", home_models)        # once per process; users share it
    planner = TrainablePlanner(base, home.root / "planners" / "alice", settings=LearningSettings())

    planner.plan(request) -> Plan                                 # adapter_version set; the Planner protocol
    planner.learn([(request, plan), ...], "words") -> UpdateRecord   # one round; plan may be None
    planner.inclusion(request, n=32) -> {directive id: share of n sampled plans}
    planner.inclusion(request, n, adapter=False)                  # the base's
    planner.teacher_inclusion(request, "words", n=32)             # the base's, knowing the words
    planner.hear(request, "words") -> Preference                  # how the words are read, without learning
    planner.report(request, n, feedback=None) -> PlanReport       # what `planner plan --json` prints
    planner.history() -> [UpdateRecord]    planner.rollback(version)    planner.version -> int, 0 is the base

Errors are PlannerError (problems.py). learn() raises PlannerBusy when another process is learning for this user and
PlannerError when the disk is full; the version in use is unchanged then. A round that is refused is a record with
accepted=False and a reason. Empty feedback gives such a record without writing anything.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nanoresearch.planner import replay
from nanoresearch.planner.adapters import AdapterStore
from nanoresearch.planner.attitude import AttitudeReader
from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.hindsight import make_teacher
from nanoresearch.planner.lessons import Lesson, describe, prepare
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.policy import Policy, WrittenPlan
from nanoresearch.planner.problems import AdapterUnusable
from nanoresearch.planner.prompt import clean, shorten
from nanoresearch.planner.rounds import Outcome, Round, Weights, measures_alike, spoken_of, summed_up
from nanoresearch.planner.using import Inclusion, base_plans, draws, shares, teacher_plans, typical, user_plans
from nanoresearch.schema.learning import LearningSettings, PlanReport, Preference, UpdateRecord
from nanoresearch.schema.plan import Phase, Plan
from nanoresearch.schema.profile import Profile

Progress = Callable[[str], None]
CONSULTED = 16
"""Plans that are sampled for the one in use."""


class TrainablePlanner:
    """A user's planner: a base model and that user's adapters, one for each phase that feedback spoke of."""

    name = "trainable"

    def __init__(
        self,
        base: BaseModel,
        folder: Path,
        settings: LearningSettings | None = None,
        *,
        readout: Path | None = None,
        progress: Progress = lambda message: None,
    ) -> None:
        """folder: the user's planner folder. readout: where the fitted attitude readout is kept for this base."""
        self.base = base
        self.settings = settings or LearningSettings()
        self.store = AdapterStore(folder)
        self.version = self.store.current(base.fingerprint)
        self.policy = Policy(base, self.settings.lora_rank, self.settings.lora_alpha)
        self._readout = readout
        self._reader: AttitudeReader | None = None
        self._say = progress
        self._adapters: dict[Phase, Weights] = {}
        self._worn: Phase | None = None
        self._put_on(self.version)

    def plan(self, request: PlannerInput) -> Plan:
        """The most typical of some plans sampled with the user's adapter: a single draw could miss what was learned.

        The same request and version give the same plan. Without a version an anchored planner gives the usual plan.
        """
        lesson = self._lesson(request)
        usual = [i for i, directive in enumerate(lesson.directives) if directive in lesson.usual]
        plans = self._plans(lesson, CONSULTED, request.seed, adapter=True)
        written = typical(plans, usual if lesson.anchor else None)
        return Plan(
            phase=request.phase,
            directives=tuple(lesson.directives[i] for i in written.chosen),
            planner=self.name,
            adapter_version=self.version if request.phase in self._adapters else None,
        )

    def inclusion(self, request: PlannerInput, n: int = 32, *, adapter: bool = True) -> Inclusion:
        """Share of n sampled plans with each directive."""
        lesson = self._lesson(request)
        return shares(self._plans(lesson, n, request.seed, adapter=adapter), lesson.names)

    def hear(self, request: PlannerInput, feedback: str) -> Preference:
        """What the words say about each directive for this request, by the model's own reading; nothing is learned."""
        return self._listen(self._lesson(request), self._shorten(feedback)[0])

    def teacher_inclusion(self, request: PlannerInput, feedback: str, n: int = 32) -> Inclusion:
        """The same for the base model that knows the feedback."""
        lesson, text = self._lesson(request), self._shorten(feedback)[0]
        preference = self._listen(lesson, text)
        wanted = replay.with_rivals(preference.bonus, lesson.rivals)
        lesson.bonus = tuple(wanted[name] for name in lesson.names)
        settings = self.settings
        teacher = make_teacher(self.base, self.policy, lesson, text, None, settings) if settings.prompt_weight else None
        plans = teacher_plans(self.policy, lesson, teacher, n, draws(request.seed), settings.temperature)
        return shares(plans, lesson.names)

    def report(self, request: PlannerInput, n: int = 32, feedback: str | None = None) -> PlanReport:
        """A plan, inclusions, and the teacher's when there is feedback."""
        plan = self.plan(request)
        return PlanReport(
            directives=tuple({"id": directive.id, "text": directive.text} for directive in plan.directives),
            inclusion=self.inclusion(request, n),
            teacher_inclusion=self.teacher_inclusion(request, feedback, n) if feedback and clean(feedback) else None,
            adapter_version=plan.adapter_version,
            model=self.base.name,
        )

    def history(self) -> list[UpdateRecord]:
        """Every update, accepted or not, oldest first."""
        return self.store.history()

    def rollback(self, version: int) -> None:
        """Use an earlier version again; 0 is the base. Later updates stay in the history."""
        with self.store.lock():
            self.store.rollback(version, self.base.fingerprint)
            self._put_on(version)

    def learn(self, requests: Sequence[tuple[PlannerInput, Plan | None]], feedback: str) -> UpdateRecord:
        """One round of SDPO on these planner inputs, with replay, a trust region and a version of its own."""
        start, cpu = time.monotonic(), time.process_time()
        text, truncated = self._shorten(feedback)
        lessons = [self._lesson(request) for request, _ in requests]
        plans = [plan for _, plan in requests]
        record = UpdateRecord(
            version=self.version,
            parent=self.version,
            accepted=False,
            reason="No feedback was given, so nothing was learned.",
            feedback=text,
            truncated=truncated,
            model=self.base.name,
            model_sha256=self.base.fingerprint,
            settings=self.settings,
            requests=tuple(describe(lesson, plan) for lesson, plan in zip(lessons, plans, strict=True)),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if not text or not requests:
            return record
        with self.store.lock():
            self._put_on(self.store.current(self.base.fingerprint))  # another process may have learned meanwhile
            record = record.model_copy(update={"version": self.store.next_version(), "parent": self.version})
            try:
                record, weights = self._round(record, lessons, requests[0][0].profile)
                spent = {"seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - cpu}
                record = record.model_copy(update=spent)
                self.store.save(record, weights)
            except BaseException:  # also on Ctrl-C: the version in use must be the one that plans
                self._put_on(self.version)
                raise
            self._put_on(record.version if weights else self.version)
        return record

    def _round(
        self, record: UpdateRecord, lessons: Sequence[Lesson], profile: Profile
    ) -> tuple[UpdateRecord, dict[Phase, Weights]]:
        """Listen for each phase, and train those that the feedback speaks of."""
        earlier = replay.learned(self.history(), self.version)
        outcomes: list[Outcome] = []
        unheard: list[Preference] = []
        for phase in dict.fromkeys(lesson.phase for lesson in lessons):
            own = [lesson for lesson in lessons if lesson.phase == phase]
            heard = self._listen(own[0], record.feedback)
            if not spoken_of(heard, self.settings):
                unheard.append(heard)
                continue
            records = earlier.get(phase, [])
            chain = replay.chain_of(records, phase)
            if not self.settings.prompt_weight and not replay.changes_anything(
                chain, (record.version, heard), own[0].rivals
            ):
                unheard.append(heard)
                continue
            alike = [record for record in records if measures_alike(record.settings, self.settings)]
            newest = [record for record in alike if record is records[-1]]
            self._wear(phase)
            this = Round(
                self.base,
                self.policy,
                self.settings,
                record.feedback,
                version=record.version,
                chain=chain,
                measured=replay.chain_of(alike, phase),
                earlier=next((m for record in newest for m in record.measures if m.phase == phase), None),
                say=self._say,
            )
            outcomes.append(this.run(own, heard, profile))
            self._worn = None
        if not outcomes:
            reason = (
                "The model found nothing in the feedback that bears on these phases' directives, or nothing clear "
                "enough beside what was said before; nothing was learned."
            )
            return record.model_copy(update={"reason": reason, "preferences": tuple(unheard)}), {}
        return summed_up(record, outcomes, unheard)

    def _lesson(self, request: PlannerInput) -> Lesson:
        return prepare(self.base, request, self.settings)

    def _plans(self, lesson: Lesson, n: int, seed: int, *, adapter: bool) -> Sequence[WrittenPlan]:
        if adapter and lesson.phase in self._adapters:
            self._wear(lesson.phase)
            return user_plans(self.policy, lesson, n, seed, self.settings.temperature).plans
        return base_plans(self.policy, lesson, n, seed, self.settings.temperature)

    def _listen(self, lesson: Lesson, text: str) -> Preference:
        if self._reader is None:
            self._reader = AttitudeReader(self.base, self._readout)
        evidence = self._reader.weigh(text, list(lesson.sentences.values()))
        names = lesson.names
        bonus = dict(zip(names, evidence.bonus(self.settings.evidence_weight, self.settings.evidence_cap), strict=True))
        torn = sorted(replay.contested({n: b for n, b in bonus.items() if b >= replay.MEANT_NATS}, lesson.rivals))
        relevance = dict(zip(names, evidence.relevance, strict=True))
        likely = self._reader.fit(text, [lesson.sentences[name] for name in torn])
        fit = {name: relevance[name] + nats for name, nats in zip(torn, likely, strict=True)}
        settled = replay.settle({name: bonus[name] for name in torn}, fit, lesson.rivals)
        return Preference(
            phase=lesson.phase,
            bonus=bonus | settled,
            relevance=relevance,
            attitude=dict(zip(names, evidence.attitude, strict=True)),
        )

    def _shorten(self, feedback: str) -> tuple[str, bool]:
        whole = clean(self.base.plain(feedback))
        text = shorten(whole, self.base.count, self.settings.feedback_tokens)
        return text, text != whole

    def _put_on(self, version: int) -> None:
        adapters = self.store.load(version)
        if misfits := [phase for phase, weights in adapters.items() if not self.policy.fits(weights)]:
            raise AdapterUnusable(
                f"Version {version} of the planner in {self.store.root} does not fit the base model "
                f"{self.base.name} at rank {self.settings.lora_rank} ({', '.join(misfits)}): it was learned on another "
                "one. Set planner.model and the rank back, or start afresh with `nanoresearch planner rollback 0`."
            )
        self._adapters, self._worn, self.version = adapters, None, version

    def _wear(self, phase: Phase) -> None:
        """Make the policy hold the adapter of a phase; one that changes nothing where none was learned."""
        if self._worn != phase:
            self.policy.reset()
            if phase in self._adapters:
                self.policy.load_weights(self._adapters[phase])
            self._worn = phase
