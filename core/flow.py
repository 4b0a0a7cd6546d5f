# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optical flow: w of section 4 of Ruder, Dosovitskiy, Brox (2016).

Flow that is estimated from a to b is defined on a's grid, in pixels, x right and y down: pixel p of a is seen at p + flow(p) in b.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DIS", "ESTIMATORS", "FlowError", "FlowEstimator", "check_pair", "estimator", "inverse_search", "padded"]

Array = NDArray[np.float32]

ESTIMATORS = ("dis", "large", "raft")
"""The names that `estimator` knows."""

_SMALLEST = 32  # pixels on a side; below, OpenCV ends the process


class FlowError(Exception):
    """A flow file or an estimator that cannot be used; the message is one sentence."""


class FlowEstimator(Protocol):
    """Anything that finds the motion between two frames."""

    name: str

    def estimate(self, a: Array, b: Array) -> Array:
        """Flow from `a` to `b`, both (H, W, 3) display sRGB in 0..1: (H, W, 2) pixels on a's grid."""
        ...


class DIS:
    """Dense inverse search (Kroeger et al. 2016) by OpenCV, medium preset: a third of a pixel off on slow scenes, lost beyond 30 pixels."""

    name = "dis"

    def estimate(self, a: Array, b: Array) -> Array:
        """See `FlowEstimator`; equal frames give equal bits, whatever the number of threads."""
        height, width = check_pair(a, b)
        return np.ascontiguousarray(inverse_search(padded(a), padded(b))[:height, :width])


def estimator(name: str, device: str = "cpu") -> FlowEstimator:
    """The estimator `name` of `ESTIMATORS`; raises FlowError for another name, or where the weights that it needs cannot be had.

    Args:
        device: where a network that estimates flow computes, by torch's name; the others compute on the CPU.
    """
    if name == "large":
        from .large_motion import LargeMotion

        return LargeMotion.with_published_weights()
    if name == "raft":
        from .raft import RAFT

        return RAFT.with_published_weights(device)
    if name != DIS.name:
        raise FlowError(f"There is no flow estimator '{name}'; choose {', '.join(ESTIMATORS[:-1])} or {ESTIMATORS[-1]}.")
    return DIS()


def check_pair(a: Array, b: Array) -> tuple[int, int]:
    """Height and width of two frames of one size, (H, W, 3) each; raises ValueError where they are anything else."""
    if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3:
        raise ValueError(f"Both frames must be (H, W, 3) of one size, not {a.shape} and {b.shape}.")
    return a.shape[0], a.shape[1]


def padded(frame: Array) -> Array:
    """`frame` (H, W, 3) within 0..1, continued by its last row and column to the size that OpenCV needs at least."""
    below, right = (max(_SMALLEST - side, 0) for side in frame.shape[:2])
    return np.pad(np.clip(frame, 0.0, 1.0), ((0, below), (0, right), (0, 0)), mode="edge")


def inverse_search(a: Array, b: Array, seed: Array | None = None) -> Array:
    """Dense inverse search from `a` to `b`, frames as `padded` gives them: (H, W, 2) pixels.

    Args:
        seed: (H, W, 2), a first guess, which each patch takes on each scale where it fits better than what the coarser scale has
            found; the search then ends at the full size, and not at half of it.
    """
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    guess = None
    if seed is not None:
        method.setFinestScale(0)
        guess = seed.copy()  # is overwritten
    return np.asarray(method.calc(_gray(a), _gray(b), guess), np.float32)  # type: ignore[arg-type]  # None: no first guess


def _gray(rgb: Array) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.rint(rgb * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY))
