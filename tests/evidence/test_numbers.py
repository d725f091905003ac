import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.numbers import (
    UNDEFINED,
    NumberBook,
    derive_field,
    derive_number,
    format_value,
    statistic_key,
)
from nanoresearch.evidence.statistics import Ledger
from nanoresearch.paper.numbers import numbers_tex, read_numbers_tex
from nanoresearch.paths import RunFolder
from nanoresearch.schema.analysis import Field, Number, Selection, Statistic, Term
from tests.evidence.test_statistics import blueprint, ledger, of, record

relaxed = settings(deadline=None, max_examples=60)
FORMS = [".3f", ".1f", ",.0f", ".2f", ".4f", "g", "percent:.1f", "percent:g", "signed:.3f", "signed:,.0f",
         "signedpercent:.1f", "p", "p_relation"]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.8766, ".3f", "0.877"),
        (0.8766, "percent:.1f", "87.7"),
        (12345.6, ",.0f", "12,346"),
        (12345.6, "signed:,.0f", "$+$12,346"),
        (-12345.6, "signed:,.0f", "$-$12,346"),
        (0.0123, "signed:.3f", "$+$0.012"),
        (-0.0123, "signedpercent:.1f", "$-$1.2"),
        (-0.0001, "signed:.3f", "0.000"),
        (0.0001, "signed:.3f", "0.000"),
        (-0.0, ".3f", "0.000"),
        (-0.00001, ".1f", "0.0"),
        (-4.0, ".1f", "$-$4.0"),
        (0.0004, "p", "$<$0.001"),
        (0.0004, "p_relation", "$<$ 0.001"),
        (0.0312, "p", "0.031"),
        (0.0312, "p_relation", "$=$ 0.031"),
        (1.0, "p", "1.000"),
        (0.95, "percent:.0f", "95"),
        (3.0, ".0f", "3"),
        (0.5, "g", "0.5"),
        (0.00001, "g", r"1$\times 10^{-5}$"),
        ("50% of a_b", "text", r"50\% of a\_b"),
    ],
)
def test_printed_forms(value: float | str, form: str, text: str) -> None:
    assert format_value(value, form) == text


@relaxed
@given(st.floats(-1e9, 1e9, allow_nan=False), st.sampled_from(FORMS))
def test_every_form_prints_what_numbers_tex_can_hold(value: float, form: str) -> None:
    source = Field(file="f", pointer="/p")
    printed = format_value(value, form)
    number = Number(key="k", text=printed, value=value, source=source, form=form)
    assert read_numbers_tex(numbers_tex([number])) == {"k": printed}


@relaxed
@given(st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from(["signed:.3f", "signedpercent:.1f", "signed:,.0f"]))
def test_signs_tell_the_direction(value: float, form: str) -> None:
    printed = format_value(value, form)
    shown = float(printed.replace("$-$", "-").replace("$+$", "+").replace(",", ""))
    assert printed.startswith("$+$") == (shown > 0)
    assert printed.startswith("$-$") == (shown < 0)


@relaxed
@given(st.text(min_size=1))
def test_texts_from_records_are_escaped(text: str) -> None:
    assert not re.search(r"(?<!\\)[%#&_]", format_value(text, "text"))


def book(tmp_path: Path) -> NumberBook:
    return NumberBook(ledger({("baseline", "a"): [0.5, 0.6], ("proposed", "a"): [0.5, 0.6]}), RunFolder(tmp_path))


def test_a_book_hands_out_references_and_derives_once(tmp_path: Path) -> None:
    numbers = book(tmp_path)
    mean = Statistic(kind="mean", of=of("baseline"))
    assert numbers.statistic(mean, ".3f") == r"\result{mean.baseline.accuracy.a.all..3f}"
    assert numbers.statistic(mean, ".3f") == r"\result{mean.baseline.accuracy.a.all..3f}"
    assert [(number.text, number.value) for number in numbers.numbers] == [("0.550", 0.55)]


