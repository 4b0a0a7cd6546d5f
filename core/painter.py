# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One frame: from its content and the earlier results to the painted picture (Ruder, Dosovitskiy, Brox 2016, sections 3 to 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import level as levels
from .color import network_bounds
from .consistency import long_term
from .devices import Plan
from .losses import Objective, Region, StyleTarget, Temporal
from .matte import guides, painted_part, side
from .optimizer import LBFGS, Adam, Progress, StopRule, minimize
from .passes import Step
from .pictures import array, plane, tensor
from .settings import Settings
from .start import Earlier, see, start_picture
from .styles import StyleImage, Styles
from .vgg import VGG, joined

__all__ = ["Painted", "Painter", "Painters"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Painted:
    """A finished frame: (H, W, 3) display sRGB in 0..1, the iterations it took and its weighted losses with their total.

    `start` is what it started from, if it was painted, and `warped` the previous result on its grid, if it was given with its flow:
    (1, 3, H, W) on the network's scale. `level` is what the next frame of the shot is painted to. `rise` is how often the loss of the
    start fits into that of the end.
    """

    rgb: Array
    iterations: int
    losses: dict[str, float]
    start: Tensor | None = None
    warped: Tensor | None = None
    level: float | None = None
    rise: float = 0.0


class Painter:
    """Paints the frames of one job at its working size.

    Args:
        weights: the network's, as `core.weights.load` gives them.
        styles: the paintings.
        size: working width and height in pixels.
    """

    def __init__(
        self, settings: Settings, plan: Plan, weights: Mapping[str, Tensor], styles: Sequence[StyleImage], size: tuple[int, int]
    ) -> None:
        self.settings = settings
        self._content_layers = _weighted(settings.content_layers, settings.content_layer_weights)
        self._style_layers = _weighted(settings.style_layers, settings.style_layer_weights)
        names = {*self._content_layers, *self._style_layers}
        self._network = VGG(weights, names, device=plan.torch_device, dtype=plan.dtype, pooling=settings.pooling)
        self._content_network = self._network.up_to(self._content_layers)
        self._paintings, self._area = styles, size[0] * size[1] * settings.style_scale**2
        self.go_on_by(plan)

    def go_on_by(self, plan: Plan) -> None:
        """Paint from now on by a plan of the same device and number format; the paintings are looked at again."""
        self.plan = plan
        self._styles = Styles(self._network, tuple(self._style_layers), self._paintings, self._area, plan.strip_rows)

    def paint(
        self,
        content: Array,
        step: Step,
        earlier: Mapping[int, Earlier],
        weights: Settings,
        noise: int,
        report: Callable[[Progress], None] | None = None,
        check: Callable[[], None] | None = None,
        *,
        matte: Array | None = None,
        colors_of: Array | None = None,
        level: float | None = None,
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
            matte: (H, W) in 0..1 at the working size, 1 inside; without one the paintings of the inside paint the whole frame.
            colors_of: (h, w, 3), the content of the shot's first frame, to whose colors `keep_colors=match` matches the paintings.
            level: the `Painted.level` of the frame that this one is held to; the frame is finished once it is down to that. None takes
                it as far as its iterations go.
        """
        picture = tensor(content, self.plan.torch_device)
        seen = see(earlier, picture, matte)
        masks = long_term([seen[index].trusted for index in step.held_to], self.settings.combine) if step.held_to else []
        part = None if matte is None else painted_part(matte, self._styles.sides)
        objective = Objective(
            self._network,
            content=self._content_targets(picture) if weights.content_weight else {},
            style=self._regions(matte, colors_of, weights.style_blend) if weights.style_weight else (),
            content_weight=weights.content_weight,
            style_weight=weights.style_weight,
            content_layers=self._content_layers,
            style_layers=self._style_layers,
            temporal_weight=weights.temporal_weight,
            tv_weight=weights.tv_weight,
            temporal=[
                Temporal(seen[index].warped, plane(mask, self.plan.torch_device)) for index, mask in zip(step.held_to, masks, strict=True)
            ],
            criterion=weights.temporal_criterion,
            normalize_gradients=weights.normalize_gradients,
            free=None if part is None else plane(np.ceil(part), self.plan.torch_device),
            checkpointing=self.plan.checkpointing,
            strip_rows=self.plan.strip_rows,
        )
        sides = () if matte is None else [side(matte, name) for name in self._styles.sides]
        start = start_picture(step, picture, earlier, seen, masks, self.settings, noise, sides)
        bounds = network_bounds(start)
        if objective.free is not None:
            start = torch.where(objective.free > 0, start, picture)
            lowest, highest = (torch.where(objective.free > 0, bound, picture) for bound in bounds)
            bounds = lowest, highest
        iterations = step.iterations if part is None or part.any() else 0
        stop = StopRule(iterations, weights.tolerance, weights.tolerance_interval, *_enough(step, masks, level))
        direction = self._direction(step, weights, iterations)
        result = minimize(objective, start, direction, stop, bounds=bounds, report=report, check=check, last=objective.terms)
        rise = sum(result.terms) / max(sum(result.first_terms), 1.0)
        following = levels.following(level, result.terms, is_enough=result.is_enough, is_start=result.iterations <= 1)
        warped = seen[step.previous].warped if step.previous in seen else None
        return Painted(array(result.image), result.iterations, Objective.losses(result.terms), start, warped, following, rise)

    def _direction(self, step: Step, weights: Settings, iterations: int) -> LBFGS | Adam:
        if weights.optimizer == "adam":
            return Adam(weights.learning_rate)
        gradient_step = LBFGS.REPAINTING_STEP if step.is_repainted else LBFGS.GRADIENT_STEP
        return LBFGS(max(min(self.plan.history, iterations - 1), 1), weights.learning_rate, gradient_step)

    def _content_targets(self, picture: Tensor) -> dict[str, Tensor]:
        parts: dict[str, list[Tensor]] = {name: [] for name in self._content_layers}

        def visit(name: str, rows: slice, height: int, features: Tensor) -> None:
            parts[name].append(features)

        self._content_network.sweep(picture, self.plan.strip_rows, visit)
        return {name: joined(found) for name, found in parts.items()}

    def _regions(self, matte: Array | None, colors_of: Array | None, blend: float) -> list[Region]:
        """What the frame is painted like: as a whole by the paintings of the inside, or each side of the matte by its own."""
        targets = self._styles.targets(colors_of if self.settings.keep_colors == "match" else None, blend)
        if matte is None:
            return [Region({name: StyleTarget(gram) for name, gram in targets["inside"].items()})]
        regions = []
        for name, grams in targets.items():
            part = side(matte, name)
            guided = guides(plane(part, self.plan.torch_device), grams)
            regions.append(Region({layer: StyleTarget(grams[layer], guide) for layer, guide in guided.items()}, float(part.mean())))
        return regions


class Painters:
    """The latest painter of a process that does one task after the other; one that is made of the same is taken again."""

    def __init__(self) -> None:
        self._latest: tuple[tuple[object, ...], Painter] | None = None

    def get(self, made_of: tuple[object, ...], make: Callable[[], Painter]) -> Painter:
        """The painter that is made of such things, which are compared; where it is another one, the latest is let go of first."""
        if self._latest is None or self._latest[0] != made_of:
            self._latest = None
            self._latest = made_of, make()
        return self._latest[1]


def _enough(step: Step, masks: Sequence[Array], level: float | None) -> tuple[Callable[[Sequence[float]], bool] | None, int]:
    """When a frame is finished before its last iteration, and the first iteration at which it may be."""
    if level is None or not masks:
        return None, 1
    return partial(levels.is_reached, level), max(levels.least(step.iterations, np.sum(masks, axis=0)), 1)


def _weighted(layers: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    """Layers that count, with their weights; no weights weigh all alike."""
    return {layer: weight for layer, weight in zip(layers, weights or (1.0,) * len(layers), strict=True) if weight}
