"""The head record of a run."""

from typing import Any, Literal

from pydantic import Field

from nanoresearch.schema.isolation import Isolation
from nanoresearch.schema.profile import Profile
from nanoresearch.schema.record import Record
from nanoresearch.schema.setup import SoftwareEnvironment

Status = Literal["running", "interrupted", "failed", "stopped_by_budget", "done", "failed_audit"]


class PhaseCost(Record):
    """What one phase took, summed over resumes."""

    seconds: float = 0.0
    """Wall-clock time."""
    model_calls: int = 0
    """Calls of language models, replayed ones left out."""
    tokens: int = 0
    """Tokens in and out."""
    cost_usd: float = 0.0
    """Price, as far as it is known."""
    unpriced_calls: int = 0
    """Calls among them whose price is not known: their tokens are counted, their cost is not."""
    lost_calls: int = 0
    """Calls that were on their way when the process was killed. Their replies are lost; the provider may charge for
    them, and neither tokens nor cost_usd hold them."""
    lost_tokens_estimate: int = 0
    """Tokens that lost calls may have taken at most: never measured, counted against a cap only."""
    lost_cost_usd_estimate: float = 0.0
    """Price of those tokens, as far as it is known: likewise."""
    lost_priced_calls: int = 0
    """Lost calls that lost_cost_usd_estimate holds. Of the others the note cannot be read or says too little, or the
    price is not known."""
    models: tuple[str, ...] = ()
    """Models that replied, in order of their first reply; "scripted:" ones are no language models."""
    skills_retrieved: int = 0
    """Skills put before the planner and the crew."""
    memories_retrieved: int = 0
    """Memories likewise."""
    planner_version: int | None = None
    """Version of the planner's weights."""


class RunRecord(Record):
    """What a run is and how far it got."""

    id: str
    """Folder name."""
    topic: str
    """Verbatim."""
    profile: Profile
    """Snapshot at the start."""
    config: dict[str, Any]
    """Resolved configuration."""
    seed: int
    """Seed of everything random."""
    versions: dict[str, str]
    """Python, the package and the libraries experiments use."""
    status: Status
    """Where it stands."""
    step: str = ""
    """Last step begun."""
    reason: str = ""
    """Why it stopped, in words."""
    created: str
    """ISO time, UTC."""
    updated: str
    """ISO time, UTC."""
    isolation: Isolation | None = None
    """What kept its experiments apart from the rest of the machine; the weakest over all sittings and nodes."""
    phases: dict[str, PhaseCost] = Field(default_factory=dict)
    """Costs per phase."""
    attempts: int = 0
    """Executions of the experiment."""
    failed_attempts: int = 0
    """Those that did not succeed."""
    experiment_cpu_seconds: float = 0.0
    """Processor time of all experiment processes."""
    environment: SoftwareEnvironment | None = None
    """Environment of the last execution, where one was made for the codebase; `versions` are those of this Python."""
    experiment_seconds: float = 0.0
    """Wall-clock time of all attempts."""
