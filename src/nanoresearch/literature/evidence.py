"""Scores that a paper states, each with the sentence it was read from.

Reads a score only where a metric and its number stand next to each other; bounds ("up to 90%"), differences
("improves accuracy by 2%") and anything less certain are left out. Precision matters more than recall here.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from nanoresearch.schema.paper import Evidence, Paper

_NUMBER = re.compile(r"(?<![\w.,/^-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w^/]|[.,]\d)")
_VALUE = r"(?P<value>" + _NUMBER.pattern + r")(?P<percent>\s?(?:\\?%|percent\b))?"

_SHARES = (
    r"(?:top-[15]\s+|test\s+|validation\s+|balanced\s+|classification\s+|average\s+|mean\s+|overall\s+|zero-shot\s+|"
    r"linear\s+probing\s+|word\s+|equal\s+)*(?:accurac(?:y|ies)|(?:phoneme\s+)?error(?:[\s-]+rates?)?|misclassification\s+rate)"
    r"|(?:macro|micro|weighted)?[- ]?(?:averaged\s+)?F[- ]?1(?:[- ](?:score|measure))?|F-(?:score|measure)"
    r"|AUC(?:-?ROC|-?PR)?|AUROC|AUPRC|ROC-?AUC|PR-?AUC|(?:average\s+)?precision|recall|sensitivity|specificity"
    r"|mAP(?:@[\d.]+)?|mIoU|IoU|Dice(?:\s+(?:score|coefficient))?|MRR|Hits@\d+|NDCG(?:@\d+)?|Recall@\d+|R@\d+"
    r"|SSIM|ECE|expected\s+calibration\s+error|Brier\s+score|MAPE|sMAPE|EER|WER|word\s+error\s+rate|CER|NMI|ARI"
    r"|(?:Pearson|Spearman)(?:'s)?\s+(?:rank\s+)?correlation(?:\s+coefficient)?|R2|success\s+rate"
)
_OPEN = (
    r"(?:test\s+)?perplexity|BLEU(?:-\d)?(?:\s+scores?)?|ROUGE(?:-[L\d])?(?:\s+scores?)?|METEOR|CIDEr|FID(?:\s+scores?)?"
    r"|Inception\s+scores?|PSNR|RMSE|root[- ]mean[- ]squared?[- ]error|MAE|mean\s+absolute\s+error|MSE"
    r"|mean\s+squared\s+error|MASE|log[- ]loss"
)
_METRIC = rf"(?<![\w@-])(?P<metric>{_SHARES}|{_OPEN})(?![\w@])"
_LINK = (
    r"\s*(?:scores?\s+|rates?\s+)?(?:of|is|was|=|:|at|reaches|reached|equals|equal\s+to)?\s*"
    r"(?:about\s+|around\s+|~\s*)?"
)

_FROM_TO = re.compile(
    rf"{_METRIC}\s+(?:\w+\s+){{0,3}}?from\s+(?P<first>{_NUMBER.pattern})\s?\\?%?\s+to\s+{_VALUE}", re.IGNORECASE
)
_METRIC_FIRST = re.compile(rf"{_METRIC}{_LINK}\(?{_VALUE}", re.IGNORECASE)
_VALUE_FIRST = re.compile(rf"{_VALUE}\s*(?:-\s*)?(?:in\s+|of\s+)?{_METRIC}", re.IGNORECASE)

_BOUND = re.compile(
    r"(?:up\s+to|at\s+least|at\s+most|more\s+than|less\s+than|fewer\s+than|over|above|below|under|within|between|nearly"
    r"|almost|beyond|exceed\w*|by|[<>≤≥±]|\\(?:geq?|leq?)|to|gain\w*\s+of|(?:improve|increas|reduc|decreas)\w*\s+of"
    r"|drop\s+of|loss\s+of|additional|extra|relative|absolute|target(?:ed)?|guarantee\w*)\s*\$?\s*$",
    re.IGNORECASE,
)
_DIFFERENCE = re.compile(
    r"^\s*(?:absolute\s+|relative\s+|points?\s+)*(?:improve|increas|gain|reduc|decreas|drop|higher|lower|better|worse|"
    r"boost|loss|point|times|x\b|fold|degradation|relative|speed|tolerance|threshold|bound|guarantee|level|requirement|margin|budget|drift)",
    re.IGNORECASE,
)
_CHANGE_BEFORE = re.compile(
    r"(?:improve|increas|gain|reduc|decreas|drop|higher|lower|boost|outperform|better|worse|differ|deviat)\w*"
    r"(?:\s+(?:in|of|the|our|its|test|average|overall))*\s*$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|\n+")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|et al|vs|cf|resp|approx|Fig|Eq|Sec|Tab|etc|w\.r\.t)|\b[A-Z])\.$")

_NAME = r"[A-Z][\w+@]*(?:[-/.][\w+]+)*"
_DATASET = re.compile(
    rf"\b(?:[Oo]n|[Ff]or|[Oo]ver)\s+(?:the\s+)?(?P<name>{_NAME}(?:\s+(?:{_NAME}|\d+(?:\.\d+)?k?))*)"
    r"(?=\s+(?:test|validation|dev|data\s?sets?|benchmarks?|corpus|task|and|with|using|in|by|from|compared|classification)\b|\s*[,.;:()]|\s*$)"
)
_METHOD = re.compile(
    r"\b(?P<name>[A-Z][\w+]*[A-Z\d][\w+]*(?:[-/][\w+]+)*)\s+(?:also\s+|further\s+|even\s+)?"
    r"(?:achiev|reach|obtain|attain|yield|scor)\w*"
)


SHORTEST_QUOTE, LONGEST_QUOTE = 12, 1000
"""Characters of a quote: fewer name nothing, more is no quote."""
_CUT_WORD = re.compile(r"(?<=[a-z])-\s+(?=[a-z])")
_FROM = re.compile(rf"\bfrom\s+{_NUMBER.pattern}\s?\\?%?\s+to\s+$", re.IGNORECASE)


class _Score(NamedTuple):
    metric: str
    number: str
    start: int
    end: int


def source_text(paper: Paper) -> str:
    """The text that evidence is read from: title, then abstract, on lines of their own."""
    return "\n".join(part for part in (paper.title, paper.abstract) if part)


def extract_evidence(paper: Paper, text: str | None = None) -> list[Evidence]:
    """Scores stated in the text, by default the paper's title and abstract, in order; each passes `is_verbatim`."""
    text = source_text(paper) if text is None else text
    found = [
        Evidence(
            paper=paper.key,
            method=_method(sentence, score),
            dataset=_dataset(sentence, score, scores),
            metric=" ".join(score.metric.split()),
            value=_as_float(score.number),
            quote=sentence,
        )
        for sentence in sentences(text)
        for scores in [_scores(sentence)]
        for score in scores
    ]
    return [evidence for evidence in found if is_verbatim(evidence, text)]


