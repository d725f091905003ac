"""Related work: which works are about what, by title, year and authors only, since the records may lack abstracts.

Nothing is said about what a work found.
"""

from collections.abc import Iterable, Sequence

from nanoresearch.crew.builtin.words import found, listing, stems
from nanoresearch.crew.builtin.writer.prose import body, headed, name, paragraph, quoted, worded
from nanoresearch.crew.builtin.writer.study import Study
from nanoresearch.paper.escape import latex
from nanoresearch.schema.manuscript import Section
from nanoresearch.schema.paper import Paper

LEAST_CITED = 12
"""Works that a related-work section should name, where the survey has as many."""
PER_THEME = 6
"""Works cited for one theme: more is a list, not a section."""
METHODOLOGY = {
    "nadeau2003inference": "inference for the generalisation error under resampling",
    "demsar2006statistical": "comparisons of classifiers over several data sets",
    "dietterich1998approximate": "tests for comparing supervised learners",
    "benavoli2017time": "Bayesian comparisons of classifiers",
    "pineau2021improving": "reproducibility in machine learning",
    "kapoor2023leakage": "leakage in machine-learning-based science",
}
"""Works on method that bear on every component study, by what their titles say they treat."""

JUDGED = {
    "novel": (
        "the search found no work whose record names half of what sets it apart, so that nothing there speaks against"
        " its novelty"
    ),
    "incremental": "the search found works that name much of what sets it apart, and it is an increment on them",
    "covered": (
        "the search found a work that names nearly all of what sets it apart, so that this study is a replication"
    ),
}
"""Verdicts of the novelty search in prose."""


class _Shelf:
    """The survey's works, each handed out once."""

    def __init__(self, papers: Iterable[Paper]) -> None:
        self._left = {paper.key: (paper, stems(paper.title)) for paper in papers}

    def take(self, phrases: Sequence[str], keys: Sequence[str] = (), limit: int = PER_THEME) -> list[Paper]:
        """Works with one of the keys, or whose title has one of the phrases."""
        chosen = [key for key in dict.fromkeys(keys) if key in self._left]
        chosen += [key for key, (_, title) in self._left.items() if key not in chosen and found(phrases, title)]
        return [self._left.pop(key)[0] for key in chosen[:limit]]

    def rest(self, limit: int) -> list[Paper]:
        """The most relevant of those left."""
        return [self._left.pop(key)[0] for key in list(self._left)[: max(0, limit)]]


def related_work(study: Study) -> Section:
    """Works on the components, on the family, on comparing methods; then how new the hypothesis is."""
    shelf = _Shelf(study.material.survey.papers)
    method_papers = shelf.take((), [*METHODOLOGY], limit=len(METHODOLOGY))
    components = _components(study, shelf)
    family = _family(study, shelf)
    paragraphs = [components, family, _methodology(study, method_papers)]
    cited = sum(text.count("\\cite") for text in paragraphs)
    paragraphs.insert(2, _others(shelf.rest(min(PER_THEME, LEAST_CITED - cited))))
    return Section(
        id="related_work",
        title="Related Work",
        body=body(preface(study), *paragraphs, _evidence(study), novelty(study)),
    )


def preface(study: Study) -> str:
    """What the survey rests on."""
    survey = study.material.survey
    queries = len({query.text for query in survey.queries})
    sources = sorted({query.source for query in survey.queries})
    titles_only = not any(paper.abstract for paper in survey.papers)
    basis = (
        "their titles, years and authors alone, since the records have no abstracts" if titles_only else "their records"
    )
    degraded = "; ".join(worded(reason) for reason in survey.degraded)
    asked = f"{queries} queries to {_sources(sources)}" if queries else "the works that the experiment builds on"
    return paragraph(
        f"The works named here come from {asked}; what is said of them rests on {basis}",
        f"The survey is incomplete: {degraded}" if degraded else "",
    )


def _sources(sources: Sequence[str]) -> str:
    shown = ["the packaged offline corpus" if source == "offline" else name(source) for source in sources]
    return listing(shown)


def _components(study: Study, shelf: _Shelf) -> str:
    sentences_ = []
    for item in study.components:
        known = study.known_component(item.id)
        wanted = set(stems(item.name))
        phrases = (
            item.name,
            *(word for word in (known.keywords if known else ()) if len(wanted & set(stems(word))) > 1),
        )
        works = shelf.take(phrases, item.citations)
        origins = [key for key in item.citations if key in study.known_works]
        others = [work for work in works if work.key not in origins]
        sentences_.append(_component(study, item.name, origins, others))
    return headed("The components", *_merged_origins(study, sentences_))


def _component(study: Study, component: str, origins: list[str], others: list[Paper]) -> tuple[str, str, str]:
    """Component, key of its origins, and a sentence about further works."""
    also = ""
    if others:
        also = f"work whose title bears on {name(component)} includes {_works(others[:4])}"
    return component, ",".join(origins), also


