"""A strict external reviewer: checks on the text itself, each of which can fail. Sees no plan, skills or memories.

It judges whether a paper holds together and stays within its findings, not whether the research was worth doing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from nanoresearch.crew.builtin.latex_text import (
    citation_keys,
    literal_numbers,
    result_keys,
    sentences,
    split_sentences,
    visible,
    word_count,
)  # fmt: skip
from nanoresearch.paper.escape import latex
from nanoresearch.schema.analysis import Analysis, Finding, Statistic
from nanoresearch.schema.blueprint import Blueprint, Comparison
from nanoresearch.schema.manuscript import Build, Manuscript, Remark, Review, Section

Kind = Literal["coherence", "claim", "formatting", "completeness", "style"]
Severity = Literal["blocking", "major", "minor"]

PENALTY = {"blocking": 5.0, "major": 2.0, "minor": 0.4}
"""Points that a remark costs; a score starts at 10."""
COUNTS_AS = {
    "coherence": "coherence",
    "completeness": "coherence",
    "claim": "claims",
    "formatting": "formatting",
    "style": "formatting",
}
"""Score that a kind of remark lowers."""

AUDITED = ("abstract", "results", "error_analysis", "cost", "discussion", "limitations", "conclusion")
"""Sections in which a number must be a reference to a record."""
ARGUING = ("abstract", "results", "discussion", "conclusion")
"""Sections whose claims are held against the findings."""
REQUIRED = (
    "abstract",
    "introduction",
    "related_work",
    "method",
    "setup",
    "results",
    "discussion",
    "limitations",
    "conclusion",
)
ORDERED = ("abstract", "introduction", "method", "setup", "results", "discussion", "conclusion")
ABSTRACT_WORDS = (60, 260)
LEAST_CITATIONS = 8
LEAST_SECTION_WORDS = 20
LONGEST_SENTENCE = 60
LONGEST_PARAGRAPH = 230
LONGEST_TITLE = 25
TOLERATED_OVERFULL_PT = 10.0
"""What sticks out further can be seen from arm's length."""

VERDICT_WORDS = {
    "supported": r"\bis supported\b|\bsupports? the hypothesis\b",
    "refuted": r"\brefut\w+|\bnot supported\b",
    "inconclusive": r"\binconclusive\b",
}
PLACEHOLDER = re.compile(
    r"\bTODO\b|\bFIXME\b|\bTBD\b|\bXXX\b|[Ll]orem ipsum|\bn/a\b|(?<!\. )\bNone\b|\b[Nn]a[Nn]\b|\?\?"
)
STRONG = re.compile(
    r"\bstate[- ]of[- ]the[-"
    r" ]art\b|\bSOTA\b|\bprov(?:e|es|ed|en|ing)\b|\balways\b|\bguarantee\w*|\bundoubtedly\b|\bclearly\b"
    r"|\bdramatic\w*|\bremarkabl\w*|\bgroundbreaking\b|\bunprecedented\b|\bvastly\b|\bbreakthrough\b",
    re.IGNORECASE,
)
GENERAL = re.compile(
    r"\bin general\b|\bgenerally\b|\buniversal\w*|\bon any data\b(?! set)|\ball data\b(?! sets?)|\breal[-"
    r" ]world\b|\beverywhere\b",
    re.IGNORECASE,
)
CAUSAL = re.compile(
    r"\bbecause\b|\bdue to\b|\bcaus(?:e|es|ed|ing)\b|\bleads? to\b|\bthanks to\b|\bowing to\b", re.IGNORECASE
)
SIGNIFICANT = re.compile(r"\bsignifican\w+", re.IGNORECASE)
GOOD = re.compile(r"\b(?:outperform\w*|beats?|improv(?:e|es|ed|ing|ement\w*)|better|superior|helps?)\b", re.IGNORECASE)
BAD = re.compile(r"\b(?:hurts?|harms?|degrad\w+|worse|inferior)\b", re.IGNORECASE)
UP = re.compile(r"\b(?:raises?|increases?)\b", re.IGNORECASE)
DOWN = re.compile(r"\b(?:lowers?|reduces?|decreases?)\b", re.IGNORECASE)
HEDGED = re.compile(
    r"\?|\b(?:no|not|nor|neither|never|nowhere|whether|would|could|can|might|may|if|expected|nothing|reason"
    r" to|question)\b",
    re.IGNORECASE,
)
FLIPPED = re.compile(r"\btaking\b|\bremov\w+|\baway\b|\bwithout\b", re.IGNORECASE)
EVERY = re.compile(r"\b(?:every|all|each) (?:of the )?data ?sets?\b", re.IGNORECASE)
ACRONYM = re.compile(r"\b[A-Z]{2,}[A-Z0-9]*\b")
KNOWN_ACRONYMS = frozenset(
    ["PDF", "CPU", "GPU", "SHA", "JSON", "TV", "USA", "UK", "UN", "EU", "ID", "URL", "II", "III", "IV"]
)


