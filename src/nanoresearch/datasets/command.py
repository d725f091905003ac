"""Running the package tools (pip, apt-get, dpkg) that fetch data sets."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from nanoresearch.errors import DatasetError

LIMIT_S = 1800

Runner = Callable[[Sequence[str], Path], subprocess.CompletedProcess[str]]
"""Runs a command in a folder and returns its exit code and output."""


def run_command(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command without a shell or a terminal, its messages in English. Exit code 127: no such program."""
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: not found")
    except subprocess.TimeoutExpired as error:
        raise DatasetError(
            f"`{' '.join(command[:4])} ...` did not end within {LIMIT_S} s and was stopped. "
            "Check the network connection, then run the same command again."
        ) from error


def last_lines(result: subprocess.CompletedProcess[str], count: int = 3) -> str:
    """The end of what a command said, for an error message."""
    lines = [line.strip() for line in (result.stderr or result.stdout).splitlines() if line.strip()]
    return " / ".join(lines[-count:]) or f"exit code {result.returncode}, no message"


def sounds_offline(result: subprocess.CompletedProcess[str]) -> bool:
    """Whether a package tool failed because no server could be reached."""
    said = (result.stdout + result.stderr).lower()
    return any(sign in said for sign in OFFLINE_SIGNS)


OFFLINE_SIGNS = (
    "temporary failure in name resolution",
    "temporary failure resolving",
    "could not resolve",
    "name or service not known",
    "nodename nor servname",
    "failed to establish a new connection",
    "newconnectionerror",
    "network is unreachable",
    "connection refused",
    "connection timed out",
    "connecttimeout",
    "could not connect",
    "cannot initiate the connection",
    "unable to connect",
    "cannot connect to proxy",
    "no route to host",
    "getaddrinfo failed",
)
