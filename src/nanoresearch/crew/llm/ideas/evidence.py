"""Scores that surveyed works report: read by rules and by a model, kept only where the source bears them out.

What a model claims to have read is compared with the source word by word; what is not there is dropped and counted.
The passages that were read of a user's PDF are kept in the run: a resumed run reads them again, and so does the audit.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel, Field
from pydantic_ai import Agent

from nanoresearch.crew.llm.desk import RULES, Desk, material
from nanoresearch.errors import LiteratureError
from nanoresearch.evidence.audit.names import TEXTS
from nanoresearch.literature.evidence import confirmed, extract_evidence, same_score, source_text
from nanoresearch.models.access import Answer, Ask
from nanoresearch.models.request import UselessReplies
from nanoresearch.paths import write_atomic
from nanoresearch.schema.paper import Evidence, Paper

MOST_TEXTS = 12
"""Works whose PDFs are read in one survey, most relevant first."""
PASSAGES = 12_000
"""Characters read of one PDF."""
BATCH = 12_000
"""Characters of sources in one question."""
UNREAD = "no model read the scores that works report: those that plain rules find are all there are"
_SCORE = re.compile(r"\d\.\d|\d\s?\\?%")

INSTRUCTIONS = f"""{RULES}
Task: list the scores that the given works report, each copied from their text.

For each score give
- paper: the work's key, as in its source attribute;
- quote: the sentence, or the part of it, that states the score, copied character by character;
- value: the number exactly as the quote prints it, without the percent sign (87.3, not 0.873);
- metric: what the number measures, in the words of the quote;
- method: who reached it, in the words of the quote; null when the quote names none;
- dataset: on what, in the words of the quote; null when the quote names none.

Leave out numbers that are no score that was reached: differences ("improves by 2%"), bounds ("up to 90%"), sizes,
years, counts. Each record is compared with the text and dropped when a word or digit is not there, so that copying
beats paraphrasing. No score in the text: return an empty list.
"""


class ReportedScore(BaseModel):
    """One score, as a model claims to have read it."""

    paper: str
    quote: str
    value: float = Field(allow_inf_nan=False)
    metric: str
    method: str | None = None
    dataset: str | None = None


class ReportedScores(BaseModel):
    """All scores of some works."""

    scores: list[ReportedScore] = Field(description="Empty when the works report none.")


AGENT = Agent(output_type=ReportedScores, instructions=INSTRUCTIONS, retries=3, name="evidence")


def read_evidence(desk: Desk, papers: Sequence[Paper]) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
    """Scores that these works report, in their order, and what could not be read. Raises ModelError, BudgetExceeded."""
    texts, problems = read_texts(desk, papers)
    asks = [Ask("surveyor", AGENT, question) for question in _questions(papers, texts)]
    answers: list[Answer[ReportedScores]] = []
    try:
        answers = desk.models.ask_all(asks)
    except UselessReplies as error:  # what rules find is there all the same
        problems = (*problems, UNREAD)
        desk.events.emit("warning", f"survey: {error}")
    claims = [score for answer in answers for score in answer.output.scores]
    kept = [record for claim in claims if (record := _confirmed(claim, texts)) is not None]
    if claims:
        desk.events.emit(
            "progress",
            f"evidence: {len(kept)} of {len(claims)} scores that a model read stand in their sources; "
            f"{len(claims) - len(kept)} dropped",
            claimed=len(claims),
            kept=len(kept),
        )
    by_rule = [record for paper in papers for record in extract_evidence(paper, texts[paper.key])]
    order = {paper.key: place for place, paper in enumerate(papers)}
    return tuple(sorted(_distinct(dict.fromkeys([*kept, *by_rule])), key=lambda record: order[record.paper])), problems


def read_texts(desk: Desk, papers: Sequence[Paper]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What there is to read of each work: title, abstract and, of the user's PDFs, the passages with numbers.

    With what could not be read, in words.
    """
    texts = {paper.key: source_text(paper) for paper in papers}
    found = 0
    for paper in papers:
        if found == MOST_TEXTS:
            break
        try:
            passages = _passages(desk, paper)
        except LiteratureError as error:  # the works are there all the same, with their abstracts
            return texts, (f"the texts of the library could not be read: {error}",)
        if passages:
            texts[paper.key] += f"\n{passages}"
            found += 1
    return texts, ()


def _passages(desk: Desk, paper: Paper) -> str:
    """Paragraphs of the work's PDF that hold a number like a score. Read from the library once in a run."""
    kept = desk.folder.path(f"{TEXTS}/{paper.key}.txt")
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    text = desk.library.text_of(paper) if desk.library is not None else None
    if text is None:
        return ""
    chosen, room = [], PASSAGES
    for paragraph in text.splitlines():
        if _SCORE.search(paragraph) and len(paragraph) <= room:
            chosen.append(paragraph)
            room -= len(paragraph) + 1
    passages = "\n".join(chosen)
    if passages:
        write_atomic(kept, passages)
    return passages


def _questions(papers: Sequence[Paper], texts: dict[str, str]) -> Iterator[str]:
    """Works with a number below their title, as many at once as fit."""
    batch: list[str] = []
    for paper in papers:
        if not any(character.isdigit() for character in texts[paper.key].removeprefix(paper.title)):
            continue
        piece = material("text of a work", texts[paper.key], paper.key)
        if batch and sum(map(len, batch)) + len(piece) > BATCH:
            yield "\n\n".join(batch)
            batch = []
        batch.append(piece)
    if batch:
        yield "\n\n".join(batch)


def _confirmed(claim: ReportedScore, texts: dict[str, str]) -> Evidence | None:
    text = texts.get(claim.paper)
    if text is None or not claim.metric.strip():
        return None
    names = {name: (getattr(claim, name) or "").strip() or None for name in ("method", "dataset")}
    record = Evidence(paper=claim.paper, metric=claim.metric, value=claim.value, quote=claim.quote, **names)
    return confirmed(record, text)


def _distinct(records: Iterable[Evidence]) -> list[Evidence]:
    """Each score once: the record that says most, the first of equals."""
    kept: list[Evidence] = []
    for record in sorted(records, key=lambda record: (record.method is None) + (record.dataset is None)):
        if not any(same_score(record, known) for known in kept):
            kept.append(record)
    return kept
