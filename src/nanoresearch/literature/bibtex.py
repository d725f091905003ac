"""BibTeX entries from records, safe for pdflatex.

Types and fields are read from the record alone; nothing is looked up or guessed beyond what its venue says.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from urllib.parse import quote as percent_encoded

from anyascii import anyascii
from pylatexenc.latexencode import (
    RULE_DICT,
    UnicodeToLatexConversionRule,
    UnicodeToLatexEncoder,
)

from nanoresearch.schema.paper import Paper

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    '"': "''",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "–": "--",
    "—": "---",
    "…": "...",
    "\u00a0": " ",
}
"""Written so that braces stay balanced, which BibTeX counts even where they are escaped."""

_SAFE_MACRO = re.compile(
    r"\\(?:['`^\"~=.]|[uvHcrdbt](?![a-zA-Z])|(?:ss|o|O|l|L|ae|AE|oe|OE|aa|AA|i|j)(?![a-zA-Z])"
    r"|ensuremath|alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau"
    r"|upsilon|phi|varphi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega|infty|times|pm|cdot"
    r"|leq|geq|rightarrow|leftarrow|approx|textendash|textemdash|S|P|copyright|pounds|textquestiondown|textexclamdown"
    r"|text(?:backslash|brace(?:left|right)|ascii(?:tilde|circum))|[&%$#_,])"
)
"""Macros that pdflatex sets with OT1 fonts and no package; a character that needs another is transliterated."""

_PUBLISHER = re.compile(
    r"springer|wiley|(?:mit|university|acm|crc) press|chapman & hall|wadsworth|otexts|lawrence erlbaum|morgan kaufmann"
    r"|elsevier|o'reilly|academic press",
    re.IGNORECASE,
)
_MEETING = re.compile(
    r"proceedings (?:of|\d)|conference|workshop|symposium|advances in (?!statist)|\bmeeting\b|congress"
    r"|\b(?:ACL|NAACL|EACL|EMNLP|COLING|LREC|NeurIPS|NIPS|ICML|ICLR|AAAI|IJCAI|CVPR|ICCV|ECCV|WACV|KDD|SIGIR|CIKM|"
    r"ICASSP|INTERSPEECH|ISMIR|ECML|PAKDD|UAI|AISTATS|COLT|CoRL|EVALITA|SemEval|NTCIR|CLEF|IJCNN|ICPR|ECIR|TAC|TREC|CoNLL)\b",
    re.IGNORECASE,
)
_JOURNAL = re.compile(
    r"^proceedings of (?:the )?(?:ieee$|national academy|vldb|acm on)|journal|transactions|letters$", re.IGNORECASE
)
_UNREVIEWED = re.compile(
    r"^(?:arxiv|corr|biorxiv|medrxiv|ssrn|preprint|openreview|zenodo|kaggle|github|hugging ?face|linguistic data)\b",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"^(?:Jr\.?|Sr\.?|I{2,3}|IV)$")
_EPONYM_WORDS = (
    "bayes bayesian boltzmann brier bregman cauchy dirichlet english euclidean fourier french gauss gaussian german "
    "gibbs hilbert kullback laplace laplacian lipschitz markov monte carlo nesterov newton poisson procrustes python "
    "riemannian shannon spanish stein wasserstein weibull zipf chinese japanese european american"
)
_EPONYMS = frozenset(_EPONYM_WORDS.split())
"""Names that stay capital in a sentence-case bibliography."""


def bibtex(papers: Iterable[Paper]) -> str:
    """A .bib file, entries ordered by key. Raises ValueError if two different papers share a key."""
    entries: dict[str, Paper] = {}
    for paper in papers:
        if entries.setdefault(paper.key, paper) != paper:
            raise ValueError(f"two papers share the key {paper.key!r}")
    return "\n".join(_entry(entries[key]) for key in sorted(entries))


def entry_type(paper: Paper) -> str:
    """article, inproceedings, book, phdthesis, techreport or misc, as the venue says; misc for preprints and data."""
    venue = paper.venue
    if venue is None or _UNREVIEWED.search(venue):
        return "misc"
    if "thesis" in venue.lower():
        return "phdthesis"
    if "technical report" in venue.lower():
        return "techreport"
    if _JOURNAL.search(venue):
        return "article"
    if _MEETING.search(venue):
        return "inproceedings"
    return "book" if _PUBLISHER.search(venue) else "article"


_VENUE_FIELD = {
    "article": "journal",
    "inproceedings": "booktitle",
    "book": "publisher",
    "phdthesis": "school",
    "techreport": "institution",
    "misc": "howpublished",
}


def _entry(paper: Paper) -> str:
    kind = entry_type(paper)
    fields = {"author": " and ".join(_author(name) for name in paper.authors), "title": _title(paper.title)}
    if paper.venue and not (kind == "misc" and paper.arxiv):
        fields[_VENUE_FIELD[kind]] = latex_text(_institution(paper.venue) if kind != "misc" else paper.venue)
    if paper.year is not None:
        fields["year"] = str(paper.year)
    if paper.arxiv:
        fields |= {"eprint": latex_text(paper.arxiv), "archivePrefix": "arXiv"}
        if kind == "misc":
            fields["note"] = f"arXiv:{latex_text(paper.arxiv)}"
    if paper.doi:
        fields["doi"] = re.sub(r"[&%$#_{}]", lambda match: "\\" + match.group(), paper.doi)
    elif paper.url:
        fields["url"] = percent_encoded(paper.url, safe=":/?=&;,@!*+-._()%")
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@{kind}{{{paper.key},\n{body}\n}}\n"


def _institution(venue: str) -> str:
    """ "PhD thesis, Princeton University" names its school after the comma; other venues stay as they are."""
    head, _, tail = venue.partition(", ")
    return tail if tail and re.search(r"thesis|technical report", head, re.IGNORECASE) else venue


def latex_text(text: str) -> str:
    """ASCII LaTeX that prints the text; scripts that pdflatex lacks are transliterated."""
    cleaned = " ".join(unicodedata.normalize("NFC", text).split())
    return str(_encoder().unicode_to_latex("".join(_settable(character) for character in cleaned)))


@cache
def _encoder() -> UnicodeToLatexEncoder:
    rule = UnicodeToLatexConversionRule(RULE_DICT, {ord(character): text for character, text in _SPECIAL.items()})
    return UnicodeToLatexEncoder(
        conversion_rules=[rule, "defaults"],
        replacement_latex_protection="braces-all",
        unknown_char_policy="fail",
        unknown_char_warning=False,
    )


def _settable(character: str) -> str:
    """The character if pdflatex can set its encoding, else its transliteration."""
    if character in _SPECIAL or (character.isascii() and character.isprintable()):
        return character
    try:
        encoded = str(_encoder().unicode_to_latex(character))
    except ValueError:
        encoded = "\\unsettable"
    unsafe = not encoded.isascii() or "\\" in _SAFE_MACRO.sub("", encoded)
    return "".join(c for c in anyascii(character) if c.isprintable()) if unsafe else character


def _title(title: str) -> str:
    """Title whose acronyms, eponyms and, in a title set in sentence case, capitals are braced."""
    tokens = title.split()
    lower = sum(token[:1].islower() for token in tokens[1:] if len(token) > 3)
    long = sum(len(token) > 3 for token in tokens[1:])
    sentence_case = long > 0 and lower > long / 2
    return " ".join(
        f"{{{latex_text(token)}}}"
        if _keeps_capitals(token, first=at == 0, sentence_case=sentence_case)
        else latex_text(token)
        for at, token in enumerate(tokens)
    )


def _keeps_capitals(token: str, *, first: bool, sentence_case: bool) -> bool:
    letters = "".join(c for c in token if c.isalpha())
    if any(c.isupper() for c in letters[1:]) and not re.fullmatch(r"\W*[A-Z][a-z]+(?:-[A-Z][a-z]+)+\W*", token):
        return True
    if any(part in _EPONYMS for part in re.findall(r"[a-z]+", token.lower())):
        return True
    return sentence_case and not first and letters[:1].isupper()


def _author(name: str) -> str:
    if name == "others":
        return name
    text = latex_text(name)
    given = name.split()
    if (
        len(given) < 2
        or any(c.isdigit() for c in name)
        or "and" in given
        or given[-1] in {"Team", "Lab", "Contributors"}
    ):
        return f"{{{text}}}"
    if len(given) > 2 and _SUFFIX.match(given[-1]):
        return f"{latex_text(given[-2])}, {latex_text(given[-1])}, {latex_text(' '.join(given[:-2]))}"
    return text
