import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.literature.clean import (
    citation_key,
    clean_arxiv,
    clean_doi,
    clean_names,
    clean_text,
    clean_url,
    clean_year,
)
from nanoresearch.literature.text import boolean_query, plain_query
from nanoresearch.schema.paper import Paper


@given(st.text(max_size=300), st.integers(1, 100))
def test_text_is_one_visible_line_within_its_bound(text, most):
    cleaned = clean_text(text, most)
    if cleaned is not None:
        assert 0 < len(cleaned) <= most
        assert cleaned == cleaned.strip()
        assert not {unicodedata.category(c) for c in cleaned} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_text_without_markup_and_hidden_signs():
    assert clean_text("<i>In vivo</i>&amp; p &lt; 0.05 H<sub>2</sub>O", 100) == "In vivo& p < 0.05 H2O"
    assert clean_text("<jats:p>One</jats:p><jats:p>Two</jats:p>", 100) == "One Two"
    assert clean_text("a\u200bb\ufe0f\u202e\x1b[31mc\U000e0049", 100) == "ab[31mc"
    assert [clean_text(value, 10) for value in (None, 3, "", " \u200b ", ["x"])] == [None] * 5


@pytest.mark.parametrize(
    ("value", "doi"),
    [
        ("https://doi.org/10.1000/AbC.1", "10.1000/AbC.1"),
        ("doi:10.1000/x,", "10.1000/x"),
        ("10.1/x", None),
        (None, None),
        ("10.1000/a\\b", "10.1000/a"),
        ("nothing", None),
    ],
)
def test_doi(value, doi):
    assert clean_doi(value) == doi


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        ("http://arxiv.org/abs/1901.00001v2", "1901.00001v2"),
        ("https://arxiv.org/abs/hep-th/9901001v1", "hep-th/9901001v1"),
        ("arXiv:math.GT/0309136", "math.GT/0309136"),
        ("10.48550/arXiv.1706.03762", "1706.03762"),
        ("https://arxiv.org/pdf/2101.00001", "2101.00001"),
        ("10.1000/1234.56789.1", None),
        ("../../etc/passwd", None),
        (5, None),
    ],
)
def test_arxiv(value, identifier):
    assert clean_arxiv(value) == identifier


def test_urls_years_and_names():
    assert clean_url("https://example.org/a?b=c") == "https://example.org/a?b=c"
    for bad in ("javascript:alert(1)", "file:///etc/passwd", "http://u:p@x.org", "http://[", "x", None, "https://a b"):
        assert clean_url(bad) is None
    assert [clean_year(v) for v in (2020, "May 2019", 20200, True, None, "x")] == [2020, 2019, None, None, None, None]
    assert clean_names(["A B", None, "", "A B", 5, "C\u202eD"]) == ("A B", "CD")
    assert clean_names("A B") == clean_names(None) == ()


@given(
    st.text(min_size=1, max_size=60), st.lists(st.text(max_size=20), max_size=2), st.none() | st.integers(1500, 2100)
)
def test_keys_fit_records_whatever_the_record(title, authors, year):
    names = clean_names(authors)
    key = citation_key(title, names, year)
    assert Paper(key=key, title=title, source="x").key == key


def test_keys_tell_works_apart_and_spellings_of_one_not():
    one = citation_key("Deep nets: a survey", ("Ada Quill",), 2020)
    assert one == citation_key("Deep Nets - A Survey", ("Ada Quill",), 2020)
    assert one != citation_key("Deep nets: a sequel", ("Ada Quill",), 2020)
    assert one.startswith("quill2020deep-")


@given(st.text(max_size=500))
def test_queries_hold_words_only(text):
    assert not set(plain_query(text)) & set('"()*:?&=+\\\n')
    joint = boolean_query(text, "all:")
    assert joint is None or not set(joint.replace("all:", "")) & set('"()*:?&=+\\\n')


def test_few_words_are_all_asked_for_and_many_are_not():
    assert boolean_query("sparse lattices of moles") == "sparse AND lattices AND moles"
    assert " OR " in (boolean_query("sparse lattices of moles under heavy rain in northern gardens") or "")
    assert boolean_query("of the and") is None
