"""Reads a section body as the audit and the reviewer will, piece by piece, before it becomes part of a manuscript.

The rules are those of evidence/audit, called here and not written again. What a model says of earlier work is held
against the records of the works that it cites; whether it understood them cannot be told here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from nanoresearch.crew.builtin.latex_text import citation_keys, result_keys, visible
from nanoresearch.crew.builtin.reviewer import PLACEHOLDER, STRONG, VERDICT_WORDS, check_claims, check_wording
from nanoresearch.crew.builtin.reviewer import Case as ReviewCase
from nanoresearch.crew.llm.paper.latex import misused, pieces, sift
from nanoresearch.evidence.audit.case import Case
from nanoresearch.evidence.audit.integrity import against
from nanoresearch.evidence.audit.literals import without_comments
from nanoresearch.evidence.audit.numbers import TOLD, known_values, typed
from nanoresearch.evidence.audit.paperwork import DESIGN_SECTIONS, Passage, proper_names
from nanoresearch.evidence.audit.told import NUMBER, numbers_told, spelt, told_text
from nanoresearch.literature.text import STOPWORDS, normalised_title, words
from nanoresearch.paper.escape import latex
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Analysis
from nanoresearch.schema.manuscript import Build, Manuscript, Section
from nanoresearch.schema.paper import Paper

ENGLISH = 0.18
"""Least share of function words in a text that is taken for English; usual are about two fifths."""
FEW_WORDS = 30
"""Texts shorter than this say nothing about their language."""
LONGEST = 14_000
"""Characters of a section beyond which it is cut."""
QUOTED_WORDS = 4
"""Quotations of this many words or more must be verbatim."""
UNBUILT = Build(engine=None, ok=True, pages=None, overfull=(), undefined=(), errors=(), inputs={}, pdf_sha256=None)

_BY_HAND = re.compile(
    r"\b[A-Z][\w'-]+ et al\b|\((?:[A-Z][\w'-]+,? (?:and|\\&) )?[A-Z][\w'-]+,? (?:19|20)\d\d[a-z]?\)|\[\d+(?:, ?\d+)*\]"
)
"""Works named without a citation."""
_QUOTATION = re.compile(r"``(.+?)''", re.DOTALL)
_LABEL = re.compile(r"\\ref\s*\{([^{}]*)\}")


@dataclass(frozen=True)
class Fault:
    """Something that cannot stand, and where."""

    piece: str
    """LaTeX of the sentence, item or formula; empty for the whole section."""
    complaint: str
    hard: bool = True
    """Whether the piece has to go when it is not mended."""


class Proofreader:
    """Judges section bodies of one run."""

    def __init__(self, folder: RunFolder, analysis: Analysis, results: set[str], labels: set[str]) -> None:
        """`results` are the keys that may be referred to, `labels` those of tables, figures and sections."""
        case = Case(folder)
        self._case = case
        self._analysis = analysis
        self._results = results
        self._labels = labels
        self._given = proper_names(case)
        self._known = known_values(case)
        self._papers = {paper.key: paper for paper in case.survey.papers}
        quotes: dict[str, list[str]] = {}
        for item in case.survey.evidence:
            quotes.setdefault(item.paper, []).append(item.quote)
        self._quotes = quotes
        self._design = f"{case.blueprint.canonical_json()} {case.run.topic}"

    def faults(self, section: str, body: str, told: set[str] | None = None) -> list[Fault]:
        """Everything that cannot stand in a section. `told` are the results that earlier sections gave, for a
        conclusion.
        """
        found = list(self._whole(section, body))
        for piece in pieces(body):
            found += [Fault(piece, complaint) for complaint in self._complaints(section, piece)]
            if told is not None and (new := sorted(set(result_keys(piece)) & self._results - told)):
                found.append(Fault(piece, f"gives {', '.join(new)}, which no earlier section gives"))
        return found + list(self._overstated(section, body))

    def plain_faults(self, where: str, text: str) -> list[str]:
        """What cannot stand in a title or a keyword, given as plain text."""
        passage = Passage(where, latex(text), results=True)
        found = [said for _, said in typed(passage, self._case, self._given, self._known)]
        found += [f'says "{said}"' for said in against(self._analysis.verdict, passage.body)]
        if match := STRONG.search(text):
            found.append(f'"{match.group()}" promises too much')
        return found

    def _whole(self, section: str, body: str) -> Iterator[Fault]:
        """Language, length, and the verdict where it must be stated."""
        text = visible(body)
        found = words(text)
        if not found:
            yield Fault("", "the reply has no text")
            return
        if len(found) > FEW_WORDS and sum(word in STOPWORDS for word in found) < ENGLISH * len(found):
            yield Fault("", "the paper is in English; write this section in English")
        wanted = VERDICT_WORDS[self._analysis.verdict]
        if section in ("abstract", "conclusion") and not re.search(wanted, text, re.IGNORECASE):
            yield Fault("", f'the verdict is not stated; write "{VERDICTS[self._analysis.verdict]}"', hard=False)

    def _complaints(self, section: str, piece: str) -> Iterator[str]:
        if wrong := misused(piece):
            yield wrong
        for key in result_keys(piece):
            if key not in self._results:
                yield f"\\result{{{key}}} is no result of this run{_nearest(key, self._results)}"
        for key in citation_keys(piece):
            if key not in self._papers:
                yield f"{key} is no work of the survey{_nearest(key, set(self._papers))}"
        for label in _LABEL.findall(piece):
            if label not in self._labels:
                yield f"there is no {label}{_nearest(label, self._labels)}"
        passage = Passage(section, piece, results=section not in DESIGN_SECTIONS)
        yield from (text for _, text in typed(passage, self._case, self._given, self._known))
        if said := against(self._analysis.verdict, piece):
            yield f'says "{said[0]}", but the verdict is: {VERDICTS[self._analysis.verdict]}'
        if match := PLACEHOLDER.search(visible(piece)):
            yield f'has the placeholder "{match.group()}"'
        if re.search(r"https?:|www\.", piece):
            yield "has an address of the web; cite a work of the survey instead"
        if match := _BY_HAND.search(without_comments(piece)):
            yield f'names a work by hand ("{match.group()}"); use \\citet{{key}} or \\citep{{key}}'
        if section in DESIGN_SECTIONS:
            yield from self._unsupported(section, piece)

    def _unsupported(self, section: str, piece: str) -> Iterator[str]:
        """Numbers and quotations that neither the design nor a work cited beside them has."""
        cited = [self._papers[key] for key in citation_keys(piece) if key in self._papers]
        read = " ".join([self._design, *(self._record(paper) for paper in cited)])
        plain = told_text(piece)
        if section in TOLD:
            if found := spelt(plain, read):
                yield f"the quantities {', '.join(found)} stand neither in the design nor in the record of a work cited"
            found = numbers_told(piece)
        else:  # a definition of the method may need a number, which is part of the notation
            found = list(dict.fromkeys(NUMBER.findall(re.sub(r"\$[^$]*\$", " ", plain))))
        numbers = {str(token) for token in NUMBER.findall(read)}
        # A setting of the method may stand in its program text; what is told of others may not.
        own = {str(value) for value in self._known} if section not in TOLD else set()
        strange = [token for token in found if token not in numbers | own]
        if strange:
            yield f"the numbers {', '.join(strange)} stand neither in the design nor in the record of a work cited"
        for quotation in _QUOTATION.findall(plain):
            if len(quotation.split()) >= QUOTED_WORDS and normalised_title(visible(quotation)) not in normalised_title(
                read
            ):
                yield f'quotes "{visible(quotation)[:60]}", which stands in no record of a work cited there'

    def _record(self, paper: Paper) -> str:
        return " ".join([paper.title, paper.abstract or "", str(paper.year or ""), *self._quotes.get(paper.key, ())])

    def _overstated(self, section: str, body: str) -> Iterator[Fault]:
        """Sentences that a reviewer would object to: they may be wrong, and are not taken out for it."""
        manuscript = Manuscript(
            title="", authors="", affiliation="", format="article", keywords=(), numbers=(),
            sections=(Section(id=section, title="", body=body),),
        )  # fmt: skip
        case = ReviewCase(manuscript, self._analysis, self._case.blueprint, UNBUILT)
        for check in (check_claims, check_wording):
            for remark in check(case):
                if remark.severity != "minor":
                    yield Fault("", remark.text, hard=False)


VERDICTS = {
    "supported": "the hypothesis is supported",
    "refuted": "the hypothesis is refuted",
    "inconclusive": "the outcome is inconclusive",
}
"""How the paper puts a verdict, so that every part of it says the same."""


def without(body: str, faults: list[Fault]) -> str:
    """The body without the pieces that cannot stand."""
    bad = {fault.piece for fault in faults if fault.hard and fault.piece}
    return sift(body, lambda piece: piece not in bad)


def cut(body: str, most: int = LONGEST) -> str:
    """The body up to the last paragraph that ends within the limit; a longer first paragraph up to its last
    sentence.
    """
    if len(body) <= most:
        return body
    start = body[:most]
    return start.rpartition("\n\n")[0] or start.rpartition(". ")[0] + "."


def complaints(faults: list[Fault], most: int = 12) -> str:
    """Faults as a model is told them."""
    lines = []
    for fault in faults[:most]:
        where = f'In "{" ".join(fault.piece.split())[:220]}": ' if fault.piece else ""
        lines.append(f"- {where}{fault.complaint}.")
    more = f"\n- and {len(faults) - most} more" if len(faults) > most else ""
    return "\n".join(lines) + more


def _nearest(name: str, known: set[str]) -> str:
    near = get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return f"; perhaps {' or '.join(near)}" if near else ""
