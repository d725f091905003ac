"""Revision: a remark that can be mended by editing has a cure; the others are owned up to in the limitations."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from nanoresearch.crew.builtin.latex_text import HEADING, literal_numbers, split_sentences, visible, word_count
from nanoresearch.crew.builtin.words import listing
from nanoresearch.schema.analysis import Analysis
from nanoresearch.schema.manuscript import Manuscript, Remark, Review

SECONDARY = ("metrics", "costs", "slices", "sweep", "seeds")
"""Tables and figures that a paper can do without."""
SOFTER = {
    r"\bproves\b": "suggests", r"\bprove\b": "suggest", r"\bproven\b": "suggested", r"\balways\b": "here",
    r"\bguarantees\b": "suggests", r"\s*\b(?:clearly|undoubtedly|dramatically|remarkably|vastly|significantly)\b": "",
    r"\bbecause\b": "and", r"\bdue to\b": "along with", r"\bthanks to\b": "with", r"\bleads to\b": "goes with",
    r"\bin general\b": "on these data", r"\bgenerally\b": "on these data", r"\beverywhere\b": "on these data",
}  # fmt: skip
"""Words that promise too much, and what may be said instead."""
EXPANSIONS = {
    "AUC": "area under the receiver operating characteristic curve",
    "MLP": "multilayer perceptron",
    "SVM": "support vector machine",
    "RMSE": "root mean squared error",
    "MAE": "mean absolute error",
    "PCA": "principal component analysis",
    "TFIDF": "term frequency times inverse document frequency",
    "IDF": "inverse document frequency",
    "UCR": "University of California, Riverside",
    "MRR": "mean reciprocal rank",
    "CNN": "convolutional neural network",
    "LSTM": "long short-term memory",
    "HOG": "histogram of oriented gradients",
    "MFCC": "mel-frequency cepstral coefficient",
}
OPEN = "The automatic review left open"

Cure = Callable[[Manuscript, Remark, Analysis], Manuscript]


@dataclass(frozen=True)
class Rule:
    """How a kind of remark is answered."""

    name: str
    """Stable: writing skills refer to it."""
    pattern: re.Pattern[str]
    cure: Cure
    advice: str
    """What a writer does to avoid the remark."""
    foreseeable: bool = True
    """Whether the text alone shows the trouble, before anything is typeset."""


def revised(manuscript: Manuscript, review: Review, analysis: Analysis) -> Manuscript:
    """The manuscript with what could be mended mended, and its revision counted up."""
    left = []
    for remark in review.remarks:
        changed = cure(manuscript, remark, analysis)
        if changed == manuscript and not _answered(manuscript, remark, review):
            left.append(remark)
        manuscript = changed
    manuscript = edit(manuscript, "limitations", lambda body: owning_up(body, left, manuscript))
    return manuscript.model_copy(update={"revision": manuscript.revision + 1})


def cure(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    """The manuscript after one remark; unchanged when no cure is known."""
    rule = rule_for(remark)
    return rule.cure(manuscript, remark, analysis) if rule else manuscript


def rule_for(remark: Remark) -> Rule | None:
    """The first rule that answers a remark."""
    return next((rule for rule in RULES if rule.pattern.search(remark.text)), None)


def edit(manuscript: Manuscript, section_id: str, change: Callable[[str], str]) -> Manuscript:
    """The manuscript with one section's body changed."""
    sections = tuple(
        section.model_copy(update={"body": change(section.body).strip()}) if section.id == section_id else section
        for section in manuscript.sections
    )
    return manuscript.model_copy(update={"sections": sections})


