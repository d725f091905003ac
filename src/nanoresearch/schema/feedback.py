"""What the researcher said."""

from typing import Literal

from nanoresearch.schema.record import Record

Stage = Literal["ideation_and_planning", "experiments", "writing"]


class Feedback(Record):
    """Words at the end of a stage."""

    stage: Stage
    """Stage commented on."""
    text: str
    """Verbatim; empty when nothing was said."""
    source: str
    """Console, file or none."""
    time: str
    """ISO time, UTC."""
    adapter_version: int | None = None
    """Planner version that the words led to; None when nothing was learned."""
    outcome: str = ""
    """What became of it, in words."""
