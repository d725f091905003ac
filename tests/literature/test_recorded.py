"""Searches that a run keeps."""

from pathlib import Path

import pytest

from nanoresearch.errors import CorruptRecord, LiteratureError
from nanoresearch.literature.recorded import ROOM, RecordedSearch
from nanoresearch.literature.survey import search_all
from nanoresearch.paths import RunFolder
from nanoresearch.schema.paper import Paper, ScoredPaper


class Source:
    def __init__(self, name: str, *titles: str, broken: bool = False) -> None:
        self.name = name
        self.asked: list[str] = []
        self._papers = [Paper(key=f"{name}-{n}", title=title, source=name) for n, title in enumerate(titles)]
        self._broken = broken

    def search(self, query: str, limit: int) -> list[ScoredPaper]:
        self.asked.append(query)
        if self._broken:
            raise LiteratureError("refused")
        return [ScoredPaper(paper=paper, score=1.0) for paper in self._papers[:limit]]


def test_a_resumed_run_sees_what_it_saw(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    sources = [Source("up", "Moles", "Voles"), Source("down", broken=True)]
    first = RecordedSearch(sources, folder)(("moles", "voles"), 5)
    assert first == search_all(sources, ("moles", "voles"), 5)
    assert first.degraded
    changed = Source("up", "Something new")
    assert RecordedSearch([changed], folder)(("moles", "voles"), 5) == first
    assert changed.asked == []
    other = RecordedSearch([changed], folder)(("moles",), 5)
    assert [hit.paper.title for hit in other.papers] == ["Something new"]


def test_a_search_that_every_source_failed_is_made_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert RecordedSearch([Source("down", broken=True)], folder)(("moles",), 5).failed
    assert len(RecordedSearch([Source("up", "Moles")], folder)(("moles",), 5).papers) == 1


def test_that_nothing_was_found_is_kept_too(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert not RecordedSearch([Source("up")], folder)(("moles",), 5).papers
    assert not RecordedSearch([Source("up", "Moles")], folder)(("moles",), 5).papers


def test_a_damaged_record_says_how_to_go_on(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    search = RecordedSearch([Source("up", "Moles")], folder)
    search(("moles",), 5)
    (kept,) = folder.path(ROOM).iterdir()
    kept.write_text("{", encoding="utf-8")
    with pytest.raises(CorruptRecord, match="Delete that file and resume"):
        search(("moles",), 5)
