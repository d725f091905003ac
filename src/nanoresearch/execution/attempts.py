"""One attempt: the experiment at one commit, one job for each seed, resumable after each of them.

Decides nothing about what to do after a failure; writes nothing into the ledger.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from nanoresearch.config import ExecutionConfig
from nanoresearch.errors import BudgetExceeded, ExecutionError
from nanoresearch.events import Events, now_utc
from nanoresearch.execution.collect import InvalidReports, collect
from nanoresearch.execution.environment import HERE, Environment, EnvironmentOf, this_python
from nanoresearch.execution.evaluation import Evaluation, Judge
from nanoresearch.execution.executor import RESULTS, Executor, JobRequest
from nanoresearch.execution.failure import diagnose, normalise
from nanoresearch.execution.repository import Codebase
from nanoresearch.execution.requirements import REQUIREMENTS, RequirementsUnmet, site_folders
from nanoresearch.paths import read_record, write_atomic
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Failure, Job, Outcome, Report
from nanoresearch.schema.record import Record

ATTEMPT_FILE = "attempt.json"
JOB_FILE = "job.json"
CODE = "code"
EVALUATION = "evaluation"
HANDOVER = "exchange.py"
"""File by which a codebase takes divided data in; those of older versions have none, and score themselves."""


class SavedJob(Record):
    """A job as job.json keeps it: with what it ran, so that a resumed attempt knows whether it still counts."""

    job: Job
    """How it ended."""
    commit: str
    """Commit of the codebase."""
    blueprint: str
    """SHA-256 of the blueprint."""
    smoke: bool
    """Whether it was a reduced run."""
    reports_sha256: str | None = None
    """SHA-256 of its reports as they were when it ended; None when there were none, or no digests yet."""
    frozen: tuple[str, ...] = ()
    """Data sets whose truth the job never saw, so that its results on them were scored from outside."""
    scorer_sha256: str | None = None
    """SHA-256 of the program that divided their data and scored; None when there are none."""
    predictions_sha256: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of every file of predictions that was scored."""


def run_attempt(
    number: int,
    *,
    smoke: bool,
    codebase: Codebase,
    blueprint: Blueprint,
    folder: Path,
    executor: Executor,
    data_root: Path,
    config: ExecutionConfig,
    events: Events,
    judge: Judge | None = None,
    judge_executor: Executor | None = None,
    environments: EnvironmentOf = this_python,
) -> Attempt:
    """Run the codebase's last commit for every seed, or for the first with --smoke, and write attempt.json last.

    `judge_executor` divides data and scores predictions, on this machine; where experiments run here too, their
    executor does. `environments` finds the Python for what the codebase asks for.

    An attempt that is complete on disk is returned as it is; seeds of an unfinished one that succeeded at this commit
    are not run again. The blueprint's minutes cover all attempts beside `folder`; time in a queue does not count.
    Raises BudgetExceeded when they are used up, ExecutionError when the folder has an attempt at another commit, and
    passes on KeyboardInterrupt with all jobs ended. Without a judge, or an executor for it, every result is the
    experiment's own word.
    """
    commit = codebase.head()
    recorded = _recorded(folder, commit, smoke)
    if recorded is not None:
        return recorded
    run = _Run(number, smoke, commit, codebase, blueprint, folder, executor, data_root, config, events, environments)
    trusted = judge_executor or (executor if executor.name == "local" else None)
    if judge is None or trusted is None or not judge.datasets or HANDOVER not in codebase.files():
        return run.run()
    run.evaluation = Evaluation(judge, folder / EVALUATION, trusted, data_root, blueprint.budget.memory_gb)
    try:
        return run.run()
    finally:
        run.evaluation.clear()


def attempt_reports(folder: Path, blueprint: Blueprint) -> dict[int, list[Report]]:
    """What each seed of a complete attempt reported. Raises InvalidReports when a file is not as it was."""
    reports = {}
    for seed in blueprint.seeds:
        output = seed_folder(folder, seed)
        saved = read_record(output / JOB_FILE, SavedJob)
        reports[seed] = collect(output, blueprint, seed, frozen=saved.frozen)
        kept = saved.reports_sha256
        if kept is not None and kept != _reports_digest(output):
            raise InvalidReports(f"{output.name}/{RESULTS} is not what it was when the job ended")
    return reports


def seed_folder(folder: Path, seed: int) -> Path:
    """Folder of one seed in that of an attempt."""
    return folder / f"seed-{seed}"


def seconds_used(attempts: Path) -> float:
    """Wall-clock seconds of all recorded attempts below a folder."""
    return sum(read_record(path, Attempt).seconds for path in sorted(attempts.glob(f"*/{ATTEMPT_FILE}")))


