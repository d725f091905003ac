"""Frozen evaluation: experiment code never sees the truth, and what it predicts is scored where it cannot write.

Three processes, each in a sandbox of its own: one that NanoResearch trusts loads and divides the data; the experiment
gets what may be learned from and the inputs, and hands in predictions; one that NanoResearch trusts scores them. The
trusted ones run program text of the package, never that of the run's repository.

The trusted steps run on this machine, also where the experiment runs on a node of a cluster: what they keep lies on the
shared file system, outside of what the sandbox on the node lets the experiment read.

Does not keep an experiment from knowing a public data set by heart, nor from reporting wrong costs.
"""

import hashlib
import os
import shutil
import stat
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nanoresearch.errors import CorruptRecord
from nanoresearch.execution.collect import InvalidReports, read_reports
from nanoresearch.execution.executor import RESULTS, STDERR, Executor, JobRequest
from nanoresearch.execution.orders import PREDICTIONS, SCRATCH
from nanoresearch.paths import read_record, write_atomic
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Job, Report
from nanoresearch.schema.record import Record

REFUSED = "REFUSED: "
"""Start of the scorer's last words about predictions that it does not score."""

PREDICTION_BYTES = 1 << 28
"""Largest file of predictions."""

STEP_S = 600.0
"""Seconds that dividing, or scoring one seed, may take."""

OUTPUT_MB = 1.0
CHUNK = 1 << 20
DIVIDED = "divided.json"
PARTS = ("given", "kept")
"""Folders with what the experiment gets and with the truth, each with a folder for every seed."""


@dataclass(frozen=True)
class Judge:
    """How a study is judged: which of its data sets are frozen, and the trusted program that divides and scores."""

    datasets: tuple[str, ...] = ()
    """Data sets whose truth is kept from the experiment."""
    files: Mapping[str, str] = field(default_factory=dict)
    """divide.py, score.py and what they import."""
    predictions: tuple[tuple[str, ...], ...] = ()
    """Names of the files to be handed in, those of one condition together, the standard one first."""
    readable: tuple[str, ...] = ()
    """Folders below the data root that the experiment itself may read: those of the other data sets."""
    hidden: tuple[Path, ...] = ()
    """Files of libraries that hold the truth."""
    self_reported: Mapping[str, str] = field(default_factory=dict)
    """The other data sets, each with the reason, a clause."""

    def digest(self) -> str:
        """SHA-256 of the trusted program."""
        parts = (f"{name}\0{text}\0" for name, text in sorted(self.files.items()))
        return hashlib.sha256("".join(parts).encode()).hexdigest()


JudgeOf = Callable[[Blueprint], Judge]


def nobody(blueprint: Blueprint) -> Judge:
    """The judge of a crew that has none: every result is self-reported."""
    return Judge(self_reported={staged.card.id: "nothing scores it from outside" for staged in blueprint.datasets})


class Division(Record):
    """Data that were divided in a sandbox and lie there still, for jobs that outlive the process that asked."""

    judge: str
    """Judge.digest()."""
    smoke: bool
    """Whether for a reduced run."""
    tokens: dict[int, str]
    """A word for each seed that no other division has: a job is gone on with only if it was given these very data."""


