"""What can go wrong with a planner, in words that a user can act on."""

from nanoresearch.errors import CorruptRecord, NanoResearchError


class PlannerError(NanoResearchError):
    """A planner cannot be used or cannot learn."""


class ModelUnusable(PlannerError):
    """A base model is missing, damaged or of a kind that cannot plan."""


class AdapterUnusable(PlannerError):
    """A user's adapter is damaged or belongs to another base model."""


class PlannerBusy(PlannerError):
    """Another process is updating this user's planner."""


FAULTS = (PlannerError, CorruptRecord, ImportError, OSError, RuntimeError)
"""What a planner that learns can meet: its own errors, damaged files, broken libraries, a full disk or GPU."""
