"""A reduced run of a program that was just written, in the sandbox, before anything counts.

One seed, first condition, exactly as an attempt would run it, frozen evaluation included. What it reports is thrown
away: only whether it worked is kept, with the error, under the hash of the program, so that a resumed run need not run
it again and words its questions to models as before.
"""

import hashlib
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from nanoresearch.crew.llm.coding.data_preview import reads_own_data
from nanoresearch.crew.llm.coding.judge import judge_for
from nanoresearch.crew.llm.desk import Desk
from nanoresearch.events import Events
from nanoresearch.execution.attempts import run_attempt
from nanoresearch.execution.evaluation import STEP_S
from nanoresearch.execution.failure import without_values
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.execution.sandbox import require
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Failure
from nanoresearch.schema.record import Record
from nanoresearch.schema.setup import PinnedRepository

FOLDER = "coding/dry-runs"

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+\b")
_DURATION = re.compile(r"\b\d+(?:\.\d+)? ?(?:s|ms|us|seconds)\b")


class DryRun(Record):
    """How a dry run ended."""

    outcome: Literal["passed", "unfinished", "failed"]
    """Unfinished: nothing was wrong until its time was up, which is shorter than that of the experiment."""
    failure: Failure | None = None
    """What went wrong, without paths and times of this machine."""


def dry_run(desk: Desk, blueprint: Blueprint, files: Mapping[str, str], base: PinnedRepository | None = None) -> DryRun:
    """Run a program once, unless it was run before. Raises SandboxMissing when nothing isolates it here."""
    name = f"{FOLDER}/{_digest(blueprint, files, base)}.json"
    if desk.folder.has(name):
        return desk.folder.load(name, DryRun)
    done = _run(desk, blueprint, files, base)
    desk.folder.save(name, done)
    said = f": {done.failure.signature}" if done.failure else ""
    desk.events.emit("progress", f"dry run of the program: {done.outcome}{said}")
    return done


def can_dry_run(desk: Desk) -> bool:
    """Whether programs run where this process runs: on a cluster's front end nothing is tried out."""
    return desk.config.execution.executor != "slurm"


def plain_failure(failure: Failure, places: Mapping[Path, str], blueprint: Blueprint) -> Failure:
    """A failure without what differs between machines and sittings: folders by what they are, no addresses or times.

    Where the study reads data of the user's own, also without their values.
    """
    if reads_own_data(blueprint):
        failure = without_values(failure)

    def plain(text: str) -> str:
        for folder, word in sorted(places.items(), key=lambda item: -len(str(item[0]))):
            text = text.replace(str(folder), word)
        return _ADDRESS.sub("ADDRESS", text)

    return failure.model_copy(
        update={
            "signature": plain(failure.signature),
            "message": plain(failure.message),
            "tail": _DURATION.sub("N s", plain(failure.tail)),
        }
    )


def places_of(desk: Desk) -> dict[Path, str]:
    """Folders of this machine that error texts may name, and what to call them."""
    places = {
        Path(sys.prefix): "PYTHON",
        Path(sys.base_prefix): "PYTHON",
        desk.folder.root: "RUN",
        desk.home.data: "DATA",
        desk.home.repositories: "REPOSITORIES",
        Path.home(): "HOME",
    }
    found = {path.absolute(): word for path, word in places.items()} | {p.resolve(): w for p, w in places.items()}
    return {path: word for path, word in found.items() if len(path.parts) > 1}


def _run(desk: Desk, blueprint: Blueprint, files: Mapping[str, str], base: PinnedRepository | None) -> DryRun:
    allowed_s = 60 * blueprint.budget.minutes_per_run
    limit_s = min(allowed_s, desk.config.coding.dry_run_s)
    minutes = (2 * STEP_S + limit_s) / 60
    budget = blueprint.budget.model_copy(update={"minutes": minutes, "minutes_per_run": limit_s / 60})
    work = desk.folder.path(f"{FOLDER}/work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        attempt = run_attempt(
            1,
            smoke=True,
            codebase=Codebase.create(work / "code", files, base=base),
            blueprint=blueprint.model_copy(update={"budget": budget}),
            folder=work / "attempts" / "1",
            executor=LocalExecutor(desk.isolation or require(desk.config.execution.sandbox)),
            data_root=desk.home.data,
            config=desk.config.execution,
            events=Events(),
            judge=judge_for(blueprint),
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if attempt.outcome == "succeeded":
        return DryRun(outcome="passed")
    if attempt.outcome == "timed_out" and limit_s < allowed_s:
        return DryRun(outcome="unfinished")
    failure = attempt.failure
    plainly = failure and plain_failure(failure, {work: "WORK", **places_of(desk)}, blueprint)
    return DryRun(outcome="failed", failure=plainly)


def _digest(blueprint: Blueprint, files: Mapping[str, str], base: PinnedRepository | None) -> str:
    parts = "".join(f"{name}\0{text}\0" for name, text in sorted(files.items())) + (base.sha256 if base else "")
    return hashlib.sha256(f"{blueprint.digest()}\0{parts}".encode()).hexdigest()[:40]
