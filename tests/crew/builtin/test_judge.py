"""Frozen evaluation with the builtin judge: what an experiment can and cannot do to its results."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nanoresearch.config import ExecutionConfig
from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.debugger import apply_fix
from nanoresearch.crew.builtin.judge import judge_of
from nanoresearch.crew.builtin.kits import load_kits, read_code
from nanoresearch.crew.builtin.program import source_files, study_config
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.stage import stage
from nanoresearch.events import Events
from nanoresearch.execution.attempts import EVALUATION, SavedJob, attempt_reports, run_attempt
from nanoresearch.execution.collect import InvalidReports, merge
from nanoresearch.execution.environment import Environment, EnvironmentOf, this_python
from nanoresearch.execution.evaluation import Judge
from nanoresearch.execution.local import LocalExecutor
from nanoresearch.execution.repository import Codebase, PatchRefused
from nanoresearch.execution.sandbox import probe_isolation
from nanoresearch.schema.blueprint import Blueprint, Budget, Sweep
from nanoresearch.schema.experiment import Attempt, Patch
from nanoresearch.schema.isolation import Isolation

from . import material


def study(kit: str = "tabular_classification", names: tuple[str, ...] = ("iris",), **changes: object) -> Blueprint:
    """A tiny study of data that scikit-learn carries: the baseline and the reference, one seed."""
    facts = load_kits()[kit]
    draft = material.blueprint(facts, datasets=1, components=1)
    cards = load_catalogue()
    kept = [method for method in draft.methods if method.role in ("baseline", "reference")]
    settings = {
        "datasets": tuple(stage(cards[name], Path("/nowhere")) for name in names),
        "support": (),
        "methods": tuple(kept),
        "sweep": None,
        "seeds": (0,),
        "slices": False,
        "budget": Budget(minutes=5, minutes_per_run=2, memory_gb=4, parallel=1),
    }
    return draft.model_copy(update=settings | changes)


def files_of(blueprint: Blueprint) -> dict[str, str]:
    config = study_config(
        datasets=[staged.card.id for staged in blueprint.datasets], methods=blueprint.methods,
        metrics=[metric.id for metric in blueprint.metrics], sweep=blueprint.sweep, protocol=blueprint.protocol,
        measures=list(blueprint.measures), slices=blueprint.slices,
    )  # fmt: skip
    files = source_files(blueprint.study, config)
    for fix in load_kits()[blueprint.study].fixes:
        if fix.id == "standardise":
            files[fix.file] = apply_fix(files[fix.file], blueprint.study, fix)
    return files


class Runs:
    """Attempts at studies in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0

    def __call__(
        self,
        blueprint: Blueprint,
        change: Callable[[dict[str, str]], None] = lambda files: None,
        *,
        judge: Judge | None = None,
        isolation: Isolation | None = None,
        smoke: bool = False,
        environments: EnvironmentOf = this_python,
    ) -> Attempt:
        self.number += 1
        files = files_of(blueprint)
        change(files)
        self.attempts = self.folder / str(self.number) / "attempts"
        self.output = self.attempts / "1" / f"seed-{blueprint.seeds[0]}"
        (self.folder / "data").mkdir(exist_ok=True)
        return run_attempt(
            1, smoke=smoke, codebase=Codebase.create(self.folder / str(self.number) / "code", files),
            blueprint=blueprint, folder=self.attempts / "1", executor=LocalExecutor(isolation),
            data_root=self.folder / "data", config=ExecutionConfig(), events=Events(),
            judge=judge_of(blueprint) if judge is None else judge, environments=environments,
        )  # fmt: skip

    def saved(self) -> SavedJob:
        return SavedJob.model_validate_json((self.output / "job.json").read_bytes())


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    if probe_isolation().kind == "none":
        pytest.skip("ISOLATION NOT TESTED: nothing isolates here")
    return Runs(tmp_path)


def values(reports: dict) -> dict:
    return {
        (report.seed, report.method, report.dataset, report.condition, report.metric): report.value
        for found in reports.values()
        for report in found
        if report.kind == "result"
    }


def inject(line: str) -> Callable[[dict[str, str]], None]:
    """Put hostile lines at the start of models.predict, which sees model and inputs."""

    def change(files: dict[str, str]) -> None:
        head = "def predict(model: BaseEstimator, inputs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:\n"
        assert head in files["models.py"]
        body = "".join(f"    {part}\n" for part in line.splitlines())
        files["models.py"] = files["models.py"].replace(head, head + body)

    return change