class BuiltinReviewer:
    """Reads as a reviewer would who trusts nothing and checks everything that can be checked."""

    def review(
        self, manuscript: Manuscript, analysis: Analysis, blueprint: Blueprint, build: Build, threshold: float
    ) -> Review:
        """Scores and remarks."""
        case = Case(manuscript, analysis, blueprint, build)
        remarks = tuple(dict.fromkeys(remark for check in CHECKS for remark in check(case)))
        scores = {name: score(remarks, name) for name in ("coherence", "claims", "formatting")}
        good = all(value >= threshold for value in scores.values())
        return Review(
            revision=manuscript.revision,
            coherence=scores["coherence"],
            claims=scores["claims"],
            formatting=scores["formatting"],
            remarks=remarks,
            passed=good and not any(remark.severity == "blocking" for remark in remarks),
        )


def score(remarks: Sequence[Remark], name: str) -> float:
    """10 less the penalties of the remarks that count for this score, at least 0."""
    lost = sum(PENALTY[remark.severity] for remark in remarks if COUNTS_AS[remark.kind] == name)
    return round(max(0.0, 10.0 - lost), 2)


@dataclass(frozen=True)
class Case:
    """What a reviewer has on the table."""

    manuscript: Manuscript
    analysis: Analysis
    blueprint: Blueprint
    build: Build

    @cached_property
    def sections(self) -> dict[str, Section]:
        """Sections by id."""
        return {section.id: section for section in self.manuscript.sections}

    def body(self, section: str) -> str:
        """A section's LaTeX; empty when there is no such section."""
        return self.sections[section].body if section in self.sections else ""

    def text(self, section: str) -> str:
        """What a reader sees of a section."""
        return visible(self.body(section))

    @cached_property
    def names(self) -> str:
        """Every proper name of the study."""
        cards = [staged.card for staged in (*self.blueprint.datasets, *self.blueprint.support)]
        parts = [f"{card.name} {card.package} {card.licence} {card.summary} {card.note}" for card in cards]
        parts += [f"{item.name} {item.description}" for item in self.blueprint.components]
        parts += [f"{item.name} {item.description}" for item in self.blueprint.methods]
        parts += [f"{item.name} {item.description}" for item in self.blueprint.metrics]
        return " ".join([self.blueprint.topic, *parts])


# Coherence


def check_verdict(case: Case) -> Iterator[Remark]:
    """Abstract and conclusion must give the verdict of the analysis and no other."""
    own = case.analysis.verdict
    for section in ("abstract", "conclusion"):
        text = case.text(section)
        if text and not re.search(VERDICT_WORDS[own], text, re.IGNORECASE):
            yield Remark(
                section=section, kind="coherence", severity="blocking", text=f"The verdict ({own}) is not stated."
            )
        for other in VERDICT_WORDS.keys() - {own}:
            if re.search(VERDICT_WORDS[other], text, re.IGNORECASE):
                yield Remark(
                    section=section,
                    kind="coherence",
                    severity="blocking",
                    text=f"The text says {other}, but the analysis says {own}.",
                )


def check_primary_reported(case: Case) -> Iterator[Remark]:
    """Every comparison that decides must be given as a number in the results or in a table shown there."""
    shown = set(result_keys(case.body("results")))
    for table in case.analysis.tables:
        if f"\\inputtable{{{table.id}}}" in case.body("results"):
            shown |= {key for row in table.rows for cell in row for key in result_keys(cell)}
    sources = [number.source for number in case.manuscript.numbers if number.key in shown]
    for item in case.blueprint.comparisons:
        if item.primary and not any(_gives(source, item) for source in sources if isinstance(source, Statistic)):
            yield Remark(
                section="results",
                kind="coherence",
                severity="blocking",
                text=f"The planned primary comparison {item.id} is not reported.",
            )


