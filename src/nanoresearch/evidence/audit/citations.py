"""Whether every cited work was retrieved in this run, and the bibliography is made of those records alone."""

from collections import Counter
from collections.abc import Iterator

from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.evidence.audit.literals import CITATION, without_comments
from nanoresearch.literature.bibtex import bibtex
from nanoresearch.literature.offline import SOURCE, packaged_records
from nanoresearch.paths import walk_files


def check_citations(case: Case) -> Iterator[Doubt]:
    """Keys of every source of the paper against the survey and the bibliography."""
    cited = _cited(case)
    case.citations_checked += len(cited)
    papers = {paper.key: paper for paper in case.survey.papers}
    repeated = [key for key, times in Counter(paper.key for paper in case.survey.papers).items() if times > 1]
    if repeated:
        yield names.SURVEY, f"two works have the key {repeated[0]}"
    for key, where in sorted(cited.items()):
        if key not in papers:
            yield where, f"cites {key}, which the survey did not retrieve"
    bibliography = case.text(names.BIBLIOGRAPHY)
    entries = {line.partition("{")[2].rstrip(",") for line in bibliography.splitlines() if line.startswith("@")}
    for key in sorted(set(cited) - entries):
        yield names.BIBLIOGRAPHY, f"lacks the cited work {key}"
    for key in sorted(entries - set(cited)):
        yield names.BIBLIOGRAPHY, f"has the entry {key}, which is never cited"
    if bibliography != bibtex(papers[key] for key in sorted(cited) if key in papers):
        yield names.BIBLIOGRAPHY, "is not what the records of the cited works render to"
    yield from _packaged(case, set(cited))


def _cited(case: Case) -> dict[str, str]:
    """Key and the file that cites it."""
    found: dict[str, str] = {}
    for path in walk_files(case.folder.path(names.PAPER)):
        name = path.relative_to(case.folder.root).as_posix()
        if path.suffix == ".tex":
            for group in CITATION.findall(without_comments(case.text(name))):
                for key in group.split(","):
                    if key.strip():
                        found.setdefault(key.strip(), name)
    return found


def _packaged(case: Case, cited: set[str]) -> Iterator[Doubt]:
    """What is said to come from the packaged corpus stands there with the same title."""
    titles = {paper.title for paper, _ in packaged_records()}
    for paper in case.survey.papers:
        if paper.key in cited and paper.source == SOURCE and paper.title not in titles:
            yield names.SURVEY, f"{paper.key} is said to come from the packaged corpus, which has no such work"
