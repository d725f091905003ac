"""Items seen in several views or modalities: loading, division, and views that are missing at test time."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from sklearn.model_selection import StratifiedGroupKFold, train_test_split


@dataclass
class Items:
    """Views of the same items by name (rows of numbers, or texts), classes, and what must stay on one side."""

    views: dict[str, np.ndarray]
    labels: np.ndarray
    groups: np.ndarray | None = None
    standard: tuple[str, ...] | None = None
    """Views that are used when nothing else is asked for; None for all."""


@dataclass
class Train:
    """Views and classes to learn from; items of one group must not be divided inside the training part either."""

    views: dict[str, np.ndarray]
    labels: np.ndarray
    groups: np.ndarray


@dataclass
class Inputs:
    """Views of the items to label, and for every view whether an item has it; what is missing is blank."""

    views: dict[str, np.ndarray]
    present: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.present.values())))


@dataclass
class Split:
    """What a method may learn from, what it must label, and the truth."""

    train: Train
    inputs: Inputs
    targets: np.ndarray


def load_mfeat(root: Path) -> Items:
    """Handwritten digits in six views; the standard ones are the three weak ones: Fourier, Zernike, morphology."""
    names = {
        "fourier": "fou",
        "zernike": "zer",
        "morphology": "mor",
        "profile": "fac",
        "karhunen": "kar",
        "pixel": "pix",
    }
    tables = {name: pd.read_csv(root / "mfeat" / f"mfeat-{short}.csv").to_numpy() for name, short in names.items()}
    views = {name: table[:, :-1].astype(float) for name, table in tables.items()}
    return Items(views, tables["fourier"][:, -1].astype(int), standard=("fourier", "zernike", "morphology"))


def load_nutrimouse(root: Path) -> Items:
    """Forty mice, by diet, from the expression of 120 genes and the concentration of 21 fatty acids in the liver."""
    folder = root / "nutrimouse"
    views = {name: pd.read_csv(folder / f"{name}.csv").to_numpy(dtype=float) for name in ("gene", "lipid")}
    return Items(views, pd.read_csv(folder / "diet.csv")["diet"].to_numpy(dtype=str))


def emoji_family(name: str) -> str:
    """Name without what comes after a colon (who is in the picture) and without words for gender and direction."""
    variants = {"man", "men", "mans", "woman", "women", "womans", "person", "people", "boy", "girl", "facing", "right"}
    head, _, tail = name.lower().partition(":")
    words = [word for word in head.replace(",", " ").split() if word not in variants]
    return " ".join(words) or tail.strip() or "person"


def draw_emoji(unified: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """Colours of 24 by 24 pixels between zero and one, in one row, from code points such as 1F468-200D-1F373."""
    image = Image.new("RGB", (136, 136), "white")
    text = "".join(chr(int(code, 16)) for code in unified.split("-"))
    ImageDraw.Draw(image).text((0, 4), text, font=font, embedded_color=True)
    return np.asarray(image.resize((24, 24), Image.Resampling.BILINEAR), dtype=float).ravel() / 255


def load_emoji(root: Path) -> Items:
    """Emoji as drawings and as names, in eight categories (flags and components left out), grouped by family."""
    entries = json.loads((root / "emoji-names" / "emoji.json").read_text(encoding="utf-8"))
    entries = [entry for entry in entries if entry["category"] not in ("Flags", "Component")]
    font = ImageFont.truetype(str(root / "emoji-glyphs" / "NotoColorEmoji.ttf"), 109)  # the one size that it has
    texts = [" ".join([entry["name"], *entry["short_names"]]).lower().replace("_", " ") for entry in entries]
    views = {
        "image": np.array([draw_emoji(entry["unified"], font) for entry in entries]),
        "text": np.array(texts, dtype=object),
    }
    labels = np.array([entry["category"] for entry in entries])
    return Items(views, labels, np.array([emoji_family(entry["name"]) for entry in entries]))


LOADERS = {
    "mfeat": load_mfeat,
    "nutrimouse": load_nutrimouse,
    "emoji-glyphs": load_emoji,
}


def divide(items: Items, protocol: dict, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows with every class in its share; with the grouped protocol no group is in both."""
    rows = np.arange(len(items.labels))
    if protocol["id"] == "grouped" and items.groups is not None:
        folds = StratifiedGroupKFold(round(1 / protocol["test_fraction"]), shuffle=True, random_state=seed)
        return next(folds.split(rows, items.labels, items.groups))
    return tuple(train_test_split(rows, test_size=protocol["test_fraction"], stratify=items.labels, random_state=seed))


def choose_views(items: Items, condition: dict) -> list[str]:
    """Names of the views that the study uses, joined by plus signs in the sweep."""
    for sweep in ("view_subset", "modality_subset"):
        if sweep in condition:
            return list(items.views) if condition[sweep] == "all six" else condition[sweep].split("+")
    return list(items.standard or items.views)


def draw_missing(names: list[str], count: int, condition: dict, seed: int) -> dict[str, np.ndarray]:
    """For every view whether each test item has it."""
    present = {name: np.ones(count, dtype=bool) for name in names}
    lost = condition.get("missing_modality", "none")
    if lost in present:
        present[lost][:] = False
    rng = np.random.default_rng(seed)
    chance, which = rng.random(count), rng.integers(len(names), size=count)
    for number, name in enumerate(names):
        present[name] &= ~((chance < condition.get("missing_view_rate", 0.0)) & (which == number))
    return present


def blank(view: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The view with zeros, or empty texts, where an item lacks it."""
    view = view.copy()
    view[~present] = "" if view.dtype == object else 0.0
    return view


def split(items: Items, protocol: dict, seed: int, condition: dict) -> Split:
    """Divide the items, choose the views, and take views away from test items when the sweep says so."""
    train, test = divide(items, protocol, seed)
    names = choose_views(items, condition)
    present = draw_missing(names, len(test), condition, seed)
    groups = np.arange(len(items.labels)) if items.groups is None else items.groups
    return Split(
        Train({name: items.views[name][train] for name in names}, items.labels[train], groups[train]),
        Inputs({name: blank(items.views[name][test], present[name]) for name in names}, present),
        items.labels[test],
    )
