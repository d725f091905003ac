"""The closed vocabulary of wishes: what each kind looks for in the artifacts of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nanoresearch.bench.artifacts import Artifacts
from nanoresearch.bench.checks import design, experiment, paper
from nanoresearch.schema.benchmark import Check
from nanoresearch.schema.feedback import Stage

Test = Callable[[Artifacts, Any], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of wish."""

    stage: Stage
    """Stage at whose end it can be seen whether it is met."""
    holds: Test
    """Whether the artifacts meet it, for the value of the wish."""


KINDS: dict[str, Kind] = {
    **{name: Kind("ideation_and_planning", test) for name, test in design.TESTS.items()},
    **{name: Kind("experiments", test) for name, test in experiment.TESTS.items()},
    **{name: Kind("writing", test) for name, test in paper.TESTS.items()},
}


def holds(check: Check, artifacts: Artifacts) -> bool:
    """Whether a wish is met by what there is. Raises KeyError for a kind that is not in the vocabulary."""
    return KINDS[check.kind].holds(artifacts, check.value)


def stage_of(check: Check) -> Stage:
    """Stage at whose end a wish can be judged. What is to be reported stands in the design, where it is recorded."""
    if check.kind == "must_report" and paper.recordable(check.value):
        return "ideation_and_planning"
    return KINDS[check.kind].stage
