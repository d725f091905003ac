"""Words of titles and queries: folding, stopwords, FTS5 expressions. Stemming is left to SQLite's tokenizer."""

import itertools
import re
import unicodedata

WORD = re.compile(r"[^\W_]+")

_FUNCTION_WORDS = (
    "a about across add adding adds after against all already also although always am among an and another any are as "
    "ask asks at be because been before being beside between both but by can cannot could did do does done down each "
    "either enough even every few find for from further get give given gives had has have having hence how however i "
    "if in into is it its itself just know less lower many may might more most much must near need neither no nor not "
    "now of off often on once one only or other others otherwise our out over own per quite raise raises rather same "
    "say several shall she should show since so some still such than that the their them then there these they this "
    "those three through thus to together too toward towards two under until up upon us use used uses using versus "
    "very via was we well were what when where whether which while who whom whose why will with within without would "
    "yet you your"
)
STOPWORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that say nothing about a topic: function words and the verbs of task descriptions."""

_STUDY_WORDS = (
    "accuracy baseline best better change choices common compare compared comparing comparison data decide degrade "
    "describe description different differently directions effect error establish evaluate evaluation experiment "
    "explain explained fast faster fastest first full fully gain gains gap good half help helps hours identify "
    "improve improves inexpensive kind kinds large learning level long lose matter measure measured method methods "
    "model models new next number numbers old original part plain point positive positives predict problem rarely "
    "reduce relate reliably report resembles rest result results row rows run says second seen separate set sets "
    "share short shrinks side simple single size slowly small square stage stop study subset system take task tell "
    "test tests testing time train training trace value values way ways whole work world year years"
)
GENERIC = frozenset(_STUDY_WORDS.split())
"""Words of any study, ignored in queries that have others: rare in titles, where BM25 would take them for a topic."""


def words(text: str) -> list[str]:
    """Lower-case words without diacritics, in order: "Müller's TF-IDF" gives muller, s, tf, idf."""
    folded = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return WORD.findall(folded.lower())


def content_words(text: str) -> list[str]:
    """Words without stopwords and single letters, in order, repeats kept."""
    return [word for word in words(text) if len(word) > 1 and word not in STOPWORDS]


def normalised_title(title: str) -> str:
    """Title as an identity: letters and digits only."""
    return "".join(words(title))


def quote(*parts: str) -> str:
    """One FTS5 phrase of the words in order; quoting takes any operator meaning from them."""
    return '"' + " ".join(part.replace('"', '""') for part in parts) + '"'


def any_of(text: str) -> str | None:
    """FTS5 expression that matches any content word, and neighbouring pairs once more as phrases.

    The pairs lift "random forest" above works that have "random" and "forest" apart; in them one word may be generic
    ("time series"). None without content words.
    """
    found, content = words(text), set(content_words(text))
    topical = content - GENERIC or content
    singles = [quote(word) for word in dict.fromkeys(found) if word in topical]
    pairs = dict.fromkeys(
        quote(left, right)
        for left, right in itertools.pairwise(found)
        if {left, right} <= content and {left, right} & topical
    )
    return " OR ".join([*singles, *pairs]) or None


def all_near(term: str, window: int) -> str | None:
    """FTS5 expression that matches when every word of the term occurs within `window` words; None without words."""
    phrases = [quote(word) for word in words(term)]
    if len(phrases) < 2:
        return phrases[0] if phrases else None
    return f"NEAR({' '.join(phrases)}, {window})"


def plain_query(text: str, most: int = 300) -> str:
    """The words of a query in lower case, without any sign that a search engine could take for an operator."""
    found = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.lower())
    return " ".join(found)[:most].strip()


def boolean_query(text: str, field: str = "", all_up_to: int = 5, most: int = 12) -> str | None:
    """The topical words of a query, all of them required when they are few and any of them when they are many.

    Engines that require every word find nothing for a sentence. None without words.
    """
    content = [word for word in dict.fromkeys(words(text)) if len(word) > 1 and word not in STOPWORDS]
    topical = [word for word in content if word not in GENERIC] or content
    joint = " AND " if len(topical) <= all_up_to else " OR "
    return joint.join(f"{field}{word}" for word in topical[:most]) or None
