"""What is learned across runs: skills are reusable procedures, memories belong to a user and a project."""

from typing import Any, Literal

from pydantic import Field

from nanoresearch.schema.record import Record

SkillKind = Literal["ideation", "planning", "coding", "debugging", "writing"]
SkillStatus = Literal["candidate", "trusted", "retired"]
SkillOrigin = Literal["reflected", "imported", "written"]
MemoryKind = Literal["hypothesis", "configuration", "resource", "decision"]
Outcome = Literal["supported", "refuted", "inconclusive", "validated", "failed", "noted"]
MOST = 10**9
"""Largest count of an entry."""
Conditions = dict[str, tuple[str, ...]]
"""Property (dataset, study, component, metric, hardware, ...) -> the values under which something holds."""


class Remedy(Record):
    """The part of a skill that a crew can act on without reading its words."""

    crew: str
    """Crew whose vocabulary this is."""
    action: str
    """What is done, such as fix, mend or prefer."""
    target: str
    """What it is done with, in that crew's vocabulary."""
    scope: str = ""
    """Family of studies it belongs to; empty for all."""


class Skill(Record):
    """A compact procedural rule. Names no run, path, user or number of one data set."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    """Name, also as an Agent Skill."""
    kind: SkillKind
    """Phase it serves."""
    when: str = Field(min_length=1, max_length=1000)
    """When it applies, one sentence."""
    what: str = Field(min_length=1, max_length=20000)
    """What to do."""
    trigger: str = ""
    """Normalised signature of the trouble that it answers, such as an error's; empty for none."""
    tags: tuple[str, ...] = ()
    """For retrieval."""
    remedy: Remedy | None = None
    """What a crew can act on."""
    status: SkillStatus = "candidate"
    """Unproven, confirmed in two projects, or out of use."""
    origin: SkillOrigin = "reflected"
    """Where it comes from."""
    seen: int = Field(1, ge=1, le=MOST)
    """How often it was distilled anew; near-duplicates add up here."""
    uses: int = Field(0, ge=0, le=MOST)
    """How often it was put to use."""
    successes: int = Field(0, ge=0, le=MOST)
    """Uses after which things went well."""
    failures: int = Field(0, ge=0, le=MOST)
    """Uses after which they did not."""
    projects: tuple[str, ...] = ()
    """Digests of the projects in which its use succeeded; that in which it was distilled is not one of them."""
    created: str = ""
    """ISO time, UTC."""
    updated: str = ""
    """ISO time of the last use or merge, UTC."""


class Memory(Record):
    """Something that a user and a project lived through."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)
    """Name."""
    kind: MemoryKind
    """What it is about."""
    profile: str
    """Whose it is."""
    project: str
    """Digest of the project."""
    run: str
    """Run in which it was made, the last one when several agree."""
    text: str = Field(min_length=1, max_length=20000)
    """What happened, in a sentence or two."""
    conditions: Conditions
    """Under which conditions. It is never recalled where one of these properties is known and shares no value."""
    outcome: Outcome
    """How it ended."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """What a crew can act on, in its own vocabulary."""
    tags: tuple[str, ...] = ()
    """For retrieval."""
    seen: int = Field(1, ge=1, le=MOST)
    """How often the same was lived through."""
    created: str = ""
    """ISO time, UTC."""
    updated: str = ""
    """ISO time, UTC."""
    expires: str | None = None
    """ISO time after which it is not recalled; None for never."""
    superseded_by: str | None = None
    """Newer memory under the same conditions that took its place."""


class Situation(Record):
    """What retrieval knows about the moment."""

    kind: SkillKind
    """Kind of skill wanted."""
    profile: str
    """Whose memories."""
    project: str
    """Digest of the project."""
    text: str
    """Topic, hypothesis or error, in words."""
    tags: tuple[str, ...] = ()
    """Techniques, kinds of data, tasks."""
    conditions: Conditions = Field(default_factory=dict)
    """What is known to hold. A property that is not here is unknown."""


class Score(Record):
    """Why an entry was retrieved: parts between 0 and 1, and their weighted sum."""

    keyword: float
    """Match of words (BM25), 1 for the best match."""
    tags: float
    """Share of the situation's tags that the entry has."""
    recency: float
    """1 for now, halved with every half-life."""
    usage: float = 0.0
    """How often it was used; skills only."""
    confidence: float = 0.0
    """Mean of the posterior that it helps; skills only."""
    total: float
    """Weighted sum."""


class RetrievedSkill(Record):
    """A skill with its score."""

    skill: Skill
    """Entry."""
    score: Score
    """Why."""


class RetrievedMemory(Record):
    """A memory with its score."""

    memory: Memory
    """Entry."""
    score: Score
    """Why."""


class Recall(Record):
    """What was retrieved at one moment of a run, best first."""

    situation: Situation
    """For what."""
    skills: tuple[RetrievedSkill, ...] = ()
    """Skills."""
    memories: tuple[RetrievedMemory, ...] = ()
    """Memories."""


class Credit(Record):
    """What came of a skill that was retrieved and used."""

    skill: str
    """Its id."""
    helped: bool
    """Whether things went well."""
    why: str
    """In a sentence."""


class Lessons(Record):
    """What a stage of a run taught."""

    skills: tuple[Skill, ...] = ()
    """New rules, or known ones again."""
    memories: tuple[Memory, ...] = ()
    """What was lived through."""
    credits: tuple[Credit, ...] = ()
    """What came of skills that were used."""


class Absorbed(Record):
    """What became of a stage's lessons in the store."""

    new_skills: tuple[str, ...] = ()
    """Ids."""
    merged_skills: tuple[str, ...] = ()
    """Ids of entries that took in a near-duplicate."""
    new_memories: tuple[str, ...] = ()
    """Ids."""
    superseded: tuple[str, ...] = ()
    """Memories whose place was taken."""
    promoted: tuple[str, ...] = ()
    """Skills that became trusted."""
    retired: tuple[str, ...] = ()
    """Skills that were retired."""
    rejected: tuple[str, ...] = ()
    """Entries that the linter kept out, each with the reason."""


class HistoryEntry(Record):
    """One event in the life of a skill or memory."""

    time: str
    """ISO time, UTC."""
    event: Literal[
        "created", "merged", "used", "credited", "debited", "promoted", "retired", "restored", "imported",
        "superseded", "confirmed",
    ]  # fmt: skip
    """What happened."""
    run: str = ""
    """Run in which it happened; empty for a command."""
    project: str = ""
    """Digest of the project."""
    note: str = ""
    """In words."""
