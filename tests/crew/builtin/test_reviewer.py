from collections.abc import Callable
from itertools import cycle

import pytest

from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.latex_text import literal_numbers, sentences
from nanoresearch.crew.builtin.reviewer import BuiltinReviewer, score
from nanoresearch.crew.builtin.writer import BuiltinWriter
from nanoresearch.crew.roles import WritingMaterial
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.schema.manuscript import Build, Manuscript, Remark, Review

from .material import briefing, material

CLEAN = Build(
    engine="pdflatex", ok=True, pages=8, overfull=(), undefined=(), errors=(), inputs={}, pdf_sha256="0" * 64
)  # fmt: skip
SHAPES = ("supported", "refuted", "inconclusive", "flat")
THRESHOLD = 7.0


@pytest.fixture(scope="module")
def corpus() -> OfflineCorpus:
    return OfflineCorpus()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, corpus: OfflineCorpus) -> WritingMaterial:
    return material(tmp_path_factory.mktemp("run"), "series_classification", "inconclusive", corpus, seeds=6)


@pytest.fixture(scope="module")
def paper(found: WritingMaterial) -> Manuscript:
    return BuiltinWriter().write(briefing(), found)


def review(manuscript: Manuscript, found: WritingMaterial, build: Build = CLEAN) -> Review:
    return BuiltinReviewer().review(manuscript, found.analysis, found.blueprint, build, THRESHOLD)


def revise(manuscript: Manuscript, found: WritingMaterial, verdict: Review) -> Manuscript:
    return BuiltinWriter().revise(briefing(), found, manuscript, verdict)


def changed(manuscript: Manuscript, section: str, change: Callable[[str], str]) -> Manuscript:
    sections = tuple(
        item.model_copy(update={"body": change(item.body)}) if item.id == section else item
        for item in manuscript.sections
    )
    assert sections != manuscript.sections, "the damage must change something"
    return manuscript.model_copy(update={"sections": sections})


def adding(text: str) -> Callable[[str], str]:
    return lambda body: f"{body}\n\n{text}"


@pytest.mark.parametrize(
    ("study", "shape"),
    [*zip(sorted(load_kits()), cycle(SHAPES), strict=False), *(("tabular_classification", shape) for shape in SHAPES)],
)
def test_the_writers_own_papers_pass(
    study: str, shape: str, tmp_path_factory: pytest.TempPathFactory, corpus: OfflineCorpus
) -> None:
    made = material(tmp_path_factory.mktemp("run"), study, shape, corpus, components=2, seeds=3)
    verdict = review(BuiltinWriter().write(briefing(), made), made)
    assert [item for item in verdict.remarks if item.severity != "minor"] == []
    assert verdict.passed


CURED = {
    "overclaim": ("discussion", adding("The method proves what was known."), "prove"),
    "state of the art": ("discussion", adding("This is state-of-the-art accuracy."), "state-of-the-art"),
    "generalisation": ("discussion", adding("The method is good in general."), "generalises"),
    "cause": ("results", adding("The curve bends because of noise."), "cause"),
    "unsupported claim": ("results", adding("The proposal outperforms the baseline on every data set."), "no finding"),
    "significance": ("results", adding("Adding padding is significant on every data set."), "no finding"),
    "typed number": ("results", adding("The mean accuracy is 93.5."), "typed by hand"),
    "number word": ("conclusion", adding("There are three lessons."), "typed by hand"),
    "placeholder": ("abstract", lambda body: body + " TODO say more.", "placeholder"),
    "long abstract": ("abstract", lambda body: body + " This says again what was said before." * 50, "shorten"),
    "missing reference": (
        "results",
        lambda body: body.replace("Table~\\ref{tab:main} gives every method.", ""),
        "tab:main",
    ),
    "dangling reference": ("results", adding("Table~\\ref{tab:ghost} is telling."), "tab:ghost"),
    "acronym": ("discussion", adding("An SVM was not tried."), "acronym SVM"),
    "doubled word": ("discussion", adding("It may may be so."), "doubled"),
    "long paragraph": (
        "discussion",
        adding(" ".join(["Nothing is said here, and nothing more."] * 45)),
        "A paragraph of",
    ),
    "long sentence": (
        "discussion",
        adding("This is " + "very " * 20 + "long; it goes on " + "and on " * 20 + "here."),
        "A sentence of",
    ),
}


