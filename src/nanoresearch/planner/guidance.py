"""From directives to guidance: the effects of a plan applied in order to the defaults of its phase."""

from typing import Any, TypeVar

from nanoresearch.config import validate
from nanoresearch.schema.plan import Plan
from nanoresearch.schema.record import Record

G = TypeVar("G", bound=Record)

OPPOSITES = {"prefer_tags": "avoid_tags", "avoid_tags": "prefer_tags"}
"""Lists of which what enters one leaves the other."""


def guide(plan: Plan, kind: type[G]) -> G:
    """The guidance that a plan amounts to. A later directive wins, except that lists of names add up.

    A name that is put on a list leaves the opposite one. Raises ConfigError naming
    the directive when an effect does not fit the phase.
    """
    values: dict[str, Any] = {}
    for directive in plan.directives:
        validate(kind, directive.effect, f"directive {directive.id}")
        for key, value in directive.effect.items():
            if isinstance(value, list | tuple):
                previous = values.get(key, list(kind.model_fields[key].default))
                values[key] = [*previous, *(item for item in value if item not in previous)]
                if (other := OPPOSITES.get(key)) in values:
                    values[other] = [item for item in values[other] if item not in value]
            else:
                values[key] = value
    return validate(kind, values, "plan")
