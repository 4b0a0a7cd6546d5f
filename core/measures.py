# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures beside the three of `core.evaluate`: over a long range, of drift, at the borders, of flow, and of what a frame minimizes.

Pictures are (H, W, 3) display sRGB in 0..1. Everything that needs the network is in float32, whatever a job was computed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import weights
from .color import network_from_display
from .consistency import chained
from .evaluate import EvaluationError, temporal_error
from .losses import Objective, Region, StyleTarget, Temporal, gram_matrix
from .pictures import resized, style_size
from .settings import Settings
from .vgg import VGG
from .warp import warp

__all__ = ["Critic", "Held", "border_contrast", "drift", "end_point_error", "long_range_error"]

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


def end_point_error(flow: Array, exact: Array, mask: Mask) -> float:
    """Mean length in pixels of the difference of two flows (H, W, 2) over the pixels of `mask` (H, W)."""
    return float(np.linalg.norm(flow[mask].astype(np.float64) - exact[mask], axis=1).mean())


def drift(first: Array, last: Array) -> float:
    """The largest difference of the channels' means of two frames, 0..1."""
    means = [picture.mean((0, 1), dtype=np.float64) for picture in (first, last)]
    return float(np.abs(means[1] - means[0]).max())


def border_contrast(picture: Array, share: float = 0.1) -> float:
    """Standard deviation of the colors in the outer `share` of width and height over the one of what lies within it."""
    height, width = picture.shape[:2]
    down, across = round(height * share), round(width * share)
    center = np.zeros((height, width), bool)
    center[down : height - down, across : width - across] = True

    def deviation(where: Mask) -> float:
        return float(np.sqrt(picture[where].astype(np.float64).var(0).mean()))

    return deviation(~center) / deviation(center)


def long_range_error(frames: Sequence[Array], flows: Sequence[Array], masks: Sequence[Mask], distance: int = 10) -> float | None:
    """Mean `temporal_error` of all pairs at `distance`, along the chained flow of the steps between them.

    Args:
        frames: n consecutive ones.
        flows, masks: of the n - 1 steps, each from a frame to the next, and where that one shows the same.

    Returns None where no two frames at this distance show the same anywhere.
    """
    errors = []
    for here in range(len(frames) - distance):
        steps = slice(here, here + distance)
        flow, mask = chained(flows[steps], [one.astype(np.float32) for one in masks[steps]])
        try:
            errors.append(temporal_error(frames[here], frames[here + distance], flow, mask > 0.5))
        except EvaluationError:
            continue
    return float(np.mean(errors)) if errors else None


@dataclass(frozen=True)
class Held:
    """What the temporal loss holds a frame to: an earlier result (H, W, 3), the flow to it (H, W, 2) and the paper's c (H, W)."""

    result: Array
    flow: Array
    mask: Array


class Critic:
    """Judges frames by the network, in float32 on the CPU.

    Args:
        painting: (h, w, 3), the style.
        size: width and height of the frames.
        settings: for the network, its layers and the weights.
    """

    def __init__(self, painting: Array, size: tuple[int, int], settings: Settings) -> None:
        self._settings = settings
        names = {*settings.style_layers, *settings.content_layers}
        self._network = VGG(weights.load(weights.ensure(settings.network)), names, device=torch.device("cpu"), dtype=torch.float32)
        area = size[0] * size[1] * settings.style_scale**2
        painted = self._features(resized(painting, style_size((painting.shape[1], painting.shape[0]), area)))
        self._style = {name: gram_matrix(painted[name]) for name in settings.style_layers}

    def objective(self, picture: Array, content: Array, held: Sequence[Held] = ()) -> dict[str, float]:
        """The weighted terms that a frame minimizes, with their total."""
        settings, target = self._settings, self._features(content)
        temporal = [
            Temporal(
                warp(_tensor(one.result), torch.from_numpy(one.flow).permute(2, 0, 1)[None]), torch.from_numpy(one.mask)[None, None]
            )
            for one in held
        ]
        objective = Objective(
            self._network,
            content={name: target[name] for name in settings.content_layers},
            style=[Region({name: StyleTarget(gram) for name, gram in self._style.items()})],
            content_weight=settings.content_weight,
            style_weight=settings.style_weight,
            temporal_weight=settings.temporal_weight,
            tv_weight=settings.tv_weight,
            temporal=temporal,
            criterion=settings.temporal_criterion,
        )
        terms, _ = objective(_tensor(picture))
        return Objective.losses(terms.tolist())

    def area_losses(self, pictures: Sequence[Array], contents: Sequence[Array], areas: Sequence[Mask]) -> tuple[float, float]:
        """Style and content loss of a part of each picture, taken together as if they were one.

        Args:
            areas: (H, W) of each picture. A feature counts by the share of its cell that lies in the area.
        """
        grams = {name: torch.zeros_like(gram) for name, gram in self._style.items()}
        counts = dict.fromkeys(grams, 0.0)
        contents_sum = dict.fromkeys(self._settings.content_layers, 0.0)
        content_count = dict.fromkeys(self._settings.content_layers, 0.0)
        for picture, content, area in zip(pictures, contents, areas, strict=True):
            if not area.any():
                continue
            found, target = self._features(picture), self._features(content)
            for name in grams:
                share = _shares(area, found[name])
                flat = (found[name] * share.sqrt())[0].flatten(1)
                grams[name] += flat @ flat.T
                counts[name] += float(share.sum()) * len(flat)
            for name in contents_sum:
                share = _shares(area, found[name])
                contents_sum[name] += float((share * (found[name] - target[name]).square()).mean(1).sum())
                content_count[name] += float(share.sum())
        if not all(counts.values()):
            raise EvaluationError("The areas are empty, so there is nothing to measure.")
        style = sum(float((grams[name] / counts[name] - gram).square().mean()) for name, gram in self._style.items())
        return style, sum(contents_sum[name] / content_count[name] for name in contents_sum)

    def _features(self, picture: Array) -> dict[str, Tensor]:
        with torch.no_grad():
            return self._network(_tensor(picture))


def _tensor(picture: Array) -> Tensor:
    return network_from_display(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None])


def _shares(area: Mask, features: Tensor) -> Tensor:
    """(1, 1, h, w): how much of each feature's cell lies in the area."""
    height, width = features.shape[-2:]
    return torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(area.astype(np.float32))[None, None], (height, width))
