"""The usual plan as an anchor, without any model."""

import pytest

torch = pytest.importorskip("torch")

from nanoresearch.planner.anchor import END_NATS, USUAL_NATS, anchor_to  # noqa: E402
from nanoresearch.schema.plan import Directive  # noqa: E402

OPTIONS = {1: (0,), 2: (1, 2), 0: ()}
USUAL = Directive(id="usual", phase="planning", text="As always.", effect={"seeds": 3})
ANCHOR = anchor_to(["usual", "one", "other"], [USUAL], sharpness=2.0)


def test_nothing_learned_leaves_the_usual_plan() -> None:
    chances = ANCHOR.scores(OPTIONS, None).softmax(-1)
    assert chances[0] > 0.9
    after = ANCHOR.scores({2: (1, 2), 0: ()}, None).softmax(-1)
    assert after[1] > 0.99  # then the plan ends


def test_branches_weigh_as_much_as_what_is_behind_them() -> None:
    assert ANCHOR.scores(OPTIONS, None).tolist() == pytest.approx([USUAL_NATS, 0.6931, END_NATS], abs=1e-3)


def test_what_was_learned_moves_plans_both_ways() -> None:
    none = torch.zeros(3)
    assert torch.equal(ANCHOR.scores(OPTIONS, none), ANCHOR.scores(OPTIONS, None))
    wanted = ANCHOR.scores({2: (1, 2), 0: ()}, torch.tensor([5.0, 0.0])).softmax(-1)
    assert wanted[0] > 0.9
    unwanted = ANCHOR.scores(OPTIONS, torch.tensor([-5.0, 0.0, 0.0])).softmax(-1)
    assert unwanted[0] < 0.01
