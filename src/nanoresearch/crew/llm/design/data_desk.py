"""Which data a study may use. What does not lie here can enter no blueprint.

On offer are: sets of the catalogue that are here (or may be fetched, where data.fetch says so), the files and
addresses that the configuration names, and data that the experiment's own program makes. What is on offer is decided
once and kept in the run, so that a resumed run is told the same.
"""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from nanoresearch.config import DataConfig, OwnData
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.llm.desk import Desk, material
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.datasets.fetch import fetch
from nanoresearch.datasets.own import stage_own
from nanoresearch.datasets.stage import stage, status
from nanoresearch.errors import ConfigError, DatasetError
from nanoresearch.schema.dataset import DatasetCard, StagedDataset
from nanoresearch.schema.profile import Domain
from nanoresearch.schema.record import Record

OFFER = "planning/data.json"
"""File of a run that keeps what was on offer."""
TABLES = {".csv": ",", ".tsv": "\t"}
"""Endings of tables whose columns are described, with their separators."""
PREVIEWED = 3
"""Files of one data set that are described."""
SAMPLE_ROWS = 1000
"""Rows that column types are guessed from."""
MOST_COLUMNS = 60
SEPARATORS = ",;\t|"
SNIFFED = 1 << 16
"""Characters that the separator of a table is found from."""
MADE = "Artificial: the experiment's program makes it from its seed."

_NAME = re.compile(r"[A-Za-z_][\w .()/%-]{0,59}")


class Offer(Record):
    """What was on offer when the run began to plan."""

    present: tuple[str, ...]
    """Ids of the catalogue that were here."""
    fetchable: tuple[str, ...] = ()
    """Ids of the catalogue that may be fetched."""
    own: tuple[StagedDataset, ...] = ()
    """The user's own data, staged."""
    previews: dict[str, str] = Field(default_factory=dict)
    """What models are told of the files of the user's own data."""
    failed: tuple[str, ...] = ()
    """Ids that were to be fetched and could not be."""


class DataDesk:
    """Everything that a study of one run may use."""

    def __init__(self, desk: Desk, root: Path) -> None:
        """Reads what is on offer, or finds it out. Raises ConfigError and DatasetError over the user's own data."""
        self._desk = desk
        self._root = root
        self._catalogue = load_catalogue()
        self._needs = {
            option.id: option.needs for kit in load_kits().values() for option in kit.datasets if option.needs
        }
        if desk.folder.has(OFFER):
            self._offer: Offer = desk.folder.load(OFFER, Offer)
        else:
            self._offer = self._find()
            desk.folder.save(OFFER, self._offer)
        self._own = {staged.card.id: staged for staged in self._offer.own}

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of everything on offer, the user's own first."""
        return (*self._own, *self._offer.present, *self._offer.fetchable)

    @property
    def makes(self) -> bool:
        """Whether a study may use data of its own making."""
        return self._desk.config.data.program

    @property
    def taken(self) -> set[str]:
        """Ids and names of all data that there are, also of those not on offer, in lower case."""
        cards = [*self._catalogue.values(), *(staged.card for staged in self._own.values())]
        return {text.lower() for card in cards for text in (card.id, card.name, *card.aliases)}

    def card(self, name: str) -> DatasetCard:
        """What is known of something on offer."""
        return self._own[name].card if name in self._own else self._catalogue[name]

    def needs(self, name: str) -> tuple[str, ...]:
        """Further sets without which one cannot be loaded."""
        return self._needs.get(name, ())

    def obtain(self, name: str) -> StagedDataset | None:
        """Stage something on offer, every byte checked; None when it cannot be fetched, also on every later try.

        Raises DatasetError when what was here is gone or damaged.
        """
        if name in self._own:
            return stage(self._own[name].card, self._root)
        if name in self._offer.failed:
            return None
        try:
            if name in self._offer.fetchable:
                return fetch(self._catalogue[name], self._root)
        except DatasetError as error:
            self._desk.events.emit("degraded", f"Data set {name} cannot be fetched: {error}")
            self._offer = self._offer.model_copy(update={"failed": (*self._offer.failed, name)})
            self._desk.folder.save(OFFER, self._offer)
            return None
        return stage(self._catalogue[name], self._root)

    def described(self) -> str:
        """What is on offer, as material for a prompt. Names no path of this machine."""
        parts = []
        for staged in self._offer.own:
            text = f"{_line(staged.card)}\n{self._offer.previews.get(staged.card.id, '')}".rstrip()
            parts.append(material("data of the researcher's own", text, staged.card.id, limit=6000))
        listed = [_line(self._catalogue[name]) for name in self._offer.present]
        listed += [f"{_line(self._catalogue[name])} (will be fetched)" for name in self._offer.fetchable]
        if listed:
            parts.append(material("packaged data sets", "\n".join(listed)))
        if not parts:
            parts.append("There are no data sets here.")
        return "\n\n".join(parts)

    def _find(self) -> Offer:
        config = self._desk.config.data
        taken = sorted({*config.files, *config.urls} & set(self._catalogue))
        taken += sorted(set(config.files) & set(config.urls))
        if taken:
            raise ConfigError(f"data: another data set is already called {taken[0]}. Choose another name for yours.")
        own = tuple(
            stage_own(card, self._root, max_mb=config.max_mb, timeout_s=config.timeout_s) for card in own_cards(config)
        )
        here = [name for name, card in self._catalogue.items() if status(card, self._root) == "present"]
        absent = [name for name, card in self._catalogue.items() if name not in here and not card.by_name_only]
        usable = {*here, *(absent if config.fetch else ())}
        here = [name for name in here if set(self.needs(name)) <= usable]
        absent = [name for name in absent if set(self.needs(name)) <= usable]
        if absent and not config.fetch:
            self._desk.events.emit(
                "progress",
                f"{len(absent)} data sets of the catalogue are not here and not on offer: "
                "get them with nanoresearch data fetch, or set data.fetch",
            )
        return Offer(
            present=tuple(here),
            fetchable=tuple(absent) if config.fetch else (),
            own=own,
            previews={item.card.id: preview(item, self._root) for item in own} if config.preview else {},
        )


