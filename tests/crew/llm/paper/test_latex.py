"""Replies as section bodies: cleaned, in pieces, without what could do harm."""

import pytest

from nanoresearch.crew.llm.paper.latex import blocks, body_of, joined, misused, pieces, sift

REPLY = r"""Here is the section:
```latex
\section{Results}\label{sec:results}
It is 50% better & "more" than naïve a_b, see Table \ref{tab:main} and \cite{a_b,c}. With $x_1$ and α.

## Why
- one item
- another **item**

\[ y = \frac{a}{b} \]
so that y holds.
```"""


def test_a_reply_becomes_a_body() -> None:
    body = body_of(REPLY)
    assert "```" not in body
    assert "Here is" not in body
    assert "\\section" not in body
    assert r"50\% better \& ``more'' than" in body
    assert r"a\_b, see Table~\ref{tab:main} and~\citep{a_b,c}" in body
    assert r"$x_1$" in body
    assert r"\paragraph{Why}" in body
    assert "\\begin{itemize}\n\\item one item\n\\item another \\textbf{item}\n\\end{itemize}" in body
    assert r"\begin{equation*} y = \frac{a}{b} \end{equation*}" in body
    assert body.isascii()
    assert [misused(piece) for piece in pieces(body)] == [""] * len(pieces(body))
    assert body_of(body) == body
    assert body_of(r"An \item alone.") == "An alone."


def test_taking_apart_and_putting_together_changes_nothing() -> None:
    body = " ".join(body_of(REPLY).split())
    assert " ".join(joined(blocks(body_of(REPLY))).split()) == body


def test_what_is_left_out_leaves_the_rest() -> None:
    body = body_of(REPLY)
    left = sift(body, lambda piece: "another" not in piece and "frac" not in piece)
    assert "one item" in left
    assert "another" not in left
    assert "equation" not in left
    assert left.count("\\begin") == left.count("\\end") == 1


@pytest.mark.parametrize(
    "text",
    [
        r"\input{/etc/passwd}", r"\write18{rm -rf}", r"\catcode`\%=12", r"\def\x{1}", r"\immediate\openout3",
        r"\begin{filecontents}{a}b\end{filecontents}", r"{open", r"close}", r"$x", r"a^2 b", r"\csname x\endcsname",
        r"\number7", r"^^41", r"\today", r"\romannumeral 7", r"\verb|x|", r"\includegraphics{x}", r"\url{x}",
        r"\href{x}{y}",
    ],
)  # fmt: skip
def test_commands_and_notations_that_a_section_may_not_use(text: str) -> None:
    assert any(misused(piece) for piece in pieces(body_of(f"Good text. {text} More text."))) or text not in body_of(
        text
    )
