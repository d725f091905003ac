"""A supervisor as a process of its own: started with an order, let go, and asked for its ending.

The same on this machine (local.py) and on a node of a cluster (node.py). Knows nothing of requests and jobs.
"""

import json
import subprocess
import sys
from dataclasses import asdict

from nanoresearch.execution import supervise
from nanoresearch.execution.supervise import Ending, Order


def start(order: Order) -> "subprocess.Popen[bytes]":
    """A supervisor that carries out the order until its lifeline is closed. Raises OSError."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", supervise.__file__],
        env=order.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:  # it died at once; its ending says why
        release(process)
    except BaseException:  # also on Ctrl-C: leave no supervisor behind
        process.kill()
        raise
    return process


def release(process: "subprocess.Popen[bytes]") -> None:
    """Close the lifeline: the supervisor ends the job."""
    if process.stdin is not None:
        try:
            process.stdin.close()
        except OSError:  # the supervisor is gone already
            return


def read_ending(process: "subprocess.Popen[bytes]") -> Ending:
    """How the order of a supervisor that has ended, or was let go, has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        line, complaint = process.stdout.read(), process.stderr.read()
    try:
        return Ending(**json.loads(line))
    except (ValueError, TypeError):
        process.wait()
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        message = f"its supervisor ended with status {process.returncode}" + "".join(f": {text}" for text in last)
        return Ending("start", None, None, 0.0, 0.0, None, message)