def test_one_key_cannot_mean_two_things(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('{"a": 1, "b": 2}')
    numbers = book(tmp_path)
    numbers.field("n", "f.json", "/a", ".0f")
    with pytest.raises(ValueError, match="two meanings"):
        numbers.field("n", "f.json", "/b", ".0f")


def test_what_has_no_value_is_said_to_have_none() -> None:
    same = ledger({("baseline", "a"): [0.5, 0.6], ("proposed", "a"): [0.5, 0.6]})
    statistic = Statistic(kind="effect_size", of=of("proposed"), versus=of("baseline"))
    number = derive_number("k", statistic, ".2f", same, RunFolder(Path("nowhere")))
    assert (number.text, number.value) == (UNDEFINED, UNDEFINED)


def test_keys_tell_statistics_apart() -> None:
    def contrast(dataset: str, metric: str = "accuracy") -> Statistic:
        term = Term(weight=-1, selection=Selection(method="x", metric=metric, dataset=dataset))
        return Statistic(kind="diff_mean", of=of("proposed"), versus=of("baseline"), terms=(term,))

    statistics = [
        Statistic(kind="mean", of=of("baseline")),
        Statistic(kind="mean", of=of("baseline", None)),
        Statistic(kind="mean", of=of("baseline", seed=1)),
        Statistic(kind="mean", of=of("baseline", condition="noise=0.1")),
        Statistic(kind="mean", of=of("baseline"), ledger="measurements"),
        Statistic(kind="diff_mean", of=of("proposed"), versus=of("baseline")),
        Statistic(kind="mean", of=Selection(method="baseline", metric="accuracy:a b", dataset="a")),
        Statistic(kind="mean", of=Selection(method="baseline", metric="accuracy:a/b", dataset="a")),
        contrast("a"),
        contrast("b"),
        contrast("a", "f1"),
    ]
    keys = [statistic_key(statistic, form) for statistic in statistics for form in (".3f", "percent:.1f")]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9.:+=-]+", key) for key in keys)


DOCUMENT = {"a": [1, {"b/c": 2.5, "m~n": "text"}], "list": [1, 2, 3], "none": None, "yes": True, "": 7}


@pytest.mark.parametrize(
    ("pointer", "count", "value"),
    [("/a/0", False, 1.0), ("/a/1/b~1c", False, 2.5), ("/a/1/m~0n", False, "text"), ("/list", True, 3.0),
     ("", True, 5.0), ("/", False, 7.0)],
)  # fmt: skip
def test_json_pointers(tmp_path: Path, pointer: str, count: bool, value: float | str) -> None:
    (tmp_path / "f.json").write_text(json.dumps(DOCUMENT))
    assert derive_field(Field(file="f.json", pointer=pointer, count=count), RunFolder(tmp_path)) == value


@pytest.mark.parametrize(
    ("pointer", "count"),
    [("/x", False), ("/list/3", False), ("/list/-1", False), ("/list/ 1", False), ("/list/01", False), ("/list", False),
     ("/none", False), ("/yes", False), ("/a/0", True), ("/a/1/m~0n", True), ("", False)],
)  # fmt: skip
def test_pointers_that_lead_to_no_number(tmp_path: Path, pointer: str, count: bool) -> None:
    (tmp_path / "f.json").write_text(json.dumps(DOCUMENT))
    with pytest.raises(CorruptRecord):
        derive_field(Field(file="f.json", pointer=pointer, count=count), RunFolder(tmp_path))


def test_measurements_are_kept_apart_from_results() -> None:
    both = Ledger(blueprint(), [record("baseline", "a", 0, 0.5)], [record("baseline", "a", 0, 9.0)])
    of_results = derive_number("k", Statistic(kind="mean", of=of("baseline")), ".1f", both, RunFolder(Path()))
    measured = Statistic(kind="mean", of=of("baseline"), ledger="measurements")
    assert of_results.value == 0.5
    assert derive_number("k", measured, ".1f", both, RunFolder(Path())).value == 9.0
