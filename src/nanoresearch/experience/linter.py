"""Looks over the words of a skill: what may not leave a project, what one data set said, orders to language models.

Patterns cannot catch every injection: a new wording, another language, spaced-out letters or an encoded order passes.
Imported skills therefore stay candidates, and the words of any skill are shown to models only as quoted data; what
this module finds is kept out, and what it does not find is not thereby safe. Nothing is changed here, only reported.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence

from nanoresearch.schema.experience import Skill

SHOWN_CHARS = 40
"""Part of an offending passage that a message quotes."""

UNNAMED = frozenset({"default"})
"""Profile name that is nobody's and an everyday word."""

_PATH_FILES = (
    "arff|bib|bin|cfg|conf|csv|db|feather|gz|h5|html|ini|ipynb|jpe?g|json|jsonl|log|md|npy|npz|parquet|pdf|pickle|pkl|"
    "png|pth?|py|rds|sh|sqlite|svg|tar|tex|toml|tsv|txt|xlsx?|xml|ya?ml|zip"
)
_ROOTS = "bin|data|dev|etc|home|lib|media|mnt|opt|proc|root|run|scratch|srv|sys|tmp|Users|usr|var|Volumes|work"
_URL = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://\S+")
_PATHS = (
    re.compile(rf"(?<![\w./~-])/(?:{_ROOTS})(?![\w-])(?:/[^\s\"'`<>|]*)?"),  # a known root of the file system
    re.compile(r"(?<![\w./~)\]-])/[\w.@+~-]+/[\w.@+~/-]+"),  # absolute, two parts or more
    re.compile(r"(?<![\w.~])(?:~[\w.-]*|\.{1,2})/[\w.@+-]+"),  # from the home or the current folder
    re.compile(r"(?<!\w)(?:\$\{?[A-Za-z_]\w*\}?|%[A-Za-z_]\w*%)[/\\][\w.@+-]+"),  # from a variable
    re.compile(r"(?<!\w)[A-Za-z]:\\[^\s\"'`]+"),  # a drive
    re.compile(r"(?<!\w)[A-Za-z]:/[\w.-]+/"),
    re.compile(r"\\\\[\w.-]{1,100}\\+[\w.$-]+"),  # a shared folder
    # relative, to a file
    re.compile(rf"(?<![\w./-])(?:[\w.@+-]{{1,100}}[/\\]){{1,20}}[\w.@+-]{{1,100}}\.(?:{_PATH_FILES})(?!\w)"),
    re.compile(r"\bfile://\S+", re.IGNORECASE),
)
_RUN_ID = re.compile(r"(?<!\d)\d{8}-\d{6}(?!\d)(?:-[a-z0-9-]+)?")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_URL_SECRETS = (
    re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/@]{1,200}@[^\s/]"),
    re.compile(
        r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s?]{1,200}\?\S{0,200}?"
        r"(?:token|api_?key|key|secret|password|signature|sig)=[^\s&]{4}",
        re.IGNORECASE,
    ),
)
_SECRETS = (
    re.compile(r"\b(?:sk|pk|rk)[-_](?:[A-Za-z]{2,8}[-_])?[A-Za-z0-9_-]{16,}"),
    re.compile(r"\bgh[opusr]_[A-Za-z0-9]{20,}"),
    re.compile(r"\b(?:github_pat|glpat|npm|pypi|hf|xox[abeoprs]|dckr_pat)[-_][A-Za-z0-9_-]{16,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{30,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,500}\.[A-Za-z0-9_-]{8}"),
    re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY"),
    re.compile(r"\bBearer\s+(?=\S*\d)[A-Za-z0-9._~+/-]{16,}", re.IGNORECASE),
    re.compile(
        r"\b(?:pass(?:word|wd|phrase)|secret|api[_ -]?key|access[_ -]?key|auth[_ -]?token|token)\b"
        r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?=[^\s\"']{0,100}\d)(?=[^\s\"']{0,100}[A-Za-z])[^\s\"']{8}",
        re.IGNORECASE,
    ),
    re.compile(r"(?<![A-Za-z0-9])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{32,}(?![A-Za-z0-9])", re.IGNORECASE),
    re.compile(
        r"(?<![A-Za-z0-9+/=_-])(?=[A-Za-z+_-]{0,200}\d)(?=[a-z0-9+_-]{0,200}[A-Z])(?=[A-Z0-9+_-]{0,200}[a-z])"
        r"[A-Za-z0-9+_-]{40,}={0,2}(?![A-Za-z0-9])"
    ),
)

_NUMBER = re.compile(
    r"(?<![\w.,^])(?P<mantissa>\d{1,3}(?:[,\u2009\u202f\u00a0']\d{3})+(?:\.\d+)?|\d+\.\d+|\.\d+|\d+)"
    r"(?P<exponent>[eE][-+]?\d+)?(?![\w.]*\w)"
)
_COUNTED = re.compile(
    r"^[\s-]{1,2}(?:[a-z]{1,20}\s){0,2}?(?:cases|classes|columns|documents|edges|examples|features|images|instances|"
    r"nodes|observations|patients|people|points|records|rows|samples|sentences|series|tables|texts|words)\b",
    re.IGNORECASE,
)
_PLUS_MINUS = re.compile(r"\d[\d.,]{0,12}\s{0,3}(?:±|\+/-|\\pm)\s{0,3}[\d.,]{1,12}")
_METRIC_VALUE = re.compile(
    r"\b(?:accuracy|auc|auroc|error|f1|kappa|loss|mae|mse|precision|r2|recall|rmse|roc|score|smape)\b"
    r"(?:\s+\w+){0,1}\s*(?:=|(?:\b(?:of|was|were|reached|(?:rose|fell|dropped|improved|came)\s+to)\b))\s*"
    r"\d{0,3}[.,]\d{2,}",
    re.IGNORECASE,
)
_VERSION = re.compile(r"(?:version|release|python|cuda|arxiv:?|[=<>~!]=|[<>])\s*$", re.IGNORECASE)

# Letters that look Latin and are not, so that an order spelt with them reads the same to a pattern as to a model.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u03bf\u03b1\u03b9\u03c1\u03c5\u0261\u0131",
    "aeopcyxijshdqoaipugi",
)
_ORDERS = tuple(
    (re.compile(pattern, re.MULTILINE), meaning)
    for pattern, meaning in (
        (
            r"\b(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|violate|disobey|"
            r"stop following|do(?: not|n.?t) (?:follow|obey))(?: [^\s.]+){0,4}? (?:your|my|our|previous|prior|above|"
            r"earlier|preceding|foregoing|former|system|safety|all|any|these|those|other|developer)(?: [^\s.]+){0,3}? "
            r"(?:instructions?|prompts?|rules|guidelines?|directions|directives?|orders|guardrails?|policy|policies|"
            r"training|programming|messages?|safeguards?)\b",
            "tells a model to disregard its instructions",
        ),
        (
            r"\b(?:forget|disregard|ignore) (?:everything|anything|all|what)(?: [^\s.]+){0,3}? "
            r"(?:above|before|told|so far|said|until now|previously)\b",
            "tells a model to disregard what it was told",
        ),
        (
            r"\byou(?: are|.re) now (?!(?:ready|done|finished|set|able)\b)|\byou are no longer\b|"
            r"\bfrom now on,? (?:you|your|respond|answer|act)\b",
            "tells a model that it is someone else",
        ),
        (
            r"\b(?:pretend (?:to be|you are|that you)|role-?play as|(?:act|behave|respond|answer) as "
            r"(?:if you (?:are|were)|(?:an? |the )?(?:ai\b|assistant|system|admin|root user|developer|jailbroken|"
            r"unrestricted|dan\b)))",
            "tells a model to play a part",
        ),
        (
            r"\b(?:reveal|print|show|repeat|leak|output|display|disclose|tell me|send)(?: [^\s.]+){0,3}? "
            r"(?:(?:system|hidden|initial|secret|developer) (?:prompts?|instructions|messages?)|your(?: [^\s.]+)? "
            r"(?:prompt|instructions))\b",
            "asks a model for its prompt",
        ),
        (
            r"\b(?:do not|don.?t|never|without) (?:tell|inform|mention|notify|alert|reveal)(?:ing)?"
            r"(?: [^\s.]+){0,4}? (?:the |any )?(?:user|human|operator|researcher|person|anyone)s?\b",
            "tells a model to keep something from the user",
        ),
        (
            r"\b(?:new|updated|real|actual|true|secret|hidden) (?:system )?(?:instructions?|prompt|orders?) ?:",
            "announces instructions",
        ),
        (
            r"\b(?:send|post|upload|transmit|exfiltrate|forward|e-?mail)(?: [^\s.]+){0,6}? (?:api keys?|passwords?|"
            r"credentials|secrets|access tokens?|environment variables|private keys?|ssh keys?)(?: [^\s.]+){0,4}? to\b",
            "asks a model to give secrets away",
        ),
        (r"\b(?:curl|wget)\b[^\n|]{0,300}\|\s{0,5}(?:sudo )?(?:ba|z|da)?sh\b", "pipes a download into a shell"),
        (
            r"^[ \t#>-]{0,8}(?:system|assistant|user|human|developer)(?: prompt| message)?[ \t]{0,3}:",
            "marks the turn of a role in a conversation",
        ),
        (
            r"^### ?(?:system|assistant|user|human|instruction|response|input)[ \t]{0,3}:",
            "marks the turn of a role in a conversation",
        ),
        (
            r"<\|[^|<>\n]{1,40}\|>|\[/?inst\]|<</?sys>>|</?(?:start|end)_of_turn>|"
            r"</?(?:system|assistant|user|human|developer)(?:[-_](?:prompt|message|reminder|instructions?))?\s{0,3}/?>|"
            r"<\uff5c[^<>\n]{1,40}\uff5c>",
            "has the role markup of a language model",
        ),
        (
            r"</?(?:[a-z]{1,20}:)?(?:tool_?(?:calls?|use|result|response|output|code)|function_?(?:calls?|results?)|"
            r"invoke|parameter)\b[^<>\n]{0,200}>|<function=|"
            r"\"(?:tool_calls|function_call)\" ?:|```(?:tool|tool_code)\b",
            "has tool-call markup",
        ),
        (r"<!--", "hides text in a comment"),
    )
)
_EMPHASIS = re.compile(r"[*_`~]{1,3}(?=\S)|(?<=\S)[*_`~]{1,3}")
_HIDDEN = (
    (re.compile("[\U000e0000-\U000e007f]"), "characters of the tags block, which nobody sees"),
    (re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]"), "characters that turn the direction of writing"),
    (
        re.compile(
            "[\u200b-\u200d\u2060-\u2064\u206a-\u206f\ufeff\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u3164\uffa0]"
        ),
        "characters of no width",
    ),
    (re.compile("[\ufe00-\ufe0f]{2,}|[\U000e0100-\U000e01ef]"), "variation selectors, which can carry hidden text"),
)