@pytest.mark.parametrize("damage", CURED)
def test_damage_is_seen_and_mended(damage: str, paper: Manuscript, found: WritingMaterial) -> None:
    section, change, word = CURED[damage]
    broken = changed(paper, section, change)
    before = [item for item in review(paper, found).remarks if word in item.text]
    verdict = review(broken, found)
    seen = [item for item in verdict.remarks if word in item.text]
    assert before == []
    assert seen, damage
    mended = revise(broken, found, verdict)
    assert [item for item in review(mended, found).remarks if word in item.text] == []
    assert mended.revision == broken.revision + 1


SEEN = {
    "wrong verdict": (
        "abstract",
        lambda body: body.replace("is inconclusive", "is that the hypothesis is supported"),
        "blocking",
    ),
    "new number in the conclusion": ("conclusion", adding("It is \\result{unheard.of}."), "major"),
    "unbalanced brace": ("method", adding("A {brace."), "blocking"),
    "empty section": ("discussion", lambda body: "", "blocking"),
    "primary left out": ("results", lambda body: "Nothing to report here. " * 10, "blocking"),
    "licence left out": ("setup", lambda body: body.replace("BSD-3-Clause", ""), "major"),
}


@pytest.mark.parametrize("damage", SEEN)
def test_damage_is_seen(damage: str, paper: Manuscript, found: WritingMaterial) -> None:
    section, change, severity = SEEN[damage]
    verdict = review(changed(paper, section, change), found)
    assert any(item.severity == severity for item in verdict.remarks)
    assert not verdict.passed or severity == "major"


def test_missing_sections_and_disorder_are_seen(paper: Manuscript, found: WritingMaterial) -> None:
    without = tuple(item for item in paper.sections if item.id != "limitations")
    verdict = review(paper.model_copy(update={"sections": without}), found)
    assert any("limitations is missing" in item.text for item in verdict.remarks)
    assert not verdict.passed
    backwards = paper.model_copy(update={"sections": tuple(reversed(paper.sections))})
    assert any("in the order" in item.text for item in review(backwards, found).remarks)


def test_the_build_is_judged(paper: Manuscript, found: WritingMaterial) -> None:
    missing = CLEAN.model_copy(
        update={"engine": None, "ok": False, "pdf_sha256": None, "errors": ("LaTeX is missing",)}
    )
    assert review(paper, found, missing).passed
    failed = CLEAN.model_copy(update={"ok": False, "pdf_sha256": None, "errors": ("Undefined control sequence",)})
    assert not review(paper, found, failed).passed
    undefined = CLEAN.model_copy(update={"undefined": ("citation x2020",)})
    assert not review(paper, found, undefined).passed
    wide = CLEAN.model_copy(update={"overfull": ("31.5pt too wide in tables/metrics.tex",)})
    verdict = review(paper, found, wide)
    assert any(item.severity == "major" for item in verdict.remarks)
    bodies = {item.id: item.body for item in revise(paper, found, verdict).sections}
    assert "tab:metrics" not in bodies["results"]
    assert "\\inputtable{metrics}" not in bodies["results"]


def test_a_true_claim_passes_and_its_opposite_does_not(paper: Manuscript, found: WritingMaterial) -> None:
    first, second = (staged.card.name for staged in found.blueprint.datasets)
    good = changed(paper, "discussion", adding(f"The full combination raises accuracy on {first}."))
    assert review(good, found).claims == 10.0
    for text in (
        f"The full combination raises accuracy on {second}.",
        f"The full combination lowers accuracy on {first}.",
    ):
        assert review(changed(paper, "discussion", adding(text)), found).claims < 10.0


def test_scores_are_bounded_and_add_up() -> None:
    def remarks(count: int) -> tuple[Remark, ...]:
        return tuple(Remark(section="results", kind="claim", severity="major", text=str(i)) for i in range(count))

    assert score(remarks(0), "claims") == 10.0
    assert score(remarks(1), "claims") == 8.0
    assert score(remarks(9), "claims") == 0.0
    assert score(remarks(9), "coherence") == 10.0


def test_reading_latex() -> None:
    assert literal_numbers(r"\result{mean.3} of \name{MNIST 5k} in Table~\ref{tab:2}") == []
    assert literal_numbers("about 12.5 and a dozen") == ["12.5", "dozen"]
    assert sentences(r"\paragraph{Answer} It is so, e.g. here. It ends.") == [
        "Answer.",
        "It is so, e.g. here.",
        "It ends.",
    ]
