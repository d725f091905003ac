"""Stage I, first half: survey, hypotheses, novelty, and the choice of one."""

from collections.abc import Sequence
from dataclasses import dataclass

from nanoresearch.crew.roles import Briefing
from nanoresearch.literature.novelty import Comparison, compare_with_literature, known_as, verify_novelty
from nanoresearch.literature.recorded import RecordedSearch
from nanoresearch.paths import json_lines, write_atomic
from nanoresearch.schema.idea import Hypothesis, Ideas, NoveltyReport, NoveltyVerdict, Survey
from nanoresearch.schema.paper import Paper
from nanoresearch.stages.workplace import Workplace

SURVEY = "ideation/survey.json"

PENALTY = {"novel": 0.0, "incremental": 1.0, "covered": 100.0}
"""Taken from a hypothesis' score: novelty decides between equals, and covered ones come last."""


@dataclass(frozen=True)
class Ideation:
    """What ideation hands on."""

    survey: Survey
    ideas: Ideas
    novelty: NoveltyReport
    hypothesis: Hypothesis


def ideate(work: Workplace) -> Ideation:
    """Survey the field, propose hypotheses, verify their novelty, choose."""
    briefing = work.begin("ideation")
    survey = work.once(SURVEY, Survey, lambda: work.crew.surveyor.survey(briefing, work.literature))
    write_atomic(work.folder.path("ideation/evidence.jsonl"), json_lines(survey.evidence))
    for text in survey.degraded:
        work.events.emit("degraded", text)
    for known in survey.set_aside:
        work.events.emit("decision", f"not proposed again: {known.statement}, since {known.reason}")
    ideas = work.once("ideation/hypotheses.json", Ideas, lambda: work.crew.ideator.propose(briefing, survey))
    survey = _joined(work, survey, ideas.works)
    novelty = work.once("ideation/novelty.json", NoveltyReport, lambda: _verify(work, briefing, survey, ideas))
    survey = _joined(work, survey, novelty.works)
    hypothesis = next(item.hypothesis for item in ideas.proposals if item.hypothesis.id == novelty.chosen)
    work.events.emit("decision", f"hypothesis: {hypothesis.statement}")
    return Ideation(survey, ideas, novelty, hypothesis)


def _joined(work: Workplace, survey: Survey, found: Sequence[Paper]) -> Survey:
    """The survey with works that were found after it, kept as such: what a paper may cite stands in one place."""
    known = {paper.key for paper in survey.papers}
    new = tuple({paper.key: paper for paper in found if paper.key not in known}.values())
    if not new:
        return survey
    survey = survey.model_copy(update={"papers": (*survey.papers, *new)})
    work.folder.save(SURVEY, survey)
    return survey


def _verify(work: Workplace, briefing: Briefing, survey: Survey, ideas: Ideas) -> NoveltyReport:
    reader = work.crew.novelty
    works: tuple[Paper, ...] = ()
    if reader is None:
        verdicts = tuple(
            verify_novelty(item.hypothesis, item.distinctive_terms, work.literature) for item in ideas.proposals
        )
    else:
        search = RecordedSearch(work.literature, work.folder)
        compared: list[Comparison] = []
        known = {paper.key: paper for paper in survey.papers}
        for item in ideas.proposals:
            found = compare_with_literature(item.hypothesis, item.distinctive_terms, search)
            compared.append(known_as(found, tuple(known.values())))
            known |= {paper.key: paper for paper in compared[-1].found if paper.key not in known}
        reading = reader.read(briefing, ideas.proposals, compared)
        verdicts, works = reading.verdicts, reading.works
    ranked = sorted(
        zip(ideas.proposals, verdicts, strict=True),
        key=lambda pair: PENALTY[pair[1].verdict] - pair[0].hypothesis.score,
    )
    proposal, verdict = ranked[0]
    named = {item.paper for item in verdict.closest if item.similarity > 0}
    return NoveltyReport(
        verdicts=verdicts,
        chosen=proposal.hypothesis.id,
        reason=_why(verdict, verdicts),
        works=tuple(paper for paper in works if paper.key in named),
    )


def _why(chosen: NoveltyVerdict, verdicts: tuple[NoveltyVerdict, ...]) -> str:
    if chosen.verdict == "covered":
        return "prior work covers every candidate; the preferred one is pursued as a replication"
    covered = sum(verdict.verdict == "covered" for verdict in verdicts)
    left_out = f"; {covered} candidate(s) were set aside as covered by prior work" if covered else ""
    return f"the preferred candidate is {chosen.verdict}{left_out}"
