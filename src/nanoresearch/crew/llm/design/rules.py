"""What is wrong with a draft, in words that its author can act on. Each rule is a check that a program can make.

Names matter beyond taste: results, files and the audit of the paper go by them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import ValidationError

from nanoresearch.crew.builtin.critic import check_controls, check_fairness, check_form, check_taboos
from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.sizing import Forecast
from nanoresearch.crew.builtin.words import listing
from nanoresearch.crew.llm.design.assignment import MOST_ALTERNATIVES, MOST_DATASETS, Assignment, kit_data
from nanoresearch.crew.llm.design.compose import compose, imagined, method_count, seconds_of_fit, settings_of
from nanoresearch.crew.llm.design.draft import Draft
from nanoresearch.crew.llm.design.feasibility import affordable_seconds
from nanoresearch.evidence.audit.blueprint import identity_problems
from nanoresearch.evidence.audit.taboos import forbidden_tags, kindred_names
from nanoresearch.schema.blueprint import OWN, Blueprint, ComponentSpec, MethodSpec, Objection
from nanoresearch.schema.plan import Measure

MOST_FURTHER = 10
"""Further comparisons: each makes the correction for multiple comparisons harsher."""
MOST_METRICS = 6
MOST_SETTINGS = 8
LEAST_WORDS = 5
"""Words of a description that somebody could program from."""
LEAST_ANSWER = 3
"""Words of an answer to an objection."""

_SLUG = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DATA_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SETTING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,23}")


def complaints(draft: Draft, task: Assignment) -> list[str]:
    """Everything wrong with a draft; empty when a blueprint can be made of it that keeps all rules."""
    kit = task.kits.get(draft.study)
    if kit is None and draft.study != OWN:
        return [f'study: there is no kit "{draft.study}" with data here. Use {OWN}, or one of {listing([*task.kits])}.']
    found = [
        *check_datasets(draft, task, kit),
        *check_methods(draft, task, kit),
        *check_components(draft, task, kit),
        *check_metrics(draft, kit),
        *check_protocol(draft, kit),
        *check_sweep(draft, task, kit),
        *check_comparisons(draft),
        *check_sources(draft, task),
        *check_answers(draft, task),
        *check_language(draft),
    ]
    if found:
        return found
    found = list(check_cost(draft, task))
    try:
        blueprint = compose(draft, task, imagined(draft, task))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        return found + problems
    return found + list(blueprint_problems(blueprint, task))


def blueprint_problems(blueprint: Blueprint, task: Assignment) -> Iterator[str]:
    """What critic and audit would say of the blueprint that a draft comes to."""
    yield from identity_problems(blueprint)
    objections = [*check_form(blueprint), *check_fairness(blueprint)]
    if task.fixed.ablation is None:  # else it is the plan that leaves controls out, which the critic will see
        objections += check_controls(blueprint)
    objections += check_forbidden(blueprint, task.briefing.profile.taboos)
    for objection in objections:
        if objection.kind != "missing_baseline" or task.fixed.reference:  # else it is the plan that wants no reference
            yield objection.text
    if task.previous and blueprint == task.previous[0]:
        yield "This is the previous draft again. Change what was objected to."


def check_datasets(draft: Draft, task: Assignment, kit: Kit | None) -> Iterator[str]:
    """Only what is on the desk, or made by the program where that is allowed."""
    known = kit_data(kit, task.data) if kit else list(task.data.ids)
    for name in draft.datasets:
        if name not in known:
            where = f"of the kit {draft.study}" if kit else "on offer"
            yield f'datasets: "{name}" is not {where}. There are: {listing(known) or "none"}.'
    if draft.made_data and (kit or not task.data.makes):
        yield f"made_data: only a study of its own ({OWN}) can make data, and only where the researcher allows it."
    taken = task.data.taken
    for item in draft.made_data:
        if not _DATA_ID.fullmatch(item.id):
            yield f'made_data: "{item.id}" is no id of lower case letters, digits and dashes.'
        if {item.id, item.name.lower()} & taken:
            yield f'made_data: "{item.id}" is called like data that exist. Give what the program makes its own name.'
        yield from _described(f"made_data {item.id}", item.name, item.summary)
    names = [*draft.datasets, *(item.id for item in draft.made_data)]
    most = task.fixed.datasets or MOST_DATASETS
    if not names:
        yield "datasets: name at least one data set on offer, or describe one in made_data."
    if len(names) > most:
        yield f"datasets: {len(names)} are too many, {most} are the most."
    yield from _repeated("datasets", names)
    titles = [task.data.card(name).name for name in draft.datasets if name in task.data.ids]
    yield from _repeated("datasets: the name", [*titles, *(made.name for made in draft.made_data)])


def check_methods(draft: Draft, task: Assignment, kit: Kit | None) -> Iterator[str]:
    """Reference, baseline, alternatives: each there, described, and with a name of its own."""
    if kit is None and draft.baseline is None:
        yield "baseline: a study of its own must describe one."
    if kit is None and draft.reference is None and task.fixed.reference:
        yield "reference: describe a trivial method that shows what the primary metric is worth without learning."
    wanted = task.fixed.alternatives
    if wanted is not None and len(draft.alternatives) != wanted:
        yield f"alternatives: the researcher wants exactly {wanted}, there are {len(draft.alternatives)}."
    elif len(draft.alternatives) > MOST_ALTERNATIVES:
        yield f"alternatives: {len(draft.alternatives)} are too many, {MOST_ALTERNATIVES} are the most."
        return
    known = {item.id for item in kit.alternatives} if kit else set()
    own = [item for item in draft.alternatives if item.id not in known]
    if draft.reference and (kit is None or draft.reference.id != kit.reference.id):
        own.append(draft.reference)
    for method in own:
        yield from _slug(f'method "{method.id}"', method.id)
        if method.id in ("baseline", "proposed") or method.id.startswith("with_"):
            yield f'method "{method.id}": that id is taken by baseline, proposal or a variant. Choose another.'
        yield from _described(f"method {method.id}", method.name, method.description)
    if draft.baseline:
        yield from _described("baseline", draft.baseline.name, draft.baseline.description)
    for method in draft.alternatives:
        if avoided := set(task.fixed.avoid_tags) & {*method.tags, method.id}:
            yield f"alternatives: {method.id} is of a kind that the researcher leaves out ({sorted(avoided)[0]})."
    everyone = [*draft.alternatives, *([draft.reference] if draft.reference else [])]
    titles = [item.name for item in everyone] + ([draft.baseline.name] if draft.baseline else [])
    yield from _repeated("methods", [item.id for item in everyone])
    yield from _repeated("methods: the name", titles)


def check_components(draft: Draft, task: Assignment, kit: Kit | None) -> Iterator[str]:
    """One to three, told apart by id and by name, and fit for the kit's data where they are its own."""
    count = len(draft.components)
    if not 1 <= count <= task.fixed.components:
        yield f"components: there are {count}; the hypothesis must be put into 1 to {task.fixed.components}."
        return
    known = {item.spec.id: item for item in kit.components} if kit else {}
    names = []
    for component in draft.components:
        own = known.get(component.id)
        names.append(own.spec.name if own else component.name)
        if own is None:
            yield from _slug(f'component "{component.id}"', component.id)
            yield from _described(f"component {component.id}", component.name, component.description)
            continue
        if own.datasets is not None and (unfit := sorted(set(draft.datasets) - set(own.datasets))):
            yield f"components: {component.id} of the kit does not apply to {listing(unfit)}."
        if own.needs_sweep and (draft.sweep is None or draft.sweep.id != own.needs_sweep):
            yield f"components: {component.id} of the kit does nothing without the sweep {own.needs_sweep}."
        if clash := sorted({item.id for item in draft.components} & set(own.conflicts)):
            yield f"components: {component.id} and {clash[0]} replace each other and cannot be studied together."
    ids = [component.id for component in draft.components]
    yield from _repeated("components", ids)
    yield from _repeated("components: the name", names)
    for first in names:
        for second in names:
            if first.lower() in second.lower() and first.lower() != second.lower():
                yield f'components: the name "{first}" is part of "{second}". Choose names that are told apart.'


