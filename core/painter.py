# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame: from its content and the earlier results to the painted picture (Ruder, Dosovitskiy, Brox 2016, sections 3 to 4.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .borrow import borrowed
from .color import display_from_network, network_from_display
from .consistency import long_term
from .devices import Plan
from .losses import Objective, Temporal, gram_matrix
from .optimizer import LBFGS, Adam, Progress, StopRule, minimize
from .passes import Step
from .settings import Settings
from .vgg import MIN_SIZE, VGG
from .warp import inside, warp

__all__ = ["Earlier", "Painted", "Painter", "resized", "style_size"]

Array = NDArray[np.float32]

NOISE = 0.001
"""Standard deviation of the noise that a frame can start from, on the scale of 0..255."""


@dataclass(frozen=True)
class Earlier:
    """An earlier result and how it reaches the frame: `flow` (H, W, 2) points from the frame to it, `mask` (H, W) is the paper's c.

    Both are None where the frame only starts from it.
    """

    result: Array
    flow: Array | None = None
    mask: Array | None = None


@dataclass(frozen=True)
class Painted:
    """A finished frame: (H, W, 3) display sRGB in 0..1, the iterations it took and its weighted losses with their total."""

    rgb: Array
    iterations: int
    losses: dict[str, float]


class Painter:
    """Paints the frames of one job at its working size.

    Args:
        weights: the network's, as `core.weights.load` gives them.
        styles: pairs of a painting (H, W, 3) display sRGB and its share; shares sum to 1.
        size: working width and height in pixels.
    """

    def __init__(
        self, settings: Settings, plan: Plan, weights: Mapping[str, Tensor], styles: Sequence[tuple[Array, float]], size: tuple[int, int]
    ) -> None:
        self.settings, self.plan, self.size = settings, plan, size
        names = {*settings.content_layers, *settings.style_layers}
        self._network = VGG(weights, names, device=plan.torch_device, dtype=plan.dtype, pooling=settings.pooling)
        self._style = self._style_targets(styles)

    def paint(
        self,
        content: Array,
        step: Step,
        earlier: Mapping[int, Earlier],
        weights: Settings,
        noise: int,
        report: Callable[[Progress], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> Painted:
        """Minimize the objective of one frame.

        Args:
            content: (H, W, 3) display sRGB at the working size.
            step: where the frame stands in the pass.
            earlier: what `step.needs` names, by index.
            weights: the settings with the weights of this frame.
            noise: number that decides the frame's noise, besides the seed.
            report: gets the progress a few times a second.
            check: called before every evaluation; may raise `Cancelled`.
        """
        picture = self._tensor(content)
        warped = {index: self._warped(one.result, one.flow, picture) for index, one in earlier.items() if one.flow is not None}
        masks = self._masks(step, earlier)
        objective = Objective(
            self._network,
            content=self._content_targets(picture) if weights.content_weight else {},
            style=self._style if weights.style_weight else {},
            content_weight=weights.content_weight,
            style_weight=weights.style_weight,
            temporal_weight=weights.temporal_weight,
            tv_weight=weights.tv_weight,
            temporal=[Temporal(warped[index], masks[index]) for index in step.held_to],
            criterion=weights.temporal_criterion,
            normalize_gradients=weights.normalize_gradients,
        )
        direction = LBFGS(self.plan.history, weights.learning_rate) if weights.optimizer == "lbfgs" else Adam(weights.learning_rate)
        start = self._start(picture, step, earlier, warped, masks, noise)
        stop = StopRule(step.iterations, weights.tolerance, weights.tolerance_interval)
        result = minimize(objective, start, direction, stop, report=report, check=check)
        return Painted(self._array(display_from_network(result.image)), result.iterations, Objective.losses(result.terms))

    def _start(
        self,
        picture: Tensor,
        step: Step,
        earlier: Mapping[int, Earlier],
        warped: Mapping[int, Tensor],
        masks: Mapping[int, Tensor],
        noise: int,
    ) -> Tensor:
        match step.start:
            case "random":
                generator = torch.Generator().manual_seed((self.settings.seed << 32) ^ noise)
                return (NOISE * torch.randn(picture.shape, generator=generator)).to(picture)
            case "previous":
                return self._tensor(earlier[step.index - 1].result)
            case "first":
                return self._tensor(earlier[step.shot].result)
            case "previous_warped":
                if not masks:
                    return picture
                # What cannot be trusted starts from borrowed strokes instead of a smear.
                trusted = torch.stack(list(masks.values())).sum(0)
                known = torch.stack([mask * warped[index] for index, mask in masks.items()]).sum(0)
                whole = known / trusted.clamp_min(1e-3)
                fill = borrowed(
                    self._array(display_from_network(picture)), self._array(display_from_network(whole)), trusted[0, 0].cpu().numpy()
                )
                return known + (1 - trusted) * self._tensor(fill)
        return picture

    def _masks(self, step: Step, earlier: Mapping[int, Earlier]) -> dict[int, Tensor]:
        """The masks of `step.held_to`, or of the previous frame alone where the start needs it and none is held to."""
        indices = step.held_to or ((step.index - 1,) if step.start == "previous_warped" else ())
        if not indices:
            return {}
        combined = long_term([mask for index in indices if (mask := earlier[index].mask) is not None], self.settings.combine)
        return {index: torch.from_numpy(mask).to(self.plan.torch_device)[None, None] for index, mask in zip(indices, combined, strict=True)}

    def _warped(self, result: Array, flow: Array, picture: Tensor) -> Tensor:
        """The earlier result on the frame's grid; pixels from outside of it are the content's."""
        vectors = torch.from_numpy(flow).to(self.plan.torch_device).permute(2, 0, 1)[None]
        return torch.where(inside(vectors), warp(self._tensor(result), vectors), picture)

    def _content_targets(self, picture: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            features = self._network(picture)
        return {name: features[name] for name in self.settings.content_layers}

    def _style_targets(self, styles: Sequence[tuple[Array, float]]) -> dict[str, Tensor]:
        targets: dict[str, Tensor] = {}
        area = self.size[0] * self.size[1] * self.settings.style_scale**2
        for painting, share in styles:
            height, width = painting.shape[:2]
            with torch.no_grad():
                features = self._network(self._tensor(resized(painting, style_size((width, height), area))))
            for name in self.settings.style_layers:
                gram = share * gram_matrix(features[name])
                targets[name] = targets[name] + gram if name in targets else gram
        return targets

    def _tensor(self, rgb: Array) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))
        return network_from_display(tensor.to(self.plan.torch_device)[None])

    @staticmethod
    def _array(rgb: Tensor) -> Array:
        return np.ascontiguousarray(rgb[0].permute(1, 2, 0).cpu().numpy())


def style_size(size: tuple[int, int], area: float) -> tuple[int, int]:
    """Width and height of about `area` pixels in the proportions of `size`, never below what the network takes."""
    scale = math.sqrt(area / (size[0] * size[1]))
    return max(round(size[0] * scale), MIN_SIZE), max(round(size[1] * scale), MIN_SIZE)


def resized(rgb: Array, size: tuple[int, int]) -> Array:
    """(H, W, C) at another width and height: averaged when it gets smaller, bicubic when larger."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    smaller = size[0] < rgb.shape[1]
    image = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return np.clip(image, 0.0, 1.0)
