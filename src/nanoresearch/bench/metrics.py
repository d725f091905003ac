"""The five dimensions and the costs of a cell, each from the artifacts of its run."""

from collections.abc import Sequence
from statistics import fmean

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.bench.checks import holds, stage_of
from nanoresearch.bench.expression import NOTHING, mean_expression, measure_expression
from nanoresearch.experience.merge import similarity
from nanoresearch.paths import RunFolder
from nanoresearch.schema.benchmark import CellRecord, CheckResult, Judgement, Scores, Task, Yardstick

WORKING = ("coding", "execution")
LEARNING = "learning"


def score_cell(
    record: CellRecord,
    task: Task,
    folder: RunFolder | None,
    earlier: Sequence[str] = (),
    judged: tuple[Judgement, ...] = (),
) -> Scores:
    """What a cell amounts to. `earlier`: hypotheses of earlier rounds. Without a run nothing is satisfied."""
    run = Artifacts(folder) if folder else None
    checks = judge_checks(task, run, held_out=record.cell.held_out)
    gain, measured = effectiveness(run, task.extra_context.yardstick) if run else (None, None)
    from_works, from_earlier = innovation(run, earlier) if run else (None, None)
    nearest = [value for value in (from_works, from_earlier) if value is not None]
    parts = measure_expression(run) if run else NOTHING
    phases = run.record.phases if run else {}
    seconds = {name: phase.seconds for name, phase in phases.items()}
    explicit = [item.holds for item in checks if not item.check.implicit]
    return Scores(
        cell=record.cell,
        status=record.status,
        checks=checks,
        compliance=_share([item.holds for item in checks]),
        requirements=_share(explicit) if explicit else None,
        implicit=_share([item.holds for item in checks if item.check.implicit]),
        executability=float(bool(run and executable(run))),
        effectiveness=None if record.cell.held_out else gain,
        measured=None if record.cell.held_out else measured,
        innovation=min(nearest) if nearest else None,
        from_works=from_works,
        from_earlier=from_earlier,
        expression=mean_expression(parts),
        parts=parts,
        seconds=sum(value for name, value in seconds.items() if name != LEARNING),
        working_seconds=sum(seconds.get(name, 0.0) for name in WORKING),
        learning_seconds=seconds.get(LEARNING, 0.0),
        cpu_seconds=run.record.experiment_cpu_seconds if run else 0.0,
        attempts=run.record.attempts if run else 0,
        failed_attempts=run.record.failed_attempts if run else 0,
        model_calls=sum(phase.model_calls for phase in phases.values()),
        tokens=sum(phase.tokens for phase in phases.values()),
        cost_usd=sum(phase.cost_usd for phase in phases.values()),
        lost_tokens_estimate=sum(phase.lost_tokens_estimate for phase in phases.values()),
        lost_cost_usd_estimate=sum(phase.lost_cost_usd_estimate for phase in phases.values()),
        feedback=sum(bool(item.text) for item in run.feedback) if run else 0,
        learned=sum(item.adapter_version is not None for item in run.feedback) if run else 0,
        judged=judged,
    )


def judge_checks(task: Task, run: Artifacts | None, *, held_out: bool) -> tuple[CheckResult, ...]:
    """Every wish of a task against the finished artifacts; on a held-out topic only those that fit any topic.

    Without results nothing is met: what was only planned is no artifact of a finished study.
    """
    ended = run if run is not None and run.results else None
    wishes = [check for check in task.extra_context.checks if check.implicit or not held_out]
    return tuple(
        CheckResult(check=check, stage=stage_of(check), holds=ended is not None and holds(check, ended))
        for check in wishes
    )


def executable(run: Artifacts) -> bool:
    """Whether a topic became a PDF that passes its audit."""
    return bool(run.build and run.build.ok and run.audit and run.audit.passed)


def effectiveness(run: Artifacts, yardstick: Yardstick) -> tuple[float | None, float | None]:
    """Relative gain of the proposal over the verified baseline, and its score; None where it was not measured.

    A yardstick without condition is held against the standard one, the first of a sweep.
    """
    condition = yardstick.condition
    if not condition and run.blueprint and run.blueprint.sweep:
        condition = f"{run.blueprint.sweep.id}={run.blueprint.sweep.values[0]}"
    values = [
        item.value
        for item in run.results
        if item.method == "proposed"
        and item.metric == yardstick.metric
        and item.dataset == (yardstick.dataset or item.dataset)
        and item.condition == condition
    ]
    if not values:
        return None, None
    measured = fmean(values)
    sign = 1 if yardstick.direction == "higher" else -1
    return sign * (measured - yardstick.value) / abs(yardstick.value), measured


def hypothesis_of(run: Artifacts) -> str | None:
    """The claim that was tested."""
    return run.blueprint.hypothesis if run.blueprint else None


def innovation(run: Artifacts, earlier: Sequence[str]) -> tuple[float | None, float | None]:
    """Distance of the claim from the closest work found, and from the most alike claim of earlier rounds."""
    claim = hypothesis_of(run)
    if claim is None or run.novelty is None:
        return None, None
    chosen = next((item for item in run.novelty.verdicts if item.hypothesis == run.novelty.chosen), None)
    closest = max((work.similarity for work in chosen.closest), default=0.0) if chosen else 0.0
    alike = max((similarity(claim, other) / 100 for other in earlier), default=None)
    return 1 - closest, None if alike is None else 1 - alike


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
