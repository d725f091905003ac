"""Writing material without an experiment: a blueprint from a real kit, and results drawn around given effects."""

import random
from collections.abc import Mapping
from pathlib import Path

from nanoresearch.crew.builtin.analyst import BuiltinAnalyst
from nanoresearch.crew.builtin.designer import Choices, planned_comparisons, study_methods
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.roles import Briefing, WritingMaterial
from nanoresearch.datasets.catalogue import load_catalogue
from nanoresearch.evidence.statistics import Ledger
from nanoresearch.literature.offline import OfflineCorpus
from nanoresearch.paths import RunFolder
from nanoresearch.schema.blueprint import Blueprint, Budget, Critique, MetricSpec, Objection
from nanoresearch.schema.dataset import StagedDataset
from nanoresearch.schema.experiment import Attempt, Failure, Result
from nanoresearch.schema.idea import ClosestWork, Gap, NoveltyReport, NoveltyVerdict, Query, Survey
from nanoresearch.schema.plan import Directive, Plan
from nanoresearch.schema.profile import Profile

Effects = Mapping[str, float]


def blueprint(kit: Kit, *, components: int = 3, datasets: int = 2, seeds: int = 5, slices: bool = True) -> Blueprint:
    """The full factorial study of a kit's preferred components."""
    cards = load_catalogue()
    chosen = [item for item in kit.components if item.datasets is None][:components]
    options = kit.datasets[:datasets]
    choices = Choices(
        datasets=options, sweep=None, sweep_values=0, seeds=seeds, ablation="factorial",
        alternatives=kit.alternatives[:1], reference=True, test="paired_t",
    )  # fmt: skip
    methods = study_methods(kit, chosen, choices)
    ids = [option.id for option in options]
    needed = dict.fromkeys(name for option in options for name in option.needs if name not in ids)
    names = " and ".join(cards[name].name for name in ids)
    parts = ", ".join(item.spec.name for item in chosen[:-1])
    listed = f"{parts} and {chosen[-1].spec.name}" if parts else chosen[-1].spec.name
    return Blueprint(
        topic=(
            f'Which additions to {kit.baseline.name} pay on {names}, and do 3 of them "compose" cheaply & 100% safely?'
        ),
        title=f"What {listed} add to {kit.baseline.name} on {names}",
        domain=kit.domain,
        study=kit.id,
        hypothesis=f"Adding {listed} to {kit.baseline.name} helps",
        prediction="better on every data set",
        datasets=tuple(_staged(name) for name in ids),
        support=tuple(_staged(name) for name in needed),
        components=tuple(item.spec for item in chosen),
        methods=methods,
        metrics=tuple(metric.spec for metric in kit.metrics),
        sweep=kit.sweeps[0].spec if kit.sweeps else None,
        protocol=kit.protocols[0].spec,
        seeds=tuple(range(seeds)),
        confidence=0.95,
        test="paired_t",
        correction="holm",
        comparisons=planned_comparisons(methods, ids, kit.metrics[0].spec.id),
        measures=("fit_seconds",),
        slices=slices and kit.sliced,
        budget=Budget(minutes=10, minutes_per_run=2, memory_gb=4, parallel=2),
        forecast_minutes=3.2,
        unanswered=("cheaply", "safely", 'the taboo "quantum", which names no technique of this family'),
    )


def _staged(name: str) -> StagedDataset:
    return StagedDataset(card=load_catalogue()[name], version="1.0", folder=None)


def results(design: Blueprint, effects: Effects, noise: float = 0.004) -> tuple[list[Result], list[Result]]:
    """Results whose gain over the baseline is the effect of each data set, shared out over the components."""
    source = random.Random(7)
    lines: list[Result] = []
    costs: list[Result] = []
    settings = [f"{design.sweep.id}={value}" for value in design.sweep.values] if design.sweep else [""]
    for seed in design.seeds:
        for staged in design.datasets:
            for depth, condition in enumerate(settings):
                shared = source.gauss(0, 0.01)
                for method in design.methods:
                    gain = effects[staged.card.id] * _share(method.components, design) / (1 + depth)
                    gain += {"reference": -0.3, "alternative": 0.01}.get(method.role, 0.0)
                    for metric in design.metrics:
                        names = [metric.id]
                        if design.slices and metric is design.metrics[0]:
                            names += [f"{metric.id}:{label}" for label in ("alpha", "7", "gamma")]
                        for name in names:
                            value = _value(metric, gain, shared + source.gauss(0, noise))
                            lines.append(
                                _result(len(lines), "r", method.id, staged.card.id, name, value, seed, condition)
                            )
                    for measure in design.measures:
                        value = 0.2 + 0.1 * len(method.components) + abs(source.gauss(0, 0.01))
                        costs.append(
                            _result(len(costs), "m", method.id, staged.card.id, measure, value, seed, condition)
                        )
    return lines, costs


