"""A manuscript as paper.tex in one of three layouts."""

import re
from dataclasses import dataclass
from functools import cache

from anyascii import anyascii
from jinja2 import Environment, PackageLoader, StrictUndefined
from pylatexenc.latex2text import LatexNodes2Text

from nanoresearch.errors import PaperError
from nanoresearch.paper import escape
from nanoresearch.paper.numbers import MACROS
from nanoresearch.schema.manuscript import Manuscript, Section


@dataclass(frozen=True)
class PaperLayout:
    """What a format means for text and floats; widths in inches."""

    two_column: bool
    bibliography_style: str
    natbib_options: str
    figure_in: float
    """Width of a figure that is not wide."""
    wide_figure_in: float
    """Width of a wide figure."""

    def figure_width(self, wide: bool) -> float:
        """Width at which a figure is drawn, so that it is printed unscaled."""
        return self.wide_figure_in if wide else self.figure_in


LAYOUTS = {
    "article": PaperLayout(False, "plainnat", "round,authoryear", 4.6, 5.5),
    "twocolumn": PaperLayout(True, "plainnat", "round,authoryear", 3.25, 6.75),
    "ieee": PaperLayout(True, "IEEEtranN", "numbers,sort&compress", 3.4, 6.9),
}


def layout_of(paper_format: str) -> PaperLayout:
    """The layout of a format. Raises PaperError naming the formats there are."""
    try:
        return LAYOUTS[paper_format]
    except KeyError as error:
        raise PaperError(f"There is no paper format {paper_format!r}; choose one of {', '.join(LAYOUTS)}.") from error


def paper_tex(manuscript: Manuscript, *, cited: bool, note: str = "") -> str:
    """The file paper.tex.

    `cited` says whether there is a bibliography; `note` is LaTeX at the foot of the first page.
    """
    layout = layout_of(manuscript.format)
    abstract = next((section.body for section in manuscript.sections if section.id == "abstract"), "")
    body = [section for section in manuscript.sections if section.id != "abstract"]
    _check_sections(manuscript.sections)
    return (
        _environment()
        .get_template(f"{manuscript.format}.tex.j2")
        .render(
            title=manuscript.title,
            authors=manuscript.authors,
            affiliation=manuscript.affiliation,
            keywords=", ".join(manuscript.keywords),
            note=note,
            abstract=abstract.strip(),
            sections=[section for section in body if not section.appendix],
            appendices=[section for section in body if section.appendix],
            cited=cited,
            one_column=not layout.two_column,
            appendix_command=r"\appendices" if manuscript.format == "ieee" else r"\appendix",
            bibliography_style=layout.bibliography_style,
            natbib_options=layout.natbib_options,
            number_macros=MACROS,
            pdf_title=_pdf_string(manuscript.title),
            pdf_author=_pdf_string(manuscript.authors),
            pdf_keywords=_pdf_string(", ".join(manuscript.keywords)),
        )
    )


def _check_sections(sections: tuple[Section, ...]) -> None:
    ids = [section.id for section in sections]
    for name in ids:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise PaperError(f"Section id {name!r} is not made of letters, digits, - and _.")
        if ids.count(name) > 1:
            raise PaperError(f"The manuscript has two sections with the id {name!r}.")


def _pdf_string(source: str) -> str:
    """LaTeX as text for the document properties: in ASCII."""
    return escape.latex(anyascii(LatexNodes2Text(math_mode="text").latex_to_text(source)))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nanoresearch.paper"),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,
    )
