"""A blueprint as models read it: everything that a design decides, with a path to each part, and no file or digest."""

import json
import re
from typing import Any

from nanoresearch.crew.builtin.judge import judge_of
from nanoresearch.schema.blueprint import OWN, Blueprint

Outline = dict[str, Any]


def outline_of(blueprint: Blueprint) -> Outline:
    """Nested values; lists of things with ids are dictionaries by id."""
    apart = {"topic", "datasets", "support", "components", "methods", "metrics", "seeds", "informed_by"}
    shown = blueprint.model_dump(mode="json", exclude=apart)
    return shown | {
        "evaluation": _evaluation(blueprint),
        "datasets": {
            item.card.id: item.card.model_dump(mode="json", include={"name", "summary", "note", "carrier", "domain"})
            for item in blueprint.datasets
        },
        "components": _by_id(blueprint.components),
        "methods": _by_id(blueprint.methods),
        "metrics": _by_id(blueprint.metrics),
        "seeds": len(blueprint.seeds),
        "comparisons": {
            item.id: f"{item.method} against {item.versus} on {item.dataset or 'the mean of all data sets'} by "
            f"{item.metric}{', decides' if item.primary else ''}"
            for item in blueprint.comparisons
        },
    }


def outline_text(outline: Outline) -> str:
    """As JSON with one line for each value."""
    return json.dumps(outline, indent=1, ensure_ascii=False)


def value_at(outline: Outline, path: str) -> Any:
    """What stands at a path such as methods.baseline.description. Raises KeyError when nothing does."""
    value: Any = outline
    rest = path.strip().strip("./").replace("/", ".")
    while rest:
        if not isinstance(value, dict):
            raise KeyError(path)
        # ids of comparisons hold dots themselves: the longest key that fits is meant
        fitting = [key for key in value if rest == key or rest.startswith(f"{key}.")]
        if not fitting:
            raise KeyError(path)
        key = max(fitting, key=len)
        value, rest = value[key], rest[len(key) + 1 :]
    if value is outline:
        raise KeyError(path)
    return value


def holds(value: Any, quote: str) -> bool:
    """Whether a quote stands in what is at a path, spaces and letter case aside."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _plain(quote) in _plain(text)


def _evaluation(blueprint: Blueprint) -> Outline:
    """Who scores the results on each data set."""
    if blueprint.study == OWN:
        return {item.card.id: "written for this study, self-reported" for item in blueprint.datasets}
    exposed = judge_of(blueprint).self_reported
    return {
        item.card.id: f"self-reported: {exposed[item.card.id]}" if item.card.id in exposed else "frozen, by the kit"
        for item in blueprint.datasets
    }


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().strip('"').lower()


def _by_id(items: Any) -> Outline:
    return {item.id: item.model_dump(mode="json", exclude={"id"}, exclude_defaults=True) for item in items}
