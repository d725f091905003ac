"""What a coder must know of data before it can load them: where files lie, how they begin, and code that reads them.

Shows beginnings of files and names of columns, never results; runs nothing.
"""

from pathlib import Path

from nanoresearch.crew.builtin import codegen
from nanoresearch.crew.builtin.kits import load_kits, read_code
from nanoresearch.crew.llm.design.data_desk import preview
from nanoresearch.crew.llm.desk import Desk, material
from nanoresearch.schema.blueprint import OWN, Blueprint
from nanoresearch.schema.dataset import USERS, StagedDataset

MOST_FILES = 12
HEAD_BYTES = 700
HEAD_LINES = 6


def reads_own_data(blueprint: Blueprint) -> bool:
    """Whether a study reads data of the user's own, of which no value may reach a model."""
    return any(staged.card.carrier in USERS for staged in (*blueprint.datasets, *blueprint.support))


def data_text(desk: Desk, blueprint: Blueprint) -> str:
    """All data sets of a study, each as a piece of material.

    Where a kit loads them nothing of their files is shown: its test part is to stay unseen. Of the user's own files no
    value is shown, and names and types of columns only where the settings allow it.
    """
    wanted = (*blueprint.datasets, *blueprint.support)
    return "\n\n".join(_described(staged, desk, closer=blueprint.study == OWN) for staged in wanted)


def _described(staged: StagedDataset, desk: Desk, *, closer: bool) -> str:
    card = staged.card
    lines = [f"id: {card.id}", f"name: {card.name}", f"what it is: {card.summary}"]
    lines += [f"note: {card.note}"] if card.note else []
    if not closer:
        return material("data set", "\n".join(lines), card.id)
    if card.carrier == "program":
        lines.append("files: none; split() makes these data from the seed, and load() returns what split() needs")
    elif staged.folder is None:
        lines.append(f"files: none; {card.package} {staged.version} carries it")
    elif card.carrier in USERS:
        lines.append(f"files, below root / {staged.folder!r}:")
        if desk.config.data.preview:
            lines.append(preview(staged, desk.home.data))
        else:
            lines += [f"- {file.name} ({file.size} bytes)" for file in staged.files[:MOST_FILES]]
    else:
        folder = desk.home.data / staged.folder
        lines.append(f"files, below root / {staged.folder!r}:")
        for file in staged.files[:MOST_FILES]:
            lines.append(f"- {file.name} ({file.size} bytes)")
            lines += [f"    {line}" for line in _beginning(folder / file.name)]
        if len(staged.files) > MOST_FILES:
            lines.append(f"- and {len(staged.files) - MOST_FILES} more")
    if loader := _known_loader(card.id):
        lines.append(f"code that is known to load it:\n{loader}")
    return material("data set", "\n".join(lines), card.id, limit=8000)


def _beginning(path: Path) -> list[str]:
    """First lines of a text file; of any other, its first bytes."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return ["(it cannot be read)"]
    try:
        text = head.decode() if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1 or None].decode()
    except UnicodeDecodeError:
        return [f"(no text; it begins with the bytes {head[:16].hex(' ')})"]
    return [line[:300] for line in text.splitlines()[:HEAD_LINES]]


def _known_loader(dataset: str) -> str:
    """The loading code of a kit that has this data set, without the kit's division."""
    for kit in load_kits().values():
        if any(option.id == dataset for option in kit.datasets):
            return codegen.take(read_code(kit.id, "data.py"), {"LOADERS": [dataset]})
    return ""
