"""One sitting with a run of the scripted group, in a process of its own that may be killed at any moment.

    python -m tests.crew.llm.sitting RUN ANSWERS

Every reply of a script is noted by its role in the file ANSWERS, which lies outside the run, before it is given. One
write to a file opened for appending is there whole, whenever the process dies.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from nanoresearch.errors import AuditFailed
from nanoresearch.models import access
from nanoresearch.models.access import Models
from nanoresearch.paths import Home
from nanoresearch.researcher.source import NoFeedback
from nanoresearch.schema.models import ModelRole
from nanoresearch.session import carry_on
from tests.crew.llm.group import group


def noted(role: ModelRole, script: Any, answers: Path) -> Callable[[Any, Any], Any]:
    """A script that writes down what it replies to."""

    def reply(messages: Any, info: Any) -> Any:
        said = script(messages, info)
        file = os.open(answers, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{role}\n".encode())
        os.close(file)
        return said

    return reply


def sit(run: str, answers: Path) -> None:
    """Carry on with a run until it ends."""
    scripts = {role: noted(role, script, answers) for role, script in group().items()}

    def models(config: Any, folder: Any, events: Any, log: Any, budget: Any) -> Models:
        return Models.scripted_for(scripts, folder, events, log, config=config, budget=budget)

    access.Models = models  # type: ignore[assignment, misc]
    home = Home.find()
    with suppress(AuditFailed):
        carry_on(home, home.find_run(run), NoFeedback())


if __name__ == "__main__":
    sit(sys.argv[1], Path(sys.argv[2]))