def is_verbatim(evidence: Evidence, text: str) -> bool:
    """Whether the quote stands in the text and holds the number, the metric and every name of the record."""
    if not evidence.quote or evidence.quote not in text:
        return False
    named = _folded(evidence.quote)[0]
    names = (evidence.metric, evidence.method, evidence.dataset)
    if any(_folded(name)[0] not in named for name in names if name is not None):
        return False
    return any(_as_float(match.group()) == evidence.value for match in _NUMBER.finditer(evidence.quote))


def confirmed(claim: Evidence, text: str) -> Evidence | None:
    """A record that somebody claims to have read, in the text's own words; None when the text does not bear it out.

    Its quote must stand in the text, and metric, method, data set and number in the quote, the number as a score and
    not as a bound or a difference. Letter case, blanks, hyphens and quotation marks may differ.
    """
    quote = locate(claim.quote, text)
    if quote is None or not SHORTEST_QUOTE <= len(quote) <= LONGEST_QUOTE or not _states_score(quote, claim.value):
        return None
    names: dict[str, str] = {}
    for field in ("metric", "method", "dataset"):
        name = getattr(claim, field)
        if name is None:
            continue
        words = locate(name, quote)
        if words is None or _folded(words)[0] != _folded(name)[0]:  # not there, or a part of another word
            return None
        names[field] = " ".join(_CUT_WORD.sub("", words).split())
    found = claim.model_copy(update={**names, "quote": quote})
    return found if is_verbatim(found, text) else None


def locate(quote: str, text: str) -> str | None:
    """The passage that a quote means, as it stands in the text; None when there is none.

    Letter case, blanks, hyphens and quotation marks are no difference, so that words cut at a line end are found. A
    passage that begins or ends inside a word or number is given with all of it.
    """
    sought, (folded, places) = _folded(quote)[0], _folded(text)
    at = folded.find(sought) if sought else -1
    if at < 0:
        return None
    start, end = places[at], places[at + len(sought) - 1] + 1
    while start > 0 and _joined(text, start):
        start -= 1
    while end < len(text) and _joined(text, end):
        end += 1
    return text[start:end]


def same_score(first: Evidence, second: Evidence) -> bool:
    """Whether two records tell of one score: what both name must agree."""
    if (first.paper, first.value) != (second.paper, second.value):
        return False
    for one, other in ((first.metric, second.metric), (first.method, second.method), (first.dataset, second.dataset)):
        left, right = (_folded(name or "")[0] for name in (one, other))
        if left not in right and right not in left:
            return False
    return True


