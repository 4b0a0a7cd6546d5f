# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame was made from, as layers of an EXR that Blender opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .color import srgb_to_linear
from .exr import write_layers

__all__ = ["write_debug"]

Array = NDArray[np.float32]


def write_debug(path: Path, *, start: Array, flow: Array | None = None, mask: Array | None = None, warped: Array | None = None) -> None:
    """Write the layers Start, Warped (RGB), Mask and Flow (X right, Y down, Z 0) of the view layer "Brushflow"; raises FrameError.

    Args:
        start: (H, W, 3) display sRGB, what the frame started from; `warped` likewise, the previous result moved onto its grid.
        flow: (H, W, 2) pixels, to the previous frame; `mask` (H, W) in 0..1, where it can be trusted.

    What a first frame does not have is written as zeros, so that all frames of a shot have the same layers.
    """
    height, width = start.shape[:2]
    black = np.zeros((height, width, 3), np.float32)
    vectors = black.copy()  # Blender 5.2 reads a layer of two channels as zeros
    if flow is not None:
        vectors[..., :2] = np.nan_to_num(flow)
    write_layers(
        path,
        {
            "Brushflow.Start.RGB": srgb_to_linear(start),
            "Brushflow.Warped.RGB": black if warped is None else srgb_to_linear(warped),
            "Brushflow.Mask.V": black[..., :1] if mask is None else mask[..., np.newaxis],
            "Brushflow.Flow.XYZ": vectors,
        },
    )
