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
from numpy.lib.stride_tricks import sliding_window_view
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
    chosen = _nearest(_looks(content, half, half)[tuple(borrowers.T // half)], _looks(content, half, stride)[tuple(lenders.T // stride)])

    changes = np.asarray(cv2.copyMakeBorder(painted - content, half, half, half, half, cv2.BORDER_REFLECT_101), np.float32)
    strokes = _laid_over(changes, borrowers // half, lenders[chosen], half)[half:, half:]
    filled = painted.copy()
    filled[lacks] = np.clip(content[lacks] + strokes[:height, :width][lacks], 0.0, 1.0, dtype=np.float32)
    return filled


def _laid_over(source: Array, places: NDArray[np.intp], origins: NDArray[np.intp], half: int) -> Array:
    """Patches of twice `half` a side, from `origins` in `source`, one for each of the `places` on a grid of `half`: what they mix to.

    Four patches overlap in a cell of the grid, each with another of its quarters.
    """
    cells = [(side - 1) // half for side in source.shape[:2]]
    edge = np.hanning(2 * half + 2)[1:-1].astype(np.float32)
    total: Array = np.zeros((*cells, half, 3 * half), np.float32)
    share: Array = np.zeros((*cells, half, half), np.float32)
    quarters = sliding_window_view(source.reshape(len(source), -1), (half, 3 * half))
    for down, across in ((1, 1), (1, 0), (0, 1), (0, 0)):
        y, x = (edge[half * part : half * part + half] for part in (down, across))
        quarter = np.array((down, across))
        top, left = (origins + half * quarter).T
        found = quarters[top, 3 * left]
        found *= np.outer(y, x.repeat(3))
        here = tuple((places + quarter).T)
        total[here] += found
        share[here] += np.outer(y, x)
    mixed = total.reshape(*share.shape, 3) / np.maximum(share, 1e-6)[..., np.newaxis]
    return np.asarray(mixed.swapaxes(1, 2).reshape(half * cells[0], half * cells[1], 3), np.float32)


def _looks(content: Array, half: int, stride: int) -> Array:
    """The color of a pixel's near and wider surroundings, and its place, for each `stride`-th pixel across and down: (h, w, 8)."""
    longer = max(content.shape[:2])
    y, x = np.meshgrid(*(np.arange(0, side, stride, dtype=np.float32) / longer for side in content.shape[:2]), indexing="ij")
    near, wide = (_blurred(content, deviation, stride) for deviation in (half / 4, half))
    return np.dstack([near, wide, _NEARNESS[0] * x, _NEARNESS[1] * y])


def _blurred(content: Array, deviation: float, stride: int) -> Array:
    """`content` through a Gaussian, at each `stride`-th pixel across and down alone."""
    reach = round(4 * deviation)
    kernel = np.asarray(cv2.getGaussianKernel(2 * reach + 1, deviation, cv2.CV_32F)[:, 0], np.float32)
    padded = cv2.copyMakeBorder(content, *4 * (reach,), cv2.BORDER_REFLECT_101)
    down, across = (_weights(side, kernel, stride) for side in content.shape[:2])
    rows = (down @ padded.reshape(len(padded), -1)).reshape(len(down), *padded.shape[1:])
    return np.asarray(across @ rows, np.float32)


def _weights(length: int, kernel: Array, stride: int) -> Array:
    """(n, length + len(kernel) - 1): what each pixel of a padded line counts for each `stride`-th of its inside."""
    places = range(0, length, stride)
    weights = np.zeros((len(places), length + len(kernel) - 1), np.float32)
    for row, place in zip(weights, places, strict=True):
        row[place : place + len(kernel)] = kernel
    return weights


def _nearest(borrowers: Array, lenders: Array) -> NDArray[np.intp]:
    """Index of the nearest lender of each borrower."""
    _, nearest = cv2.batchDistance(borrowers, lenders, cv2.CV_32F, normType=cv2.NORM_L2SQR, K=1)
    return np.asarray(nearest[:, 0], np.intp)
