import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from nanoresearch.errors import LiteratureError, UsageError
from nanoresearch.literature.evidence import extract_evidence
from nanoresearch.literature.library import Library
from nanoresearch.schema.paper import Paper
from tests.literature.pdfs import PAPER, pdf

BIB = r"""
@article{quill2020deep,
  title = {Deep {N}etworks for M{\"u}ller's $\alpha$ data}, author = {Quill, Ada and M{\"u}ller, J{\"o}rg and others},
  year = 2020, journal = {J. of X}, doi = {https://doi.org/10.5555/xyz}, file = {:../../etc/passwd:PDF}}
@article{broken, title = {Oops
@misc{noTitle, author = {A B}}
@inproceedings{same, title = "A second paper", author = "Jane Roe", booktitle = {Proceedings of Y}, date = {2019-05-01},
  eprint = {1901.00001}, archivePrefix = {arXiv}}
@inproceedings{same, title = "A third paper", author = "Jane Roe", year = {2018}}
"""


@pytest.fixture
def library(tmp_path) -> Library:
    return Library(tmp_path / "home" / "library")


@pytest.fixture
def shelf(tmp_path):
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


def titles(library: Library) -> list[str]:
    return [held.paper.title for held in library.list()]


def test_an_empty_library_answers(library):
    assert not library.exists()
    assert library.search("moles", 5) == []
    assert list(library.list()) == []
    assert library.text("x") is None
    assert library.counts() == (0, 0)
    with pytest.raises(ValueError, match="limit"):
        library.search("moles", 0)


def test_bibtex_entries_become_records_and_bad_ones_are_told(library, shelf):
    (shelf / "mine.bib").write_text(BIB)
    came = library.add([shelf])
    assert (came.works, came.files, came.unchanged) == (3, 1, 0)
    assert [problem.split("mine.bib ")[1] for problem in came.problems] == [
        "line 5: an entry cannot be read",
        "line 6: the entry noTitle has no title",
    ]
    first, second, third = [held.paper for held in library.list()]
    assert (first.key, first.title) == ("quill2020deep", "Deep Networks for Müller's α data")
    assert (first.authors, first.year, first.doi) == (("Ada Quill", "Jörg Müller", "others"), 2020, "10.5555/xyz")
    assert (second.key, second.year, second.arxiv) == ("same", 2019, "1901.00001")
    assert third.title == "A third paper"
    assert third.key.startswith("roe2018third-")


def test_latex_of_titles_and_names_is_read(library, shelf):
    title = r"The {\TeX}book, {B}ib{\TeX}ing and \emph{more}: 5\% \& {\ss}--$x^2$ \unknown{arg} {"
    (shelf / "a.bib").write_text(
        f"@book{{k, title = {{{title[:-2]}}}, author = {{Knuth, Donald E. and van der Berg, Jan and {{ACM {{Inc}}}}}}}}"
    )
    library.add([shelf])
    (held,) = library.list()
    assert held.paper.title.startswith("The TeXbook, BibTeXing and more: 5% & ß–")
    assert held.paper.authors == ("Donald E. Knuth", "Jan van der Berg", "ACM Inc")


def test_a_pdf_is_searched_by_its_text_and_known_by_its_first_page(library, shelf):
    (shelf / "a.pdf").write_bytes(pdf([PAPER, ["On the second page stands the zebrafish."]]))
    assert library.add([shelf]).problems == ()
    (hit,) = library.search("zebrafish", 5)
    paper = hit.paper
    assert (paper.title, paper.authors, paper.year) == (PAPER[0], ("Ada Quill", "Bo van Roe"), 2021)
    assert (paper.arxiv, paper.source) == ("2103.01234v2", "library")
    assert paper.abstract is not None
    assert paper.abstract.startswith("We show that lattices of moles")
    assert paper.abstract.endswith("why it is so.")
    text = library.text(paper.key)
    assert text is not None
    assert "zebrafish" in text
    (evidence,) = extract_evidence(paper)
    assert (evidence.metric, evidence.value, evidence.dataset) == ("accuracy", 91.5, "Burrow")
    assert evidence.quote in paper.abstract


def test_evidence_is_quoted_from_the_text_across_its_lines(library, shelf):
    lines = [
        "Here the lattice of moles was tried on many gardens, and it reaches an accu-",
        "racy of 87.25% on Meadow,",
    ]
    lines += ["more than the worm. Then it rained.", "2 Results of a second kind", "It stopped."]
    (shelf / "a.pdf").write_bytes(pdf([PAPER, lines]))
    library.add([shelf])
    (hit,) = library.search("worm", 5)
    text = library.text(hit.paper.key)
    assert text is not None
    found = [item for item in extract_evidence(hit.paper, text) if item.dataset == "Meadow"]
    assert [(item.metric, item.value) for item in found] == [("accuracy", 87.25)]
    assert found[0].quote in text
    assert "Then it rained.\n2 Results of a second kind\nIt stopped." in text


