"""The general form of an error: what stays the same when the same trouble comes up with other data.

The executor's signature is already free of numbers, addresses and paths. Here the place in the program, quoted values,
names of columns and files, and the names of the study's data sets go too, and what follows the first of them.
"""

import re
from collections.abc import Iterable

from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Failure

_GENERAL = (
    (re.compile(r"""(?<!\w)(['"]).*?\1(?!\w)"""), "VALUE"),
    (re.compile(r"""(?<!\w)['"][^'"]*$"""), "VALUE"),  # cut off by the signature's length
    (re.compile(r"(?<![\w.])[\w-]+\.(?:py|csv|tsv|txt|json|npz|npy|parquet|gz|zip)\b"), "FILE"),
    (re.compile(r"\b\w*\d\w*\b"), "N"),
    (re.compile(r"\b(VALUE|N)(?:,? \1)+\b"), r"\1"),
    (re.compile(r"\s+"), " "),
)
RESOURCES = ("TimeLimit", "BudgetExhausted", "MemoryLimit", "OutputLimit", "Killed")
"""Troubles of size rather than of kind: what helps against them on some data may harm on others."""


def trouble(failure: Failure, blueprint: Blueprint | None = None) -> str:
    """Kind of error and the general part of its message, such as "ValueError: could not convert string to float".

    The words are those that an error output has in a row; only a message that begins with a name or a number is kept
    whole, with placeholders.
    """
    head, _, message = failure.signature.partition(": ")
    kind = head.partition(" @ ")[0]
    for name in sorted(_names(blueprint), key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "DATA", message, flags=re.IGNORECASE)
    for pattern, replacement in _GENERAL:
        message = pattern.sub(replacement, message)
    start = re.split(r"\b(?:VALUE|DATA|FILE|N|PATH|ADDRESS)\b", message, maxsplit=1)[0].strip(" :,;.([=-")
    general = start if len(start.split()) > 1 else message.strip()
    return f"{kind}: {general}".removesuffix(": ")


def answers(trigger: str, failure: Failure, blueprint: Blueprint | None = None) -> bool:
    """Whether a trigger is about this trouble: it is its name, or words that the error output has in a row."""
    if trigger == trouble(failure, blueprint):
        return True
    text = f"{failure.signature}\n{failure.message}\n{failure.tail}".casefold()
    return len(trigger.split()) > 1 and trigger.casefold() in text


def arises_in(failure: Failure, function: str) -> bool:
    """Whether the error arose in a function of this name."""
    place = failure.signature.partition(": ")[0].partition(" @ ")[2]
    return place.rpartition(":")[2] == function


def _names(blueprint: Blueprint | None) -> Iterable[str]:
    staged = (*blueprint.datasets, *blueprint.support) if blueprint else ()
    return {name for item in staged for name in (item.card.id, item.card.name)}
