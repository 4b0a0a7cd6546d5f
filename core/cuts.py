# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a new shot begins.

A cut is told from fast motion by what is left after motion: two frames of one shot, moved onto each other along their flow,
nearly agree; two of different shots do not, and flow and inverse flow do not confirm each other either.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .consistency import mask
from .flow import DIS

__all__ = ["is_cut", "thumbnail"]

Array = NDArray[np.float32]

_SIDE = 192  # longer side in pixels: enough to tell shots apart, and a millisecond to compare
_RESIDUAL = 0.6  # measured on a film with five cuts: 1.04 to 1.85 at cuts, 0.37 at most elsewhere
_RELIABLE = 0.4  # likewise: 0.26 at most at cuts, 0.48 at least elsewhere
_LEAST_CONTRAST = 0.02  # of display white; below, a frame is blank and everything else would count as different


def thumbnail(rgb: Array) -> Array:
    """The frame (H, W, 3), display sRGB in 0..1, at the size at which frames are compared."""
    height, width = rgb.shape[:2]
    scale = min(_SIDE / max(height, width), 1.0)
    return cv2.resize(rgb, (max(round(width * scale), 1), max(round(height * scale), 1)), interpolation=cv2.INTER_AREA).astype(np.float32)


def is_cut(before: Array, after: Array) -> bool:
    """Whether a new shot begins with `after`; both are thumbnails of consecutive frames, of one size."""
    estimator = DIS()
    flow, inverse = estimator.estimate(after, before), estimator.estimate(before, after)
    if mask(flow, inverse, "binary").mean() >= _RELIABLE:
        return False
    height, width = after.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(before, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    contrast = max(np.abs(after - after.mean((0, 1))).mean(), _LEAST_CONTRAST)
    return bool(np.abs(moved - after).mean() > _RESIDUAL * contrast)
