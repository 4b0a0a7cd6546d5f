# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory this process has, and has had at most, in bytes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["peak", "resident"]


def resident() -> int:
    """What it has now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def peak() -> int | None:
    """The most that it has had; None where the system does not tell."""
    try:
        # On Linux, getrusage begins with what the process had that started this one: Blender with a large project.
        lines = [line.split() for line in Path("/proc/self/status").read_text().splitlines()]
        return next(int(line[1]) * 1024 for line in lines if line[:1] == ["VmHWM:"])
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
