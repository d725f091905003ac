"""One sitting with a run: start or resume it, and leave it in a state that says how it ended."""

import sys
from collections.abc import Sequence

from nanoresearch.assemble import Limits, open_workplace
from nanoresearch.errors import AuditFailed, BudgetExceeded, NanoResearchError
from nanoresearch.events import EVENTS, EventFile, Events, Listener
from nanoresearch.paths import Home, RunFolder
from nanoresearch.pipeline import run_pipeline
from nanoresearch.researcher.source import FeedbackSource
from nanoresearch.runlog import RunLog
from nanoresearch.schema.audit import Audit
from nanoresearch.schema.run import Status

FINISHED: tuple[Status, ...] = ("done", "failed_audit")


def carry_on(
    home: Home,
    folder: RunFolder,
    researcher: FeedbackSource,
    *listeners: Listener,
    limits: Limits | None = None,
    unsafe: bool = False,
) -> Audit:
    """Take a run as far as it goes. `limits` cap this sitting; `unsafe` runs its experiments without a sandbox.

    Whatever happens is noted in run.json before it is raised: NanoResearchError, KeyboardInterrupt, and errors of ours.
    """
    with folder.lock():
        try:
            work = open_workplace(home, folder, *listeners, limits=limits, unsafe=unsafe)
            work.log.running()
            try:
                audit = run_pipeline(work, researcher)
            finally:
                work.crew.close(sys.exception())
        except AuditFailed as error:
            _note(folder, listeners, "failed_audit", str(error))
            raise
        except BudgetExceeded as error:
            _note(folder, listeners, "stopped_by_budget", str(error))
            raise
        except NanoResearchError as error:
            _note(folder, listeners, "failed", str(error))
            raise
        except KeyboardInterrupt:
            _note(folder, listeners, "interrupted", "stopped by the user")
            raise
        except Exception as error:  # a defect of ours: the run must still say that it failed, and why
            _note(folder, listeners, "failed", f"{type(error).__name__}: {error}")
            raise
        work.log.finish("done")
        return audit


def _note(folder: RunFolder, listeners: Sequence[Listener], status: Status, reason: str) -> None:
    try:
        log = RunLog(folder, Events(EventFile(folder.path(EVENTS)), *listeners))
        if log.record.status not in FINISHED:  # such a run could not even be opened, and its paper stands
            log.finish(status, reason)
    except NanoResearchError:
        return  # the disk is full or run.json damaged, say: the error on its way up tells more than a second one
