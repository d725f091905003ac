"""Runs jobs on a SLURM cluster: one task of an array for each seed, each under the same supervisor as on this machine.

What a job did is read from files that the node leaves on the shared file system; SLURM is asked, now and then, only
about jobs that have left none. Each job's id is kept beside its output before anything else happens, so that a killed
run goes on with the jobs that it left in the queue. What isolates experiments is found out on each node.

Time in the queue uses up no budget: the executor's clock stands still while none of its jobs runs. The node holds each
job to its own limit; the limit of all jobs together is held from here, so without this process only the first applies.
"""

import contextlib
import math
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanoresearch.config import SlurmConfig
from nanoresearch.errors import ExecutionError
from nanoresearch.execution import node
from nanoresearch.execution.executor import BUDGET_EXHAUSTED, CANCELLED, MEMORY_EXCEEDED, TIME_EXCEEDED, JobRequest
from nanoresearch.execution.node import Errand
from nanoresearch.execution.orders import INHERITED, access_of, conclude, make_order, tidy, unstarted
from nanoresearch.execution.sandbox import Choice, SandboxMissing, require
from nanoresearch.execution.slurmqueue import GROWTH, JobState, PatientQueue, SlurmQueue, Submission
from nanoresearch.execution.supervise import Ending
from nanoresearch.paths import read_record, write_atomic
from nanoresearch.schema.experiment import Job, Outcome
from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.record import Record

TICKET = "slurm.json"
"""File of a job's output folder that says which job of SLURM it is."""

SUBMISSIONS = "slurm"
"""Folder beside the output folders with what was submitted."""

SPARE_MB = 256
"""Memory for the supervisor, beyond the job's own: the job's limit is then met first, and its reason is told."""

SPARE_S = 60.0
"""Time beyond the job's own, for the same reason."""

RESUBMISSIONS = 2
"""How often a job is submitted again that a broken node, or preemption without requeue, has ended."""

PATIENCE_S = 60.0
"""How long an interrupted run waits for its jobs to end."""

BROKEN_OFF = frozenset({"BOOT_FAIL", "NODE_FAIL", "PREEMPTED"})
"""Ends that are not the job's doing."""

USUAL = frozenset({"", "Priority", "Resources", "JobArrayTaskLimit", "BeginTime", "Cleaning"})
"""Reasons for waiting that need not be told."""

OUT_OF_MEMORY = ("exceeded memory limit", "oom-kill", "oom_kill", "Out Of Memory")
"""Words of SLURM's daemon in a job's log."""

UNKNOWN = JobState("UNKNOWN")


class Ticket(Record):
    """Which job of SLURM works on a request."""

    key: str
    """JobRequest.key."""
    name: str
    """Name of the submission in the queue."""
    place: int
    """Position in it; the number of the task when it is an array."""
    folder: str
    """Folder of its errand."""
    timeout_s: float
    """Seconds that the job may run."""
    sandbox: Choice
    """What is to keep it apart."""
    job_id: str = ""
    """Id; empty until SLURM has given one."""


@dataclass
class _Task:
    """A request and what became of it so far."""

    request: JobRequest
    ticket: Ticket | None = None
    state: JobState = UNKNOWN
    """SLURM's last word."""
    over_since: float | None = None
    """When SLURM first said that it is over."""
    cancelled: str = ""
    """Why it was cancelled from here."""
    noticed: bool = False
    """Whether it left a word that SLURM must explain."""
    starts: int = 0
    """How often it was seen to begin."""
    submissions: int = 0
    untouched: Path | None = None
    """Copy of its code, after a submission that was broken off."""
    job: Job | None = None

    @property
    def folder(self) -> Path:
        """Folder of the errand."""
        assert self.ticket is not None
        return Path(self.ticket.folder)

    @property
    def job_id(self) -> str:
        """SLURM's number."""
        assert self.ticket is not None
        return self.ticket.job_id


