"""What every executor must do. A new sibling joins by one line in `executor`."""

import os
import sys
from pathlib import Path

import pytest

from nanoresearch.config import SlurmConfig
from nanoresearch.execution.executor import (
    BUDGET_EXHAUSTED,
    CANCELLED,
    MEMORY_EXCEEDED,
    OUTPUT_FLOOD,
    TIME_EXCEEDED,
    Executor,
)
from nanoresearch.execution.inprocess import InProcessExecutor
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.slurm import SlurmExecutor

from .conftest import isolation_called, runs, wait_until

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
own_process = pytest.mark.own_process


def quick_slurm(name: str) -> SlurmExecutor:
    """SLURM as tests use it: asked often, in the sandbox of that name."""
    sandbox = "off" if name == "open" else isolation_called(name).kind
    config = SlurmConfig(poll_s=0.2, poll_max_s=2)
    return SlurmExecutor(config, sandbox=sandbox, grace_s=0.5, settle_s=2, look_s=0.05)


LOCAL = ("open", "bubblewrap", "landlock", "landlock alone")
SLURM = [pytest.param(f"slurm {name}", marks=pytest.mark.slurm) for name in ("open", "bubblewrap")]


@pytest.fixture(params=["inprocess", *LOCAL, *SLURM])
def executor(request) -> Executor:
    """Each executor in turn."""
    if request.param == "inprocess":
        if request.node.get_closest_marker("own_process"):
            pytest.skip("a job inside this process shares its memory, files and signals, and runs alone")
        return InProcessExecutor()
    if request.param.startswith("slurm"):
        request.getfixturevalue("cluster")
        return quick_slurm(request.param.partition(" ")[2])
    return LocalExecutor(isolation_called(request.param), grace_s=0.5)


together = pytest.mark.parametrize("executor", ["open", SLURM[0]], indirect=True)
"""For programs that meet in one folder, which no sandbox lets them do; test_sandbox.py has what replaces them."""


@pytest.fixture
def run(executor):
    """Run requests and return their jobs."""
    return lambda *requests, parallel=2: executor.run(requests, parallel=parallel, on_done=lambda job: None)


def test_success_leaves_output_and_costs(executor, run, request_for) -> None:
    request = request_for(
        """
        import os, sys, time
        print("out")
        print("err", file=sys.stderr)
        open(os.environ["NANORESEARCH_RESULTS"], "a").write("{}\\n")
        block = bytearray(80_000_000)
        start = time.process_time()
        while time.process_time() - start < 0.2:
            pass
        """
    )
    (job,) = run(request)
    assert (job.seed, job.outcome, job.exit_code, job.reason) == (0, "succeeded", 0, "")
    assert (request.output_folder / "stdout").read_text() == "out\n"
    assert (request.output_folder / "stderr").read_text() == "err\n"
    assert (request.output_folder / "reports.jsonl").read_text() == "{}\n"
    assert job.seconds > 0
    assert job.cpu_seconds >= 0.2
    if executor.name == "inprocess":
        assert job.peak_memory_mb is None  # nobody can tell the job's from ours
    else:
        assert job.peak_memory_mb is not None
        assert 80 < job.peak_memory_mb < 300


def test_reports_of_an_earlier_run_are_not_kept(run, request_for) -> None:
    request = request_for("import os; open(os.environ['NANORESEARCH_RESULTS'], 'a').write('new')")
    (request.output_folder / "reports.jsonl").write_text("old")
    run(request)
    assert (request.output_folder / "reports.jsonl").read_text() == "new"


def test_crash(run, request_for) -> None:
    request = request_for("raise RuntimeError('broken')")
    (job,) = run(request)
    assert (job.outcome, job.exit_code, job.reason) == ("failed", 1, "exit status 1")
    assert "RuntimeError: broken" in (request.output_folder / "stderr").read_text()


@own_process
def test_death_by_signal(run, request_for) -> None:
    (job,) = run(request_for("import os; os.kill(os.getpid(), 11)"))
    assert (job.outcome, job.exit_code, job.reason) == ("failed", None, "killed by SIGSEGV")


def test_program_that_does_not_exist(run, request_for) -> None:
    request = request_for("")
    (job,) = run(type(request)(**{**vars(request), "command": ("no-such-program",)}))
    assert job.outcome == "failed"
    assert "no-such-program" in job.reason


def test_hang_is_ended(run, request_for) -> None:
    (job,) = run(request_for("import time; time.sleep(600)", timeout_s=1))
    assert (job.outcome, job.exit_code) == ("timed_out", None)
    assert job.reason == f"{TIME_EXCEEDED} 1 s"


