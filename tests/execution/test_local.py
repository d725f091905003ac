"""What LocalExecutor does beyond the contract: nothing survives the death of the parent."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.supervise import MemoryMeter, TerminalFilter

from .conftest import runs, wait_until

SOURCE = Path(__file__).parents[2] / "src"

PARENT = """
from pathlib import Path
from nanoresearch.execution.executor import JobRequest
from nanoresearch.execution.local import LocalExecutor
import sys

folder = Path(sys.argv[1])
request = JobRequest(0, (sys.executable, "run.py"), folder, folder / "out", timeout_s=600, memory_gb=1, output_mb=1)
LocalExecutor(grace_s=0.2).run([request], parallel=1, on_done=print)
"""

CHILD = """
import os, signal, subprocess, sys, time
code = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
code += "print(os.getpid(), flush=True); time.sleep(600)"
grandchild = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
line = grandchild.stdout.readline().strip()
open("pids.part", "w").write(f"{os.getpid()} {line} {os.getppid()}")
os.rename("pids.part", "pids")
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_job_and_all_it_started_end_with_the_parent(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "run.py").write_text(CHILD)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stderr=subprocess.PIPE,
    )
    wait_until((tmp_path / "pids").exists)
    pids = [int(text) for text in (tmp_path / "pids").read_text().split()]
    assert all(map(runs, pids))
    parent.send_signal(number)
    _, complaint = parent.communicate()
    wait_until(lambda: not any(map(runs, pids)))
    assert (b"KeyboardInterrupt" in complaint) == (number == signal.SIGINT)


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_job_ends_when_its_supervisor_is_killed(tmp_path: Path, request_for) -> None:
    pid = tmp_path / "pid"
    program = f"""
        import os, signal, time
        open({str(pid)!r}, "w").write(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
        """
    request = request_for(program)
    (job,) = LocalExecutor().run([request], parallel=1, on_done=lambda job: None)
    assert job.outcome == "failed"
    assert "supervisor" in job.reason
    wait_until(lambda: not runs(int(pid.read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux peculiarity")
def test_memory_of_the_parent_is_not_taken_for_the_jobs(request_for) -> None:
    ballast = bytearray(400_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    request = request_for("import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)")
    (job,) = LocalExecutor().run([request], parallel=1, on_done=lambda job: None)
    assert job.peak_memory_mb is not None
    assert job.peak_memory_mb < 200
    assert int((request.output_folder / "stdout").read_text()) < 200_000


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
def test_memory_is_watched_without_proc(monkeypatch) -> None:
    monkeypatch.setattr("nanoresearch.execution.supervise._has_proc", lambda: False)
    meter = MemoryMeter(os.getpgrp(), limit=1)
    assert meter.exceeded()
    assert meter.peak_mb is not None
    assert meter.peak_mb > 10
    assert not meter.exceeded()  # looks only now and then


def test_run_works_in_a_thread_that_ends(request_for) -> None:
    jobs = []
    request = request_for("import time; time.sleep(0.3)")
    thread = threading.Thread(
        target=lambda: jobs.extend(LocalExecutor().run([request], parallel=1, on_done=lambda job: None))
    )
    thread.start()
    thread.join()
    assert [job.outcome for job in jobs] == ["succeeded"]


def test_filter_removes_escapes_however_they_are_cut() -> None:
    text = "a\x1b[1;31mb\x1b[0m\r\nc\x1b]0;title\x07d\u009bé".encode()
    whole = TerminalFilter()
    expected = whole.clean(text) + whole.rest()
    assert expected == "ab\ncdé".encode()
    for cut in range(1, len(text)):
        parts = TerminalFilter()
        assert parts.clean(text[:cut]) + parts.clean(text[cut:]) + parts.rest() == expected, cut


def test_supervisor_module_imports_nothing_that_some_platform_lacks() -> None:
    program = textwrap.dedent(
        """
        import sys
        sys.modules["resource"] = sys.modules["ctypes"] = sys.modules["fcntl"] = None
        import nanoresearch.execution.local
        """
    )
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(SOURCE)}, check=True)
