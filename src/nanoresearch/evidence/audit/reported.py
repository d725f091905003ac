"""Whether every score that the survey reports stands in its source, as far as the run keeps the source's words."""

from collections.abc import Iterator

from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.literature.evidence import is_verbatim, source_text
from nanoresearch.schema.paper import Evidence, Paper


def check_reported(case: Case) -> Iterator[Doubt]:
    """Quotes against title, abstract and the kept passages of the work; both records of the evidence alike."""
    papers = {paper.key: paper for paper in case.survey.papers}
    for record in case.survey.evidence:
        paper = papers.get(record.paper)
        if paper is None:
            yield names.SURVEY, f"reports a score of {record.paper}, which it did not retrieve"
        elif not is_verbatim(record, _text(case, paper)):
            yield (
                names.SURVEY,
                f"reports {record.metric} {record.value:g} of {record.paper}, which is not in its source",
            )
    if tuple(case.lines(names.EVIDENCE, Evidence, empty=True)) != case.survey.evidence:
        yield names.EVIDENCE, "does not hold the survey's evidence"


def _text(case: Case, paper: Paper) -> str:
    passages = f"{names.TEXTS}/{paper.key}.txt"
    return f"{source_text(paper)}\n{case.text(passages)}" if case.folder.has(passages) else source_text(paper)
