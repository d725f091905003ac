"""Submits jobs to SLURM through submitit: parameters on standard input, ids of the jobs on standard output, as JSON.

A process of its own, because SLURM hands the environment of the submitting process on to the node, where experiments
could read it, and submitit has no way to choose another. It is started with a nearly empty one.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any


def submit(folder: str, parameters: dict[str, Any], errands: list[str]) -> list[str]:
    """Submit one job for each errand, as an array when there are several, and return their ids."""
    import submitit

    executor = submitit.SlurmExecutor(folder=folder)
    executor.update_parameters(**parameters)
    # The process that submitit starts becomes ours at once: no code is pickled, and none of its handlers stay.
    commands = [[sys.executable, "-m", "nanoresearch.execution.node", errand] for errand in errands]
    jobs = executor.map_array(os.execv, [sys.executable] * len(commands), commands)
    for link in Path(folder).glob(".submission_file_*"):  # submitit's; a run folder with links fails its audit
        link.unlink()
    return [str(job.job_id) for job in jobs]


def main() -> None:
    """Read, submit, print."""
    request = json.load(sys.stdin)
    print(json.dumps(submit(**request)))


if __name__ == "__main__":
    main()