def test_scored_from_outside_the_values_are_those_of_a_run_by_hand(runs: Runs) -> None:
    sweep = Sweep(id="train_fraction", name="Share", values=(1.0, 0.5))
    blueprint = study(sweep=sweep, slices=True, seeds=(0, 3))
    assert runs(blueprint, judge=Judge()).outcome == "succeeded"
    by_hand = attempt_reports(runs.attempts / "1", blueprint)
    assert runs(blueprint).outcome == "succeeded"
    frozen = attempt_reports(runs.attempts / "1", blueprint)
    assert values(frozen) == values(by_hand)
    results, costs = merge(frozen, blueprint, attempt=1, commit="c", blueprint_hash="b")
    assert {result.scored for result in results} == {"frozen"}
    assert {cost.scored for cost in costs} == {"self_reported"}
    assert {r.scored for found in by_hand.values() for r in found} == {"self_reported"}
    saved = runs.saved()
    assert saved.frozen == ("iris",)
    assert saved.scorer_sha256 == judge_of(blueprint).digest()
    assert len(saved.predictions_sha256) == 2 * len(blueprint.methods)
    assert not (runs.attempts / "1" / EVALUATION).exists()


def test_a_trial_run_and_one_without_a_sandbox(runs: Runs) -> None:
    sweep = Sweep(id="train_fraction", name="Share", values=(1.0, 0.5))
    assert runs(study(sweep=sweep), smoke=True).outcome == "succeeded"
    blueprint = study()
    assert runs(blueprint, isolation=Isolation(kind="none")).outcome == "succeeded"
    assert runs.saved().frozen == ()
    assert {r.scored for r in attempt_reports(runs.attempts / "1", blueprint)[0]} == {"self_reported"}


def test_neither_truth_nor_data_can_be_read(runs: Runs) -> None:
    """All that holds numbers and can be opened is looked at; the libraries' copies of the data are gone."""
    (runs.folder / "data" / "iris").mkdir(parents=True)
    (runs.folder / "data" / "iris" / "truth.csv").write_text("secret\n")
    attack = f"""
import json, os, sklearn.datasets
found = []
for top in [{str(runs.folder)!r}, os.environ["NANORESEARCH_EXCHANGE"] + "/../..", sklearn.__path__[0] + "/datasets"]:
    for root, _, names in os.walk(top):
        found += [os.path.join(root, name) for name in names]
print("SEEN " + json.dumps(found))
try:
    sklearn.datasets.load_iris()
    print("LOADED")
except Exception as error:
    print("REFUSED", type(error).__name__)
"""
    assert runs(study(), inject(attack.strip())).outcome == "succeeded"
    said = (runs.output / "stdout").read_text()
    seen = json.loads(next(line for line in said.splitlines() if line.startswith("SEEN ")).removeprefix("SEEN "))
    assert not [path for path in seen if path.endswith((".kept", "truth.csv", "iris.csv"))]
    assert [path for path in seen if path.endswith(".given")]
    assert "LOADED" not in said
    assert "REFUSED" in said


def test_copies_of_the_data_in_an_environment_are_hidden_too(runs: Runs, tmp_path: Path) -> None:
    """An environment may bring its own scikit-learn, and with it the truth."""
    packages = tmp_path / "made" / "lib" / "site-packages"
    (packages / "sklearn" / "datasets" / "data").mkdir(parents=True)
    (packages / "sklearn" / "datasets" / "data" / "iris.csv").write_text("secret")
    (packages / "other.txt").write_text("open")
    made = Environment(readable=(tmp_path / "made",), packages=packages)
    attack = f"""
import os
print("SEEN", sorted(name for _, _, names in os.walk({str(packages)!r}) for name in names))
"""
    assert runs(study(), inject(attack.strip()), environments=lambda text: made).outcome == "succeeded"
    assert "SEEN ['other.txt']" in (runs.output / "stdout").read_text()


def test_results_that_the_experiment_reports_itself_make_the_job_invalid(runs: Runs) -> None:
    attack = 'import harness\nharness.report("baseline", "iris", "accuracy", 1.0, 0)'
    attempt = runs(study(), inject(attack))
    assert attempt.outcome == "invalid"
    assert "reported accuracy of baseline on iris itself" in attempt.failure.message


def test_costs_cannot_be_called_frozen(runs: Runs) -> None:
    attack = """
import json, os
line = {"method": "baseline", "dataset": "iris", "metric": "fit_seconds", "value": 0.0, "seed": 0, "condition": ""}
with open(os.environ["NANORESEARCH_RESULTS"], "a") as file:
    file.write(json.dumps(line | {"kind": "measurement", "scored": "frozen"}) + chr(10))
"""
    attempt = runs(study(), inject(attack.strip()))
    assert attempt.outcome == "invalid"
    assert "scored by somebody else" in attempt.failure.message


