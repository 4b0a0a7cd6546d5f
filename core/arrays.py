# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays on disk to the bit, whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .files import atomic

__all__ = ["read_array", "write_array"]

Array = NDArray[np.float32]

_reading = threading.Lock()
"""numpy parses a file's header with `ast`, which fails now and then in Python 3.11 when two threads do it at once."""


def read_array(path: Path) -> Array:
    """What `write_array` wrote; raises OSError, ValueError or EOFError where it is not there or not whole."""
    with _reading:
        loaded: Array = np.load(path, allow_pickle=False)
    return loaded


def write_array(path: Path, array: Array) -> None:
    whole = np.ascontiguousarray(array)
    with atomic(path) as partial, partial.open("wb") as stream:
        # np.save would tell of a full disk how many values were written, and not that it is full.
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(whole))
        stream.write(whole.data)