class SlurmExecutor:
    """Runs jobs through the queue of a SLURM cluster."""

    name = "slurm"

    def __init__(
        self,
        config: SlurmConfig,
        *,
        sandbox: Choice = "auto",
        isolated: Callable[[Isolation], None] = lambda isolation: None,
        tell: Callable[[str], None] = lambda text: None,
        queue: SlurmQueue | None = None,
        grace_s: float = 2.0,
        settle_s: float = 30.0,
        look_s: float = 0.5,
    ) -> None:
        """`sandbox` is what the nodes look for; `isolated` hears what they found. `tell` hears of waiting and outages.

        `look_s`: seconds between two looks at the files of running jobs. `settle_s`: how much later than SLURM's word
        files of other machines may be seen here.
        """
        self.queue = queue or SlurmQueue(config)
        self.patient = PatientQueue(self.queue, config, tell)
        self.config = config
        self.sandbox = sandbox
        self.tell = tell
        self.grace_s = grace_s
        self.settle_s = settle_s
        self.look_s = look_s
        self.ran_s = 0.0
        """Seconds in which at least one job ran."""
        self._made = time.monotonic()
        self._isolated = isolated
        self._found: list[Isolation] = []

    def clock(self) -> float:
        """Seconds in which at least one job ran, counted on from the time when this executor was made."""
        return self._made + self.ran_s

    def adopt(self, request: JobRequest) -> bool:
        """Whether a job of an earlier sitting is in the queue for this request, or has ended with a word."""
        ticket = _read_ticket(request)
        if ticket is None:
            return False
        wanted = self.accepts(ticket, request)
        ending = node.read_ending(Path(ticket.folder))
        if wanted and ending is not None and node.final(ending):
            return True
        if ticket.job_id:
            ids = [ticket.job_id]
        else:  # the process was killed while it submitted; a job of this place may be in the queue
            ids = [name for name in self.patient.find(ticket.name) if name.partition("_")[2] in ("", str(ticket.place))]
        live = self.patient.live(ids)
        if wanted and live:
            return True
        self.patient.end(live)
        return False

    def accepts(self, ticket: Ticket, request: JobRequest) -> bool:
        """Whether a ticket is for this request, and for the sandbox that is wanted now."""
        same = (ticket.key, ticket.sandbox) == (request.key, self.sandbox)
        return same and request.key != "" and ticket.job_id != ""

    def note(self, isolation: Isolation) -> None:
        """Tell once of each isolation that nodes have found."""
        if isolation not in self._found:
            self._found.append(isolation)
            self._isolated(isolation)

    def run(self, jobs: Sequence[JobRequest], *, parallel: int, on_done: Callable[[Job], None]) -> tuple[Job, ...]:
        """Run jobs, as Executor promises, and go on with those that adopt() accepted.

        Raises ExecutionError when SLURM does not take the jobs, and SandboxMissing when nothing isolates on a node,
        after all jobs have ended and been told. When SLURM does not answer, this waits, and says so.
        """
        return _Sitting(self, jobs, parallel, on_done).run()