def test_what_a_pdf_does_not_say_is_missing(library, shelf):
    line = "the quick brown fox jumps over the lazy dog and over the fence as well, until it is tired"
    (shelf / "A_report_on-foxes.pdf").write_bytes(pdf([["x", line]], title="Microsoft Word - foxes.doc"))
    library.add([shelf])
    (held,) = library.list()
    assert (held.paper.authors, held.paper.year, held.paper.doi, held.paper.abstract) == ((), None, None, None)
    assert held.paper.title == line


def test_properties_of_a_pdf_come_first(library, shelf):
    (shelf / "a.pdf").write_bytes(pdf([PAPER], title="Moles in lattices, revised", author="Cy Ohm; Di Volt"))
    library.add([shelf])
    (held,) = library.list()
    assert held.paper.title == "Moles in lattices, revised"
    assert held.paper.authors == ("Cy Ohm", "Di Volt")


def test_what_is_no_name_is_no_author(library, shelf):
    (shelf / "a.pdf").write_bytes(pdf([[PAPER[0], "Stanford University", *PAPER[3:]]], author="LaTeX with hyperref"))
    far = [*PAPER[4:], *["a line of words that are about this and that and about nothing else"] * 40]
    far[25] = "as was shown at the conference on voles in 1987, doi:10.5555/voles, and"
    (shelf / "b.pdf").write_bytes(pdf([["Another title of moles", *far]]))
    library.add([shelf])
    first, second = [held.paper for held in library.list()]
    assert first.authors == ()
    assert (second.title, second.year, second.doi) == ("Another title of moles", None, None)


def test_a_work_of_two_files_is_one_with_all_fields(library, shelf):
    (shelf / "a.pdf").write_bytes(pdf([PAPER]))
    (shelf / "b.bib").write_text(
        "@article{moles, title={Sparse lattices of Gaussian moles}, author={Quill, Ada}, journal={Mole Letters},"
        " year=2022}"
    )
    library.add([shelf])
    (held,) = library.list()
    assert (held.paper.key, held.paper.venue, held.paper.year) == ("moles", "Mole Letters", 2022)
    assert held.paper.abstract is not None
    assert held.searchable
    assert [Path(file).name for file in held.files] == ["b.bib", "a.pdf"]
    assert [hit.paper.key for hit in library.search("mole dig deeper", 5)] == ["moles"]
    assert "digs deeper" in (library.text("moles") or "")
    assert library.remove(str(shelf / "b.bib")) == (1, 1)
    assert [held.paper.venue for held in library.list()] == [None]


