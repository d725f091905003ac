"""From LaTeX sources to a PDF, in a clean environment and a folder of its own, and what TeX said about it."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from nanoresearch.config import PaperConfig
from nanoresearch.paper.texlog import read_log
from nanoresearch.paths import walk_files, write_atomic
from nanoresearch.schema.manuscript import Build

LATEX_PACKAGES = (
    "latexmk",
    "texlive-latex-recommended",
    "texlive-fonts-recommended",
    "texlive-science",
    "texlive-latex-extra",
)
"""Debian packages that the article and twocolumn formats need."""
PUBLISHER_PACKAGES = ("texlive-publishers",)
"""Debian packages that the publishers' formats need besides."""
INSTALL_LATEX = f"apt-get install --no-install-recommends {' '.join(LATEX_PACKAGES)}"
"""Command that mends a missing TeX."""
INSTALL_PUBLISHERS = f"apt-get install --no-install-recommends {' '.join(PUBLISHER_PACKAGES)}"
"""Command that mends a missing publisher's class."""

_SOURCES = (".tex", ".bib", ".pdf", ".png", ".jpg", ".cls", ".sty")
_PUBLISHER_FILES = (
    "IEEEtran.cls", "IEEEtranN.bst", "acmart.cls", "ACM-Reference-Format.bst", "llncs.cls", "elsarticle.cls",
    "elsarticle-harv.bst",
)  # fmt: skip


def find_latex() -> str | None:
    """Path of latexmk when it and pdflatex are installed, else None."""
    return shutil.which("latexmk") if shutil.which("pdflatex") else None


def compile_pdf(folder: Path, config: PaperConfig, *, epoch: int = 0) -> Build:
    """Compile folder/paper.tex to folder/paper.pdf and keep the log as folder/paper.log.

    The same sources, TeX and `epoch` (seconds since 1970, printed as the document's date) give the same bytes. A
    paper.pdf of earlier sources does not survive a failure. Never raises for what is wrong with the sources.
    """
    inputs = _inputs(folder)
    pdf = folder / "paper.pdf"
    engine = find_latex() if config.latex == "auto" else None
    if engine is None:
        pdf.unlink(missing_ok=True)
        reason = "LaTeX is switched off (paper.latex=off); only the sources were written."
        if config.latex == "auto":
            reason = f"LaTeX is missing; install it with: {INSTALL_LATEX}"
        return _build(None, inputs, errors=(reason,))
    with tempfile.TemporaryDirectory(prefix="nanoresearch-tex-") as name:
        work = Path(name) / "paper"
        for source in inputs:
            target = work / source
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / source, target)
        finished = _run(engine, work, config.timeout_s, _environment(Path(name), epoch))
        return _collect(work, folder, inputs, finished, config.timeout_s)


def _run(engine: str, work: Path, timeout_s: float, environment: dict[str, str]) -> bool | None:
    """Run latexmk. True when it succeeded, None when it ran out of time."""
    command = [
        engine, "-norc", "-pdf", "-bibtex", "-interaction=nonstopmode", "-file-line-error",
        "-no-shell-escape", "-silent", "paper.tex",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout_s) == 0
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _collect(work: Path, folder: Path, inputs: dict[str, str], finished: bool | None, timeout_s: float) -> Build:
    log_file, made, pdf = work / "paper.log", work / "paper.pdf", folder / "paper.pdf"
    text = log_file.read_text(encoding="utf-8", errors="replace") if log_file.exists() else ""
    log = read_log(text)
    write_atomic(folder / "paper.log", text)
    errors = [_advise(error) for error in log.errors]
    if finished is None:
        errors.append(f"LaTeX did not finish within {timeout_s:g} s (paper.timeout_s).")
    elif not finished and not errors:
        errors.append(_last_words(work))
    ok = bool(finished) and made.exists()
    if not ok:
        pdf.unlink(missing_ok=True)
        return _build("pdflatex", inputs, tuple(errors), log.overfull, log.undefined)
    data = made.read_bytes()
    write_atomic(pdf, data)
    return Build(
        engine="pdflatex",
        ok=True,
        pages=log.pages,
        overfull=log.overfull,
        undefined=log.undefined,
        errors=(*errors, *log.missing_glyphs),
        inputs=inputs,
        pdf_sha256=hashlib.sha256(data).hexdigest(),
    )


def _build(
    engine: str | None,
    inputs: dict[str, str],
    errors: tuple[str, ...],
    overfull: tuple[str, ...] = (),
    undefined: tuple[str, ...] = (),
) -> Build:
    return Build(
        engine=engine,
        ok=False,
        pages=None,
        overfull=overfull,
        undefined=undefined,
        errors=errors,
        inputs=inputs,
        pdf_sha256=None,
    )


def _inputs(folder: Path) -> dict[str, str]:
    """SHA-256 of every source below the folder, by relative path."""
    found = {}
    for path in walk_files(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix in _SOURCES and name != "paper.pdf":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _environment(scratch: Path, epoch: int) -> dict[str, str]:
    """Nothing of the user's own TeX set-up, no reading or writing outside the folder, no wrapped log lines."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(scratch),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TEXMFHOME": str(scratch / "texmf-home"),
        "TEXMFCONFIG": str(scratch / "texmf-config"),
        "TEXMFVAR": str(scratch / "texmf-var"),
        "openin_any": "p",
        "openout_any": "p",
        "max_print_line": "10000",
        "error_line": "254",
        "half_error_line": "238",
        "SOURCE_DATE_EPOCH": str(epoch),
        "FORCE_SOURCE_DATE": "1",
    }


def _advise(error: str) -> str:
    """An error about a missing file, with the command that brings it."""
    if "not found" not in error:
        return error
    if any(name in error for name in _PUBLISHER_FILES):
        return f"{error} Install it with: {INSTALL_PUBLISHERS}"
    if ".sty'" in error or ".cls'" in error or ".bst'" in error:
        return f"{error} Install it with: {INSTALL_LATEX}"
    return error


def _last_words(work: Path) -> str:
    """Why latexmk failed when TeX itself reported nothing: BibTeX's complaint, or none."""
    blg = work / "paper.blg"
    lines = blg.read_text(encoding="utf-8", errors="replace").splitlines() if blg.exists() else []
    for line in lines:
        if "I couldn't open style file" in line:
            return _advise(f"File `{line.split()[-1].removesuffix('.bst')}.bst' not found.")
    complaints = [line for line in lines if "error" in line.lower() or line.startswith("I ")]
    return f"BibTeX: {complaints[0]}" if complaints else "latexmk failed without saying why; see paper.log."
