# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backward warping along optical flow: ω of section 4.2 of Ruder, Dosovitskiy, Brox (2016).

Flow is in pixels, x right and y down; a flow that is defined on frame a and points to frame b brings b onto a's grid.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["inside", "sharply_warped", "warp"]

Array = NDArray[np.float32]


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """`image` seen through `flow`: out(p) = image(p + flow(p)), bilinear, the border replicated.

    Integer motion is exact to the bit, and all devices use the same arithmetic: this is why it does not go through
    `grid_sample`, whose normalized coordinates round and whose border mode some devices lack.

    Args:
        image: (B, C, H, W), any floating type.
        flow: (B or 1, 2, H, W), pixels, (x, y).

    Returns:
        (B, C, H, W) of the type of `image`; differentiable with respect to both.
    """
    if image.ndim != 4 or flow.ndim != 4 or flow.shape[1] != 2 or image.shape[-2:] != flow.shape[-2:]:
        raise ValueError(f"warp needs an image (B, C, H, W) and a flow (B, 2, H, W), not {tuple(image.shape)} and {tuple(flow.shape)}.")
    batch, channels, height, width = image.shape
    x, y = _targets(flow)
    x = torch.nan_to_num(x).clamp(0, width - 1)
    y = torch.nan_to_num(y).clamp(0, height - 1)
    left, top = x.detach().floor(), y.detach().floor()
    s, t = (x - left).unsqueeze(1).to(image.dtype), (y - top).unsqueeze(1).to(image.dtype)
    corner = top.long() * width + left.long()
    right, below = (left < width - 1).long(), (top < height - 1).long() * width
    flat = image.reshape(batch, channels, height * width)

    def at(index: Tensor) -> Tensor:
        return flat.gather(2, index.reshape(-1, 1, height * width).expand(batch, channels, -1)).reshape(image.shape)

    upper = torch.lerp(at(corner), at(corner + right), s.expand_as(image))
    lower = torch.lerp(at(corner + below), at(corner + below + right), s.expand_as(image))
    return torch.lerp(upper, lower, t.expand_as(image))


def sharply_warped(picture: Array, flow: Array) -> Array:
    """`picture` seen through `flow` as `warp` brings it, but with Lanczos' kernel over eight pixels: to be looked at or painted on.

    Bilinear interpolation takes the fine texture away of which a painting consists, and a frame that starts from it spends its first
    iterations on giving it back. Integer motion is exact here, too.

    Args:
        picture: (H, W, 3) display sRGB in 0..1.
        flow: (H, W, 2) in pixels, rounded to 1/32.

    Returns (H, W, 3) in 0..1.
    """
    height, width = flow.shape[:2]
    x, y = (one[0].numpy() for one in _targets(torch.from_numpy(flow).permute(2, 0, 1)[None]))
    # Far beyond the border everything is its last pixel, while coordinates have 16 bits.
    x, y = (np.clip(np.nan_to_num(one), -size, 2 * size) for one, size in ((x, width), (y, height)))
    moved = cv2.remap(picture, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved, 0.0, 1.0, dtype=np.float32)


def inside(flow: Tensor) -> Tensor:
    """Where p + flow(p) lies in the frame, 0 <= x <= W - 1 and 0 <= y <= H - 1: (B, 2, H, W) pixels to (B, 1, H, W) bool."""
    height, width = flow.shape[-2:]
    x, y = _targets(flow)
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).unsqueeze(1)


def _targets(flow: Tensor) -> tuple[Tensor, Tensor]:
    height, width = flow.shape[-2:]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype).unsqueeze(1)
    return columns + flow[:, 0], rows + flow[:, 1]