def lint_skill(skill: Skill, *, forbidden: Sequence[str] = ()) -> list[str]:
    """Problems of a skill in words, empty when it may be kept and shared.

    `forbidden` are names that may not occur, such as those of users, profiles and data sets; they match as whole words
    in any case, with hyphen, underscore and blank alike. Pass those of the project at hand: many data sets are called
    like everyday words (digits, wine). "default" is never taken for a name.

    A number in `when` or `what` counts as measured on a data set when it has more than two significant digits and
    is a decimal (0.873, but not 0.05, 1e-4 or 0.999), a whole number from 1,000 up (12,345, but not 1,500, 1,024 or
    the year 2019), or a count of something from 100 up (569 rows); when it stands beside ±; or when it follows a metric
    (accuracy of 0.87). Versions (Python 3.11, >=1.26) and small counts (five folds, 20 trees) may stay. A measured
    value of two digits without its metric is not recognised.

    Orders to language models and hidden characters are among the problems; see `injections` for what that can
    and cannot find.
    """
    fields = list(_fields(skill))
    found = [
        f"{field}: {problem}"
        for field, text in fields
        for rule in (_control, _injections, _secrets, _private)
        for problem in rule(text)
    ]
    found += [
        f"{field}: {problem}" for field, text in fields if field in ("when", "what") for problem in _numbers(text)
    ]
    found += [f"{field}: names {name!r}" for field, text in fields for name in _named(text, forbidden)]
    return list(dict.fromkeys(found))


