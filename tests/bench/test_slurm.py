"""Chains as one job array on a real, private SLURM."""

import sys
from pathlib import Path

import pytest

from nanoresearch.bench.cells import BenchFolder
from nanoresearch.bench.runner import run_on_slurm
from nanoresearch.config import Config, ExecutionConfig, SlurmConfig
from tests.execution.conftest import wait_until

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.usefixtures("cluster")]


def test_every_chain_is_a_task_of_one_array(tmp_path: Path) -> None:
    text = "import os,sys; open(sys.argv[1], 'w').write(os.environ['SLURM_ARRAY_TASK_ID'])"
    commands = [[sys.executable, "-c", text, str(tmp_path / name)] for name in "abc"]
    config = Config(execution=ExecutionConfig(executor="slurm", slurm=SlurmConfig(extra={"time": 5})))
    ids = run_on_slurm(BenchFolder(tmp_path / "bench"), commands, config)
    assert len({name.partition("_")[0] for name in ids}) == 1
    wait_until(lambda: all((tmp_path / name).exists() and (tmp_path / name).read_text() for name in "abc"))
    assert sorted((tmp_path / name).read_text() for name in "abc") == ["0", "1", "2"]
