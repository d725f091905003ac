import re
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nanoresearch.config import PaperConfig
from nanoresearch.paper.compile import compile_pdf
from nanoresearch.paper.escape import latex, transliterate, was_transliterated

MACRO = re.compile(r"\\([A-Za-z]+|[^A-Za-z])")


@given(st.text())
@example('"a" -- b \\end{document} 100% {')
@example("ș ế \u200b\x00 \u202e 👍🏽")
def test_result_is_safe(text: str) -> None:
    shown = latex(text)
    assert (shown.isascii() and shown.isprintable()) or shown == ""
    bare = MACRO.sub("", shown)
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert not set(bare) & set("%#$&_^\\")
    assert not re.search(r"--|''|,,|``|<<|>>", shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50% & a_b #1 $5 {x}", r"50\% \& a\_b \#1 \$5 \{x\}"),
        ("C:\\x ~ ^", r"C:\textbackslash{}x \textasciitilde{} \textasciicircum{}"),
        ('"quoted" it\'s', r"\textquotedblleft{}quoted\textquotedblright{} it's"),
        ("a–b—c", r"a{{\textendash}}b{{\textemdash}}c"),
        ("Müller", r"M{\"{u}}ller"),
        ("α", r"{\ensuremath{\alpha}}"),
        ("two\n  lines\x07", "two lines"),
        ("Привет", "Privet"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert latex(text) == expected


def test_transliteration_is_reported() -> None:
    assert was_transliterated("机器学习")
    assert was_transliterated("ok 😀")
    assert not was_transliterated("naïve Ångström — α ≤ β, 5 µm, ﬁne, ș")


@given(st.text())
def test_transliterate_and_latex_agree(text: str) -> None:
    assert was_transliterated(transliterate(text)) is False


@pytest.mark.tex
def test_every_encoded_character_compiles(tmp_path: Path) -> None:
    """All of Latin, Greek, punctuation, symbols, arrows and operators, in the preamble of our templates."""
    from nanoresearch.paper.template import paper_tex
    from nanoresearch.schema.manuscript import Manuscript, Section

    ranges = [(0x21, 0x7F), (0xA1, 0x530), (0x1E00, 0x2100), (0x2100, 0x2C00), (0x3000, 0x3100), (0xFB00, 0xFB07)]
    body = "\n\n".join(latex(chr(code)) for low, high in ranges for code in range(low, high))
    manuscript = Manuscript(
        title="All", authors="", affiliation="", format="article", keywords=(), numbers=(),
        sections=(Section(id="abstract", title="", body="A."), Section(id="all", title="All", body=body)),
    )  # fmt: skip
    (tmp_path / "paper.tex").write_text(paper_tex(manuscript, cited=False))
    (tmp_path / "numbers.tex").write_text("")
    build = compile_pdf(tmp_path, PaperConfig())
    assert build.ok, build.errors
    assert build.errors == ()


@pytest.mark.tex
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_special_characters_reach_the_page(tmp_path: Path) -> None:
    import subprocess

    from nanoresearch.paper.template import paper_tex
    from nanoresearch.schema.manuscript import Manuscript, Section

    text = r"a & b % c _ # $ { } ~ ^ \ < > | é ß"
    manuscript = Manuscript(
        title=latex(text), authors=latex(text), affiliation=latex(text), format="twocolumn", keywords=(latex(text),),
        numbers=(), sections=(Section(id="x", title=latex(text), body=latex(text)),),
    )  # fmt: skip
    (tmp_path / "paper.tex").write_text(paper_tex(manuscript, cited=False, note=latex(text)))
    (tmp_path / "numbers.tex").write_text("")
    build = compile_pdf(tmp_path, PaperConfig())
    assert build.ok, build.errors
    assert build.errors == ()
    read = subprocess.run(["pdftotext", str(tmp_path / "paper.pdf"), "-"], capture_output=True, text=True, check=True)
    for character in "&%_#${}~^\\<>|éß":
        assert character in read.stdout
