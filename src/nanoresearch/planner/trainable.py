"""The planner that learns: free-form feedback becomes LoRA weights, and the next plan on any topic follows them.

    base = load_base("smollm2-135m-instruct", home_models)        # once per process; users share it
    planner = TrainablePlanner(base, home.root / "planners" / "alice", settings=LearningSettings())

    planner.plan(request) -> Plan                                 # adapter_version set; the Planner protocol
    planner.learn([(request, plan), ...], "words") -> UpdateRecord   # one round; plan may be None
    planner.inclusion(request, n=32) -> {directive id: share of n sampled plans}
    planner.inclusion(request, n, adapter=False)                  # the base's
    planner.teacher_inclusion(request, "words", n=32)             # the base knowing the words
    planner.hear(request, "words") -> Preference                  # how the words are read, without learning
    planner.report(request, n, feedback=None) -> PlanReport       # what `planner plan --json` prints
    planner.history() -> [UpdateRecord]    planner.rollback(version)    planner.version -> int, 0 is the base

Errors are PlannerError (problems.py). learn() raises PlannerBusy when another process is learning for this user and
PlannerError when the disk is full; the version in use is unchanged then. A round that is refused is a record with
accepted=False and a reason. Empty feedback gives such a record without writing anything.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from nanoresearch.planner import replay
from nanoresearch.planner.adapters import AdapterStore
from nanoresearch.planner.attitude import AttitudeReader
from nanoresearch.planner.base_model import BaseModel
from nanoresearch.planner.branches import Prefix
from nanoresearch.planner.choices import Menu
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.planner.policy import Policy, WrittenPlan
from nanoresearch.planner.problems import AdapterUnusable
from nanoresearch.planner.prompt import clean, compose, menu_of, shorten
from nanoresearch.planner.sdpo import Teacher, compare, distillation_loss, entropy
from nanoresearch.planner.teacher_plans import sample_teacher
from nanoresearch.planner.trust import judge, share_kept
from nanoresearch.schema.learning import (
    LearningSettings,
    PhaseMeasure,
    PlannedRequest,
    PlanReport,
    Preference,
    UpdateRecord,
)
from nanoresearch.schema.plan import Directive, Phase, Plan

Inclusion = dict[str, float]
Progress = Callable[[str], None]
HINDSIGHT = (
    "{}\n\nThe researcher later said: {}\nChoose directives that satisfy the researcher."  # at the end of the message
)


@dataclass
class Lesson:
    """One planner input that a round trains on."""

    phase: Phase
    topic: str
    message: str
    sentences: dict[str, str]
    menu: Menu
    prompt: list[int]
    rivals: Mapping[str, frozenset[str]]
    fresh: bool
    """Whether this round's feedback is about it, or an earlier one's."""
    bonus: tuple[float, ...] = ()
    teacher: Teacher | None = None


class TrainablePlanner:
    """A user's planner: a base model and that user's adapter."""

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
        self._put_on(self.version)

    def plan(self, request: PlannerInput) -> Plan:
        """Sample one plan with the user's adapter; the same request and version give the same plan."""
        menu, directives, prompt = self._prepare(request)
        prefix = self.policy.read(prompt, adapter=self.version > 0)
        written = self._sample(prefix, menu, 1, request.seed, adapter=self.version > 0)[0]
        return Plan(
            phase=request.phase,
            directives=tuple(directives[i] for i in written.chosen),
            planner=self.name,
            adapter_version=self.version or None,
        )

    def inclusion(self, request: PlannerInput, n: int = 32, *, adapter: bool = True) -> Inclusion:
        """Share of n sampled plans with each directive."""
        menu, directives, prompt = self._prepare(request)
        adapter = adapter and self.version > 0
        plans = self._sample(self.policy.read(prompt, adapter=adapter), menu, n, request.seed, adapter=adapter)
        return _shares(plans, [directive.id for directive in directives])

    def hear(self, request: PlannerInput, feedback: str) -> Preference:
        """What the words say about each directive for this request, by the model's own reading; nothing is learned."""
        lesson = self._lesson(self._describe(request, None), menu_of(request), fresh=True)
        return self._listen(lesson, self._shorten(feedback)[0])

    def teacher_inclusion(self, request: PlannerInput, feedback: str, n: int = 32) -> Inclusion:
        """The same for the base model that knows the feedback."""
        lesson = self._lesson(self._describe(request, None), menu_of(request), fresh=True)
        preference = self._listen(lesson, self._shorten(feedback)[0])
        lesson.bonus = tuple(preference.bonus[name] for name in lesson.sentences)
        lesson.teacher = self._teacher(lesson, feedback, None)
        return self._teacher_inclusion(lesson, n, request.seed)

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
            requests=tuple(self._describe(request, plan) for request, plan in requests),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if not text or not requests:
            return record
        with self.store.lock():
            self._put_on(self.store.current(self.base.fingerprint))  # another process may have learned meanwhile
            record = record.model_copy(update={"version": self.store.next_version(), "parent": self.version})
            menus = {request.phase: menu_of(request) for request, _ in requests}
            record, weights = self._round(record, menus, text)
            spent = {"seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - cpu}
            record = record.model_copy(update=spent)
            try:
                self.store.save(record, weights)
            except BaseException:  # also on Ctrl-C: the version in use must be the one that plans
                self._put_on(self.version)
                raise
            self._put_on(record.version if weights is not None else self.version)
        return record

    def _round(
        self, record: UpdateRecord, menus: Mapping[Phase, Sequence[Directive]], text: str
    ) -> tuple[UpdateRecord, dict[str, Tensor] | None]:
        settings = self.settings
        chain = [(r.version, r.preferences) for r in replay.lineage(self.history(), self.version)]
        lessons = [self._lesson(request, menus[request.phase], fresh=True) for request in record.requests]
        heard: dict[Phase, Preference] = {}
        for lesson in lessons:
            if lesson.phase not in heard:
                heard[lesson.phase] = self._listen(lesson, text)
        record = record.model_copy(update={"preferences": tuple(heard.values())})
        strongest = max(abs(nats) for preference in heard.values() for nats in preference.bonus.values())
        if strongest < replay.MEANT_NATS and not settings.prompt_weight:
            reason = (
                "The model found nothing in the feedback that bears on these phases' directives; nothing was learned."
            )
            return record.model_copy(update={"reason": reason}), None
        if settings.replay:
            lessons += self._earlier_lessons({lesson.phase for lesson in lessons})
        lost: dict[int, tuple[str, ...]] = {}
        asked: dict[Phase, dict[str, replay.Standing]] = {}
        frozen = None if settings.teacher == "base" else self.policy.copy_weights()
        for lesson in lessons:
            before = replay.standing(chain, lesson.phase, lesson.rivals)
            after = replay.standing([*chain, (record.version, record.preferences)], lesson.phase, lesson.rivals)
            asked[lesson.phase] = after
            for version, names in replay.superseded(before, after).items():
                lost[version] = tuple(dict.fromkeys([*lost.get(version, ()), *names]))
            # Teachers that carry the adapter already follow what it has learned; they need the difference only.
            known = {} if frozen is None else {name: item.bonus for name, item in before.items()}
            lesson.bonus = tuple(
                (after[name].bonus if name in after else 0.0) - known.get(name, 0.0) for name in lesson.sentences
            )
            lesson.teacher = self._teacher(lesson, text if lesson.fresh else None, frozen)
        measured = self._one_per_phase(lessons)
        ahead = {id(lesson): self._inclusion_of(lesson, self.version > 0, record.version) for lesson in measured}
        losses = self._train(lessons, frozen, text, record.version)
        measures, reached = [], {}
        for lesson in measured:
            measure = self._measure(lesson, ahead[id(lesson)], record.version)
            reached[lesson.phase] = measure.after
            measures.append(measure)
        kept = self._kept(chain, asked, reached)
        verdict = judge(measures, kept, settings)
        by_phase = {measure.phase: measure for measure in measures}
        preferences = tuple(
            preference.model_copy(
                update={
                    "base": self._base_inclusion(chain, preference.phase, by_phase[preference.phase]),
                    "teacher": by_phase[preference.phase].teacher,
                    "reached": by_phase[preference.phase].after,
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
                "losses": tuple(losses),
                "measures": tuple(measures),
                "kept": kept,
                "drift": max(measure.drift for measure in measures),
                "entropy": min(m.entropy / m.base_entropy if m.base_entropy else 1.0 for m in measures),
            }
        )
        return record, self.policy.copy_weights() if verdict.accepted else None

    def _train(self, lessons: Sequence[Lesson], frozen: dict[str, Tensor] | None, text: str, seed: int) -> list[float]:
        settings, policy = self.settings, self.policy
        parameters = policy.parameters()
        for parameter in parameters.values():
            parameter.requires_grad_(True)
        optimiser = torch.optim.AdamW(parameters.values(), lr=settings.learning_rate, weight_decay=0.0)
        generator = torch.Generator().manual_seed(seed)
        losses: list[float] = []
        first: dict[int, float] = {}
        last: dict[int, float] = {}
        order = schedule([lesson.fresh for lesson in lessons], settings.steps)
        for step, index in enumerate(order):
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * (1 - 0.8 * step / len(order))  # settles, spares what was learned
            lesson = lessons[index]
            if step and settings.teacher in ("ema", "live") and frozen is not None:
                keep = settings.ema_decay if settings.teacher == "ema" else 0.0
                for name, value in policy.weights().items():
                    frozen[name].mul_(keep).add_(value, alpha=1 - keep)
                lesson.teacher = self._teacher(lesson, text if lesson.fresh else None, frozen)
            assert lesson.teacher is not None
            prefix = policy.read(lesson.prompt, grad=True)
            plans = policy.sample(
                prefix.detach(), lesson.menu, settings.samples, generator, temperature=settings.temperature
            )
            comparison = compare(policy, lesson.menu, prefix, plans, lesson.teacher, settings.vocabulary, grad=True)
            loss = distillation_loss(comparison, len(plans), settings.divergence, settings.top_k)
            optimiser.zero_grad(set_to_none=True)
            if loss.requires_grad:  # a menu without any choice has nothing to learn
                torch.autograd.backward(loss)
                torch.nn.utils.clip_grad_norm_(parameters.values(), settings.clip_norm)
                optimiser.step()
            losses.append(float(loss.detach()))
            first.setdefault(index, losses[-1])
            last[index] = losses[-1]
            self._say(f"step {step + 1} of {len(order)}: {losses[-1]:.3f} nats from the teacher")
            if len(last) == len(lessons) and all(last[i] <= settings.stop_at * first[i] for i in last):
                break
        for parameter in parameters.values():
            parameter.requires_grad_(False)
        return losses

    def _measure(self, lesson: Lesson, before: Inclusion, seed: int) -> PhaseMeasure:
        n, policy = self.settings.probes, self.policy
        prefix = policy.read(lesson.prompt)
        plans = self._sample(prefix, lesson.menu, n, seed, adapter=True)
        plain = policy.read(lesson.prompt, adapter=False)
        nothing = Teacher(plain, None, 0.0, (0.0,) * len(lesson.sentences), adapter=False)
        with torch.no_grad():
            here = compare(policy, lesson.menu, prefix, plans, nothing)
            drift = float(distillation_loss(here, n, "reverse_kl"))
            varied = float(entropy(here.student, n))
            base = float(entropy(here.teacher, n))  # along the same plans: no second set has to be sampled
        return PhaseMeasure(
            phase=lesson.phase,
            topic=lesson.topic,
            before=before,
            teacher=self._teacher_inclusion(lesson, n, seed),
            after=_shares(plans, list(lesson.sentences)),
            drift=max(drift, 0.0),
            entropy=varied,
            base_entropy=base,
        )

    def _kept(
        self,
        chain: Sequence[tuple[int, Sequence[Preference]]],
        asked: Mapping[Phase, Mapping[str, replay.Standing]],
        now: Mapping[Phase, Inclusion],
    ) -> dict[int, float]:
        kept: dict[int, float] = {}
        for version, preferences in chain:
            for preference in preferences:
                after = asked.get(preference.phase, {})
                main = 0.5 * max(map(abs, preference.bonus.values()), default=0.0)  # not what it barely touched
                still = {
                    n: item.bonus for n, item in after.items() if item.version == version and abs(item.bonus) >= main
                }
                share = share_kept(preference.base, preference.reached, now.get(preference.phase, {}), still)
                if share is not None:
                    kept[version] = min(share, kept.get(version, 1.0))
        return kept

    @staticmethod
    def _base_inclusion(
        chain: Sequence[tuple[int, Sequence[Preference]]], phase: Phase, measure: PhaseMeasure
    ) -> Inclusion:
        # The first round on a phase starts from the base; later rounds take over what it measured.
        for _, preferences in chain:
            for preference in preferences:
                if preference.phase == phase and preference.base:
                    return preference.base
        return measure.before

    def _listen(self, lesson: Lesson, text: str) -> Preference:
        if self._reader is None:
            self._reader = AttitudeReader(self.base, self._readout)
        evidence = self._reader.weigh(text, list(lesson.sentences.values()))
        names = list(lesson.sentences)
        bonus = dict(zip(names, evidence.bonus(self.settings.evidence_weight, self.settings.evidence_cap), strict=True))
        torn = sorted(replay.contested({n: b for n, b in bonus.items() if b >= replay.MEANT_NATS}, lesson.rivals))
        fit = dict(zip(torn, self._reader.fit(text, [lesson.sentences[name] for name in torn]), strict=True))
        settled = replay.settle({name: bonus[name] for name in torn}, fit, lesson.rivals)
        return Preference(
            phase=lesson.phase,
            bonus=bonus | settled,
            relevance=dict(zip(names, evidence.relevance, strict=True)),
            attitude=dict(zip(names, evidence.attitude, strict=True)),
        )

    def _teacher(self, lesson: Lesson, text: str | None, weights: dict[str, Tensor] | None) -> Teacher:
        adapter = weights is not None
        informed = None
        if weights is not None:
            with self.policy.holding(weights):
                plain = self.policy.read(lesson.prompt)
                if self.settings.prompt_weight and text:
                    informed = self.policy.read(self._told(lesson, text))
        else:
            plain = self.policy.read(lesson.prompt, adapter=False)
            if self.settings.prompt_weight and text:
                informed = self.policy.read(self._told(lesson, text), adapter=False)
        return Teacher(plain, informed, self.settings.prompt_weight, lesson.bonus, adapter, weights)

    def _told(self, lesson: Lesson, text: str) -> list[int]:
        return self.base.chat(HINDSIGHT.format(lesson.message, text))

    def _teacher_inclusion(self, lesson: Lesson, n: int, seed: int) -> Inclusion:
        assert lesson.teacher is not None
        teacher, generator = lesson.teacher, torch.Generator().manual_seed(seed)
        with nullcontext() if teacher.weights is None else self.policy.holding(teacher.weights):
            plans = sample_teacher(self.policy, lesson.menu, teacher, n, generator, self.settings.temperature)
        return _shares(plans, list(lesson.sentences))

    def _inclusion_of(self, lesson: Lesson, adapter: bool, seed: int) -> Inclusion:
        prefix = self.policy.read(lesson.prompt, adapter=adapter)
        return _shares(
            self._sample(prefix, lesson.menu, self.settings.probes, seed, adapter=adapter), list(lesson.sentences)
        )

    def _earlier_lessons(self, covered: set[Phase]) -> list[Lesson]:
        latest: dict[Phase, PlannedRequest] = {}
        for record in replay.lineage(self.history(), self.version):
            for request in record.requests:
                latest[request.phase] = request
        return [
            self._lesson(request, _remembered(request), fresh=False)
            for phase, request in latest.items()
            if phase not in covered
        ]

    @staticmethod
    def _one_per_phase(lessons: Sequence[Lesson]) -> list[Lesson]:
        return list({lesson.phase: lesson for lesson in reversed(lessons)}.values())

    def _lesson(self, request: PlannedRequest, directives: Sequence[Directive], *, fresh: bool) -> Lesson:
        return Lesson(
            phase=request.phase,
            topic=request.topic,
            message=request.prompt,
            sentences=request.directives,
            menu=self.base.menu(list(request.directives.values())),
            prompt=self.base.chat(request.prompt),
            rivals=replay.rivals(directives),
            fresh=fresh,
        )

    def _describe(self, request: PlannerInput, plan: Plan | None) -> PlannedRequest:
        directives = menu_of(request)
        return PlannedRequest(
            phase=request.phase,
            topic=clean(request.topic)[:400],
            prompt=compose(request, directives, self.base.count, self.settings.prompt_tokens),
            directives={directive.id: directive.text for directive in directives},
            plans=(tuple(directive.id for directive in plan.directives),) if plan else (),
        )

    def _prepare(self, request: PlannerInput) -> tuple[Menu, tuple[Directive, ...], list[int]]:
        directives = menu_of(request)
        message = compose(request, directives, self.base.count, self.settings.prompt_tokens)
        return self.base.menu([directive.text for directive in directives]), directives, self.base.chat(message)

    def _sample(self, prefix: Prefix, menu: Menu, n: int, seed: int, *, adapter: bool) -> list[WrittenPlan]:
        generator = torch.Generator().manual_seed(seed)
        return self.policy.sample(prefix, menu, n, generator, adapter=adapter, temperature=self.settings.temperature)

    def _shorten(self, feedback: str) -> tuple[str, bool]:
        whole = clean(self.base.plain(feedback))
        text = shorten(whole, self.base.count, self.settings.feedback_tokens)
        return text, text != whole

    def _put_on(self, version: int) -> None:
        if not version:
            self.policy.reset()
        else:
            try:
                self.policy.load_weights(self.store.load(version))
            except ValueError as error:
                raise AdapterUnusable(
                    f"Version {version} of the planner in {self.store.root} does not fit the base model "
                    f"{self.base.name} at rank {self.settings.lora_rank}: it was learned on another one. "
                    "Set planner.model and the rank back, or start afresh with `nanoresearch planner rollback 0`."
                ) from error
        self.version = version


def schedule(fresh: Sequence[bool], steps: int) -> list[int]:
    """Which lesson each step takes: the new ones in turn, and after every two of them an earlier one."""
    new = [i for i, is_new in enumerate(fresh) if is_new]
    old = [i for i, is_new in enumerate(fresh) if not is_new]
    order: list[int] = []
    for step in range(steps):
        order.append(new[step % len(new)])
        if old and step % 2:
            order.append(old[step // 2 % len(old)])
    return order


def _shares(plans: Sequence[WrittenPlan], names: Sequence[str]) -> Inclusion:
    return {name: sum(i in plan.chosen for plan in plans) / len(plans) for i, name in enumerate(names)}


def _remembered(request: PlannedRequest) -> tuple[Directive, ...]:
    from nanoresearch.planner.catalogue import load_catalogue

    known = {entry.directive.id: entry.directive for entry in load_catalogue()}
    return tuple(known[name] for name in request.directives if name in known)
