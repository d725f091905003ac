"""The update's arithmetic: by hand, against whole sequences, and against autograd of the formula in the paper."""

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from nanoresearch.planner.choices import branch_bonus  # noqa: E402
from nanoresearch.planner.policy import Policy, WrittenPlan, menu_tokens  # noqa: E402
from nanoresearch.planner.sdpo import (  # noqa: E402
    Teacher,
    bucket_tail,
    combine,
    compare,
    distillation_loss,
    divergence,
    token_advantages,
)

SENTENCES = ["Use five seeds.", "Use ten seeds.", "Report memory.", "Report latency.", "Ablate all."]


def policy_with_noise(base) -> Policy:  # type: ignore[no-untyped-def]
    policy = Policy(base, rank=4)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in policy.parameters().values():
            parameter.add_(0.2 * torch.randn_like(parameter))
            parameter.requires_grad_(True)
    return policy


def written(menu, *chosen: int) -> WrittenPlan:  # type: ignore[no-untyped-def]
    return WrittenPlan(tuple(menu.write(chosen)), tuple(chosen))


def test_reverse_kl_of_two_tokens_by_hand() -> None:
    # p_S = (0.6, 0.4) from logits (a, b); p_T = (0.9, 0.1)
    logits = torch.tensor([math.log(0.6), math.log(0.4)], dtype=torch.float64, requires_grad=True)
    student = logits.log_softmax(-1)
    teacher = torch.tensor([0.9, 0.1], dtype=torch.float64).log()
    loss = divergence(student, teacher, "reverse_kl")
    assert loss.item() == pytest.approx(0.6 * math.log(0.6 / 0.9) + 0.4 * math.log(0.4 / 0.1))
    loss.backward()
    # d KL / d a = p_a (log p_a/t_a - KL)
    assert logits.grad is not None
    assert logits.grad[0].item() == pytest.approx(0.6 * (math.log(0.6 / 0.9) - loss.item()))


def test_the_gradient_is_the_one_of_the_paper() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 7, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(4, 7, dtype=torch.float64).log_softmax(-1)
    divergence(logits.log_softmax(-1), teacher, "reverse_kl").sum().backward()
    ours = logits.grad
    assert ours is not None
    fresh = logits.detach().clone().requires_grad_(True)
    student = fresh.log_softmax(-1)
    advantage = token_advantages(teacher, student.detach(), torch.ones(4))
    (-(student.detach().exp() * advantage * student).sum()).backward()
    assert torch.allclose(ours, fresh.grad)


def test_advantages_are_zero_where_masked_and_shapes_must_fit() -> None:
    teacher, student = torch.zeros(2, 3), torch.ones(2, 3)
    assert token_advantages(teacher, student, torch.tensor([1, 0])).tolist() == [[-1.0] * 3, [0.0] * 3]
    with pytest.raises(ValueError, match="Shapes"):
        token_advantages(teacher, student, torch.ones(3))


@pytest.mark.parametrize("kind", ["reverse_kl", "forward_kl", "jensen_shannon"])
def test_divergences_vanish_only_for_equal_distributions(kind: str) -> None:
    torch.manual_seed(0)
    one, two = torch.randn(5, 6).log_softmax(-1), torch.randn(5, 6).log_softmax(-1)
    assert divergence(one, one, kind).abs().max() < 1e-6  # type: ignore[arg-type]
    assert (divergence(one, two, kind) > 0).all()  # type: ignore[arg-type]


def test_jensen_shannon_is_at_most_log_two() -> None:
    far = torch.tensor([[0.0, -40.0], [-40.0, 0.0]]).log_softmax(-1)
    assert divergence(far[0], far[1], "jensen_shannon").item() == pytest.approx(math.log(2), abs=1e-4)


def test_the_tail_bucket_holds_the_rest() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(3, 50).log_softmax(-1), torch.randn(3, 50).log_softmax(-1)
    s, t = bucket_tail(student, teacher, 5)
    assert s.shape == (3, 6)
    assert torch.allclose(s.exp().sum(-1), torch.ones(3))
    assert torch.allclose(t.exp().sum(-1), torch.ones(3))
    assert (divergence(s, t, "reverse_kl") <= divergence(student, teacher, "reverse_kl") + 1e-6).all()
    assert bucket_tail(student, teacher, 50)[0] is student


def test_a_sharpened_teacher_is_p_times_the_ratio_to_the_power() -> None:
    plain, told = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.8, 0.2]).log()
    sharp = combine(plain, told, 2.0, torch.zeros(2)).exp()  # weight 1 + lambda with lambda 1
    expected = 0.8 * (0.8 / 0.5)
    other = 0.2 * (0.2 / 0.5)
    assert sharp[0].item() == pytest.approx(expected / (expected + other))


@pytest.mark.parametrize("vocabulary", ["allowed", "all"])
@pytest.mark.parametrize("kind", ["reverse_kl", "forward_kl", "jensen_shannon"])
def test_sharing_the_prompt_changes_neither_loss_nor_gradient(tiny_double, vocabulary: str, kind: str) -> None:  # type: ignore[no-untyped-def]
    base = tiny_double
    policy = policy_with_noise(base)
    menu = base.menu(SENTENCES)
    plans = [written(menu, 0, 2, 4), written(menu, 3, 2, 1, 0), written(menu, 4, 1, 0, 2, 3)]
    prompt, told = base.chat("Plan a study."), base.chat("Plan a study. The researcher later said: more memory.")
    bonus = (0.0, -1.5, 2.0, 0.0, 0.5)
    teacher = Teacher(policy.read(prompt, adapter=False), policy.read(told, adapter=False), 1.5, bonus, adapter=False)
    shared = compare(policy, menu, policy.read(prompt, grad=True), plans, teacher, vocabulary, grad=True)  # type: ignore[arg-type]
    loss = distillation_loss(shared, len(plans), kind)  # type: ignore[arg-type]
    parameters = list(policy.parameters().values())
    ours = torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)])

    reference = sum(
        whole_sequence_loss(policy, menu, prompt, told, plan, bonus, vocabulary, kind) for plan in plans
    ) / len(plans)
    theirs = torch.cat([g.flatten() for g in torch.autograd.grad(reference, parameters)])
    assert loss.item() == pytest.approx(reference.item(), rel=1e-9)
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0).item() > 0.999999
    assert (ours - theirs).norm() < 1e-4 * theirs.norm()  # the norm layers of Llama compute in float32