def _gives(source: Statistic, item: Comparison) -> bool:
    of, versus = source.of, source.versus
    return (
        source.kind == "diff_mean"
        and versus is not None
        and not source.terms
        and (of.method, versus.method, of.metric, of.dataset) == (item.method, item.versus, item.metric, item.dataset)
    )


def check_conclusion(case: Case) -> Iterator[Remark]:
    """A conclusion must not bring anything new."""
    earlier = {key for name in ("abstract", "results", "discussion") for key in result_keys(case.body(name))}
    for key in dict.fromkeys(result_keys(case.body("conclusion"))):
        if key not in earlier:
            text = f"The number {key} appears in the conclusion for the first time; give it in the results or drop it."
            yield Remark(section="conclusion", kind="coherence", severity="major", text=text)
    before = " ".join(case.text(name) for name in ("results", "introduction")).lower()
    for name in (*(item.name for item in case.blueprint.components), *(s.card.name for s in case.blueprint.datasets)):
        if name.lower() in case.text("conclusion").lower() and name.lower() not in before:
            text = f"The conclusion speaks of {name}, which the results do not mention."
            yield Remark(section="conclusion", kind="coherence", severity="major", text=text)


def check_floats(case: Case) -> Iterator[Remark]:
    """Each table and figure is referred to before it appears, and nothing is referred to that is not there."""
    shown: set[str] = set()
    referred: set[str] = set()
    for section in case.manuscript.sections:
        for kind, value in re.findall(r"\\(ref|inputtable|inputfigure)\{([^{}]*)\}", section.body):
            if kind == "ref":
                referred.add(value)
                continue
            label = f"{'tab' if kind == 'inputtable' else 'fig'}:{value}"
            shown.add(label)
            if label not in referred:
                text = f"The float {label} is shown without an earlier reference; refer to it first or remove it."
                yield Remark(section=section.id, kind="coherence", severity="major", text=text)
    sections = {f"sec:{section.id}" for section in case.manuscript.sections}
    for label in sorted(referred - shown - sections):
        text = f"The text refers to {label}, which is not shown; show it or drop the reference."
        yield Remark(section="paper", kind="coherence", severity="major", text=text)


def check_order(case: Case) -> Iterator[Remark]:
    """Sections must follow the order of an argument."""
    present = [section.id for section in case.manuscript.sections if section.id in ORDERED]
    if present != [name for name in ORDERED if name in present]:
        text = f"The sections come in the order {', '.join(present)}."
        yield Remark(section="paper", kind="coherence", severity="major", text=text)


# Claims


def check_numbers(case: Case) -> Iterator[Remark]:
    """A number in an audited section must be a reference to a record."""
    for section in AUDITED:
        if typed := list(dict.fromkeys(literal_numbers(case.body(section)))):
            text = f"Numbers are typed by hand: {', '.join(typed[:5])}; refer to a record or drop the sentence."
            yield Remark(section=section, kind="claim", severity="blocking", text=text)


def check_wording(case: Case) -> Iterator[Remark]:
    """Words that promise more than an experiment can give."""
    for section in ARGUING:
        for text in sentences(case.body(section)):
            hedged = HEDGED.search(text)
            if (match := STRONG.search(text)) and not hedged:
                yield _claim(
                    section,
                    "major",
                    text,
                    f'uses "{match.group()}", which no experiment of this kind can back; soften it',
                )
            if (match := GENERAL.search(text)) and not hedged:
                yield _claim(section, "major", text, f'generalises beyond the data ("{match.group()}"); soften it')
            if (match := CAUSAL.search(text)) and not hedged:
                yield _claim(
                    section, "minor", text, f'names a cause ("{match.group()}") that was not tested; soften it'
                )


def check_claims(case: Case) -> Iterator[Remark]:
    """A comparative claim needs a finding of that direction, for the methods and data it names."""
    for section in ARGUING:
        for text in sentences(case.body(section)):
            for piece in _clauses(text):
                if not HEDGED.search(piece) and not _backed(case, piece):
                    yield _claim(section, "major", text, "claims an effect that no finding supports; soften or drop it")


def _clauses(text: str) -> list[str]:
    return re.split(r"[;:]|,? and (?=makes?\b)|, (?:while|but|whereas)\b", text)


def _backed(case: Case, piece: str) -> bool:
    wanted = _directions(case, piece)
    if SIGNIFICANT.search(piece) and not wanted:
        return _found(case, piece, {"better", "worse"})
    if FLIPPED.search(piece):
        wanted = {{"better": "worse", "worse": "better"}[verdict] for verdict in wanted}
    return all(_found(case, piece, {verdict}) for verdict in wanted)


