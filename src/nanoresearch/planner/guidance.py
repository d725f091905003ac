"""From directives to guidance: the effects of a plan applied in order to the defaults of its phase."""

from typing import Any, TypeVar

from nanoresearch.config import validate
from nanoresearch.schema.plan import Plan
from nanoresearch.schema.record import Record

G = TypeVar("G", bound=Record)


def guide(plan: Plan, kind: type[G]) -> G:
    """The guidance that a plan amounts to. A later directive wins, except that lists of names add up.

    Raises ConfigError naming the directive when an effect does not fit the phase.
    """
    values: dict[str, Any] = {}
    for directive in plan.directives:
        validate(kind, directive.effect, f"directive {directive.id}")
        for key, value in directive.effect.items():
            if isinstance(value, list):
                previous = values.get(key, list(kind.model_fields[key].default))
                values[key] = [*previous, *(item for item in value if item not in previous)]
            else:
                values[key] = value
    return validate(kind, values, "plan")
