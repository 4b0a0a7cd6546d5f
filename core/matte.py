# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two sides of a matte, each with its own paintings: guidance channels (Gatys, Ecker, Bethge, Hertzmann, Shechtman 2017, section 4).

A matte is (H, W) in 0..1, 1 inside. A side without paintings keeps the source: the statistics of style leave it out, the optimizer
does not touch it, and what is delivered is the source there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Side", "guides", "painted_part", "side"]

Array = NDArray[np.float32]
Side = Literal["inside", "outside"]

_FEWEST = 4.0
"""Pixels of a layer that a side must have there; fewer have no correlations to speak of."""


def side(matte: Array, name: Side) -> Array:
    """How much of each pixel belongs to a side, (H, W)."""
    return matte if name == "inside" else 1 - matte


def guides(part: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """A side (1, 1, H, W) on the grids of the network's layers, averaged along its poolings: (H', W') by layer.

    Layers on whose grid hardly anything is left of it are left out.
    """
    grids = [part]
    found = {}
    for layer in layers:
        block = int(layer[len("relu")])
        while len(grids) < block:
            grids.append(F.avg_pool2d(grids[-1], 2))
        guide = grids[block - 1][0, 0]
        if float(guide.square().sum()) >= _FEWEST:
            found[layer] = guide
    return found


def painted_part(matte: Array, sides: Collection[Side]) -> Array:
    """How much of each pixel is painted, (H, W), where `sides` are those that have paintings."""
    return np.ones_like(matte) if len({*sides}) > 1 else side(matte, *sides)