def _directions(case: Case, piece: str) -> set[str]:
    """Verdicts that a clause claims."""
    metric = next((item for item in case.blueprint.metrics if _named(item.name, piece)), case.blueprint.metrics[0])
    up, down = ("better", "worse") if metric.direction == "higher" else ("worse", "better")
    pairs = ((GOOD, "better"), (BAD, "worse"), (UP, up), (DOWN, down))
    return {verdict for pattern, verdict in pairs if pattern.search(piece)}


def _found(case: Case, piece: str, verdicts: set[str]) -> bool:
    findings = [item for item in _relevant(case, piece) if item.verdict in verdicts]
    datasets = [staged.card for staged in case.blueprint.datasets]
    if EVERY.search(piece):
        return all(any(item.dataset in (None, card.id) for item in findings) for card in datasets)
    named = {card.id for card in datasets if _named(card.name, piece)}
    return any(item.dataset is None or not named or item.dataset in named for item in findings)


def _relevant(case: Case, piece: str) -> list[Finding]:
    """Findings of tested comparisons about the methods that a clause names; the primary ones when it names none."""
    methods = {method.id: method for method in case.blueprint.methods}
    tested = [item for item in case.analysis.findings if item.comparison and item.method in methods]
    rivals = {m.id for m in methods.values() if m.role in ("alternative", "reference") and _named(m.name, piece)}
    parts = {item.id for item in case.blueprint.components if _named(item.name, piece)}
    if rivals and not (parts and "adding" in piece):
        return [item for item in tested if item.versus in rivals or item.method in rivals]
    if not parts:
        primary = {item.id for item in case.blueprint.comparisons if item.primary}
        return [item for item in tested if item.comparison in primary]
    chosen = []
    for item in tested:
        added = set(methods[item.method or ""].components)
        rest = methods.get(item.versus or "")
        lost = added - set(rest.components) if rest else added
        if lost and lost <= parts and (rest is None or rest.role in ("baseline", "variant")):
            chosen.append(item)
    return chosen


