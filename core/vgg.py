# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The convolutions of VGG (Simonyan and Zisserman 2014) by layer name, frozen.

Only the layers up to the deepest one asked for are built. Convolutions keep the picture's size, five poolings halve it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["CHANNELS", "MIN_SIZE", "VGG", "Block", "Strip", "Visit", "joined", "layers", "shape", "strips"]

CHANNELS = (64, 128, 256, 512, 512)
"""Output channels of the five blocks."""

MIN_SIZE = 16
"""Smallest side in pixels that leaves one pixel after the four poolings before block 5."""

_DEPTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def layers(network: str) -> tuple[str, ...]:
    """Names of the convolutions of `network` in order: "conv1_1", "conv1_2", …"""
    return tuple(f"conv{block}_{layer}" for block, depth in enumerate(_DEPTHS[network], 1) for layer in range(1, depth + 1))


def shape(layer: str) -> tuple[int, int, int, int]:
    """Shape (O, I, 3, 3) of the weight of a convolution such as "conv2_1"."""
    block, first = int(layer[4]), layer[6:] == "1"
    inputs = (3, *CHANNELS)[block - 1] if first else CHANNELS[block - 1]
    return CHANNELS[block - 1], inputs, 3, 3


class Strip(NamedTuple):
    """Rows of a layer that are computed at a time: the `inner` ones, from the `outer` ones, in which they are those at `crop`."""

    inner: slice
    outer: slice
    crop: slice


def strips(height: int, rows: int, halo: int) -> Iterator[Strip]:
    """Equal parts of `height` rows, of about `rows` each, with the `halo` on either side that they depend on; 0 rows are all.

    Inner rows begin at even ones, so that the poolings of all strips are those of the whole layer.
    """
    count = max(min(round(height / rows), height // 2), 1) if rows else 1
    ends = [*(height * index // (2 * count) * 2 for index in range(count)), height]
    for top, bottom in pairwise(ends):
        outer = slice(max(top - halo, 0), min(bottom + halo, height))
        yield Strip(slice(top, bottom), outer, slice(top - outer.start, bottom - outer.start))


Visit = Callable[[str, slice, int, Tensor], None]
"""Takes a layer's name, some of its rows, its height, and its features (1, C, H, W) there."""


def joined(parts: Sequence[Tensor]) -> Tensor:
    """(B, C, H, W) of the strips of a layer."""
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts), 2)


class _Convolution(NamedTuple):
    name: str  # of its rectified output, "relu1_1"
    weight: Tensor
    bias: Tensor


class Block:
    """Convolutions of one resolution, and the pooling that follows unless the block is the last.

    Args:
        names: the rectified layers to give.
    """

    def __init__(self, names: Collection[str], pool: Callable[[Tensor, int], Tensor]) -> None:
        self.convolutions: list[_Convolution] = []
        self.is_last = True
        self._names, self._pool = names, pool

    def up_to(self, names: Collection[str]) -> Block:
        """A block that gives those of its layers that are in `names`, and is the last if it has the deepest of them."""
        part = Block(names, self._pool)
        inside = [number for number, one in enumerate(self.convolutions, 1) if one.name in names]
        part.is_last = len(inside) == len(names)
        part.convolutions = self.convolutions[: inside[-1]] if part.is_last else self.convolutions
        return part

    @property
    def names(self) -> list[str]:
        """The layers that it gives, in order."""
        return [one.name for one in self.convolutions if one.name in self._names]

    def __call__(self, x: Tensor, crop: slice | None = None) -> tuple[dict[str, Tensor], Tensor]:
        """Features (B, C, H, W) by name, and what goes on to the next block, if any; of a `crop` of the rows where one is given."""
        features: dict[str, Tensor] = {}
        x = x.to(self.convolutions[0].weight.dtype, memory_format=torch.channels_last)
        for name, weight, bias in self.convolutions:
            # In place: a convolution with frozen weights needs its input and output for nothing but the rectifier.
            x = F.conv2d(x, weight, bias, padding=1).relu_()
            if name in self._names:
                features[name] = x if crop is None else x[:, :, crop]
        if self.is_last:
            return features, x[:, :, :0]
        return features, self._pool(x if crop is None else x[:, :, crop], 2)

    def strips(self, x: Tensor, rows: int) -> Iterator[Strip]:
        """The strips of an input in which the block can be computed. Every convolution depends on one row more on either side."""
        return strips(x.shape[2], rows, len(self.convolutions))

    def sweep(self, x: Tensor, rows: int, visit: Visit) -> Tensor:
        """What goes on to the next block, computed in strips of about that many `rows`; `visit` sees the features of each."""
        parts = []
        for strip in self.strips(x, rows):
            features, part = self(x[:, :, strip.outer], strip.crop)
            for name, values in features.items():
                visit(name, strip.inner, x.shape[2], values)
            parts.append(part)
        return joined(parts)


class VGG:
    """The features of a picture at named layers.

    Args:
        weights: ``convB_L.weight`` (O, I, 3, 3) and ``convB_L.bias`` (O,) in float32, input channels RGB.
        names: the rectified layers to give, such as ``relu4_2``.
        dtype: number format of the activations.
        pooling: ``max`` or ``average``.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], names: Collection[str], *, device: torch.device, dtype: torch.dtype, pooling: str = "max"
    ) -> None:
        self.names = frozenset(names)
        self.device, self.dtype = device, dtype
        pool = F.max_pool2d if pooling == "max" else F.avg_pool2d
        self.blocks: list[Block] = []
        wanted, number = set(names), ""
        for key in weights:
            if not wanted:
                break
            if not key.endswith(".weight"):
                continue
            name = key.removesuffix(".weight")
            weight = weights[key].to(device, dtype).contiguous(memory_format=torch.channels_last)
            bias = weights[f"{name}.bias"].to(device, dtype)
            rectified = name.replace("conv", "relu")
            if name[4] != number:
                if self.blocks:
                    self.blocks[-1].is_last = False
                self.blocks.append(Block(self.names, pool))
                number = name[4]
            self.blocks[-1].convolutions.append(_Convolution(rectified, weight, bias))
            wanted.discard(rectified)
        if wanted:
            raise ValueError(f"the network has no layer {', '.join(sorted(wanted))}")

    def up_to(self, names: Collection[str]) -> VGG:
        """The same network, no deeper than the layers `names`, which it gives; the tensors are the same."""
        part, left = copy(self), frozenset(names)
        part.names, part.blocks = left, []
        for block in self.blocks:
            if left:
                part.blocks.append(block.up_to(left))
                left -= {one.name for one in block.convolutions}
        return part

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Features (B, C, H', W') by name of an `image` (B, 3, H, W), RGB 0..255 minus the mean, in the order of the layers."""
        x, features = image, dict[str, Tensor]()
        for block in self.blocks:
            found, x = block(x)
            features |= found
        return features

    def sweep(self, image: Tensor, rows: int, visit: Visit) -> None:
        """Let `visit` see the features of an `image` strip by strip, without a graph; see `Block.sweep`."""
        with torch.no_grad():
            x = image
            for block in self.blocks:
                x = block.sweep(x, rows, visit)
