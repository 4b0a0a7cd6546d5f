# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the optical flow can be trusted: the mask c of section 4.3 of Ruder, Dosovitskiy, Brox (2016) and section 4.4's long-term masks.

The two tests are those of Sundaram, Brox, Keutzer (2010), section 4.1. Flow is in pixels, x right and y down, and a mask lies
on the grid of the frame on which `flow` is defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Reliability", "chained", "long_term", "mask", "reliability", "reliability_map"]

Array = NDArray[np.float32]

_BLUR_SIGMA = 0.8
_BLUR_TAPS = 5
_MARGIN = 0.001  # taken off before rounding down, so that float rounding cannot lift a value to the next one


class Reliability(IntEnum):
    """What the flow of a pixel is worth; the first test that a pixel fails decides."""

    RELIABLE = 0
    OUTSIDE = 1
    DISOCCLUSION = 2
    MOTION_BOUNDARY = 3


_SOFTENED = np.array([255, 0, -255, 0], np.float32)  # the value of each class before the blur


def reliability(flow: Array, inverse: Array, *, rule: Literal["inside", "reference"] = "inside") -> NDArray[np.uint8]:
    """The class of each pixel of frame a.

    Args:
        flow: (H, W, 2) from a to b, f in the paper's equations.
        inverse: (H, W, 2) from b to a.
        rule: "inside" takes every target in the frame, 0 <= p + f(p) <= W - 1; "reference" calls those in the last row
            and column outside too, as the paper's program does, because a neighbor for the interpolation is missing.

    Returns:
        (H, W) values of `Reliability`.
    """
    if flow.shape != inverse.shape or flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"Both flows must be (H, W, 2), not {flow.shape} and {inverse.shape}.")
    height, width = flow.shape[:2]
    u, v = flow[..., 0], flow[..., 1]
    x, y, inside = _targets(flow)
    outside = ~inside if rule == "inside" else ~(inside & (x < width - 1) & (y < height - 1))
    w = _sample(inverse, np.where(outside, 0, x), np.where(outside, 0, y))
    motion, back = _square(flow), _square(w)
    disocclusion = ~(_square(flow + w) < 0.01 * (motion + back) + 0.5)  # so written, an inverse that is not a number is not trusted
    boundary = _square_gradient(u) + _square_gradient(v) > 0.01 * motion + 0.002
    classes = np.full((height, width), Reliability.RELIABLE, np.uint8)
    classes[boundary] = Reliability.MOTION_BOUNDARY
    classes[disocclusion] = Reliability.DISOCCLUSION
    classes[outside] = Reliability.OUTSIDE
    return classes


def mask(flow: Array, inverse: Array, kind: Literal["soft", "binary"] = "soft", reference_border: bool = False) -> Array:
    """The weight c of the temporal loss, (H, W) in 0..1, on the grid of `flow`.

    "binary" is the paper's c; "soft" is what its program makes of it, a blur that lets disocclusions reach further.
    """
    classes = reliability(flow, inverse, rule="reference" if reference_border else "inside")
    if kind == "binary":
        return (classes == Reliability.RELIABLE).astype(np.float32)
    return np.clip(_softened(classes) / 255, 0.0, 1.0, dtype=np.float32)


def reliability_map(flow: Array, inverse: Array, *, binary: bool = False) -> NDArray[np.uint8]:
    """(H, W) 0..255 as the paper's program writes it, where a fully reliable pixel is 254; with `binary` 0 or 255."""
    classes = reliability(flow, inverse, rule="reference")
    if binary:
        return np.where(classes == Reliability.RELIABLE, 255, 0).astype(np.uint8)
    return np.clip(_softened(classes) - _MARGIN, 0, 255).astype(np.uint8)


def long_term(masks: Sequence[Array], combine: Literal["nearest", "normalize"] = "nearest") -> list[Array]:
    """The masks c_long of several earlier frames, which never sum to more than 1 at any pixel.

    Args:
        masks: (H, W) in 0..1 each, of the nearest frame first.
        combine: "nearest" lets each pixel hold to the nearest frame in which it can be trusted (the paper's equation 8, subtracting
            what is already taken, as its program does); "normalize" divides by the sum where that is above 1.
    """
    if combine == "normalize":
        total = np.maximum(np.sum(masks, axis=0, dtype=np.float64), 1.0)
        return [(one / total).astype(np.float32) for one in masks]
    remaining = np.ones_like(masks[0])
    taken = []
    for one in masks:
        # c_j minus the nearer ones' sum, which is 1 minus what remains
        part = np.maximum(one - (1 - remaining), 0)
        taken.append(part)
        remaining = remaining - part
    return taken


def chained(flows: Sequence[Array], masks: Sequence[Array]) -> tuple[Array, Array]:
    """Flow and mask of two frames at a distance, from those of the steps between them.

    Args:
        flows: (H, W, 2) of each step, the first on the grid of the frame to start from, each next on that of the frame reached.
        masks: (H, W) in 0..1 of the same steps.

    Returns:
        f(p) = f_1(p) + f_2(p + f_1(p)) + …, (H, W, 2), and the product of the masks along the way, (H, W), on the first frame's grid.
        A pixel that has left the frame keeps the flow by which it left, and has mask 0.
    """
    flow, weight = np.array(flows[0], np.float32), np.array(masks[0], np.float32)
    for step, trusted in zip(flows[1:], masks[1:], strict=True):
        x, y, inside = _targets(flow)
        x, y = np.where(inside, x, 0), np.where(inside, y, 0)
        flow = np.where(inside[..., np.newaxis], flow + _sample(step, x, y), flow)
        inside &= _targets(flow)[2]
        weight = np.where(inside, weight * _sample(np.dstack([trusted, trusted]), x, y)[..., 0], 0)
    return flow, weight


def _softened(classes: NDArray[np.uint8]) -> Array:
    # BORDER_REFLECT repeats the edge sample: -1 is 0, -2 is 1.
    size = (_BLUR_TAPS, _BLUR_TAPS)
    return np.asarray(cv2.GaussianBlur(_SOFTENED[classes], size, _BLUR_SIGMA, borderType=cv2.BORDER_REFLECT), np.float32)


def _targets(flow: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Where each pixel is seen, p + f(p), and whether that lies in the frame; what is not a number does not."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, np.newaxis] + flow[..., 1]
    return x, y, (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _square(vectors: Array) -> Array:
    return np.square(vectors[..., 0]) + np.square(vectors[..., 1])


def _square_gradient(component: Array) -> Array:
    padded = np.pad(component, 1, mode="edge")
    across = padded[1:-1, 2:] - padded[1:-1, :-2]
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    return 0.25 * (np.square(across) + np.square(down))


def _sample(field: Array, x: Array, y: Array) -> Array:
    """`field` at (x, y), bilinear; cv2.remap rounds its weights to 1/32, which moves pixels from one class to another."""
    height, width = field.shape[:2]
    left, top = np.floor(x), np.floor(y)
    s, t = x - left, y - top
    column, row = left.astype(np.int32), top.astype(np.int32) * width
    after = np.minimum(column + 1, width - 1)
    below = np.minimum(row + width, (height - 1) * width)
    values = np.ascontiguousarray(field, np.float32).view(np.complex64).ravel()  # both components in one go
    upper = (1 - s) * values.take(row + column) + s * values.take(row + after)
    lower = (1 - s) * values.take(below + column) + s * values.take(below + after)
    return ((1 - t) * upper + t * lower)[..., np.newaxis].view(np.float32)
