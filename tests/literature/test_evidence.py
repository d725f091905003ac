import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoresearch.literature.evidence import (
    confirmed,
    extract_evidence,
    is_verbatim,
    locate,
    same_score,
    sentences,
    source_text,
)
from nanoresearch.schema.paper import Evidence, Paper


def read(abstract: str) -> list[tuple[str | None, str | None, str, float]]:
    paper = Paper(key="k", title="A title", abstract=abstract, source="t")
    return [(e.method, e.dataset, e.metric, e.value) for e in extract_evidence(paper)]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("We reach an accuracy of 92.3%.", [(None, None, "accuracy", 92.3)]),
        ("FastNet achieves 0.87 F1 on CIFAR-10.", [("FastNet", "CIFAR-10", "F1", 0.87)]),
        ("The RMSE of 1.2 is low.", [(None, None, "RMSE", 1.2)]),
        ("It reduces error from 5.1% to 3.2%.", [(None, None, "error", 3.2)]),
        ("Perplexity of 1,024.5 was seen.", [(None, None, "Perplexity", 1024.5)]),
        ("It obtains 41.8 BLEU on WMT14.", [(None, "WMT14", "BLEU", 41.8)]),
        (
            "DDSAS achieves 2.39% test error on CIFAR10 and 16.26% test error on CIFAR100.",
            [("DDSAS", "CIFAR10", "test error", 2.39), ("DDSAS", "CIFAR100", "test error", 16.26)],
        ),
        (
            "We score a sensitivity of 40% and a precision of 50%.",
            [(None, None, "sensitivity", 40.0), (None, None, "precision", 50.0)],
        ),
    ],
)  # fmt: skip
def test_reads_stated_scores(sentence, expected):
    assert read(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "It improves accuracy by 2.5%.",
        "A 3% improvement in accuracy is found.",
        "An accuracy gain of 3.2% is found.",
        "It reaches up to 99% accuracy.",
        "An error of at most 5% is guaranteed.",
        "It stays within 2% accuracy points of the original.",
        "We beat it by a 58% error margin.",
        "Precision of 3 bits suffices.",
        "We use 10% of the labels and report accuracy.",
        "The error of order 1/4 remains.",
        "In 2019 accuracy was studied on CIFAR-10.",
    ],
)
def test_leaves_out_bounds_differences_and_other_numbers(sentence):
    assert read(sentence) == []


def test_names_come_from_the_same_sentence_only():
    assert read("We use CIFAR-10. FastNet is small. It has an accuracy of 91.0%.") == [(None, None, "accuracy", 91.0)]


def test_no_dataset_when_two_could_be_meant():
    assert read("On MNIST and on SVHN, it has an accuracy of 91.0%.") == [(None, None, "accuracy", 91.0)]


def test_title_counts_and_titles_only_records_are_fine():
    assert extract_evidence(Paper(key="k", title="Random Forests", source="t")) == []
    title = Paper(key="k", title="Reaching 99.1% accuracy on MNIST", source="t")
    assert [e.value for e in extract_evidence(title)] == [99.1]


def test_sentences_do_not_end_at_abbreviations():
    text = "Smith et al. Report it, e.g. On MNIST. Next one! And 3.5 more"
    assert list(sentences(text)) == ["Smith et al. Report it, e.g. On MNIST.", "Next one!", "And 3.5 more"]


def test_a_record_that_is_not_in_the_text_is_not_verbatim():
    text = "We reach an accuracy of 92.3%."
    good = Evidence(paper="k", method=None, dataset=None, metric="accuracy", value=92.3, quote=text)
    assert is_verbatim(good, "Intro. " + text)
    for changed in ({"quote": "We reach an accuracy of 92.30%."}, {"value": 2.3}, {"dataset": "MNIST"}, {"quote": ""}):
        assert not is_verbatim(good.model_copy(update=changed), text)


FRAGMENTS = st.sampled_from(
    ["accuracy", "of", "92.3%", "0.87", "F1", "on", "CIFAR-10", "RMSE", "1,234.5", "from", "to", "5%", "FastNet",
     "achieves", ".", ". ", "\n", " ", "error rate", "is", "=", "(", ")", "“", "é", "up to", "BLEU", "7"]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=40), st.text(max_size=30))
def test_every_record_is_verbatim(fragments, tail):
    paper = Paper(key="k", title="Study", abstract=" ".join(fragments) + tail, source="t")
    for evidence in extract_evidence(paper):
        assert is_verbatim(evidence, source_text(paper))
        assert evidence.quote in (paper.title + "\n" + (paper.abstract or ""))
        assert f"{evidence.value:g}" in evidence.quote.replace(",", "")


@pytest.mark.parametrize(
    ("quote", "text", "passage"),
    [
        ("the accuracy rises", "Then the\naccu-\nracy  rises.", "the\naccu-\nracy  rises"),
        ('so-called "best" fit', "A so called “best” ﬁt.", "so called “best” ﬁt"),
        ("curacy of 3.5", "An accuracy of 93.5% here", None),
        ("3.5% here", "An accuracy of 93.5% here", "93.5% here"),
        ("of 93", "An accuracy of 93.5% here", "of 93.5"),
        ("of 1", "A range of 1-2", "of 1-2"),
        ("2 points", "A range of 1-2 points", "1-2 points"),
        ("", "Anything", None),
        ("“”", "Anything", None),
    ],
)
def test_a_quote_is_found_whole(quote, text, passage):
    assert locate(quote, text) == passage


STATED = "On Warren the tuned MoleNet reaches 88.2% accuracy, up from 80%, and improves recall by 4.1%."
CLAIM = Evidence(paper="k", method="MoleNet", dataset="Warren", metric="accuracy", value=88.2, quote=STATED)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"metric": "Accuracy", "quote": STATED.lower()}, True),
        ({"metric": "recall", "value": 4.1}, False),
        ({"value": 80.0}, True),
        ({"value": 8.2}, False),
        ({"method": "Mole"}, False),
        ({"quote": "88.2%"}, False),
    ],
)
def test_claims_hold_or_not(change, holds):
    found = confirmed(CLAIM.model_copy(update=change), f"Title\n{STATED}")
    assert (found is not None) is holds
    if found is not None:
        assert found.quote == STATED.rstrip() or found.quote in STATED


@given(st.lists(FRAGMENTS, max_size=40), st.integers(0, 80), st.integers(1, 80), st.sampled_from([92.3, 0.87, 5.0]))
def test_what_is_confirmed_is_verbatim(fragments, start, length, value):
    text = " ".join(fragments)
    claim = Evidence(paper="k", method=None, dataset=None, metric="F1", value=value, quote=text[start : start + length])
    found = confirmed(claim, text)
    assert found is None or (is_verbatim(found, text) and found.quote in text)


def test_one_score_told_twice():
    assert same_score(CLAIM, CLAIM.model_copy(update={"dataset": None, "metric": "test accuracy"}))
    assert not same_score(CLAIM, CLAIM.model_copy(update={"dataset": "Burrow"}))
    assert not same_score(CLAIM, CLAIM.model_copy(update={"value": 88.3}))
