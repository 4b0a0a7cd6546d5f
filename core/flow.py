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

__all__ = ["DIS", "FlowError", "FlowEstimator", "estimator"]

Array = NDArray[np.float32]


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

    _SMALLEST = 32  # below it, OpenCV ends the process

    def estimate(self, a: Array, b: Array) -> Array:
        """See `FlowEstimator`; equal frames give equal bits, whatever the number of threads."""
        if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3:
            raise ValueError(f"Both frames must be (H, W, 3) of one size, not {a.shape} and {b.shape}.")
        height, width = a.shape[:2]
        method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flow = method.calc(self._gray(a), self._gray(b), None)  # type: ignore[call-overload]  # None: no first guess
        return np.ascontiguousarray(flow[:height, :width], np.float32)

    def _gray(self, rgb: Array) -> NDArray[np.uint8]:
        gray = cv2.cvtColor(np.rint(np.clip(rgb, 0.0, 1.0) * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
        height, width = gray.shape
        below, right = max(self._SMALLEST - height, 0), max(self._SMALLEST - width, 0)
        return np.pad(gray, ((0, below), (0, right)), mode="edge")


def estimator(name: str) -> FlowEstimator:
    """The estimator of the setting `flow`; raises FlowError for an unknown name."""
    known = {DIS.name: DIS}
    if name not in known:
        raise FlowError(f"There is no flow estimator '{name}'; choose {' or '.join(known)}.")
    return known[name]()
