"""SLURM as a few questions and requests: submit an array, how are these jobs, cancel them.

Submits through submitit, which writes the batch script. What jobs do is asked of squeue, and of scontrol and sacct for
jobs that squeue no longer lists: submitit asks sacct alone, which clusters without accounting do not have.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from nanoresearch.config import SlurmConfig
from nanoresearch.errors import ExecutionError
from nanoresearch.execution import node

T = TypeVar("T")

ASK_TIMEOUT_S = 60
GROWTH = 1.5
"""How fast the seconds between two questions grow."""

LIVE = frozenset(
    {
        "CONFIGURING", "COMPLETING", "PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD",
        "RUNNING", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED",
    }
)  # fmt: skip
"""States in which a job runs or may still run."""

_UNREACHABLE = re.compile(
    r"unable to contact|connection (refused|timed out|reset)|timed out|temporarily|transport endpoint|zero bytes"
    r"|backup controller|in standby|no route to host|slurmdbd",
    re.IGNORECASE,
)
PACKAGE_ROOT = Path(__file__).parents[2]
SHELL = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "HOME", "USER", "LOGNAME")
"""Variables of the submitting shell that go to the node, beside those of SLURM itself."""


class QueueUnreachable(Exception):
    """The controller does not answer now; the request may be made again."""


@dataclass(frozen=True)
class JobState:
    """What SLURM says of a job."""

    state: str
    """In SLURM's words, such as PENDING."""
    reason: str = ""
    """Why it waits or failed, in SLURM's words."""

    @property
    def live(self) -> bool:
        """Whether it runs or may still run."""
        return self.state in LIVE


@dataclass(frozen=True)
class Submission:
    """Jobs that are submitted together, one for each folder."""

    name: str
    """Name of the job in the queue; unique, so that it can be found again."""
    folder: Path
    """Where submitit keeps its files."""
    errands: Sequence[Path]
    """Folder of each job."""
    minutes: int
    """Time limit."""
    memory_mb: int
    """Memory limit."""
    parallel: int
    """Most jobs that run at once."""


class SlurmQueue:
    """The queue of the cluster that this machine can submit to."""

    def __init__(self, config: SlurmConfig) -> None:
        self._config = config
        self.calls = 0
        """Commands sent to the controller so far."""

    def submit(self, submission: Submission) -> list[str]:
        """Submit the jobs, as an array when there are several, and return their ids.

        Raises ExecutionError with SLURM's words when they are refused, QueueUnreachable when nobody answers; the jobs
        may have been submitted even so.
        """
        require_slurm()
        request = {
            "folder": str(submission.folder),
            "parameters": self._parameters(submission),
            "errands": [str(errand) for errand in submission.errands],
        }
        self.calls += 1
        with subprocess.Popen(
            [sys.executable, "-m", "nanoresearch.execution.slurmsubmit"],
            env=_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must not cut a submission in two
        ) as process:
            try:
                said, complaint = process.communicate(json.dumps(request))
            except KeyboardInterrupt:
                process.communicate()
                raise
        if process.returncode == 0:
            return [str(name) for name in json.loads(said.splitlines()[-1])]
        words = _words(complaint)
        if _UNREACHABLE.search(words):
            raise QueueUnreachable(words)
        raise ExecutionError(f"SLURM did not take the jobs: {words}. See execution.slurm in the configuration.")

    def states(self, ids: Sequence[str]) -> dict[str, JobState]:
        """State of each job that SLURM still knows, in one call. Raises QueueUnreachable."""
        if not ids:
            return {}
        arrays = ",".join(sorted({name.partition("_")[0] for name in ids}))
        lines = self._ask("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%r", f"--jobs={arrays}")
        found = {}
        for line in lines:
            name, _, rest = line.partition("|")
            state, _, reason = rest.partition("|")
            if name.strip() in ids:
                found[name.strip()] = JobState(state.strip(), "" if reason.strip() == "None" else reason.strip())
        return found

    def last_state(self, name: str) -> JobState | None:
        """State of a job that squeue no longer lists; None when nobody remembers it. Raises QueueUnreachable."""
        for line in self._ask("scontrol", "-o", "show", "job", name):
            values = dict(re.findall(r"(\w+)=(\S*)", line))
            if "JobState" in values:
                reason = values.get("Reason", "")
                return JobState(values["JobState"], "" if reason == "None" else reason)
        if shutil.which("sacct"):
            try:
                lines = self._ask("sacct", "-n", "-P", "-X", "-o", "State", "-j", name)
            except (QueueUnreachable, ExecutionError):  # accounting may be switched off; the controller has answered
                return None
            for line in lines:
                return JobState(line.split()[0])
        return None

    def find(self, name: str) -> list[str]:
        """Ids of jobs with this name that may still run, tasks of an array one by one. Raises QueueUnreachable."""
        return self._ask("squeue", "--noheader", "--array", "--format=%i", f"--name={name}")

    def cancel(self, ids: Sequence[str]) -> None:
        """Ask SLURM to end jobs; those that have ended are passed over. Raises QueueUnreachable."""
        if ids:
            self._ask("scancel", "--quiet", *ids)

    def _parameters(self, submission: Submission) -> dict[str, Any]:
        config = self._config
        extra = {name.replace("_", "-"): value for name, value in config.extra.items()}
        named = {"partition": config.partition, "account": config.account, "qos": config.qos}
        return {
            "job_name": submission.name,
            "time": submission.minutes,
            "mem": f"{submission.memory_mb}M",
            "cpus_per_task": config.cpus,
            "array_parallelism": max(1, submission.parallel),
            # Without the trap the shell would die of SLURM's signal at once, and SLURM would kill the job with it.
            "setup": ["trap : TERM", *config.setup],
            "stderr_to_stdout": True,
            "use_srun": False,  # one process: signals and the end of the job then reach it without a second launcher
            **({"gpus_per_node": config.gpus} if config.gpus else {}),
            **{name: value for name, value in named.items() if value},
            "additional_parameters": {"export": "ALL", "requeue": True} | extra,
        }

    def _ask(self, *command: str) -> list[str]:
        self.calls += 1
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False)
        except FileNotFoundError as error:
            raise ExecutionError(f"{command[0]} is missing: SLURM cannot be reached from this machine.") from error
        except subprocess.TimeoutExpired as error:
            raise QueueUnreachable(f"{command[0]} did not answer in {ASK_TIMEOUT_S} s") from error
        words = done.stderr.strip()
        if done.returncode and "Invalid job id" not in words:
            if _UNREACHABLE.search(words):
                raise QueueUnreachable(words.splitlines()[-1])
            # scancel complains of jobs that ended meanwhile; scontrol prints on standard output that there is none.
            if words and command[0] != "scancel":
                raise ExecutionError(f"{command[0]} failed: {_words(words)}.")
        return [line for line in done.stdout.splitlines() if line.strip()]


