"""What is known of the family that a study belongs to, also when that is none of the kits."""

from nanoresearch.crew.builtin.judge import judge_of
from nanoresearch.crew.builtin.kits import load_kits
from nanoresearch.crew.builtin.kits.kit import Kit, Metric, ProtocolOption
from nanoresearch.schema.blueprint import Blueprint, MethodSpec

OWN = "own"
"""Family of a study whose data and metrics are its own program's."""
UNJUDGED = "the program that reports them also loads the data and computes the metrics"
NOTHING = MethodSpec(id="reference", name="no reference", role="reference")


def family_of(blueprint: Blueprint) -> Kit:
    """The kit of a study, or for any other study a kit that holds no more than its blueprint says."""
    kit = load_kits().get(blueprint.study)
    if kit is not None:
        return kit
    by_role = {method.role: method for method in reversed(blueprint.methods)}
    return Kit(
        id=blueprint.study,
        domain=blueprint.domain,
        name="the problem under study",
        subjects=("the problem under study",),
        tasks=(),
        datasets=(),
        reference=by_role.get("reference", NOTHING),
        baseline=by_role["baseline"],
        alternatives=(),
        components=(),
        metrics=tuple(Metric(item) for item in blueprint.metrics),
        protocols=(ProtocolOption(blueprint.protocol),),
        setting="The settings of every method are those of the program text, which is kept with the run.",
        question="Does the addition under study improve on what it is added to?",
        citations=(),
        queries=(),
        requires=(),
        cautions=("Data and metrics come from a program that was written for this study alone.",),
    )


def open_data(blueprint: Blueprint) -> dict[str, str]:
    """Data sets whose results nobody can score from outside, each with the reason, a clause."""
    if blueprint.study in load_kits():
        return dict(judge_of(blueprint).self_reported)
    return {staged.card.id: UNJUDGED for staged in blueprint.datasets}
