"""The loop: ideation and planning, experiments, writing; after each stage the researcher is heard and lessons drawn."""

from dataclasses import replace

from nanoresearch.crew.roles import Trajectory, WritingMaterial
from nanoresearch.errors import AuditFailed, BudgetExceeded, ExecutionError, SittingEnded
from nanoresearch.events import now_utc
from nanoresearch.evidence.audit import audit_run
from nanoresearch.execution.sandbox import SandboxMissing
from nanoresearch.paths import read_lines, read_record
from nanoresearch.researcher.source import FeedbackSource
from nanoresearch.schema.audit import Audit
from nanoresearch.schema.blueprint import Critique
from nanoresearch.schema.experience import Recall
from nanoresearch.schema.feedback import Feedback, Stage
from nanoresearch.schema.manuscript import Build, Review
from nanoresearch.schema.plan import Phase
from nanoresearch.stages.analysis import analyse
from nanoresearch.stages.coding import write_code
from nanoresearch.stages.execution import execute, recorded_attempts
from nanoresearch.stages.ideation import ideate
from nanoresearch.stages.planning import CRITIQUES, design
from nanoresearch.stages.reflection import reflect, reflect_on_failure
from nanoresearch.stages.review import REVIEWS, review
from nanoresearch.stages.workplace import Workplace
from nanoresearch.stages.writing import write

FEEDBACK = "feedback.jsonl"
AUDIT = "audit.json"
TO_LEARN = "recorded, not yet learned from"
PLANNED: dict[Stage, tuple[Phase, ...]] = {
    "ideation_and_planning": ("ideation", "planning"),
    "experiments": ("coding",),
    "writing": ("writing",),
}
"""The phases whose plans a stage's feedback is about."""
EXPERIMENTED = ("ideation", "coding", "execution")
"""Where the skills that an experiment puts to the test were retrieved: what ideation preferred is judged by it too."""


def run_pipeline(work: Workplace, researcher: FeedbackSource) -> Audit:
    """Take a run from wherever it stands to its audited paper.

    Every finished step is read back, never done again. Raises AuditFailed, after everything is written, when the
    paper does not hold up, and passes on what stages raise.
    """
    with work.phase("ideation"):
        ideation = ideate(work)
    with work.phase("planning"):
        blueprint = design(work, ideation.hypothesis)
    critiques = tuple(read_lines(work.folder.path(CRITIQUES), Critique))
    past = Trajectory(
        stage="ideation_and_planning",
        run=work.folder.id,
        project=work.project,
        topic=work.topic,
        profile=work.profile,
        recalls=recalls(work, "ideation", "planning"),
        survey=ideation.survey,
        ideas=ideation.ideas,
        novelty=ideation.novelty,
        critiques=critiques,
        blueprint=blueprint,
    )
    hear(work, researcher, past.stage, f"Hypothesis: {blueprint.hypothesis}.")
    reflect(work, past)

    with work.phase("coding"):
        briefing = work.begin("coding", blueprint.hypothesis, ideation.hypothesis, blueprint)
        coding = write_code(work, blueprint, briefing)
    past = replace(past, stage="experiments", prepared=coding.prepared, recalls=())
    try:
        with work.phase("execution"):
            execution = execute(work, blueprint, coding.codebase, briefing, proven=coding.proven_by is not None)
    except SittingEnded:  # nothing was given up: the run goes on where it stopped
        raise
    except SandboxMissing:  # says something about a machine, and nothing about the experiment
        raise
    except (ExecutionError, BudgetExceeded):
        tried = tuple(recorded_attempts(work))
        reflect_on_failure(work, replace(past, attempts=tried, recalls=recalls(work, *EXPERIMENTED)))
        raise
    with work.phase("analysis"):
        analysis = analyse(work, briefing, execution.ledger)
    past = replace(
        past,
        recalls=recalls(work, *EXPERIMENTED),
        attempts=execution.attempts,
        ledger=execution.ledger,
        analysis=analysis,
    )
    hear(work, researcher, past.stage, f"Hypothesis {analysis.verdict}: {analysis.verdict_reason}.")
    reflect(work, past)

    with work.phase("writing"):
        briefing = work.begin("writing", f"{blueprint.hypothesis}: {analysis.verdict}", ideation.hypothesis, blueprint)
        material = WritingMaterial(
            blueprint=blueprint,
            survey=ideation.survey,
            novelty=ideation.novelty,
            critiques=critiques,
            analysis=analysis,
            prepared=coding.prepared,
            attempts=execution.attempts,
            ledger=execution.ledger,
            folder=work.folder,
            base=coding.base,
        )
        manuscript = write(work, material, briefing)
    with work.phase("review"):
        _, build = review(work, material, manuscript, briefing)
        audit = audit_run(work.folder)
        work.folder.save(AUDIT, audit)
    reviews = tuple(work.folder.load_lines(REVIEWS, Review))
    past = replace(past, stage="writing", recalls=recalls(work, "writing"), manuscript=manuscript, reviews=reviews)
    hear(work, researcher, past.stage, _summary(build, audit))
    reflect(work, past)
    if not audit.passed:
        first = audit.findings[0]
        raise AuditFailed(
            f"The paper failed its audit with {len(audit.findings)} findings, the first in {first.where}: {first.text} "
            f"See them all with: nanoresearch audit {work.folder.id}"
        )
    return audit


def recalls(work: Workplace, *folders: str) -> tuple[Recall, ...]:
    """Everything that was retrieved in these parts of a run, in order of time."""
    found = [path for folder in folders for path in sorted(work.folder.path(folder).rglob("recalled.json"))]
    return tuple(read_record(path, Recall) for path in found)


def hear(work: Workplace, researcher: FeedbackSource, stage: Stage, summary: str) -> None:
    """Ask the researcher about a stage, once for each run, keep the words, and let the planner learn from them.

    The words are on disk before anything is learned; what was not learned when a run was cut off is learned on resume.
    """
    heard = read_lines(work.folder.path(FEEDBACK), Feedback)
    if not any(item.stage == stage for item in heard):
        text = researcher.ask(stage, summary)
        time = now_utc().isoformat(timespec="seconds")
        outcome = TO_LEARN if text else "nothing said"
        heard.append(Feedback(stage=stage, text=text, source=researcher.name, time=time, outcome=outcome))
        work.folder.save_lines(FEEDBACK, heard)
    item = next(item for item in heard if item.stage == stage)
    if item.outcome != TO_LEARN:
        return
    work.events.emit("decision", f"feedback on {stage}: {item.text[:200]}")
    with work.log.timed("learning"):
        version, outcome = work.learn(PLANNED[stage], item.text)
    work.events.emit("decision", f"learning: {outcome}", version=version)
    done = item.model_copy(update={"adapter_version": version, "outcome": outcome})
    work.folder.save_lines(FEEDBACK, [done if other is item else other for other in heard])


def _summary(build: Build, audit: Audit) -> str:
    pages = f"{build.pages} pages" if build.ok else "no PDF"
    verdict = "passed its audit" if audit.passed else f"failed its audit ({len(audit.findings)} findings)"
    return f"The paper ({pages}) {verdict}."