def check_metrics(draft: Draft, kit: Kit | None) -> Iterator[str]:
    """The kit's, or fully defined ones."""
    if not 1 <= len(draft.metrics) <= MOST_METRICS:
        yield f"metrics: there are {len(draft.metrics)}; give 1 to {MOST_METRICS}, the primary one first."
    ids = [metric.id for metric in draft.metrics]
    yield from _repeated("metrics", ids)
    if kit:
        known = [item.spec.id for item in kit.metrics]
        for name in ids:
            if name not in known:
                yield f'metrics: the kit {draft.study} has no metric "{name}". It has: {listing(known)}.'
        return
    yield from _repeated("metrics: the name", [metric.name for metric in draft.metrics])
    for metric in draft.metrics:
        yield from _slug(f'metric "{metric.id}"', metric.id)
        if metric.id in get_args(Measure):
            yield f"metrics: {metric.id} is a cost. Put it into measures."
        if metric.direction is None:
            yield f"metrics: say for {metric.id} whether higher or lower is better (direction)."
        yield from _described(f"metric {metric.id}", metric.name, metric.description)


def check_protocol(draft: Draft, kit: Kit | None) -> Iterator[str]:
    """The kit's, or one that says how data are divided and what a seed changes."""
    protocol = draft.protocol
    if len(draft.tuning.split()) < LEAST_WORDS:
        yield "tuning: say how the settings of all methods are chosen, baseline and alternatives included."
    if kit:
        known = [item.spec.id for item in kit.protocols]
        if protocol.id not in known:
            yield f'protocol: the kit {draft.study} has no protocol "{protocol.id}". It has: {listing(known)}.'
        return
    yield from _slug(f'protocol "{protocol.id}"', protocol.id)
    if len(protocol.description.split()) < LEAST_WORDS:
        yield "protocol: describe how each seed divides the data and what keeps the test part unseen."
    if protocol.test_fraction is not None and not 0 < protocol.test_fraction < 1:
        yield f"protocol: test_fraction is {protocol.test_fraction:g}; it lies between 0 and 1."
    if protocol.seed_changes is None:
        yield "protocol: say in seed_changes what a seed changes: split, made_data or randomness."
    elif protocol.seed_changes == "made_data" and draft.datasets:
        yield f"protocol: {draft.datasets[0]} is not made from the seed; seed_changes is split or randomness."


