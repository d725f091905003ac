"""Which data sets a study uses: those that its topic names or points to, else the kit's preferred ones."""

from pathlib import Path

from nanoresearch.crew.builtin.kits.kit import Component, DatasetOption
from nanoresearch.crew.builtin.reading import Reading
from nanoresearch.crew.builtin.words import listing
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.stage import status
from nanoresearch.errors import DatasetError


def choose_datasets(
    reading: Reading, count: int, components: list[Component], data_root: Path
) -> tuple[DatasetOption, ...]:
    """Data sets the topic names, else those at hand that its words point to, else the kit's preferred ones at hand.

    Raises DatasetError with the command that gets what is missing: named data are never replaced by others.
    """
    cards = load_catalogue()
    options = {option.id: option for option in reading.kit.datasets}
    fitting = [
        option
        for option in options.values()
        if all(item.datasets is None or option.id in item.datasets for item in components)
    ]

    def missing(option: DatasetOption) -> list[str]:
        return [name for name in (option.id, *option.needs) if status(cards[name], data_root) != "present"]

    if reading.named_data:
        chosen = [options[name] for name in reading.named_data]
        absent = [name for option in chosen for name in missing(option)]
        if absent:
            names = listing([cards[name].name for name in absent])
            raise DatasetError(
                f"The topic asks for {names}, not here yet. Get it with: nanoresearch data fetch {' '.join(absent)}"
            )
        return tuple(chosen)
    hinted = [option for option in fitting if option.id in reading.hinted_data and not missing(option)]
    if hinted:
        return tuple(hinted)
    fitting.sort(key=lambda option: not option.default)
    present = [option for option in fitting if not missing(option)]
    if not present:
        wanted = [name for option in fitting[:count] for name in missing(option)]
        raise DatasetError(
            f"No data for {reading.kit.name} are here yet. Get them with: nanoresearch data fetch {' '.join(wanted)}"
        )
    return tuple(present[:count])


def wanted_data(reading: Reading, count: int = 2) -> list[str]:
    """Cards that a study would use if everything were at hand: those named, else the kit's preferred ones."""
    pointed = reading.named_data or reading.hinted_data
    options = [option for option in reading.kit.datasets if option.id in pointed]
    if not options:
        options = sorted(reading.kit.datasets, key=lambda item: not item.default)[:count]
    return list(dict.fromkeys(name for option in options for name in (option.id, *option.needs)))