def test_time_of_all_jobs_ends_one(executor, run, request_for) -> None:
    deadline = executor.clock() + 1
    (job,) = run(request_for("import time; time.sleep(600)", deadline_s=deadline))
    assert job.outcome == "timed_out"
    assert job.reason.startswith(BUDGET_EXHAUSTED)


def test_nothing_starts_after_the_deadline(run, request_for) -> None:
    late = request_for("", deadline_s=0.0)
    (job,) = run(late)
    assert (job.outcome, job.seconds, job.reason) == ("timed_out", 0, BUDGET_EXHAUSTED)
    assert not (late.output_folder / "stdout").exists()


@linux
@together
@pytest.mark.parametrize("leave", ["pass", "os.setsid()"])
@pytest.mark.parametrize("end", ["cancelled", "succeeded"])
def test_grandchild_that_ignores_sigterm_is_ended(run, request_for, leave, end, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = f"""
        import os, subprocess, sys, time
        code = "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {leave};"
        code += "open('pid.part', 'w').write(str(os.getpid())); os.rename('pid.part', sys.argv[1]); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", code, {str(pid)!r}])
        while not os.path.exists({str(pid)!r}):
            time.sleep(0.01)
        time.sleep({600 if end == "cancelled" else 0})
        """
    wait = f"import os, time\nwhile not os.path.exists({str(pid)!r}): time.sleep(0.01)\n"
    other = request_for(wait + ("raise SystemExit(1)" if end == "cancelled" else ""), seed=2)
    jobs = run(request_for(program, seed=1), other)
    assert jobs[0].outcome == end
    assert not runs(int(pid.read_text()))


def test_much_output_is_cut_in_the_middle(run, request_for) -> None:
    program = "print('first'); print('x' * 5_000_000); print('last')"
    request = request_for(program, output_mb=1)
    (job,) = run(request)
    kept = (request.output_folder / "stdout").read_bytes()
    assert job.outcome == "succeeded"
    assert kept.startswith(b"first\nxxx")
    assert kept.endswith(b"xxx\nlast\n")
    assert len(kept) < 2**20
    dropped = 5_000_012 - 2**19
    assert f"\n[... {dropped} bytes dropped ...]\n".encode() in kept


@pytest.mark.parametrize("rest", ["", "while True: print('x' * 1000)"])
def test_flood_is_a_failure(run, request_for, rest) -> None:
    request = request_for(f"print('x' * 5_000_000)\n{rest}", output_mb=0.1)
    (job,) = run(request)
    assert job.outcome == "failed"
    assert job.reason.startswith(OUTPUT_FLOOD)
    assert (request.output_folder / "stdout").stat().st_size < 0.1 * 2**20


def test_terminal_escapes_are_removed(run, request_for) -> None:
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 \x1b]8;;http://x\x1b\\\\link 10%\r20%\r\nünï"
    request = request_for(f"import sys; sys.stdout.buffer.write('''{text}'''.encode())")
    request.code_folder.joinpath("run.py").write_text(
        f"import sys; sys.stdout.buffer.write(bytes.fromhex('{text.encode().hex()}'))"
    )
    run(request)
    assert (request.output_folder / "stdout").read_text() == "red bell \\link 10%\n20%\nünï"