def _merged_origins(study: Study, rows: Iterable[tuple[str, str, str]]) -> list[str]:
    """Components from the same work share a sentence."""
    rows = list(rows)
    by_origin: dict[str, list[str]] = {}
    for component, origin, _ in rows:
        by_origin.setdefault(origin, []).append(component)
    taken = [
        (listing([name(item) for item in items]), _textual(study, origin))
        for origin, items in by_origin.items()
        if origin
    ]
    parts = []
    if taken:
        head, source = taken[0]
        others = [f"that of {shown} is {origin}" for shown, origin in taken[1:]]
        parts.append(listing([f"the source of {head} is {source}", *others]))
    if plain := by_origin.get(""):
        parts.append(f"no origin is claimed for {listing([name(item) for item in plain])}")
    return [*parts, *(also for _, _, also in rows if also)]


def _textual(study: Study, origin: str) -> str:
    papers = {paper.key: paper for paper in study.material.survey.papers}
    shown = [
        (
            f"\\citet{{{key}}}"
            if key not in papers or papers[key].authors
            else f"{quoted(papers[key].title)}~\\citep{{{key}}}"
        )
        for key in origin.split(",")
    ]
    return listing(shown)


def _family(study: Study, shelf: _Shelf) -> str:
    kit = study.kit
    foundations = shelf.take((), kit.citations)
    others = {item.id for item in study.components}
    rivals = [word for item in kit.components if item.spec.id not in others for word in (item.spec.name,)]
    rivals += [method.name for method in study.alternatives]
    related = shelf.take(rivals, [key for item in kit.components for key in item.spec.citations])
    on_subject = shelf.take(
        [*(word for word in kit.subjects if len(stems(word)) > 1), *kit.subjects[:1], kit.name, *kit.queries]
    )
    on_task = shelf.take(kit.tasks)
    return headed(
        latex(kit.name[:1].upper() + kit.name[1:]),
        f"the study stands on {_works(foundations)}" if foundations else "",
        _dated(study, on_subject),
        (
            f"work behind other techniques of the family, which are not studied here, includes {_works(related)}"
            if related
            else ""
        ),
        f"titles on the task itself include {_works(on_task)}" if on_task else "",
    )


def _dated(study: Study, papers: list[Paper]) -> str:
    if not papers:
        return ""
    papers = sorted(papers, key=lambda paper: (paper.year or 9999, paper.key))
    first, last = papers[0].year, papers[-1].year
    if len(papers) > 2 and first and last and last - first >= 5:
        return (
            f"work on {latex(study.kit.subjects[0])} data in the survey runs from {first} to {last}: {_works(papers)}"
        )
    return f"on {latex(study.kit.subjects[0])} data the survey holds {_works(papers)}"


def _others(papers: list[Paper]) -> str:
    return headed("Further works", f"the search also returned {_works(papers)}") if papers else ""


def _works(papers: Sequence[Paper]) -> str:
    """Up to two works by title, the others as one citation."""
    titled = [f"{quoted(paper.title)}~\\citep{{{paper.key}}}" for paper in papers[:2]]
    rest = ",".join(paper.key for paper in papers[2:])
    if not rest:
        return listing(titled)
    return f"{', '.join(titled)} and others~\\citep{{{rest}}}"


def _methodology(study: Study, papers: Sequence[Paper]) -> str:
    keys = [*(paper.key for paper in papers), *(key for key in METHODOLOGY if key in study.known_works)]
    shown = [f"{METHODOLOGY[key]}~\\citep{{{key}}}" for key in dict.fromkeys(keys)]
    return headed("Comparing methods", f"the design follows the literature on {listing(shown)}") if shown else ""


def _evidence(study: Study) -> str:
    reported = study.material.survey.evidence[:3]
    if not reported:
        return ""
    shown = [f"{quoted(item.quote)}~\\citep{{{item.paper}}}" for item in reported]
    return headed(
        "Reported scores",
        f"abstracts of the survey state, in their own words, {listing(shown)}",
        (
            "These scores come from other data or protocols and are not compared with ours"
            if study.voice.we
            else "These scores come from other data or protocols and are not compared with the present ones"
        ),
    )


def novelty(study: Study) -> str:
    """The verdict of the novelty search on the hypothesis, with the closest works and what was compared."""
    report = study.material.novelty
    verdict = next((item for item in report.verdicts if item.hypothesis == report.chosen), None)
    if verdict is None:
        return ""
    closest = [work for work in verdict.closest[:3] if work.paper in study.known_works]
    shown = [_closest(work.title, work.paper, work.shared_terms) for work in closest]
    passed_over = sum(item.verdict == "covered" for item in report.verdicts if item is not verdict)
    other = "another candidate was" if passed_over == 1 else f"{passed_over} other candidates were"
    return headed(
        "Novelty",
        f"before the design was made, the hypothesis was compared with {verdict.searched} records:"
        f" {JUDGED[verdict.verdict]}",
        f"Closest {'are' if len(shown) > 1 else 'is'} {listing(shown)}" if shown else "",
        f"{other} judged to be covered by prior work and passed over" if passed_over else "",
        "A search of this kind can miss works that use other words; the verdict is a filter and no proof",
    )


def _closest(title: str, key: str, shared: Sequence[str]) -> str:
    terms = listing([quoted(term) for term in shared])
    return f"{quoted(title)}~\\citep{{{key}}}" + (f", which shares {terms}" if terms else "")
