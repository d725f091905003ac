import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.errors import PaperError
from nanoresearch.paper.numbers import numbers_tex, read_numbers_tex, referenced_results
from nanoresearch.schema.analysis import Field, Number

KEYS = st.from_regex(r"[A-Za-z0-9.:+=_-]{1,20}", fullmatch=True)
TEXTS = st.sampled_from(["84.2", r"12.0\%", r"$-$0.3", r"$<$0.001", r"\textbf{n/a}", "", "{x}"])


def number(key: str, text: str) -> Number:
    return Number(key=key, text=text, value=1.0, source=Field(file="f", pointer="/x"), form="text")


@given(st.dictionaries(KEYS, TEXTS))
def test_round_trip(texts: dict[str, str]) -> None:
    written = numbers_tex(number(key, text) for key, text in texts.items())
    assert read_numbers_tex(written) == texts
    assert written == numbers_tex(number(key, texts[key]) for key in sorted(texts, reverse=True))


@pytest.mark.parametrize(
    ("key", "text"), [("a b", "1"), ("a}", "1"), ("", "1"), ("a", "}{"), ("a", "1\n2"), ("a", "1%"), ("a", "1\\")]
)
def test_what_tex_could_misread_is_refused(key: str, text: str) -> None:
    with pytest.raises(PaperError):
        numbers_tex([number(key, text)])


def test_one_key_has_one_text() -> None:
    assert numbers_tex([number("a", "1"), number("a", "1")]).count("defresult") == 1
    with pytest.raises(PaperError, match="two texts"):
        numbers_tex([number("a", "1"), number("a", "2")])


@pytest.mark.parametrize(
    "text",
    ["\\defresult{a}{1}\n\\defresult{a}{1}\n", "\\def\\x{1}\n", "\\defresult{a}{1}}\n", "\\defresult{a}{1} % b\n"],
)
def test_a_tampered_file_is_refused(text: str) -> None:
    with pytest.raises(PaperError):
        read_numbers_tex(text)


def test_referenced_results() -> None:
    assert referenced_results(r"from \result{a.b_c} to \result{d=0.1}") == {"a.b_c", "d=0.1"}
