import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.literature.bibtex import bibtex, entry_type, latex_text
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.schema.paper import Paper


def paper(title: str = "A study", **fields: object) -> Paper:
    return Paper.model_validate({"key": "k", "title": title, "authors": ["Ann Lee"], "source": "t", **fields})


def field(text: str, name: str) -> str:
    found = re.search(rf"^  {name} = {{(.*)}},?$", text, re.MULTILINE)
    assert found, text
    return found.group(1)


def balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def test_special_characters_are_escaped_with_balanced_braces():
    title = field(bibtex([paper("50% & more_ #1 $x$ {y ~ ^ \\z")]), "title")
    for escaped in (r"\%", r"\&", r"\_", r"\#", r"\$", r"\textbraceleft", r"\textasciitilde", r"\textasciicircum"):
        assert escaped in title
    assert r"\textbackslash" in title
    assert balanced(title)


@given(st.text(min_size=1, max_size=40))
def test_any_text_becomes_balanced_ascii(text):
    encoded = latex_text(text)
    assert encoded.isascii()
    assert balanced(encoded)
    assert not re.search(r"(?<!\\)[&%$#_]", encoded)
    assert "\n" not in encoded


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Gönen", r"G{\"o}nen"), ("Demšar", r"Dem{\v{s}}ar"), ("Łukasz", r"{\L}ukasz"), ("β2", r"{\ensuremath{\beta}}2")],
)
def test_latin_and_greek_keep_their_letters(text, expected):
    assert latex_text(text) == expected


def test_other_scripts_and_accents_that_ot1_lacks_are_transliterated():
    assert latex_text("Анна 北京 Wałęsa") == r"Anna BeiJing Wa{\l}esa"


def test_acronyms_and_sentence_case_capitals_are_braced():
    assert (
        field(bibtex([paper("XGBoost for the study of trees in Vienna")]), "title")
        == "{XGBoost} for the study of trees in {Vienna}"
    )
    assert field(bibtex([paper("Random Forests for Large Data")]), "title") == "Random Forests for Large Data"
    assert field(bibtex([paper("Bayesian Methods")]), "title") == "{Bayesian} Methods"


@pytest.mark.parametrize(
    ("venue", "expected"),
    [
        ("Journal of Machine Learning Research", "article"),
        ("Proceedings of the IEEE", "article"),
        ("Proceedings of the IEEE Conference on Computer Vision", "inproceedings"),
        ("Advances in Neural Information Processing Systems", "inproceedings"),
        ("Machine Learning", "article"),
        ("Springer", "book"),
        ("PhD thesis, Princeton University", "phdthesis"),
        ("Technical report CMU-CALD-02-107, Carnegie Mellon University", "techreport"),
        ("arXiv", "misc"),
        (None, "misc"),
    ],
)
def test_entry_type_follows_the_venue(venue, expected):
    assert entry_type(paper(venue=venue)) == expected


def test_fields_of_a_preprint_and_a_thesis():
    preprint = bibtex([paper(venue="arXiv", arxiv="1706.03762", year=2017)])
    assert field(preprint, "eprint") == "1706.03762"
    assert field(preprint, "note") == "arXiv:1706.03762"
    assert field(bibtex([paper(venue="PhD thesis, Princeton University")]), "school") == "Princeton University"


def test_authors():
    text = bibtex([paper(authors=["Hal Daumé III", "Ulrike von Luxburg", "Kimi Team", "others"])])
    assert field(text, "author") == r"Daum{\'e}, III, Hal and Ulrike von Luxburg and {Kimi Team} and others"


def test_a_url_cannot_break_out():
    assert field(bibtex([paper(url="https://x.org/a}b c\\d")]), "url") == "https://x.org/a%7Db%20c%5Cd"


def test_order_is_by_key_and_repeats_collapse():
    a, b = paper(), paper("Other").model_copy(update={"key": "a"})
    assert re.findall(r"@\w+{(\w+)", bibtex([a, b, a])) == ["a", "k"]
    with pytest.raises(ValueError, match="share the key"):
        bibtex([a, paper("Different")])


def test_the_packaged_corpus_is_safe():
    text = bibtex(OfflineCorpus().papers.values())
    assert text.isascii()
    assert balanced(text)
    assert "unsettable" not in text
