# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flow that lies in files: the .flo files of the Middlebury benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .files import atomic
from .flow import FlowError

__all__ = ["read_flo", "write_flo"]

Array = NDArray[np.float32]

_MAGIC = np.float32(202021.25)
_HEADER = 12
_LARGEST = 1 << 16  # pixels on a side


def read_flo(path: str | Path) -> Array:
    """The (H, W, 2) flow of a .flo file, pixels; raises FlowError where the file is not whole."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FlowError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) < _HEADER or np.frombuffer(data, "<f4", 1)[0] != _MAGIC:
        raise FlowError(f"{path} is not a .flo file: it does not begin with the number {_MAGIC:.2f}.")
    width, height = (int(size) for size in np.frombuffer(data, "<i4", 2, offset=4))
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise FlowError(f"{path} is damaged: it claims {width}x{height} pixels.")
    expected = _HEADER + 8 * width * height
    if len(data) != expected:
        raise FlowError(f"{path} is damaged: {width}x{height} pixels take {expected} bytes, but it has {len(data)}.")
    return np.frombuffer(data, "<f4", offset=_HEADER).reshape(height, width, 2).astype(np.float32)


def write_flo(path: str | Path, flow: Array) -> None:
    """Write an (H, W, 2) flow as .flo, whole or not at all; raises FlowError where the disk refuses it."""
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"A flow is (H, W, 2), not {flow.shape}.")
    path = Path(path)
    height, width = flow.shape[:2]
    head = _MAGIC.astype("<f4").tobytes() + np.array([width, height], "<i4").tobytes()
    try:
        with atomic(path) as partial:
            partial.write_bytes(head + np.ascontiguousarray(flow, "<f4").tobytes())
    except OSError as error:
        raise FlowError(f"{path} cannot be written: {error.strerror}; check the folder, its permissions and the space left.") from error
