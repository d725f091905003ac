"""Scores that a model claims to have read: each fabrication goes in first, and is not in what comes out."""

from pathlib import Path
from typing import Any

import pytest

from nanoresearch.crew.llm.ideas.evidence import PASSAGES, TEXTS, read_evidence, read_texts
from nanoresearch.literature.library import Library
from nanoresearch.schema.paper import Evidence, Paper
from tests.crew.llm.ideas.conftest import SCORES, WORKS, Sitting, work
from tests.literature.pdfs import PAPER, pdf

TRUE = SCORES["scores"][0]
ABSTRACT = (
    "Our MoleNet scores 27, measured in BLEU. It wins, reaching an accu- racy of 91.5% on Burrow-2, up from 90.1%, and "
    "cuts the error by 3.5%. We use 64 moles."
)
PAPERS = [WORKS[0].model_copy(update={"abstract": ABSTRACT})]


def read(sitting: Sitting, *claims: dict[str, Any]) -> tuple[Evidence, ...]:
    desk = sitting.desk({"surveyor": [{"scores": list(claims)}]})
    return read_evidence(desk, PAPERS)[0]


def test_what_stands_in_the_source_is_kept_in_its_own_words(sitting: Sitting) -> None:
    claim = {
        "paper": "quill2021",
        "quote": "reaching an accuracy of 91.5% on Burrow 2",
        "value": 91.5,
        "metric": "Accuracy",
        "dataset": "Burrow-2",
    }
    bleu = {"paper": "quill2021", "quote": "Our MoleNet scores 27, measured in BLEU", "value": 27, "metric": "BLEU"}
    kept = read(sitting, claim, bleu)
    assert [(item.metric, item.value, item.dataset) for item in kept] == [
        ("accuracy", 91.5, "Burrow-2"),
        ("BLEU", 27, None),
    ]
    assert all(item.quote in (PAPERS[0].abstract or "") for item in kept)


@pytest.mark.parametrize(
    "change",
    [
        {"paper": "roe2019"},
        {"paper": "invented2024"},
        {"quote": "MoleNet beats all others with an accuracy of 91.5% on Burrow-2"},
        {"value": 92.5},
        {"value": 0.915},
        {"value": 1.5, "quote": "1.5% on Burrow-2"},
        {"metric": "F1"},
        {"metric": "rac"},
        {"metric": " "},
        {"method": "GopherNet"},
        {"dataset": "CIFAR-10"},
        {"dataset": "Burrow-20"},
        {"quote": "cuts the error by 3.5%", "value": 3.5, "metric": "error"},
        {"quote": "up from 90.1%", "value": 3.5, "metric": "error"},
        {"quote": ""},
    ],
)
def test_what_does_not_is_dropped_and_counted(sitting: Sitting, change: dict[str, Any]) -> None:
    true = {"paper": "quill2021", "quote": "racy of 91.5% on Burrow-2", "value": 91.5, "metric": "accu-racy"}
    claim = {**true, **change}
    if not {"quote", "metric"} & set(change):
        claim |= {"quote": "reaching an accuracy of 91.5% on Burrow-2", "metric": "accuracy"}
    assert read(sitting, claim) == ()
    assert any("0 of 1" in text and "1 dropped" in text for text in sitting.said("progress"))


def test_a_score_that_rules_and_model_both_read_is_there_once(sitting: Sitting) -> None:
    desk = sitting.desk({"surveyor": [{"scores": [TRUE, TRUE, {**TRUE, "method": None}]}]})
    kept, _ = read_evidence(desk, WORKS[:1])
    assert [(item.metric, item.value, item.method) for item in kept] == [
        ("accuracy", 91.5, "MoleNet"),
        ("expected calibration error", 0.042, "MoleNet"),
    ]


