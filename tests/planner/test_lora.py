"""The lean LoRA layer against peft's own arithmetic."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from peft import LoraConfig, inject_adapter_in_model  # noqa: E402
from peft.tuners.lora import Linear  # noqa: E402

from nanoresearch.planner.lora import LeanLinear, make_lean  # noqa: E402
from nanoresearch.planner.policy import Policy  # noqa: E402


def layers(dtype, bias: bool = True, **options: object):  # type: ignore[no-untyped-def]
    """The same layer twice: peft's and the lean one."""
    torch.manual_seed(0)
    config = LoraConfig(r=3, lora_alpha=6, target_modules=["0"], init_lora_weights=False, **options)  # type: ignore[arg-type]
    model = inject_adapter_in_model(config, torch.nn.Sequential(torch.nn.Linear(7, 5, bias=bias)).to(dtype), "one")
    model.eval()
    plain = copy.deepcopy(model)
    make_lean(model)
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
