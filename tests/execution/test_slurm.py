"""SlurmExecutor on a real, private SLURM: what clusters do to jobs, and what becomes of the run."""

import json
import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nanoresearch.config import ExecutionConfig, SetupConfig, SlurmConfig
from nanoresearch.doctor import examine
from nanoresearch.errors import ExecutionError
from nanoresearch.events import Events
from nanoresearch.execution.attempts import run_attempt
from nanoresearch.execution.environment import environment_for
from nanoresearch.execution.executor import MEMORY_EXCEEDED, TIME_EXCEEDED
from nanoresearch.execution.repository import Codebase
from nanoresearch.execution.sandbox import INSTALL, UNSAFE, Choice, SandboxMissing
from nanoresearch.execution.slurm import SUBMISSIONS, TICKET, SlurmExecutor
from nanoresearch.execution.slurmqueue import SlurmQueue
from nanoresearch.paths import Home
from nanoresearch.schema.experiment import Job
from nanoresearch.schema.isolation import Isolation

from .conftest import codebase_files, isolation_called, wait_until
from .wheels import make_wheel

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("cluster")]

WAITING = """
import os, pathlib, time
root = pathlib.Path({root!r})
with open(root / "starts", "a") as file:
    file.write("x")
while not (root / "go").exists():
    time.sleep(0.02)
"""


def make(told: list[str] | None = None, sandbox: Choice = "off", isolated=print, **settings) -> SlurmExecutor:
    """SLURM as tests use it: asked often, and mostly without a sandbox, because programs meet in a folder."""
    return SlurmExecutor(
        SlurmConfig(poll_s=0.2, poll_max_s=1, **settings),
        sandbox=sandbox,
        isolated=isolated,
        tell=told.append if told is not None else lambda text: None,
        grace_s=0.5,
        settle_s=2,
        look_s=0.05,
    )


def scontrol(*words: str) -> str:
    """What scontrol says."""
    return subprocess.run(["scontrol", *words], capture_output=True, text=True, check=False).stdout


