# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame starts from: earlier results on its grid, and what takes their place where they cannot be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .borrow import borrowed
from .consistency import long_term
from .passes import Step
from .pictures import array, plane, tensor
from .settings import Settings
from .warp import inside, sharply_warped, warp

__all__ = ["Earlier", "Seen", "borrowed_by_sides", "brought", "see", "start_picture"]

Array = NDArray[np.float32]

NOISE = 0.001
"""Standard deviation of the noise that a frame can start from, on the scale of 0..255."""


@dataclass(frozen=True)
class Earlier:
    """An earlier result and how it reaches the frame: `flow` (H, W, 2) points from the frame to it, `mask` (H, W) is the paper's c.

    Both are None where the frame only starts from it. `matte` (H, W) is that of the earlier frame, if the job has one.
    """

    result: Array
    flow: Array | None = None
    mask: Array | None = None
    matte: Array | None = None


class Seen(NamedTuple):
    """An earlier result on the frame's grid, (1, 3, H, W), and where it can be trusted, (H, W) in 0..1."""

    warped: Tensor
    trusted: Array


def see(earlier: Mapping[int, Earlier], picture: Tensor, matte: Array | None = None) -> dict[int, Seen]:
    """The earlier results that have a flow, on the grid of the frame with the content `picture` (1, 3, H, W) and perhaps a matte.

    Pixels from outside of the frame are the content's. A pixel that was on the other side of the matte is not trusted.
    """
    seen = {}
    for index, one in earlier.items():
        if one.flow is None or one.mask is None:
            continue
        flow = _flow(one.flow, picture)
        warped = torch.where(inside(flow), warp(tensor(one.result, picture.device), flow), picture)
        trusted = one.mask
        if matte is not None and one.matte is not None:
            trusted = trusted * (1 - np.abs(matte - warp(plane(one.matte, picture.device), flow)[0, 0].cpu().numpy()))
        seen[index] = Seen(warped, trusted)
    return seen


def brought(one: Earlier, picture: Tensor) -> Tensor:
    """An earlier result that has a flow on the grid of the frame with the content `picture`, (1, 3, H, W), as sharp as it was.

    The temporal loss compares with what `see` gives, the paper's bilinear ω; this is what a frame is painted on.
    """
    assert one.flow is not None
    return torch.where(inside(_flow(one.flow, picture)), tensor(sharply_warped(one.result, one.flow), picture.device), picture)


def _flow(flow: Array, picture: Tensor) -> Tensor:
    """(H, W, 2) to (1, 2, H, W) on the device of `picture`."""
    return torch.from_numpy(flow).to(picture.device).permute(2, 0, 1)[None]


def start_picture(
    step: Step,
    picture: Tensor,
    earlier: Mapping[int, Earlier],
    seen: Mapping[int, Seen],
    masks: Sequence[Array],
    settings: Settings,
    noise: int,
    sides: Sequence[Array] = (),
) -> Tensor:
    """The picture (1, 3, H, W) that the frame of `step` starts from.

    Args:
        picture: its content.
        earlier: what `step.needs` names, and `seen` the same on the frame's grid.
        masks: (H, W) each, how far the frames that it is held to are trusted together.
        noise: number that decides the frame's noise, besides the seed.
        sides: (H, W) each, the painted sides of the matte: strokes are borrowed from the same side only.
    """
    match step.start:
        case "random":
            # The generator takes 32 bits of its seed; an odd factor maps all seeds to different ones.
            generator = torch.Generator().manual_seed((settings.seed * 0x9E3779B1 ^ noise) & 0xFFFFFFFF)
            return (NOISE * torch.randn(picture.shape, generator=generator)).to(picture)
        case "previous":
            return tensor(earlier[step.previous].result, picture.device)
        case "first":
            return tensor(earlier[step.shot].result, picture.device)
        case "previous_warped":
            return _moved(step, picture, earlier, seen, masks, settings, sides)
        case "blend":
            return _blend(step, picture, earlier, seen)
    return picture


def _moved(
    step: Step,
    picture: Tensor,
    earlier: Mapping[int, Earlier],
    seen: Mapping[int, Seen],
    masks: Sequence[Array],
    settings: Settings,
    sides: Sequence[Array],
) -> Tensor:
    """The previous result moved along the flow; what it cannot tell comes from earlier ones and else as `uncovered` says."""
    if settings.uncovered == "warped":
        return brought(earlier[step.previous], picture)
    nearest_first = step.held_to
    if step.previous not in nearest_first:
        nearest_first = (step.previous, *nearest_first)
        masks = long_term([seen[index].trusted for index in nearest_first], settings.combine)
    planes = [plane(mask, picture.device) for mask in masks]
    trusted = torch.stack(planes).sum(0)
    known = torch.stack([mask * brought(earlier[index], picture) for index, mask in zip(nearest_first, planes, strict=True)]).sum(0)
    fill = picture
    if settings.uncovered == "borrowed":
        content, painted = array(picture), array(known / trusted.clamp_min(1e-3))
        fill = tensor(borrowed_by_sides(content, painted, trusted[0, 0].cpu().numpy(), sides), picture.device)
    return known + (1 - trusted) * fill


def borrowed_by_sides(content: Array, painted: Array, trusted: Array, sides: Sequence[Array]) -> Array:
    """`borrowed`, where the painted sides of a matte, (H, W) each, lend to themselves only; no sides are one, the whole frame."""
    if not sides:
        return borrowed(content, painted, trusted)
    strokes = [one[..., np.newaxis] * (borrowed(content, painted, trusted, one) - content) for one in sides]
    return np.asarray(content + sum(strokes), np.float32)


def _blend(step: Step, picture: Tensor, earlier: Mapping[int, Earlier], seen: Mapping[int, Seen]) -> Tensor:
    """The frame's own result of the pass before with those of its neighbors (section 4.4's multi-pass algorithm)."""
    total = tensor(earlier[step.index].result, picture.device)
    share = torch.ones_like(total[:, :1])
    for index, weight in step.blended:
        trusted = weight * plane(seen[index].trusted, picture.device)
        total = total + trusted * brought(earlier[index], picture)
        share = share + trusted
    return total / share