def whole_sequence_loss(policy, menu, prompt, told, plan, bonus, vocabulary, kind):  # type: ignore[no-untyped-def]
    """The same loss from three independent runs over whole sequences, one plan at a time, in plain steps."""

    def log_p(context, adapter):  # type: ignore[no-untyped-def]
        ids = torch.tensor([[*context, *plan.tokens]])
        with policy.adapted(adapter):
            return policy.model(input_ids=ids).logits[0, len(context) - 1 : -1]

    student = log_p(prompt, True)
    with torch.no_grad():
        plain, informed = log_p(prompt, False), log_p(told, False)
    total = torch.zeros((), dtype=torch.float64)
    branches = {branch.position: branch for branch in menu.branches(plan.tokens)}
    for position in range(len(plan.tokens)):
        branch = branches.get(position)
        if vocabulary == "allowed":
            if branch is None:
                continue
            tokens = list(branch.tokens)
            extra = torch.tensor(branch_bonus(branch.leads_to, bonus), dtype=torch.float64)
        else:
            tokens = list(range(student.shape[-1]))
            extra = torch.zeros(len(tokens), dtype=torch.float64)
            if branch:
                extra[list(branch.tokens)] = torch.tensor(branch_bonus(branch.leads_to, bonus), dtype=torch.float64)
        s = student[position, tokens].log_softmax(-1)
        p, i = plain[position, tokens].log_softmax(-1), informed[position, tokens].log_softmax(-1)
        t = (p + 1.5 * (i - p) + extra).log_softmax(-1)
        if kind == "reverse_kl":
            total = total + (s.exp() * (s - t)).sum()
        elif kind == "forward_kl":
            total = total + (t.exp() * (t - s)).sum()
        else:
            m = ((s.exp() + t.exp()) / 2).log()
            total = total + 0.5 * (s.exp() * (s - m)).sum() + 0.5 * (t.exp() * (t - m)).sum()
    return total


def test_sampled_plans_follow_the_models_own_distribution(tiny_double) -> None:  # type: ignore[no-untyped-def]
    base = tiny_double
    policy = Policy(base)
    menu = base.menu(SENTENCES[:3])
    prompt = base.chat("Plan.")
    prefix = policy.read(prompt)
    plans = policy.sample(prefix, menu, 400, torch.Generator().manual_seed(0))
    exact = {}
    for first in range(3):
        plan = written(menu, first, *(i for i in range(3) if i != first))
        branch = menu.branches(plan.tokens)
        states = policy.hidden(prefix, [plan])[0]
        logits = policy.allowed_logits(states, menu)
        column = {token: i for i, token in enumerate(menu_tokens(menu))}
        log_p = 0.0
        for b in branch:  # up to the end of the first line
            if b.position >= len(menu.lines[first]):
                break
            scores = logits[b.position, [column[t] for t in b.tokens]].log_softmax(-1)
            log_p += scores[b.taken].item()
        exact[first] = math.exp(log_p)
    assert sum(exact.values()) == pytest.approx(1.0)
    for first, probability in exact.items():
        share = sum(plan.chosen[0] == first for plan in plans) / len(plans)
        assert share == pytest.approx(probability, abs=4 * math.sqrt(probability * (1 - probability) / 400) + 1e-3)


def test_ragged_sampling_scores_like_one_plan_at_a_time(tiny_double) -> None:  # type: ignore[no-untyped-def]
    base = tiny_double
    policy = policy_with_noise(base)
    menu = base.menu(SENTENCES)
    prefix = policy.read(base.chat("Plan."))
    together = policy.sample(prefix, menu, 3, torch.Generator().manual_seed(0), temperature=0)
    alone = policy.sample(prefix, menu, 1, torch.Generator().manual_seed(0), temperature=0)
    assert {plan.chosen for plan in together} == {alone[0].chosen}


def test_the_base_is_bit_identical_with_the_adapter_off(tiny) -> None:  # type: ignore[no-untyped-def]
    ids = torch.tensor([tiny.chat("Plan a study.")])
    before = tiny.model(input_ids=ids).logits
    policy = policy_with_noise(tiny)
    with policy.adapted(True):
        assert not torch.equal(policy.model(input_ids=ids).logits, before)
    with policy.adapted(False):
        assert torch.equal(policy.model(input_ids=ids).logits, before)


def test_holding_other_weights_leaves_waiting_graphs_usable(tiny) -> None:  # type: ignore[no-untyped-def]
    policy = policy_with_noise(tiny)
    prefix = policy.read(tiny.chat("Plan."), grad=True)
    other = {name: torch.zeros_like(value) for name, value in policy.copy_weights().items()}
    with policy.holding(other):
        policy.read(tiny.chat("Plan."))
    prefix.keys[-1].sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in policy.parameters().values())
