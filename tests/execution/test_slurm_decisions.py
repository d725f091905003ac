"""What SlurmExecutor makes of SLURM's word, with a queue that says what a test wants and runs jobs as processes."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.config import SlurmConfig
from nanoresearch.errors import ExecutionError
from nanoresearch.execution import node, orders, sandbox, slurmqueue
from nanoresearch.execution.executor import MEMORY_EXCEEDED, TIME_EXCEEDED
from nanoresearch.execution.sandbox import Access
from nanoresearch.execution.slurm import RESUBMISSIONS, SlurmExecutor, _covered
from nanoresearch.execution.slurmqueue import JobState, QueueUnreachable, SlurmQueue, Submission

SOURCE = Path(__file__).parents[2] / "src"


class ScriptedQueue(SlurmQueue):
    """Runs errands at once, unless told to leave them; says what it is told to say."""

    def __init__(self, config: SlurmConfig) -> None:
        super().__init__(config)
        self.says: list[JobState | None] = []
        """State of every job, one for each submission; None runs it and tells the truth, as does an empty list."""
        self.away = 0
        """Questions that are not answered."""
        self.submissions: list[Submission] = []
        self.questions = 0
        self.cancelled: list[str] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._words: dict[str, JobState] = {}

    def submit(self, submission: Submission) -> list[str]:
        self._answer()
        self.submissions.append(submission)
        word = self.says[len(self.submissions) - 1] if len(self.submissions) <= len(self.says) else None
        ids = [f"{len(self.submissions)}_{place}" for place in range(len(submission.errands))]
        for name, errand in zip(ids, submission.errands, strict=True):
            if word is not None:
                self._words[name] = word
                continue
            command = [sys.executable, "-m", "nanoresearch.execution.node", str(errand)]
            self._processes[name] = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(SOURCE)})
        return ids

    def states(self, ids: Sequence[str]) -> dict[str, JobState]:
        self.questions += 1
        self._answer()
        running = {name: JobState("RUNNING") for name, item in self._processes.items() if item.poll() is None}
        known = {name: JobState("COMPLETED") for name in self._processes} | running | self._words
        return {name: known[name] for name in ids if known[name].state != "LOST"}

    def last_state(self, name: str) -> JobState | None:
        return None

    def find(self, name: str) -> list[str]:
        self._answer()
        return []

    def cancel(self, ids: Sequence[str]) -> None:
        self.cancelled += ids
        for name in ids:
            self._words[name] = JobState("CANCELLED")

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise QueueUnreachable("Unable to contact slurm controller")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def executor(told: list[str]) -> SlurmExecutor:
    """An executor with a scripted queue."""
    config = SlurmConfig(poll_s=0.02, poll_max_s=0.1)
    return SlurmExecutor(config, tell=told.append, queue=ScriptedQueue(config), settle_s=0.1, look_s=0.01)


def run(executor: SlurmExecutor, *requests, parallel: int = 2):
    """Run requests and return their jobs."""
    return executor.run(requests, parallel=parallel, on_done=lambda job: None)


@pytest.mark.parametrize(
    ("state", "outcome", "reason"),
    [
        (JobState("LOST"), "failed", "SLURM job 1_0 is lost: SLURM does not know it any more, and it left no word"),
        (JobState("TIMEOUT"), "timed_out", f"{TIME_EXCEEDED} all the time that SLURM job 1_0 had"),
        (JobState("OUT_OF_MEMORY"), "failed", f"{MEMORY_EXCEEDED}: SLURM ended job 1_0"),
        (JobState("CANCELLED"), "failed", "ended from outside: SLURM job 1_0 was cancelled"),
        (JobState("FAILED", "Prolog"), "failed", "SLURM job 1_0 ended as FAILED (Prolog) and left no word"),
    ],
)
def test_words_of_slurm_become_outcomes(executor, request_for, state, outcome: str, reason: str) -> None:
    executor.queue.says = [state]
    (job,) = run(executor, request_for(""))
    assert (job.outcome, job.exit_code, job.reason) == (outcome, None, reason)


def test_broken_node_costs_no_attempt(executor, request_for, told) -> None:
    executor.queue.says = [JobState("NODE_FAIL")]
    request = request_for("print(open('data').read())")
    (request.code_folder / "data").write_text("as it was")
    (job,) = run(executor, request)
    assert job.outcome == "succeeded"
    assert (request.output_folder / "stdout").read_text() == "as it was\n"
    assert "SLURM job 1_0 ended as NODE_FAIL; seed 0 is submitted again" in told


def test_broken_nodes_are_not_tried_for_ever(executor, request_for) -> None:
    executor.queue.says = [JobState("NODE_FAIL")] * 10
    (job,) = run(executor, request_for(""))
    assert job.reason.startswith(f"SLURM job {RESUBMISSIONS + 1}_0 ended as NODE_FAIL")
    assert len(executor.queue.submissions) == RESUBMISSIONS + 1


def test_unusual_reason_for_waiting_is_told_once(executor, request_for, told, monkeypatch) -> None:
    executor.queue.says = [JobState("PENDING", "QOSMaxJobsPerUserLimit")]
    answered = executor.queue.states

    def states(ids):
        found = answered(ids)
        if executor.queue.questions > 4:
            found = {name: JobState("CANCELLED") for name in ids}
        return found

    monkeypatch.setattr(executor.queue, "states", states)
    run(executor, request_for(""))
    assert sum("waits: QOSMaxJobsPerUserLimit" in line for line in told) == 1


def test_outage_is_told_once_and_waited_for(executor, request_for, told) -> None:
    executor.queue.says = [JobState("CANCELLED")]
    executor.queue.away = 3
    (job,) = run(executor, request_for(""))
    assert job.reason.startswith("ended from outside")
    assert len([line for line in told if "does not answer" in line]) == 1
    assert told.count("SLURM answers again") == 1


def test_a_failure_keeps_the_rest_from_starting(executor, request_for, tmp_path: Path) -> None:
    requests = [request_for("raise SystemExit(1)", seed=1), *(request_for("", seed=seed) for seed in (2, 3, 4))]
    executor.config = SlurmConfig(poll_s=0.02, max_queued=1)
    jobs = run(executor, *requests)
    assert [job.outcome for job in jobs] == ["failed", "cancelled", "cancelled", "cancelled"]
    assert len(executor.queue.submissions) == 1


def test_task_that_starts_after_a_failure_does_not_run(request_for, tmp_path: Path) -> None:
    folder = tmp_path / "submission" / "seed-0"
    folder.mkdir(parents=True)
    request = request_for("open('ran', 'w')")
    order = node.Order([sys.executable, "run.py"], str(request.code_folder), {}, "", "", 1, 1, 1, 1, 1)
    node.write(folder / node.ERRAND, node.Errand(order, (), "auto", (), (), ()))
    (folder.parent / node.FAILED).touch()
    command = [sys.executable, "-m", "nanoresearch.execution.node", str(folder)]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(SOURCE)}, check=True)
    ending = node.read_ending(folder)
    assert ending is not None
    assert (ending.cause, ending.message) == ("ended", "another job failed first")
    assert not (request.code_folder / "ran").exists()


def test_errand_keeps_what_a_job_may_use_and_what_it_must_not_see(tmp_path: Path, monkeypatch, request_for) -> None:
    monkeypatch.setenv("NANORESEARCH_HOME", str(tmp_path / "home"))
    request = request_for("", readable=(tmp_path / "data",))
    order = orders.make_order(request, {}, timeout_s=1, grace_s=1)
    access = orders.access_of(request)
    assert access.writable == (request.output_folder / "scratch", request.output_folder / "reports.jsonl")
    assert all(path.exists() for path in access.writable)
    assert tmp_path / "home" in access.hidden
    errand = node.Errand.make(order, ("PATH",), "auto", access)
    node.write(tmp_path / node.ERRAND, errand)
    again = node.read_errand(tmp_path)
    assert again == errand
    assert again.access == access


def test_private_folders_of_another_machine_are_not_seen_either(tmp_path: Path, monkeypatch) -> None:
    for name in ("system/tools", "system/home/keys"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(sandbox, "SYSTEM", (str(tmp_path / "system"),))
    seen = sandbox._readable(Access(hidden=(tmp_path / "system/home",)))
    assert tmp_path / "system/tools" in seen
    assert not any(path.is_relative_to(tmp_path / "system/home") for path in seen)
    assert not any((tmp_path / "system/home").is_relative_to(path) for path in seen)


def test_a_started_again_errand_begins_anew(tmp_path: Path, request_for) -> None:
    program = """
        import os
        print(os.listdir(os.environ["TMPDIR"]), os.path.exists("stray"))
        open(os.environ["TMPDIR"] + "/left", "w").close()
        open("stray", "w").close()
        open(os.environ["NANORESEARCH_RESULTS"], "a").write("x")
        """
    request = request_for(program)
    folder = tmp_path / "submission" / "seed-0"
    shutil.copytree(request.code_folder, folder / node.CODE)
    order = orders.make_order(request, {}, timeout_s=30, grace_s=1)
    node.write(folder / node.ERRAND, node.Errand.make(order, ("PATH",), "off", orders.access_of(request)))
    for start in (1, 2):
        node.carry_out(folder, os.environ, threading.Event())
        started = node.read_started(folder)
        assert started is not None
        assert (started.starts, started.found()) == (start, sandbox.require("off"))
        assert (request.output_folder / "stdout").read_text() == "[] False\n"
        assert (request.output_folder / "reports.jsonl").read_text() == "x"
        (folder / node.ENDING).unlink()


@pytest.mark.parametrize(("signalled", "cause"), [(True, "ended"), (False, "start")])
def test_a_look_for_a_sandbox_that_was_ended_from_outside_says_nothing(
    tmp_path: Path, request_for, monkeypatch, signalled: bool, cause: str
) -> None:
    def require(choice: str) -> None:
        raise sandbox.SandboxMissing(f"{choice}: it did not start")

    monkeypatch.setattr(node, "require", require)
    request = request_for("")
    folder = tmp_path / "submission" / "seed-0"
    folder.mkdir(parents=True)
    order = orders.make_order(request, {}, timeout_s=30, grace_s=1)
    node.write(folder / node.ERRAND, node.Errand.make(order, (), "auto", orders.access_of(request)))
    ended = threading.Event()
    if signalled:
        ended.set()
    node.carry_out(folder, {}, ended)
    ending = node.read_ending(folder)
    assert ending is not None
    assert ending.cause == cause
    assert (folder.parent / node.FAILED).exists() is not signalled


def test_limits_of_slurm_lie_above_those_of_the_job(executor, request_for) -> None:
    run(executor, request_for("", timeout_s=90, memory_gb=1.5))
    (submission,) = executor.queue.submissions
    assert submission.minutes * 60 > 90 + 30
    assert submission.memory_mb > 1.5 * 1024


def test_slurm_is_asked_ever_more_seldom(executor, request_for) -> None:
    executor.config = SlurmConfig(poll_s=0.05, poll_max_s=10)
    executor.patient = slurmqueue.PatientQueue(executor.queue, executor.config, print)
    run(executor, request_for("import time; time.sleep(3)"))
    assert executor.queue.questions <= 20  # 60 with equal pauses


def test_keys_do_not_go_along_with_a_submission() -> None:
    shell = {"PATH": "/bin", "OPENAI_API_KEY": "sk", "SBATCH_EXPORT": "ALL", "SLURM_CONF": "/etc/s", "PYTHONPATH": "/x"}
    given_on = slurmqueue._environment(shell)
    assert {"PATH", "SLURM_CONF"} <= given_on.keys() <= {"PATH", "SLURM_CONF", "PYTHONPATH"}
    assert "/x" not in given_on["PYTHONPATH"].split(os.pathsep)


def test_missing_slurm_is_told_with_the_way_out(monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ExecutionError, match=r"login node|submitit is missing"):
        slurmqueue.require_slurm()


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=8))
def test_time_with_a_running_job_is_a_union(spans: list[tuple[int, int]]) -> None:
    seconds = {second for begin, length in spans for second in range(begin, begin + length)}
    assert _covered((begin, begin + length) for begin, length in spans) == len(seconds)
