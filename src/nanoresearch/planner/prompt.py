"""What the planner is shown: profile, topic, phase, what was retrieved, and the catalogue, within a token budget.

Plans are lines of "- sentence". Nothing here looks into the words of a feedback.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from nanoresearch.planner.catalogue import load_catalogue
from nanoresearch.planner.planner import PlannerInput
from nanoresearch.schema.plan import Directive, Phase
from nanoresearch.schema.profile import Profile

PURPOSE: dict[Phase, str] = {
    "ideation": "survey the literature and form hypotheses",
    "planning": "design the experiment",
    "coding": "write and run the code",
    "writing": "write the paper",
}

Counter = Callable[[str], int]
"""Number of tokens in a text."""


def menu_of(request: PlannerInput) -> tuple[Directive, ...]:
    """The directives that a plan for this request may hold: the catalogue's, then the researcher's own."""
    own = [directive for directive in request.profile.directives if directive.phase == request.phase]
    known = [entry.directive for entry in load_catalogue() if entry.directive.phase == request.phase]
    replaced = {directive.id for directive in own} | {directive.text for directive in own}
    kept = [directive for directive in known if directive.id not in replaced and directive.text not in replaced]
    return (*kept, *{directive.text: directive for directive in own}.values())


def compose(request: PlannerInput, menu: Sequence[Directive], count: Counter, limit: int) -> str:
    """The user message. What was retrieved is cut first, then the context, then the topic; the catalogue never is.

    limit: tokens, at most. A catalogue that alone exceeds it is shown whole all the same.
    """
    catalogue = "\n".join(f"- {directive.text}" for directive in menu)
    ask = f"Choose up to 6 directives for this phase ({PURPOSE[request.phase]}). Write one per line."
    tail = f"Directives:\n{catalogue}\n\n{ask}"
    optional = [
        ("Topic", clean(request.topic)),
        ("Researcher", describe(request.profile)),
        ("So far", clean(request.context)),
        ("Skills", " ".join(f"{skill.when}: {skill.what}" for skill in request.skills)),
        ("Remembered", " ".join(memory.text for memory in request.memories)),
    ]
    left = max(limit - count(tail) - 8, 0)
    head: list[str] = []
    for name, text in optional:
        if not text or left < 8:
            continue
        line = f"{name}: {shorten(clean(text), count, left - 4)}"
        left -= count(line) + 1
        head.append(line)
    return "\n".join([f"Phase: {request.phase}", *head, "", tail])


def describe(profile: Profile) -> str:
    """A researcher's standing wishes in one line."""
    parts = [f"contribution {profile.contribution}"]
    if profile.domain:
        parts.append(f"field {profile.domain}")
    if profile.preferences:
        parts.append("likes " + ", ".join(profile.preferences))
    if profile.taboos:
        parts.append("rules out " + ", ".join(profile.taboos))
    return "; ".join(parts)


def clean(text: str) -> str:
    """Text without control and format characters, white space collapsed."""
    spaced = re.sub(r"\s+", " ", text)
    return "".join(c for c in spaced if unicodedata.category(c)[0] != "C").strip()


def shorten(text: str, count: Counter, limit: int) -> str:
    """Text of at most so many tokens: its start and its end, where both fit, with a mark between them."""
    if count(text) <= limit:
        return text
    words = text.split(" ")
    if len(words) < 3:  # one endless word
        words = [text[i : i + 8] for i in range(0, len(text), 8)]
        joint = ""
    else:
        joint = " "
    low, high = 0, len(words)
    while low < high:  # the most words that fit
        middle = (low + high + 1) // 2
        if count(_ends(words, middle, joint)) <= limit:
            low = middle
        else:
            high = middle - 1
    return _ends(words, low, joint) if low else ""


def _ends(words: list[str], keep: int, joint: str) -> str:
    first = (keep + 1) // 2
    last = keep - first
    return joint.join(words[:first]) + " ... " + joint.join(words[len(words) - last :] if last else [])
