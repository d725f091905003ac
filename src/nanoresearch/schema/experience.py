"""What is learned across runs: skills are reusable procedures, memories belong to a user and a project."""

from typing import Literal

from nanoresearch.schema.record import Record


class Skill(Record):
    """A compact procedural rule."""

    id: str
    """Name."""
    kind: Literal["ideation", "planning", "coding", "debugging", "writing"]
    """Phase it serves."""
    when: str
    """When it applies."""
    what: str
    """What to do."""
    tags: tuple[str, ...] = ()
    """For retrieval."""


class Memory(Record):
    """Something this user and project lived through."""

    id: str
    """Name."""
    text: str
    """What happened."""
    conditions: dict[str, str]
    """Under which conditions (dataset, task, method, metric, hardware, ...)."""
