"""Planning without weights: what the planner does where torch is not installed.

With a language model configured, past feedback is shown to it as text and it picks from the catalogue; nothing is
learned. Without one, the fixed plan is used and feedback has no effect on plans. Both say so.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from nanoresearch.paths import append_line, read_lines
from nanoresearch.planner.planner import FixedPlanner, PlannerInput
from nanoresearch.planner.prompt import clean, compose, menu_of
from nanoresearch.schema.plan import Directive, Plan
from nanoresearch.schema.record import Record

Answer = Callable[[str], str]
"""Asks a language model and returns what it says."""
KEPT_FEEDBACK = 20
NOTHING_LEARNED = (
    "No weights were changed: this planner only keeps the feedback as text and shows it to the language model. "
    'Install the extra "planner" for one that learns.'
)
NOT_USED = (
    "The feedback was kept, but plans stay as they are: without torch and without a language model the planner "
    'is a fixed one. Install the extra "planner" for one that learns.'
)


class RememberedFeedback(Record):
    """Words kept for later prompts."""

    text: str
    """Cleaned feedback."""


class PromptOnlyPlanner:
    """Keeps feedback as text. answer: a language model, or None for the fixed plan."""

    def __init__(self, folder: Path, answer: Answer | None = None) -> None:
        self._path = folder / "feedback.jsonl"
        self._answer = answer
        self._fixed = FixedPlanner()
        self.name = "prompt-only" if answer else "fixed"

    def plan(self, request: PlannerInput) -> Plan:
        """What the language model picks; the fixed plan when there is none or it names no directive."""
        if self._answer is None:
            return self._fixed.plan(request)
        menu = menu_of(request)
        chosen = pick(self._answer(self._prompt(request, menu)), menu)
        if not chosen:
            return self._fixed.plan(request)
        return Plan(phase=request.phase, directives=chosen, planner=self.name)

    def remember(self, feedback: str) -> str:
        """Keep a feedback and say what that does."""
        text = clean(feedback)
        if not text:
            return "No feedback was given."
        append_line(self._path, RememberedFeedback(text=text[:2000]))
        return NOTHING_LEARNED if self._answer else NOT_USED

    def _prompt(self, request: PlannerInput, menu: Sequence[Directive]) -> str:
        text = compose(request, menu, lambda words: len(words) // 4 + 1, 4000)
        heard = [item.text for item in read_lines(self._path, RememberedFeedback)][-KEPT_FEEDBACK:]
        if heard:
            text += "\n\nWhat the researcher said so far, oldest first; newer words win:\n" + "\n".join(heard)
        return text


def pick(answer: str, menu: Sequence[Directive]) -> tuple[Directive, ...]:
    """The directives that an answer writes out, line by line, six at most."""
    by_text = {_bare(directive.text): directive for directive in menu}
    found = [by_text[line] for line in map(_bare, answer.splitlines()) if line in by_text]
    return tuple({directive.id: directive for directive in found}.values())[:6]


def _bare(line: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", line.lower().lstrip("-*0123456789. ")).strip()
