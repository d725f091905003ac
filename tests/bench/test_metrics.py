"""Dimensions and costs, from artifacts."""

from typing import Any

import pytest

from nanoresearch.bench import metrics
from nanoresearch.bench.expression import flesch_reading_ease, mean_expression, measure_expression
from nanoresearch.bench.metrics import effectiveness, executable, innovation, judge_checks, score_cell
from nanoresearch.bench.tasks import load_tasks
from nanoresearch.paths import RunFolder
from nanoresearch.schema.audit import Audit
from nanoresearch.schema.benchmark import Cell, CellRecord, Yardstick
from nanoresearch.schema.feedback import Feedback
from nanoresearch.schema.idea import ClosestWork, NoveltyReport, NoveltyVerdict
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.run import PhaseCost, RunRecord
from tests.bench import made

TASK = load_tasks()["tab-03-doctor-visits"]
LOWER = Yardstick(dataset="wine", metric="deviance", value=4.0, direction="lower")
GOOD_AUDIT = Audit(passed=True, findings=(), numbers_checked=1, citations_checked=1, paper_sha256=None)


def record(run: str | None = "r", *, held_out: bool = False) -> CellRecord:
    cell = Cell(task=TASK.question_id, ablation="full", seed=0, round=2, held_out=held_out)
    return CellRecord(cell=cell, home="homes/x", run=run, status="done", seconds=1, cpu_seconds=1)


def novelty(similarity: float) -> NoveltyReport:
    work = ClosestWork(paper="k", title="t", similarity=similarity, shared_terms=())
    other = ClosestWork(paper="k2", title="t", similarity=0.9, shared_terms=())
    verdicts = (
        NoveltyVerdict(hypothesis="h1", verdict="novel", reason="", closest=(work,), searched=9),
        NoveltyVerdict(hypothesis="h2", verdict="covered", reason="", closest=(other,), searched=9),
    )
    return NoveltyReport(verdicts=verdicts, chosen="h1", reason="r")


def test_a_lower_loss_than_the_baseline_is_a_gain() -> None:
    results = [made.result("deviance", value) for value in (2.0, 4.0)]
    noise = [made.result("deviance", 9.0, method="baseline"), made.result("deviance", 9.0, dataset="iris")]
    run = made.run(blueprint=made.blueprint(), results=[*results, *noise])
    assert effectiveness(run, LOWER) == (0.25, 3.0)
    assert effectiveness(run, LOWER.model_copy(update={"direction": "higher"})) == (-0.25, 3.0)


def test_the_standard_condition_is_compared_unless_another_is_named() -> None:
    design = made.blueprint(sweep=made.sweep("noise", 0, 1))
    results = [made.result("deviance", 4.0 + n, condition=f"noise={n}") for n in (0, 1)]
    run = made.run(blueprint=design, results=results)
    assert effectiveness(run, LOWER) == (0.0, 4.0)
    assert effectiveness(run, LOWER.model_copy(update={"condition": "noise=1"})) == (-0.25, 5.0)


def test_what_was_not_measured_has_no_effectiveness() -> None:
    run = made.run(blueprint=made.blueprint(), results=[made.result("accuracy", 0.9)])
    assert effectiveness(run, LOWER) == (None, None)


def test_innovation_looks_at_the_claim_that_was_chosen_and_at_earlier_ones() -> None:
    run = made.run(blueprint=made.blueprint(), novelty=novelty(0.4))
    assert innovation(run, ()) == (pytest.approx(0.6), None)
    same = made.blueprint().hypothesis
    assert innovation(run, (same,))[1] == pytest.approx(0.0)
    other = innovation(run, ("Trimming forecasts lowers the error of yearly series",))[1]
    assert other is not None
    assert other > 0.4


def test_a_pdf_that_fails_its_audit_does_not_count() -> None:
    assert executable(made.run(build=made.build(), audit=GOOD_AUDIT))
    assert not executable(made.run(build=made.build(ok=False), audit=GOOD_AUDIT))
    assert not executable(made.run(build=made.build(), audit=GOOD_AUDIT.model_copy(update={"passed": False})))
    assert not executable(made.run(build=made.build()))


def test_requirements_are_left_out_on_held_out_topics() -> None:
    checks = judge_checks(TASK, made.run(), held_out=True)
    assert checks
    assert all(item.check.implicit for item in checks)
    assert len(judge_checks(TASK, made.run(), held_out=False)) == len(TASK.extra_context.checks)