@dataclass
class _Run:
    """One execution of an attempt."""

    number: int
    smoke: bool
    commit: str
    codebase: Codebase
    blueprint: Blueprint
    folder: Path
    executor: Executor
    data_root: Path
    config: ExecutionConfig
    events: Events
    environments: EnvironmentOf
    environment: Environment = HERE
    evaluation: Evaluation | None = None
    first_failed: Job | None = None

    def run(self) -> Attempt:
        """Run what is still to run and record the attempt."""
        started = now_utc().isoformat(timespec="seconds")
        seeds = self.blueprint.seeds[:1] if self.smoke else self.blueprint.seeds
        kept = {seed: job for seed in seeds if (job := self._succeeded(seed)) is not None}
        earlier_s = sum(job.seconds for job in kept.values()) / self.blueprint.budget.parallel
        left_s = 60 * self.blueprint.budget.minutes - seconds_used(self.folder.parent) - earlier_s
        todo = [seed for seed in seeds if seed not in kept]
        if todo and left_s <= 0:
            minutes = self.blueprint.budget.minutes
            raise BudgetExceeded(f"The experiment's {minutes:g} minutes are used up after {self.number - 1} attempts.")
        if kept:
            self.events.emit("progress", f"Attempt {self.number}: seeds done before: {', '.join(map(str, kept))}")
        unready = self._set_up(todo)
        start = self.executor.clock()
        unready = unready or self._divide(todo, left_s)
        requests = [] if unready else [self._request(seed, start + left_s) for seed in todo]
        ran = self.executor.run(requests, parallel=self.blueprint.budget.parallel, on_done=self._record)
        jobs = kept | {job.seed: job for job in ran}
        outcome, failure = unready or self._outcome()
        attempt = Attempt(
            number=self.number,
            commit=self.commit,
            smoke=self.smoke,
            outcome=outcome,
            jobs=tuple(jobs[seed] for seed in seeds if seed in jobs),
            started=started,
            seconds=earlier_s + self.executor.clock() - start,
            failure=failure,
            environment=self.environment.record,
        )
        write_atomic(self.folder / ATTEMPT_FILE, attempt.model_dump_json(indent=1) + "\n")
        return attempt

    def _set_up(self, seeds: list[int]) -> tuple[Outcome, Failure] | None:
        """Find the Python for what the codebase asks for; why the attempt ends when there is none."""
        requirements = self.codebase.files().get(REQUIREMENTS, "")
        try:
            self.environment = self.environments(requirements) if seeds else HERE
        except RequirementsUnmet as error:
            words = str(error)
            signature = f"RequirementsUnmet @ {REQUIREMENTS}: {normalise(words)}"
            return "failed", Failure(
                outcome="failed", signature=signature, message=words, file=REQUIREMENTS, line=None, tail=requirements
            )
        return None

    def _divide(self, seeds: list[int], left_s: float) -> tuple[Outcome, Failure] | None:
        """Divide the data where their truth is kept from the jobs; why the attempt ends when that fails."""
        if self.evaluation is None or not seeds:
            return None
        job = self.evaluation.divide(seeds, smoke=self.smoke, left_s=left_s)
        if job is None or job.outcome == "succeeded":
            return None
        folder = self.evaluation.divide_folder
        return job.outcome, diagnose(job, folder, folder.parent / CODE)

    def _succeeded(self, seed: int) -> Job | None:
        """The seed's job, if it succeeded on exactly this and its reports are still good."""
        path = seed_folder(self.folder, seed) / JOB_FILE
        if not path.exists():
            return None
        saved = read_record(path, SavedJob)
        same = (saved.commit, saved.blueprint, saved.smoke) == (self.commit, self.blueprint.digest(), self.smoke)
        same &= saved.reports_sha256 == _reports_digest(path.parent)
        same &= self._judged_alike(saved)
        good = same and saved.job.outcome == "succeeded" and not self._fault(seed, saved.frozen)
        return saved.job if good else None

    def _judged_alike(self, saved: SavedJob) -> bool:
        """Whether a saved job was judged as it would be now; where there was no sandbox nothing counts as frozen."""
        if self.evaluation is None:
            return saved.scorer_sha256 is None
        judge = self.evaluation.judge
        return saved.scorer_sha256 == judge.digest() and saved.frozen in ((), judge.datasets)

    def _request(self, seed: int, deadline_s: float) -> JobRequest:
        output = seed_folder(self.folder, seed)
        budget = self.blueprint.budget
        data = self.data_root.absolute()
        studied = (*self.blueprint.datasets, *self.blueprint.support)
        own = tuple(data / staged.folder for staged in studied if staged.folder)
        exchange, readable, hidden = self.evaluation.extend(seed) if self.evaluation else ({}, own, ())
        request = JobRequest(
            seed=seed,
            command=(str(self.environment.python), "run.py", "--seed", str(seed), *(["--smoke"] if self.smoke else [])),
            code_folder=output / CODE,
            output_folder=output,
            environment={"NANORESEARCH_DATA": str(data)} | exchange,
            readable=(*readable, *self.environment.readable),
            hidden=(*hidden, *self.environment.copies(hidden), *self._packaged_truth()),
            timeout_s=60 * budget.minutes_per_run,
            memory_gb=budget.memory_gb,
            output_mb=self.config.output_mb,
            deadline_s=deadline_s,
            check=lambda output: self._check(seed, output),
            key=" ".join((self.commit, self.blueprint.digest(), str(self.smoke), str(seed), *self._token(seed))),
        )
        # A job that ended and was recorded is run again; one that was left behind by a killed process is gone on with.
        if not self.executor.adopt(request) or (output / JOB_FILE).exists():
            shutil.rmtree(output, ignore_errors=True)
            self.codebase.export(self.commit, output / CODE)
        return request

    def _token(self, seed: int) -> tuple[str, ...]:
        """What names the data that the seed's job is given, where they are divided."""
        return (self.evaluation.tokens[seed],) if self.evaluation else ()

    def _packaged_truth(self) -> Iterator[Path]:
        """Where files of frozen data would lie if the packages that carry them were installed."""
        folders = [*site_folders(), *([self.environment.packages] if self.environment.packages else [])]
        for staged in self.blueprint.datasets:
            if self.evaluation is not None and staged.card.id in self.evaluation.judge.datasets:
                yield from (folder / file.path for folder in folders for file in staged.card.files)

    def _check(self, seed: int, output: Path) -> str:
        """Score what the job handed in, if that is to be scored. Why its reports cannot be used, or nothing."""
        if self.evaluation is None:
            return self._fault(seed, ())
        fault = self.evaluation.settle(seed, output, smoke=self.smoke)
        return fault or self._fault(seed, self.evaluation.frozen)

    def _fault(self, seed: int, frozen: tuple[str, ...]) -> str:
        """Why the seed's reports cannot be used, or nothing."""
        try:
            collect(seed_folder(self.folder, seed), self.blueprint, seed, complete=not self.smoke, frozen=frozen)
        except InvalidReports as error:
            return str(error)
        return ""

    def _record(self, job: Job) -> None:
        """Write job.json, remove the code that ran, and tell."""
        output = seed_folder(self.folder, job.seed)
        shutil.rmtree(output / CODE, ignore_errors=True)
        saved = SavedJob(
            job=job,
            commit=self.commit,
            blueprint=self.blueprint.digest(),
            smoke=self.smoke,
            reports_sha256=_reports_digest(output),
            frozen=self.evaluation.frozen if self.evaluation else (),
            scorer_sha256=self.evaluation.judge.digest() if self.evaluation else None,
            predictions_sha256=self.evaluation.digests.get(job.seed, {}) if self.evaluation else {},
        )
        write_atomic(output / JOB_FILE, saved.model_dump_json(indent=1) + "\n")
        if self.first_failed is None and job.outcome not in ("succeeded", "cancelled"):
            self.first_failed = job
        reason = f": {job.reason}" if job.reason else ""
        text = f"Attempt {self.number}, seed {job.seed}: {job.outcome} after {job.seconds:.1f} s{reason}"
        self.events.emit("progress", text, **job.model_dump(mode="json"))

    def _outcome(self) -> tuple[Outcome, Failure | None]:
        if self.first_failed is None:
            return "succeeded", None
        output = seed_folder(self.folder, self.first_failed.seed)
        return self.first_failed.outcome, diagnose(self.first_failed, output, output / CODE)


def _reports_digest(output: Path) -> str | None:
    """SHA-256 of a job's reports, None when there are none."""
    path = output / RESULTS
    if path.is_symlink() or not path.is_file():
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _recorded(folder: Path, commit: str, smoke: bool) -> Attempt | None:
    path = folder / ATTEMPT_FILE
    if not path.exists():
        return None
    attempt = read_record(path, Attempt)
    if (attempt.commit, attempt.smoke) == (commit, smoke):
        return attempt
    raise ExecutionError(
        f"{path} records attempt {attempt.number} at commit {attempt.commit[:12]}, not at {commit[:12]}. "
        "Give this attempt a number of its own, or delete that folder."
    )
