# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of the engine and of the libraries that it stands on."""

from __future__ import annotations

import platform

import cv2
import numpy as np
import OpenImageIO
import torch

from . import __version__

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Versions of the engine and of what its pixels depend on."""
    return {
        "brushflow": __version__,
        "python": platform.python_version(),
        # As plain text: whoever unpickles what torch has there loads torch, on Ray the process that hands on events among others.
        "torch": str(torch.__version__),
        "opencv": cv2.__version__,
        "openimageio": OpenImageIO.VERSION_STRING,
        "numpy": np.__version__,
    }
