"""One record for one work, whoever found it: DOI, arXiv identifier, or the same title of about the same year."""

import re
from collections.abc import Iterable

from nanoresearch.literature.clean import arxiv_of_doi
from nanoresearch.literature.text import normalised_title, words
from nanoresearch.schema.paper import Paper, ScoredPaper

YEARS_APART = 2
"""A preprint and its publication are seldom further apart; reports of a series, such as "Editorial", often are."""

_VERSION = re.compile(r"v\d+$")
_COMPLETED = ("authors", "year", "venue", "arxiv", "doi", "url", "abstract", "domains")


def identities(paper: Paper) -> tuple[str, ...]:
    """What a work is known by: DOI, arXiv identifier without version, normalised title."""
    found = [f"title:{normalised_title(paper.title) or paper.title}"]
    if paper.doi:
        found.append(f"doi:{paper.doi.lower()}")
    if arxiv := paper.arxiv or arxiv_of_doi(paper.doi):
        found.append(f"arxiv:{_VERSION.sub('', arxiv.lower())}")
    return tuple(found)


def same_work(first: Paper, second: Paper) -> bool:
    """Whether two records that share an identity are one work.

    An identifier settles it. A title alone does not when the years are far apart or no author is shared.
    """
    shared = set(identities(first)) & set(identities(second))
    if any(not name.startswith("title:") for name in shared):
        return True
    if not shared:
        return False
    if first.year and second.year and abs(first.year - second.year) > YEARS_APART:
        return False
    families, others = _families(first), _families(second)
    return not families or not others or bool(families & others)


def completed(first: Paper, later: Paper) -> Paper:
    """The first record with its empty fields taken from the later one."""
    missing = {name: getattr(later, name) for name in _COMPLETED if not getattr(first, name) and getattr(later, name)}
    return first.model_copy(update=missing) if missing else first


class Merger:
    """Works seen so far with their summed scores, found by any of their identities."""

    def __init__(self) -> None:
        self._works: dict[int, tuple[Paper, float]] = {}
        self._slots: dict[str, list[int]] = {}

    def add(self, paper: Paper, score: float) -> None:
        """Count a record in; one that ties two works seen so far together makes them one."""
        slots = sorted(
            {
                slot
                for name in identities(paper)
                for slot in self._slots.get(name, ())
                if same_work(self._works[slot][0], paper)
            }
        )
        if not slots:
            slot = max(self._works, default=-1) + 1
            self._works[slot] = (paper, score)
        else:
            slot, *others = slots
            known, total = self._works[slot]
            known = completed(known, paper)
            for other in others:
                second, more = self._works.pop(other)
                known, total = completed(known, second), total + more
            self._works[slot] = (known, total + score)
            self._forget(others, slot)
        for name in identities(paper):
            if slot not in self._slots.setdefault(name, []):
                self._slots[name].append(slot)

    def _forget(self, gone: list[int], slot: int) -> None:
        if gone:
            for name, slots in self._slots.items():
                self._slots[name] = list(dict.fromkeys(slot if known in gone else known for known in slots))

    def ranked(self) -> tuple[ScoredPaper, ...]:
        """Distinct works, best first, each with a key of its own."""
        order = sorted(self._works, key=lambda slot: (-self._works[slot][1], slot))
        keys: set[str] = set()
        ranked = []
        for slot in order:
            paper, score = self._works[slot]
            key = free_key(paper.key, keys)
            keys.add(key)
            ranked.append(ScoredPaper(paper=paper.model_copy(update={"key": key}), score=score))
        return tuple(ranked)


def distinct(papers: Iterable[Paper]) -> list[ScoredPaper]:
    """The hits of one source, best first, each work once and where it was listed first; scored by rank."""
    merger = Merger()
    for paper in papers:
        merger.add(paper, 0.0)
    return [ScoredPaper(paper=hit.paper, score=1.0 / rank) for rank, hit in enumerate(merger.ranked(), start=1)]


def free_key(key: str, taken: set[str]) -> str:
    """The key, numbered if another work already has it."""
    number, free = 2, key
    while free in taken:
        free, number = f"{key}-{number}", number + 1
    return free


def _families(paper: Paper) -> set[str]:
    """Last words of the authors' names, folded; initials and "others" name nobody."""
    last = (words(name)[-1:] for name in paper.authors if name != "others")
    return {word for names in last for word in names if len(word) > 1}
