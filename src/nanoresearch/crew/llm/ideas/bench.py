"""What an ideator works at: the works before it, what it may still look up, and the ideas it has put forward.

The tools look up and change nothing but this record. A resumed conversation builds it anew, with searches and texts
from the run's own files.
"""

import re
from dataclasses import dataclass, field

from anyascii import anyascii
from pydantic import BaseModel, Field

from nanoresearch.crew.llm.desk import Desk, material
from nanoresearch.crew.llm.ideas.refuted import SAME_CLAIM, alike, content, refuted_before
from nanoresearch.crew.llm.ideas.shelf import Shelf, in_latin_script, listed
from nanoresearch.crew.roles import Briefing
from nanoresearch.errors import LiteratureError
from nanoresearch.experience.words import occurs, words
from nanoresearch.literature.recorded import RecordedSearch
from nanoresearch.paths import write_atomic
from nanoresearch.schema.idea import Survey
from nanoresearch.schema.plan import IdeationGuidance

READ_TEXTS = "ideation/read"
"""Folder of the run with the PDF texts that were read while ideas were sought."""
SEARCHES, READS, LOOKS = 10, 15, 15
"""How often each tool may be used."""
HITS = 8
PAGE = 6_000
"""Characters of a page."""
PAGES = 10
MOST_COMPONENTS = 3
"""A study of three components has up to eight variants."""
COUNTS = {"isolate": 1, "pairs": 2}
"""Components of a hypothesis that a strategy fixes."""


class CandidateComponent(BaseModel):
    """One thing that is added to the baseline."""

    name: str = Field(min_length=2, max_length=60, description="Short name, such as 'label smoothing'.")
    what: str = Field(min_length=10, max_length=400, description="What it does and why it should help, one sentence.")


class Candidate(BaseModel):
    """One hypothesis, as it is proposed."""

    statement: str = Field(
        min_length=20, max_length=400, description="The claim: what changes what, where. One sentence."
    )
    rationale: str = Field(min_length=20, max_length=1500, description="Why it may hold.")
    prediction: str = Field(
        min_length=20,
        max_length=500,
        description="What the experiment shows if the claim holds, and would not show otherwise: which measure, which "
        "way, against which comparison. No invented numbers.",
    )
    components: list[CandidateComponent] = Field(
        min_length=1, max_length=MOST_COMPONENTS, description="What is added to the baseline; each can be left out."
    )
    datasets: list[str] = Field(
        min_length=1, max_length=6, description="Data sets wished: ids of the given list first."
    )
    distinctive_terms: list[str] = Field(
        min_length=2,
        max_length=6,
        description="Phrases of 2 to 4 words that any paper that had done this already would contain.",
    )
    based_on: list[str] = Field(max_length=12, description="Keys of works it builds on.")
    gap: str | None = Field(None, description="Id of the gap that it speaks to, or null.")


