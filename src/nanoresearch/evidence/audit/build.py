"""Whether the PDF was made of the sources that are there."""

import hashlib
import re
from collections.abc import Iterator

from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.audit.literals import without_comments
from nanoresearch.paths import walk_files

SOURCES = (".tex", ".bib", ".pdf", ".png", ".jpg")
"""Files that TeX reads."""


def check_build(case: Case) -> Iterator[Doubt]:
    """Digests of the inputs and the PDF, and what TeX could not resolve.

    A paper that was not compiled, for lack of TeX or by the user's wish, is honest; a PDF beside it is not.
    """
    build = case.build
    present = _sources(case)
    for name in sorted(set(present) | set(build.inputs)):
        if name not in present:
            yield f"{names.PAPER}/{name}", "went into the PDF and is gone"
        elif name not in build.inputs:
            yield f"{names.PAPER}/{name}", "did not go into the PDF"
        elif present[name] != build.inputs[name]:
            yield f"{names.PAPER}/{name}", "changed after the PDF was made"
    pdf = case.digest(names.PDF)
    if build.engine is None:
        if pdf is not None or build.ok or build.pdf_sha256 is not None:
            yield names.PDF, "is there although no PDF was made"
    elif not build.ok:
        yield names.BUILD, f"the paper could not be typeset: {'; '.join(build.errors)[:300]}"
    if build.ok and (pdf is None or pdf != build.pdf_sha256):
        yield names.PDF, "is missing" if pdf is None else "is not the PDF that was made"
    if build.undefined:
        yield names.BUILD, f"the PDF lacks {', '.join(build.undefined)}"
    yield from _targets(case)


def _sources(case: Case) -> dict[str, str]:
    folder = case.folder.path(names.PAPER)
    files = {path.relative_to(folder).as_posix(): path for path in walk_files(folder) if path.suffix in SOURCES}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if name != "paper.pdf"}


def _targets(case: Case) -> Iterator[Doubt]:
    """References lead somewhere, also where nothing was compiled."""
    tex = without_comments(case.text(names.PAPER_TEX))
    document = tex.partition("\\begin{document}")[2]
    shown = [*re.findall(r"\\inputtable\{([^{}]*)\}", document), *re.findall(r"\\inputfigure\{([^{}]*)\}", document)]
    labels = set(re.findall(r"\\label\{([^{}]*)\}", document))
    labels |= {f"tab:{table.id}" for table in case.analysis.tables if table.id in shown}
    labels |= {f"fig:{figure.id}" for figure in case.analysis.figures if figure.id in shown}
    missing = sorted(set(re.findall(r"\\(?:auto|eq)?ref\{([^{}]*)\}", document)) - labels)
    if missing:
        yield names.PAPER_TEX, f"refers to {', '.join(missing)}, which it does not have"
