# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small picture of the newest frame, for whoever watches a job."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .color import linear_to_srgb
from .files import atomic

__all__ = ["FILE", "SIZE", "write_thumbnail"]

Array = NDArray[np.float32]

FILE = "thumbnail.bmp"
"""Its name, in the folder cache/ of the job."""
SIZE = 384
"""Pixels of its longer side at most."""


def write_thumbnail(path: Path, rgba: Array) -> None:
    """Write a delivered frame (H, W, 4), scene-linear with alpha premultiplied, small and as display sRGB over black.

    A BMP of 32 bits, which is its pixels behind a short header: Blender's process shows it without decoding anything.
    """
    height, width = rgba.shape[:2]
    scale = min(1.0, SIZE / max(width, height))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(np.clip(rgba[..., :3], 0.0, 1.0), size, interpolation=cv2.INTER_AREA)
    display = np.rint(255 * linear_to_srgb(np.asarray(small, np.float32))).astype(np.uint8)
    _, data = cv2.imencode(".bmp", cv2.cvtColor(display, cv2.COLOR_RGB2BGRA))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as partial:
        partial.write_bytes(data.tobytes())
