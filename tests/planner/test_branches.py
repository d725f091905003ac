"""Plans packed behind one prompt against plans that have a row each."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from nanoresearch.planner import branches  # noqa: E402
from nanoresearch.planner.branches import PROMPT, branch_mask  # noqa: E402
from nanoresearch.planner.policy import Policy, WrittenPlan  # noqa: E402

SENTENCES = ["Use five seeds.", "Use ten seeds.", "Report memory.", "Report latency.", "Ablate all."]
CHOSEN = [(0, 2, 4), (3, 2, 1, 0), (4, 1, 0, 2, 3)]


def test_a_plan_sees_the_prompt_and_itself() -> None:
    mask = branch_mask([PROMPT, PROMPT, 0, 1, 0], 3, torch.zeros(()))
    assert mask.shape == (1, 1, 3, 5)
    assert (mask == 0)[0, 0].int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 1, 0, 1]]


@pytest.mark.parametrize("group", [2, 16])
def test_packing_changes_neither_states_nor_gradients(tiny_double, monkeypatch, group: int) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(branches, "GROUP", group)
    base = tiny_double
    policy = noisy(base)
    menu = base.menu(SENTENCES)
    plans = [WrittenPlan(tuple(menu.write(chosen)), chosen) for chosen in CHOSEN]
    found = []
    for base.packs in (True, False):
        states = policy.hidden(policy.read(base.chat("Plan."), grad=True), plans, grad=True)
        gradients = torch.autograd.grad(states.pow(2).sum(), list(policy.parameters().values()))
        found.append((states.detach(), torch.cat([g.flatten() for g in gradients])))
    (states, ours), (alone, theirs) = found
    assert states.shape == (3, max(len(plan.tokens) for plan in plans), 32)
    assert torch.allclose(states, alone, atol=1e-5)  # the norm layers of Llama compute in float32
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0).item() > 0.99999999


@pytest.mark.parametrize("group", [2, 16])
def test_packing_changes_no_plan(tiny_double, monkeypatch, group: int) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(branches, "GROUP", group)
    base = tiny_double
    policy = noisy(base)
    menu, prefix = base.menu(SENTENCES), policy.read(base.chat("Plan."))
    written = []
    for base.packs in (True, False):
        written.append(policy.sample(prefix, menu, 5, torch.Generator().manual_seed(3)))
    assert written[0] == written[1]


def test_a_model_whose_attention_has_a_window_is_not_packed(tiny) -> None:  # type: ignore[no-untyped-def]
    assert tiny.packs
    tiny.model.config.sliding_window = 8
    tiny.__post_init__()
    assert not tiny.packs


def noisy(base) -> Policy:  # type: ignore[no-untyped-def]
    policy = Policy(base, rank=4)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in policy.parameters().values():
            parameter.add_(0.2 * torch.randn_like(parameter))
            parameter.requires_grad_(True)
    return policy