def ticket(folder: Path) -> dict:
    """What a seed's ticket says."""
    return json.loads((folder / TICKET).read_text())


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    """Do something beside a run."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def text(path: Path) -> str:
    """Text of a file; empty when there is none."""
    return path.read_text() if path.exists() else ""


def test_seeds_are_tasks_of_one_array(request_for, tmp_path: Path) -> None:
    told: list[str] = []
    executor = make(told)
    jobs = executor.run([request_for("", seed=seed) for seed in (5, 6, 7)], parallel=2, on_done=lambda job: None)
    assert [job.outcome for job in jobs] == ["succeeded"] * 3
    ids = [ticket(tmp_path / f"seed-{seed}")["job_id"] for seed in (5, 6, 7)]
    number = ids[0].partition("_")[0]
    assert ids == [f"{number}_{place}" for place in range(3)]
    assert told == [f"SLURM job {number} submitted, tasks: 3"]
    assert not (tmp_path / SUBMISSIONS).exists()


def test_no_more_are_queued_than_allowed(request_for, tmp_path: Path) -> None:
    executor = make(max_queued=2)
    jobs = executor.run([request_for("", seed=seed) for seed in range(3)], parallel=2, on_done=lambda job: None)
    assert [job.outcome for job in jobs] == ["succeeded"] * 3
    names = [ticket(tmp_path / f"seed-{seed}")["name"] for seed in range(3)]
    assert names[0] == names[1] != names[2]


def test_settings_reach_the_job(request_for) -> None:
    program = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], 'MODULE' in os.environ, os.environ['PATH'][:5])"
    request = request_for(program)
    executor = make(partition="debug", gpus=1, setup=("export PATH=/new:$PATH", "export MODULE=1"), extra={"nice": 5})
    (job,) = executor.run([request], parallel=1, on_done=lambda job: None)
    assert job.outcome == "succeeded"
    assert (request.output_folder / "stdout").read_text() == "0 False /new:\n"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"partition": "nowhere"}, "invalid partition"),
        ({"gpus": 9}, "not available"),
        ({"extra": {"no-such-option": 1}}, "unrecognized option"),
    ],
)
def test_refused_jobs_are_told_with_the_words_of_slurm(request_for, settings, words: str) -> None:
    with pytest.raises(ExecutionError, match=words):
        make(**settings).run([request_for("")], parallel=1, on_done=lambda job: None)


def test_preempted_job_begins_anew(request_for, tmp_path: Path) -> None:
    program = f"""
        import os, pathlib, sys, time
        root = pathlib.Path({str(tmp_path)!r})
        again = (root / "starts").exists()
        with open(root / "starts", "a") as file:
            file.write("x")
        with open(os.environ["NANORESEARCH_RESULTS"], "a") as file:
            file.write("start")
        print(pathlib.Path("stray").exists())
        pathlib.Path("stray").touch()
        time.sleep(0 if again else 600)
        """
    told: list[str] = []
    request = request_for(program)

    def preempt() -> None:
        wait_until(lambda: text(tmp_path / "starts") == "x")
        time.sleep(0.5)  # so that it was seen to run
        name = ticket(request.output_folder)["job_id"]
        scontrol("requeue", name)
        for _ in range(200):
            if text(tmp_path / "starts") != "x":
                return
            scontrol("update", f"job={name}", "StartTime=now")
            time.sleep(0.1)
        told.append(scontrol("show", "job", name))

    thread = meanwhile(preempt)
    (job,) = make(told).run([request], parallel=1, on_done=lambda job: None)
    thread.join()
    assert (job.outcome, text(tmp_path / "starts")) == ("succeeded", "xx"), job.reason
    assert (request.output_folder / "stdout").read_text() == "False\n"
    assert (request.output_folder / "reports.jsonl").read_text() == "start"
    assert job.seconds < 30
    # When the job ends before SLURM has put it back into the queue, SLURM forgets to, and it is submitted again.
    assert any("begins anew" in line or "is submitted again" in line for line in told)


def test_controller_that_goes_and_comes_back(request_for, tmp_path: Path, cluster) -> None:
    told: list[str] = []

    def restart() -> None:
        wait_until(lambda: text(tmp_path / "starts") == "x")
        cluster.stop_controller()
        wait_until(lambda: any("does not answer" in line for line in told))
        cluster.start_controller()
        wait_until(lambda: "SLURM answers again" in told)
        (tmp_path / "go").touch()

    thread = meanwhile(restart)
    request = request_for(WAITING.format(root=str(tmp_path)), timeout_s=120)
    (job,) = make(told).run([request], parallel=1, on_done=lambda job: None)
    thread.join()
    assert (job.outcome, text(tmp_path / "starts")) == ("succeeded", "x")
    assert sum("does not answer" in line for line in told) == 1


def test_job_is_taken_in_while_the_controller_is_away(request_for, tmp_path: Path, cluster) -> None:
    def leave() -> None:
        wait_until(lambda: text(tmp_path / "starts") == "x")
        cluster.stop_controller()
        (tmp_path / "go").touch()

    thread = meanwhile(leave)
    (job,) = make().run([request_for(WAITING.format(root=str(tmp_path)))], parallel=1, on_done=lambda job: None)
    thread.join()
    cluster.start_controller()
    assert job.outcome == "succeeded"


def test_submission_waits_for_the_controller(request_for, cluster) -> None:
    told: list[str] = []
    cluster.stop_controller()

    def come_back() -> None:
        wait_until(lambda: any("does not answer" in line for line in told))
        cluster.start_controller()

    thread = meanwhile(come_back)
    (job,) = make(told).run([request_for("print(1)")], parallel=1, on_done=lambda job: None)
    thread.join()
    assert job.outcome == "succeeded"


def test_cancelled_by_somebody_else(request_for, tmp_path: Path) -> None:
    request = request_for(WAITING.format(root=str(tmp_path)), seed=1)
    other = request_for(WAITING.format(root=str(tmp_path)), seed=2)

    def cancel() -> None:
        wait_until(lambda: text(tmp_path / "starts") == "xx")
        subprocess.run(["scancel", ticket(request.output_folder)["job_id"]], check=True)

    thread = meanwhile(cancel)
    jobs = make().run([request, other], parallel=2, on_done=lambda job: None)
    thread.join()
    assert [job.outcome for job in jobs] == ["failed", "cancelled"]
    assert jobs[0].reason.startswith("ended from outside: SLURM job ")
    assert jobs[0].seconds > 0


def test_memory_limit_of_slurm_itself(request_for) -> None:
    request = request_for("block = bytearray(400_000_000); import time; time.sleep(60)")
    (job,) = make(extra={"mem": "150M"}).run([request], parallel=1, on_done=lambda job: None)
    assert job.outcome == "failed"
    assert job.reason.startswith(MEMORY_EXCEEDED)


@pytest.mark.slow
def test_time_limit_of_slurm_itself(request_for) -> None:
    request = request_for("import time; time.sleep(600)", timeout_s=600)
    (job,) = make(extra={"time": 1}).run([request], parallel=1, on_done=lambda job: None)
    assert job.outcome == "timed_out"
    assert job.reason.startswith(TIME_EXCEEDED)


def test_node_that_cannot_start_python_is_explained(request_for, tmp_path: Path) -> None:
    (job,) = make(setup=("echo no such module >&2; exit 3",)).run(
        [request_for("")], parallel=1, on_done=lambda job: None
    )
    assert job.outcome == "failed"
    assert "ended as FAILED" in job.reason
    assert job.reason.endswith("no such module")
    assert not any(path.is_symlink() for path in (tmp_path / SUBMISSIONS).rglob("*"))  # the audit refuses links


def test_time_in_the_queue_does_not_count(request_for, tmp_path: Path) -> None:
    executor = make(extra={"begin": "now+4"})
    request = replace(request_for("import time; time.sleep(0.5)"), deadline_s=executor.clock() + 3)
    start, wall = executor.clock(), time.monotonic()
    (job,) = executor.run([request], parallel=1, on_done=lambda job: None)
    assert job.outcome == "succeeded"
    assert 0.5 <= executor.clock() - start < 3
    assert time.monotonic() - wall > 3


def test_budget_of_all_jobs_is_held_from_here(request_for) -> None:
    executor = make()
    deadline = executor.clock() + 3
    first = replace(request_for("import time; time.sleep(2)", seed=1), deadline_s=deadline)
    second = replace(request_for("import time; time.sleep(600)", seed=2), deadline_s=deadline)
    jobs = executor.run([first, second], parallel=1, on_done=lambda job: None)
    assert [job.outcome for job in jobs] == ["succeeded", "timed_out"]
    assert jobs[1].seconds < 2.9


MODELS = """
import os, time
from pathlib import Path

