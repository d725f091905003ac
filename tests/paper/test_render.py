from pathlib import Path

import pytest

from nanoresearch.config import PaperConfig
from nanoresearch.errors import PaperError
from nanoresearch.paper.compile import compile_pdf
from nanoresearch.paper.escape import latex
from nanoresearch.paper.numbers import read_numbers_tex
from nanoresearch.paper.render import cited_keys, render_paper
from nanoresearch.paper.template import LAYOUTS, bring_template, check_template, format_of
from nanoresearch.schema.analysis import Analysis
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Result
from nanoresearch.schema.profile import WritingStyle

from .demo import NOTE, PAPERS, draw_all, hostile, make_analysis, make_manuscript, make_numbers
from .study import deriver, records, study


@pytest.fixture(scope="module")
def data() -> tuple[Blueprint, list[Result], Analysis]:
    blueprint = study()
    results, measurements = records(blueprint)
    derive = deriver(blueprint, results, measurements)
    return blueprint, results, make_analysis(blueprint, make_numbers(blueprint, derive))


@pytest.fixture(scope="module")
def drawings(data: tuple[Blueprint, list[Result], Analysis], tmp_path_factory: pytest.TempPathFactory) -> Path:
    blueprint, results, analysis = data
    folder = tmp_path_factory.mktemp("drawings")
    _, measurements = records(blueprint)
    draw_all(analysis, blueprint, results, deriver(blueprint, results, measurements), folder, "twocolumn")
    return folder


def test_only_what_changed_is_written(data, drawings: Path, tmp_path: Path) -> None:
    analysis = data[2]
    manuscript = make_manuscript("article")
    first = render_paper(manuscript, analysis, PAPERS, tmp_path, drawings=drawings, note=NOTE)
    assert set(first.changed) == set(first.files)
    assert first.uncited == ()
    assert render_paper(manuscript, analysis, PAPERS, tmp_path, drawings=drawings, note=NOTE).changed == ()
    retitled = manuscript.model_copy(update={"title": "Another"})
    less = analysis.model_copy(update={"tables": analysis.tables[:2]})
    again = render_paper(retitled, less, PAPERS, tmp_path, drawings=drawings, note=NOTE)
    assert again.changed == ("paper.tex",)
    assert again.removed == ("tables/methods.tex",)


def test_only_cited_works_are_listed(data, drawings: Path, tmp_path: Path) -> None:
    render_paper(make_manuscript("article"), data[2], PAPERS, tmp_path, drawings=drawings)
    bibliography = (tmp_path / "references.bib").read_text()
    assert "breiman2001" in bibliography
    assert "uncited1999" not in bibliography
    found = render_paper(make_manuscript("article"), data[2], PAPERS[1:], tmp_path, drawings=drawings)
    assert found.uncited == ("breiman2001",)


def test_numbers_can_be_read_back(data, drawings: Path, tmp_path: Path) -> None:
    render_paper(make_manuscript("article"), data[2], PAPERS, tmp_path, drawings=drawings)
    texts = read_numbers_tex((tmp_path / "numbers.tex").read_text())
    assert texts == {number.key: number.text for number in data[2].numbers}


def test_cited_keys_of_all_forms() -> None:
    section = make_manuscript("article").sections[0]
    body = r"\citep[see][p.~3]{a,b} \citet*{c} \citeauthor{d} \citep{ e }"
    manuscript = make_manuscript("article").model_copy(
        update={"sections": (section.model_copy(update={"body": body}),)}
    )
    assert cited_keys(manuscript) == {"a", "b", "c", "d", "e"}


def test_unusable_input_is_refused(data, drawings: Path, tmp_path: Path) -> None:
    with pytest.raises(PaperError, match="no paper format 'poster'"):
        render_paper(make_manuscript("poster"), data[2], PAPERS, tmp_path, drawings=drawings)
    with pytest.raises(PaperError, match="is missing"):
        render_paper(make_manuscript("article"), data[2], PAPERS, tmp_path, drawings=tmp_path / "none")
    manuscript = make_manuscript("article")
    twice = manuscript.model_copy(update={"sections": (manuscript.sections[1], manuscript.sections[1])})
    with pytest.raises(PaperError, match="two sections"):
        render_paper(twice, data[2], PAPERS, tmp_path, drawings=drawings)


