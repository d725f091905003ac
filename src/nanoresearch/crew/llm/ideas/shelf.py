"""The works that a role has before it: each known by one key, whichever source and search it came from."""

import unicodedata
from collections.abc import Iterable

from nanoresearch.crew.llm.desk import material
from nanoresearch.literature.merge import free_key, identities, same_work
from nanoresearch.schema.paper import Paper

ABSTRACT = 700
"""Characters of an abstract that are shown in a list of works."""


class Shelf:
    """Works by key. The survey's come first and keep their keys; what is found later gets keys of its own."""

    def __init__(self, papers: Iterable[Paper]) -> None:
        self.papers: dict[str, Paper] = {}
        self._names: dict[str, list[str]] = {}
        for paper in papers:
            self._put(paper)
        self._first = frozenset(self.papers)

    def take(self, paper: Paper) -> Paper:
        """The record under which this work is known here; it is put in when it was not known."""
        for name in identities(paper):
            for key in self._names.get(name, ()):
                if same_work(self.papers[key], paper):
                    return self.papers[key]
        return self._put(paper.model_copy(update={"key": free_key(paper.key, set(self.papers))}))

    def late(self, keys: Iterable[str]) -> tuple[Paper, ...]:
        """Those of these works that were not there at first, in order, each once."""
        return tuple(self.papers[key] for key in dict.fromkeys(keys) if key not in self._first)

    def _put(self, paper: Paper) -> Paper:
        self.papers[paper.key] = paper
        for name in identities(paper):
            self._names.setdefault(name, []).append(paper.key)
        return paper


def listed(papers: Iterable[Paper], abstract: int = ABSTRACT) -> str:
    """Works as material, one piece each, named by their keys."""
    pieces = []
    for paper in papers:
        facts = ", ".join(str(fact) for fact in (paper.year, paper.venue) if fact)
        lines = [paper.title, facts, (paper.abstract or "")[:abstract] or "(no abstract)"]
        pieces.append(material("work", "\n".join(line for line in lines if line), paper.key))
    return "\n".join(pieces)


def in_latin_script(text: str) -> bool:
    """Whether most letters of a text are Latin: papers and searches are in English, whatever a model prefers."""
    letters = [character for character in text if character.isalpha()]
    latin = sum("LATIN" in unicodedata.name(character, "") for character in letters)
    return bool(letters) and latin >= 0.7 * len(letters)
