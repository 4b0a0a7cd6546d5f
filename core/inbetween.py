# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames between two painted ones, as an animator's inbetweener draws them: held, or made of both neighbors along the flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .losses import Objective
from .painter import Painted
from .passes import Step
from .pictures import array, plane, tensor
from .start import Earlier, borrowed_by_sides, brought, see

__all__ = ["inbetween"]

Array = NDArray[np.float32]

_NO_LOSSES = Objective.losses((0.0,) * len(Objective.TERMS))


def inbetween(
    step: Step,
    content: Array,
    earlier: Mapping[int, Earlier],
    uncovered: str,
    device: torch.device,
    *,
    matte: Array | None = None,
    sides: Sequence[Array] = (),
) -> Painted:
    """The frame of a step that is not painted.

    Args:
        content: (H, W, 3) display sRGB at the working size.
        earlier: the painted neighbors that `step.needs` names, by index, with their flows unless the frame is held.
        uncovered: the setting: what is seen where neither neighbor can be trusted.
        matte: (H, W) in 0..1 at the working size, 1 inside; `sides` are its painted sides.
    """
    if step.start == "held":
        result = earlier[step.previous].result
        return Painted(result, 0, _NO_LOSSES)
    picture = tensor(content, device)
    seen = see(earlier, picture, matte)
    trusted = {index: plane(seen[index].trusted, device) for index, _ in step.blended}
    painted = {index: brought(earlier[index], picture) for index, _ in step.blended}
    moved = torch.stack([weight * painted[index] for index, weight in step.blended]).sum(0)
    share = torch.stack([weight * trusted[index] for index, weight in step.blended]).sum(0)
    known = torch.stack([weight * trusted[index] * painted[index] for index, weight in step.blended]).sum(0)
    known = torch.where(share > 0, known / share.clamp_min(1e-6), moved)
    most = torch.stack(list(trusted.values())).amax(0)
    fill = moved
    if uncovered == "borrowed":
        fill = tensor(borrowed_by_sides(content, array(known), most[0, 0].cpu().numpy(), sides), device)
    elif uncovered == "content":
        fill = picture
    result = array(most * known + (1 - most) * fill)
    return Painted(result, 0, _NO_LOSSES, warped=seen[step.previous].warped)
