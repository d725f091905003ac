"""Settings for all tests: no network beyond this machine, one thread for numerical libraries."""

import os
import shutil
import signal
from importlib.util import find_spec

import pytest
from pytest_socket import socket_allow_hosts

from nanoresearch.paper.compile import INSTALL_LATEX, find_latex

from .slurm_cluster import cluster  # noqa: F401 - a fixture

# What a shell starts in the background ignores Ctrl-C, and hands that on to its children: tests that interrupt need it.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    """Sockets beyond loopback are blocked, unless a test is marked as needing the network."""
    if request.node.get_closest_marker("network") is None:
        socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's home."""
    monkeypatch.setenv("NANORESEARCH_HOME", str(tmp_path_factory.mktemp("home")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """An isolation that could not be tested must be seen, not guessed from a count."""
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()) if report.longrepr}
    for reason in sorted(reason for reason in reasons if "ISOLATION" in reason):
        terminalreporter.write_line(reason, red=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need LaTeX or SLURM are skipped where it is missing, with the command that mends it."""
    if find_latex() is None:
        for item in items:
            if item.get_closest_marker("tex"):
                item.add_marker(pytest.mark.skip(reason=f"latexmk is not installed; {INSTALL_LATEX}"))
    if shutil.which("slurmctld") is None or find_spec("submitit") is None:
        for item in items:
            if item.get_closest_marker("slurm"):
                item.add_marker(pytest.mark.skip(reason="SLURM or submitit is missing; sh scripts/install-slurm.sh"))
