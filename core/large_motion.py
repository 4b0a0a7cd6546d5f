# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optical flow for motions that dense inverse search loses, by what the engine has anyway: VGG's features and OpenCV.

As DeepFlow (Weinzaepfel et al. 2013) does with DeepMatching, a local method starts from coarse matches that can be any distance apart;
these are of a network's features, which Fischer, Dosovitskiy, Brox (2014) found to match better than SIFT. Then each pixel chooses
among the motions found around it, by a cost volume filtered along the edges of the frame (Hosni et al. 2013, with the guided filter of
He et al. 2010), so that motion ends where objects do.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .color import network_from_display
from .flow import FlowError, check_pair, inverse_search, padded
from .vgg import VGG
from .weights import WeightsError, ensure, load

__all__ = ["LargeMotion"]

Array = NDArray[np.float32]

_LAYER = "relu3_1"
_STRIDE = 4  # pixels from one feature of this layer to the next
_AREA = 1 << 16  # pixels at which frames are matched, to bound the memory of all pairs: (_AREA / 16)² numbers
_SUPPORT = 2  # neighbors that must agree with a match
_REACH = 256  # longer side, in pixels, for which _RINGS are meant; they grow with it up to twice
_RINGS = (10.0, 5.0, 2.5)  # how far, in pixels, a pixel looks for another motion
_RADII = (4, 3, 3)  # of the filter, in pixels
_REGULARIZATION = 1e-3  # of the filter, as a variance of gray in 0..1
_MOST = 0.15  # difference of two pixels from which on they are merely different
_CLEARLY = 0.002  # by how much a motion must agree better to be taken instead: on flat parts, noise would choose
_FAR_FROM_ALL = (9.0, 9.0, 9.0, 9.0)  # what is seen outside of a frame
_KEPT = 8  # frames whose features are kept: those of the longest memory of a preset, and the next


class LargeMotion:
    """Flow that finds motions of any length, at an eleventh of DIS's error on a scene of 20 pixels a frame at a width of 256.

    Args:
        weights: of VGG-16, as `core.weights.load` gives them.
    """

    name = "large"

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._network = VGG(weights, {_LAYER}, device=torch.device("cpu"), dtype=torch.float32)
        self._features: OrderedDict[bytes, Tensor] = OrderedDict()

    @classmethod
    def with_published_weights(cls) -> LargeMotion:
        """The estimator with the weights in the user's cache, fetched where they are not there; raises FlowError."""
        try:
            return cls(load(ensure("vgg16")))
        except WeightsError as problem:
            raise FlowError(str(problem)) from problem

    def estimate(self, a: Array, b: Array) -> Array:
        """See `FlowEstimator`; equal frames and threads give equal bits."""
        height, width = check_pair(a, b)
        a, b = padded(a), padded(b)
        seed = _spread(*_supported(*_matched(self._described(a), self._described(b))), a.shape[:2])
        flow = _best(a, b, [inverse_search(a, b), inverse_search(a, b, seed)], radius=_RADII[0])
        scale = min(max(a.shape) / _REACH, 2.0)
        for ring, radius in zip(_RINGS, _RADII, strict=True):
            flow = _best(a, b, _around(flow, ring * scale), radius=radius)
        return np.ascontiguousarray(_refined(a, b, flow)[:height, :width])

    def _described(self, frame: Array) -> Tensor:
        """Unit features (C, h, w) of a frame (H, W, 3), remembered: a frame meets several others, each way."""
        key = hashlib.sha256(frame.tobytes()).digest()
        if key not in self._features:
            height, width = frame.shape[:2]
            scale = min(math.sqrt(_AREA / (height * width)), 1.0)
            size = [max(round(side * scale / _STRIDE), 1) * _STRIDE for side in (width, height)]
            small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            with torch.inference_mode():
                found = self._network(network_from_display(torch.from_numpy(small).permute(2, 0, 1)[None]))[_LAYER][0]
                found = found - found.mean((1, 2), keepdim=True)  # what all of the frame has in common tells nothing apart
                self._features[key] = F.normalize(found, dim=0)
            while len(self._features) > _KEPT:
                self._features.popitem(last=False)
        self._features.move_to_end(key)
        return self._features[key]