def edit_sentences(body: str, change: Callable[[str], str]) -> str:
    """Change each sentence; paragraphs that are floats, lists or equations stay as they are, emptied ones vanish."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", body):
        if "\\input" in paragraph or "\\begin" in paragraph:
            paragraphs.append(paragraph)
            continue
        heading = HEADING.match(paragraph)
        start = heading.end() if heading else 0
        parts = [new for part in split_sentences(paragraph[start:]) if (new := change(part))]
        if parts:
            paragraphs.append(paragraph[:start] + " ".join(parts))
    return "\n\n".join(paragraphs)


def _shorten_abstract(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    """Leave out sentences from the end, but never the verdict, until the abstract fits."""
    match = re.search(r"at most (\d+)", remark.text)
    most = int(match[1]) if match else 250

    def change(body: str) -> str:
        parts = split_sentences(body)
        for index in range(len(parts) - 1, 0, -1):
            if word_count(" ".join(parts)) <= most:
                break
            if not re.search(r"hypothesis|inconclusive", parts[index]):
                del parts[index]
        return " ".join(parts)

    return edit(manuscript, "abstract", change)


def _soften(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    """Replace what promises too much; drop the sentence when it claims an effect, or when nothing can be replaced."""
    quoted = re.search(r'The sentence "(.*)" (?:uses|generalises|names|claims)', remark.text, re.DOTALL)
    if not quoted:
        return manuscript

    def change(text: str) -> str:
        if visible(text) != quoted[1]:
            return text
        softened = text
        for pattern, softer in SOFTER.items():
            softened = re.sub(pattern, softer, softened, flags=re.IGNORECASE)
        return "" if softened == text or "claims" in remark.text[len(quoted[0]) - 6 :] else softened

    return edit(manuscript, remark.section, lambda body: edit_sentences(body, change))


def _drop_typed_numbers(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    return edit(
        manuscript,
        remark.section,
        lambda body: edit_sentences(body, lambda text: "" if literal_numbers(text) else text),
    )


def _drop_placeholder(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    quoted = re.search(r'placeholder "([^"]*)"', remark.text)
    if not quoted:
        return manuscript
    return edit(
        manuscript,
        remark.section,
        lambda body: edit_sentences(body, lambda text: "" if quoted[1].lower() in visible(text).lower() else text),
    )


def _refer_or_remove(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    """Point to a float before it appears, or drop it when it is secondary."""
    match = re.search(r"(tab|fig):([A-Za-z0-9_-]+)", remark.text)
    if not match:
        return manuscript
    kind, name = match.groups()
    macro, word = ("inputtable", "Table") if kind == "tab" else ("inputfigure", "Figure")
    command = f"\\{macro}{{{name}}}"
    if name.partition("-")[0] in SECONDARY and kind == "tab":
        return edit(manuscript, remark.section, lambda body: body.replace(command, ""))
    pointer = f"{word}~\\ref{{{kind}:{name}}} shows the values behind this."
    return edit(manuscript, remark.section, lambda body: body.replace(command, f"{pointer}\n\n{command}", 1))


def _drop_reference(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    """Take out sentences that point to a float that is not shown."""
    match = re.search(r"refers to ([A-Za-z]+:[A-Za-z0-9_-]+)", remark.text)
    if not match:
        return manuscript
    return _without_sentences(manuscript, f"\\ref{{{match[1]}}}")


def _without_sentences(manuscript: Manuscript, target: str) -> Manuscript:
    """Every sentence that holds the target is taken out."""
    for section in manuscript.sections:
        manuscript = edit(
            manuscript, section.id, lambda body: edit_sentences(body, lambda text: "" if target in text else text)
        )
    return manuscript


def _drop_wide_table(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    """Leave out a secondary table that sticks out; the main ones stay."""
    wide = next((item.id for item in analysis.tables if f"tables/{item.id}.tex" in remark.text), "")
    if wide.partition("-")[0] not in SECONDARY:
        return manuscript
    for section in manuscript.sections:
        manuscript = edit(manuscript, section.id, lambda body: body.replace(f"\\inputtable{{{wide}}}", ""))
    return _without_sentences(manuscript, f"\\ref{{tab:{wide}}}")


def _define_acronym(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    match = re.search(r"acronym ([A-Z0-9]+)", remark.text)
    if not match or match[1] not in EXPANSIONS:
        return manuscript
    word = match[1]
    first = next((section for section in manuscript.sections if re.search(rf"\b{word}\b", visible(section.body))), None)
    if first is None:
        return manuscript
    return edit(
        manuscript,
        first.id,
        lambda body: re.sub(rf"(?<![\w{{:,-]){word}\b", f"{EXPANSIONS[word]} ({word})", body, count=1),
    )


def _split_paragraph(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    start = re.search(r'begins "([^"]*)', remark.text)

    def change(body: str) -> str:
        paragraphs = []
        for paragraph in re.split(r"\n\s*\n", body):
            parts = split_sentences(paragraph)
            if start and start[1][:20] in visible(paragraph) and len(parts) > 1 and "\\begin" not in paragraph:
                half = max(1, len(parts) // 2)
                paragraphs += [" ".join(parts[:half]), " ".join(parts[half:])]
            else:
                paragraphs.append(paragraph)
        return "\n\n".join(paragraphs)

    return edit(manuscript, remark.section, change)


def _split_sentence(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    """Cut a long sentence at the semicolon nearest to its middle."""
    start = re.search(r'begins "([^"]*)', remark.text)

    def change(text: str) -> str:
        cuts = [match.start() for match in re.finditer(r"; ", text)]
        if not start or not visible(text).startswith(start[1]) or not cuts:
            return text
        cut = min(cuts, key=lambda place: abs(place - len(text) / 2))
        rest = text[cut + 2 :]
        return f"{text[:cut]}. {rest[:1].upper()}{rest[1:]}"

    return edit(manuscript, remark.section, lambda body: edit_sentences(body, change))


def _drop_double(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    match = re.search(r'word "([^"]*)" is doubled', remark.text)
    if not match:
        return manuscript
    word = re.escape(match[1])
    return edit(manuscript, remark.section, lambda body: re.sub(rf"\b({word})\s+{word}\b", r"\1", body))


def _drop_empty(manuscript: Manuscript, remark: Remark, analysis: Analysis) -> Manuscript:
    sections = tuple(section for section in manuscript.sections if section.id != remark.section or section.body.strip())
    return manuscript.model_copy(update={"sections": sections})


RULES = (
    Rule("shorten_abstract", re.compile(r"abstract has \d+ words; shorten"), _shorten_abstract,
         "Keep the abstract within its length; leave out what comes last, but never the verdict."),
    Rule("soften_claims", re.compile(r"^The sentence \""), _soften,
         "Claim no effect that no finding supports, name no cause that was not tested, and do not generalise."),
    Rule("drop_typed_numbers", re.compile(r"typed by hand"), _drop_typed_numbers,
         "Type no number by hand where results are told; refer to a record."),
    Rule("drop_placeholders", re.compile(r"placeholder"), _drop_placeholder,
         "Leave no placeholder in the text."),
    Rule("refer_to_floats", re.compile(r"without an earlier reference"), _refer_or_remove,
         "Refer to every table and figure before it is shown, or leave it out."),
    Rule("drop_references", re.compile(r"refers to .*not shown"), _drop_reference,
         "Refer to no table, figure or section that is not there."),
    Rule("drop_wide_tables", re.compile(r"sticks out"), _drop_wide_table,
         "Leave out a secondary table that does not fit into its column.", foreseeable=False),
    Rule("define_acronyms", re.compile(r"acronym"), _define_acronym,
         "Spell every acronym out at its first use."),
    Rule("split_paragraphs", re.compile(r"A paragraph of"), _split_paragraph,
         "Divide long paragraphs."),
    Rule("split_sentences", re.compile(r"A sentence of"), _split_sentence,
         "Divide long sentences."),
    Rule("drop_doubled_words", re.compile(r"is doubled"), _drop_double,
         "Write no word twice in a row."),
    Rule("drop_empty_sections", re.compile(r"section is empty"), _drop_empty,
         "Leave out sections that have nothing to say."),
)  # fmt: skip
"""Which remarks can be answered by editing, the first that matches."""


def _answered(manuscript: Manuscript, remark: Remark, review: Review) -> bool:
    """Whether an earlier cure of the same round already removed what the remark is about."""
    quoted = re.search(r'The sentence "(.*)" (?:uses|generalises|names|claims)', remark.text, re.DOTALL)
    section = next((item for item in manuscript.sections if item.id == remark.section), None)
    return bool(quoted and section and quoted[1] not in " ".join(visible(section.body).split("\n\n")))


def owning_up(body: str, left: list[Remark], manuscript: Manuscript) -> str:
    """The limitations with a sentence on what the review found and the revision could not mend."""
    kept = [text for text in re.split(r"\n\s*\n", body) if not text.startswith(OPEN)]
    if not left:
        return "\n\n".join(kept)
    titles = {section.id: section.title.lower() for section in manuscript.sections}
    shown = [_place(remark, titles) for remark in left]
    return "\n\n".join([*kept, f"{OPEN} {listing(list(dict.fromkeys(shown)))}."])


def _place(remark: Remark, titles: dict[str, str]) -> str:
    kind = {"claim": "claims"}.get(remark.kind, remark.kind)
    if remark.section == "abstract":
        return f"a remark on {kind} in the abstract"
    where = titles.get(remark.section, "")
    return f"a remark on {kind}" + (f" in the section ``{where}''" if where else "")
