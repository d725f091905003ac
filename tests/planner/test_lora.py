"""The lean LoRA layer against peft's own arithmetic."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from peft import LoraConfig, inject_adapter_in_model  # noqa: E402
from peft.tuners.lora import Linear  # noqa: E402

from nanoresearch.planner.branches import Branches  # noqa: E402
from nanoresearch.planner.lora import LeanLinear, Served, make_lean  # noqa: E402
from nanoresearch.planner.policy import Policy, Reading  # noqa: E402


def layers(dtype, bias: bool = True, **options: object):  # type: ignore[no-untyped-def]
    """The same layer twice: peft's and the lean one."""
    torch.manual_seed(0)
    config = LoraConfig(r=3, lora_alpha=6, target_modules=["0"], init_lora_weights=False, **options)  # type: ignore[arg-type]
    model = inject_adapter_in_model(config, torch.nn.Sequential(torch.nn.Linear(7, 5, bias=bias)).to(dtype), "one")
    model.eval()
    plain = copy.deepcopy(model)
    make_lean(model, Served())
    return plain[0], model[0]


def outcome(layer, x):  # type: ignore[no-untyped-def]
    """Output and gradients of a sum that is not linear."""
    x = x.clone().requires_grad_(True)
    for parameter in layer.parameters():
        parameter.grad = None
    out = layer(x)
    out.float().pow(2).sum().backward()
    return out, x.grad, layer.lora_A["one"].weight.grad, layer.lora_B["one"].weight.grad


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 7), (2, 3, 7)])
def test_output_and_gradients_are_pefts(shape: tuple[int, ...], bias: bool) -> None:
    plain, lean = layers(torch.float64, bias)
    assert type(plain) is Linear
    assert type(lean) is LeanLinear
    x = torch.randn(shape, dtype=torch.float64)
    for ours, theirs in zip(outcome(lean, x), outcome(plain, x), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    assert lean.base_layer.weight.grad is None


def test_gradients_pass_numerical_differentiation() -> None:
    _, lean = layers(torch.float64)
    lean.base_layer.requires_grad_(False)
    assert torch.autograd.gradcheck(lean, torch.randn(2, 7, dtype=torch.float64, requires_grad=True))


def test_float32_adapters_beside_a_bfloat16_base_are_computed_as_peft_does() -> None:
    plain, lean = layers(torch.bfloat16)
    for layer in (plain, lean):
        layer.lora_A.float()
        layer.lora_B.float()
    x = torch.randn(4, 7).bfloat16()
    for ours, theirs in zip(outcome(lean, x), outcome(plain, x), strict=True):
        assert ours.dtype == theirs.dtype
        assert torch.allclose(ours.float(), theirs.float(), rtol=0.02, atol=0.02 * theirs.float().abs().max().item())


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_bias": True}])
def test_what_is_not_plain_goes_pefts_way(options: dict[str, bool]) -> None:
    plain, lean = layers(torch.float32, **options)
    x = torch.randn(4, 7)
    assert torch.equal(lean(x), plain(x))


def test_the_policy_uses_it_in_every_linear_layer(tiny) -> None:  # type: ignore[no-untyped-def]
    policy = Policy(tiny)
    kinds = {type(module) for module in policy.model.modules() if isinstance(module, Linear)}
    assert kinds == {LeanLinear}


def test_a_batch_can_be_served_in_part() -> None:
    config = LoraConfig(r=3, target_modules=["0"], init_lora_weights=False)
    model = inject_adapter_in_model(config, torch.nn.Sequential(torch.nn.Linear(7, 5)), "one").eval()
    served, x = Served(), torch.randn(3, 4, 7)
    assert make_lean(model, served)
    with torch.no_grad():
        adapted, bare = model(x), model[0].base_layer(x)
        assert not torch.allclose(adapted, bare)
        for rows in (0, 1, 2):
            with served.only(rows):
                found = model(x)
            assert torch.allclose(found[:rows], adapted[:rows], atol=1e-6)
            assert torch.equal(found[rows:], bare[rows:])
        assert torch.equal(model(x), adapted)


def test_one_passage_writes_the_plans_that_two_would_write(tiny, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    policy = Policy(tiny)
    policy.load_weights({name: torch.randn_like(w) * 0.2 for name, w in policy.weights().items()})
    menu, prompt = (
        tiny.menu(["Report memory use.", "Report the errors.", "Be brief.", "Use ten seeds."]),
        tiny.chat("Plan."),
    )
    readings = [Reading(policy.read(prompt, adapter=on), on) for on in (False, True)]
    assert not torch.equal(readings[0].prefix.keys[1], readings[1].prefix.keys[1])
    feeds: list[int] = []
    feed = Branches.feed
    monkeypatch.setattr(Branches, "feed", lambda *args: feeds.append(1) or feed(*args))

    def written() -> tuple[list[object], list[torch.Tensor], int]:
        scores: list[torch.Tensor] = []

        def mix(both, options):  # type: ignore[no-untyped-def]
            scores.append(torch.stack(list(both)))
            return 2 * both[1] - both[0]

        feeds.clear()
        return policy.write(readings, menu, 5, torch.Generator().manual_seed(1), mix), scores, len(feeds)

    together, scores, passages = written()
    monkeypatch.setattr(policy, "_lean", False)
    apart, others, twice = written()
    assert together == apart
    assert 2 * passages == twice
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(scores, others, strict=True))
    assert any(not torch.allclose(one[0], one[1], atol=1e-3) for one in scores)


def test_other_prompts_and_other_adapters_are_read_apart(tiny) -> None:  # type: ignore[no-untyped-def]
    policy = Policy(tiny)
    short, long = policy.read(tiny.chat("Plan.")), policy.read(tiny.chat("Plan it well."))
    weights = policy.copy_weights()
    assert Reading(short, True).goes_with(Reading(short, False))
    assert not Reading(short, True).goes_with(Reading(long, True))
    assert not Reading(short, True).goes_with(Reading(short, True, weights))
    assert Reading(short, True, weights).goes_with(Reading(short, False))
