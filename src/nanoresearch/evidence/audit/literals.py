"""Numbers that stand in LaTeX without coming from a record: digits, characters and words, and what could hide them.

Knows LaTeX and English, not runs. Not taken for numbers: "one" and "zero", ordinals ("first"), "two-sided", "both".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from nanoresearch.evidence.number_words import COUNTS, FRACTIONS, LARGER, MULTIPLES, SMALL

UNITS = SMALL[2:11]
"""Two to ten."""
WORDS = (*COUNTS[2:], *LARGER, *FRACTIONS, *MULTIPLES)
"""Words that are numbers, besides the phrases of the patterns below."""

_WORD = re.compile(
    rf"(?<![A-Za-z])(?:{'|'.join(WORDS)}|per\s+cent|(?:a|one)[\s-](?:third|fourth|fifth|sixth|seventh|eighth|ninth))(?![A-Za-z])",
    re.IGNORECASE,
)
_IDIOM = re.compile(r"(?<![A-Za-z])(?:two-(?:sided|tailed)|in per\s?cent)(?![A-Za-z])", re.IGNORECASE)
_SCORE = re.compile(
    r"(?<![A-Za-z])(?:(?:a|one|several|many|in)\s+)?(?:"
    r"scores\s+of\s+(?:data\s+sets|runs|seeds|methods|wins|cases|times|others|points|percent|settings|trials)"
    r"|score\s+of\s+(?:data\s+sets|runs|seeds|methods|wins|cases|times|others|points|percent|settings|trials)"
    r"|gross\s+of)(?![A-Za-z])",
    re.IGNORECASE,
)
"""A score is twenty, but mostly what a metric gives: only a score of things is a number."""
_ROMAN = re.compile(
    r"(?<![A-Za-z0-9.-])(?<!type )"
    r"(?=[XVI]{2,}(?![A-Za-z0-9])|(?=[CLXVI]{3})[CLI]*[XV]|(?=[clxvi]{4})[cli]*[xv])"
    r"(?:C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})|c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3}))(?![A-Za-z0-9])"
)
"""Roman numerals, except those that are rather abbreviations (CI, CV, ML, MCC, CLI) and the errors of type II."""
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")

REFERENCE = re.compile(r"\\(?:result|ref|autoref|label|inputtable|inputfigure)\s*\{([^{}]*)\}")
_CITED = re.compile(r"\\[Cc]ite(?:p|t|alp|alt|author)?\*?\s*(?:\[([^\[\]{}]*)\]\s*)?(?:\[([^\[\]{}]*)\]\s*)?\{[^{}]*\}")
"""Citations that print no bare year or number of their own; what stands in their brackets is text."""
_WHAT = r"(?:Tables?|Figures?|Sections?|Equations?|Appendix|Appendices)~"
_POINTER = r"\(?\\ref\s*\{[^{}]*\}\)?"
_POINTERS = re.compile(rf"(?<![A-Za-z]){_WHAT}{_POINTER}(?:(?:,\s*|,?\s+)(?:and[\s~]+)?(?:{_WHAT})?{_POINTER})*")
RESULT = re.compile(r"\\result\s*\{([^{}]*)\}")
CITATION = re.compile(r"\\(?:no)?cite[a-zA-Z]*\*?\s*(?:\[[^\]]*\]\s*){0,2}\{([^{}]*)\}")
NAME = re.compile(r"\\name\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_SPACING = re.compile(r"\\(?:vspace|hspace|addlinespace)\*?\s*(?:\{[^{}]*\}|\[[^\[\]]*\])")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{(?:itemize|enumerate|description|quote|center|equation\*?|align\*?)\}")
_MACRO = re.compile(r"\\([A-Za-z]+\*?|.)", re.DOTALL)

_SILENT_WORDS = """
    emph textbf textit textrm textsf texttt textmd textup text mathrm mathbf mathit mathcal mathbb
    underline paragraph subsection subsubsection item footnote small footnotesize scriptsize normalsize itshape
    bfseries centering par noindent smallskip medskip bigskip relax quad qquad left right big bigl bigr Big Bigl
    Bigr ldots dots cdots ensuremath makecell multicolumn addlinespace allowbreak newline linebreak mbox protect
    pm mp cdot times div leq geq le ge neq ne approx sim simeq equiv propto infty in notin subset subseteq supset
    cup cap setminus emptyset wedge vee forall exists nabla partial sum prod int sqrt frac tfrac dfrac bar hat
    tilde vec overline mid parallel perp circ bullet star oplus otimes ll gg langle rangle lfloor rfloor lceil
    rceil lbrace rbrace rightarrow leftarrow leftrightarrow uparrow downarrow Rightarrow Leftarrow Leftrightarrow
    mapsto to min max log exp arg alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa
    lambda mu nu xi pi rho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi
    Sigma Upsilon Phi Psi Omega ell textbackslash textasciicircum textasciitilde textasciigrave textless
    textgreater textbar textquoteleft textquoteright textquotedblleft textquotedblright quotesinglbase
    quotedblbase textendash textemdash textbullet textellipsis textdegree textmu textsection textparagraph
    textperiodcentered textdagger textdaggerdbl textperthousand textcopyright textregistered texttrademark
    texttimes textdiv texteuro textcent textsterling textyen textordfeminine textordmasculine textexclamdown
    textquestiondown textbrokenbar textlnot textleftarrow textrightarrow textuparrow textdownarrow guillemotleft
    guillemotright guilsinglleft guilsinglright textcommabelow AE ae OE oe O o L l DH dh TH th DJ dj ss i j NG ng
    u H v d c k b r t
