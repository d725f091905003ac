"""Dry runs: in the sandbox or not at all, kept by the program's hash, and never a source of results."""

import json
from pathlib import Path

import pytest

from nanoresearch.config import CodingConfig
from nanoresearch.crew.llm.coding import dry_run as dry_runs
from nanoresearch.crew.llm.coding.coder import trouble
from nanoresearch.crew.llm.coding.dry_run import DryRun, dry_run, places_of, plain_failure
from nanoresearch.crew.llm.coding.program import contract_of, finished
from nanoresearch.execution.sandbox import SandboxMissing
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Failure

from .conftest import MODELS, WRITTEN, Office, briefing_for, own_blueprint


def program(**changes: str) -> dict[str, str]:
    contract = contract_of(briefing_for(), own_blueprint(), CodingConfig())
    written = WRITTEN | {f"{stem}.py": text for stem, text in changes.items()}
    return finished(briefing_for(), own_blueprint(), contract, written)


def test_without_a_sandbox_nothing_is_run(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise SandboxMissing("nothing isolates")

    monkeypatch.setattr(dry_runs, "require", refuse)
    with pytest.raises(SandboxMissing):
        dry_run(office.sit({}, isolation=None), own_blueprint(), program())
    assert not list(office.folder.path("coding/dry-runs").glob("*.json"))


@pytest.mark.slow
def test_it_runs_apart_and_leaves_no_results(office: Office, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("diary")
    spying = MODELS.replace(
        "    search = BASES", f"    raise ValueError(open({str(tmp_path / 'secret')!r}).read())\n    search = BASES", 1
    )
    done = dry_run(office.sit({}), own_blueprint(), program(models=spying))
    assert done.outcome == "failed"
    assert done.failure is not None
    assert done.failure.signature.startswith("FileNotFoundError @ models.py:fit")
    assert "diary" not in done.failure.tail
    assert str(office.folder.root) not in done.failure.tail
    kept = [path for path in office.folder.path("coding").rglob("*") if path.is_file()]
    assert [path.parent.name for path in kept] == ["dry-runs"]


@pytest.mark.slow
def test_one_that_is_slow_but_allowed_is_left_to_the_experiment(office: Office) -> None:
    slow = MODELS.replace("    search = BASES", "    import time\n\n    time.sleep(60)\n    search = BASES", 1)
    assert dry_run(office.sit({}, dry_run_s=6.0), own_blueprint(), program(models=slow)).outcome == "unfinished"
    scarce = own_blueprint().budget.model_copy(update={"minutes_per_run": 0.1})
    failed = dry_run(office.sit({}), own_blueprint(budget=scarce), program(models=slow))
    assert failed.failure is not None
    assert failed.failure.signature.startswith("TimeLimit")


def test_what_was_run_is_read_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Failure(outcome="failed", signature="s", message="m", file=None, line=None, tail="t")
    monkeypatch.setattr(dry_runs, "_run", lambda *_: DryRun(outcome="failed", failure=failure))
    first = dry_run(office.sit({}), own_blueprint(), program())
    monkeypatch.setattr(dry_runs, "_run", None)
    assert dry_run(office.sit({}), own_blueprint(), program()) == first
    (record,) = office.folder.path("coding/dry-runs").glob("*.json")
    assert json.loads(record.read_text())["failure"]["signature"] == "s"
    with pytest.raises(TypeError):  # another program has not been run yet
        dry_run(office.sit({}), own_blueprint(), program(models=MODELS + "# x\n"))


def test_failures_lose_what_differs_between_sittings(office: Office) -> None:
    desk = office.sit({})
    text = f"{office.data_root}/x.csv {desk.folder.root}/execution <object at 0x7f12ab> after 12.5 s"
    failure = Failure(outcome="failed", signature="s", message=text, file=None, line=None, tail=text)
    plain = plain_failure(failure, places_of(desk), own_blueprint())
    assert plain.message == "DATA/x.csv RUN/execution <object at ADDRESS> after 12.5 s"
    assert plain.tail == "DATA/x.csv RUN/execution <object at ADDRESS> after N s"


def own_data_blueprint(carrier: str) -> Blueprint:
    blueprint = own_blueprint()
    (staged,) = blueprint.datasets
    card = staged.card.model_copy(update={"carrier": carrier})
    return blueprint.model_copy(update={"datasets": (staged.model_copy(update={"card": card}),)})


@pytest.mark.parametrize("carrier", ["file", "url"])
def test_failures_on_data_of_the_users_own_tell_no_value(office: Office, carrier: str) -> None:
    tail = (
        "row: Bob Jones\nTraceback (most recent call last):\n"
        '  File "data.py", line 3, in load\n    float(row[0])\n    ~~~~~^^^^\n'
        "  File \"<unknown>\", line 1\n    Bob Jones\nValueError: could not convert string to float: 'Alice Smith'"
    )
    words = "it doesn't read 'Alice Smith' or b'Al' or \"O'Brien Al\" of `Al`\nBob Jones"
    signature = "ValueError @ data.py:load: could not convert string to float: 'Alice Smi"
    failure = Failure(outcome="failed", signature=signature, message=words, file="data.py", line=3, tail=tail)
    plain = plain_failure(failure, places_of(office.sit({})), own_data_blueprint(carrier))
    assert plain.signature == "ValueError @ data.py:load: could not convert string to float: 'VALUE'"
    assert plain.message == "it doesn't read 'VALUE' or 'VALUE' or 'VALUE' of 'VALUE'"
    assert plain.tail == ('  File "data.py", line 3, in load\n    float(row[0])\n  File "<unknown>", line 1')
    assert "Bob" in plain_failure(failure, {}, own_data_blueprint("program")).tail
    bare = failure.model_copy(update={"signature": "Exit status 1: Bob Jones", "message": "Bob Jones"})
    assert "Bob" not in trouble([], plain_failure(bare, {}, own_data_blueprint(carrier)))