def dangers(skill: Skill) -> list[str]:
    """Those problems that nobody may wave through: injections, secrets, control characters."""
    rules = (_control, _injections, _secrets)
    return list(
        dict.fromkeys(
            f"{field}: {problem}" for field, text in _fields(skill) for rule in rules for problem in rule(text)
        )
    )


def injections(text: str) -> list[str]:
    """Orders to a language model, role and tool-call markup, and hidden characters in any text.

    Look-alike letters, HTML entities, emphasis marks and line breaks are undone first. No list of patterns is complete:
    an empty answer does not make a text safe to obey.
    """
    return list(dict.fromkeys(_injections(text)))


def _fields(skill: Skill) -> Iterator[tuple[str, str]]:
    """Every text of a skill with the name of its field."""
    yield from (("id", skill.id), ("when", skill.when), ("what", skill.what), ("trigger", skill.trigger))
    yield from (("tags", tag) for tag in skill.tags)
    if skill.remedy is not None:
        yield from (("remedy", text) for text in skill.remedy.model_dump().values())


def _control(text: str) -> Iterator[str]:
    odd = sorted({c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")})
    if odd:
        yield f"has control characters ({', '.join(f'U+{ord(c):04X}' for c in odd[:5])})"


def _injections(text: str) -> Iterator[str]:
    for pattern, meaning in _HIDDEN:
        if pattern.search(text):
            yield f"injection: has {meaning}"
    for version in dict.fromkeys(_readings(text)):
        for pattern, meaning in _ORDERS:
            if hit := pattern.search(version):
                yield f"injection: {meaning} ({_shown(hit.group())})"


def _readings(text: str) -> Iterator[str]:
    """A text as a model may read it: entities and look-alikes undone, with and without emphasis and line breaks."""
    visible = "".join(c for c in html.unescape(text) if unicodedata.category(c) not in ("Cf", "Mn") and c != "\u3164")
    folded = unicodedata.normalize("NFKC", visible).casefold().translate(_LOOK_ALIKES)
    folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if unicodedata.category(c) != "Mn")
    folded = "\n".join(re.sub(r"[^\S\n]+", " ", line).strip() for line in folded.splitlines())
    yield folded
    yield re.sub(r"[\s#>|-]+", " ", _EMPHASIS.sub("", folded))


def _secrets(text: str) -> Iterator[str]:
    """Messages do not repeat the secret."""
    if any(pattern.search(text) for pattern in _URL_SECRETS):
        yield "has an address with credentials in it"
    if any(pattern.search(_URL.sub(" ", text)) for pattern in _SECRETS):
        yield "has what looks like a key, password or digest"


def _private(text: str) -> Iterator[str]:
    if hit := _RUN_ID.search(text):
        yield f"names the run {_shown(hit.group())}"
    if hit := _EMAIL.search(_URL.sub(" ", text)):
        yield f"has the e-mail address {_shown(hit.group())}"
    bare = re.sub(r"\b(?!file:)[A-Za-z][A-Za-z0-9+.-]{1,20}://\S+", " ", text)
    for pattern in _PATHS:
        if hit := pattern.search(bare):
            yield f"has the path {_shown(hit.group())}"
            return


def _numbers(text: str) -> Iterator[str]:
    bare = _RUN_ID.sub(" ", _URL.sub(" ", text))
    for pattern in (_PLUS_MINUS, _METRIC_VALUE):
        if hit := pattern.search(bare):
            yield f"has a measured value ({_shown(hit.group())})"
    for hit in _NUMBER.finditer(bare):
        if _measured(hit, bare):
            yield f"has a number that belongs to one data set ({_shown(hit.group())})"
            return


def _measured(hit: re.Match[str], text: str) -> bool:
    """Whether a number looks like a result or a size rather than a setting; see lint_skill for the rule."""
    mantissa = re.sub(r"[,\s']", "", hit["mantissa"])
    if _VERSION.search(text[max(0, hit.start() - 20) : hit.start()]):
        return False
    if "." in mantissa:
        digits = mantissa.replace(".", "").strip("0")
        return len(digits) > 2 and set(digits) != {"9"}
    value, digits = mantissa.lstrip("0"), mantissa.strip("0")
    if len(digits) <= 2 or len(value) > 15:
        return len(value) > 15
    number = int(value)
    if number & (number - 1) == 0:
        return False
    counted = _COUNTED.match(text[hit.end() : hit.end() + 60]) is not None
    return counted or (number >= 1000 and not (1900 <= number <= 2099 and "," not in hit["mantissa"]))


def _named(text: str, forbidden: Sequence[str]) -> Iterator[str]:
    spoken = _spoken(text)
    for name in forbidden:
        words = _spoken(name).strip()
        if words and words not in UNNAMED and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", spoken):
            yield name


def _spoken(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", text).casefold())


def _shown(passage: str) -> str:
    """A passage as a message may quote it: short, on one line, printable."""
    line = " ".join("".join(c if c.isprintable() else " " for c in passage).split())
    return repr(line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1] + "…")