def _matched(a: Tensor, b: Tensor) -> tuple[Array, NDArray[np.bool_]]:
    """Where each feature of `a` is found in `b`, both (C, h, w): displacement (h, w, 2) in features, and whether b's finds back."""
    height, width = a.shape[1:]
    with torch.inference_mode():
        likeness = (a.flatten(1).T @ b.flatten(1)).reshape(height, width, height, width)
        # The 3×3 neighbors move along: the sum of all shifts by one in both frames at once, row by row and column by column.
        likeness = _plus_shifted(likeness.transpose(1, 2)).transpose(1, 2)
        likeness = _plus_shifted(likeness.permute(1, 3, 0, 2)).permute(2, 0, 3, 1)
        pairs = likeness.reshape(height * width, height * width)
        there, back = pairs.argmax(1).numpy(), pairs.argmax(0).numpy()
    here = np.arange(height * width)
    displacement = np.stack([there % width - here % width, there // width - here // width], axis=1).astype(np.float32)
    return displacement.reshape(height, width, 2), (back[there] == here).reshape(height, width)


def _plus_shifted(pairs: Tensor) -> Tensor:
    """The first two axes shifted together by one, both ways, and added."""
    total = pairs.clone()
    total[1:, 1:] += pairs[:-1, :-1]
    total[:-1, :-1] += pairs[1:, 1:]
    return total


def _supported(displacement: Array, found: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """Keep matches that move as some of their 8 neighbors do, to a feature: chance matches of flat parts stand alone."""
    height, width = found.shape
    moves = np.pad(displacement, ((1, 1), (1, 1), (0, 0)))
    there = np.pad(found, 1)
    agreeing = np.zeros((height, width), int)
    for y in range(3):
        for x in range(3):
            if (y, x) != (1, 1):
                window = slice(y, y + height), slice(x, x + width)
                agreeing += there[window] & (np.abs(moves[window] - displacement).max(2) <= 1)
    return displacement, found & (agreeing >= _SUPPORT)


def _spread(displacement: Array, found: NDArray[np.bool_], size: tuple[int, int]) -> Array:
    """The displacement of the nearest match for each pixel, (H, W, 2) pixels of a frame of `size` (H, W); 0 without any match."""
    if not found.any():
        return np.zeros((*size, 2), np.float32)
    _, labels = cv2.distanceTransformWithLabels((~found).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    by_label = np.zeros((labels.max() + 1, 2), np.float32)
    by_label[labels[found]] = displacement[found] * np.array([size[1] / found.shape[1], size[0] / found.shape[0]], np.float32)
    return np.asarray(cv2.resize(_median(by_label[labels], 3), size[::-1], interpolation=cv2.INTER_NEAREST))


def _around(flow: Array, distance: float) -> Iterator[Array]:
    """The flow itself, and the flow of the pixels at `distance` in eight directions."""
    yield flow
    height, width = flow.shape[:2]
    for angle in np.arange(8) * (math.pi / 4):
        shift = np.array([[1, 0, round(distance * math.cos(angle))], [0, 1, round(distance * math.sin(angle))]], np.float32)
        yield np.asarray(cv2.warpAffine(flow, shift, (width, height), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE))


def _best(a: Array, b: Array, proposals: Iterable[Array], *, radius: int) -> Array:
    """Of several flows, each (H, W, 2), at each pixel the one by which `a` and `b` agree best around it, early ones preferred."""
    height, width = a.shape[:2]
    here, there = _looks(a), _looks(b)
    smooth = _GuidedFilter(_gray(a), radius)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, np.newaxis]
    chosen = lowest = None
    for flow in proposals:
        moved = cv2.remap(
            there, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=_FAR_FROM_ALL
        )
        cost = smooth(np.minimum(cv2.transform(cv2.absdiff(moved, here), np.ones((1, 4), np.float32)), np.float32(_MOST)))
        if chosen is None or lowest is None:
            chosen, lowest = flow.copy(), cost
            continue
        better = cost < lowest - np.float32(_CLEARLY)
        np.copyto(lowest, cost, where=better)
        np.copyto(chosen, flow, where=better[..., np.newaxis])
    assert chosen is not None
    return chosen


def _looks(frame: Array) -> Array:
    """What two pixels are compared by, (H, W, 4): gray, its gradient, and red against blue."""
    gray = _gray(frame)
    across, down = (cv2.Sobel(gray, cv2.CV_32F, dx, 1 - dx, scale=0.25) for dx in (1, 0))
    return np.dstack([0.6 * gray, across, down, 0.4 * (frame[..., 0] - frame[..., 2])])


class _GuidedFilter:
    """Smooths (H, W) along the edges of `guide` (H, W), gray in 0..1: equation 8 of He, Sun, Tang (2010)."""

    def __init__(self, guide: Array, radius: int) -> None:
        self._guide, self._window = guide, (2 * radius + 1, 2 * radius + 1)
        self._mean = self._blurred(guide)
        self._variance = self._blurred(guide * guide) - self._mean * self._mean + _REGULARIZATION

    def __call__(self, values: Array) -> Array:
        mean = self._blurred(values)
        slope = np.asarray((self._blurred(self._guide * values) - self._mean * mean) / self._variance, np.float32)
        return self._blurred(slope) * self._guide + self._blurred(mean - slope * self._mean)

    def _blurred(self, values: Array) -> Array:
        return np.asarray(cv2.blur(values, self._window), np.float32)


def _refined(a: Array, b: Array, flow: Array) -> Array:
    """The flow without single outliers and to a fraction of a pixel, by the variational refinement of DIS with its parameters."""
    before, after = (np.rint(_gray(frame) * 255).astype(np.uint8) for frame in (a, b))
    method = cv2.VariationalRefinement.create()
    method.setAlpha(20.0)
    method.setDelta(5.0)
    method.setGamma(10.0)
    return np.asarray(method.calc(before, after, _median(flow, 5)), np.float32)


def _gray(frame: Array) -> Array:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.float32)


def _median(flow: Array, size: int) -> Array:
    return np.dstack([cv2.medianBlur(np.ascontiguousarray(flow[..., axis]), size) for axis in (0, 1)])
