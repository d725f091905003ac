"""What a model may say of findings in words alone: no numbers, no other verdict, no direction that was not found."""

from dataclasses import dataclass

from nanoresearch.crew.builtin.reviewer import BAD, GOOD, HEDGED
from nanoresearch.evidence.audit.integrity import against
from nanoresearch.evidence.audit.literals import literals
from nanoresearch.paper.escape import latex
from nanoresearch.schema.analysis import Analysis, Finding

LONGEST = 90
"""Words on one finding."""


@dataclass(frozen=True)
class Evidence:
    """What an interpretation is held against."""

    analysis: Analysis
    names: frozenset[str]
    """Names that may hold digits, LaTeX."""

    @property
    def findings(self) -> dict[str, Finding]:
        """By id."""
        return {finding.id: finding for finding in self.analysis.findings}

    def fault(self, text: str) -> str:
        """What cannot stand in a piece of text, or nothing."""
        shown = latex(text)
        if not text.strip():
            return "it is empty"
        if found := literals(shown, self.names):
            return f"it has numbers ({', '.join(found[:5])}); use words alone"
        if said := against(self.analysis.verdict, shown):
            return f'it says "{said[0]}", but the hypothesis is {self.analysis.verdict}'
        return f"it has more than {LONGEST} words" if len(text.split()) > LONGEST else ""

    def fault_of(self, finding_id: str, text: str) -> str:
        """What is wrong with the reading of one finding, or nothing."""
        finding = self.findings.get(finding_id)
        if finding is None:
            return f"there is no finding {finding_id!r}"
        claimed = (GOOD.search(text) or BAD.search(text)) and not HEDGED.search(text)
        if finding.verdict in ("no_difference", "note") and claimed:
            return f"it claims a direction, but the finding is: {finding.verdict.replace('_', ' ')}"
        return self.fault(text)
