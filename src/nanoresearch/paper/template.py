"""A manuscript as paper.tex in one of the layouts, or with a class or style file of the user's own."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anyascii import anyascii
from jinja2 import Environment, PackageLoader, StrictUndefined
from pylatexenc.latex2text import LatexNodes2Text

from nanoresearch.errors import PaperError
from nanoresearch.paper import escape
from nanoresearch.paper.numbers import MACROS
from nanoresearch.paths import write_atomic
from nanoresearch.schema.manuscript import Manuscript, Section
from nanoresearch.schema.profile import WritingStyle


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

    brings: frozenset[str] = frozenset()
    """What the class brings along, so that the preamble leaves it out."""

    def figure_width(self, wide: bool) -> float:
        """Width at which a figure is drawn, so that it is printed unscaled."""
        return self.wide_figure_in if wide else self.figure_in


LAYOUTS = {
    "article": PaperLayout(False, "plainnat", "round,authoryear", 4.6, 5.5),
    "twocolumn": PaperLayout(True, "plainnat", "round,authoryear", 3.25, 6.75),
    "ieee": PaperLayout(True, "IEEEtranN", "numbers,sort&compress", 3.4, 6.9),
    "acmart": PaperLayout(False, "ACM-Reference-Format", "", 4.6, 5.5, frozenset(["natbib", "xcolor", "hyperref"])),
    "llncs": PaperLayout(False, "plainnat", "numbers,sort&compress", 4.4, 4.8),
    "elsarticle": PaperLayout(False, "elsarticle-harv", "", 4.6, 5.4, frozenset(["natbib"])),
}
OWN = PaperLayout(False, "plainnat", "round,authoryear", 4.6, 5.5)
"""Layout for a class or style file of the user's own, of which nothing is known."""
_OWN = re.compile(r"(cls|sty):([A-Za-z0-9][A-Za-z0-9_-]*)")


def format_of(style: WritingStyle) -> str:
    """The layout that a profile asks for: the name of a format, or cls:NAME or sty:NAME for a file of the user's own.

    Raises PaperError for a file that is no class or style file, or whose name TeX could misread.
    """
    if not style.template:
        return style.format
    path = Path(style.template)
    name = f"{path.suffix.removeprefix('.')}:{path.stem}"
    if not _OWN.fullmatch(name):
        raise PaperError(
            f"writing.template: {path.name!r} is no class or style file. It must end in .cls or .sty, and its name may "
            "have letters, digits, - and _ only."
        )
    return name


def bring_template(style: WritingStyle, folder: Path) -> None:
    """Copy the user's class or style file into a paper's folder, once. Raises PaperError when it cannot be read."""
    if not style.template:
        return
    format_of(style)
    path = Path(style.template).expanduser()
    target = folder / path.name
    if target.is_file():
        return
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PaperError(f"writing.template: {path} cannot be read: {error.strerror or error}.") from error
    write_atomic(target, data)


def check_template(style: WritingStyle) -> None:
    """Raise PaperError, before a run begins, when the user's class or style file is none or is not there."""
    format_of(style)
    if style.template and not Path(style.template).expanduser().is_file():
        raise PaperError(f"writing.template: there is no file {style.template}.")


def own_file(paper_format: str) -> str | None:
    """Name of the user's class or style file that a layout needs; None for the formats that we have."""
    match = _OWN.fullmatch(paper_format)
    return f"{match[2]}.{match[1]}" if match else None


def layout_of(paper_format: str) -> PaperLayout:
    """The layout of a format. Raises PaperError naming the formats there are."""
    if _OWN.fullmatch(paper_format):
        return OWN
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
    own = _OWN.fullmatch(manuscript.format)
    return (
        _environment()
        .get_template("own.tex.j2" if own else f"{manuscript.format}.tex.j2")
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
            brings=layout.brings,
            own_class=own[2] if own and own[1] == "cls" else "",
            own_style=own[2] if own and own[1] == "sty" else "",
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
