"""Things that the tests of execution share: jobs made of a few lines of Python, a small blueprint, its codebase."""

import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from nanoresearch.execution import sandbox
from nanoresearch.execution.confine import landlock_abi
from nanoresearch.execution.executor import JobRequest
from nanoresearch.execution.repository import Codebase
from nanoresearch.schema.blueprint import Blueprint, Budget, MethodSpec, MetricSpec, Protocol, Sweep
from nanoresearch.schema.dataset import DatasetCard, StagedDataset
from nanoresearch.schema.isolation import Isolation

OPEN = Isolation(kind="none")
"""No sandbox, for tests of other things whose programs meet in one folder."""

SANDBOXES = {
    "bubblewrap": Isolation(kind="bubblewrap", namespaces=True),
    "landlock": Isolation(kind="landlock", namespaces=True),
    "landlock alone": Isolation(kind="landlock", namespaces=False),
}

HARNESS = Path(__file__).parents[2] / "src/nanoresearch/crew/builtin/codebase/harness.py"

RUN = '''\
"""A small study with the command line of every study."""

import argparse
import json
import os
from pathlib import Path

from evaluate import score
from harness import measure, report
from models import fit

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--smoke", action="store_true")
options = parser.parse_args()
config = json.loads((Path(__file__).parent / "config.json").read_text())
for condition in config["conditions"][: 1 if options.smoke else None]:
    for method in config["methods"]:
        value = score(fit(options.seed))
        report(method, "wine", "accuracy", value, options.seed, condition)
        report(method, "wine", "log_loss", 1 - value, options.seed, condition)
        measure(method, "wine", "fit_seconds", 0.01, options.seed, condition)
'''

DATA = '''\
"""Loading and dividing."""

from random import Random

SHARE = 0.5


def load():
    """Numbers."""
    return list(range(10))


def shuffled(rows, seed):
    """Rows in the order of a seed."""
    return sorted(rows, key=lambda row: Random(seed + row).random())


def split(rows, seed):
    """Train and test."""
    cut = int(SHARE * len(rows))
    rows = shuffled(rows, seed)
    return rows[:cut], rows[cut:]
'''


def codebase_files(models: str = "def fit(seed):\n    return 0.5 + seed / 100\n") -> dict[str, str]:
    """A codebase whose models.py is what a test says."""
    return {
        "run.py": RUN,
        "models.py": textwrap.dedent(models),
        "data.py": DATA,
        "evaluate.py": "import math\n\n\ndef score(value):\n    return value\n",
        "harness.py": HARNESS.read_text(encoding="utf-8"),
        "config.json": json.dumps({"methods": ["base", "new"], "conditions": ["noise=0.0", "noise=0.5"]}),
    }


def small_blueprint() -> Blueprint:
    """Two methods, one data set, two conditions, two metrics, one measure, two seeds."""
    card = DatasetCard(
        id="wine", name="Wine", domain="tabular", summary="Wines.", carrier="library", package="scikit-learn",
        version="1.4", licence="BSD",
    )  # fmt: skip
    return Blueprint(
        topic="Does it help?", title="It helps", domain="tabular", study="tabular_classification",
        hypothesis="It helps.", prediction="It is better.",
        datasets=(StagedDataset(card=card, version="1.5", folder=None),),
        components=(),
        methods=(
            MethodSpec(id="base", name="Base", role="baseline"),
            MethodSpec(id="new", name="New", role="proposed"),
        ),
        metrics=(
            MetricSpec(id="accuracy", name="Accuracy", direction="higher"),
            MetricSpec(id="log_loss", name="Log loss", direction="lower"),
        ),
        sweep=Sweep(id="noise", name="Noise", values=(0.0, 0.5)),
        protocol=Protocol(id="holdout", description="Half.", test_fraction=0.5, resampled=True),
        seeds=(3, 1), confidence=0.95, test="paired_t", correction="holm", comparisons=(),
        measures=("fit_seconds",), slices=False,
        budget=Budget(minutes=5, minutes_per_run=1, memory_gb=1, parallel=2), forecast_minutes=1,
    )  # fmt: skip


@cache
def fault(name: str) -> str:
    """Why a sandbox does not isolate here; empty when it does."""
    candidate = SANDBOXES[name]
    if candidate.kind == "bubblewrap" and shutil.which("bwrap") is None:
        return "it is not installed"
    if candidate.kind == "landlock" and not landlock_abi():
        return "this kernel has none"
    return sandbox._fault(candidate)


def isolation_called(name: str) -> Isolation:
    """A sandbox that works here; the test is skipped when it does not, and the summary tells."""
    if name == "open":
        return OPEN
    if words := fault(name):
        pytest.skip(f"ISOLATION NOT TESTED with {name}: {words}")
    return SANDBOXES[name]


@pytest.fixture
def blueprint() -> Blueprint:
    """The small blueprint."""
    return small_blueprint()


@pytest.fixture
def make_codebase(tmp_path: Path) -> Callable[..., Codebase]:
    """Write a codebase with the given models.py."""
    return lambda *models: Codebase.create(tmp_path / "coding" / "code", codebase_files(*models))


@pytest.fixture
def request_for(tmp_path: Path) -> Callable[..., JobRequest]:
    """Make a job of a few lines of Python."""

    def make(program: str, *, seed: int = 0, **changes: object) -> JobRequest:
        output = tmp_path / f"seed-{seed}"
        code = output / "code"
        code.mkdir(parents=True)
        (code / "run.py").write_text(textwrap.dedent(program), encoding="utf-8")
        settings: dict[str, object] = {"timeout_s": 30, "memory_gb": 1, "output_mb": 1} | changes
        command = (sys.executable, "run.py", str(seed))
        return JobRequest(seed=seed, command=command, code_folder=code, output_folder=output, **settings)  # type: ignore[arg-type]

    return make


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; fail when it does not for long."""
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("waited in vain")


def runs(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.parent.parent.joinpath("self").exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