def test_what_was_planned_and_never_ran_meets_no_wish() -> None:
    design = made.blueprint(confidence=0.99)
    assert not any(item.holds for item in judge_checks(TASK, made.run(blueprint=design), held_out=False))
    ran = made.run(blueprint=design, results=[made.result()])
    assert any(item.holds for item in judge_checks(TASK, ran, held_out=False))


def test_a_cell_without_a_run_scores_nothing() -> None:
    scores = score_cell(record(None), TASK, None)
    assert (scores.compliance, scores.executability, scores.expression, scores.seconds) == (0, 0, 0, 0)
    assert scores.effectiveness is None
    assert scores.innovation is None


def test_costs_come_from_the_head_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    head = RunRecord(
        id="r", topic="t", profile=Profile(), config={}, seed=0, versions={}, status="done", created="", updated="",
        attempts=3, failed_attempts=2, experiment_cpu_seconds=7.5,
        phases={
            "coding": PhaseCost(seconds=1.0),
            "execution": PhaseCost(seconds=10.0, tokens=5, model_calls=1, cost_usd=0.25, lost_calls=1,
                                   lost_tokens_estimate=40, lost_cost_usd_estimate=0.5, lost_priced_calls=1),
            "learning": PhaseCost(seconds=60.0),
            "writing": PhaseCost(seconds=2.0),
        },
    )  # fmt: skip
    said = [
        Feedback(stage="writing", text="More.", source="p", time="", adapter_version=2),
        Feedback(stage="experiments", text="Less.", source="p", time=""),
        Feedback(stage="ideation_and_planning", text="", source="p", time=""),
    ]
    run = made.run(feedback=said, blueprint=made.blueprint(confidence=0.99), results=[made.result()])
    run.__dict__["record"] = head
    monkeypatch.setattr(metrics, "Artifacts", lambda folder: run)
    scores = score_cell(record(), TASK, RunFolder(made.NOWHERE.root))
    assert (scores.seconds, scores.working_seconds, scores.learning_seconds) == (13.0, 11.0, 60.0)
    assert (scores.failed_attempts, scores.cpu_seconds, scores.tokens, scores.cost_usd) == (2, 7.5, 5, 0.25)
    assert (scores.lost_tokens_estimate, scores.lost_cost_usd_estimate) == (40, 0.5)
    assert (scores.feedback, scores.learned) == (2, 1)
    met = [item.check.kind for item in scores.checks if item.holds]
    assert met == ["model_family", "confidence_interval"]
    assert scores.compliance == pytest.approx(2 / len(TASK.extra_context.checks))
    assert scores.implicit == pytest.approx(1 / 3)


def written(**changes: Any) -> Any:
    sections = dict.fromkeys(
        ("abstract", "introduction", "related_work", "method", "setup", "results", "discussion", "limitations"),
        "We see it. It is so.",
    )
    sections |= {"conclusion": "It ends."} | changes.pop("sections", {})
    parts = {
        "blueprint": made.blueprint(),
        "analysis": made.analysis(),
        "manuscript": made.paper(**sections),
        "build": made.build(),
        "reviews": [made.review(8.0)],
    }
    return measure_expression(made.run(**(parts | changes)))


def test_expression_of_a_clean_paper() -> None:
    parts = written()
    assert (parts.structure, parts.acronyms, parts.floats, parts.layout, parts.reviewer) == (1, 1, 1, 1, 0.8)
    assert parts.readability == 1.0
    assert mean_expression(parts) == pytest.approx(5.8 / 6)


def test_each_part_of_expression_falls_for_its_own_fault() -> None:
    assert written(sections={"conclusion": "", "results": "The QXZ rose."}).acronyms == 0
    assert written(sections={"results": "See it. \\inputtable{main}"}).floats == 0
    assert written(build=made.build(overfull=3)).layout == 0.25
    assert written(build=made.build(ok=False)).layout == 0
    assert written(reviews=[made.review(3.0)]).reviewer == pytest.approx(0.3)
    shuffled = made.paper(results="a", abstract="b", introduction="c")
    assert written(manuscript=shuffled).structure == pytest.approx(3 / 9 / 2)
    assert written(sections={"results": "Internationalisation notwithstanding, heteroscedasticity."}).readability < 1
    assert mean_expression(written(manuscript=None)) == 0


def test_reading_ease_of_known_texts() -> None:
    assert flesch_reading_ease("") == 0
    easy, hard = "The cat sat. The dog ran.", "Heteroscedasticity considerations necessitate reparameterisation."
    assert flesch_reading_ease(easy) == pytest.approx(206.835 - 1.015 * 3 - 84.6)
    assert flesch_reading_ease(hard) < 0
