"""What can go wrong with a planner, in words that a user can act on."""

from nanoresearch.errors import NanoResearchError


class PlannerError(NanoResearchError):
    """A planner cannot be used or cannot learn."""


class ModelUnusable(PlannerError):
    """A base model is missing, damaged or of a kind that cannot plan."""


class AdapterUnusable(PlannerError):
    """A user's adapter is damaged or belongs to another base model."""


class PlannerBusy(PlannerError):
    """Another process is updating this user's planner."""
