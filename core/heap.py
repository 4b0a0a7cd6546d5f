# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the C library does with memory that is free again."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

__all__ = ["give_back", "keep"]

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h
_NEVER = 2**31 - 1
_USUAL = {_M_TRIM_THRESHOLD: 128 * 1024, _M_MMAP_MAX: 65536}


def keep() -> None:
    """Let it stay with the process, for the next tensor of its size; only the GNU C library can be told.

    Else it goes back to the system with every tensor of more than 32 MB, and comes again page by page: at 1280×720 half a million
    pages an evaluation of the objective, a sixth of its time, and at 1920×1080 half of it.
    """
    _set({_M_TRIM_THRESHOLD: _NEVER, _M_MMAP_MAX: 0})


def give_back() -> None:
    """Return to the system what is free, now and from now on, where the C library can do it."""
    _set(_USUAL)
    if (trim := _function("malloc_trim")) is not None:
        trim(0)


def _set(options: Mapping[int, int]) -> None:
    if (mallopt := _function("mallopt")) is not None:
        for option, value in options.items():
            mallopt(option, value)


def _function(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows
        return None
