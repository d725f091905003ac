"""The loop: ideation and planning, experiments, writing; after each stage the researcher is heard."""

from nanoresearch.crew.roles import WritingMaterial
from nanoresearch.errors import AuditFailed
from nanoresearch.events import now_utc
from nanoresearch.evidence.audit import audit_run
from nanoresearch.paths import read_lines
from nanoresearch.researcher.source import FeedbackSource
from nanoresearch.schema.audit import Audit
from nanoresearch.schema.blueprint import Critique
from nanoresearch.schema.feedback import Feedback, Stage
from nanoresearch.schema.manuscript import Build
from nanoresearch.stages.analysis import analyse
from nanoresearch.stages.coding import write_code
from nanoresearch.stages.execution import execute
from nanoresearch.stages.ideation import ideate
from nanoresearch.stages.planning import CRITIQUES, design
from nanoresearch.stages.review import review
from nanoresearch.stages.workplace import Workplace
from nanoresearch.stages.writing import write

FEEDBACK = "feedback.jsonl"
AUDIT = "audit.json"


def run_pipeline(work: Workplace, researcher: FeedbackSource) -> Audit:
    """Take a run from wherever it stands to its audited paper.

    Every finished step is read back, never done again. Raises AuditFailed, after everything is written, when the
    paper does not hold up, and passes on what stages raise.
    """
    with work.phase("ideation"):
        ideation = ideate(work)
    with work.phase("planning"):
        blueprint = design(work, ideation.hypothesis)
    hear(work, researcher, "ideation_and_planning", f"Hypothesis: {blueprint.hypothesis}.")

    with work.phase("coding"):
        coding_plan = work.plan("coding", blueprint.hypothesis)
        codebase = write_code(work, blueprint, coding_plan)
    with work.phase("execution"):
        execution = execute(work, blueprint, codebase, coding_plan)
    with work.phase("analysis"):
        analysis = analyse(work, coding_plan, execution.ledger)
    hear(work, researcher, "experiments", f"Hypothesis {analysis.verdict}: {analysis.verdict_reason}.")

    with work.phase("writing"):
        writing_plan = work.plan("writing", f"{blueprint.hypothesis}: {analysis.verdict}")
        material = WritingMaterial(
            blueprint=blueprint,
            survey=ideation.survey,
            novelty=ideation.novelty,
            critiques=tuple(read_lines(work.folder.path(CRITIQUES), Critique)),
            analysis=analysis,
            attempts=execution.attempts,
            ledger=execution.ledger,
            folder=work.folder,
        )
        manuscript = write(work, material, writing_plan)
    with work.phase("review"):
        _, build = review(work, material, manuscript, writing_plan)
        audit = audit_run(work.folder)
        work.folder.save(AUDIT, audit)
    hear(work, researcher, "writing", _summary(build, audit))
    if not audit.passed:
        first = audit.findings[0]
        raise AuditFailed(
            f"The paper failed its audit with {len(audit.findings)} findings, the first in {first.where}: {first.text} "
            f"See them all with: nanoresearch audit {work.folder.id}"
        )
    return audit


def hear(work: Workplace, researcher: FeedbackSource, stage: Stage, summary: str) -> None:
    """Ask the researcher about a stage, once for each run, and keep the words."""
    heard = read_lines(work.folder.path(FEEDBACK), Feedback)
    if any(item.stage == stage for item in heard):
        return
    text = researcher.ask(stage, summary)
    outcome = "recorded" if text else "nothing said"
    time = now_utc().isoformat(timespec="seconds")
    work.folder.append(FEEDBACK, Feedback(stage=stage, text=text, source=researcher.name, time=time, outcome=outcome))
    if text:
        work.events.emit("decision", f"feedback on {stage}: {text[:200]}")


def _summary(build: Build, audit: Audit) -> str:
    pages = f"{build.pages} pages" if build.ok else "no PDF"
    verdict = "passed its audit" if audit.passed else f"failed its audit ({len(audit.findings)} findings)"
    return f"The paper ({pages}) {verdict}."
