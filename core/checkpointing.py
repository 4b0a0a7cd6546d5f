# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A block of the network that keeps nothing but its input: strip by strip it is computed again on the way back.

What reaches over the whole layer are sums. They are taken over all strips on the way forward, so that the gradient is exact: that of the
block computed at once, up to rounding. Blocks end with a pooling, so what is kept of them all is 30 numbers a pixel, and a strip needs no
more of its neighbors than one row for each convolution of the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from .vgg import Block

__all__ = ["LayerLoss", "Recomputed", "normalized"]


class LayerLoss(Protocol):
    """A loss of features (1, C, H, W) that depends on the whole layer through sums alone, to which every strip of it contributes.

    `rows` are those of the features in a layer of `height`.
    """

    def sums(self, features: Tensor, rows: slice, height: int) -> Tensor:
        """What the features of some rows contribute."""

    def value(self, sums: Tensor) -> Tensor:
        """The loss, a scalar, of the layer with these sums."""

    def gradient(self, features: Tensor, rows: slice, height: int, sums: Tensor) -> Tensor:
        """That of the loss of the layer with these sums, with respect to the features of some rows."""


class Recomputed(torch.autograd.Function):
    """From the input of a block to its output and to the values of losses of its layers."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, block: Block, losses: Sequence[tuple[str, LayerLoss]], rows: int, normalize: bool
    ) -> tuple[Tensor, ...]:
        sums = [x.new_zeros((), dtype=torch.float32)] * len(losses)

        def visit(name: str, rows: slice, height: int, features: Tensor) -> None:
            for index, (layer, loss) in enumerate(losses):
                if layer == name:
                    sums[index] = sums[index] + loss.sums(features, rows, height)

        output = block.sweep(x, rows, visit)
        ctx.save_for_backward(x, *sums)
        ctx.block, ctx.losses, ctx.rows, ctx.normalize = block, losses, rows, normalize
        return output, *(loss.value(total) for (_, loss), total in zip(losses, sums, strict=True))

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        after, *factors = outputs
        x, *sums = ctx.saved_tensors
        block = ctx.block

        def gradients(name: str, rows: slice, height: int, features: Tensor) -> list[tuple[int, Tensor]]:
            return [
                (index, loss.gradient(features, rows, height, sums[index]))
                for index, (layer, loss) in enumerate(ctx.losses)
                if layer == name
            ]

        if ctx.normalize:
            norms = [torch.zeros_like(factor) for factor in factors]

            def visit(name: str, rows: slice, height: int, features: Tensor) -> None:
                for index, gradient in gradients(name, rows, height, features):
                    norms[index] += gradient.abs().sum(dtype=torch.float32)

            block.sweep(x, ctx.rows, visit)
            factors = [normalized(factor, norm) for factor, norm in zip(factors, norms, strict=True)]
        total = torch.zeros_like(x)
        for strip in block.strips(x, ctx.rows):
            part = x[:, :, strip.outer].detach().requires_grad_()
            with torch.enable_grad():
                found, output = block(part, strip.crop)
            ends = [] if block.is_last else [(output, after[:, :, strip.inner.start // 2 : strip.inner.stop // 2])]
            for name, features in found.items():
                for index, gradient in gradients(name, strip.inner, x.shape[2], features.detach()):
                    ends.append((features, gradient.mul_(factors[index].to(gradient.dtype))))
            if ends:
                tensors, pulls = zip(*ends, strict=True)
                with torch.enable_grad():
                    pulled = _Pulled.apply(pulls, *tensors)
                total[:, :, strip.outer] += torch.autograd.grad(pulled, part)[0]
        return total, None, None, None, None


class _Pulled(torch.autograd.Function):
    """From tensors to a number whose way back hands each of them the gradient in `pulls` that is its own.

    `torch.autograd.grad` takes gradients, too, but loads a library of symbolic mathematics to compare their shapes: with the first plan
    that computes anything again, when memory has just run out.
    """

    @staticmethod
    def forward(ctx: Any, pulls: Sequence[Tensor], *tensors: Tensor) -> Tensor:
        ctx.pulls = pulls
        return tensors[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.pulls


def normalized(factor: Tensor, norm: Tensor) -> Tensor:
    """What a gradient with this L1 norm is multiplied by, so that its norm becomes `factor`."""
    return factor / (norm + 1e-8)
