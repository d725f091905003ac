"""What every executor promises: run jobs in parallel, under limits, and say how each ended.

Knows nothing of blueprints or results; the siblings local, slurm and inprocess implement Executor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nanoresearch.schema.experiment import Job

RESULTS = "reports.jsonl"
"""File of the output folder that the job writes through NANORESEARCH_RESULTS."""

STDOUT, STDERR = "stdout", "stderr"
"""Files of the output folder with what the job printed."""

MEMORY_EXCEEDED = "used more memory than allowed"
"""Start of Job.reason when the memory limit ended the job."""

OUTPUT_FLOOD = "printed too much"
"""Start of Job.reason when the job was ended for what it printed."""

PROCESSES_EXCEEDED = "started too many processes"
"""Start of Job.reason when the job was ended for the processes and threads it started."""

DISK_EXCEEDED = "wrote more than allowed"
"""Start of Job.reason when the job was ended for what it kept on the disk."""

TIME_EXCEEDED = "was still running after"
"""Start of Job.reason when the job's own time limit ended it."""

BUDGET_EXHAUSTED = "the experiment's time is used up"
"""Start of Job.reason when the deadline of all jobs ended it or kept it from starting."""

CANCELLED = "another job failed first"
"""Job.reason of jobs that were not allowed to finish."""


def accept(_: Path) -> str:
    """The check of an output folder that finds no fault."""
    return ""


@dataclass(frozen=True)
class JobRequest:
    """One process to run."""

    seed: int
    """Repetition; names the job."""
    command: tuple[str, ...]
    """Program and arguments."""
    code_folder: Path
    """Working directory; read-only inside a sandbox, and a copy in any case."""
    output_folder: Path
    """Where stdout, stderr and reports.jsonl go; made when missing. The job writes reports.jsonl and scratch files."""
    timeout_s: float
    """Wall-clock seconds."""
    memory_gb: float
    """Memory of the process and its children together."""
    output_mb: float
    """Output that is kept; at ten times that the job is ended."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables added to the executor's short allow list. Never a key."""
    file_mb: float = 1024.0
    """Largest file that the job can write."""
    disk_mb: float = 8192.0
    """What all its scratch files may take together."""
    processes: int = 512
    """Processes and threads at one time."""
    readable: tuple[Path, ...] = ()
    """Files and folders that the job may read besides its code: the data."""
    hidden: tuple[Path, ...] = ()
    """Files and folders of the system or this Python that the job must not see."""
    deadline_s: float | None = None
    """Reading of the executor's clock after which nothing of the job may run; None for no such limit."""
    key: str = ""
    """What is run: equal keys mean the same code, arguments and limits. Without one a job is never adopted."""
    check: Callable[[Path], str] = accept
    """Looks at the output folder after exit status 0; words that it returns make the job invalid."""


class Executor(Protocol):
    """Runs jobs somewhere."""

    name: str
    """As in the configuration."""

    def clock(self) -> float:
        """Seconds, for deadlines. Stands still while jobs only wait in a queue: queueing uses up no budget."""
        ...

    def adopt(self, request: JobRequest) -> bool:
        """Whether a job of an earlier sitting is at work on, or has finished, exactly this request.

        If so, its folders must be left as they are, and run() goes on with that job. If not, nothing of an earlier
        sitting runs in these folders any more when this returns.
        """
        ...

    def run(self, jobs: Sequence[JobRequest], *, parallel: int, on_done: Callable[[Job], None]) -> tuple[Job, ...]:
        """Run jobs, at most `parallel` at once, and return how each ended, in the order of the requests.

        Calls on_done once for every job, in the order in which they end, from the calling thread. When one job does
        not succeed, those not yet started are cancelled and those running are ended. When anything is raised,
        KeyboardInterrupt or an error of on_done included, all processes are ended before it is raised again.
        """
        ...
