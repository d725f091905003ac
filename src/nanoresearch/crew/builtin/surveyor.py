"""Surveys the literature for a topic: queries from the topic and the kit, gaps from what the works do not join."""

from collections.abc import Sequence
from itertools import combinations

from nanoresearch.crew.builtin.ideator import claim
from nanoresearch.crew.builtin.kits.kit import Component
from nanoresearch.crew.builtin.reading import Reading, read_topic
from nanoresearch.crew.builtin.recall import refutations
from nanoresearch.crew.builtin.words import found, listing, stems
from nanoresearch.crew.roles import Briefing
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.evidence import extract_evidence
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.literature.survey import search_all
from nanoresearch.planner.guidance import guide
from nanoresearch.schema.experience import Memory
from nanoresearch.schema.idea import Gap, SetAside, Survey
from nanoresearch.schema.paper import Paper
from nanoresearch.schema.plan import IdeationGuidance
from nanoresearch.schema.profile import Profile

LIMIT_PER_QUERY = 15
STANDARD = (
    "nadeau2003inference",
    "holm1979simple",
    "dunn1961multiple",
    "benjamini1995controlling",
    "wilcoxon1945individual",
    "cohen1988statistical",
    "demsar2006statistical",
    "harris2020array",
    "mckinney2010data",
    "pedregosa2011scikit",
    "virtanen2020scipy",
    "seabold2010statsmodels",
    "hagberg2008exploring",
    "hunter2007matplotlib",
)
"""Works on the statistics and the software of every study: at hand for citing, cited only where they are used."""


class BuiltinSurveyor:
    """Searches with the topic's and the kit's words and adds the works that the kit itself stands on."""

    def __init__(self, corpus: OfflineCorpus) -> None:
        self._corpus = corpus

    def accept(self, topic: str, profile: Profile) -> None:
        """Raise TopicRefused unless a kit answers to the topic."""
        read_topic(topic, profile)

    def survey(self, briefing: Briefing, literature: Sequence[LiteratureClient]) -> Survey:
        """Works on the topic, scores they report, and gaps between them."""
        reading = read_topic(briefing.topic, briefing.profile)
        guidance = guide(briefing.plan, IdeationGuidance)
        components = reading.components[:4]
        queries = [briefing.topic[:400], *reading.kit.queries]
        queries += [f"{item.spec.name} {reading.kit.subjects[0]}" for item in components]
        outcome = search_all(literature, list(dict.fromkeys(queries)), LIMIT_PER_QUERY)
        ranked = [hit.paper for hit in outcome.papers]
        if guidance.order != "relevance":  # among the relevant ones only: the head of the ranking, by year
            newest = guidance.order == "recent"
            head = ranked[: 2 * guidance.papers]
            ranked = sorted(head, key=lambda paper: -(paper.year or 0) if newest else (paper.year or 9999))
        papers = self._with_foundations(reading, ranked[: guidance.papers])
        return Survey(
            queries=outcome.queries,
            papers=papers,
            evidence=tuple(item for paper in papers for item in extract_evidence(paper)),
            gaps=find_gaps(reading, papers),
            degraded=outcome.degraded,
            set_aside=set_aside(reading, briefing.memories),
        )

    def _with_foundations(self, reading: Reading, papers: Sequence[Paper]) -> tuple[Paper, ...]:
        kit = reading.kit
        keys = [*kit.citations, *(key for item in kit.components for key in item.spec.citations), *STANDARD]
        cards = load_catalogue()
        keys += [key for option in kit.datasets if option.id in cards and (key := cards[option.id].citation)]
        known = {paper.key for paper in papers}
        titles = {paper.title.lower() for paper in papers}
        foundations = [paper for key in dict.fromkeys(keys) if key not in known and (paper := self._corpus.get(key))]
        return (*papers, *(paper for paper in foundations if paper.title.lower() not in titles))


def find_gaps(reading: Reading, papers: Sequence[Paper]) -> tuple[Gap, ...]:
    """Pairs of techniques, and techniques with the kind of data, that no surveyed work names together."""
    texts = {paper.key: stems(f"{paper.title} {paper.abstract or ''}") for paper in papers}
    components = reading.components[:4]
    treating = {item.spec.id: _treating(item, texts) for item in components}
    on_subject = {key for key, text in texts.items() if found(reading.kit.subjects, text)}
    gaps = []
    for first, second in combinations(components, 2):
        if not treating[first.spec.id] & treating[second.spec.id]:
            near = [*sorted(treating[first.spec.id])[:2], *sorted(treating[second.spec.id])[:2]]
            text = f"no surveyed work names both {first.spec.name} and {second.spec.name}"
            gaps.append(Gap(id=f"joint_{first.spec.id}_{second.spec.id}", text=text, papers=tuple(dict.fromkeys(near))))
    for item in components:
        if not treating[item.spec.id] & on_subject:
            near = sorted(treating[item.spec.id])[:2]
            text = f"no surveyed work names {item.spec.name} together with {reading.kit.subjects[0]} data"
            gaps.append(Gap(id=f"alone_{item.spec.id}", text=text, papers=tuple(near)))
    if not gaps:
        names = listing([item.spec.name for item in components])
        gaps.append(Gap(id="protocol", text=f"{names} are rarely compared under one protocol with shared splits"))
    return tuple(gaps)


def set_aside(reading: Reading, memories: Sequence[Memory]) -> tuple[SetAside, ...]:
    """Claims that earlier experiments of this researcher refuted under conditions that hold here."""
    cards = load_catalogue()
    found = []
    for item in refutations(memories, reading):
        parts = [part.spec.name for part in reading.kit.components if part.spec.id in item.components]
        if len(parts) != len(item.components):
            continue  # of another version of the kit
        data = listing([cards[name].name for name in item.datasets])
        metric = reading.metric.spec.name
        reason = f"an earlier experiment on {data} refuted it: the {metric} got worse there"
        found.append(
            SetAside(statement=claim(reading.kit, parts, reading.metric.spec)[0], reason=reason, memory=item.memory.id)
        )
    return tuple(found)


def _treating(component: Component, texts: dict[str, list[str]]) -> set[str]:
    words = (component.spec.name, *component.keywords)
    return {key for key, text in texts.items() if found(words, text)} | (set(component.spec.citations) & set(texts))
