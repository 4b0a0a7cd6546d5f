# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures at other sizes, and on their way between arrays and the network's tensors."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .color import display_from_network, network_from_display
from .vgg import MIN_SIZE

__all__ = ["array", "plane", "resized", "style_size", "tensor", "working_size"]

Array = NDArray[np.float32]


def tensor(rgb: Array, device: torch.device) -> Tensor:
    """(H, W, 3) display sRGB to (1, 3, H, W) on the network's scale."""
    return network_from_display(torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).to(device)[None])


def array(picture: Tensor) -> Array:
    """The inverse of `tensor`, clamped to 0..1."""
    return np.ascontiguousarray(display_from_network(picture)[0].permute(1, 2, 0).cpu().numpy())


def plane(values: Array, device: torch.device) -> Tensor:
    """(H, W) to (1, 1, H, W)."""
    return torch.from_numpy(values).to(device)[None, None]


def resized(rgb: Array, size: tuple[int, int]) -> Array:
    """(H, W, C) or (H, W) at another width and height: averaged when it gets smaller, bicubic when larger."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    smaller = size[0] < rgb.shape[1]
    image = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return np.clip(image, 0.0, 1.0)


def style_size(size: tuple[int, int], area: float) -> tuple[int, int]:
    """Width and height of about `area` pixels in the proportions of `size`, never below what the network takes."""
    scale = math.sqrt(area / (size[0] * size[1]))
    return max(round(size[0] * scale), MIN_SIZE), max(round(size[1] * scale), MIN_SIZE)


def working_size(size: tuple[int, int], resolution: float) -> tuple[int, int]:
    """Width and height to paint at: a fraction of the frame's, never below what the network takes."""
    return max(round(size[0] * resolution), MIN_SIZE), max(round(size[1] * resolution), MIN_SIZE)