def check_sweep(draft: Draft, task: Assignment, kit: Kit | None) -> Iterator[str]:
    """Wanted, unwanted, the kit's, or fully defined."""
    sweep = draft.sweep
    if sweep is None:
        if task.fixed.sweep and (kit is None or kit.sweeps):
            yield "sweep: the researcher wants a condition to be varied. Define one."
        return
    if task.fixed.sweep is False:
        return  # it is left out
    if not 2 <= len(sweep.values) <= MOST_SETTINGS:
        yield f"sweep: there are {len(sweep.values)} values; give 2 to {MOST_SETTINGS}, the standard one first."
    yield from _repeated("sweep: the value", [str(value) for value in sweep.values])
    if kit:
        options = {item.spec.id: item for item in kit.sweeps}
        option = options.get(sweep.id)
        if option is None:
            yield f'sweep: the kit {draft.study} has no sweep "{sweep.id}". It has: {listing([*options]) or "none"}.'
            return
        if option.spec.values[0] not in sweep.values or not set(sweep.values) <= set(option.spec.values):
            yield f"sweep: {sweep.id} takes values of {list(option.spec.values)}, the first one always among them."
        if option.datasets is not None and (unfit := sorted(set(draft.datasets) - set(option.datasets))):
            yield f"sweep: {sweep.id} does not apply to {listing(unfit)}."
        return
    yield from _slug(f'sweep "{sweep.id}"', sweep.id)
    yield from _described("sweep", sweep.name, sweep.description)
    for value in sweep.values:
        if isinstance(value, str) and not _SETTING.fullmatch(value):
            yield f'sweep: the value "{value}" must be a number or one short word.'


def check_comparisons(draft: Draft) -> Iterator[str]:
    """Between two different methods; which methods there are is checked on the blueprint."""
    if len(draft.further_comparisons) > MOST_FURTHER:
        yield f"further_comparisons: {len(draft.further_comparisons)} are too many, {MOST_FURTHER} are the most."
    for pair in draft.further_comparisons:
        if pair.method == pair.versus:
            yield f"further_comparisons: {pair.method} is compared with itself."


