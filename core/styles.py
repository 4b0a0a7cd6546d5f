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
Targets = Mapping[Side, Mapping[str, Tensor]]


@dataclass(frozen=True)
class StyleImage:
    """A painting, (H, W, 3) display sRGB, and its share in the blend of the side of the matte that it paints; shares of a side sum to 1."""

    rgb: Array
    share: float
    region: Side = "inside"


class Styles:
    """The blended Gram matrices of a job's paintings, made when they are first asked for.

    Args:
        layers: names of the layers whose correlations make the style.
        area: pixels to which each painting is resized, which decides the size of the strokes.
    """

    def __init__(self, network: VGG, layers: Sequence[str], images: Sequence[StyleImage], area: float) -> None:
        self._network, self._layers = network, layers
        self._images = [
            replace(image, rgb=resized(image.rgb, style_size((image.rgb.shape[1], image.rgb.shape[0]), area))) for image in images
        ]
        self.sides: tuple[Side, ...] = tuple(dict.fromkeys(image.region for image in images))
        self._latest: tuple[bytes, Targets] | None = None

    def targets(self, colors_of: Array | None = None) -> Targets:
        """Gram matrices (C, C) by side of the matte and by layer.

        Args:
            colors_of: (H, W, 3) display sRGB to whose colors the paintings are matched first. The targets of the latest are kept,
                so frames of one shot cost nothing.
        """
        colors = None if colors_of is None else palette(colors_of)
        key = b"" if colors is None else colors.mean.tobytes() + colors.covariance.tobytes()
        if self._latest is None or self._latest[0] != key:
            matched = self._images if colors is None else [replace(image, rgb=recolored(image.rgb, colors)) for image in self._images]
            self._latest = key, {name: self._blend([image for image in matched if image.region == name]) for name in self.sides}
        return self._latest[1]

    def _blend(self, images: Sequence[StyleImage]) -> dict[str, Tensor]:
        blended: dict[str, Tensor] = {}
        for image in images:
            with torch.no_grad():
                features = self._network(tensor(image.rgb, self._network.device))
            for name in self._layers:
                gram = image.share * gram_matrix(features[name])
                blended[name] = blended[name] + gram if name in blended else gram
        return blended
