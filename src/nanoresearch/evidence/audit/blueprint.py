"""Whether the design that was run is the one that was frozen, and was frozen before anything ran."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from nanoresearch.errors import CorruptRecord
from nanoresearch.evidence.audit import names
from nanoresearch.evidence.audit.case import Case, Doubt
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experiment import Program

_HASH = re.compile(r"(?<![0-9A-Za-z])(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{12,64}(?![0-9A-Za-z])")


def check_blueprint(case: Case) -> Iterator[Doubt]:
    """Seal, time, critique, identities, and hashes in records and text."""
    frozen = case.blueprint.digest()
    sealed, moment = _seal(case)
    if sealed != frozen:
        yield names.BLUEPRINT, "is not the blueprint that was frozen: its hash differs from the seal"
    if case.blueprint.topic != case.run.topic:
        yield names.BLUEPRINT, "is about another topic than the run"
    for problem in identity_problems(case.blueprint):
        yield names.BLUEPRINT, problem
    verdicts = [critique.passed for critique in case.critiques]
    if not verdicts[-1] or any(verdicts[:-1]):
        yield names.CRITIQUES, "the blueprint was not the first draft that passed the critic"
    for attempt in case.attempts:
        where = f"{names.ATTEMPTS}/{attempt.number}/attempt.json"
        if _time(attempt.started) < moment:
            yield where, "began before the blueprint was frozen"
    for name, records in ((names.RESULTS, case.results), (names.MEASUREMENTS, case.measurements)):
        strangers = [record.id for record in records if record.blueprint != frozen]
        if strangers:
            yield name, f"{len(strangers)} records are of another blueprint, the first is {strangers[0]}"
    known = (frozen, *case.history.commits, *_of_program(case))
    for printed in sorted(set(_HASH.findall(case.text(names.PAPER_TEX)))):
        if not any(whole.startswith(printed) for whole in known):
            yield names.PAPER_TEX, f"the hash {printed} is neither the blueprint's nor a commit's"


def _seal(case: Case) -> tuple[str, datetime]:
    parts = case.text(names.SEAL).split()
    if len(parts) != 2 or not re.fullmatch("[0-9a-f]{64}", parts[0]):
        raise CorruptRecord(f"{names.SEAL} is not a hash and a time.")
    return parts[0], _time(parts[1])


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise CorruptRecord(f"The time {text} does not say its zone.")
    return moment


def identity_problems(blueprint: Blueprint) -> Iterator[str]:
    """What keeps everything from having a name of its own, and comparisons from being of what there is."""
    methods = [method.id for method in blueprint.methods]
    datasets = [staged.card.id for staged in blueprint.datasets]
    metrics = [metric.id for metric in blueprint.metrics]
    for what, ids in (
        ("methods", methods),
        ("data sets", datasets),
        ("metrics", [*metrics, *blueprint.measures]),
        ("components", [component.id for component in blueprint.components]),
        ("comparisons", [item.id for item in blueprint.comparisons]),
        ("comparisons", [(item.method, item.versus, item.dataset, item.metric) for item in blueprint.comparisons]),
        ("seeds", list(blueprint.seeds)),
    ):
        if repeated := [item for item, times in Counter(ids).items() if times > 1]:
            yield f"{what} are named twice: {repeated[0]}"
    if not (methods and datasets and metrics and len(blueprint.seeds) > 1):
        yield "lacks methods, data sets, metrics or repetitions"
    if not any(item.primary for item in blueprint.comparisons):
        yield "no comparison decides about the hypothesis"
    for item in blueprint.comparisons:
        known = {item.method, item.versus} <= set(methods) and item.metric in metrics
        if not known or item.dataset not in (None, *datasets) or item.method == item.versus:
            yield f"the comparison {item.id} is not between two methods of the study"


def _of_program(case: Case) -> Iterator[str]:
    """The commit that the program is built on, and what stands between the dashes of the skills that the paper names,
    which may look like a hash.
    """
    if case.folder.has(names.PROGRAM):
        program = case.record(names.PROGRAM, Program)
        if program.base:
            yield program.base.commit
            yield from _HASH.findall(program.base.origin)
        for item in program.prepared:
            yield from item.skill.split("-")
