"""Whether the PDF was made of the sources that are there."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nanoresearch.config import PaperConfig
from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.audit.literals import without_comments
from nanoresearch.paper.compile import compile_pdf, find_latex
from nanoresearch.paths import walk_files
from nanoresearch.schema.manuscript import Build

SOURCES = (".tex", ".bib", ".pdf", ".png", ".jpg", ".cls", ".sty")
"""Files that TeX reads."""
PDF_SECONDS = 60
"""Time to get the text out of a PDF."""


def check_build(case: Case) -> Iterator[Doubt]:
    """Digests of the inputs and the PDF, the PDF set once more, and what TeX could not resolve.

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
    if build.ok and pdf is not None:
        yield from _set_again(case)
    if build.undefined:
        yield names.BUILD, f"the PDF lacks {', '.join(build.undefined)}"
    yield from _targets(case)


def _sources(case: Case) -> dict[str, str]:
    folder = case.folder.path(names.PAPER)
    files = {path.relative_to(folder).as_posix(): path for path in walk_files(folder) if path.suffix in SOURCES}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if name != "paper.pdf"}


def _set_again(case: Case) -> Iterator[Doubt]:
    """The PDF is what the sources give: the same bytes, or from another TeX at least the same text."""
    if find_latex() is None:
        case.unverified.append("the PDF was not set again: LaTeX is missing")
        return
    epoch = int(datetime.fromisoformat(case.run.created).timestamp())
    with tempfile.TemporaryDirectory(prefix="nanoresearch-audit-") as scratch:
        again = Path(scratch) / "paper"
        for name in _sources(case):
            (again / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(case.folder.path(f"{names.PAPER}/{name}"), again / name)
        build = compile_pdf(again, PaperConfig(), epoch=epoch)
        if lacking := _lacking(case, build):
            case.unverified.append(f"the PDF was not set again: LaTeX lacks {', '.join(lacking)}")
        elif not build.ok:
            yield names.PDF, f"cannot be made of the sources: {'; '.join(build.errors)[:300]}"
        elif build.pdf_sha256 != case.digest(names.PDF):
            yield from _same_text(case, again / "paper.pdf")


def _lacking(case: Case, build: Build) -> list[str]:
    """Files of the paper's own layout that this TeX does not have; what the text asks for besides is no excuse."""
    preamble = case.text(names.PAPER_TEX).partition("\\begin{document}")[0]
    asked = re.findall(r"File `([\w-]+)\.(?:sty|cls)' not found", " ".join(build.errors))
    loaded = re.findall(r"\\(?:usepackage|documentclass)(?:\[[^\]]*\])?\{([^{}]*)\}", preamble)
    own = {name.strip() for group in loaded for name in group.split(",")}
    return [name for name in dict.fromkeys(asked) if name in own]


def _same_text(case: Case, again: Path) -> Iterator[Doubt]:
    texts = [_pdf_text(path) for path in (case.folder.path(names.PDF), again)]
    if shutil.which("pdftotext") is None:
        yield names.PDF, "is not what the sources give here, and pdftotext, which would tell how, is not installed"
    elif None in texts or texts[0] != texts[1]:
        yield names.PDF, "does not say what the sources say when they are set again"
    else:
        case.unverified.append(
            "the PDF is not that of the TeX here, byte for byte: its text was compared, not its look"
        )


def _pdf_text(path: Path) -> str | None:
    """What pdftotext reads; None when it fails."""
    program = shutil.which("pdftotext")
    if program is None:
        return None
    command = [program, "-layout", "-enc", "UTF-8", str(path), "-"]
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PDF_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return result.stdout.decode(errors="replace") if result.returncode == 0 else None


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
