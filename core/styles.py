# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From paintings to what the features of a frame shall look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .color import palette, recolored
from .losses import gram_matrix
from .matte import Side
from .pictures import resized, style_size, tensor
from .vgg import VGG

__all__ = ["StyleImage", "Styles"]

Array = NDArray[np.float32]
Grams = Mapping[str, Tensor]
Targets = Mapping[Side, Grams]


@dataclass(frozen=True)
class StyleImage:
    """A painting, (H, W, 3) display sRGB, and its share on the side of the matte that it paints; shares of a side sum to 1."""

    rgb: Array
    share: float
    region: Side = "inside"


class Styles:
    """The Gram matrices of a job's paintings, made when they are first asked for, and their blend.

    Args:
        layers: names of the layers whose correlations make the style.
        area: pixels to which each painting is resized, which decides the size of the strokes.
        strip_rows: rows of a layer that are computed at a time; 0 computes all at once.
    """

    def __init__(self, network: VGG, layers: Sequence[str], images: Sequence[StyleImage], area: float, strip_rows: int = 0) -> None:
        self._network, self._layers, self._strip_rows = network.up_to(layers), layers, strip_rows
        self._images = [
            replace(image, rgb=resized(image.rgb, style_size((image.rgb.shape[1], image.rgb.shape[0]), area))) for image in images
        ]
        self.sides: tuple[Side, ...] = tuple(dict.fromkeys(image.region for image in images))
        self._grams: tuple[bytes, list[Grams]] | None = None
        self._targets: tuple[float, Targets] | None = None

    def targets(self, colors_of: Array | None = None, blend: float = 0.0) -> Targets:
        """Gram matrices (C, C) by side of the matte and by layer. The latest are kept, so frames of one shot cost nothing.

        Args:
            colors_of: (H, W, 3) display sRGB to whose colors the paintings are matched first.
            blend: from the paintings by their shares, 0, to the last one of each side alone, 1.
        """
        colors = None if colors_of is None else palette(colors_of)
        key = b"" if colors is None else colors.mean.tobytes() + colors.covariance.tobytes()
        if self._grams is None or self._grams[0] != key:
            matched = self._images if colors is None else [replace(image, rgb=recolored(image.rgb, colors)) for image in self._images]
            self._grams, self._targets = (key, [self._measured(image) for image in matched]), None
        if self._targets is None or self._targets[0] != blend:
            self._targets = blend, {side: self._blended(side, self._grams[1], blend) for side in self.sides}
        return self._targets[1]

    def _measured(self, image: StyleImage) -> Grams:
        grams: dict[str, Tensor] = {}

        def visit(name: str, rows: slice, height: int, features: Tensor) -> None:
            gram = gram_matrix(features, area=height * features.shape[3])
            grams[name] = grams[name] + gram if name in grams else gram

        self._network.sweep(tensor(image.rgb, self._network.device), self._strip_rows, visit)
        return grams

    def _blended(self, side: Side, grams: Sequence[Grams], blend: float) -> Grams:
        ours = [(image.share, gram) for image, gram in zip(self._images, grams, strict=True) if image.region == side]
        weights = [(1 - blend) * share for share, _ in ours]
        weights[-1] += blend if any(weights) else 1.0
        return {
            name: torch.stack([weight * gram[name] for weight, (_, gram) in zip(weights, ours, strict=True)]).sum(0)
            for name in self._layers
        }
