from pathlib import Path

import pytest

from nanoresearch.config import PaperConfig
from nanoresearch.errors import PaperError
from nanoresearch.paper.compile import compile_pdf
from nanoresearch.paper.tables import render_table
from nanoresearch.paper.template import LAYOUTS, paper_tex
from nanoresearch.schema.analysis import Table
from nanoresearch.schema.manuscript import Manuscript, Section


def table(columns: int, rows: int = 3, *, words: int = 3, name: str = "t", note: str = "") -> Table:
    label = " ".join(["method"] * words)
    header = ("Method", *(f"Data set {i} accuracy" for i in range(columns - 1)))
    body = tuple((label, *("81.5 $\\pm$ 0.2" for _ in header[1:])) for _ in range(rows))
    return Table(id=name, caption="A caption.", header=header, rows=body, note=note)


def test_a_small_table_stays_in_its_column() -> None:
    shown = render_table(table(3), two_column=True)
    assert r"\begin{table}[tb]" in shown
    assert r"\label{tab:t}" in shown
    assert "tabular}{@{}lrr@{}}" in shown


def test_many_columns_span_both_columns() -> None:
    assert r"\begin{table*}" in render_table(table(8), two_column=True)
    assert r"\begin{table*}" not in render_table(table(8), two_column=False)


def test_long_words_are_wrapped() -> None:
    assert "P{" in render_table(table(2, words=30), two_column=False)


def test_long_tables_are_split() -> None:
    assert r"\begin{longtable}" in render_table(table(3, 95), two_column=False)
    parts = render_table(table(3, 95, note="n"), two_column=True)
    assert parts.count(r"\toprule") == 3
    assert parts.count(r"\label{tab:t}") == 1
    assert parts.count("(continued)") == 2
    assert parts.count(r"\tablenote{n}") == 1


def test_a_single_cell_is_a_group_heading() -> None:
    grouped = Table(id="t", caption="c", header=("A", "B"), rows=(("Group",), ("[x]", "1")))
    shown = render_table(grouped, two_column=False)
    assert r"\multicolumn{2}{@{}l}{\itshape Group}" in shown
    assert "{}[x] & 1" in shown


@pytest.mark.parametrize(
    "fields",
    [{"rows": (("a", "b", "c"),)}, {"align": "lrr"}, {"id": "../x"}],
)
def test_malformed_tables_are_refused(fields: dict[str, object]) -> None:
    values = {"id": "t", "caption": "c", "header": ("A", "B"), "rows": (), **fields}
    with pytest.raises(PaperError):
        render_table(Table.model_validate(values), two_column=False)


@pytest.mark.tex
@pytest.mark.parametrize("paper_format", LAYOUTS)
def test_nothing_is_overfull(paper_format: str, tmp_path: Path) -> None:
    tables = [
        table(columns, rows, words=words, name=f"t{columns}-{rows}-{words}", note="A note of several words. " * 12)
        for columns, rows, words in [(2, 3, 2), (5, 8, 4), (9, 8, 4), (16, 4, 9), (2, 4, 60), (4, 95, 3), (12, 50, 8)]
    ]
    two_column = LAYOUTS[paper_format].two_column
    body = "\n\n".join(f"Text. Table~\\ref{{tab:{t.id}}}\n\n\\inputtable{{{t.id}}}" for t in tables)
    manuscript = Manuscript(
        title="Tables", authors="", affiliation="", format=paper_format, keywords=(), numbers=(),
        sections=(Section(id="x", title="X", body=body),),
    )  # fmt: skip
    (tmp_path / "tables").mkdir()
    for item in tables:
        (tmp_path / "tables" / f"{item.id}.tex").write_text(render_table(item, two_column))
    (tmp_path / "paper.tex").write_text(paper_tex(manuscript, cited=False))
    (tmp_path / "numbers.tex").write_text("")
    build = compile_pdf(tmp_path, PaperConfig())
    assert (build.ok, build.errors, build.overfull, build.undefined) == (True, (), (), ())
