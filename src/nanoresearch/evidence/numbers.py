"""Numbers as a paper prints them, each with the way to derive it again."""

import hashlib
import re
from typing import Any

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.statistics import Ledger, derive
from nanoresearch.paper.escape import latex
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Field, Number, Statistic

UNDEFINED = "n/a"


class NumberBook:
    """Collects the numbers of one paper and hands out references to them."""

    def __init__(self, ledger: Ledger, folder: RunFolder) -> None:
        self._ledger = ledger
        self._folder = folder
        self._numbers: dict[str, Number] = {}

    @property
    def numbers(self) -> tuple[Number, ...]:
        """All numbers, by key."""
        return tuple(self._numbers[key] for key in sorted(self._numbers))

    def statistic(self, statistic: Statistic, form: str) -> str:
        """A LaTeX reference to a statistic, printed in the given form."""
        return self._add(statistic_key(statistic, form), statistic, form)

    def field(self, key: str, file: str, pointer: str, form: str = "text", *, count: bool = False) -> str:
        """A LaTeX reference to a value in a record of the run."""
        return self._add(key, Field(file=file, pointer=pointer, count=count), form)

    def value(self, statistic: Statistic) -> float | None:
        """The unrounded value."""
        return derive(statistic, self._ledger)

    def _add(self, key: str, source: Statistic | Field, form: str) -> str:
        known = self._numbers.get(key)
        if known is None:
            self._numbers[key] = derive_number(key, source, form, self._ledger, self._folder)
        elif (known.source, known.form) != (source, form):
            raise ValueError(f"the number {key} was asked for with two meanings: {known.source!r} and {source!r}")
        return f"\\result{{{key}}}"


def derive_number(key: str, source: Statistic | Field, form: str, ledger: Ledger, folder: RunFolder) -> Number:
    """Compute a number from the run's files. Raises KeyError or CorruptRecord when they do not have it."""
    value = derive(source, ledger) if isinstance(source, Statistic) else derive_field(source, folder)
    shown = UNDEFINED if value is None else format_value(value, form)
    return Number(key=key, text=shown, value=UNDEFINED if value is None else value, source=source, form=form)


def derive_field(source: Field, folder: RunFolder) -> float | str:
    """Follow a JSON pointer into a file of the run. Raises CorruptRecord when it leads nowhere."""
    node: Any = folder.load_json(source.file)
    for part in source.pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            node = node[_index(name)] if isinstance(node, list) else node[name]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise CorruptRecord(f"{source.file} has no {source.pointer}") from error
    if source.count and isinstance(node, list | dict):
        return float(len(node))
    if source.count or isinstance(node, bool) or not isinstance(node, str | int | float):
        wanted = "a list or an object" if source.count else "a number or a text"
        raise CorruptRecord(f"{source.file} has no {wanted} at {source.pointer or 'its root'}")
    return node if isinstance(node, str) else float(node)


def _index(name: str) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]*", name):  # int() would also take "-1" and " 1"
        raise ValueError(name)
    return int(name)


def format_value(value: float | str, form: str) -> str:
    """Print a value as LaTeX.

    Forms: a Python format specification (".3f"), percent:SPEC (times 100), signed:SPEC, signedpercent:SPEC,
    p (a p-value), p_relation (a p-value with its relation sign), text. A text is escaped.
    """
    if isinstance(value, str) or form == "text":
        return latex(str(value))
    if form == "p":
        return "$<$0.001" if value < 0.001 else f"{value:.3f}"
    if form == "p_relation":
        return "$<$ 0.001" if value < 0.001 else f"$=$ {value:.3f}"
    scaled = value * 100 if "percent" in form else value
    specification = form.rpartition(":")[2]
    text = f"{scaled:{specification}}"
    if not re.search("[1-9]", text.partition("e")[0]):  # rounded to zero, which has no sign
        text = text.lstrip("-")
    elif "signed" in form and not text.startswith("-"):
        text = f"+{text}"
    mantissa, e, exponent = text.partition("e")
    sign = {"+": "$+$", "-": "$-$"}.get(mantissa[:1], "")
    printed = sign + (mantissa[1:] if sign else mantissa)
    return f"{printed}$\\times 10^{{{int(exponent)}}}$" if e else printed


def statistic_key(statistic: Statistic, form: str) -> str:
    """A name that says what is meant, unique for statistic and form."""
    parts: list[str] = [statistic.kind]
    for selection in (statistic.of, statistic.versus):
        if selection:
            parts += [selection.method, selection.metric, selection.dataset or "all", selection.condition or "all"]
            parts += [] if selection.seed is None else [f"seed{selection.seed}"]
    parts += [f"{term.weight:+g}{term.selection.method}" for term in statistic.terms]
    if statistic.ledger == "measurements":
        parts.append("measured")
    name = ".".join([*parts, form])
    safe = re.sub(r"[^A-Za-z0-9.:+=-]", "-", name)
    if safe == name.replace("_", "-") and not statistic.terms:
        return safe
    return f"{safe}-{hashlib.sha256(f'{statistic.canonical_json()} {form}'.encode()).hexdigest()[:6]}"
