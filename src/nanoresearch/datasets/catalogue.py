"""The catalogue of data sets, read from catalogue.toml. Says what exists, not whether it is there."""

import tomllib
from importlib.resources import files

from nanoresearch.schema.dataset import DatasetCard, DatasetFile


def load_catalogue() -> dict[str, DatasetCard]:
    """Every data set that nanoresearch knows, by id, in the order of the file."""
    return parse_catalogue(files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8"))


def parse_catalogue(text: str) -> dict[str, DatasetCard]:
    """Cards from a catalogue: each data set takes over what its package states (version, digest, licence).

    Raises KeyError for an unknown package and pydantic.ValidationError for a wrong field.
    """
    tables = tomllib.loads(text)
    cards = {}
    for card_id, fields in tables["dataset"].items():
        kept = tuple(DatasetFile(path=path, name=name) for name, path in fields.pop("files", {}).items())
        cards[card_id] = DatasetCard(id=card_id, files=kept, **(tables["package"][fields["package"]] | fields))
    return cards
