"""The data desk: what is on offer, once and for all in a run."""

from pathlib import Path

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'nanoresearch[llm]'")

from nanoresearch.config import Config, DataConfig, OwnFile, OwnUrl
from nanoresearch.crew.llm.design import data_desk
from nanoresearch.crew.llm.design.data_desk import OFFER, DataDesk
from nanoresearch.crew.llm.design.designer import LlmDesigner
from nanoresearch.errors import ConfigError, DatasetError

from .bench import HYPOTHESIS, Bench, briefing, own_draft


def opened(bench: Bench, **settings: object) -> DataDesk:
    config = Config(crew="llm", data=DataConfig.model_validate(settings))
    return DataDesk(bench.desk(config), bench.data_root)


def test_only_what_is_here_is_on_offer(bench: Bench) -> None:
    desk = opened(bench)
    assert "wine" in desk.ids  # a library carries it
    assert "penguins" not in desk.ids
    assert "penguins" not in desk.described()
    assert "not on offer" in bench.said("progress")


def test_what_may_be_fetched_is_offered_but_not_what_wants_its_name_said(bench: Bench) -> None:
    desk = opened(bench, fetch=True)
    assert "penguins" in desk.ids
    assert "keel-imbalanced" not in desk.ids


def test_the_offer_of_a_run_does_not_change(bench: Bench, tmp_path: Path) -> None:
    table = tmp_path / "wells.csv"
    table.write_text("depth,rock\n1,a\n")
    first = opened(bench, files={"wells": str(table)})
    table.unlink()
    again = opened(bench, fetch=True)
    assert again.ids == first.ids
    assert again.described() == first.described()
    assert again.obtain("wells") == first.obtain("wells")


def test_what_cannot_be_fetched_is_asked_around_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fail(card: object, root: Path) -> None:
        tries.append(card)
        raise DatasetError("no network")

    monkeypatch.setattr(data_desk, "fetch", fail)
    config = Config(crew="llm", data=DataConfig(fetch=True))
    split = {**own_draft()["protocol"], "seed_changes": "split"}
    wanting = own_draft(datasets=["penguins"], made_data=[], protocol=split)
    wine = own_draft(datasets=["wine"], made_data=[], protocol=split)
    designer = LlmDesigner(bench.desk(config, designer=[wanting, wanting, wine]))
    blueprint = designer.design(briefing(), HYPOTHESIS, None, bench.data_root)
    assert [item.card.id for item in blueprint.datasets] == ["wine"]
    assert len(tries) == 1
    asked = bench.asked("designer")
    assert "These data sets cannot be had: penguins" in asked[1]
    assert "penguins cannot be had" in asked[2]
    resumed = LlmDesigner(bench.desk(config, designer=[]))  # nothing is asked, and nothing fetched, again
    assert resumed.design(briefing(), HYPOTHESIS, None, bench.data_root) == blueprint
    assert len(tries) == 1


def test_names_of_own_data_are_their_own(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="already called wine"):
        opened(bench, files={"wine": "x.csv"})
    with pytest.raises(ConfigError, match="already called mine"):
        opened(bench, files={"mine": "x.csv"}, urls={"mine": "https://example.org/x.csv"})
    assert not bench.folder.has(OFFER)


def test_own_data_may_be_named_in_short_or_in_full() -> None:
    config = DataConfig.model_validate({"files": {"a": "x.csv", "b": {"path": "y", "summary": "wells"}}})
    assert config.files["a"] == OwnFile(path="x.csv")
    assert config.files["b"].summary == "wells"
    assert DataConfig.model_validate({"urls": {"a": "https://example.org/x"}}).urls["a"] == OwnUrl(
        url="https://example.org/x"
    )
    for wrong in ("ftp://example.org/x", "https://me:secret@example.org/x", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="address"):
            DataConfig.model_validate({"urls": {"a": wrong}})


def test_columns_are_described_and_values_are_not(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.csv").write_text("age,diagnosis\n31,flu\n,cold\n")
    (folder / "b.csv").write_text("31,flu\n44,cold\n")
    (folder / "c.bin").write_bytes(bytes(range(256)))
    (folder / "d.tsv").write_bytes(b"\xff\xfe\x00")
    text = opened(bench, files={"mine": str(folder)}).described()
    assert "column 'age': number, 1 different values in the first 2 rows, some missing" in text
    assert "column 'diagnosis': text" in text
    assert "2 columns without names" in text
    assert "and 1 files more" in text
    assert "flu" not in text
    other = Bench(tmp_path / "other")
    hidden = opened(other, files={"mine": str(folder)}, preview=False).described()
    other.close()
    assert "diagnosis" not in hidden


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("a.csv", "Alice Smith,flu\nBob Jones,cold\n", None),  # no column is numeric
        ("a.csv", "Alice,flu,NA\nBob,flu,3\n", None),  # flu comes again
        ("a.csv", "patient;age\nAlice;31\nBob;44\n", "column 'age': number"),
        ("a.csv", "Alice;31\nBob;44\n", None),
        ("a.tsv", "patient|age\nAlice|31\nBob|44\n", "column 'patient': text"),
        ("a.csv", "x,x\n1,2\n3,4\n", None),
        ("a.csv", "Alice Smith (flu; since 3 May),age\nBob,4\n", None),
    ],
)
def test_a_first_row_is_shown_only_where_it_looks_like_a_header(
    bench: Bench, tmp_path: Path, name: str, text: str, shown: str | None
) -> None:
    (tmp_path / name).write_text(text)
    told = opened(bench, files={"mine": str(tmp_path / name)}).described()
    assert "Alice" not in told
    assert (shown or "columns without names") in told