class Evaluation:
    """The trusted steps around the jobs of one attempt."""

    def __init__(self, judge: Judge, folder: Path, executor: Executor, data_root: Path, memory_gb: float) -> None:
        """`executor` runs the trusted steps, on this machine; the jobs between them may run elsewhere."""
        self.judge = judge
        self.isolated = False
        """Whether the steps, and so the jobs between them, ran in sandboxes; known once the data are divided."""
        self.digests: dict[int, dict[str, str]] = {}
        """SHA-256 of every file of predictions, by seed."""
        self.tokens: dict[int, str] = {}
        """Division.tokens of the seeds that are divided now."""
        self._folder = folder
        self._executor = executor
        self._data_root = data_root.absolute()
        self._memory_gb = memory_gb

    @property
    def frozen(self) -> tuple[str, ...]:
        """Data sets whose results count as frozen: none where nothing kept the experiment from the truth."""
        return self.judge.datasets if self.isolated else ()

    def divide(self, seeds: Sequence[int], *, smoke: bool, left_s: float) -> Job | None:
        """Load and divide the data for these seeds, those left out that an earlier sitting has divided.

        None when there was nothing to do. The job's output is in `divide_folder`.
        """
        self.tokens = self._earlier(smoke)
        self.isolated = bool(self.tokens)
        if not self.tokens:
            self.clear()
        for name, text in self.judge.files.items():
            write_atomic(self._code / name, text)
        missing = [seed for seed in seeds if seed not in self.tokens]
        if not missing:
            return None
        scratch = (self.divide_folder / SCRATCH / PREDICTIONS).absolute()
        request = JobRequest(
            seed=missing[0],
            command=_command("divide.py", *(scratch / part for part in PARTS), *missing, smoke=smoke),
            code_folder=self._code,
            output_folder=self.divide_folder,
            environment={"NANORESEARCH_DATA": str(self._data_root)},
            readable=(self._data_root,),
            timeout_s=STEP_S,
            memory_gb=self._memory_gb,
            output_mb=OUTPUT_MB,
            deadline_s=self._executor.clock() + left_s,
            check=lambda _: self._take(scratch, missing),
        )
        (job,) = self._executor.run([request], parallel=1, on_done=lambda _: None)
        self.isolated = job.sandbox not in (None, "none")
        if job.outcome == "succeeded":
            self.tokens |= {seed: uuid.uuid4().hex for seed in missing}
            self._note(smoke)
        return job

    def extend(self, seed: int) -> tuple[dict[str, str], tuple[Path, ...], tuple[Path, ...]]:
        """Environment, readable paths and hidden paths of the experiment's job."""
        given = (self._folder / "given" / f"seed-{seed}").absolute()
        own = [self._data_root / name for name in self.judge.readable]
        return {"NANORESEARCH_EXCHANGE": str(given)}, (given, *own), self.judge.hidden

    def settle(self, seed: int, output: Path, *, smoke: bool) -> str:
        """Score what a job handed in and put the values among its reports. Words, when that cannot be done."""
        self.tokens.pop(seed, None)  # from here on a resumed attempt must begin this seed anew
        self._note(smoke)
        try:
            own = list(read_reports(output))
            self._check_own(own)
            handed_in = self._collect(seed, output / SCRATCH / PREDICTIONS, smoke)
            scored = self._score(seed, handed_in, smoke)
        except InvalidReports as error:
            return str(error)
        finally:
            for part in PARTS:
                shutil.rmtree(self._folder / part / f"seed-{seed}", ignore_errors=True)
        mark = "frozen" if self.isolated else "self_reported"
        lines = [*own, *(report.model_copy(update={"scored": mark}) for report in scored)]
        write_atomic(output / RESULTS, "".join(report.model_dump_json() + "\n" for report in lines))
        return ""

    def clear(self) -> None:
        """Remove everything that the steps wrote."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def divide_folder(self) -> Path:
        """Where the output of dividing is."""
        return self._folder / "divide"

    @property
    def _code(self) -> Path:
        return self._folder / "code"

    def _take(self, scratch: Path, seeds: Sequence[int]) -> str:
        """Move what was divided out of the step's scratch folder."""
        for part in PARTS:
            for name in (f"seed-{seed}" for seed in seeds):
                if not (scratch / part / name).is_dir():
                    return "the data were not divided"
                shutil.rmtree(self._folder / part / name, ignore_errors=True)
                (self._folder / part).mkdir(exist_ok=True)
                (scratch / part / name).rename(self._folder / part / name)
        return ""

    def _earlier(self, smoke: bool) -> dict[int, str]:
        """Seeds whose data an earlier sitting has divided just so, in a sandbox, and that are whole."""
        try:
            found = read_record(self._folder / DIVIDED, Division)
        except CorruptRecord:  # there is none, as a rule
            return {}
        if (found.judge, found.smoke) != (self.judge.digest(), smoke):
            return {}
        return {
            seed: token
            for seed, token in found.tokens.items()
            if all((self._folder / part / f"seed-{seed}").is_dir() for part in PARTS)
        }

    def _note(self, smoke: bool) -> None:
        """Keep the division for a resumed attempt, if nothing but the trusted steps could have touched it."""
        if self.isolated:
            division = Division(judge=self.judge.digest(), smoke=smoke, tokens=self.tokens)
            write_atomic(self._folder / DIVIDED, division.model_dump_json() + "\n")

    def _check_own(self, reports: Sequence[Report]) -> None:
        """What the experiment reports itself: costs, and results on data sets that are not frozen."""
        for report in reports:
            if report.kind == "result" and report.dataset in self.judge.datasets:
                raise InvalidReports(
                    f"the experiment reported {report.metric} of {report.method} on {report.dataset} itself, where "
                    "only its predictions count"
                )
            if report.scored != "self_reported":
                raise InvalidReports("the experiment called a value of its own scored by somebody else")

    def _collect(self, seed: int, source: Path, smoke: bool) -> Path:
        """Copy predictions out of a job's scratch folder, which may hold anything, and note their digests."""
        target = self._folder / f"handed-in-{seed}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        if any(path.is_symlink() for path in (source, source.parent)) or not source.is_dir():
            raise InvalidReports("no predictions were handed in")
        digests = {}
        for name in (name for names in self.judge.predictions[: 1 if smoke else None] for name in names):
            try:
                number = os.open(source / name, os.O_RDONLY | flags)
            except FileNotFoundError as error:
                raise InvalidReports(f"no predictions were handed in as {name}") from error
            except OSError as error:
                raise InvalidReports(f"the predictions {name} cannot be opened: {error.strerror}") from error
            with open(number, "rb") as file, open(target / name, "wb") as copy:
                found = os.fstat(number)
                if not stat.S_ISREG(found.st_mode):
                    raise InvalidReports(f"the predictions {name} are not a file")
                if found.st_size > PREDICTION_BYTES:
                    raise InvalidReports(f"the predictions {name} take more than {PREDICTION_BYTES >> 20} MB")
                digest = hashlib.sha256()
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
            digests[name] = digest.hexdigest()
        self.digests[seed] = digests
        return target

    def _score(self, seed: int, handed_in: Path, smoke: bool) -> list[Report]:
        kept = (self._folder / "kept" / f"seed-{seed}").absolute()
        output = self._folder / f"score-{seed}"
        request = JobRequest(
            seed=seed,
            command=_command("score.py", kept, handed_in.absolute(), seed, smoke=smoke),
            code_folder=self._code,
            output_folder=output,
            readable=(kept, handed_in.absolute()),
            timeout_s=STEP_S,
            memory_gb=self._memory_gb,
            output_mb=OUTPUT_MB,
        )
        (job,) = self._executor.run([request], parallel=1, on_done=lambda _: None)
        if job.outcome != "succeeded":
            raise InvalidReports(_last_words(output / STDERR) or f"the predictions could not be scored: {job.reason}")
        reports = [report for report in read_reports(output) if report.kind == "result"]
        shutil.rmtree(handed_in, ignore_errors=True)
        return reports


def _command(program: str, *arguments: object, smoke: bool) -> tuple[str, ...]:
    return (sys.executable, program, *map(str, arguments), *(["--smoke"] if smoke else []))


def _last_words(path: Path) -> str:
    """Why the scorer refused, in its words, or where it failed."""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.is_file() else []
    if not lines:
        return ""
    if lines[-1].startswith(REFUSED):
        return lines[-1].removeprefix(REFUSED)
    return f"the predictions could not be scored: {lines[-1]}"