def _share(parts: tuple[str, ...], design: Blueprint) -> float:
    weights = {item.id: weight for item, weight in zip(design.components, (0.7, 0.3, 0.0), strict=False)}
    return sum(weights[part] for part in parts)


def _value(metric: MetricSpec, gain: float, wobble: float) -> float:
    level = 0.8 if metric.percent else 12.5
    scale = 1.0 if metric.percent else 10.0
    sign = 1 if metric.direction == "higher" else -1
    return level + scale * (sign * gain + wobble)


def _result(
    number: int, kind: str, method: str, dataset: str, metric: str, value: float, seed: int, condition: str
) -> Result:
    return Result(
        id=f"{kind}{number + 1:05d}", method=method, dataset=dataset, metric=metric, value=value, seed=seed,
        condition=condition, attempt=2, commit="0123456789abcdef", blueprint="0" * 64,
    )  # fmt: skip


def survey(kit: Kit, corpus: OfflineCorpus) -> Survey:
    """What the offline corpus has for the kit's queries, with the works that the kit stands on."""
    papers = {hit.paper.key: hit.paper for query in kit.queries for hit in corpus.search(query, 10)}
    keys = [*kit.citations, *(key for item in kit.components for key in item.spec.citations)]
    papers |= {key: paper for key in keys if (paper := corpus.get(key))}
    first, second = kit.components[0].spec.name, kit.components[1].spec.name
    return Survey(
        queries=tuple(Query(text=query, source="offline", hits=10) for query in kit.queries),
        papers=tuple(papers.values()),
        evidence=(),
        gaps=(Gap(id="joint", text=f"no surveyed work names both {first} and {second}"),),
    )


def material(
    root: Path, study: str, shape: str, corpus: OfflineCorpus, *, components: int = 3, datasets: int = 2, seeds: int = 5
) -> WritingMaterial:
    """Material whose verdict is the shape: supported, refuted, inconclusive, or flat for no difference at all."""
    kit = load_kits()[study]
    design = blueprint(kit, components=components, datasets=datasets, seeds=seeds)
    ids = [staged.card.id for staged in design.datasets]
    sizes = {
        "supported": [0.06] * len(ids),
        "refuted": [-0.06] * len(ids),
        "inconclusive": [0.06, *[0.0] * (len(ids) - 1)],
        "flat": [0.0] * len(ids),
    }[shape]
    folder = RunFolder(root / f"run-{study}-{shape}")
    folder.save("planning/blueprint.json", design)
    records, costs = results(design, dict(zip(ids, sizes, strict=True)))
    ledger = Ledger(design, records, costs)
    analysis = BuiltinAnalyst().analyse(briefing(), ledger, folder)
    found = survey(kit, corpus)
    closest = found.papers[0]
    work = ClosestWork(paper=closest.key, title=closest.title, similarity=0.4, shared_terms=(kit.subjects[0],))
    verdict = NoveltyVerdict(hypothesis="h1", verdict="novel", reason="", closest=(work,), searched=120)
    report = NoveltyReport(verdicts=(verdict,), chosen="h1", reason="It is new.")
    return WritingMaterial(
        blueprint=design, survey=found, novelty=report, critiques=_critiques(), analysis=analysis,
        prepared=(), attempts=_attempts(), ledger=ledger, folder=folder,
    )  # fmt: skip


def _critiques() -> tuple[Critique, ...]:
    objection = Objection(kind="over_budget", text="The forecast exceeds the budget.")
    return Critique(round=1, passed=False, objections=(objection,)), Critique(round=2, passed=True, objections=())


def _attempts() -> tuple[Attempt, ...]:
    failure = Failure(
        outcome="failed",
        signature="ValueError|models.fit|NaN",
        message="ValueError: Input X contains NaN.",
        file="models.py",
        line=12,
        tail="",
    )
    first = Attempt(
        number=1,
        commit="aaaaaaaaaaaa",
        smoke=True,
        outcome="failed",
        jobs=(),
        started="2026-01-01T00:00:00",
        seconds=4,
        failure=failure,
        patch="impute_missing",
        patch_reason="Some values are missing; each is replaced.",
    )
    second = first.model_copy(
        update={
            "number": 2,
            "commit": "0123456789abcdef",
            "smoke": False,
            "outcome": "succeeded",
            "failure": None,
            "patch": None,
        }
    )
    return first, second


def briefing(effect: dict[str, object] | None = None, **writing: object) -> Briefing:
    """A researcher with the given writing style, and a plan with the given effect."""
    contribution = writing.pop("contribution", "understanding")
    profile = Profile.model_validate({"writing": writing, "contribution": contribution})
    directives = (Directive(id="wish", phase="writing", text="A wish.", effect=effect),) if effect else ()
    return Briefing(topic="topic", profile=profile, plan=Plan(phase="writing", directives=directives, planner="test"))
