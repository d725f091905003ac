"""Coder, attempt, debugger, attempt: a study of its own from the blueprint to reports that the ledger takes."""

import json
from pathlib import Path

import pytest

from nanoresearch.crew.llm.coding.coder import LlmCoder
from nanoresearch.crew.llm.coding.debugger import LlmDebugger
from nanoresearch.crew.llm.coding.judge import judge_for
from nanoresearch.events import Events
from nanoresearch.evidence.audit.method import _registries
from nanoresearch.execution.attempts import attempt_reports, run_attempt
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase
from nanoresearch.schema.experiment import Attempt

from .conftest import BOX, MODELS, Office, briefing_for, own_blueprint, replies

LATE = "    if task.noise > 0 and len(point) == 4:\n        raise RuntimeError('no noise, please')\n"


@pytest.mark.slow
def test_what_the_dry_run_cannot_see_is_mended_by_the_debugger(office: Office, tmp_path: Path) -> None:
    blueprint = own_blueprint()
    place = '    """Noisy value of a function at a point."""\n'
    broken = MODELS.replace(place, place + LATE)
    cure = {
        "diagnosis": "It refuses noise.",
        "name": "accept_noise",
        "reason": "The search refused the noisy condition.",
        "edits": [{"file": "models.py", "find": LATE, "replace": ""}],
    }
    desk = office.sit({"coder": replies(models=broken), "debugger": [cure]})
    codebase = Codebase.create(tmp_path / "code", LlmCoder(desk).write(briefing_for(), blueprint).files)

    def attempt(number: int) -> Attempt:
        return run_attempt(
            number, smoke=False, codebase=codebase, blueprint=blueprint, folder=tmp_path / "attempts" / str(number),
            executor=LocalExecutor(BOX), data_root=office.data_root, config=desk.config.execution, events=Events(),
            judge=judge_for(blueprint),
        )  # fmt: skip

    first = attempt(1)
    assert first.failure is not None
    assert first.failure.signature == "RuntimeError @ models.py:value: no noise, please"
    patch = LlmDebugger(desk).patch(briefing_for(), blueprint, codebase.files(), first.failure, ())
    assert patch is not None
    codebase.apply(patch)
    assert attempt(2).outcome == "succeeded"
    reports = attempt_reports(tmp_path / "attempts" / "2", blueprint)
    values = {(item.method, item.condition): item.value for item in reports[0] if item.metric == "regret"}
    assert len(values) == 6
    assert values["baseline", "noise=0.0"] < values["random", "noise=0.0"]
    assert {item.scored for item in reports[0]} == {"self_reported"}
    files = codebase.files()
    assert list(_registries(files, json.loads(files["config.json"]))) == []
