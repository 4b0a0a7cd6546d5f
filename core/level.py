# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The level of a shot: how far its frames are painted, so that the look of the last is that of the first.

The objective never stops falling within a sensible number of iterations. A later frame starts where the one before ended: given
iterations of its own whatever it looks like, it would go on where that one stopped, and a shot would wander away from its first
frame. Even where nothing moves, the temporal loss only slows that down. So a later frame is finished once its losses are down to the
shot's level. The level is the sum of a frame's losses but the temporal one, which a first frame does not have.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["following", "is_reached", "least", "of"]

Array = NDArray[np.float32]

_TOLERANCE = 0.005
"""What counts as equal: above what grain changes in the losses of a picture, below what is seen."""
_UNCOVERED = 0.01
"""Part of the frame that is worth all iterations when it has just come into view. The losses of the whole frame hardly feel it."""
_SPECK = 5
"""Width in pixels of what does not count as that."""


def of(terms: Sequence[float]) -> float:
    """The level of a frame with these loss terms, in the order of `Objective.TERMS`."""
    content, style, _, tv = terms
    return content + style + tv


def is_reached(level: float, terms: Sequence[float]) -> bool:
    """Whether a frame with these terms is painted no worse than the shot's level."""
    return of(terms) <= (1 + _TOLERANCE) * level


def least(iterations: int, trusted: Array) -> int:
    """How many of its `iterations` a frame takes in any case, because a part of it has just come into view.

    Args:
        trusted: (H, W) in 0..1, where earlier results are known. Specks in it are grain's doing, and strokes are wider; but of what comes
            in over the border more will follow, so two pixels of it are enough. A single one can be grain's, too.
    """
    beyond = _SPECK - 2
    lacking = cv2.copyMakeBorder((trusted < 0.5).astype(np.uint8), *4 * (beyond,), cv2.BORDER_CONSTANT, value=1)
    square = np.ones((_SPECK, _SPECK), np.uint8)
    lacking = cv2.morphologyEx(lacking, cv2.MORPH_OPEN, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    lacking = lacking[beyond:-beyond, beyond:-beyond]
    return round(iterations * min(float(lacking.mean()) / _UNCOVERED, 1.0))


def following(level: float | None, terms: Sequence[float], *, is_enough: bool, is_start: bool) -> float:
    """The level for the next frame of the shot, after one that ended with `terms`.

    Painting does not lower it, or it would sink from frame to frame. It follows the content: down at once where a frame is better
    than the level before any painting, up a little with every frame that did not get there.

    Args:
        level: that of the frame before; None at the first of a shot.
        is_enough: whether the frame ended because it had reached the level.
        is_start: whether it had from the start.
    """
    total = of(terms)
    if level is None or (is_start and total < (1 - _TOLERANCE) * level):
        return total
    return level if is_enough else min(total, (1 + _TOLERANCE) * level)