FOLDER = 'import os, exchange\nfolder = os.environ["NANORESEARCH_PREDICTIONS"]\n'
FORGED = FOLDER + "exchange.hand_in = lambda predictions, dataset, number, method: {}\n"
HOSTILE = {
    "too few rows": ("return model.predict_proba(inputs)[:3], model.classes_", "have the shape"),
    "no number": ("return model.predict_proba(inputs) * float('nan'), model.classes_", "not finite"),
    "a pickle": (
        FORGED.format(
            '__import__("pathlib").Path(os.makedirs(folder, exist_ok=True) or folder, '
            'exchange.prediction_name(dataset, number, method)).write_bytes(__import__("pickle").dumps(predictions))'
        ),
        "not a file of values",
    ),
    "a link": (
        FORGED.format(
            "(os.makedirs(folder, exist_ok=True), "
            'os.symlink("/etc/passwd", os.path.join(folder, exchange.prediction_name(dataset, number, method))))'
        ),
        "cannot be opened",
    ),
    "a pipe": (
        FORGED.format(
            "(os.makedirs(folder, exist_ok=True), "
            "os.mkfifo(os.path.join(folder, exchange.prediction_name(dataset, number, method))))"
        ),
        "are not a file",
    ),
    "a folder that is a link": (FORGED.format('os.path.exists(folder) or os.symlink("/etc", folder)'), "handed in"),
    "a huge file": (
        FORGED.format(
            "(os.makedirs(folder, exist_ok=True), open(os.path.join(folder, "
            'exchange.prediction_name(dataset, number, method)), "wb").truncate(1 << 29))'
        ),
        "take more than",
    ),
    "nothing": (FORGED.format("None"), "handed in"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_predictions_that_are_none_are_refused(runs: Runs, name: str) -> None:
    attack, words = HOSTILE[name]
    attempt = runs(study(), inject(attack))
    assert attempt.outcome == "invalid"
    assert words in attempt.failure.message
    assert runs.saved().reports_sha256 is not None or not (runs.output / "reports.jsonl").exists()


def test_another_evaluation_in_the_repository_changes_nothing(runs: Runs) -> None:
    blueprint = study()
    assert runs(blueprint).outcome == "succeeded"
    honest = values(attempt_reports(runs.attempts / "1", blueprint))

    def change(files: dict[str, str]) -> None:
        files["evaluate.py"] = files["evaluate.py"].replace("METRICS = {", "perfect = lambda *_: 1.0\nMETRICS = {")
        files["evaluate.py"] = files["evaluate.py"].replace(": accuracy,", ": perfect,")
        files["data.py"] = (
            files["data.py"].replace("def split(", "def unsplit(").replace("def divide(", "def undivide(")
        )

    assert runs(blueprint, change).outcome == "succeeded"
    assert values(attempt_reports(runs.attempts / "1", blueprint)) == honest
    codebase = Codebase(runs.attempts.parent / "code")
    for name in ("evaluate.py", "exchange.py"):
        with pytest.raises(PatchRefused):
            codebase.apply(Patch(fix="cheat", reason="cheat", files={name: "METRICS = {}\n"}))


def test_the_order_of_the_inputs_tells_nothing(runs: Runs) -> None:
    """Folds of a table that is sorted by class come sorted: whoever guesses by place must not win by it."""
    facts = load_kits()["tabular_classification"]
    folds = next(option.spec for option in facts.protocols if option.spec.id == "cross_validation")
    blueprint = study(protocol=folds)
    attack = """
import numpy as np
place = np.arange(len(inputs)) * 3 // len(inputs)
shares = np.eye(3)[place] * 0.9 + 0.1 / 3
print("ROWS", list(inputs.index) == list(range(len(inputs))))
return shares, model.classes_
"""
    assert runs(blueprint, inject(attack.strip()), judge=Judge()).outcome == "succeeded"
    assert values(attempt_reports(runs.attempts / "1", blueprint))[0, "baseline", "iris", "", "accuracy"] == 1.0
    assert runs(blueprint, inject(attack.strip())).outcome == "succeeded"
    assert values(attempt_reports(runs.attempts / "1", blueprint))[0, "baseline", "iris", "", "accuracy"] < 0.6
    assert "ROWS True" in (runs.output / "stdout").read_text()


def test_reports_cannot_be_promoted_afterwards(runs: Runs) -> None:
    blueprint = study()
    assert runs(blueprint, judge=Judge()).outcome == "succeeded"
    path = runs.output / "reports.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line | {"scored": "frozen"}) + "\n" for line in lines))
    with pytest.raises(InvalidReports):
        attempt_reports(runs.attempts / "1", blueprint)


def test_a_program_of_an_older_version_scores_itself(runs: Runs) -> None:
    """It cannot take divided data in; its results say so."""

    def change(files: dict[str, str]) -> None:
        del files["exchange.py"]
        files["run.py"] = files["run.py"].replace("import exchange\n", "")

    blueprint = study()
    assert runs(blueprint, change).outcome == "succeeded"
    assert {r.scored for r in attempt_reports(runs.attempts / "1", blueprint)[0]} == {"self_reported"}


def test_a_seed_judged_by_another_scorer_is_run_again(runs: Runs) -> None:
    blueprint = study(seeds=(0, 1))
    assert runs(blueprint).outcome == "succeeded"
    judge = judge_of(blueprint)
    folder, codebase = runs.attempts / "1", Codebase(runs.attempts.parent / "code")
    heard: list[str] = []

    def again(judged: Judge) -> Attempt:
        (folder / "attempt.json").unlink()
        heard.clear()
        return run_attempt(
            1, smoke=False, codebase=codebase, blueprint=blueprint, folder=folder, executor=LocalExecutor(),
            data_root=runs.folder / "data", config=ExecutionConfig(), judge=judged,
            events=Events(lambda event: heard.append(event.text)),
        )  # fmt: skip

    assert again(judge).outcome == "succeeded"
    assert heard == ["Attempt 1: seeds done before: 0, 1"]
    other = Judge(judge.datasets, {**judge.files, "note": "x"}, judge.predictions, hidden=judge.hidden)
    assert again(other).outcome == "succeeded"
    assert not [text for text in heard if "done before" in text]
    assert runs.saved().scorer_sha256 == other.digest()


def test_data_that_cannot_be_divided_end_the_attempt_with_the_error(runs: Runs) -> None:
    blueprint = study()
    judge = judge_of(blueprint)
    broken = Judge(datasets=judge.datasets, files={**judge.files, "data.py": "LOADERS = {}\n"})
    attempt = runs(blueprint, judge=broken)
    assert (attempt.outcome, attempt.jobs) == ("failed", ())
    assert attempt.failure.signature.startswith("KeyError @ divide.py:main")


def test_what_cannot_be_frozen_says_why() -> None:
    """Every kit's data are frozen, or come with a reason in words, and no study has both for one data set."""
    found: dict[str, set[str]] = {}
    for kit in load_kits().values():
        cards = load_catalogue()
        for option in kit.datasets:
            blueprint = material.blueprint(kit).model_copy(
                update={"datasets": (material._staged(option.id),), "support": (), "sweep": None}
            )
            judge = judge_of(blueprint)
            assert set(judge.datasets) ^ set(judge.self_reported) == {cards[option.id].id}
            found.setdefault(kit.id, set()).update(judge.datasets)
            assert all(why and not any(sign.isdigit() for sign in why) for why in judge.self_reported.values())
    assert {name for name, frozen in found.items() if not frozen} == {
        "audio_words", "kg_completion", "node_classification", "seasonal_forecasting", "stream_learning",
    }  # fmt: skip
    assert found["imbalanced_classification"] == {"credit-default", "caravan"}
    assert found["forecast_combination"] == {"m1-yearly"}
    assert "karate-club" not in found["node_classification"]


def test_directions_that_betray_each_other_are_not_frozen_together() -> None:
    both = study("image_transfer", ("digits",))
    staged = tuple(material._staged(name) for name in ("digits", "mnist-5k"))
    assert judge_of(both.model_copy(update={"datasets": staged[:1], "support": staged[1:]})).datasets == ("digits",)
    assert judge_of(both.model_copy(update={"datasets": staged})).datasets == ()


def test_a_sweep_that_shows_tested_rows_elsewhere_is_not_frozen() -> None:
    kit = load_kits()["molecule_regression"]
    draft = material.blueprint(kit)
    parts = next(option.spec for option in kit.sweeps if option.spec.id == "test_part")
    assert judge_of(draft.model_copy(update={"sweep": None})).datasets == ("freesolv",)
    assert judge_of(draft.model_copy(update={"sweep": parts})).datasets == ()


def test_self_reported_data_beside_frozen_ones_do_not_open_them() -> None:
    kit = load_kits()["imbalanced_classification"]
    staged = [material._staged(name).model_copy(update={"folder": name}) for name in ("keel-imbalanced", "caravan")]
    judge = judge_of(material.blueprint(kit).model_copy(update={"datasets": tuple(staged), "support": ()}))
    assert (judge.datasets, judge.readable) == (("caravan",), ("keel-imbalanced",))


def test_a_loader_reads_no_data_but_those_that_its_study_names() -> None:
    """An experiment sees the folders of its own data sets, and of those that they need, and no others."""
    read = 0
    for kit in load_kits().values():
        for option in kit.datasets:
            loader = codegen.take(read_code(kit.id, "data.py"), {"LOADERS": (option.id,)})
            folders = set(re.findall(r'root / "([^"]+)"', loader))
            assert folders <= {option.id, *option.needs}, (kit.id, option.id)
            read += len(folders)
    assert read > 40