def test_a_reply_that_is_no_number_is_asked_for_again(sitting: Sitting) -> None:
    bad = {"scores": [{**TRUE, "value": float("nan")}]}
    desk = sitting.desk({"surveyor": [bad, {"scores": []}]})
    assert len(read_evidence(desk, WORKS[:1])[0]) == 2
    assert len(sitting.asked("surveyor")) == 2


def library(tmp_path: Path, **files: bytes) -> Library:
    folder = tmp_path / "papers"
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.pdf").write_bytes(content)
    made = Library(tmp_path / "library")
    made.add([folder])
    return made


def test_the_text_of_a_pdf_is_read_for_a_work_that_another_source_found(sitting: Sitting, tmp_path: Path) -> None:
    shelf = library(tmp_path, moles=pdf([PAPER, ["In Table 2 the F1 score of MoleNet on Warren is 88.25 in the end."]]))
    found = work("openalex-key", PAPER[0], source="openalex")
    claim = {"paper": "openalex-key", "quote": "F1 score of MoleNet on Warren is 88.25", "value": 88.25,
             "metric": "F1 score", "method": "MoleNet", "dataset": "Warren"}  # fmt: skip
    desk = sitting.desk({"surveyor": [{"scores": [claim]}]}, library=shelf)
    kept, problems = read_evidence(desk, [found])
    assert [(item.value, item.dataset) for item in kept if item.metric == "F1 score"] == [(88.25, "Warren")]
    assert not problems
    passages = sitting.folder.path(f"{TEXTS}/openalex-key.txt")
    assert "88.25" in passages.read_text(encoding="utf-8")
    resumed = sitting.desk({"surveyor": []}, library=Library(tmp_path / "nothing"))  # the library has gone meanwhile
    assert read_evidence(resumed, [found])[0] == kept


def test_scans_and_locked_files_leave_the_record_alone(sitting: Sitting, tmp_path: Path) -> None:
    shelf = library(tmp_path, scan=pdf([[]]), locked=pdf([PAPER], encrypted=True), torn=pdf([PAPER])[:300])
    texts, problems = read_texts(sitting.desk({}, library=shelf), [work("p", PAPER[0])])
    assert texts == {"p": PAPER[0]}
    assert not problems


def test_a_damaged_library_degrades_and_does_not_end_a_survey(sitting: Sitting, tmp_path: Path) -> None:
    broken = Library(tmp_path)
    broken.path.write_bytes(b"this is no database, and never was one" * 50)
    texts, problems = read_texts(sitting.desk({}, library=broken), WORKS[:2])
    assert set(texts) == {"quill2021", "roe2019"}
    assert "library" in problems[0]


def test_of_a_long_pdf_only_passages_with_scores_are_read(sitting: Sitting, tmp_path: Path) -> None:
    pages = [[f"Line {n} of the page tells of moles and lattices at length." for n in range(40)] for _ in range(40)]
    shelf = library(tmp_path, long=pdf([PAPER, *pages, ["The error of MoleNet on Warren is 4.25 at last."]]))
    texts, _ = read_texts(sitting.desk({}, library=shelf), [work("p", PAPER[0])])
    assert "4.25" in texts["p"]
    assert len(texts["p"]) < PASSAGES + 200


def test_a_library_of_thousands_is_searched_and_read_in_time(sitting: Sitting, tmp_path: Path) -> None:
    entries = (f"@article{{k{n}, title={{Lattice number {n} of moles}}, year={{2001}}}}\n" for n in range(2000))
    (tmp_path / "many.bib").write_text("".join(entries), encoding="utf-8")
    (tmp_path / "one.pdf").write_bytes(pdf([PAPER]))
    shelf = Library(tmp_path / "library")
    shelf.add([tmp_path / "many.bib", tmp_path / "one.pdf"])
    hits: list[Paper] = [hit.paper for hit in shelf.search("lattices of moles", 20)]
    assert len(hits) == 20
    texts, problems = read_texts(sitting.desk({}, library=shelf), [*hits, work("p", PAPER[0])])
    assert "91.5%" in texts["p"]
    assert not problems
