"""One attempt: the experiment at one commit, one job for each seed, resumable after each of them.

Decides nothing about what to do after a failure; writes nothing into the ledger.
"""

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from nanoresearch.config import ExecutionConfig
from nanoresearch.errors import BudgetExceeded, ExecutionError
from nanoresearch.events import Events, now_utc
from nanoresearch.execution.collect import InvalidReports, collect
from nanoresearch.execution.executor import RESULTS, Executor, JobRequest
from nanoresearch.execution.failure import diagnose
from nanoresearch.execution.repository import Codebase
from nanoresearch.paths import read_record, write_atomic
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Attempt, Failure, Job, Outcome, Report
from nanoresearch.schema.record import Record

ATTEMPT_FILE = "attempt.json"
JOB_FILE = "job.json"
CODE = "code"


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
) -> Attempt:
    """Run the codebase's last commit for every seed, or for the first with --smoke, and write attempt.json last.

    An attempt that is complete on disk is returned as it is; seeds of an unfinished one that succeeded at this commit
    are not run again. The blueprint's minutes cover all attempts beside `folder`; time in a queue does not count.
    Raises BudgetExceeded when they are used up, ExecutionError when the folder has an attempt at another commit, and
    passes on KeyboardInterrupt with all jobs ended.
    """
    commit = codebase.head()
    recorded = _recorded(folder, commit, smoke)
    if recorded is not None:
        return recorded
    return _Run(number, smoke, commit, codebase, blueprint, folder, executor, data_root, config, events).run()


def attempt_reports(folder: Path, blueprint: Blueprint) -> dict[int, list[Report]]:
    """What each seed of a complete attempt reported. Raises InvalidReports when a file is not as it was."""
    reports = {}
    for seed in blueprint.seeds:
        output = seed_folder(folder, seed)
        reports[seed] = collect(output, blueprint, seed)
        kept = read_record(output / JOB_FILE, SavedJob).reports_sha256
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
    first_failed: Job | None = None

    def run(self) -> Attempt:
        """Run what is still to run and record the attempt."""
        started, start = now_utc().isoformat(timespec="seconds"), self.executor.clock()
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
        requests = [self._request(seed, start + left_s) for seed in todo]
        ran = self.executor.run(requests, parallel=self.blueprint.budget.parallel, on_done=self._record)
        jobs = kept | {job.seed: job for job in ran}
        outcome, failure = self._outcome()
        attempt = Attempt(
            number=self.number,
            commit=self.commit,
            smoke=self.smoke,
            outcome=outcome,
            jobs=tuple(jobs[seed] for seed in seeds),
            started=started,
            seconds=earlier_s + self.executor.clock() - start,
            failure=failure,
        )
        write_atomic(self.folder / ATTEMPT_FILE, attempt.model_dump_json(indent=1) + "\n")
        return attempt

    def _succeeded(self, seed: int) -> Job | None:
        """The seed's job, if it succeeded on exactly this and its reports are still good."""
        path = seed_folder(self.folder, seed) / JOB_FILE
        if not path.exists():
            return None
        saved = read_record(path, SavedJob)
        same = (saved.commit, saved.blueprint, saved.smoke) == (self.commit, self.blueprint.digest(), self.smoke)
        same &= saved.reports_sha256 == _reports_digest(path.parent)
        good = same and saved.job.outcome == "succeeded" and not self._fault(seed)
        return saved.job if good else None

    def _request(self, seed: int, deadline_s: float) -> JobRequest:
        output = seed_folder(self.folder, seed)
        budget = self.blueprint.budget
        request = JobRequest(
            seed=seed,
            command=(sys.executable, "run.py", "--seed", str(seed), *(["--smoke"] if self.smoke else [])),
            code_folder=output / CODE,
            output_folder=output,
            environment={"NANORESEARCH_DATA": str(self.data_root.absolute())},
            readable=(self.data_root.absolute(),),
            timeout_s=60 * budget.minutes_per_run,
            memory_gb=budget.memory_gb,
            output_mb=self.config.output_mb,
            deadline_s=deadline_s,
            check=lambda _: self._fault(seed),
            key=f"{self.commit} {self.blueprint.digest()} {self.smoke} {seed}",
        )
        # A job that ended and was recorded is run again; one that was left behind by a killed process is gone on with.
        if not self.executor.adopt(request) or (output / JOB_FILE).exists():
            shutil.rmtree(output, ignore_errors=True)
            self.codebase.export(self.commit, output / CODE)
        return request

    def _fault(self, seed: int) -> str:
        """Why the seed's reports cannot be used, or nothing."""
        try:
            collect(seed_folder(self.folder, seed), self.blueprint, seed, complete=not self.smoke)
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
