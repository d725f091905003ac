"""Works that any study may have to cite: on its statistics, its software, and data sets of the catalogue."""

from collections.abc import Sequence
from functools import cache

from nanoresearch.crew.builtin.surveyor import STANDARD
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.literature.client import LiteratureClient
from nanoresearch.literature.merge import same_work
from nanoresearch.literature.offline import SOURCE, OfflineCorpus
from nanoresearch.schema.idea import Survey
from nanoresearch.schema.paper import Paper


def with_foundations(papers: Sequence[Paper], literature: Sequence[LiteratureClient]) -> tuple[Paper, ...]:
    """The works, and after them those of the packaged corpus that a paper cites for method and data."""
    corpora = (client for client in literature if isinstance(client, OfflineCorpus) and client.name == SOURCE)
    corpus = next(corpora, None) or _packaged()
    found = [paper for key in foundations() if (paper := corpus.get(key)) is not None]
    known = {paper.key for paper in papers}
    new = [paper for paper in found if paper.key not in known and not any(same_work(paper, other) for other in papers)]
    return (*papers, *new)


@cache
def _packaged() -> OfflineCorpus:
    return OfflineCorpus()


def on_topic(survey: Survey) -> tuple[Paper, ...]:
    """The survey's works without those that `with_foundations` put at its end."""
    papers, keys = list(survey.papers), set(foundations())
    while papers and papers[-1].key in keys:
        papers.pop()
    return tuple(papers)


def foundations() -> tuple[str, ...]:
    """Keys in the packaged corpus."""
    data = (card.citation for card in load_catalogue().values())
    return tuple(dict.fromkeys((*STANDARD, *(key for key in data if key is not None))))
