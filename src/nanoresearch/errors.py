"""Errors that a user can act on. Anything else that escapes is a defect of ours."""


class NanoResearchError(Exception):
    """Something went wrong that the message explains; the command line prints it and exits with exit_code."""

    exit_code = 1


class UsageError(NanoResearchError):
    """The command or its arguments are wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration or profile file cannot be used."""


class TopicRefused(NanoResearchError):
    """The chosen crew cannot serve this topic honestly."""


class BlueprintRejected(NanoResearchError):
    """No draft passed the critic within the retry limit."""


class DatasetError(NanoResearchError):
    """A data set is missing, damaged or cannot be fetched."""


class LiteratureError(NanoResearchError):
    """A literature source failed."""


class ExecutionError(NanoResearchError):
    """The experiment did not succeed within its budget of tries and time."""


class PaperError(NanoResearchError):
    """The manuscript cannot be rendered."""


class CorruptRecord(NanoResearchError):
    """A file of a run folder cannot be read."""


class RunLocked(NanoResearchError):
    """Another process is working on this run."""


class BudgetExceeded(NanoResearchError):
    """A cap on time or money was reached; the run can be resumed."""

    exit_code = 3


class SittingEnded(BudgetExceeded):
    """The time of one sitting is used up, which tells nothing about the run."""


class ModelError(NanoResearchError):
    """A language model cannot be reached or used, or its reply is of no use."""


class AuditFailed(NanoResearchError):
    """The paper was written but does not hold up."""

    exit_code = 4


class StoreError(NanoResearchError):
    """Skills and memories cannot be read or written."""
