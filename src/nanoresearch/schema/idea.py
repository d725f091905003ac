"""What ideation yields: a survey, gaps, hypotheses and novelty verdicts."""

from typing import Literal

from nanoresearch.schema.paper import Evidence, Paper, ScoredPaper
from nanoresearch.schema.record import Record


class Query(Record):
    """A question put to the literature and what came back."""

    text: str
    """Search words."""
    source: str
    """Client asked."""
    hits: int
    """Records returned."""


class SearchRecord(Record):
    """A search of all sources, as it is kept in a run."""

    papers: tuple[ScoredPaper, ...]
    """Distinct works, best first."""
    queries: tuple[Query, ...]
    """Every question asked."""
    degraded: tuple[str, ...]
    """Sources that failed, in words."""


class Gap(Record):
    """Something the surveyed works leave open."""

    id: str
    """Short name."""
    text: str
    """The gap in a sentence."""
    papers: tuple[str, ...] = ()
    """Keys of the works it was read from."""


class SetAside(Record):
    """A hypothesis that is not proposed again."""

    statement: str
    """The claim."""
    reason: str
    """Why not, in a sentence."""
    memory: str
    """Memory that says so."""


class Survey(Record):
    """The literature a run stands on."""

    queries: tuple[Query, ...]
    """Every query made."""
    papers: tuple[Paper, ...]
    """Works kept, most relevant first; the only ones the paper may cite besides data and software."""
    evidence: tuple[Evidence, ...]
    """Reported scores found in their text."""
    gaps: tuple[Gap, ...]
    """Open questions."""
    degraded: tuple[str, ...] = ()
    """Sources that failed, in words; empty when all answered."""
    set_aside: tuple[SetAside, ...] = ()
    """What this researcher's own earlier experiments have refuted under these conditions."""


class Hypothesis(Record):
    """A statement that an experiment can refute."""

    id: str
    """Short name."""
    statement: str
    """The claim."""
    rationale: str
    """Why it may hold."""
    prediction: str
    """What the experiment must show if it holds."""
    gap: str | None = None
    """Gap it addresses."""
    study: str
    """Experiment family that can test it."""
    components: tuple[str, ...]
    """What is added to the baseline."""
    datasets: tuple[str, ...]
    """Data sets proposed."""
    score: float = 0.0
    """Preference before novelty, higher is better."""


class ClosestWork(Record):
    """A prior work near a hypothesis."""

    paper: str
    """Key."""
    title: str
    """Title."""
    similarity: float
    """Share of the hypothesis' distinctive terms that the work's title and abstract cover, 0 to 1."""
    shared_terms: tuple[str, ...]
    """Those terms."""


class NoveltyVerdict(Record):
    """Whether prior work already covers a hypothesis."""

    hypothesis: str
    """Its id."""
    verdict: Literal["novel", "incremental", "covered"]
    """Covered hypotheses are not pursued."""
    reason: str
    """In a sentence."""
    closest: tuple[ClosestWork, ...]
    """Closest first."""
    searched: int
    """Records compared."""


class Proposal(Record):
    """A hypothesis with the terms that set it apart, for the novelty search."""

    hypothesis: Hypothesis
    """The claim."""
    distinctive_terms: tuple[str, ...]
    """What a work must speak of to have done it already."""
    based_on: tuple[str, ...] = ()
    """Keys of the works it builds on."""


class Ideas(Record):
    """All candidates of a run."""

    proposals: tuple[Proposal, ...]
    """Preferred first."""
    informed_by: tuple[str, ...] = ()
    """Skills and memories that shaped them."""
    works: tuple[Paper, ...] = ()
    """Works that they build on and that were found after the survey; they join it."""


class NoveltyReport(Record):
    """What the novelty search found, and what was chosen for it."""

    verdicts: tuple[NoveltyVerdict, ...]
    """One for each candidate, in their order."""
    chosen: str
    """Id of the hypothesis pursued."""
    reason: str
    """Why that one, in a sentence."""
    works: tuple[Paper, ...] = ()
    """Works closest to it that the survey lacks, where somebody read them again; they join it."""
