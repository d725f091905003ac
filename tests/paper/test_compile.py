from pathlib import Path

import pytest

from nanoresearch.config import PaperConfig
from nanoresearch.paper import compile as compilation
from nanoresearch.paper.compile import INSTALL_LATEX, INSTALL_PUBLISHERS, compile_pdf

HEAD = "\\documentclass{article}\\begin{document}\n"


def source(folder: Path, body: str, head: str = HEAD) -> Path:
    (folder / "paper.tex").write_text(f"{head}{body}\n\\end{{document}}\n")
    return folder


def test_without_tex_the_build_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    build = compile_pdf(source(tmp_path, "x"), PaperConfig())
    assert (build.ok, build.engine, build.pdf_sha256) == (False, None, None)
    assert build.errors == (f"LaTeX is missing; install it with: {INSTALL_LATEX}",)
    assert set(build.inputs) == {"paper.tex"}


def test_off_compiles_nothing(tmp_path: Path) -> None:
    build = compile_pdf(source(tmp_path, "x"), PaperConfig(latex="off"))
    assert not build.ok
    assert "switched off" in build.errors[0]


@pytest.mark.tex
def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b with space")]
    builds = []
    for folder in folders:
        folder.mkdir()
        head = "\\documentclass{article}\\pdftrailerid{}\\begin{document}"
        builds.append(compile_pdf(source(folder, "\\today", head), PaperConfig(), epoch=86400 * 365))
    assert builds[0].ok
    assert builds[0].pages == 1
    assert builds[0].pdf_sha256 == builds[1].pdf_sha256
    assert sorted(path.name for path in folders[0].iterdir()) == ["paper.log", "paper.pdf", "paper.tex"]


@pytest.mark.tex
def test_an_error_is_located_and_an_old_pdf_removed(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(b"old")
    build = compile_pdf(source(tmp_path, "fine\n\nnot \\nonsense here"), PaperConfig())
    assert not build.ok
    assert not (tmp_path / "paper.pdf").exists()
    assert build.errors[0] == "paper.tex, line 4: Undefined control sequence. Near: not \\nonsense"


@pytest.mark.tex
def test_a_missing_class_names_its_package(tmp_path: Path) -> None:
    assert compilation._advise("LaTeX Error: File `IEEEtran.cls' not found.").endswith(INSTALL_PUBLISHERS)
    build = compile_pdf(source(tmp_path, "x", "\\documentclass{nosuch}\\begin{document}"), PaperConfig())
    assert INSTALL_LATEX in build.errors[0]


@pytest.mark.tex
@pytest.mark.parametrize(
    "body", ["\\input{/etc/hostname}", "\\input{../secret}", "\\newwrite\\f\\immediate\\openout\\f=../out.tex"]
)
def test_sources_reach_nothing_outside(body: str, tmp_path: Path) -> None:
    folder = tmp_path / "paper"
    folder.mkdir()
    (tmp_path / "secret.tex").write_text("secret")
    assert not compile_pdf(source(folder, body), PaperConfig()).ok


@pytest.mark.tex
def test_the_shell_is_out_of_reach(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    compile_pdf(source(tmp_path, f"x\\immediate\\write18{{touch {mark}}}"), PaperConfig())
    assert not mark.exists()


@pytest.mark.tex
def test_endless_sources_are_stopped(tmp_path: Path) -> None:
    build = compile_pdf(source(tmp_path, "\\def\\x{\\x}\\x"), PaperConfig(timeout_s=2))
    assert not build.ok
    assert "did not finish within 2 s" in build.errors[-1]
