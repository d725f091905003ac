"""LoRA's linear layers in fewer operations: the same sums as peft's, added in place, and nothing kept but the input.

peft makes, names, switches, saves and loads adapters as before; only the arithmetic of its plain linear layers is
replaced, and whatever else a layer does (quantised weights, DoRA, dropout, several adapters at once, merged weights)
goes peft's way. Imports torch.
"""

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor
from torch.autograd.function import once_differentiable


class LoraProduct(torch.autograd.Function):
    """x Wᵀ + b + s (x Aᵀ) Bᵀ, with gradients for x, A and B; the base's W and b are held constant.

    Shapes: x (..., in), W (out, in), b (out,) or None, A (rank, in), B (out, rank). A and B may be of another type than
    x and W, as peft keeps them in float32 beside a bfloat16 base: their part is computed in theirs.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """Everything is added into the base's product."""
        flat = x.reshape(-1, x.shape[-1])
        inner = flat.to(a.dtype) @ a.T
        out = torch.nn.functional.linear(flat, weight, bias).to(b.dtype).addmm_(inner, b.T, alpha=scale)
        ctx.save_for_backward(x, weight, a, b, inner)
        ctx.scale = scale
        return out.to(x.dtype).view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, A and B."""
        x, weight, a, b, inner = ctx.saved_tensors
        needs_x, _, _, needs_a, needs_b, _ = ctx.needs_input_grad
        flat = grad.reshape(-1, grad.shape[-1])
        own = flat.to(b.dtype)
        thin = (own @ b).mul_(ctx.scale)  # (N, rank)
        of_x = of_a = of_b = None
        if needs_x:
            of_x = (flat @ weight).to(a.dtype).addmm_(thin, a).to(x.dtype).view(x.shape)
        if needs_a:
            of_a = thin.T @ x.reshape(-1, x.shape[-1]).to(a.dtype)
        if needs_b:
            of_b = (own.T @ inner).mul_(ctx.scale)
        return of_x, None, None, of_a, of_b, None


class LeanLinear(Linear):
    """peft's LoRA layer over a plain linear layer, computed by LoraProduct where that is the same."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The layer's output with the active adapter."""
        if args or kwargs or not self._is_plain(x):
            result: Tensor = super().forward(x, *args, **kwargs)
            return result
        name, base = self.active_adapters[0], self.base_layer
        a, b = self.lora_A[name].weight, self.lora_B[name].weight
        product: Tensor = LoraProduct.apply(x, base.weight, base.bias, a, b, self.scaling[name])  # type: ignore[no-untyped-call]
        return product

    def _is_plain(self, x: Tensor) -> bool:
        if self.disable_adapters or self.merged or len(self.active_adapters) != 1:
            return False
        name = self.active_adapters[0]
        return (
            name in self.lora_A
            and name not in self.lora_variant
            and not self.lora_bias[name]
            and not self.fan_in_fan_out
            and x.dtype == self.base_layer.weight.dtype
            and not (self.training and isinstance(self.lora_dropout[name], torch.nn.Dropout))
            and not torch.is_autocast_enabled(x.device.type)
        )


def make_lean(model: torch.nn.Module) -> None:
    """Let peft's plain LoRA layers compute in fewer operations; other kinds of layers stay as they are."""
    for module in model.modules():
        # Hooks of a device map move weights and inputs around a layer's own call, which is left out here.
        if type(module) is Linear and type(module.base_layer) is torch.nn.Linear and not _hooked(module.base_layer):
            module.__class__ = LeanLinear


def _hooked(layer: torch.nn.Module) -> bool:
    return hasattr(layer, "_hf_hook") or bool(layer._forward_hooks or layer._forward_pre_hooks)
