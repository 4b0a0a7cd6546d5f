# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes into view starts from strokes that are borrowed from where the frame looks alike.

The style loss compares statistics of the whole frame and hardly notices a small part that is not painted: a start from the content
leaves a bare wake behind whatever moves. What painting has changed in places of the same look, laid over the content, is painted
already, does not smear, and keeps the shapes of what came into view even where nothing else looks quite like it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["borrowed"]

Array = NDArray[np.float32]

_PATCHES = 24
"""Patches along the longer side: about as large as the strokes, which grow with the frame."""
_TRUSTED = 0.9
_NEARNESS = (0.25, 0.5)
"""What a distance of the whole frame counts across and down, against a difference between black and white."""


def borrowed(content: Array, painted: Array, trusted: Array, side: Array | None = None) -> Array:
    """The painted frame; its untrusted parts are the content with overlapping patches of what painting changed in trusted ones.

    Args:
        content: (H, W, 3) display sRGB in 0..1.
        painted: (H, W, 3), what is known of the result.
        trusted: (H, W) in 0..1, where it is known.
        side: (H, W) in 0..1, the part of the frame that lends and borrows; None is all of it.

    Returns (H, W, 3), to be used where `trusted` is below 1; the content where nothing is trusted.
    """
    height, width = trusted.shape
    half = max(round(max(height, width) / _PATCHES / 2), 4)
    size, stride = 2 * half, max(half // 3, 1)
    kernel = np.ones((size, size), np.uint8)
    lends, lacks = trusted > _TRUSTED, trusted < 1
    if side is not None:
        lends, lacks = lends & (side > _TRUSTED), lacks & (side > 0)
    whole = cv2.erode(lends.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    lenders = np.argwhere(whole[::stride, ::stride]) * stride
    borrowers = np.argwhere(cv2.dilate(lacks.astype(np.uint8), kernel)[::half, ::half]) * half
    if not (len(lenders) and len(borrowers)):
        return content
    looks = _looks(content, half)
    chosen = _nearest(looks[tuple(borrowers.T)], looks[tuple(lenders.T)])

    source = cv2.copyMakeBorder(painted - content, half, half, half, half, cv2.BORDER_REFLECT_101)
    edge = np.hanning(size + 2)[1:-1].astype(np.float32)
    window = np.outer(edge, edge)[..., None]
    total: Array = np.zeros_like(source)
    share: Array = np.zeros((*source.shape[:2], 1), np.float32)
    for (y, x), (from_y, from_x) in zip(borrowers, lenders[chosen], strict=True):
        total[y : y + size, x : x + size] += window * source[from_y : from_y + size, from_x : from_x + size]
        share[y : y + size, x : x + size] += window
    covered = np.where(share > 0, total / np.maximum(share, 1e-6), source)
    return np.clip(content + covered[half : half + height, half : half + width], 0.0, 1.0, dtype=np.float32)


def _looks(content: Array, half: int) -> Array:
    """(H, W, 8): the color of each pixel's near and wider surroundings, and its place."""
    height, width = content.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width)
    near, wide = (cv2.GaussianBlur(content, (0, 0), deviation, borderType=cv2.BORDER_REFLECT_101) for deviation in (half / 4, half))
    return np.dstack([near, wide, _NEARNESS[0] * x, _NEARNESS[1] * y])


def _nearest(borrowers: Array, lenders: Array) -> NDArray[np.intp]:
    """Index of the nearest lender of each borrower, a few borrowers at a time to bound the memory."""
    return np.concatenate(
        [
            np.square(some[:, None] - lenders[None]).sum(2).argmin(1)
            for some in np.array_split(borrowers, max(len(borrowers) // 64, 1))
        ]
    )