class _Sitting:
    """One call of run()."""

    def __init__(
        self, executor: SlurmExecutor, jobs: Sequence[JobRequest], parallel: int, on_done: Callable[[Job], None]
    ) -> None:
        self._executor = executor
        self._queue = executor.patient
        self._config = executor.config
        self._parallel = max(1, parallel)
        self._on_done = on_done
        self._tasks = [_Task(request) for request in jobs]
        self._ran_before_s = executor.ran_s
        self._spans: dict[int, tuple[float, float]] = {}
        self._pause_s = 0.0
        self._next_question = 0.0
        self._unisolated = ""
        self._ask_soon()

    def run(self) -> tuple[Job, ...]:
        """Go on until every task has its job."""
        for task in self._tasks:
            ticket = _read_ticket(task.request)
            if ticket and self._executor.accepts(ticket, task.request):
                task.ticket = ticket
        if adopted := [task.job_id for task in self._live()]:
            self._executor.tell(f"Going on with SLURM jobs of an earlier sitting: {', '.join(adopted)}")
        try:
            while any(task.job is None for task in self._tasks):
                if not (self._submit_or_drop() or self._collect() or self._question()):
                    time.sleep(self._executor.look_s)
        except BaseException:  # Ctrl-C above all: no experiment may go on unseen
            self._abandon()
            raise
        self._tidy()
        if self._unisolated:
            raise SandboxMissing(self._unisolated)
        return tuple(task.job for task in self._tasks if task.job is not None)

    def _live(self) -> list[_Task]:
        """Tasks that are in the queue, or may be."""
        return [task for task in self._tasks if task.ticket is not None and task.job is None]

    def _time_left(self, request: JobRequest) -> float:
        return math.inf if request.deadline_s is None else request.deadline_s - self._executor.clock()

    def _submit_or_drop(self) -> bool:
        """Submit what waits here when nothing is in the queue; drop it after a failure or when no time is left."""
        waiting = [task for task in self._tasks if task.ticket is None and task.job is None]
        if not waiting:
            return False
        if any(task.job and task.job.outcome != "succeeded" for task in self._tasks):
            self._finish(waiting[0], unstarted(waiting[0].request, "cancelled", CANCELLED))
        elif self._time_left(waiting[0].request) <= 0:
            self._finish(waiting[0], unstarted(waiting[0].request, "timed_out", BUDGET_EXHAUSTED))
        elif self._live():
            return False
        else:
            self._submit(waiting[: self._config.max_queued])
        return True

    def _submit(self, tasks: Sequence[_Task]) -> None:
        """Put tasks into the queue. Their tickets are written before, without an id, and after."""
        name = f"nanoresearch-{uuid.uuid4().hex[:12]}"
        parent = tasks[0].request.output_folder.absolute().parent
        folder = (Path(self._config.folder).expanduser() if self._config.folder else parent / SUBMISSIONS) / name
        try:
            for place, task in enumerate(tasks):
                self._prepare(task, name, place, folder / f"seed-{task.request.seed}")
        except OSError as error:
            raise ExecutionError(f"The jobs cannot be prepared in {folder}: {error}.") from error
        longest_s = max(task.ticket.timeout_s for task in tasks if task.ticket)
        submission = Submission(
            name=name,
            folder=folder,
            errands=[task.folder for task in tasks],
            minutes=math.ceil((longest_s + self._executor.grace_s + SPARE_S) / 60),
            memory_mb=math.ceil(1024 * max(task.request.memory_gb for task in tasks)) + SPARE_MB,
            parallel=self._parallel,
        )
        for task, job_id in zip(tasks, self._queue.submit(submission), strict=True):
            assert task.ticket is not None
            task.ticket = task.ticket.model_copy(update={"job_id": job_id})
            _write_ticket(task)
            task.submissions += 1
        self._executor.tell(f"SLURM job {tasks[0].job_id.partition('_')[0]} submitted, tasks: {len(tasks)}")
        self._ask_soon()

    def _prepare(self, task: _Task, name: str, place: int, folder: Path) -> None:
        """Write a task's errand, and its ticket without an id."""
        request = task.request
        timeout_s = min(request.timeout_s, self._time_left(request))
        folder.mkdir(parents=True)
        shutil.copytree(task.untouched or request.code_folder, folder / node.CODE, symlinks=True)
        if task.untouched:  # it ran before, and may have changed its copy
            shutil.rmtree(request.code_folder, ignore_errors=True)
            shutil.copytree(task.untouched, request.code_folder, symlinks=True)
        order = make_order(request, {}, timeout_s=timeout_s, grace_s=self._executor.grace_s)
        sandbox = self._executor.sandbox
        node.write(folder / node.ERRAND, Errand.make(order, INHERITED, sandbox, access_of(request)))
        task.ticket = Ticket(
            key=request.key, name=name, place=place, folder=str(folder), timeout_s=timeout_s, sandbox=sandbox
        )
        task.state, task.over_since, task.noticed, task.starts = UNKNOWN, None, False, 0
        _write_ticket(task)

    def _collect(self) -> bool:
        """Take in the jobs that left a word; returns whether there was one."""
        found = False
        for task in self._live():
            started, ending = node.read_started(task.folder), node.read_ending(task.folder)
            if started:
                reached = started.time + ending.seconds if ending else time.time()
                self._spans[id(task)] = (started.time, max(started.time, reached))
                if 0 < task.starts < started.starts:
                    self._executor.tell(f"SLURM job {task.job_id} (seed {task.request.seed}) was ended and begins anew")
                task.starts = started.starts
                if isolation := started.found():
                    self._executor.note(isolation)
            if started and ending and _stands(ending):
                self._finish(task, self._concluded(task, ending))
                found = True
            elif ending and not task.noticed:
                task.noticed = True
                self._ask_soon()
        self._executor.ran_s = max(self._executor.ran_s, self._ran_before_s + _covered(self._spans.values()))
        late = [task for task in self._live() if self._time_left(task.request) <= 0]
        self._cancel(late, BUDGET_EXHAUSTED)
        return found

    def _question(self) -> bool:
        """Ask SLURM about the jobs that left no word, if it is time to; returns whether one of them is over."""
        live = self._live()
        if not live or time.monotonic() < self._next_question:
            return False
        states = self._queue.states([task.job_id for task in live])
        self._pause_s = min(self._config.poll_max_s, self._pause_s * GROWTH)
        self._next_question = time.monotonic() + self._pause_s
        if states is None:
            return False
        for task in live:
            state = states.get(task.job_id, UNKNOWN)
            if state != task.state:
                self._explain(task, state)
                self._ask_soon()
            task.state = state
        # Those that were cancelled while the controller was away, or while SLURM put them back into the queue.
        self._queue.cancel([task.job_id for task in live if task.cancelled and task.state.live])
        return sum(self._settled(task) for task in live) > 0  # of all, not only up to the first

    def _ask_soon(self) -> None:
        """Begin again with short pauses between questions."""
        self._pause_s = self._config.poll_s
        self._next_question = min(self._next_question, time.monotonic() + self._pause_s)

    def _explain(self, task: _Task, state: JobState) -> None:
        """Tell what a user may want to act on."""
        if state.state == "PENDING" and state.reason not in USUAL:
            self._executor.tell(f"SLURM job {task.job_id} (seed {task.request.seed}) waits: {state.reason}")

    def _settled(self, task: _Task) -> bool:
        """Deal with a job that SLURM says is over; returns whether that was done."""
        if task.state.live:
            task.over_since = None
            return False
        now = time.monotonic()
        task.over_since = task.over_since if task.over_since is not None else now
        ending = node.read_ending(task.folder)
        stands = ending is not None and (node.final(ending) or ending.message != "")
        known = stands or task.cancelled or task.state.state in BROKEN_OFF | {"CANCELLED"}
        if not known and now - task.over_since < self._executor.settle_s:
            self._ask_soon()  # its word may be on the way, or SLURM is about to put it back into the queue
            return False
        if ending and node.final(ending) and not (ending.signal == 9 and self._used_up_memory(task)):
            self._finish(task, self._concluded(task, ending))
        elif task.cancelled or (ending and ending.message):
            self._finish(task, self._dropped(task, ending))
        elif self._is_broken_off(task, ending) and task.submissions <= RESUBMISSIONS:
            self._queue.cancel([task.job_id])
            self._executor.tell(
                f"SLURM job {task.job_id} ended as {task.state.state}; seed {task.request.seed} is submitted again"
            )
            task.untouched, task.ticket = task.folder / node.CODE, None
        else:
            self._finish(task, self._guessed(task))
        return True

    def _is_broken_off(self, task: _Task, ending: Ending | None) -> bool:
        """Whether it was ended from outside, and not because somebody wanted that."""
        return task.state.state in BROKEN_OFF or (ending is not None and task.state.state in ("COMPLETED", "FAILED"))

    def _concluded(self, task: _Task, ending: Ending) -> Job:
        assert task.ticket is not None
        started = node.read_started(task.folder)
        if ending.cause == "start" and started and started.isolation is None:
            self._unisolated = f"Experiments cannot be run {ending.message}"
        isolation = started.found() if started else None
        if started is None and self._executor.sandbox == "off":  # not seen on this file system; what was chosen is sure
            isolation = require("off")
            self._executor.note(isolation)
        return conclude(
            task.request,
            ending,
            timeout_s=task.ticket.timeout_s,
            cancelled=bool(task.cancelled),
            sandbox=isolation.kind if isolation else None,
        )

    def _dropped(self, task: _Task, ending: Ending | None) -> Job:
        """Job of a task that was cancelled from here, or whose node saw that another had failed."""
        if task.cancelled != BUDGET_EXHAUSTED:
            return self._job(task, "cancelled", CANCELLED, ending)
        return self._job(task, "timed_out", BUDGET_EXHAUSTED, ending)

    def _guessed(self, task: _Task) -> Job:
        """Job of a task of which only SLURM knows something."""
        name, state = f"SLURM job {task.job_id}", task.state
        if state.state in ("TIMEOUT", "DEADLINE"):
            return self._job(task, "timed_out", f"{TIME_EXCEEDED} all the time that {name} had")
        if self._used_up_memory(task):
            return self._job(task, "failed", f"{MEMORY_EXCEEDED}: SLURM ended job {task.job_id}")
        if state.state == "CANCELLED":
            return self._job(task, "failed", f"ended from outside: {name} was cancelled")
        if state == UNKNOWN:
            return self._job(task, "failed", f"{name} is lost: SLURM does not know it any more, and it left no word")
        last = "".join(f": {line.strip()}" for line in self._log(task).splitlines()[-1:])
        why = f" ({state.reason})" if state.reason else ""
        return self._job(task, "failed", f"{name} ended as {state.state}{why} and left no word{last}")

    def _job(self, task: _Task, outcome: Outcome, reason: str, ending: Ending | None = None) -> Job:
        begin, end = self._spans.get(id(task), (0.0, 0.0))
        started = node.read_started(task.folder)
        isolation = started.found() if started else None
        return unstarted(task.request, outcome, reason).model_copy(
            update={
                "seconds": ending.seconds if ending else end - begin,
                "cpu_seconds": ending.cpu_seconds if ending else 0.0,
                "peak_memory_mb": ending.peak_memory_mb if ending else None,
                "sandbox": isolation.kind if isolation else None,
            }
        )

    def _used_up_memory(self, task: _Task) -> bool:
        return task.state.state == "OUT_OF_MEMORY" or any(words in self._log(task) for words in OUT_OF_MEMORY)

    def _log(self, task: _Task) -> str:
        """What was printed around the job: by SLURM's daemon, the batch script, and our own program."""
        try:
            return (task.folder.parent / f"{task.job_id}_0_log.out").read_text(errors="replace")[-4000:]
        except OSError:
            return ""

    def _finish(self, task: _Task, job: Job) -> None:
        task.job = job
        tidy(task.request.output_folder)
        if job.outcome not in ("succeeded", "cancelled"):
            self._cancel(self._live(), CANCELLED)
        self._on_done(job)

    def _cancel(self, tasks: Sequence[_Task], reason: str) -> None:
        """Ask SLURM to end tasks; _question sees to it that they do."""
        chosen = [task for task in tasks if not task.cancelled]
        for task in chosen:
            task.cancelled = reason
        if chosen:
            self._queue.cancel([task.job_id for task in chosen if task.job_id])
            self._ask_soon()

    def _abandon(self) -> None:
        """End all jobs, and wait for that as long as it is bearable."""
        ids = {task.job_id for task in self._live() if task.job_id}
        names = {task.ticket.name for task in self._live() if task.ticket and not task.job_id}
        deadline = time.monotonic() + PATIENCE_S
        while (ids or names) and time.monotonic() < deadline:
            found = self._queue.find_now(names)
            if found is not None:  # an interrupted submission: all of it that reached the queue
                ids |= set(found)
                names = set()
            self._queue.cancel(sorted(ids))
            time.sleep(min(0.5, self._config.poll_s))
            states = self._queue.states(sorted(ids))
            ids = ids if states is None else {name for name, state in states.items() if state.live}
        if ids or names:
            left = ", ".join(sorted(ids | names))
            self._executor.tell(f"These SLURM jobs may still run; end them with scancel: {left}")
        for task in self._tasks:
            tidy(task.request.output_folder)

    def _tidy(self) -> None:
        """Remove what was submitted; after a failure only the copies of the code, for the rest may explain it."""
        for folder in {task.folder.parent for task in self._tasks if task.ticket}:
            here = [task for task in self._tasks if task.ticket and task.folder.parent == folder]
            if all(task.job and task.job.outcome == "succeeded" for task in here):
                shutil.rmtree(folder, ignore_errors=True)
                with contextlib.suppress(OSError):  # others are in it
                    folder.parent.rmdir()
            for task in here:
                shutil.rmtree(task.folder / node.CODE, ignore_errors=True)


def _stands(ending: Ending) -> bool:
    """Whether an ending needs no word of SLURM: who was killed may have been killed by SLURM, which knows why."""
    return node.final(ending) and ending.signal != 9


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    total, reached = 0.0, -math.inf
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _read_ticket(request: JobRequest) -> Ticket | None:
    path = request.output_folder / TICKET
    return read_record(path, Ticket) if path.exists() else None


def _write_ticket(task: _Task) -> None:
    assert task.ticket is not None
    write_atomic(task.request.output_folder / TICKET, task.ticket.model_dump_json(indent=1) + "\n")