def own_cards(config: DataConfig) -> list[DatasetCard]:
    """Cards of the user's own data, without digests: those are known once they are staged."""
    files = [_own_card(name, "file", item.path, item) for name, item in config.files.items()]
    return files + [_own_card(name, "url", item.url, item) for name, item in config.urls.items()]


def made_card(name: str, title: str, summary: str, domain: Domain) -> DatasetCard:
    """The card of data that the experiment's program makes."""
    return DatasetCard(
        id=name,
        name=title,
        domain=domain,
        summary=summary,
        carrier="program",
        package="",
        version="",
        licence="that of the code",
        note=MADE,
    )


def preview(staged: StagedDataset, root: Path) -> str:
    """Files with sizes, and for tables the columns with their types. Holds no values."""
    lines = []
    for number, file in enumerate(staged.files):
        if number == PREVIEWED:
            lines.append(f"and {len(staged.files) - PREVIEWED} files more")
            break
        lines.append(f"file {file.name}, {file.size} bytes")
        separator = TABLES.get(Path(file.name).suffix.lower())
        if separator and staged.folder:
            lines += _columns(root / staged.folder / file.name, separator)
    return "\n".join(lines)


def _columns(path: Path, separator: str) -> Iterable[str]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            separator = _separator(file.read(SNIFFED), separator)
            file.seek(0)
            reader = csv.reader(file, delimiter=separator)
            names = next(reader, [])
            sample = [row for _, row in zip(range(SAMPLE_ROWS), reader, strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return ["  no table that can be read as UTF-8 text"]
    columns = [(name, [row[i] for row in sample if i < len(row)]) for i, name in enumerate(names)]
    if not _named(columns):  # the first line may hold values, which are not shown
        return [f"  {len(names)} columns without names"]
    shown = [f"  column {name!r}: {_kind(values)}" for name, values in columns[:MOST_COLUMNS]]
    if len(columns) > MOST_COLUMNS:
        shown.append(f"  and {len(columns) - MOST_COLUMNS} columns more")
    return shown


def _separator(text: str, usual: str) -> str:
    """What separates the columns of a table that begins with the text."""
    try:
        return csv.Sniffer().sniff(text, delimiters=SEPARATORS).delimiter
    except csv.Error:
        return usual


def _named(columns: list[tuple[str, list[str]]]) -> bool:
    """Whether the first row of a table names its columns; in doubt it does not."""
    names = [name for name, _ in columns]
    return (
        len(set(names)) == len(names)
        and all(_NAME.fullmatch(name) and _kind([name]) == "text" for name in names)
        and not any(name.strip() in {value.strip() for value in values} for name, values in columns)
        and any(_kind(values).startswith("number") for _, values in columns)
    )


def _kind(values: list[str]) -> str:
    """Number or text, how many different ones, and whether some are missing."""
    known = [value for value in values if value.strip() not in ("", "NA", "NaN", "nan", "null", "?")]
    try:
        for value in known:
            float(value)
        kind = "number"
    except ValueError:
        kind = "text"
    if len(values) < 2:
        return kind if known else "empty"
    missing = ", some missing" if len(known) < len(values) else ""
    return f"{kind}, {len(set(known))} different values in the first {len(values)} rows{missing}"


def _own_card(name: str, carrier: str, source: str, item: OwnData) -> DatasetCard:
    return DatasetCard.model_validate(
        {
            "id": name,
            "name": item.name or name.replace("-", " "),
            "domain": item.domain,
            "summary": item.summary or "Data of the researcher's own; nothing is said about them.",
            "carrier": carrier,
            "package": source,
            "version": "",
            "licence": item.licence,
        }
    )


def _line(card: DatasetCard) -> str:
    note = f" Note: {card.note}" if card.note else ""
    return f"{card.id} [{card.domain}] {card.name}: {card.summary}{note}"
