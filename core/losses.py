# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of the objective (Ruder, Dosovitskiy, Brox 2016, sections 3 and 4) as functions of tensors.

Sums are in float32 whatever the features' number format. Pictures are (1, 3, H, W), RGB 0..255 minus the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = [
    "TV_SCALE",
    "Objective",
    "Region",
    "StyleTarget",
    "Temporal",
    "content_loss",
    "gram_matrix",
    "style_loss",
    "temporal_loss",
    "total_variation",
]

TV_SCALE = 235051.5
"""½·3·349·449: gives the mean the strength that the reference's sum has at 450×350."""


def gram_matrix(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """Correlations G = F Fᵀ / (C·H·W), float32 (C, C), of the features (1, C, H, W) of one picture (Gatys et al. 2016).

    With a guidance channel T (H, W) in 0..1, those of a part of it, G = (T∘F) (T∘F)ᵀ / (C·ΣT²) (Gatys et al. 2017, section 4), which
    compares with the correlations of a whole picture.
    """
    flat = _accumulable(features[0].flatten(1))
    if guide is None:
        return flat @ flat.T / flat.numel()
    guided = flat * guide.flatten()
    return guided @ guided.T / (len(flat) * guide.square().sum())


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean of (F − P)² over (1, C, H, W): a scalar."""
    return (_accumulable(features) - _accumulable(target)).square().mean()


def style_loss(features: Tensor, target: Tensor, guide: Tensor | None = None) -> Tensor:
    """Mean of (G(F) − A)² for features (1, C, H, W), a target Gram matrix A (C, C) and perhaps a guidance channel (H, W): a scalar."""
    return _StyleLoss.apply(features, target, guide, False)


def temporal_loss(image: Tensor, warped: Tensor, mask: Tensor, criterion: str = "mse") -> Tensor:
    """Mean over 3, H, W of c·ρ(x − ω).

    Args:
        image, warped: (1, 3, H, W), the picture and an earlier result brought onto its grid.
        mask: (1, 1, H, W) in 0..1, the paper's c: 0 where the earlier result cannot be trusted.
        criterion: ``mse``, ρ(d) = d²; or ``smoothl1``, ρ(d) = ½d² up to one code value of 255, |d| − ½ beyond.
    """
    difference = image - warped
    penalty = (
        difference.square() if criterion == "mse" else torch.where(difference.abs() < 1, difference.square() / 2, difference.abs() - 0.5)
    )
    return (mask * penalty).mean()


def total_variation(image: Tensor) -> Tensor:
    """`TV_SCALE` · mean over 3, H−1, W−1 of (x[y,x] − x[y,x+1])² + (x[y,x] − x[y+1,x])²: a scalar of the same strength at every size."""
    corner = image[..., :-1, :-1]
    return TV_SCALE * ((corner - image[..., :-1, 1:]).square() + (corner - image[..., 1:, :-1]).square()).mean()


@dataclass(frozen=True)
class Temporal:
    """One earlier result on the frame's grid: `warped` (1, 3, H, W) and its `mask` (1, 1, H, W)."""

    warped: Tensor
    mask: Tensor


class StyleTarget(NamedTuple):
    """The Gram matrix (C, C) that features shall have where the guidance channel (H', W') says, or everywhere without one."""

    gram: Tensor
    guide: Tensor | None = None


@dataclass(frozen=True)
class Region:
    """A part of the picture and what it is painted like: targets by layer, and its share of the picture's area."""

    targets: Mapping[str, StyleTarget]
    share: float = 1.0


@dataclass
class Objective:
    """The loss that a frame minimizes, and its gradient.

    Args:
        network: gives the features of a picture by layer name.
        content: target features by layer.
        style: regions, whose losses count by their shares.
        content_layers, style_layers: weights by layer, 1 for those that are not named.
        temporal: earlier results that the picture is held to.
        free: (1, 1, H, W), 1 where the picture may change and 0 where its gradient is held at 0; None lets all of it change.
    """

    network: Any
    content: Mapping[str, Tensor]
    style: Sequence[Region]
    content_weight: float
    style_weight: float
    content_layers: Mapping[str, float] = field(default_factory=dict)
    style_layers: Mapping[str, float] = field(default_factory=dict)
    temporal_weight: float = 0.0
    tv_weight: float = 0.0
    temporal: Sequence[Temporal] = field(default_factory=tuple)
    criterion: str = "mse"
    normalize_gradients: bool = False
    free: Tensor | None = None

    TERMS = ("content", "style", "temporal", "tv")

    @classmethod
    def losses(cls, terms: Sequence[float]) -> dict[str, float]:
        """Weighted terms, in the order of `TERMS`, by name, with their `total` first."""
        return {"total": sum(terms), **dict(zip(cls.TERMS, terms, strict=True))}

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted terms (4,), in the order of `TERMS`, and the gradient of their sum (1, 3, H, W); nothing is read back to the host."""
        # Two graphs: the network's runs in its own number format and order of memory, the pixel terms stay float32.
        with torch.enable_grad():
            image = image.detach().requires_grad_()
            content = image.new_zeros(())
            style = image.new_zeros(())
            if self.content or self.style:
                for name, features in self.network(image).items():
                    if name in self.content:
                        weight = self.content_weight * self.content_layers.get(name, 1.0)
                        content = content + weight * _ContentLoss.apply(features, self.content[name], self.normalize_gradients)
                    for region in self.style:
                        if name in region.targets:
                            weight = self.style_weight * self.style_layers.get(name, 1.0) * region.share
                            style = style + weight * _StyleLoss.apply(features, *region.targets[name], self.normalize_gradients)
            temporal = image.new_zeros(())
            for one in self.temporal if self.temporal_weight else ():
                temporal = temporal + self.temporal_weight * temporal_loss(image, one.warped, one.mask, self.criterion)
            tv = self.tv_weight * total_variation(image) if self.tv_weight else image.new_zeros(())
            terms = torch.stack((content, style, temporal, tv))
            (gradient,) = torch.autograd.grad(terms.sum(), image)
        return terms.detach(), gradient if self.free is None else gradient * self.free


class _ContentLoss(torch.autograd.Function):
    """`content_loss` that keeps no float32 copy of the features for the way back."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, normalize: bool) -> Tensor:
        ctx.save_for_backward(features, target)
        ctx.normalize = normalize
        return content_loss(features, target)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None]:
        features, target = ctx.saved_tensors
        gradient = (features - target).mul_(2 / features.numel())
        return _scaled(gradient, outputs[0], ctx.normalize), None, None


class _StyleLoss(torch.autograd.Function):
    """`style_loss` with Gram sums in float32 and the gradient's product in the features' own number format."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, guide: Tensor | None, normalize: bool) -> Tensor:
        difference = gram_matrix(features, guide) - target
        ctx.save_for_backward(features, difference, guide)
        ctx.normalize = normalize
        return difference.square().mean()

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None, None]:
        features, difference, guide = ctx.saved_tensors
        area = features[0, 0].numel() if guide is None else guide.square().sum()
        scale = 4 / (difference.numel() * (features.shape[1] * area))
        # The symmetric difference on the right keeps the channels last, as the convolutions want them.
        product = features[0].flatten(1).T @ (scale * difference).to(features.dtype)
        if guide is not None:
            product *= guide.square().to(product.dtype).reshape(-1, 1)
        gradient = product.T.unflatten(1, features.shape[2:])[None]
        return _scaled(gradient, outputs[0], ctx.normalize), None, None, None


def _scaled(gradient: Tensor, factor: Tensor, normalize: bool) -> Tensor:
    if normalize:
        factor = factor / (gradient.abs().sum(dtype=torch.float32) + 1e-8)
    return gradient * factor.to(gradient.dtype)


def _accumulable(x: Tensor) -> Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
