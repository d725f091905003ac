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
from nanoresearch.execution.orders import tidy
from nanoresearch.execution.supervise import MemoryMeter, TerminalFilter, _below

from .conftest import OPEN, isolation_called, runs, wait_until

SOURCE = Path(__file__).parents[2] / "src"

PARENT = """
from pathlib import Path
from nanoresearch.execution.executor import JobRequest
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.orders import tidy
from nanoresearch.schema.isolation import Isolation
import sys

folder = Path(sys.argv[1])
isolation = Isolation.model_validate_json(sys.argv[2])
request = JobRequest(0, (sys.executable, "run.py"), folder, folder / "out", timeout_s=600, memory_gb=1, output_mb=1)
LocalExecutor(isolation, grace_s=0.2).run([request], parallel=1, on_done=print)
"""

CHILD = """
import os, signal, subprocess, sys, time
code = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); LEAVE; 'GRANDCHILD'; time.sleep(600)"
subprocess.Popen([sys.executable, "-c", code])
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("leave", ["pass", "os.setsid()"])
@pytest.mark.parametrize(
    ("name", "victim"),
    [
        *((name, "parent") for name in ("open", "bubblewrap", "landlock", "landlock alone")),
        ("open", "parent interrupted"),
        ("bubblewrap", "parent interrupted"),
        # Without namespaces a killed supervisor takes the job along, but not what the job started.
        *((name, "supervisor") for name in ("bubblewrap", "landlock")),
    ],
)
def test_nothing_survives_its_parent_or_its_supervisor(tmp_path: Path, name: str, victim: str, leave: str) -> None:
    (tmp_path / "run.py").write_text(CHILD.replace("LEAVE", leave))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), isolation_called(name).model_dump_json()],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: any(b"GRANDCHILD" in command_line(pid) for pid in _below(parent.pid)))
    pids = _below(parent.pid)
    assert len(pids) >= 3
    if victim == "supervisor":
        os.kill(pids[0], signal.SIGKILL)
    else:
        parent.send_signal(signal.SIGKILL if victim == "parent" else signal.SIGINT)
    said, complaint = parent.communicate()
    wait_until(lambda: not any(map(runs, pids)))
    assert (b"KeyboardInterrupt" in complaint) == (victim == "parent interrupted")
    assert (b"its supervisor ended with status -9" in said) == (victim == "supervisor")


def command_line(pid: int) -> bytes:
    """What a process was started with; nothing when it has ended, or is the one that hands a program on."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
    return words if words.count(b"-c\0") == 1 and b"supervise" not in words else b""


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux peculiarity")
@pytest.mark.parametrize("name", ["open", "bubblewrap", "landlock", "landlock alone"])
def test_memory_of_the_parent_is_not_taken_for_the_jobs(request_for, name) -> None:
    ballast = bytearray(400_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    request = request_for("import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)")
    (job,) = LocalExecutor(isolation_called(name)).run([request], parallel=1, on_done=lambda job: None)
    assert job.peak_memory_mb is not None
    assert job.peak_memory_mb < 30
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
        target=lambda: jobs.extend(LocalExecutor(OPEN).run([request], parallel=1, on_done=lambda job: None))
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


def test_saved_predictions_outlive_the_scratch_folder(tmp_path: Path) -> None:
    made = tmp_path / "scratch" / "predictions"
    made.mkdir(parents=True)
    (made / "iris-standard-baseline-0.pickle").write_bytes(b"values")
    (made / "handed.predicted").write_bytes(b"for the scorer")
    (made / "link.pickle").symlink_to("/etc/hostname")
    tidy(tmp_path)
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == ["iris-standard-baseline-0.pickle"]
    assert not (tmp_path / "scratch").exists()


def test_a_predictions_folder_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.pickle").write_bytes(b"somebody's")
    output = tmp_path / "output"
    (output / "scratch").mkdir(parents=True)
    (output / "scratch" / "predictions").symlink_to(elsewhere)
    tidy(output)
    assert (elsewhere / "a.pickle").exists()
    assert not (output / "predictions").exists()
