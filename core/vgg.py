# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The convolutions of VGG (Simonyan and Zisserman 2014) by layer name, frozen.

Only the layers up to the deepest one asked for are built. Convolutions keep the picture's size, five poolings halve it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["CHANNELS", "MIN_SIZE", "VGG", "layers", "shape"]

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


class _Convolution(NamedTuple):
    name: str  # of its rectified output, "relu1_1"
    weight: Tensor
    bias: Tensor
    pool: bool  # whether the input is pooled first


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
        self._pool = F.max_pool2d if pooling == "max" else F.avg_pool2d
        self._convolutions: list[_Convolution] = []
        wanted, block = set(names), "1"
        for key in weights:
            if not wanted:
                break
            if not key.endswith(".weight"):
                continue
            name = key.removesuffix(".weight")
            weight = weights[key].to(device, dtype).contiguous(memory_format=torch.channels_last)
            bias = weights[f"{name}.bias"].to(device, dtype)
            rectified = name.replace("conv", "relu")
            self._convolutions.append(_Convolution(rectified, weight, bias, pool=name[4] != block))
            block = name[4]
            wanted.discard(rectified)
        if wanted:
            raise ValueError(f"the network has no layer {', '.join(sorted(wanted))}")

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Features (B, C, H', W') by name of an `image` (B, 3, H, W), RGB 0..255 minus the mean, in the order of the layers."""
        x = image.to(self.dtype, memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for name, weight, bias, pool in self._convolutions:
            if pool:
                x = self._pool(x, 2)
            # In place: a convolution with frozen weights needs its input and output for nothing but the rectifier.
            x = F.conv2d(x, weight, bias, padding=1).relu_()
            if name in self.names:
                features[name] = x
        return features
