# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scene-linear Rec.709, display sRGB and the network's input, and what becomes of alpha and highlights between them.

A frame is painted as display sRGB in 0..1, which is what the network has seen in training, and delivered scene-linear.
The network's scale, 0..255 minus the mean of its training images, is the one of Simonyan and Zisserman (2014), section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # reading frames needs the curves, but not torch
    from torch import Tensor

    from .frames import Frame

__all__ = [
    "HALF_MAXIMUM",
    "MEAN",
    "DisplayImage",
    "Palette",
    "display_from_linear",
    "display_from_network",
    "linear_from_display",
    "linear_to_srgb",
    "network_bounds",
    "network_from_display",
    "palette",
    "recolored",
    "srgb_to_linear",
    "with_colors_of",
]

Array = NDArray[np.float32]

MEAN = (123.68, 116.779, 103.939)
"""Mean red, green and blue of the network's training images, 0..255."""

HALF_MAXIMUM = 65504.0
"""The largest finite half float."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, on display RGB
_GRAIN = 4 / 255  # standard deviation of what is noise of the file rather than a color of the painting
_WHITE = 1.0 + 2.0**-9  # dividing half-float color by half-float alpha puts white up to 2**-10 above 1


def srgb_to_linear(display: NDArray[np.floating]) -> Array:
    """The piecewise curve of IEC 61966-2-1 from display sRGB to linear light, any shape; linear below 0."""
    display = np.asarray(display, np.float32)
    curve = ((np.maximum(display, 0.04045) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(display <= 0.04045, display / np.float32(12.92), curve)


def linear_to_srgb(linear: NDArray[np.floating]) -> Array:
    """The inverse of `srgb_to_linear`."""
    linear = np.asarray(linear, np.float32)
    curve = np.float32(1.055) * np.maximum(linear, 0.0031308) ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), curve)


@dataclass(frozen=True)
class DisplayImage:
    """A frame as the network can take it, and what the way back needs."""

    rgb: Array
    """(H, W, 3) display sRGB, 0..1; transparent pixels have the color of the nearest pixel that is not."""
    alpha: Array | None
    """(H, W), 0..1, or None where the source has none."""
    linear: Array
    """(H, W, 3), the source's straight scene-linear color, untouched."""
    clipped: int
    """Number of visible pixels that have a value above display white."""


def display_from_linear(frame: Frame) -> DisplayImage:
    """The display image of a scene-linear frame: NaN and negative values become 0, values above 1 become 1."""
    linear = _finite(frame.rgb)
    rgb = linear_to_srgb(np.clip(linear, 0.0, 1.0))
    over = (linear > _WHITE).any(axis=2)
    if frame.alpha is not None:
        visible = frame.alpha > 0
        over &= visible
        rgb = _filled(rgb, visible)
    return DisplayImage(rgb, frame.alpha, frame.rgb, int(over.sum()))


def linear_from_display(
    rgb: NDArray[np.floating], source: DisplayImage, highlights: Literal["clip", "keep"] = "clip"
) -> Array:
    """The scene-linear frame to deliver, with the alpha of its source.

    Args:
        rgb: (H, W, 3) display sRGB; clamped to 0..1.
        source: the frame that was painted.
        highlights: "keep" multiplies by what was cut off the source's values above 1, so that an untouched frame comes back whole.

    Returns:
        (H, W, 4) scene-linear, alpha premultiplied, 1 where the source has none. Light that a source adds without
        covering anything (color where alpha is 0) is handed on as it is.
    """
    linear = srgb_to_linear(np.clip(rgb, 0.0, 1.0))
    if highlights == "keep":
        linear = linear * np.maximum(_finite(source.linear), 1.0)
    alpha = np.ones(linear.shape[:2], np.float32) if source.alpha is None else source.alpha
    alpha = alpha[..., np.newaxis]
    premultiplied = np.where(alpha > 0, linear * alpha, np.maximum(_finite(source.linear), 0.0))
    return np.concatenate([premultiplied, alpha], axis=2, dtype=np.float32)


def with_colors_of(rgb: Array, source_rgb: Array) -> Array:
    """The luminance of `rgb` with the chroma of `source_rgb` (YUV of BT.601), both (H, W, 3) display sRGB; clamped to 0..1."""
    # Equal chroma in YUV means that the three channels differ from the source's by the same amount.
    difference = (rgb - source_rgb) @ _LUMINANCE
    return np.clip(source_rgb + difference[..., np.newaxis], 0.0, 1.0, dtype=np.float32)


class Palette(NamedTuple):
    """Mean (3,) and covariance (3, 3) of a picture's display sRGB."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def palette(rgb: Array) -> Palette:
    """The colors of a picture (H, W, 3)."""
    pixels = rgb.reshape(-1, 3).astype(np.float64)
    return Palette(pixels.mean(0), np.cov(pixels.T, bias=True))


def recolored(rgb: Array, colors: Palette) -> Array:
    """The painting (H, W, 3) display sRGB with the mean and covariance of other colors; clamped to 0..1.

    The linear map Σ_c^½ Σ_s^−½ of Gatys, Bethge, Hertzmann, Shechtman (2016), "Preserving color in neural artistic style transfer".
    Colors in which the painting hardly varies, such as those of a drawing, are not stretched beyond what its grain allows.
    """
    own = palette(rgb)
    values, axes = np.linalg.eigh(own.covariance)
    inverse_root = axes / np.sqrt(np.maximum(values, _GRAIN**2)) @ axes.T
    values, axes = np.linalg.eigh(colors.covariance)
    root = axes * np.sqrt(np.maximum(values, 0)) @ axes.T
    return np.clip((rgb - own.mean) @ (root @ inverse_root).T + colors.mean, 0.0, 1.0).astype(np.float32)


def network_from_display(rgb: Tensor) -> Tensor:
    """(B, 3, H, W) display sRGB in 0..1 to the network's scale: 0..255 minus `MEAN`."""
    return rgb * 255.0 - _mean_like(rgb)


def network_bounds(like: Tensor) -> tuple[Tensor, Tensor]:
    """Black and white on the network's scale, (1, 3, 1, 1) each, on the device of `like`."""
    black = like.new_zeros(1, 3, 1, 1)
    return network_from_display(black), network_from_display(black + 1)


def display_from_network(values: Tensor) -> Tensor:
    """The inverse of `network_from_display`, clamped to 0..1."""
    return ((values + _mean_like(values)) / 255.0).clamp(0.0, 1.0)


def _mean_like(values: Tensor) -> Tensor:
    return values.new_tensor(MEAN).reshape(1, 3, 1, 1)


def _finite(linear: Array) -> Array:
    return np.nan_to_num(linear, nan=0.0, posinf=HALF_MAXIMUM, neginf=0.0)


def _filled(rgb: Array, visible: NDArray[np.bool_]) -> Array:
    if visible.all() or not visible.any():
        return rgb
    _, labels = cv2.distanceTransformWithLabels((~visible).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest = np.zeros(labels.max() + 1, np.intp)
    nearest[labels[visible]] = np.flatnonzero(visible)
    return rgb.reshape(-1, 3)[nearest[labels]]
