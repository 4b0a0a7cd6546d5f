# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objective in plain PyTorch, to be faster than and to check against.

What somebody writes who knows the paper and PyTorch and nothing else: float32, contiguous tensors, autograd through everything,
`torch.optim.LBFGS` with the reference program's history of 100, no line search, its stop rule and its numbers of iterations. It
shares only the weights with `core`, so that it can tell when `core` is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

__all__ = ["CONTENT_LAYER", "FIRST", "HISTORY", "LATER", "STYLE_LAYERS", "Frame", "Point", "ReferenceEngine"]

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_WEIGHT, STYLE_WEIGHT, TEMPORAL_WEIGHT, TV_WEIGHT = 5.0, 100.0, 1000.0, 1e-3
TV_SCALE = 235051.5
FIRST, LATER, HISTORY = 2000, 1000, 100
"""Most iterations of a first and of a later frame, and differences that the optimizer remembers, as in the reference program."""
TOLERANCE, INTERVAL = 1e-4, 50


@dataclass(frozen=True)
class Frame:
    """What a frame is made from: content and start (1, 3, H, W), RGB 0..255 minus the mean; for a later frame also what it is held to."""

    content: Tensor
    start: Tensor
    warped: Tensor | None = None
    mask: Tensor | None = None


@dataclass(frozen=True)
class Point:
    """Where the optimizer stands after `evaluations`: the loss of the last, and the picture it was of.

    `state` gives what `ReferenceEngine.paint` goes on from, unless this `is_last`.
    """

    evaluations: int
    loss: float
    picture: Tensor
    is_last: bool
    state: Callable[[], dict[str, Any]]


class ReferenceEngine:
    """Paints frames in the style of one picture.

    Args:
        weights: ``convB_L.weight`` and ``convB_L.bias`` of VGG-16.
        style: (1, 3, h, w), the painting at its working size.
    """

    def __init__(self, weights: Mapping[str, Tensor], style: Tensor) -> None:
        self._network, self._taps = _network(weights)
        self._network.to(style.device)
        with torch.no_grad():
            self._grams = {name: _gram(features) for name, features in self._features(style).items() if name in STYLE_LAYERS}

    def loss(self, picture: Tensor, frame: Frame, content: Tensor) -> Tensor:
        """The objective of a picture; `content` is `content_features` of the frame."""
        features = self._features(picture)
        loss = CONTENT_WEIGHT * F.mse_loss(features[CONTENT_LAYER], content)
        for name, gram in self._grams.items():
            loss = loss + STYLE_WEIGHT * F.mse_loss(_gram(features[name]), gram)
        if frame.warped is not None and frame.mask is not None:
            loss = loss + TEMPORAL_WEIGHT * (frame.mask * (picture - frame.warped) ** 2).mean()
        corner = picture[..., :-1, :-1]
        variation = ((corner - picture[..., :-1, 1:]) ** 2 + (corner - picture[..., 1:, :-1]) ** 2).mean()
        return loss + TV_WEIGHT * TV_SCALE * variation

    def content_features(self, frame: Frame) -> Tensor:
        """What the content loss compares with."""
        with torch.no_grad():
            return self._features(frame.content)[CONTENT_LAYER]

    def paint(self, frame: Frame, iterations: int, state: Mapping[str, Any] | None = None) -> Iterator[Point]:
        """Every evaluation on the way, or those that follow `state`; ends by the stop rule."""
        content = self.content_features(frame)
        picture = (state["picture"].to(frame.start) if state else frame.start).clone().requires_grad_()
        # One evaluation a step; what the optimizer remembers stays from step to step.
        optimizer = torch.optim.LBFGS([picture], lr=1.0, max_iter=1, history_size=HISTORY, tolerance_grad=0.0, tolerance_change=0.0)

        def evaluate() -> Tensor:
            optimizer.zero_grad()
            loss = self.loss(picture, frame, content)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        done, before, is_last = 0, math.nan, False
        if state:
            optimizer.load_state_dict(deepcopy(state["optimizer"]))
            done, before = state["evaluations"], state["before"]

        def now() -> dict[str, Any]:
            return {"picture": picture.detach(), "optimizer": optimizer.state_dict(), "evaluations": done, "before": before}

        while not is_last:
            here = picture.detach().clone()
            loss = optimizer.step(evaluate).item()
            done += 1
            is_last = done == iterations
            if done % INTERVAL == 0:
                is_last = is_last or (done >= 2 * INTERVAL and abs(before - loss) < TOLERANCE * abs(before))
                before = loss
            yield Point(done, loss, here, is_last, now)

    def _features(self, picture: Tensor) -> dict[str, Tensor]:
        found = {}
        for index, layer in enumerate(self._network):
            picture = layer(picture)
            if index in self._taps:
                found[self._taps[index]] = picture
        return found


def _network(weights: Mapping[str, Tensor]) -> tuple[nn.Sequential, dict[int, str]]:
    """The layers up to the deepest that is needed, and the names of those that are, by their place."""
    wanted: Sequence[str] = (*STYLE_LAYERS, CONTENT_LAYER)
    layers: list[nn.Module] = []
    taps: dict[int, str] = {}
    block = "1"
    for key, weight in weights.items():
        if not key.endswith(".weight"):
            continue
        name = key.removesuffix(".weight")
        if name[4] != block:
            layers.append(nn.MaxPool2d(2))
            block = name[4]
        convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        convolution.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"]})
        layers += [convolution, nn.ReLU()]
        if (rectified := name.replace("conv", "relu")) in wanted:
            taps[len(layers) - 1] = rectified
        if len(taps) == len(wanted):
            break
    return nn.Sequential(*layers).requires_grad_(False), taps


def _gram(features: Tensor) -> Tensor:
    flat = features[0].flatten(1)
    return flat @ flat.T / flat.numel()
