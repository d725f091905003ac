"""A whole run that is killed, as kill -9 does it, and resumed: nothing is asked twice, and the paper is the same."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from nanoresearch.config import ModelsConfig
from nanoresearch.paths import RunFolder
from nanoresearch.schema.run import RunRecord

from .test_whole_run import POINTS, start, values, words

ROOT = Path(__file__).parents[3]
CONCURRENCY = ModelsConfig().concurrency
DEADLINE_S = 250


class Killer:
    """Sits with a run in processes of their own, and kills them."""

    def __init__(self, folder: RunFolder, home: Path) -> None:
        self.folder = folder
        self.answers = home / "answers"
        self._home = home
        self._deadline = time.monotonic() + DEADLINE_S

    def sit(self, until: int | None = None, wait_s: float = 0.0) -> bool:
        """Whether the sitting came to the run's end, and was not killed some time after so many signs of life."""
        command = [sys.executable, "-m", "tests.crew.llm.sitting", self.folder.id, str(self.answers)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NANORESEARCH_HOME": str(self._home)}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, start_new_session=True, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and (until is None or self.signs() < until):
            time.sleep(0.001)
            assert time.monotonic() < self._deadline
        time.sleep(wait_s)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), said
        return process.returncode == 0

    def signs(self) -> int:
        """Files of the run, and events and replies so far: it grows all the time."""
        events = self.folder.path("events.jsonl")
        lines = sum(file.read_bytes().count(b"\n") for file in (events, self.answers) if file.exists())
        return lines + sum(1 for _ in self.folder.path("calls").glob("*"))

    def answered(self) -> Counter[str]:
        """Replies by role, over all sittings."""
        return Counter(self.answers.read_text().splitlines())

    def lost(self) -> int:
        """Calls that the run itself says were lost."""
        return sum(cost.lost_calls for cost in self.folder.load("run.json", RunRecord).phases.values())

    def paid(self) -> int:
        """Calls in the run's accounts."""
        return sum(cost.model_calls for cost in self.folder.load("run.json", RunRecord).phases.values())


def begun(home: Path, **changes: object) -> Killer:
    """A run in a home of its own: what one run learned would change what the next one asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NANORESEARCH_HOME", str(home))
        return Killer(start(**changes)[1], home)


def kill_and_compare(tmp_path: Path, points: int, seed: int, **changes: object) -> int:
    """Kill a run at random points, and hold what came of it against a run that nothing disturbed. Returns the kills."""
    calm, killed = (begun(tmp_path / name, **changes) for name in ("calm", "killed"))
    assert calm.sit()
    chance, kills = random.Random(seed), 0
    most = calm.signs()
    for share in sorted(chance.random() for _ in range(points)):
        if killed.sit(until=max(int(share * most), killed.signs() + 1), wait_s=chance.uniform(0, 0.05)):
            break
        kills += 1
    else:
        assert killed.sit()

    repeated = killed.answered() - calm.answered()
    print(f"{kills} kills; {calm.answered().total()} calls, {repeated.total()} repeated, {killed.lost()} told as lost")
    assert not calm.answered() - killed.answered()
    assert killed.paid() == calm.paid() == calm.answered().total()
    # A reply that was given and not yet written down when the process died cannot but be asked for again. Each is told.
    assert repeated.total() <= killed.lost() <= kills * CONCURRENCY
    assert words(killed.folder) == words(calm.folder)
    assert values(killed.folder) == values(calm.folder)
    return kills


@pytest.mark.slow
@pytest.mark.parametrize("execution", [{}, {"executor": "inprocess", "sandbox": "off"}], ids=["sandbox", "inprocess"])
def test_killed_at_twenty_points_nothing_is_asked_twice(tmp_path: Path, execution: dict[str, str]) -> None:
    assert kill_and_compare(tmp_path, POINTS, seed=len(execution), execution=execution) >= POINTS - 2
