# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of the objective (Ruder, Dosovitskiy, Brox 2016, sections 3 and 4) as functions of tensors.

Sums are in float32 whatever the features' number format. Pictures are (1, 3, H, W), RGB 0..255 minus the mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .checkpointing import LayerLoss, Recomputed, normalized
from .vgg import VGG, strips

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


def gram_matrix(features: Tensor, guide: Tensor | None = None, area: float | Tensor | None = None) -> Tensor:
    """Correlations G = F Fᵀ / (C·H·W), float32 (C, C), of the features (1, C, H, W) of one picture (Gatys et al. 2016).

    With a guidance channel T (H, W) in 0..1, those of a part of it, G = (T∘F) (T∘F)ᵀ / (C·ΣT²) (Gatys et al. 2017, section 4), which
    compares with the correlations of a whole picture. Of the features of a strip, `area` is that of the whole layer, H·W or ΣT²: then
    the matrices of all strips sum to that of the picture.
    """
    flat = _accumulable(features[0].flatten(1))
    if area is None:
        area = flat.shape[1] if guide is None else guide.square().sum()
    if guide is not None:
        flat = flat * guide.flatten()
    return flat @ flat.T / (len(flat) * area)


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean of (F − P)² over (1, C, H, W): a scalar."""
    return (_accumulable(features) - _accumulable(target)).square().mean()


def style_loss(features: Tensor, target: Tensor, guide: Tensor | None = None) -> Tensor:
    """Mean of (G(F) − A)² for features (1, C, H, W), a target Gram matrix A (C, C) and perhaps a guidance channel (H, W): a scalar."""
    return _LossOfLayer.apply(features, _Style(target, guide), False)


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
        network: gives the features of a picture, block by block.
        content: target features by layer.
        style: regions, whose losses count by their shares.
        content_layers, style_layers: weights by layer, 1 for those that are not named.
        temporal: earlier results that the picture is held to.
        free: (1, 1, H, W), 1 where the picture may change and 0 where its gradient is held at 0; None lets all of it change.
        checkpointing: how many of the network's blocks, from the first on, are computed again on the way back instead of being kept.
        strip_rows: rows of a layer that such a block computes at a time; 0 computes all at once.
    """

    network: VGG
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
    checkpointing: int = 0
    strip_rows: int = 0

    TERMS = ("content", "style", "temporal", "tv")

    @classmethod
    def losses(cls, terms: Sequence[float]) -> dict[str, float]:
        """Weighted terms, in the order of `TERMS`, by name, with their `total` first."""
        return {"total": sum(terms), **dict(zip(cls.TERMS, terms, strict=True))}

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted terms (4,), in the order of `TERMS`, and the gradient of their sum (1, 3, H, W); nothing is read back to the host."""
        with torch.enable_grad():
            if self.checkpointing:
                terms, gradient = self._in_strips(image)
            else:
                # Two graphs: the network's runs in its own number format and order of memory, the pixel terms stay float32.
                image = image.detach().requires_grad_()
                terms = torch.stack((*self._network_terms(image), *self._pixel_terms(image)))
                (gradient,) = torch.autograd.grad(terms.sum(), image)
        return terms.detach(), gradient if self.free is None else gradient * self.free

    def terms(self, image: Tensor) -> Tensor:
        """The weighted terms alone, to the bit, in less than half of the time."""
        with torch.no_grad():
            if self.checkpointing:
                return self._in_strips(image)[0]
            return torch.stack((*self._network_terms(image), *self._pixel_terms(image)))

    def _in_strips(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The same terms and gradient, with the graph of no more than a strip of the picture in memory at a time.

        Where no gradients are recorded, it stays 0.
        """
        height = image.shape[2]
        gradient, pixel_terms = torch.zeros_like(image), image.new_zeros(2)
        for strip in strips(height, self.strip_rows, 1):
            # The total variation of a row needs the one below.
            rows = slice(strip.inner.start, strip.outer.stop)
            part = image[:, :, rows].detach().requires_grad_()
            terms = torch.stack(self._pixel_terms(part, strip.inner, height))
            pixel_terms += terms.detach()
            if terms.requires_grad:
                gradient[:, :, rows] += torch.autograd.grad(terms.sum(), part)[0]
        image = image.detach().requires_grad_()
        network_terms = torch.stack(self._network_terms(image))
        if network_terms.requires_grad:
            gradient += torch.autograd.grad(network_terms.sum(), image)[0]
        return torch.cat((network_terms.detach(), pixel_terms)), gradient

    def _network_terms(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Content and style."""
        totals = {"content": image.new_zeros(()), "style": image.new_zeros(())}
        if self.content or self.style:
            for (term, weight, _), value in self._layers(image):
                totals[term] = totals[term] + weight * value
        return totals["content"], totals["style"]

    def _layers(self, image: Tensor) -> Iterator[tuple[_Weighted, Tensor]]:
        """The losses of the network's layers, each with its value; only the blocks from number `checkpointing` on keep their layers."""
        x = image
        for number, block in enumerate(self.network.blocks):
            if number < self.checkpointing:
                asked = [(name, one) for name in block.names for one in self._losses(name)]
                losses = [(name, one.loss) for name, one in asked]
                x, *values = Recomputed.apply(x, block, losses, self.strip_rows, self.normalize_gradients)
                yield from zip((one for _, one in asked), values, strict=True)
            else:
                found, x = block(x)
                for name, features in found.items():
                    for one in self._losses(name):
                        yield one, _LossOfLayer.apply(features, one.loss, self.normalize_gradients)

    def _losses(self, name: str) -> Iterator[_Weighted]:
        """What is asked of a layer."""
        if name in self.content:
            yield _Weighted("content", self.content_weight * self.content_layers.get(name, 1.0), _Content(self.content[name]))
        for region in self.style:
            if name in region.targets:
                weight = self.style_weight * self.style_layers.get(name, 1.0) * region.share
                yield _Weighted("style", weight, _Style(*region.targets[name]))

    def _pixel_terms(self, image: Tensor, rows: slice = slice(None), height: int = 0) -> tuple[Tensor, Tensor]:
        """Temporal loss and total variation, or what some `rows` of a picture of some `height` contribute; `image` has one row more."""
        temporal, tv = image.new_zeros(()), image.new_zeros(())
        for one in self.temporal if self.temporal_weight else ():
            warped = one.warped[:, :, rows]
            count = warped.shape[2]
            share = self.temporal_weight * (count / height if height else 1)
            temporal = temporal + share * temporal_loss(image[:, :, :count], warped, one.mask[:, :, rows], self.criterion)
        if self.tv_weight:
            tv = self.tv_weight * ((image.shape[2] - 1) / (height - 1) if height else 1) * total_variation(image)
        return temporal, tv


class _Weighted(NamedTuple):
    term: str
    weight: float
    loss: LayerLoss


class _Content:
    """`content_loss` that keeps no float32 copy of the features for the way back."""

    def __init__(self, target: Tensor) -> None:
        self._target = target

    def sums(self, features: Tensor, rows: slice, height: int) -> Tensor:
        return content_loss(features, self._target[:, :, rows]) * (features.shape[2] / height)

    def value(self, sums: Tensor) -> Tensor:
        return sums

    def gradient(self, features: Tensor, rows: slice, height: int, sums: Tensor) -> Tensor:
        return (features - self._target[:, :, rows]).mul_(2 / self._target.numel())


class _Style:
    """`style_loss` with Gram sums in float32 and the gradient's product in the features' own number format."""

    def __init__(self, target: Tensor, guide: Tensor | None = None) -> None:
        self._target, self._guide = target, guide

    def sums(self, features: Tensor, rows: slice, height: int) -> Tensor:
        return gram_matrix(features, None if self._guide is None else self._guide[rows], self._area(features, height))

    def value(self, sums: Tensor) -> Tensor:
        return (sums - self._target).square().mean()

    def gradient(self, features: Tensor, rows: slice, height: int, sums: Tensor) -> Tensor:
        difference = sums - self._target
        scale = 4 / (difference.numel() * (features.shape[1] * self._area(features, height)))
        # The symmetric difference on the right keeps the channels last, as the convolutions want them.
        product = features[0].flatten(1).T @ (scale * difference).to(features.dtype)
        if self._guide is not None:
            product *= self._guide[rows].square().to(product.dtype).reshape(-1, 1)
        return product.T.unflatten(1, features.shape[2:])[None]

    def _area(self, features: Tensor, height: int) -> Any:
        return height * features.shape[3] if self._guide is None else self._guide.square().sum()


class _LossOfLayer(torch.autograd.Function):
    """The value of a loss of features that are there as a whole."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, loss: LayerLoss, normalize: bool) -> Tensor:
        sums = loss.sums(features, slice(None), features.shape[2])
        ctx.save_for_backward(features, sums)
        ctx.loss, ctx.normalize = loss, normalize
        return loss.value(sums)

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None, None]:
        features, sums = ctx.saved_tensors
        gradient, factor = ctx.loss.gradient(features, slice(None), features.shape[2], sums), outputs[0]
        if ctx.normalize:
            factor = normalized(factor, gradient.abs().sum(dtype=torch.float32))
        return gradient * factor.to(gradient.dtype), None, None


def _accumulable(x: Tensor) -> Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
