# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished frame depends on, as one number: while it still fits, the frame is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from .frames import Frame
from .passes import Step
from .settings import Settings, specs

__all__ = ["ALGORITHM", "fingerprint", "frame_digest"]

ALGORITHM = 5
"""Raised whenever equal settings give other pixels than before."""


def frame_digest(frame: Frame) -> str:
    """SHA-256 of a frame's pixels."""
    digest = hashlib.sha256(str(frame.rgb.shape).encode())
    for array in (frame.rgb, frame.alpha):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def fingerprint(
    settings: Settings,
    step: Step,
    number: int,
    inputs: Sequence[str],
    styles: Sequence[tuple[str, float, str]],
    weights: str,
    earlier: Sequence[str],
) -> str:
    """SHA-256 over the algorithm's version, the settings that change pixels, and the contents of all that the frame was made from.

    Args:
        settings: with the values of this frame.
        number: decides the frame's noise.
        inputs: digests of the frame's content, its matte, the motion that it is moved by.
        styles: digests of the paintings with their shares and their side of the matte.
        weights: digest of the network's weights.
        earlier: fingerprints of the earlier results that it read, in the order of `step.needs`.
    """
    # A cut only matters by what the frame could not read, so where cuts were looked for is left out.
    unused = {"cuts"} if settings.passes > 1 else {"cuts", *(name for name, one in specs().items() if one.group == "passes")}
    values = {name: value for name, value in settings.changing_pixels().items() if name not in unused}
    facts: dict[str, Any] = {
        "algorithm": ALGORITHM,
        "settings": values,
        "first": step.is_first,
        "number": number if step.start == "random" else None,
        "pass": step.pass_number,
        "inputs": list(inputs),
        "styles": [list(style) for style in styles],
        "weights": weights,
        "earlier": list(earlier),
    }
    if step.is_between:
        facts["between"] = [step.start, [weight for _, weight in step.blended]]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
