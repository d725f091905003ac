"""What the critics taught: changes that answered the design review, and those that answered the review of the paper."""

from collections.abc import Iterator

from nanoresearch.crew.builtin.kits.kit import Kit
from nanoresearch.crew.builtin.reading import read_topic
from nanoresearch.crew.builtin.reflect.entries import memory, skill
from nanoresearch.crew.builtin.sizing import ablation_of
from nanoresearch.crew.builtin.writer.revision import RULES, rule_for
from nanoresearch.crew.roles import Trajectory
from nanoresearch.schema.blueprint import Blueprint
from nanoresearch.schema.experience import Memory, Skill
from nanoresearch.schema.manuscript import Review

TROUBLES = {
    "over_budget": "would take more time than it may",
    "missing_baseline": "has nothing to compare with",
    "missing_control": "has several components and no run without each of them",
    "underpowered": "has too few repetitions for its test",
    "taboo": "compares with a technique that the researcher rules out",
}
"""Objections that a change of the draft can answer, in words that follow "the first draft"."""
CHANGES = {
    "three_settings": "Vary the condition over three settings only, before anything else is cut.",
    "leave_one_out": "Leave out one component at a time, which needs fewer runs than every combination.",
    "two_settings": "Vary the condition over its first and its last setting only.",
    "five_seeds": "Run five repetitions.",
    "fewer_data": "Leave out the data set that takes longest.",
    "no_sweep": "Keep the standard condition and vary nothing.",
    "three_seeds": "Run three repetitions, the fewest that show a spread.",
    "reference": "Include the trivial method that learns nothing.",
    "control": "Run the study with each component left out.",
    "paired_t": "Use the paired t test, which can reach significance with few repetitions.",
    "more_seeds": "Run at least three repetitions.",
    "other_alternatives": "Compare with established methods that nothing rules out.",
}


def planning_lessons(past: Trajectory, blueprint: Blueprint, kit: Kit) -> Iterator[Skill]:
    """A rule for every objection that the draft which passed had answered."""
    if not past.critiques or not past.critiques[-1].passed:
        return
    raised = dict.fromkeys(item.kind for critique in past.critiques[:-1] for item in critique.objections)
    for kind in raised:
        for change in _changes(kind, past, blueprint):
            yield skill(
                "planning",
                "mend",
                f"{kind}:{change}",
                kit,
                when=f"The first draft of a study of {kit.name} {TROUBLES[kind]}.",
                what=f"{CHANGES[change]} Do so in the first draft; do not wait for the objection.",
                tags=(kind, change),
            )


def _changes(kind: str, past: Trajectory, blueprint: Blueprint) -> tuple[str, ...]:
    """What was done about an objection, as far as the draft that passed shows it."""
    match kind:
        case "over_budget":
            return _cuts(past, blueprint)
        case "missing_baseline":
            return ("reference",)
        case "missing_control":
            return ("control",)
        case "underpowered":
            texts = [item.text for critique in past.critiques for item in critique.objections if item.kind == kind]
            signed = any("signed-rank" in text for text in texts)
            return ("paired_t",) if signed and blueprint.test == "paired_t" else ("more_seeds",)
        case "taboo":
            return ("other_alternatives",)
    return ()


def _cuts(past: Trajectory, blueprint: Blueprint) -> tuple[str, ...]:
    """Steps that made the study cheaper. Drafts are not kept: this compares with what topic and profile ask for."""
    reading = read_topic(past.topic, past.profile)
    found = []
    swept = blueprint.sweep.id if blueprint.sweep else ""
    whole = next((len(item.spec.values) for item in reading.kit.sweeps if item.spec.id == swept), 0)
    settings = len(blueprint.sweep.values) if blueprint.sweep else 0
    if settings < whole:
        found.append("three_settings" if settings == 3 else "two_settings")
    if len(blueprint.seeds) < past.profile.statistics.seeds:
        found.append("five_seeds" if len(blueprint.seeds) == 5 else "three_seeds")
    if any(text.endswith("left out to keep the budget") for text in blueprint.unanswered):
        found.append("fewer_data")
    if blueprint.sweep is None and reading.sweep_asked:
        found.append("no_sweep")
    if found:
        return tuple(found)
    if len(blueprint.seeds) == 5 or len(blueprint.seeds) == 3:  # the plan asked for more than the profile does
        return ("five_seeds" if len(blueprint.seeds) == 5 else "three_seeds",)
    if len(blueprint.components) > 2 and ablation_of(blueprint) == "leave_one_out":
        return ("leave_one_out",)
    return ()


def decision_memories(past: Trajectory, blueprint: Blueprint) -> Iterator[Memory]:
    """Hypotheses that were set aside because prior work covers them."""
    if past.ideas is None or past.novelty is None:
        return
    claims = {item.hypothesis.id: item.hypothesis for item in past.ideas.proposals}
    for verdict in past.novelty.verdicts:
        claim = claims.get(verdict.hypothesis)
        if verdict.verdict != "covered" or claim is None or verdict.hypothesis == past.novelty.chosen:
            continue
        conditions = {"study": (claim.study,), "component": claim.components}
        if claim.datasets:
            conditions["dataset"] = claim.datasets
        facts = {"components": list(claim.components), "reason": verdict.reason, "decision": "covered"}
        text = f"{claim.statement}: not pursued, since prior work covers it. {verdict.reason}"
        yield memory(past, "decision", "noted", text, conditions, facts, (claim.study, *claim.components))


def writing_lessons(past: Trajectory, kit: Kit) -> Iterator[Skill]:
    """A rule for every kind of remark that the first review raised and the last did not."""
    known = {item.name: item for item in RULES}
    if len(past.reviews) < 2:
        return
    answered = raised_rules(past.reviews[0]) - raised_rules(past.reviews[-1])
    for name in sorted(answered):
        if known[name].foreseeable:
            yield skill(
                "writing",
                "revise",
                name,
                kit,
                when="The first version of a paper on an experiment is written.",
                what=known[name].advice,
                tags=(name,),
                everywhere=True,
            )


def raised_rules(review: Review) -> set[str]:
    """Names of the rules that a review's remarks call for."""
    return {rule.name for remark in review.remarks if (rule := rule_for(remark))}