root = Path(os.environ["NANORESEARCH_DATA"])
with open(root / "starts", "a") as file:
    file.write("x")

def fit(seed):
    while not (root / "go").exists():
        time.sleep(0.02)
    return 0.5 + seed / 100
"""


@pytest.fixture
def attempt(tmp_path: Path, make_codebase, blueprint):
    """A function that runs an attempt; its data folder is `attempt.data`."""
    codebase = make_codebase(MODELS)
    (tmp_path / "data").mkdir()

    def run(told: list[str] | None = None, wait: bool = True, **settings):
        executor = make(told, **settings)
        return run_attempt(
            1,
            smoke=False,
            codebase=codebase,
            blueprint=blueprint,
            folder=tmp_path / "attempts" / "1",
            executor=executor,
            data_root=tmp_path / "data",
            config=ExecutionConfig(),
            events=Events(),
        )

    run.data, run.folder = tmp_path / "data", tmp_path / "attempts" / "1"
    return run


def forked(action: Callable[[], object]) -> multiprocessing.process.BaseProcess:
    """Another process that does it."""
    process = multiprocessing.get_context("fork").Process(target=action)
    process.start()
    return process


def test_resume_goes_on_with_jobs_of_a_killed_process(attempt) -> None:
    process = forked(attempt)
    wait_until(lambda: text(attempt.data / "starts") == "xx")
    process.kill()
    process.join()
    ids = {ticket(attempt.folder / f"seed-{seed}")["job_id"] for seed in (1, 3)}
    told: list[str] = []
    timer = meanwhile(lambda: (wait_until(lambda: bool(told)), (attempt.data / "go").touch()))
    done = attempt(told)
    timer.join()
    assert done.outcome == "succeeded"
    assert text(attempt.data / "starts") == "xx"
    assert told[0].startswith("Going on with SLURM jobs of an earlier sitting")
    assert all(name in told[0] for name in ids)
    assert len(told) == 1
    assert 0 < done.seconds < 60


def test_resume_takes_in_jobs_that_ended_meanwhile(attempt) -> None:
    process = forked(attempt)
    wait_until(lambda: text(attempt.data / "starts") == "xx")
    process.kill()
    process.join()
    (attempt.data / "go").touch()
    ids = [ticket(attempt.folder / f"seed-{seed}")["job_id"] for seed in (1, 3)]
    wait_until(lambda: not any(state.live for state in SlurmQueue(SlurmConfig()).states(ids).values()))
    assert attempt().outcome == "succeeded"
    assert text(attempt.data / "starts") == "xx"


def test_resume_after_a_kill_in_the_middle_of_submitting(attempt) -> None:
    process = forked(attempt)
    wait_until(lambda: text(attempt.data / "starts") == "xx")
    process.kill()
    process.join()
    ids = []
    for seed in (1, 3):  # as it was before the ids were known
        path = attempt.folder / f"seed-{seed}" / TICKET
        values = json.loads(path.read_text())
        ids.append(values["job_id"])
        path.write_text(json.dumps(values | {"job_id": ""}))
    (attempt.data / "go").touch()
    assert attempt().outcome == "succeeded"
    assert not any(state.live for state in SlurmQueue(SlurmConfig()).states(ids).values())


def test_resume_with_other_code_ends_the_old_jobs(attempt, make_codebase) -> None:
    process = forked(attempt)
    wait_until(lambda: text(attempt.data / "starts") == "xx")
    process.kill()
    process.join()
    path = attempt.folder / "seed-3" / TICKET
    old = json.loads(path.read_text())
    path.write_text(json.dumps(old | {"key": "another commit"}))
    (attempt.data / "go").touch()
    assert attempt().outcome == "succeeded"
    assert ticket(attempt.folder / "seed-3")["job_id"] != old["job_id"]


def test_interrupt_cancels_the_jobs(attempt, tmp_path: Path) -> None:
    process = forked(attempt)
    wait_until(lambda: text(attempt.data / "starts") == "xx")
    ids = [ticket(attempt.folder / f"seed-{seed}")["job_id"] for seed in (1, 3)]
    os.kill(process.pid, signal.SIGINT)
    process.join(30)
    assert process.exitcode == 1  # a KeyboardInterrupt that nobody caught
    states = SlurmQueue(SlurmConfig()).states(ids)
    assert {state.state for state in states.values()} == {"CANCELLED"}
    (attempt.data / "go").touch()
    assert attempt().outcome == "succeeded"  # resuming submits anew
    assert text(attempt.data / "starts") == "xxxx"


SECRET = "sk-a-secret-that-nobody-may-see"
HOSTILE = {
    "read the key file": "print(open({root!r} + '/user/.config/keys').read())",
    "read the configuration": "print(open({root!r} + '/nanoresearch/config.toml').read())",
    "read the errand": "print(open(glob.glob({root!r} + '/slurm/*/*/errand.json')[0]).read())",
    "forge how it ended": "open(os.path.dirname(glob.glob({root!r} + '/slurm/*/*/*')[0]) + '/ending.json', 'a')",
    "see what runs it": "print([path for path in glob.glob('/proc/[0-9]*/cmdline') if b'.node' in read(path)][0])",
    "submit a job": "subprocess.run(['sbatch', '--output=/dev/null', '--wrap=true'], check=True)",
}
TOOLS = """
import glob, os, pathlib, subprocess
def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""
"""


@pytest.mark.parametrize("kind", ["none", "bubblewrap", "landlock"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_job_is_contained_on_the_node(request_for, tmp_path: Path, monkeypatch, name: str, kind: str) -> None:
    """And each of them could do it if nothing contained it, so that they show something."""
    for path in (tmp_path / "user/.config/keys", tmp_path / "nanoresearch/config.toml"):
        path.parent.mkdir(parents=True)
        path.write_text(SECRET)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("NANORESEARCH_HOME", str(tmp_path / "nanoresearch"))
    found: list[Isolation] = []
    program = TOOLS + HOSTILE[name].format(root=str(tmp_path))
    settings = os.environ["SLURM_CONF"]
    request = request_for(program, environment={"SLURM_CONF": settings}, readable=(Path(settings),))
    sandbox: Choice = "off" if kind == "none" else isolation_called(kind).kind
    (job,) = make(sandbox=sandbox, isolated=found.append).run([request], parallel=1, on_done=lambda job: None)
    said = text(request.output_folder / "stdout") + text(request.output_folder / "stderr")
    if kind == "none":
        assert job.outcome == "succeeded", said
    else:
        assert (job.outcome, job.reason) == ("failed", "exit status 1"), said
        assert SECRET not in said
    assert job.sandbox == kind
    assert [item.kind for item in found] == [kind]


def test_data_are_read_and_reports_written_in_the_sandbox_of_the_node(request_for, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/wine.csv").write_text("1,2")
    program = f"""
        import os
        print(open({str(tmp_path / "data/wine.csv")!r}).read())
        open(os.environ["TMPDIR"] + "/x", "w").close()
        open(os.environ["NANORESEARCH_RESULTS"], "a").write("x")
        """
    request = request_for(program, readable=(tmp_path / "data",))
    (job,) = make(sandbox="auto").run([request], parallel=1, on_done=lambda job: None)
    assert job.outcome == "succeeded", text(request.output_folder / "stderr")
    assert job.sandbox in ("bubblewrap", "landlock")
    assert text(request.output_folder / "stdout") == "1,2\n"
    assert text(request.output_folder / "reports.jsonl") == "x"
    assert {path.name for path in request.output_folder.iterdir()} == {
        "code", "stdout", "stderr", "reports.jsonl", TICKET,
    }  # fmt: skip


BARE = ("export PATH=/nowhere",)
"""Makes a node one without bubblewrap."""


def test_nothing_runs_on_a_node_without_a_sandbox(request_for, tmp_path: Path) -> None:
    program = f"open({str(tmp_path / 'ran')!r}, 'w')"
    requests = [request_for(program, seed=seed) for seed in (1, 2)]
    done: list[Job] = []
    found: list[Isolation] = []
    executor = make(sandbox="bubblewrap", isolated=found.append, setup=BARE)
    with pytest.raises(SandboxMissing) as caught:
        executor.run(requests, parallel=1, on_done=done.append)
    assert str(caught.value).startswith("Experiments cannot be run on node ")
    assert INSTALL in str(caught.value)
    assert UNSAFE in str(caught.value)
    assert [(job.outcome, job.sandbox) for job in done] == [("failed", None), ("cancelled", None)]
    assert done[0].reason.startswith("could not be run: on node ")
    assert "bubblewrap: not installed" in done[0].reason
    assert not (tmp_path / "ran").exists()
    assert found == []


def test_without_a_sandbox_when_that_was_chosen(request_for) -> None:
    found: list[Isolation] = []
    (job,) = make(isolated=found.append, setup=BARE).run([request_for("")], parallel=1, on_done=lambda job: None)
    assert (job.outcome, job.sandbox) == ("succeeded", "none")
    assert [item.kind for item in found] == ["none"]


def test_resume_once_the_node_has_a_sandbox(attempt) -> None:
    (attempt.data / "go").touch()
    with pytest.raises(SandboxMissing):
        attempt(sandbox="bubblewrap", setup=BARE)
    assert not (attempt.folder / "attempt.json").exists()
    assert attempt().outcome == "succeeded"


def test_resume_does_not_go_on_with_jobs_in_another_sandbox(attempt) -> None:
    process = forked(attempt)
    wait_until(lambda: text(attempt.data / "starts") == "xx")
    process.kill()
    process.join()
    old = ticket(attempt.folder / "seed-3")["job_id"]
    isolation_called("bubblewrap")
    again = attempt(sandbox="bubblewrap")  # where the program cannot leave its marks
    assert again.outcome == "failed"
    assert {job.sandbox for job in again.jobs} <= {"bubblewrap", None}
    assert not SlurmQueue(SlurmConfig()).states([old])[old].live
    assert text(attempt.data / "starts") == "xx"


def test_doctor_names_the_partitions(tmp_path: Path) -> None:
    (check,) = [check for check in examine(Home(tmp_path)) if check.name == "SLURM"]
    assert (check.state, check.found) == ("ok", "partitions debug*")


def test_an_environment_is_used_on_the_node(tmp_path: Path, blueprint) -> None:
    make_wheel(tmp_path / "wheels", "nrtestbox", "1.0")
    settings = SetupConfig(wheels=(str(tmp_path / "wheels"),))
    models = "import nrtestbox\n\n\ndef fit(seed):\n    return float(nrtestbox.VERSION) / 2\n"
    files = codebase_files(models) | {"requirements.txt": "nrtestbox==1.0\n"}
    (tmp_path / "data").mkdir()
    done = run_attempt(
        1, smoke=False, codebase=Codebase.create(tmp_path / "code", files), blueprint=blueprint,
        folder=tmp_path / "attempts" / "1", executor=make(sandbox=isolation_called("bubblewrap").kind),
        data_root=tmp_path / "data", config=ExecutionConfig(), events=Events(),
        environments=lambda text: environment_for(text, tmp_path / "cache", settings),
    )  # fmt: skip
    assert done.outcome == "succeeded", done.failure
    assert done.environment.packages == {"nrtestbox": "1.0"}
