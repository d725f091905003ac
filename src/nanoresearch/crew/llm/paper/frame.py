"""What the program adds to a section that a model wrote: required statements before and after it, and floats."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.builtin.writer import approach, closing, opening, related
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.crew.llm.paper.sections import TASKS
from nanoresearch.schema.manuscript import Section

ALIKE = 0.75
"""Likeness at which a paragraph is taken for one of the program's own that was edited since."""
_FLOAT = re.compile(r"\\input(table|figure)\{([^{}]*)\}")
_POINTER = re.compile(r"\\ref\{((?:tab|fig):[^{}]*)\}")
_SAYS = {
    "tab:main": "gives the scores of every method",
    "tab:comparisons": "lists every planned comparison",
    "fig:effects": "draws the effects with their intervals",
}
"""Floats that a reader cannot do without, and what they show."""


@dataclass(frozen=True)
class Frame:
    """Paragraphs around a model's text."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def around(self, body: str) -> str:
        """The whole section."""
        return "\n\n".join([*self.before, body, *self.after])

    def taken_from(self, section: str) -> tuple["Frame", str]:
        """A section taken apart again: the frame as it is by now, and the model's own text without floats."""
        before: list[str] = []
        after: list[str] = []
        own: list[str] = []
        for paragraph in re.split(r"\n\s*\n", section):
            if not _FLOAT.sub("", paragraph).strip():
                continue
            if any(_alike(paragraph, item) for item in self.before):
                before.append(paragraph)
            elif any(_alike(paragraph, item) for item in self.after):
                after.append(paragraph)
            else:
                own.append(paragraph)
        return Frame(tuple(before), tuple(after)), "\n\n".join(own)


def frames(study: Study, stand_in: str) -> dict[str, Frame]:
    """The frame of every section that a model may write. `stand_in` is LaTeX for the abstract, or empty."""
    after = {
        "introduction": opening.unanswered(study),
        "related_work": related.novelty(study),
        "method": approach.estimators(study) if study.guidance.equations else "",
        "limitations": closing.limitations(study).body,
        "abstract": stand_in,
    }
    before = {"related_work": related.preface(study)}
    return {name: Frame(_parts(before.get(name, "")), _parts(after.get(name, ""))) for name in TASKS}


def with_floats(sections: tuple[Section, ...], study: Study, labels: set[str]) -> tuple[Section, ...]:
    """The sections with each table and figure after the first paragraph of the results, or of the text, that names
    it.
    """
    wanted = [name for name in _SAYS if name in labels]
    bodies = {section.id: section.body for section in sections}
    if "results" in bodies:
        missing = [name for name in wanted if f"\\ref{{{name}}}" not in bodies["results"]]
        said = [f"{_kind(name)}~\\ref{{{name}}} {_SAYS[name]}" for name in missing]
        bodies["results"] += f"\n\n{listing(said)}." if said else ""
    placed = {f"{'tab' if kind == 'table' else 'fig'}:{name}" for body in bodies.values() for kind, name in
              _FLOAT.findall(body)}  # fmt: skip
    for name in sorted(bodies, key=lambda item: item != "results"):
        if name != "abstract":
            bodies[name] = _placed(bodies[name], labels, placed)
    return tuple(section.model_copy(update={"body": bodies[section.id]}) for section in sections)


def _placed(body: str, labels: set[str], placed: set[str]) -> str:
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", body):
        paragraphs.append(paragraph)
        new = [name for name in dict.fromkeys(_POINTER.findall(paragraph)) if name in labels - placed]
        placed.update(new)
        if new:
            paragraphs.append("\n".join(_input(name) for name in new))
    return "\n\n".join(paragraphs)


def _input(label: str) -> str:
    kind, _, name = label.partition(":")
    return f"\\input{'table' if kind == 'tab' else 'figure'}{{{name}}}"


def _kind(label: str) -> str:
    return "Table" if label.startswith("tab:") else "Figure"


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"\n\s*\n", text) if part.strip())


def _alike(paragraph: str, own: str) -> bool:
    return paragraph == own or SequenceMatcher(None, paragraph, own, autojunk=False).ratio() >= ALIKE
