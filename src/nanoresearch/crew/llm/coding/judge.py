"""Who judges a study of this crew: the kit's own text where there is a kit, nobody where models wrote the scoring."""

from nanoresearch.crew.builtin.judge import judge_of
from nanoresearch.execution.evaluation import Judge
from nanoresearch.schema.blueprint import OWN, Blueprint

OWN_SCORING = "its loading, division and scoring were written for this study, so that nothing scores it from outside"


def judge_for(blueprint: Blueprint) -> Judge:
    """The judge of a study; its `self_reported` says which data sets cannot be frozen, and why."""
    if blueprint.study == OWN:
        return Judge(self_reported={staged.card.id: OWN_SCORING for staged in blueprint.datasets})
    return judge_of(blueprint)
