# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames that both engines paint, and what a frame is held to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from quality_scenes import ALLEY, read_display
from reference_engine import Frame
from torch import Tensor

from core.consistency import mask
from core.flow import DIS
from core.motion import Motion
from core.pictures import plane, resized, style_size, tensor
from core.settings import Settings
from core.start import Earlier, see

__all__ = ["Shot", "framed", "shots", "style_tensor"]

Array = NDArray[np.float32]

_FRAMES = 3
_ALLEY_SIZE = (512, 218)


@dataclass(frozen=True)
class Shot:
    """A first frame and the later ones after it, (H, W, 3) display sRGB in 0..1."""

    name: str
    frames: tuple[Array, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.frames[0].shape[:2]
        return width, height

    @property
    def title(self) -> str:
        return f"{self.name}, {self.size[0]}×{self.size[1]}"

    @cached_property
    def motions(self) -> tuple[Motion, ...]:
        """From each frame but the first to the one before, as the engine finds it by its default settings."""
        found = []
        for before, here in pairwise(self.frames):
            flow, inverse = DIS().estimate(here, before), DIS().estimate(before, here)
            found.append(Motion(flow, mask(flow, inverse)))
        return tuple(found)

    def resized(self, size: tuple[int, int]) -> Shot:
        """The same at another width and height."""
        return Shot(self.name, tuple(resized(frame, size) for frame in self.frames))


def shots(data: Path, scene: Path) -> list[Shot]:
    """The reference program's clip and alley_1 of the test data in `data`; where neither is there, the rendered `scene`."""
    clip, film = sorted(data.glob("reference/marple8_*.ppm")), sorted(data.glob("sintel_alley_1/frame_*.png"))
    found = [_shot("marple8", clip)] if clip else []
    if film:
        found.append(_shot(ALLEY, film).resized(_ALLEY_SIZE))
    return found or [_shot(scene.name, sorted(scene.glob("shot_*.png")))]


def _shot(name: str, paths: list[Path]) -> Shot:
    return Shot(name, tuple(read_display(path) for path in paths[:_FRAMES]))


def framed(shot: Shot, index: int, previous: Array | None, device: torch.device) -> Frame:
    """Frame `index` (from 0) as the reference engine takes it: the first starts from its content, a later one from `previous`, warped.

    Args:
        previous: (H, W, 3) display sRGB, the result before; None for the first frame.
    """
    content = tensor(shot.frames[index], device)
    if previous is None:
        return Frame(content, content)
    motion = shot.motions[index - 1]
    seen = see({index - 1: Earlier(previous, motion.flow, motion.mask)}, content)[index - 1]
    return Frame(content, seen.warped, seen.warped, plane(seen.trusted, device))


def style_tensor(style: Array, size: tuple[int, int], device: torch.device) -> Tensor:
    """The painting at the size that the engine's default settings give it for frames of `size`, (1, 3, h, w)."""
    area = size[0] * size[1] * Settings().style_scale ** 2
    return tensor(resized(style, style_size((style.shape[1], style.shape[0]), area)), device)
