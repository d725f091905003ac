"""A private SLURM of one node, for tests that need a real one."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

SCRIPTS = Path(__file__).parents[1] / "scripts" / "slurm"


class Cluster:
    """A private SLURM of one node: its folder, and its daemons by their pid files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> None:
        """Start all daemons and point this process to them."""
        lock = Path(tempfile.gettempdir()) / f"nanoresearch-slurm-{os.getuid()}.lock"
        with FileLock(lock):  # the script finds free ports; one process at a time
            command = ["bash", str(SCRIPTS / "start"), str(self.folder), "linux", "2"]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")

    def stop(self) -> None:
        """End the daemons that start() started, and only those."""
        subprocess.run(["bash", str(SCRIPTS / "stop"), str(self.folder)], check=False, timeout=60)
        os.environ.pop("SLURM_CONF", None)

    def stop_controller(self) -> None:
        """Take the controller away; jobs go on."""
        pid = int((self.folder / "run" / "slurmctld.pid").read_text())
        os.kill(pid, 15)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.02)

    def start_controller(self) -> None:
        """Bring it back with what it knew."""
        (self.folder / "run" / "slurmctld.pid").unlink(missing_ok=True)
        subprocess.run(["slurmctld"], check=True, timeout=60)
        while subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode:
            time.sleep(0.05)
        while not (self.folder / "run" / "slurmctld.pid").exists():
            time.sleep(0.05)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A SLURM of this test process alone, so that tests can run side by side.

    Its folder has a short name: sockets have names of at most 108 characters.
    """
    if shutil.which("slurmctld") is None:
        pytest.skip("SLURM is not installed")
    folder = Path(tempfile.mkdtemp(prefix="nrslurm-", dir="/tmp"))
    made = Cluster(folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