def sentences(text: str) -> Iterator[str]:
    """Sentences as they stand in the text, without surrounding blanks."""
    start = 0
    for end in _SENTENCE_END.finditer(text):
        if "\n" not in end.group() and _ABBREVIATION.search(text[start : end.start()]):
            continue
        if sentence := text[start : end.start()].strip():
            yield sentence
        start = end.end()
    if sentence := text[start:].strip():
        yield sentence


def _scores(sentence: str) -> list[_Score]:
    """Scores of a sentence, left to right; no number is used twice."""
    taken: list[_Score] = []
    for pattern in (_FROM_TO, _VALUE_FIRST, _METRIC_FIRST):
        for match in pattern.finditer(sentence):
            start, end = match.span("value")
            if pattern is not _FROM_TO and not _states_a_result(sentence, match):
                continue
            if not _plausible(match.group("metric"), match.group("value"), match.group("percent")):
                continue
            if all(end <= other.start or start >= other.end for other in taken):
                taken.append(_Score(match.group("metric"), match.group("value"), start, end))
    return sorted(taken, key=lambda score: score.start)


def _states_a_result(sentence: str, match: re.Match[str]) -> bool:
    """Whether the words around the match speak of a score reached rather than a bound or a difference."""
    before_value = sentence[: match.start("value")]
    before_match = sentence[: match.start()]
    after = sentence[match.end() :]
    return not (
        _BOUND.search(before_value)
        or _BOUND.search(before_match)
        or _CHANGE_BEFORE.search(before_match)
        or _DIFFERENCE.search(after)
    )


def _plausible(metric: str, number: str, percent: str | None) -> bool:
    """Whether the number can be such a score: a share is a percentage, at most 1, or a decimal up to 100."""
    if re.fullmatch(_OPEN, metric, re.IGNORECASE):
        return percent is None or not re.match(r"RMSE|MSE|MAE|perplexity", metric, re.IGNORECASE)
    value = _as_float(number)
    if percent is not None:
        return value <= 100
    return "." in number and value <= 100


def _states_score(quote: str, value: float) -> bool:
    """Whether the number stands in the quote as a score that was reached."""
    for match in _NUMBER.finditer(quote):
        before, after = quote[: match.start()], quote[match.end() :].lstrip(" \\%")
        reached = not _BOUND.search(before) and not _DIFFERENCE.search(after)
        if _as_float(match.group()) == value and (reached or _FROM.search(before)):
            return True
    return False


@lru_cache(maxsize=64)
def _folded(text: str) -> tuple[str, tuple[int, ...]]:
    """Text without what does not count, and where each of its characters stands."""
    kept: list[tuple[str, int]] = []
    for place, character in enumerate(text):
        if unicodedata.category(character) in _UNCOUNTED or character in "'\"`":
            continue
        kept += [(plain, place) for plain in unicodedata.normalize("NFKC", character).casefold() if plain != " "]
    return "".join(plain for plain, _ in kept), tuple(place for _, place in kept)


_UNCOUNTED = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Pd", "Pi", "Pf"))


def _joined(text: str, place: int) -> bool:
    """Whether the characters before and at a place belong to one word or number."""
    left, right = text[place - 1], text[place]
    if left.isalnum() and right.isalnum():
        return True
    if left.isdigit() and right in ".,/-":
        return text[place + 1 : place + 2].isdigit()
    if right.isdigit() and left in ".,/":
        return place > 1 and text[place - 2].isdigit()
    return left == "-" and right.isdigit()


def _dataset(sentence: str, score: _Score, scores: list[_Score]) -> str | None:
    """The data set named after the score and before the next one, else the only one of a one-score sentence."""
    later = [other.start for other in scores if other.start > score.start]
    scope = sentence[score.end : later[0]] if later else sentence[score.end :]
    names = _dataset_names(scope)
    if not names and len(scores) == 1:
        names = _dataset_names(sentence)
    return names[0] if len(names) == 1 else None


def _dataset_names(text: str) -> list[str]:
    return list(dict.fromkeys(" ".join(match.group("name").split()) for match in _DATASET.finditer(text)))


def _method(sentence: str, score: _Score) -> str | None:
    """The acronym that "achieves", "reaches" or "obtains" before the score; None when several do."""
    names = {match.group("name") for match in _METHOD.finditer(sentence[: score.start])}
    return names.pop() if len(names) == 1 else None


def _as_float(number: str) -> float:
    return float(number.replace(",", ""))