def test_files_that_cannot_be_read_are_told_and_the_rest_is_kept(library, shelf, monkeypatch):
    good = pdf([PAPER])
    (shelf / "a-good.pdf").write_bytes(good)
    (shelf / "b-scan.pdf").write_bytes(pdf([[], []]))
    (shelf / "c-locked.pdf").write_bytes(pdf([PAPER], encrypted=True))
    (shelf / "d-cut.pdf").write_bytes(good[:300])
    (shelf / "e-none.pdf").write_bytes(b"")
    (shelf / "f-text.pdf").write_bytes(b"hello")
    (shelf / "g-large.pdf").write_bytes(good + b"\0" * 2_000_000)
    (shelf / "h-pages.pdf").write_bytes(pdf([[*PAPER[:3], "a different work"], *[["a page of words"]] * 499]))
    (shelf / "i-odd \udcff.pdf".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")).write_bytes(good)
    (shelf / "j.bib").write_bytes(b"\xff\xfe not bibtex \x00")
    monkeypatch.setattr("nanoresearch.literature.pdf.MOST_FILE_MB", 1)
    came = library.add([shelf])
    told = {Path(problem.split(".pdf ")[0]).name: problem.split(".pdf ")[-1] for problem in came.problems}
    assert "no text layer" in told["b-scan"]
    assert told["c-locked"] == "is encrypted and needs a password"
    assert told["d-cut"] == told["e-none"] == told["f-text"] == "is damaged or no PDF"
    assert told["g-large"].startswith("is too large")
    assert told["h-pages"] == "has 500 pages; only the first 300 are searched"
    assert len(titles(library)) == 1  # the three that were read are copies of one work
    again = library.add([shelf])
    assert (again.files, again.unchanged, again.problems) == (0, came.files, came.problems)


def test_a_file_on_which_the_pdf_library_hangs_or_dies_costs_itself(library, shelf, monkeypatch):
    for name in "abc":
        (shelf / f"{name}.pdf").write_bytes(pdf([[f"Subject {name} of this study", *PAPER[1:2], *PAPER[3:]]]))
    import nanoresearch.literature.pdf as module

    start = module.PdfReader._start
    served = []

    def sick(self):
        served.append(1)
        if len(served) == 2:
            self._end()
            self._process = module.subprocess.Popen(
                ["sh", "-c", "exit 1"], stdin=module.subprocess.PIPE, stdout=module.subprocess.PIPE
            )
            return self._process
        return start(self)

    monkeypatch.setattr(module.PdfReader, "_start", sick)
    came = library.add([shelf])
    assert came.works == 2
    assert came.problems == (f"{shelf}/b.pdf cannot be read: the PDF library broke off at it",)


def test_silence_of_the_pdf_process_is_ended(shelf):
    from nanoresearch.literature.pdf import PdfProblem, PdfReader

    (shelf / "a.pdf").write_bytes(pdf([PAPER]))
    with PdfReader(timeout_s=0.0) as reader, pytest.raises(PdfProblem, match="within 0 s"):
        reader.read(shelf / "a.pdf")


def test_unchanged_files_are_not_read_again_and_changed_ones_replace_themselves(library, shelf, monkeypatch):
    file = shelf / "a.pdf"
    file.write_bytes(pdf([PAPER]))
    library.add([shelf])
    os.utime(file, (1, 1))
    assert library.add([file]) == (0, 0, 1, ())
    file.write_bytes(pdf([["An entirely new title of it", *PAPER[1:]]], title="An entirely new title of it"))
    assert library.add([shelf]).files == 1
    assert titles(library) == ["An entirely new title of it"]
    assert library.counts() == (1, 1)
    assert library.search("Sparse Gaussian", 5) == []


def test_an_interrupted_addition_goes_on(library, shelf):
    for number in range(4):
        (shelf / f"{number}.bib").write_text(f"@misc{{k{number}, title={{Title number {number}}}}}")

    def interrupt(number, path):
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.add([shelf], interrupt)
    assert len(titles(library)) == 2
    assert library.add([shelf]) == (2, 2, 2, ())


def test_the_same_key_for_two_works_of_two_files(library, shelf):
    (shelf / "a.bib").write_text("@misc{k, title={The first of two}, year=2001, author={A. One}}")
    (shelf / "b.bib").write_text("@misc{k, title={The second of two}, year=2002, author={B. Two}}")
    library.add([shelf])
    first, second = [held.paper.key for held in library.list()]
    assert first == "k"
    assert second.startswith("two2002second-")


def test_removing(library, shelf):
    (shelf / "mine.bib").write_text(BIB)
    library.add([shelf])
    assert library.remove("same") == (1, 0)
    assert library.search("second paper", 5) != []  # "paper" stands in the third as well
    assert "A second paper" not in titles(library)
    assert library.add([shelf]).unchanged == 1
    assert "A second paper" not in titles(library)
    with pytest.raises(UsageError, match="no work and no file"):
        library.remove("same")
    assert library.remove(str(shelf)) == (2, 1)
    assert library.search("deep networks paper", 5) == []
    assert (shelf / "mine.bib").exists()


def test_hidden_files_and_other_kinds_are_left_alone(library, shelf):
    (shelf / ".hidden.bib").write_text(BIB)
    (shelf / ".git").mkdir()
    (shelf / ".git" / "a.bib").write_text(BIB)
    (shelf / "notes.txt").write_text("x")
    assert library.add([shelf]) == (0, 0, 0, ())
    with pytest.raises(UsageError, match="neither"):
        library.add([shelf / "notes.txt"])
    with pytest.raises(UsageError, match="There is no"):
        library.add([shelf / "nothing"])


def test_a_damaged_or_newer_database_is_told(library, shelf):
    (shelf / "mine.bib").write_text(BIB)
    library.add([shelf])
    with sqlite3.connect(library.path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(LiteratureError, match="newer"):
        library.search("deep", 5)
    library.path.write_bytes(b"no database" * 500)
    for left in library.path.parent.glob("library.db-*"):
        left.unlink()
    with pytest.raises(LiteratureError, match="move it away"):
        library.search("deep", 5)


def test_two_processes_may_begin_and_add_at_once(library, shelf):
    for number in range(8):
        (shelf / f"{number}.bib").write_text(f"@misc{{k{number}, title={{Title number {number}}}}}")
    code = (
        "import sys; from pathlib import Path; from nanoresearch.literature.library import Library; "
        "Library(Path(sys.argv[1])).add([Path(sys.argv[2])])"
    )
    command = [sys.executable, "-c", code, str(library.path.parent), str(shelf)]
    started = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert library.counts() == (8, 8)


def test_a_database_of_something_else_is_left_alone(library):
    library.path.parent.mkdir(parents=True)
    with sqlite3.connect(library.path) as database:
        database.execute("CREATE TABLE mine(x)")
    database.close()
    with pytest.raises(LiteratureError, match="something else"):
        library.search("deep", 5)


def test_the_text_of_a_work_that_another_source_found(library, shelf):
    (shelf / "moles.pdf").write_bytes(pdf([PAPER]))
    library.add([shelf / "moles.pdf"])
    by_title = Paper(key="elsewhere", title=PAPER[0].upper(), source="openalex")
    by_arxiv = Paper(key="elsewhere", title="Moles, the preprint", arxiv="2103.01234v5", source="arxiv")
    for paper in (by_title, by_arxiv):
        assert "digs deeper" in (library.text_of(paper) or "")
    other_year = by_title.model_copy(update={"year": 1990})
    assert library.text_of(other_year) is None
    assert library.text_of(Paper(key="k", title="Another work", source="openalex")) is None