class PatientQueue:
    """A queue whose controller may be away for a while: says so once, asks again ever more seldom, and goes on."""

    def __init__(self, queue: SlurmQueue, config: SlurmConfig, tell: Callable[[str], None]) -> None:
        self._queue = queue
        self._config = config
        self._tell = tell
        self._away = False

    def states(self, ids: Sequence[str]) -> dict[str, JobState] | None:
        """State of each job that anybody still knows; None when nobody answers now."""

        def ask() -> dict[str, JobState]:
            states = self._queue.states(ids)
            for name in set(ids) - states.keys():
                if state := self._queue.last_state(name):
                    states[name] = state
            return states

        return self._once(ask)

    def live(self, ids: Sequence[str]) -> list[str]:
        """Those of the jobs that run or may still run. Waits for an answer."""
        states = self._patiently(lambda: self.states(ids)) if ids else {}
        return [name for name, state in states.items() if state.live]

    def find(self, name: str) -> list[str]:
        """Ids of jobs with this name that may still run. Waits for an answer."""
        return self._patiently(lambda: self._once(lambda: self._queue.find(name)))

    def find_now(self, names: Iterable[str]) -> list[str] | None:
        """Ids of jobs with one of these names that may still run; None when nobody answers now."""
        return self._once(lambda: [found for name in sorted(names) for found in self._queue.find(name)])

    def cancel(self, ids: Sequence[str]) -> None:
        """Ask once to end jobs; who wants to be sure looks at their states."""
        self._once(lambda: self._queue.cancel(ids))

    def end(self, ids: Sequence[str]) -> None:
        """Cancel jobs and wait until none of them runs."""
        while ids:
            self.cancel(ids)
            time.sleep(min(1.0, self._config.poll_s))
            ids = self.live(ids)

    def submit(self, submission: Submission) -> list[str]:
        """Ids of the jobs, however long the controller is away. Never two for one errand; raises ExecutionError."""
        pause = self._config.poll_s
        while True:
            ids = self._once(lambda: self._queue.submit(submission))
            if ids is not None:
                return ids
            time.sleep(pause)
            pause = min(self._config.poll_max_s, pause * GROWTH)
            self.end(self.find(submission.name))  # an answer may have been lost after the jobs were taken
            for errand in submission.errands:
                node.forget(errand)

    def _patiently(self, ask: Callable[[], T | None]) -> T:
        pause = self._config.poll_s
        while (answer := ask()) is None:
            time.sleep(pause)
            pause = min(self._config.poll_max_s, pause * GROWTH)
        return answer

    def _once(self, ask: Callable[[], T]) -> T | None:
        try:
            answer = ask()
        except QueueUnreachable as error:
            if not self._away:
                self._tell(f"SLURM does not answer ({error}); its jobs go on, and this waits. Ctrl-C cancels them")
            self._away = True
            return None
        if self._away:
            self._tell("SLURM answers again")
        self._away = False
        return answer


def require_slurm() -> None:
    """Raise ExecutionError saying what is missing to use SLURM from here, if something is."""
    if find_spec("submitit") is None:
        raise ExecutionError("submitit is missing. Install it with: pip install 'nanoresearch[slurm]'")
    missing = [name for name in ("sbatch", "squeue", "scancel", "scontrol", "srun") if shutil.which(name) is None]
    if missing:
        raise ExecutionError(
            f"SLURM cannot be used from this machine: {', '.join(missing)} not found. "
            "Run on a login node of the cluster, or with --executor local."
        )


def partition_names() -> list[str]:
    """Partitions of the cluster, the default one with a star. Raises ExecutionError when nobody answers."""
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%P"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExecutionError(f"sinfo did not answer: {error}.") from error
    if done.returncode:
        raise ExecutionError(f"sinfo failed: {_words(done.stderr)}.")
    return done.stdout.split()


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the submitting process is given, and through it the job's shell on the node. No keys."""
    kept = {name: value for name, value in inherited.items() if name in SHELL or name.startswith(("SLURM_", "SBATCH_"))}
    kept.pop("SBATCH_EXPORT", None)
    spec = find_spec("submitit")
    places = [PACKAGE_ROOT, *([Path(spec.origin).parents[1]] if spec and spec.origin else [])]
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, places))}


def _words(text: str) -> str:
    """SLURM's own words among what a command printed."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and 'Try "' not in line]
    said = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
    said = said or [line.partition("sbatch:")[2].strip() for line in lines if "sbatch:" in line] or lines[-1:]
    return "; ".join(dict.fromkeys(said)) or "no reason was given"