def check_cost(draft: Draft, task: Assignment) -> Iterator[str]:
    """Within memory and time, by an estimate that is one."""
    cost, compute, seeds = draft.cost, task.fixed.compute, task.fixed.seeds
    if not 0 < cost.seconds_per_fit < float("inf") or not cost.memory_gb > 0:
        yield "cost: seconds_per_fit and memory_gb must be above zero."
        return
    if cost.memory_gb > compute.memory_gb:
        yield f"cost: {cost.memory_gb:g} GB are needed and {compute.memory_gb:g} GB are there. Make the study smaller."
    seconds, known = seconds_of_fit(draft, task), task.known.get(draft.study, Forecast())
    methods, settings = method_count(draft, task), settings_of(draft, task)
    allowed = affordable_seconds(methods, len(seconds), settings, seeds, compute, known.start_up_s)
    mean = sum(seconds.values()) / len(seconds)
    if mean > allowed:
        yield (
            f"cost: {methods} methods on {len(seconds)} data sets under {settings} settings over {seeds} seeds leave "
            f"{allowed:.3g} s for one fit within {compute.minutes:g} minutes, and one takes {mean:.3g} s. Use fewer "
            "alternatives, data sets or settings, or cheaper methods, described as such."
        )


def check_sources(draft: Draft, task: Assignment) -> Iterator[str]:
    """Works, skills and memories that are named must be among those that were given."""
    cited = {key for component in draft.components for key in component.citations}
    kits = task.kits.get(draft.study)
    known = {key for item in kits.components for key in item.spec.citations} if kits else set()
    for key in sorted(cited - set(task.works) - known):
        yield f'components: "{key}" is the key of no surveyed work. Cite listed works or none.'
    given = {skill.id for skill in task.briefing.skills} | {memory.id for memory in task.briefing.memories}
    for name in sorted(set(draft.informed_by) - given):
        yield f'informed_by: "{name}" is no skill or memory that you were given.'


def check_answers(draft: Draft, task: Assignment) -> Iterator[str]:
    """Each objection to the previous draft is answered."""
    if task.previous is None:
        return
    wanted = range(1, len(task.previous[1].objections) + 1)
    answered = {item.objection for item in draft.answers if len(item.answer.split()) >= LEAST_ANSWER}
    if missing := [str(number) for number in wanted if number not in answered]:
        yield f"answers: say what was changed for objection {listing(missing)}."


def check_language(draft: Draft) -> Iterator[str]:
    """Papers are written in English; what is not even in its letters cannot go into one."""
    letters = [letter for letter in draft.model_dump_json() if letter.isalpha()]
    foreign = sum(not unicodedata.name(letter, "").startswith(("LATIN", "GREEK")) for letter in letters)
    if foreign > 0.05 * len(letters):
        yield "Write in English: title, claim, names and descriptions go into an English paper."


def check_forbidden(blueprint: Blueprint, taboos: tuple[str, ...]) -> Iterator[Objection]:
    """Techniques that the researcher rules out, by their words, by the audit's rule, or as kin of what is named."""
    said = list(check_taboos(blueprint, taboos))
    yield from said
    items: tuple[MethodSpec | ComponentSpec, ...] = (*blueprint.methods, *blueprint.components)
    for item in items:
        words = (item.id, item.name, *item.tags)
        hit = next(iter([*forbidden_tags(words, taboos), *kindred_names(words, taboos)]), None)
        if hit and not any(objection.text.startswith(f"{item.name} is ruled out") for objection in said):
            yield Objection(kind="taboo", text=f'{item.name} is ruled out by the taboo "{hit[1]}" ({hit[0]}).')


def _slug(where: str, name: str) -> Iterator[str]:
    if not _SLUG.fullmatch(name):
        yield f"{where}: an id begins with a lower case letter and has lower case letters, digits and underscores only."


def _described(where: str, name: str, description: str) -> Iterator[str]:
    if not name.strip() or any(unicodedata.category(letter).startswith("C") for letter in name):
        yield f"{where}: give it a name in prose, on one line."
    if len(description.split()) < LEAST_WORDS:
        yield f"{where}: the description must say enough to program it."


def _repeated(what: str, names: Sequence[str]) -> Iterator[str]:
    for name, times in Counter(name.lower() for name in names if name).items():
        if times > 1:
            yield f'{what} "{name}" stands there twice.'