@dataclass
class Bench:
    """One sitting of the ideator."""

    desk: Desk
    briefing: Briefing
    guidance: IdeationGuidance
    survey: Survey
    shelf: Shelf
    candidates: dict[str, Candidate] = field(default_factory=dict)
    """Accepted so far, by id."""
    used: dict[str, int] = field(default_factory=dict)
    """How often each tool was used."""
    asked_for_more: bool = False

    def search(self, query: str) -> str:
        """Works for a query, from every source; what is broken says so."""
        if refusal := self._spend("search", SEARCHES):
            return refusal
        if not content(query):
            return "The query has no words to search for."
        outcome = RecordedSearch(self.desk.literature, self.desk.folder)((query[:200],), HITS)
        works = [self.shelf.take(hit.paper) for hit in outcome.papers[:HITS]]
        if not works:
            return "No source answered." if outcome.failed else "Nothing was found."
        left = SEARCHES - self.used["search"]
        return f"{listed(works, 500)}\n({left} searches left; read(key) shows more of a work)"

    def read(self, key: str, page: int) -> str:
        """A page of a work: its abstract, then the text of its PDF where the user has it."""
        paper = self.shelf.papers.get(key)
        if paper is None:
            return f"There is no work {key[:80]!r}. Use a key from the survey or from a search."
        if refusal := self._spend("read", READS):
            return refusal
        if page <= 1:
            more = " Its PDF can be read from page 2 on." if self._text(key) else ""
            return f"{listed([paper], PAGE)}\n(abstract only.{more})"
        text = self._text(key)
        start = (page - 2) * PAGE
        if start >= len(text):
            return f"{key} has no page {page}." if text else f"Of {key} only the abstract is at hand (page 1)."
        last = 1 + -(-len(text) // PAGE)
        return f"{material('page of a work', text[start : start + PAGE], key)}\n(page {page} of {last})"

    def evidence(self, query: str) -> str:
        """Reported scores whose record shares words with the query, best match first."""
        if refusal := self._spend("evidence", LOOKS):
            return refusal
        sought = set(words(query))
        scored = [
            (len(sought & set(words(f"{item.method} {item.dataset} {item.metric} {item.quote}"))), item)
            for item in self.survey.evidence
        ]
        found = [item for shared, item in sorted(scored, key=lambda pair: -pair[0]) if shared][:10]
        if not found:
            return "No reported score of the survey has these words."
        return "\n".join(material("reported score", item.quote, item.paper) for item in found)

    def propose(self, candidate: Candidate) -> str:
        """Take a candidate in, or say what is wrong with it."""
        if len(self.candidates) >= self.guidance.hypotheses:
            return f"There are {len(self.candidates)} candidates already, as many as are wanted. Finish now."
        if complaint := self._complaint(candidate):
            return f"Refused: {complaint}"
        name = f"h{len(self.candidates) + 1}"
        self.candidates[name] = candidate
        missing = self.guidance.hypotheses - len(self.candidates)
        return f"Accepted as {name}. " + (f"{missing} more wanted." if missing else "Finish now with the final result.")

    def _complaint(self, candidate: Candidate) -> str:
        told = (candidate.statement, candidate.rationale, candidate.prediction, *candidate.distinctive_terms)
        if not all(in_latin_script(text) for text in (*told, *(item.name for item in candidate.components))):
            return "write it in English, whatever the language of topic and works."
        unknown = [key for key in candidate.based_on if key not in self.shelf.papers]
        if unknown:
            return f"no work of the survey or of a search has the key {unknown[0][:80]!r}."
        if self.shelf.papers and not candidate.based_on:
            return "based_on names no work. Name those that it builds on."
        if candidate.gap is not None and candidate.gap not in {gap.id for gap in self.survey.gaps}:
            return f"there is no gap {candidate.gap[:80]!r}; use an id of the given gaps, or null."
        if not all(content(term) for term in candidate.distinctive_terms):
            return "a distinctive term says nothing by itself. Use phrases that name the technique, data or matter."
        if complaint := self._about_components(candidate):
            return complaint
        names = [item.name for item in candidate.components]
        known = refuted_before(candidate.statement, names, self.survey.set_aside, self.briefing.memories)
        if known is not None:
            return f"an earlier experiment of this researcher refuted it ({known.memory}). Propose something else."
        for name, other in self.candidates.items():
            same = {slug(item.name) for item in other.components} == {slug(item) for item in names}
            if same and alike(candidate.statement, other.statement) >= SAME_CLAIM:
                return f"it says the same as {name}."
        return ""

    def _about_components(self, candidate: Candidate) -> str:
        names = [item.name for item in candidate.components]
        if len({slug(name) for name in names}) < len(names) or not all(slug(name) for name in names):
            return "components need different names."
        wanted = COUNTS.get(self.guidance.strategy)
        if wanted is not None and len(names) != wanted:
            return f"the plan asks for hypotheses with exactly {wanted} component{'s' if wanted > 1 else ''}."
        for unwanted in (*self.guidance.avoid_tags, *self.briefing.profile.taboos):
            if hit := next((name for name in names if occurs(unwanted, name)), None):
                return f"the component {hit!r} is what the researcher does not want ({unwanted})."
        return ""

    def _spend(self, tool: str, most: int) -> str:
        if self.used.get(tool, 0) >= most:
            return f"The {most} uses of {tool} are spent. Propose with what you know, then finish."
        self.used[tool] = self.used.get(tool, 0) + 1
        return ""

    def _text(self, key: str) -> str:
        """Text of a work's PDF, empty where there is none. Read from the library once in a run."""
        kept = self.desk.folder.path(f"{READ_TEXTS}/{key}.txt")
        if kept.exists():
            return kept.read_text(encoding="utf-8")
        try:
            text = self.desk.library.text_of(self.shelf.papers[key]) if self.desk.library is not None else None
        except LiteratureError as error:
            self.desk.events.emit("degraded", f"a text of the library could not be read: {error}")
            return ""
        if text:
            write_atomic(kept, text[: PAGES * PAGE])
        return (text or "")[: PAGES * PAGE]


def slug(name: str) -> str:
    """Name in code: "Label smoothing" gives label_smoothing; empty where nothing is left."""
    plain = re.sub(r"[^a-z0-9]+", "_", anyascii(name).lower()).strip("_")[:40].strip("_")
    return plain if not plain[:1].isdigit() else f"c_{plain}"
