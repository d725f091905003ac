"""Plain text from outside (topics, names, labels) as LaTeX that pdflatex always sets.

Knows characters, not documents. What pdflatex has no fonts for (Chinese, Cyrillic, Arabic, emoji, ...) is written in
Latin letters; `was_transliterated` says so, and the paper should too.
"""

import re
import unicodedata
from functools import cache

from anyascii import anyascii
from pylatexenc.latexencode import UnicodeToLatexEncoder

_ASCII = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # not the optional argument of a preceding command
    "]": "{]}",
}
_COMBINING = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0326": "textcommabelow",
    "\u0327": "c", "\u0328": "k", "\u0331": "b",
}  # fmt: skip
_SPACING = {"\u00a0": "~", "\u202f": "~", "\u2011": "-", "\u2010": "-", "\u2212": r"\ensuremath{-}"}
# Macros of pylatexenc's table that our preamble defines and that are what they claim to be.
_TEXT_MACROS = """
    textexclamdown textcent textsterling textyen textbrokenbar textsection textcopyright textordfeminine
    textordmasculine guillemotleft guillemotright textlnot textregistered textdegree textmu textparagraph
    textperiodcentered textonequarter textonehalf textthreequarters textquestiondown texttwosuperior
    textthreesuperior textonesuperior AE ae OE oe O o L l DH dh TH th DJ dj ss i NG ng texttimes textdiv
    textendash textemdash textquoteleft textquoteright quotesinglbase textquotedblleft textquotedblright
    quotedblbase textdagger textdaggerdbl textbullet textellipsis textperthousand guilsinglleft guilsinglright
    texteuro texttrademark textleftarrow textrightarrow textuparrow textdownarrow
"""
_MATH_MACROS = """
    ensuremath pm mp alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi
    rho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi
    Omega leq geq neq approx equiv sim simeq cong propto infty in notin ni subset supset subseteq supseteq cap
    cup wedge vee forall exists nabla partial sum prod int cdot circ bullet star times oplus otimes ll gg perp
    parallel mid langle rangle lfloor rfloor lceil rceil leftrightarrow Rightarrow Leftarrow Leftrightarrow
    mapsto ell aleph leqslant geqslant emptyset varnothing sqrt angle triangle cdots
"""
_MATH = frozenset(_MATH_MACROS.split())
_KNOWN = frozenset(_TEXT_MACROS.split()) | _MATH
_MACRO = re.compile(r"\\([A-Za-z]+|.)")


def latex(text: str) -> str:
    """One line of LaTeX that shows the text; white space is collapsed and control characters are dropped.

    The result needs the preamble of our templates (T1 fonts, textcomp, amssymb), has balanced braces and no raw
    special characters, and is safe in titles, captions, table cells and arguments.
    """
    words = _visible(text).split()
    return " ".join(_join(list(_curl(_tokens(word)))) for word in words)


def was_transliterated(text: str) -> bool:
    """Whether `latex` writes a part of the text in Latin letters because pdflatex has no fonts for it."""
    return any(_encode(character) is None for character in _visible(text) if ord(character) > 126)


def transliterate(text: str) -> str:
    """The text as plain Unicode, with the same parts in Latin letters as in `latex`; for labels of figures."""
    shown = (c if ord(c) < 127 or _encode(c) is not None else _plain(c) for c in _visible(text))
    return " ".join("".join(shown).split())


def _visible(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    # Categories C*: control, format (bidirectional marks, zero-width joiners), surrogates, private use, unassigned.
    return "".join(
        " " if c.isspace() and c not in _SPACING else c
        for c in composed
        if c.isspace() or unicodedata.category(c)[0] != "C"
    )


def _tokens(word: str) -> list[str]:
    return [_token(character) for character in word]


def _token(character: str) -> str:
    if ord(character) < 127:
        return _ASCII.get(character, character)
    encoded = _encode(character)
    return "".join(_ASCII.get(c, c) for c in _plain(character)) if encoded is None else encoded


def _curl(tokens: list[str]) -> list[str]:
    """Straight double quotes become opening or closing ones."""
    curled = []
    for index, token in enumerate(tokens):
        opening = index == 0 or tokens[index - 1] in ("(", "{[}", r"\{", "/", "-", "\u2014")
        curled.append((r"\textquotedblleft{}" if opening else r"\textquotedblright{}") if token == '"' else token)
    return curled


def _join(tokens: list[str]) -> str:
    """Join, keeping TeX from making ligatures such as a dash of two hyphens."""
    parts: list[str] = []
    for token in tokens:
        previous = parts[-1] if parts else ""
        if token in ("-", "'", ",") and previous == token:
            parts.append("{}")
        parts.append(token)
    return "".join(parts)


@cache
def _encode(character: str) -> str | None:
    """LaTeX of one non-ASCII character, or None where pdflatex has nothing to show for it."""
    if character in _SPACING:
        return _SPACING[character]
    if (accented := _accented(character)) is not None:
        return accented
    encoded = str(_encoder().unicode_to_latex(character))
    if not encoded.isascii() or encoded == character:
        return None
    macros = _MACRO.findall(encoded)
    if not macros:  # a ligature or a width variant, spelt out
        return "".join(_ASCII.get(c, c) for c in encoded)
    if not all(macro in _KNOWN for macro in macros):
        return None
    bare_math = "ensuremath" not in macros and any(macro in _MATH for macro in macros)
    return f"{{\\ensuremath{{{encoded}}}}}" if bare_math else f"{{{encoded}}}"


def _accented(character: str) -> str | None:
    base, *marks = list(unicodedata.normalize("NFD", character))
    if not marks or not (base.isascii() and base.isalpha()) or any(mark not in _COMBINING for mark in marks):
        return None
    shown = base
    for mark in marks:
        shown = f"{{\\{_COMBINING[mark]}{{{shown}}}}}"
    return shown


def _plain(character: str) -> str:
    """ASCII for a character; a question mark where nothing is known, so that nothing vanishes unseen."""
    if unicodedata.category(character) in ("Mn", "Me", "Sk") and not anyascii(character):
        return ""  # a mark on a transliterated letter, such as an emoji's variation selector or skin tone
    return anyascii(character) or "?"


@cache
def _encoder() -> UnicodeToLatexEncoder:
    return UnicodeToLatexEncoder(unknown_char_policy="keep", unknown_char_warning=False)
