"""Keeps run.json true while a run is going on: where it stands, what it cost, how it ended."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from nanoresearch.errors import SittingEnded
from nanoresearch.events import Events, now_utc
from nanoresearch.paths import RunFolder
from nanoresearch.schema.experiment import Attempt
from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.run import PhaseCost, RunRecord, Status

RUN_FILE = "run.json"


class RunLog:
    """The only writer of run.json."""

    def __init__(
        self,
        folder: RunFolder,
        events: Events,
        *,
        minutes: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._events = events
        self._clock = clock
        self._deadline = None if minutes is None else clock() + 60 * minutes
        self.record = folder.load(RUN_FILE, RunRecord)
        self.phase = ""
        """Phase going on now."""
        self.current_step = ""
        """Step begun last in this sitting."""

    def step(self, name: str) -> None:
        """Note that a step begins. Raises SittingEnded when the time of the whole sitting is used up."""
        if self._deadline is not None and self._clock() > self._deadline:
            raise SittingEnded(f"The time for this run is used up before {name}.")
        self.current_step = name
        self._update(step=name)
        self._events.emit("step", name)

    def planned(self, phase: str, version: int | None) -> None:
        """Note which planner weights planned a phase."""
        cost = self.record.phases.get(phase, PhaseCost())
        if version is not None:
            self._set_phase(phase, cost.model_copy(update={"planner_version": version}))

    def recalled(self, phase: str, skills: int, memories: int) -> None:
        """Note how much of earlier runs was put before planner and crew."""
        cost = self.record.phases.get(phase, PhaseCost())
        counts = {"skills_retrieved": skills, "memories_retrieved": memories}
        self._set_phase(phase, cost.model_copy(update=counts))

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the time spent inside to a phase."""
        start = self._clock()
        outer, self.phase = self.phase, phase
        try:
            yield
        finally:
            self.phase = outer
            cost = self.record.phases.get(phase, PhaseCost())
            seconds = round(cost.seconds + self._clock() - start, 3)
            self._set_phase(phase, cost.model_copy(update={"seconds": seconds}))

    def isolated(self, isolation: Isolation) -> None:
        """Note what keeps experiments apart. That some ran with less is not taken back by a later sitting or node."""
        earlier = self.record.isolation
        if earlier is None or isolation.strength < earlier.strength:
            self._update(isolation=isolation)
        if isolation.kind == "none":
            self._events.emit("degraded", f"Isolation of experiments: {isolation.words()}.")
        else:
            self._events.emit("progress", f"Isolation of experiments: {isolation.words()}.")

    def spent(
        self, phase: str, *, calls: int, tokens: int, cost_usd: float, unpriced: int, models: Iterable[str]
    ) -> None:
        """Add what calls of language models took to a phase."""
        cost = self.record.phases.get(phase, PhaseCost())
        added = {
            "model_calls": cost.model_calls + calls,
            "tokens": cost.tokens + tokens,
            "cost_usd": round(cost.cost_usd + cost_usd, 9),
            "unpriced_calls": cost.unpriced_calls + unpriced,
            "models": tuple(dict.fromkeys((*cost.models, *models))),
        }
        self._set_phase(phase, cost.model_copy(update=added))

    def lost(self, phase: str, *, calls: int, tokens: int, cost_usd: float, priced: int) -> None:
        """Note what calls of a phase got lost with a killed process, over all sittings, and what they may have cost."""
        cost = self.record.phases.get(phase, PhaseCost())
        noted = {
            "lost_calls": calls,
            "lost_tokens_estimate": tokens,
            "lost_cost_usd_estimate": round(cost_usd, 9),
            "lost_priced_calls": priced,
        }
        self._set_phase(phase, cost.model_copy(update=noted))

    def attempts(self, attempts: tuple[Attempt, ...]) -> None:
        """Note how often the experiment was executed."""
        self._update(
            attempts=len(attempts),
            environment=attempts[-1].environment if attempts else None,
            failed_attempts=sum(attempt.outcome != "succeeded" for attempt in attempts),
            experiment_cpu_seconds=round(sum(job.cpu_seconds for item in attempts for job in item.jobs), 3),
            experiment_seconds=round(sum(item.seconds for item in attempts), 3),
        )

    def finish(self, status: Status, reason: str = "") -> None:
        """Note how the run ended."""
        self._update(status=status, reason=reason)
        first = reason.partition("\n")[0]
        self._events.emit("run", f"{status}: {first}" if first else status)

    def running(self) -> None:
        """Note that the run goes on."""
        self._update(status="running", reason="")

    def _set_phase(self, phase: str, cost: PhaseCost) -> None:
        self._update(phases={**self.record.phases, phase: cost})

    def _update(self, **changes: object) -> None:
        changes["updated"] = now_utc().isoformat(timespec="seconds")
        self.record = self.record.model_copy(update=changes)
        self._folder.save(RUN_FILE, self.record)