def test_keys_do_not_reach_the_job(run, request_for, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", "/secret")
    request = request_for(
        """
        import os
        for name, value in os.environ.items():
            print(name, value)
        parent = f"/proc/{os.getppid()}/environ"
        if os.path.exists(parent):
            print(open(parent, "rb").read())
        """,
        environment={"NANORESEARCH_DATA": "/data"},
    )
    run(request)
    printed = (request.output_folder / "stdout").read_text()
    assert "secret" not in printed
    assert "OPENAI_API_KEY" not in printed
    lines = printed.splitlines()
    for line in ("NANORESEARCH_DATA /data", "OMP_NUM_THREADS 1", "OPENBLAS_NUM_THREADS 1", "PYTHONHASHSEED 0"):
        assert line in lines
    scratch = request.output_folder / "scratch"
    assert f"HOME {scratch}" in lines
    assert f"TMPDIR {scratch}" in lines
    assert not scratch.exists()


@own_process
def test_memory_that_is_asked_for_at_once_is_refused(run, request_for) -> None:
    request = request_for("bytearray(3 * 2**30)", memory_gb=0.5)
    (job,) = run(request)
    assert job.outcome == "failed"
    assert "MemoryError" in (request.output_folder / "stderr").read_text()


@linux
@own_process
def test_memory_of_all_children_together_is_limited(run, request_for) -> None:
    program = """
        import subprocess, sys, time
        code = "block = b'x' * 120_000_000; import time; time.sleep(600)"
        children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
        time.sleep(600)
        """
    (job,) = run(request_for(program, memory_gb=0.3))
    assert (job.outcome, job.exit_code) == ("failed", None)
    assert job.reason.startswith(MEMORY_EXCEEDED)


def test_libraries_work_under_the_memory_limit(run, request_for) -> None:
    program = """
        import numpy as np
        from sklearn.linear_model import LogisticRegression
        data = np.random.default_rng(0).normal(size=(200, 20))
        print(LogisticRegression().fit(data, data[:, 0] > 0).n_iter_.size, np.linalg.inv(data.T @ data).shape)
        """
    request = request_for(program, memory_gb=0.5)
    (job,) = run(request)
    assert job.outcome == "succeeded", (request.output_folder / "stderr").read_text()


@own_process
def test_large_file_is_refused(run, request_for) -> None:
    request = request_for("import os; open(os.environ['TMPDIR'] + '/big', 'wb').write(bytes(3 * 2**20))", file_mb=2)
    (job,) = run(request)
    assert job.outcome == "failed"
    assert "File too large" in (request.output_folder / "stderr").read_text()


@together
def test_jobs_run_side_by_side(run, request_for, tmp_path: Path) -> None:
    program = """
        import pathlib, sys, time
        here = pathlib.Path(r"FOLDER")
        (here / sys.argv[1]).touch()
        while not all((here / name).exists() for name in "12"):
            time.sleep(0.01)
        """.replace("FOLDER", str(tmp_path))
    jobs = run(request_for(program, seed=1), request_for(program, seed=2), parallel=2)
    assert [(job.seed, job.outcome) for job in jobs] == [(1, "succeeded"), (2, "succeeded")]


@together
def test_no_more_than_allowed_run_at_once(run, request_for, tmp_path: Path) -> None:
    program = f"""
        import os, time
        os.mkdir({str(tmp_path / "busy")!r})
        time.sleep(0.05)
        os.rmdir({str(tmp_path / "busy")!r})
        """
    jobs = run(*(request_for(program, seed=seed) for seed in range(3)), parallel=1)
    assert [job.outcome for job in jobs] == ["succeeded"] * 3


@together
def test_first_failure_cancels_the_others(executor, request_for, tmp_path: Path) -> None:
    ready = str(tmp_path / "ready")
    begin = f"import time; print('begun', flush=True); open({ready!r}, 'w').close(); time.sleep(600)"
    fail = f"import os, time\nwhile not os.path.exists({ready!r}): time.sleep(0.01)\nraise SystemExit(3)"
    slow, bad = request_for(begin, seed=1), request_for(fail, seed=2)
    never = request_for("", seed=3)
    told = []
    jobs = executor.run([slow, bad, never], parallel=2, on_done=told.append)
    assert [(job.seed, job.outcome) for job in jobs] == [(1, "cancelled"), (2, "failed"), (3, "cancelled")]
    assert jobs[0].reason == jobs[2].reason == CANCELLED
    assert sorted(job.seed for job in told) == [1, 2, 3]
    assert told[0].seed == 2
    assert (slow.output_folder / "stdout").read_text() == "begun\n"
    assert not (never.output_folder / "stdout").exists()


def test_a_fault_in_the_output_makes_the_job_invalid(run, request_for) -> None:
    (job,) = run(request_for("", check=lambda folder: f"{folder.name} is empty"))
    assert (job.outcome, job.exit_code, job.reason) == ("invalid", 0, "seed-0 is empty")


@together
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_goes_on_when_the_caller_is_interrupted(executor, request_for, tmp_path: Path, error) -> None:
    pid = tmp_path / "pid"
    slow = request_for(f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)", seed=1)
    short = request_for(f"import os, time\nwhile not os.path.exists({str(pid)!r}): time.sleep(0.01)", seed=2)

    def interrupt(job) -> None:
        wait_until(lambda: pid.read_text() != "")
        raise error

    with pytest.raises(error):
        executor.run([slow, short], parallel=2, on_done=interrupt)
    wait_until(lambda: not runs(int(pid.read_text())))


def test_no_jobs(run) -> None:
    assert run() == ()


@own_process
def test_child_is_not_given_open_files_or_input(run, request_for) -> None:
    request = request_for("import os, sys; print(sys.stdin.read() == '', sorted(os.listdir('/dev/fd'))[:4])")
    with open(os.devnull) as held:
        os.set_inheritable(held.fileno(), True)
        run(request)
    assert (request.output_folder / "stdout").read_text() == "True ['0', '1', '2', '3']\n"  # 3 is the listing itself