@pytest.mark.tex
@pytest.mark.parametrize("paper_format", LAYOUTS)
def test_a_paper_compiles_without_complaint(paper_format: str, data, drawings: Path, tmp_path: Path) -> None:
    title = latex(hostile("A title"))
    manuscript = make_manuscript(paper_format, title=title).model_copy(
        update={
            "authors": latex(hostile("Author")),
            "affiliation": latex(hostile("")),
            "keywords": (latex(hostile("k")),),
        }
    )
    render_paper(manuscript, data[2], PAPERS, tmp_path, drawings=drawings, note=NOTE)
    build = compile_pdf(tmp_path, PaperConfig())
    assert (build.ok, build.errors, build.overfull, build.undefined) == (True, (), (), ())
    assert build.pages is not None
    assert 3 <= build.pages <= 8
    assert "numbers.tex" in build.inputs
    assert "figures/bars.pdf" in build.inputs
    assert compile_pdf(tmp_path, PaperConfig()).pdf_sha256 == build.pdf_sha256


@pytest.mark.tex
def test_what_is_unknown_is_reported(data, drawings: Path, tmp_path: Path) -> None:
    manuscript = make_manuscript("article")
    body = r"\result{nosuch} \citep{ghost} \ref{fig:nosuch} \inputtable{lost} \inputfigure{lost}"
    section = manuscript.sections[1].model_copy(update={"body": body})
    render_paper(manuscript.model_copy(update={"sections": (section,)}), data[2], PAPERS, tmp_path, drawings=drawings)
    build = compile_pdf(tmp_path, PaperConfig())
    assert build.ok
    assert set(build.undefined) >= {
        "result nosuch", "citation ghost", "reference fig:nosuch", "table lost", "figure lost",
    }  # fmt: skip


@pytest.mark.tex
def test_results_in_titles_and_captions(data, drawings: Path, tmp_path: Path) -> None:
    manuscript = make_manuscript("article")
    section = manuscript.sections[1].model_copy(update={"title": r"Reaching \result{mean.baseline.all}"})
    figure = data[2].figures[0].model_copy(update={"caption": r"At \result{ci_low.with_pairs.wine} percent."})
    analysis = data[2].model_copy(update={"figures": (figure, *data[2].figures[1:])})
    changed = manuscript.model_copy(update={"sections": (manuscript.sections[0], section, *manuscript.sections[2:])})
    render_paper(changed, analysis, PAPERS, tmp_path, drawings=drawings)
    build = compile_pdf(tmp_path, PaperConfig())
    assert (build.ok, build.errors, build.undefined) == (True, (), ())


@pytest.mark.tex
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("venue.cls", r"\ProvidesClass{venue}\LoadClass{article}\RequirePackage[numbers]{natbib}"),
        ("venue.sty", r"\ProvidesPackage{venue}\RequirePackage{hyperref}\RequirePackage{xcolor}"),
    ],
)
def test_a_file_of_the_users_own_is_taken_along(data, drawings: Path, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    style = WritingStyle(template=str(tmp_path / name))
    folder = tmp_path / "paper"
    bring_template(style, folder)
    (tmp_path / name).unlink()  # what is in the run is enough from now on
    bring_template(style, folder)
    render_paper(make_manuscript(format_of(style)), data[2], PAPERS, folder, drawings=drawings, note=NOTE)
    build = compile_pdf(folder, PaperConfig())
    assert build.ok, build.errors
    assert name in build.inputs
    assert build.undefined == ()


def test_a_template_must_be_a_class_or_style_file_that_is_there(tmp_path: Path) -> None:
    for name in ("paper.tex", "a b.cls", "x{y}.sty", "venue"):
        with pytest.raises(PaperError, match="no class or style file"):
            format_of(WritingStyle(template=str(tmp_path / name)))
    with pytest.raises(PaperError, match="there is no file"):
        check_template(WritingStyle(template=str(tmp_path / "venue.cls")))
    with pytest.raises(PaperError, match="cannot be read"):
        bring_template(WritingStyle(template=str(tmp_path / "venue.cls")), tmp_path / "paper")
