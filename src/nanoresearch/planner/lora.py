"""LoRA's linear layers in fewer operations: the same sums as peft's, added in place, and little kept beside the input.

peft makes, names, switches, saves and loads adapters as before; only the arithmetic of its plain linear layers is
replaced, and whatever else a layer does (quantised weights, DoRA, dropout, several adapters at once, merged weights)
goes peft's way. A batch may be served in part: its first rows with the adapter, the others as the base computes them,
so that both are had for one passage over the weights, which is what a few tokens cost. Imports torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft.tuners.lora import Linear, LoraLayer
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


@dataclass
class Served:
    """Which rows of a batch get the adapter; one for all layers of a model."""

    rows: int | None = None
    """So many, from the first; None for all."""

    @contextmanager
    def only(self, rows: int) -> Iterator[None]:
        """Only so many for a while; no gradients flow then."""
        before, self.rows = self.rows, rows
        try:
            yield
        finally:
            self.rows = before


class LeanLinear(Linear):
    """peft's LoRA layer over a plain linear layer, computed by LoraProduct where that is the same."""

    served: Served

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The layer's output, with the active adapter in the rows that it serves."""
        rows = self.served.rows
        if rows == 0:
            bare: Tensor = self.base_layer(x)
            return bare
        if args or kwargs or not self._is_plain(x):
            result: Tensor = super().forward(x[:rows], *args, **kwargs)
            return result if rows is None else torch.cat([result, self.base_layer(x[rows:])])
        name, base = self.active_adapters[0], self.base_layer
        a: Any = self.lora_A[name].weight
        b: Any = self.lora_B[name].weight
        scale = self.scaling[name]
        if rows is not None:
            out: Tensor = base(x)
            out[:rows] += ((x[:rows].to(a.dtype) @ a.T) @ b.T).mul_(scale).to(out.dtype)
            return out
        product: Tensor = LoraProduct.apply(x, base.weight, base.bias, a, b, scale)  # type: ignore[no-untyped-call]
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


def make_lean(model: torch.nn.Module, served: Served) -> bool:
    """Let peft's plain LoRA layers compute in fewer operations; other kinds of layers stay as they are.

    Returns whether all could, so that a batch can be served in part.
    """
    whole = True
    for module in model.modules():
        # Hooks of a device map move weights and inputs around a layer's own call, which is left out here.
        if type(module) is Linear and type(module.base_layer) is torch.nn.Linear and not _hooked(module.base_layer):
            module.__class__ = LeanLinear
            cast(LeanLinear, module).served = served
        elif isinstance(module, LoraLayer) and not isinstance(module, LeanLinear):
            whole = False
    return whole


def _hooked(layer: torch.nn.Module) -> bool:
    return hasattr(layer, "_hf_hook") or bool(layer._forward_hooks or layer._forward_pre_hooks)
