"""The audit: whether a run's paper holds up, told from the files of the run alone.

Fails closed: a file that is missing, unreadable or unexpected is a finding, and a check that cannot be finished is one
too. It does not run the experiment again, and it cannot tell a run whose files were all forged to agree.
"""

from collections.abc import Iterator
from contextlib import suppress

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.audit.blueprint import check_blueprint
from nanoresearch.evidence.audit.build import check_build
from nanoresearch.evidence.audit.case import Case, Check, Doubt
from nanoresearch.evidence.audit.citations import check_citations
from nanoresearch.evidence.audit.figures import check_figures
from nanoresearch.evidence.audit.files import check_files
from nanoresearch.evidence.audit.integrity import check_integrity
from nanoresearch.evidence.audit.method import check_method
from nanoresearch.evidence.audit.names import PAPER_TEX
from nanoresearch.evidence.audit.numbers import check_numbers
from nanoresearch.evidence.audit.provenance import check_provenance
from nanoresearch.evidence.audit.reported import check_reported
from nanoresearch.paths import RunFolder
from nanoresearch.schema.audit import Audit, AuditFinding

CHECKS: dict[str, Check] = {
    "files": check_files,
    "blueprint": check_blueprint,
    "provenance": check_provenance,
    "numbers": check_numbers,
    "citations": check_citations,
    "evidence": check_reported,
    "figures": check_figures,
    "method": check_method,
    "build": check_build,
    "integrity": check_integrity,
}
"""Every check, in the order in which their findings are listed."""


def audit_run(folder: RunFolder) -> Audit:
    """Every check of a run's paper. Never raises for what is in the folder, and changes nothing there."""
    case = Case(folder)
    checks = {"files": _unfinished} if any(_unfinished(case)) else CHECKS
    findings = tuple(finding for name, check in checks.items() for finding in _findings(name, check, case))
    return Audit(
        passed=not findings,
        findings=findings,
        numbers_checked=case.numbers_checked,
        citations_checked=case.citations_checked,
        paper_sha256=case.digest("paper/paper.tex"),
        unverified=tuple(case.unverified),
    )


def _unfinished(case: Case) -> Iterator[Doubt]:
    """A run that stopped before there was a paper lacks one thing, not a dozen."""
    if case.folder.has(PAPER_TEX):
        return
    with suppress(CorruptRecord):
        if case.run.status not in ("done", "failed_audit"):
            yield PAPER_TEX, f"this run is not finished; go on with: nanoresearch resume {case.run.id}"


def _findings(name: str, check: Check, case: Case) -> list[AuditFinding]:
    doubts = []
    try:
        for doubt in check(case):
            doubts.append(doubt)
    # Whatever a damaged or hostile file sets off: a check that did not end is no pass.
    except Exception as error:  # noqa: BLE001
        reason = str(error).splitlines()[0] if str(error) else ""
        doubts.append(("audit", f"the check could not be finished ({type(error).__name__}): {reason}"))
    return [AuditFinding.model_validate({"check": name, "where": where, "text": text}) for where, text in doubts]
