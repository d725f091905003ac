"""The usual plan as an anchor: alone, and of student and teacher."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from nanoresearch.planner.anchor import END_NATS, USUAL_NATS, anchor_to  # noqa: E402
from nanoresearch.planner.policy import Policy, menu_tokens  # noqa: E402
from nanoresearch.planner.sdpo import Teacher, compare, distillation_loss  # noqa: E402
from nanoresearch.schema.plan import Directive  # noqa: E402

SENTENCES = ["Use ten seeds.", "Use two seeds.", "Report memory."]

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


def test_a_refused_directive_takes_its_weight_out_of_its_branch() -> None:
    # The usual directive shares its first token with another one: the branch must not stay as heavy as it was.
    scores = ANCHOR.scores({1: (0, 1), 0: ()}, None, (-5.0, 0.0, 0.0))
    assert scores.softmax(-1)[0] < 0.01


def compared(tiny, plans_seed: int = 0):  # type: ignore[no-untyped-def]
    policy = Policy(tiny)
    menu = tiny.menu(SENTENCES)
    plain = policy.read(tiny.chat("Plan."), adapter=False)
    plans = policy.sample(plain, menu, 3, torch.Generator().manual_seed(plans_seed), adapter=False)
    return policy, menu, plans, Teacher(plain, None, 0.0, (5.0, 0.0, -5.0), adapter=False)


def test_before_anything_is_learned_the_student_is_the_usual_plan_and_the_teacher_is_moved(tiny) -> None:  # type: ignore[no-untyped-def]
    policy, menu, plans, teacher = compared(tiny)
    found = compare(policy, menu, policy.read(tiny.chat("Plan.")), plans, teacher, anchor=ANCHOR)
    column = {token: i for i, token in enumerate(menu_tokens(menu))}
    branches = [branch for plan in plans for branch in menu.branches(plan.tokens)]
    assert len(found.student) == len(branches)
    for row, branch in enumerate(branches):
        at = [column[token] for token in branch.tokens]
        options = dict(zip(branch.tokens, branch.leads_to, strict=True))
        assert torch.allclose(found.student[row, at], ANCHOR.scores(options, None).log_softmax(-1), atol=1e-4)
        assert torch.allclose(
            found.teacher[row, at], ANCHOR.scores(options, None, teacher.bonus).log_softmax(-1), atol=1e-4
        )


def test_the_gradient_through_the_anchor_is_the_slope_of_the_loss(tiny_double) -> None:  # type: ignore[no-untyped-def]
    policy, menu, plans, teacher = compared(tiny_double)
    policy.model.double()  # the adapter too
    weight = next(p for name, p in policy.parameters().items() if "lora_B" in name)

    def loss(grad: bool = False):  # type: ignore[no-untyped-def]
        prefix = policy.read(tiny_double.chat("Plan."), grad=grad)
        scored = compare(policy, menu, prefix, plans, teacher, grad=grad, anchor=ANCHOR)
        return distillation_loss(scored, len(plans), "forward_kl")

    with torch.no_grad():
        weight.normal_(0, 0.05, generator=torch.Generator().manual_seed(1))
    weight.requires_grad_(True)
    loss(grad=True).backward()
    assert weight.grad is not None
    slope = float(weight.grad[0, 0])
    ends = []
    for step in (5e-3, -5e-3):  # the model's norms compute in single precision
        with torch.no_grad():
            weight[0, 0] += step
            ends.append(float(loss()))
            weight[0, 0] -= step
    assert slope == pytest.approx((ends[0] - ends[1]) / 1e-2, rel=2e-2)
    assert abs(slope) > 1e-4