"""
SILENT = frozenset(_SILENT_WORDS.split())
"""Macros that print no number of their own. Any other could (\\number, \\char, \\today, a new definition)."""
_SILENT_SIGNS = frozenset("%&_#${}\\,;:!/- `'^\"~=.|()[]@*")


def literals(body: str, names: Iterable[str] = ()) -> list[str]:
    """Numbers typed into a piece of LaTeX outside references, names (in LaTeX) and lengths, in order, each once."""
    text = _without_names(_references_removed(body), names)
    found: list[str] = []
    for shown in _readings(text):
        shown = _IDIOM.sub(" ", shown)
        for pattern in (_DIGITS, _WORD, _SCORE, _ROMAN):
            found += [match.group() for match in pattern.finditer(shown)]
        found += [c for c in shown if not c.isdecimal() and unicodedata.numeric(c, None) is not None]
    return list(dict.fromkeys(" ".join(item.split()) for item in found))


def bare_references(body: str) -> list[str]:
    r"""Uses of \\ref that do not follow the word for what they refer to: their numbers could be read as results."""
    return re.findall(r"\\ref\s*\{[^{}]*\}", _POINTERS.sub(" ", without_comments(body)))


def readings(body: str) -> list[str]:
    """A piece of LaTeX as words, with what macros could have glued together or kept apart."""
    text = _references_removed(NAME.sub(r" \1 ", body))
    return [" ".join(shown.replace("~", " ").split()) for shown in _readings(text)]


def unknown_macros(body: str) -> list[str]:
    """Commands and notations of a piece of LaTeX of which it is not known that they print no number."""
    text = NAME.sub(r" \1 ", _references_removed(body))
    found = ["^^"] if "^^" in text else []
    for macro in _MACRO.findall(text):
        if macro.rstrip("*") not in SILENT and macro not in _SILENT_SIGNS and not macro.isspace():
            found.append("\\" + macro)
    return list(dict.fromkeys(found))


def without_comments(text: str) -> str:
    """LaTeX as TeX reads it: a comment goes with the end of its line."""
    return re.sub(r"(?<!\\)((?:\\\\)*)%.*(?:\n[ \t]*)?", r"\1", text)


def _references_removed(body: str) -> str:
    text = _CITED.sub(lambda match: f" {match[1] or ''} {match[2] or ''} ", without_comments(body))
    return _ENVIRONMENT.sub(" ", _SPACING.sub(" ", REFERENCE.sub(" ", text)))


def _readings(text: str) -> Iterator[str]:
    """Macros could glue the parts of a word together or keep them apart; neither must hide it."""
    for glue in ("", " "):
        yield re.sub(r"[{}]", "", _MACRO.sub(lambda match, glue=glue: _shown(match, glue), text))  # type: ignore[misc]


def _without_names(text: str, names: Iterable[str]) -> str:
    text = NAME.sub(" ", text)
    for name in sorted(set(names), key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", " ", text, flags=re.IGNORECASE)
    return text


def _shown(match: re.Match[str], glue: str) -> str:
    macro = match[1]
    if macro in ("-", "/", "relax", "protect"):
        return ""
    if macro.isalpha() or macro.endswith("*"):
        return glue
    return macro if macro in "%&_#$" else glue