def _named(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _claim(section: str, severity: Severity, text: str, problem: str) -> Remark:
    return Remark(section=section, kind="claim", severity=severity, text=f'The sentence "{text}" {problem}.')


# Formatting and style


def check_build(case: Case) -> Iterator[Remark]:
    """The PDF must exist and be clean; a missing TeX is the machine's fault, not the paper's."""
    build = case.build
    if build.engine is None:
        reason = build.errors[0] if build.errors else "no TeX was found"
        yield Remark(section="paper", kind="formatting", severity="minor", text=f"No PDF was made: {reason}")
        return
    if not build.ok:
        reason = build.errors[0] if build.errors else "no reason given"
        yield Remark(
            section="paper", kind="formatting", severity="blocking", text=f"The PDF could not be made: {reason}"
        )
    elif build.errors:
        yield Remark(section="paper", kind="formatting", severity="minor", text=f"TeX reported: {build.errors[0]}")
    if build.undefined and build.ok:
        text = f"References have no target: {', '.join(build.undefined[:8])}."
        yield Remark(section="paper", kind="formatting", severity="blocking", text=text)
    for line in build.overfull:
        size = max((float(value) for value in re.findall(r"([\d.]+) ?pt", line)), default=0.0)
        severity: Severity = "major" if size > TOLERATED_OVERFULL_PT else "minor"
        yield Remark(
            section="paper", kind="formatting", severity=severity, text=f"Something sticks out of its column: {line}"
        )


def check_shape(case: Case) -> Iterator[Remark]:
    """Lengths of abstract, sections, paragraphs, sentences and title."""
    words = word_count(case.body("abstract"))
    least, most = ABSTRACT_WORDS
    if words > most:
        text = f"The abstract has {words} words; shorten it to at most {most}."
        yield Remark(section="abstract", kind="formatting", severity="major", text=text)
    elif words < least and "abstract" in case.sections:
        text = f"The abstract has {words} words; {least} are needed to state question, design and answer."
        yield Remark(section="abstract", kind="formatting", severity="major", text=text)
    if word_count(case.manuscript.title) > LONGEST_TITLE:
        yield Remark(
            section="paper", kind="style", severity="minor", text=f"The title has more than {LONGEST_TITLE} words."
        )
    for section in case.manuscript.sections:
        yield from _section_shape(section)


def _section_shape(section: Section) -> Iterator[Remark]:
    count = word_count(section.body)
    if count == 0 and "\\input" not in section.body:
        yield Remark(
            section=section.id, kind="formatting", severity="blocking", text="The section is empty; fill or drop it."
        )
    elif count < LEAST_SECTION_WORDS and not section.appendix and section.id != "abstract":
        text = f"The section has only {count} words; say more or merge it."
        yield Remark(section=section.id, kind="formatting", severity="minor", text=text)
    for paragraph in visible(section.body).split("\n\n"):
        start = " ".join(paragraph.split()[:6])
        if len(paragraph.split()) > LONGEST_PARAGRAPH:
            text = f'A paragraph of {len(paragraph.split())} words begins "{start}"; split it.'
            yield Remark(section=section.id, kind="style", severity="minor", text=text)
        for sentence in split_sentences(paragraph):
            if len(sentence.split()) > LONGEST_SENTENCE:
                text = (
                    f'A sentence of {len(sentence.split())} words begins "{" ".join(sentence.split()[:6])}"; split it.'
                )
                yield Remark(section=section.id, kind="style", severity="minor", text=text)


def check_text(case: Case) -> Iterator[Remark]:
    """Placeholders, doubled words, braces."""
    for section in case.manuscript.sections:
        if section.id in (*AUDITED, "introduction") and (match := PLACEHOLDER.search(case.text(section.id))):
            text = f'A placeholder "{match.group()}" is left; fill it or drop the sentence.'
            yield Remark(section=section.id, kind="formatting", severity="blocking", text=text)
        if match := re.search(r"\b([A-Za-z]{2,}) \1\b", case.text(section.id)):
            text = f'The word "{match[1]}" is doubled.'
            yield Remark(section=section.id, kind="style", severity="minor", text=text)
        plain = re.sub(r"\\[\\{}]", "", section.body)
        if plain.count("{") != plain.count("}"):
            text = "Braces are unbalanced; TeX will fail."
            yield Remark(section=section.id, kind="formatting", severity="blocking", text=text)


def check_acronyms(case: Case) -> Iterator[Remark]:
    """Acronyms must be spelt out once, unless they belong to a name of the study."""
    everything = " ".join(case.text(section.id) for section in case.manuscript.sections)
    known = KNOWN_ACRONYMS | set(ACRONYM.findall(case.names))
    for section in ("abstract", "introduction", "results", "discussion", "limitations", "conclusion"):
        for acronym in dict.fromkeys(ACRONYM.findall(case.text(section))):
            defined = re.search(rf"\({acronym}\)|\b{acronym} \([a-z]", everything)
            if acronym not in known and not defined:
                text = f"The acronym {acronym} is not defined; spell it out at its first use."
                yield Remark(section=section, kind="style", severity="minor", text=text)


# Completeness


def check_complete(case: Case) -> Iterator[Remark]:
    """Required sections, licences, seeds, tests and citations."""
    for name in REQUIRED:
        if name not in case.sections:
            text = f"The section {name} is missing."
            yield Remark(section="paper", kind="completeness", severity="blocking", text=text)
    setup = case.text("setup")
    for staged in case.blueprint.datasets:
        if visible(latex(staged.card.licence)) not in setup:
            text = f"The licence of {staged.card.name} ({staged.card.licence}) is not given."
            yield Remark(section="setup", kind="completeness", severity="major", text=text)
    for word, what in (
        (r"\bseeds?\b", "the seeds"),
        (r"\btest\b", "the statistical test"),
        (r"\binterval", "the interval level"),
    ):
        if setup and not re.search(word, setup):
            yield Remark(
                section="setup", kind="completeness", severity="major", text=f"The text does not state {what}."
            )
    cited = {key for section in case.manuscript.sections for key in citation_keys(section.body)}
    if len(cited) < LEAST_CITATIONS:
        text = f"Only {len(cited)} works are cited; related work needs at least {LEAST_CITATIONS}."
        yield Remark(section="related_work", kind="completeness", severity="minor", text=text)


CHECKS = (
    check_verdict,
    check_primary_reported,
    check_conclusion,
    check_floats,
    check_order,
    check_numbers,
    check_wording,
    check_claims,
    check_build,
    check_shape,
    check_text,
    check_acronyms,
    check_complete,
)
